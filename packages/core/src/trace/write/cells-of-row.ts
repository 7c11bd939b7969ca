import { ITER_IOVEC, ITER_UBUF } from '../../iter/iter-type.ts'
import { NONE, type OpBatch } from '../op-batch.ts'

/** The `iter` cell of the row says more than its segments do. */
export function saysIterator(batch: OpBatch, row: number): boolean {
  return batch.iterType[row] !== (batch.segmentCount[row]! > 1 ? ITER_IOVEC : ITER_UBUF)
}

/** The `len` cell of the row: -1 when it says no more than the sum of the segments. */
export function lengthCell(batch: OpBatch, row: number): number {
  const length = batch.lengthBytes[row]!
  const count = batch.segmentCount[row]!
  if (length === NONE || count === 0) return length
  const { lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]!
  let sum = 0
  for (let segment = first; segment < first + count; segment++) sum += lengthBytes[segment]!
  return sum === length ? NONE : length
}
