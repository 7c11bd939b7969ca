import {
  type ConsumerCounter,
  type ConsumerEnvironment,
  EIO,
  ENOMEM,
  type KernelVersion,
  type Operation,
} from '@pinscope/core'
import { type Device, deviceOf, IB_SGE_BYTES } from '../device/device.ts'
import { DmaEntries } from '../mr/dma-entries.ts'
import { mapMrSg } from '../mr/map-mr-sg.ts'
import { MemoryRegion } from '../mr/memory-region.ts'
import type { Pieces } from '../payload/pieces.ts'
import { BLOCK_COUNTERS, DRIVER_COUNTERS, MR_PAGES, MRS, SGES } from './block-counters.ts'
import type { BlockDriver } from './block-driver.ts'
import { maxBytesOf, type QueueLimits, SECTOR_BYTES, SEGMENT_UNLIMITED } from './queue-limits.ts'

/** Descriptors in a command, and elements of a request. @kernel drivers/infiniband/ulp/srp/ib_srp.h: SRP_DEF_SG_TABLESIZE */
export const SRP_DEF_SG_TABLESIZE = 12
/** @kernel drivers/infiniband/ulp/srp/ib_srp.h: SRP_MAX_PAGES_PER_MR */
export const SRP_MAX_PAGES_PER_MR = 512
/** Elements that go with the command. @kernel drivers/infiniband/ulp/srp/ib_srp.h: SRP_MAX_IMM_SGE */
export const SRP_MAX_IMM_SGE = 2
/** Commands outstanding: a queue of 64 less one answer and one task. @kernel drivers/infiniband/ulp/srp/ib_srp.h: SRP_DEFAULT_CMD_SQ_SIZE */
export const SRP_CMD_SQ_SIZE = 62
/** Sectors of a request. @kernel include/scsi/scsi_host.h: SCSI_DEFAULT_MAX_SECTORS */
export const SCSI_DEFAULT_MAX_SECTORS = 1024
/** Bytes that go with a command. @kernel drivers/infiniband/ulp/srp/ib_srp.c: srp_max_imm_data */
export const SRP_MAX_IMM_DATA = 8192

/** Bytes of a descriptor: address, key, length. @kernel include/scsi/srp.h: struct srp_direct_buf */
export const SRP_DIRECT_BUF_BYTES = 16
/** Bytes before the descriptors of a table. @kernel include/scsi/srp.h: struct srp_indirect_buf */
const SRP_INDIRECT_BUF_BYTES = 20
/** Pages of an MR are no smaller. @kernel drivers/infiniband/ulp/srp/ib_srp.c: srp_add_one (mr_page_shift) */
const MR_PAGE_BYTES_MIN = 4096
/** What an int holds. */
const MR_PAGE_BYTES_MAX = 2 ** 30

const IMMEDIATE = DRIVER_COUNTERS
const DIRECT = DRIVER_COUNTERS + 1
const INDIRECT = DRIVER_COUNTERS + 2
const DESCRIPTORS = DRIVER_COUNTERS + 3
const TABLE_MRS = DRIVER_COUNTERS + 4
const NO_MRS = DRIVER_COUNTERS + 5

export const SRP_COUNTERS: readonly ConsumerCounter[] = [
  ...BLOCK_COUNTERS,
  { name: 'immediateRequests', summary: 'writes whose data goes with the command' },
  { name: 'directRequests', summary: 'requests described by one descriptor' },
  { name: 'indirectRequests', summary: 'requests described by a table of descriptors' },
  { name: 'descriptors', summary: 'descriptors of the data of requests, one an MR' },
  { name: 'tableMrs', summary: 'MRs among the registrations that are for tables, not data' },
  { name: 'noMrs', summary: 'requests that needed more MRs than a command may have' },
]

/**
 * SCSI over RDMA, the initiator's side: a small write goes with its command; of everything else an MR shows as much as it
 * can, another one goes on where that ended, and more than one descriptor make a table, which is registered too.
 *
 * Devices whose MRs can have gaps take requests as they come, and an MR has an element for each of theirs. For all others
 * the block layer keeps segments on the boundaries of the MR's pages.
 *
 * The segments of a request are also no longer than the device says; where there is a boundary, only in 6.12: 6.1 forgets
 * it when the boundary is set, and since 6.17 it is set only where there is none.
 *
 * @kernel drivers/infiniband/ulp/srp/ib_srp.c: srp_map_data, srp_map_sg_fr, srp_map_finish_fr, srp_map_idb, srp_add_one,
 *   add_target_store; drivers/scsi/scsi_lib.c: scsi_alloc_sgtables. 6.18: taken as 7.3.
 */
export class Srp implements BlockDriver {
  readonly limits: QueueLimits
  readonly tags: number
  readonly mapsCommand = false
  private readonly pages: ConsumerEnvironment['pages']
  private readonly mrPageBytes: number
  private readonly mrsPerCommand: number
  private readonly descriptorsMax: number
  private readonly immSges: number
  private readonly immBytes: number
  private readonly hasGlobalRkey: boolean
  private readonly region: MemoryRegion
  private readonly sg = new DmaEntries()
  private readonly counts: Float64Array
  /** MRs and descriptors of the request at work. */
  private mrs = 0
  private descriptors = 0

