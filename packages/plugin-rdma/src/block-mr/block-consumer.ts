import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerCounter,
  type ConsumerEnvironment,
  countersOf,
  EAGAIN,
  EINVAL,
  EIO,
  ENOMEM,
  FLAG_NOWAIT,
  ITER_DEST,
  type Operation,
  type OperationShape,
  PAGE_SIZE,
  SCATTERLIST_BYTES,
} from '@pinscope/core'
import { BioList } from './bio-list.ts'
import { BioSplitter } from './bio-splitter.ts'
import {
  BIOS,
  BVECS,
  GAP_SPLITS,
  LIMIT_SPLITS,
  MERGED_BIOS,
  MISALIGNED,
  MR_SHORT,
  REQUESTS,
  REQUEUES,
  SG_CHUNKS,
  SG_ENTRIES,
  TAG_WAITS,
} from './block-counters.ts'
import type { BlockDriver } from './block-driver.ts'
import { type BlockTraits, blockTraitsOf } from './queue-limits.ts'
import { RequestSegments } from './request-segments.ts'
import { NO_REQUEST, RequestTable } from './request-table.ts'
import { allocateChunks, freeChunks } from './sg-chunks.ts'

/** Times that a request is issued again. @kernel drivers/nvme/host/core.c: nvme_max_retries; drivers/scsi/sd.h: SD_MAX_RETRIES */
const RETRIES_MAX = 5

/**
 * Direct I/O to a block device over RDMA: bios out of the iterator, requests out of bios, and for each request a
 * scatterlist that the driver registers with its RDMA device.
 *
 * Holes of a file are not looked at (core's `bio` does), and nothing is merged with other operations' requests. A bio that was not split joins the request before it, of the same
 * operation, where both fit: the plug holds requests until the operation has made all of them.
 *
 * @kernel block/bio.c: bio_iov_iter_get_pages; block/blk-merge.c: bio_split_to_limits, bio_attempt_back_merge;
 *   lib/sg_pool.c: sg_alloc_table_chained
 */
export class BlockConsumer implements Consumer {
  /** Alone only: requests in flight share the tags of their queue. A position is a whole number of logical blocks, or not. */
  readonly operationShape?: OperationShape
  readonly counts: Float64Array
  private readonly declared: readonly ConsumerCounter[]
  private readonly driver: BlockDriver
  private readonly traits: BlockTraits
  private readonly bios: BioList
  private readonly splitter: BioSplitter
  private readonly segments: RequestSegments
  private readonly requests = new RequestTable()
  /** The request that the plug has last: where it begins, its bytes and segments; no bytes for none. */
  private first = 0
  private skip = 0
  private bytes = 0
  private nrSegments = 0
  private canGrow = false

  constructor(
    environment: ConsumerEnvironment,
    driver: BlockDriver,
    declared: readonly ConsumerCounter[],
    counts: Float64Array,
  ) {
    const { limits } = driver
    const blockBytes = limits.blockMask + 1
    if (blockBytes <= PAGE_SIZE) {
      this.operationShape = { positionAlignmentBytes: blockBytes, addressAlignmentBytes: 0, aloneOnly: true }
    }
    const traits = blockTraitsOf(environment.kernel)
    this.counts = counts
    this.declared = declared
    this.driver = driver
    this.traits = traits
    this.bios = new BioList(environment, traits, limits)
    this.splitter = new BioSplitter(limits, traits)
    this.segments = new RequestSegments(environment.pages, limits.maxSegmentBytes, traits.mergesSegments)
  }

  submit(io: Operation): number {
    const refused = this.refusal(io)
    if (refused !== 0 || io.iter.countBytes === 0) return refused
    this.stopAtEnd(io)
    this.bios.clear()
    this.bytes = 0
    let submitted = 0
    while (io.iter.countBytes > 0) {
      const bytes = this.bios.fill(io)
      if (bytes < 0) return this.failed(bytes)
      this.countBio(io)
      const error = this.submitBio(io, bytes)
      if (error < 0) return error
      submitted += bytes
    }
    const error = this.flush(io)
    if (error < 0) return error
    io.reachedInPlace(submitted)
    return io.recordedResult >= 0 && io.recordedResult < submitted ? io.recordedResult : submitted
  }

  /** The operation failed: what it had going is waited for, and its pages go. */
  abort(io: Operation): void {
    this.complete(io)
  }

  /** Every request is unmapped and its scatterlist freed, then the bios let go of their pages. */
  complete(io: Operation): void {
    const { requests } = this
    for (let row = io.scratch; row !== NO_REQUEST; ) {
      const next = requests.next[row]
      this.undo(io, row)
      requests.give(row)
      row = next
    }
    io.scratch = NO_REQUEST
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(this.declared, this.counts)
  }

  /**
   * Position and length must be whole logical blocks, and up to 6.12 each vector too, its address on the DMA alignment.
   * @kernel block/fops.c: blkdev_dio_invalid (6.1: blkdev_dio_unaligned); fs/iomap/direct-io.c: iomap_dio_bio_iter
   */
  private refusal(io: Operation): number {
    const { blockMask, dmaMask } = this.driver.limits
    const { iter } = io
    if (iter.countBytes === 0) return 0
    const position = io.offsetBytes < 0 ? 0 : io.offsetBytes
    const isWhole = (position & blockMask) === 0 && (iter.countBytes & blockMask) === 0
    if (isWhole && (!this.traits.checksBefore || iter.isAligned(dmaMask, blockMask))) return 0
    return this.failed(EINVAL)
  }

