import { type ConsumerCounter, type ConsumerEnvironment, EINVAL, type Operation } from '@pinscope/core'
import { deviceOf, IB_SGE_BYTES } from '../device/device.ts'
import { DmaEntries } from '../mr/dma-entries.ts'
import { mapMrSg } from '../mr/map-mr-sg.ts'
import { MemoryRegion } from '../mr/memory-region.ts'
import type { Pieces } from '../payload/pieces.ts'
import { BLOCK_COUNTERS, DRIVER_COUNTERS, MR_PAGES, MRS, SGES } from './block-counters.ts'
import type { BlockDriver } from './block-driver.ts'
import { maxBytesOf, type QueueLimits, SECTOR_BYTES, SEGMENT_UNLIMITED } from './queue-limits.ts'

/** Segments of a request. @kernel drivers/nvme/host/rdma.c: NVME_RDMA_MAX_SEGMENTS */
export const NVME_RDMA_MAX_SEGMENTS = 256
/** Segments that go with the command. @kernel drivers/nvme/host/rdma.c: NVME_RDMA_MAX_INLINE_SEGMENTS */
export const NVME_RDMA_MAX_INLINE_SEGMENTS = 4
/** Requests of a queue. @kernel drivers/nvme/host/fabrics.h: NVMF_DEF_QUEUE_SIZE */
export const NVMF_DEF_QUEUE_SIZE = 128
/** Bytes that go with a command. @kernel drivers/nvme/target/rdma.c: NVMET_RDMA_DEFAULT_INLINE_DATA_SIZE */
export const INLINE_DATA_BYTES = 4096
/** The largest of those. @kernel drivers/nvme/target/rdma.c: NVMET_RDMA_MAX_INLINE_DATA_SIZE */
export const INLINE_DATA_BYTES_MAX = 16384
/** Largest transfer, a power of two of pages. @kernel drivers/nvme/target/rdma.c: NVMET_RDMA_MAX_MDTS */
export const NVMET_RDMA_MAX_MDTS = 8

/** Pages of the controller: of its MRs, and between segments. @kernel drivers/nvme/host/nvme.h: NVME_CTRL_PAGE_SIZE */
const CTRL_PAGE_BYTES = 4096
const CTRL_PAGE_SECTORS = CTRL_PAGE_BYTES / SECTOR_BYTES
/** No controller moves more than this anyway. */
const SECTORS_MAX = 0x7fffffff

const INLINE_REQUESTS = DRIVER_COUNTERS
const SINGLE_REQUESTS = DRIVER_COUNTERS + 1

export const NVME_COUNTERS: readonly ConsumerCounter[] = [
  ...BLOCK_COUNTERS,
  { name: 'inlineRequests', summary: 'writes whose data goes with the command, with no MR' },
  {
    name: 'singleRequests',
    summary: 'requests of one element that is named by the key of all memory (register_always=0)',
  },
]

/**
 * NVMe over RDMA, the host's side: a small write goes with its command, everything else is one MR.
 *
 * The MR is a page list, never one with gaps, so the block layer keeps segments on page boundaries; it has one page more
 * than a request has segments, for a first one that begins inside a page. The command is mapped for each request.
 *
 * @kernel drivers/nvme/host/rdma.c: nvme_rdma_queue_rq, nvme_rdma_map_data, nvme_rdma_map_sg_inline,
 *   nvme_rdma_map_sg_single, nvme_rdma_map_sg_fr, nvme_rdma_get_max_fr_pages; drivers/nvme/host/core.c:
 *   nvme_set_ctrl_limits (6.1: nvme_set_queue_limits). The same in all versions. 6.18: taken as 7.3.
 */
export class NvmeRdma implements BlockDriver {
  readonly limits: QueueLimits
  readonly tags: number
  readonly mapsCommand = true
  private readonly pages: ConsumerEnvironment['pages']
  private readonly inlineSegments: number
  private readonly inlineBytes: number
  private readonly registersAll: boolean
  private readonly region: MemoryRegion
  private readonly sg = new DmaEntries()
  private readonly counts: Float64Array

  constructor(environment: ConsumerEnvironment, counts: Float64Array) {
    const { options } = environment
    const device = deviceOf(options)
    const maxFrPages = Math.max(Math.min(NVME_RDMA_MAX_SEGMENTS, device.maxFastRegPages - 1), 1)
    const mdtsSectors = options.mdts === 0 ? SECTORS_MAX : CTRL_PAGE_SECTORS * 2 ** options.mdts
    const maxHwSectors = Math.min(maxFrPages * CTRL_PAGE_SECTORS, mdtsSectors)
    this.limits = {
      maxSegments: Math.min(maxHwSectors / CTRL_PAGE_SECTORS + 1, maxFrPages),
      maxBytes: maxBytesOf(environment, maxHwSectors),
      maxSegmentBytes: SEGMENT_UNLIMITED,
      virtBoundaryMask: CTRL_PAGE_BYTES - 1,
      dmaMask: options['dma-alignment'] - 1,
      blockMask: options['logical-block-size'] - 1,
    }
    this.tags = options['queue-size']
    this.pages = environment.pages
    this.inlineSegments = Math.min(NVME_RDMA_MAX_INLINE_SEGMENTS, device.maxSendSge - 1)
    this.inlineBytes = options['inline-data-size']
    this.registersAll = options['register-always'] === 1
    this.region = new MemoryRegion(maxFrPages + 1)
    this.counts = counts
  }

  describe(io: Operation, sg: Pieces, isWrite: boolean): number {
    const { counts } = this
    let nrSge = 1
    if (isWrite && sg.length <= this.inlineSegments && sg.bytes <= this.inlineBytes) {
      counts[INLINE_REQUESTS]++
      nrSge += sg.length
    } else if (sg.length === 1 && !this.registersAll && this.inlineSegments > 0) counts[SINGLE_REQUESTS]++
    else if (!this.register(io, sg)) return EINVAL
    io.built(nrSge, IB_SGE_BYTES)
    counts[SGES] += nrSge
    return 0
  }

  /** @kernel drivers/nvme/host/rdma.c: nvme_rdma_map_sg_fr */
  private register(io: Operation, pieces: Pieces): boolean {
    const { counts, region, sg } = this
    sg.clear()
    sg.addPieces(this.pages, pieces, 0, pieces.length)
    if (mapMrSg(region, sg, 0, sg.length, 0, CTRL_PAGE_BYTES) < sg.length) return false
    io.built(region.entries, region.entryBytes)
    counts[MRS]++
    counts[MR_PAGES] += region.entries
    return true
  }
}
