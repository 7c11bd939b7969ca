import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EIO,
  ITER_DEST,
  type Operation,
  type OperationShape,
} from '@pinscope/core'
import { BioList } from './bio-list.ts'
import { BlockRequests, SECTOR_BYTES } from './block-requests.ts'
import { BvecArrays } from './bvec-arrays.ts'
import {
  BIOS,
  BVECS,
  COPIED_ARRAYS,
  DIRTIED_PAGES,
  LOOP_COUNTERS,
  LOWER_CALLS,
  REQUESTS,
  SINGLE_BIO_REQUESTS,
} from './loop-counters.ts'

/**
 * A loop device: the file below is read and written with an iterator over the request's bvecs. Nothing is taken on their
 * pages: whoever submitted the bios keeps them, until the request is over. Direct I/O below takes the array over as its
 * bio's (no version pins the pages of a BVEC iterator), buffered I/O copies.
 *
 * A request of one bio lends its own array; the iterator begins in the middle where the bio was split. Of several bios the
 * bvecs are copied into an array; without memory for that the request fails with -EIO.
 *
 * 6.1 calls the file once for each page of a request where it is buffered. 6.12.117 has it as 7.3 does (6.16, backported):
 * one call a request, waited for. 6.18: taken as 7.3.
 *
 * @kernel drivers/block/loop.c: lo_rw_aio, lo_rw_aio_do_completion; lo_write_simple, lo_read_simple (6.1); block/bio.c:
 *   bio_iov_bvec_set
 */
export class LoopConsumer implements Consumer {
  /** Holds because bios and requests are made anew for each operation, whatever its position, and none waits for another. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 0 }
  private readonly counts = new Float64Array(LOOP_COUNTERS.length)
  private readonly bios: BioList
  private readonly requests: BlockRequests
  private readonly arrays = new BvecArrays()
  private readonly isDirect: boolean
  private readonly isSimple: boolean
  /** Arrays of the operation at work. */
  private array = 0

  constructor(environment: ConsumerEnvironment) {
    const { kernel, options } = environment
    this.isDirect = options['direct-io'] === 1
    this.isSimple = kernel === '6.1' && !this.isDirect
    this.bios = new BioList(environment, options['bio-vecs'])
    this.requests = new BlockRequests(this.bios)
  }

  submit(io: Operation): number {
    io.scratch = 0
    const { bios, counts } = this
    const { recordedResult } = io
    // The layer above ends with the file, or with what fails: no page behind it is taken.
    if (recordedResult >= 0) io.iter.truncate(Math.ceil(recordedResult / SECTOR_BYTES) * SECTOR_BYTES)
    if (io.iter.countBytes === 0) return 0
    const bytes = bios.fill(io)
    const result = bytes < 0 ? bytes : this.queue(io, bytes)
    if (result < 0) {
      io.letGoOfKept()
      return result
    }
    if (io.iter.direction === ITER_DEST) counts[DIRTIED_PAGES] += bios.userPages
    bios.borrow(io)
    io.scratch = this.array
    return recordedResult >= 0 && recordedResult < result ? recordedResult | 0 : result
  }

  /** What the operation had was let go when it failed. */
  abort(): void {}

  /** The requests are over, and with them the bios of the layer above. @kernel drivers/block/loop.c: lo_rw_aio_do_completion */
  complete(io: Operation): void {
    this.freeArrays(io, io.scratch)
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(LOOP_COUNTERS, this.counts)
  }

  /** All requests of the operation; -EIO, with no array left, when one fails. */
  private queue(io: Operation, bytes: number): number {
    const { requests, counts } = this
    this.array = 0
    let error = 0
    requests.begin()
    while (requests.next()) {
      counts[REQUESTS]++
      const status = this.isSimple ? this.simple(io) : this.rwAio(io)
      if (status < 0) error = status
    }
    counts[BIOS] += requests.biosTotal
    if (error < 0) {
      this.freeArrays(io, this.array)
      return error
    }
    if (this.isDirect) io.reachedInPlace(bytes)
    else {
      io.isBounced = true
      io.copied(bytes)
    }
    return bytes
  }

  /** @kernel drivers/block/loop.c: lo_rw_aio */
  private rwAio(io: Operation): number {
    const { requests, counts } = this
    const { vecs } = requests
    if (requests.bios === 1) {
      counts[SINGLE_BIO_REQUESTS]++
      io.avoided(vecs, 1)
    } else {
      const arrayBytes = vecs * BIO_VEC_BYTES
      if (!io.allocate(arrayBytes)) return EIO
      this.array = this.arrays.add(this.array, arrayBytes)
      counts[COPIED_ARRAYS]++
      io.built(vecs, BIO_VEC_BYTES)
    }
    counts[BVECS] += vecs
    counts[LOWER_CALLS]++
    if (io.observer !== null && this.isDirect) {
      this.bios.tell(io.observer, requests.firstVec, requests.skipBytes, requests.bytes)
    }
    return 0
  }

  /** A call and an iterator of one bvec for each page. @kernel drivers/block/loop.c: lo_write_simple, lo_read_simple */
  private simple(io: Operation): number {
    const { requests, bios, counts } = this
    const pages = bios.pagesOf(requests.firstVec, requests.skipBytes, requests.bytes)
    counts[BVECS] += pages
    counts[LOWER_CALLS] += pages
    io.built(pages, BIO_VEC_BYTES)
    return 0
  }

  private freeArrays(io: Operation, first: number): void {
    const { arrays } = this
    for (let row = first; row !== 0; row = arrays.next[row]) {
      io.free(arrays.bytes[row])
      arrays.give(row)
    }
  }
}