  private failed(error: number): number {
    if (error === EINVAL) this.counts[MISALIGNED]++
    return error
  }

  /** A read that came back short stopped at the end of the file: no page behind it is taken. */
  private stopAtEnd({ iter, recordedResult }: Operation): void {
    if (iter.direction !== ITER_DEST || !(recordedResult > 0 && recordedResult < iter.countBytes)) return
    const block = this.driver.limits.blockMask + 1
    iter.truncate(Math.min(iter.countBytes, Math.ceil(recordedResult / block) * block))
  }

  private countBio(io: Operation): void {
    const vecs = this.bios.vecs.length - this.bios.first
    this.counts[BIOS]++
    this.counts[BVECS] += vecs
    if (!this.bios.isAdopted) io.built(vecs, BIO_VEC_BYTES)
  }

  /** Makes requests of the last bio's `bytes` bytes; the last one may wait in the plug. 0, or an errno. */
  private submitBio(io: Operation, bytes: number): number {
    const { bios, counts, splitter } = this
    const { vecs } = bios
    let { first } = bios
    let skip = 0
    let left = bytes
    while (left > 0) {
      const part = splitter.next(vecs, first, skip, left)
      if (part < 0) return this.failed(part)
      if (part < left) {
        if ((io.flags & FLAG_NOWAIT) !== 0) return EAGAIN
        counts[splitter.isGap ? GAP_SPLITS : LIMIT_SPLITS]++
        if (!splitter.isGap) io.limitHit()
      }
      if (part === left && this.joins(first, skip, part)) counts[MERGED_BIOS]++
      else {
        const error = this.flush(io)
        if (error < 0) return error
        this.plug(first, skip, part, part === left)
      }
      left -= part
      skip += part
      while (first < vecs.length && skip >= vecs.lengthBytes[first]) skip -= vecs.lengthBytes[first++]
    }
    return 0
  }

  private plug(first: number, skip: number, bytes: number, canGrow: boolean): void {
    this.first = first
    this.skip = skip
    this.bytes = bytes
    this.nrSegments = this.splitter.segments
    this.canGrow = canGrow
  }

  /** The bio becomes part of the request in the plug. @kernel block/blk-merge.c: blk_attempt_plug_merge, ll_back_merge_fn */
  private joins(first: number, skip: number, bytes: number): boolean {
    const { maxBytes, maxSegments } = this.driver.limits
    if (this.bytes === 0 || !this.canGrow || skip > 0 || first !== this.bios.first) return false
    const nrSegments = this.nrSegments + this.splitter.segments
    if (this.bytes + bytes > maxBytes || nrSegments > maxSegments) return false
    const { vecs } = this.bios
    const last = first - 1
    const end = vecs.offsetBytes[last] + vecs.lengthBytes[last]
    const isAdjacent = this.segments.follows(vecs.page[last], end, vecs.page[first], vecs.offsetBytes[first])
    const firstOffset = vecs.offsetBytes[this.first] + this.skip
    if (!this.splitter.mayFollow(vecs, firstOffset, last, first, isAdjacent)) return false
    this.bytes += bytes
    this.nrSegments = nrSegments
    return true
  }

  /** Issues the request that is in the plug, and again where that could not be done. 0, or an errno. */
  private flush(io: Operation): number {
    if (this.bytes === 0) return 0
    const { counts, requests, segments } = this
    segments.map(this.bios.vecs, this.first, this.skip, this.bytes, this.bios.isAdopted)
    this.bytes = 0
    if (!io.fits(requests.outstanding + 1, this.driver.tags)) counts[TAG_WAITS]++
    const row = requests.take()
    let error = this.issue(io, row)
    for (let tries = 0; error < 0 && error !== EINVAL && tries < RETRIES_MAX; tries++) {
      counts[REQUEUES]++
      error = this.issue(io, row)
    }
    if (error < 0) {
      requests.give(row)
      if (error === EINVAL) counts[MR_SHORT]++
      return EIO
    }
    requests.next[row] = io.scratch
    io.scratch = row
    counts[REQUESTS]++
    counts[SG_ENTRIES] += segments.sg.length
    this.tell(io)
    return 0
  }

  /** 0, or an errno with everything undone. */
  private issue(io: Operation, row: number): number {
    const { driver, requests, segments, nrSegments } = this
    const { sg } = segments
    if (driver.mapsCommand && !io.mapDma(1)) return EAGAIN
    const entries = Math.max(nrSegments, sg.length)
    const chunks = allocateChunks(io, entries)
    if (chunks < 0) {
      if (driver.mapsCommand) io.unmapDma(1)
      return ENOMEM
    }
    requests.tableEntries[row] = entries
    io.built(sg.length, SCATTERLIST_BYTES)
    const isMapped = io.mapDma(sg.length)
    requests.mappedEntries[row] = isMapped ? sg.length : 0
    const error = isMapped ? driver.describe(io, sg, io.iter.direction !== ITER_DEST) : EIO
    if (error < 0) this.undo(io, row)
    else this.counts[SG_CHUNKS] += chunks
    return error
  }

  private undo(io: Operation, row: number): void {
    const { requests } = this
    if (requests.mappedEntries[row] > 0) io.unmapDma(requests.mappedEntries[row])
    freeChunks(io, requests.tableEntries[row])
    if (this.driver.mapsCommand) io.unmapDma(1)
  }

  private tell({ observer }: Operation): void {
    if (observer === null) return
    const { bytes, length, page, offsetBytes, lengthBytes } = this.segments.sg
    observer.listBuilt('request', bytes, length, page, offsetBytes, lengthBytes, '')
  }
}
