import { EFAULT, ENOMEM } from '../../errno.ts'
import { grown } from '../../grown.ts'
import { RowPool } from '../../row-pool.ts'
import { BIO_VEC_BYTES } from '../../units.ts'
import type { Operation } from '../operation.ts'
import { BIOS, BOUNCED_BYTES, BVECS } from './bio-counters.ts'
import { presentBytes } from './present-bytes.ts'

/** Most bytes of one folio. @kernel include/linux/sizes.h: SZ_1M */
const FOLIO_BYTES_MAX = 2 ** 20

/**
 * Bios whose data is copied into folios of their own: nothing is taken on the pages that it comes from. A folio has a
 * power of two bytes, as many as are left, at most 1 MiB; where none so large can be had, half of it. The folios are freed
 * when the operation completes: `io.scratch` is the first of them.
 * @kernel block/bio.c: bio_iov_iter_bounce_write, folio_alloc_greedy, bio_free_folios (7.x)
 */
export class BounceWriter {
  /** Bytes that the last {@link extent} submitted, also where it returned an errno. */
  submittedBytes = 0
  private readonly vecsMax: number
  /** Smallest folio, bytes: a block of the file. */
  private readonly minBytes: number
  private readonly counts: Float64Array
  /** Folios of operations in flight, chained; row 0 ends a chain. */
  private readonly rows = new RowPool(1)
  private lengthBytes = new Int32Array(64)
  private next = new Int32Array(64)

  /** `counts`: slots of BIO_COUNTERS. */
  constructor(vecsMax: number, minBytes: number, counts: Float64Array) {
    this.vecsMax = vecsMax
    this.minBytes = minBytes
    this.counts = counts
  }

  /** Copies and submits the next `bytes` of the iterator, a data source; returns how many, or an errno. */
  extent(io: Operation, bytes: number): number {
    this.submittedBytes = 0
    while (this.submittedBytes < bytes) {
      const filled = this.fill(io, bytes - this.submittedBytes)
      if (filled < 0) return filled
      this.submittedBytes += filled
    }
    return bytes
  }

  /** Frees the folios of the operation. */
  complete(io: Operation): void {
    this.freeUpTo(io, 0)
  }

  /** Fills one bio; returns its bytes, or an errno with its folios freed and the iterator where it was. */
  private fill(io: Operation, bytes: number): number {
    const before = io.scratch
    const rest = io.iter.countBytes - bytes
    io.iter.truncate(bytes)
    const vecsMax = io.iter.npages(this.vecsMax)
    io.iter.reexpand(io.iter.countBytes + rest)
    let filled = 0
    let vecs = 0
    while (filled < bytes && vecs < vecsMax) {
      const length = this.addFolio(io, bytes - filled)
      if (length === 0) break
      if (!this.copy(io, length)) {
        io.iter.revert(filled)
        this.freeUpTo(io, before)
        return EFAULT
      }
      filled += length
      vecs++
    }
    if (filled === 0) return ENOMEM
    this.counts[BIOS]++
    this.counts[BVECS] += vecs
    this.counts[BOUNCED_BYTES] += filled
    io.built(vecs, BIO_VEC_BYTES)
    if (io.observer !== null) io.observer.note(`a bio of ${filled} bytes copied into ${vecs} folios: no page taken`)
    return filled
  }

  /** Allocates a folio for at most `bytes` bytes: how many it is for, 0 when none can be had. */
  private addFolio(io: Operation, bytes: number): number {
    let length = bytes < FOLIO_BYTES_MAX ? bytes : FOLIO_BYTES_MAX
    if (length > 2 * this.minBytes) length = 2 ** (31 - Math.clz32(length))
    while (!io.allocate(length)) {
      if (length <= this.minBytes) return 0
      length = 2 ** (31 - Math.clz32(length - 1))
    }
    const row = this.rows.take()
    if (row >= this.next.length) {
      this.next = grown(this.next, 2 * this.next.length)
      this.lengthBytes = grown(this.lengthBytes, this.next.length)
    }
    this.lengthBytes[row] = length
    this.next[row] = io.scratch
    io.scratch = row
    return length
  }

  /** Copies `bytes` bytes into the last folio; false, with the iterator where it was, where some cannot be reached. */
  private copy(io: Operation, bytes: number): boolean {
    const { iter, memory } = io
    if (iter.nofault && presentBytes(iter, memory, bytes) < bytes) return false
    const copied = io.copy(bytes)
    if (copied === bytes) return true
    iter.revert(copied)
    return false
  }

  private freeUpTo(io: Operation, end: number): void {
    for (let row = io.scratch; row !== end; ) {
      const next = this.next[row]
      io.free(this.lengthBytes[row])
      this.rows.give(row)
      row = next
    }
    io.scratch = end
  }
}
