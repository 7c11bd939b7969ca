import { invariant } from '../invariant.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { type Direction, ITER_BVEC, ITER_DEST, ITER_KVEC, ITER_MIXED } from '../iter/iter-type.ts'
import { KVEC_OFFSET, SegmentTable } from '../iter/segment-table.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'

/**
 * Splits a mixed iterator into what the kernel has: one KVEC or BVEC iterator for each run of segments of one kind. Empty
 * segments belong to no run of their own. @kernel none: this is what a caller does today, a call a part
 */
export class MixedParts {
  private table = new SegmentTable()
  private direction: Direction = ITER_DEST
  private segment = 0
  private end = 0
  private leftBytes = 0

  /** Begins at the first segment of `iter`, which is MIXED and has not been advanced. */
  start(iter: IovIter): void {
    invariant(iter.type === ITER_MIXED, 'the iterator is not a mixed one')
    this.table = iter.table
    this.direction = iter.direction
    this.segment = iter.segment
    this.end = iter.segment + iter.segmentsLeft
    this.leftBytes = iter.countBytes
  }

  /** Makes `iter` an iterator over the next run; false when there is none. */
  next(iter: IovIter): boolean {
    const { table, end } = this
    const { offsetBytes, lengthBytes } = table
    while (this.segment < end && lengthBytes[this.segment] === 0) this.segment++
    if (this.segment === end || this.leftBytes === 0) return false
    const first = this.segment
    const isKvec = offsetBytes[first] === KVEC_OFFSET
    let bytes = 0
    let next = first
    while (next < end && (lengthBytes[next] === 0 || (offsetBytes[next] === KVEC_OFFSET) === isKvec)) {
      bytes += lengthBytes[next++]
    }
    this.segment = next
    if (bytes > this.leftBytes) bytes = this.leftBytes
    this.leftBytes -= bytes
    let last = next
    while (lengthBytes[last - 1] === 0) last--
    iter.reset(isKvec ? ITER_KVEC : ITER_BVEC, this.direction, table, first, last - first, bytes)
    iter.mm = KERNEL_MM
    return true
  }
}