  constructor(environment: ConsumerEnvironment, counts: Float64Array) {
    const { kernel, options } = environment
    const device = deviceOf(options)
    const pagesPerMr = Math.min(SRP_MAX_PAGES_PER_MR, device.maxFastRegPages)
    const registersAll = options['register-always']
    this.mrPageBytes = mrPageBytesOf(device)
    this.limits = {
      maxSegments: Math.max(options['indirect-sg-entries'], options['cmd-sg-entries']),
      maxBytes: maxBytesOf(environment, options['max-sectors']),
      maxSegmentBytes: maxSegmentBytesOf(kernel, device),
      virtBoundaryMask: device.hasSgGaps ? 0 : this.mrPageBytes - 1,
      dmaMask: options['dma-alignment'] - 1,
      blockMask: options['logical-block-size'] - 1,
    }
    const needed = device.hasSgGaps
      ? Math.ceil(this.limits.maxSegments / pagesPerMr)
      : Math.ceil((options['max-sectors'] + 1) / (pagesPerMr * (this.mrPageBytes / SECTOR_BYTES)))
    this.mrsPerCommand = registersAll + needed
    this.tags = options['queue-size']
    this.pages = environment.pages
    this.descriptorsMax = options['cmd-sg-entries']
    this.immSges = Math.min(SRP_MAX_IMM_SGE, device.maxSendSge - 1)
    this.immBytes = options['imm-data']
    this.hasGlobalRkey = registersAll === 0
    this.region = new MemoryRegion(pagesPerMr, device.hasSgGaps)
    this.counts = counts
  }

  describe(io: Operation, pieces: Pieces, isWrite: boolean): number {
    const { counts } = this
    this.mrs = 0
    this.descriptors = 0
    if (isWrite && pieces.length <= this.immSges && pieces.bytes <= this.immBytes) {
      counts[IMMEDIATE]++
      return this.send(io, pieces.length)
    }
    const error = this.mapSgFr(io, pieces)
    if (error < 0) return error
    if (this.descriptors === 1) counts[DIRECT]++
    else {
      const failed = this.makeTable(io)
      if (failed < 0) return failed
      counts[INDIRECT]++
    }
    counts[MRS] += this.mrs
    counts[DESCRIPTORS] += this.descriptors
    io.built(this.descriptors, SRP_DIRECT_BUF_BYTES)
    return this.send(io, 0)
  }

  /** @kernel drivers/infiniband/ulp/srp/ib_srp.c: srp_map_sg_fr, srp_map_finish_fr */
  private mapSgFr(io: Operation, pieces: Pieces): number {
    const { region, sg } = this
    sg.clear()
    sg.addPieces(this.pages, pieces, 0, pieces.length)
    let offset = 0
    for (let first = 0; first < sg.length; ) {
      if (!this.hasMr(io)) return ENOMEM
      this.descriptors++
      if (first === sg.length - 1 && this.hasGlobalRkey) return 0
      const mapped = mapMrSg(region, sg, first, sg.length - first, offset, this.mrPageBytes)
      if (mapped < 0) return mapped
      this.countList(io, region.entries)
      this.mrs++
      first += mapped
      offset = region.sgOffsetBytes
    }
    return 0
  }

  /** More than one descriptor: a table of them, an MR of its own. @kernel drivers/infiniband/ulp/srp/ib_srp.c: srp_map_idb */
  private makeTable(io: Operation): number {
    if (this.descriptors > this.descriptorsMax) return EIO
    if (this.hasGlobalRkey) return 0
    if (!this.hasMr(io)) return ENOMEM
    const bytes = SRP_INDIRECT_BUF_BYTES + this.descriptors * SRP_DIRECT_BUF_BYTES
    // The table is one piece of memory: with gaps one element, else its pages.
    this.countList(io, this.region.hasGaps ? 1 : Math.ceil(bytes / this.mrPageBytes))
    this.mrs++
    this.counts[TABLE_MRS]++
    return 0
  }

  private hasMr(io: Operation): boolean {
    if (io.fits(this.mrs + 1, this.mrsPerCommand)) return true
    this.counts[NO_MRS]++
    return false
  }

  private countList(io: Operation, entries: number): void {
    io.built(entries, this.region.entryBytes)
    this.counts[MR_PAGES] += entries
  }

  private send(io: Operation, dataSges: number): number {
    io.built(1 + dataSges, IB_SGE_BYTES)
    this.counts[SGES] += 1 + dataSges
    return 0
  }
}

/** @kernel drivers/infiniband/ulp/srp/ib_srp.c: srp_add_one */
function mrPageBytesOf({ pageSizeBitmap }: Device): number {
  let bytes = MR_PAGE_BYTES_MIN
  while (bytes < MR_PAGE_BYTES_MAX && pageSizeBitmap % (2 * bytes) === 0) bytes *= 2
  return bytes
}

/** @kernel drivers/infiniband/ulp/srp/ib_srp.c: add_target_store; block/blk-settings.c: blk_queue_virt_boundary (6.1) */
function maxSegmentBytesOf(kernel: KernelVersion, device: Device): number {
  if (device.hasSgGaps || kernel === '6.12') return Math.min(device.maxSegmentBytes, SEGMENT_UNLIMITED)
  return SEGMENT_UNLIMITED
}
