import { ITER_IOVEC, ITER_KVEC, ITER_UBUF } from '../../iter/iter-type.ts'
import { COLUMN_BACKING, COLUMN_END, COLUMN_ITER, COLUMN_LEN, COLUMN_OP, COLUMN_SEGS, COLUMN_TS } from '../columns.ts'
import { BATCH_ROWS_MAX } from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'
import type { RowSink } from './row-sink.ts'

const PRESENT = (1 << COLUMN_TS) | (1 << COLUMN_OP) | (1 << COLUMN_SEGS)
const ROW_NUMBERS = Int32Array.from({ length: BATCH_ROWS_MAX }, (_, row) => row)

/**
 * Finishes rows that are all operations in order on one segment of memory by its address, with the segments in the table
 * already, and numbers that do not add up to 2^53: what {@link RowRules} does with each of them. False, with nothing changed,
 * where one of them breaks a rule or is of another iterator. `mask`: the columns of the file.
 */
export function finishSingles(sink: RowSink, count: number, mask: number): boolean {
  const { batch } = sink
  const { segments, tsNs, endNs, lengthBytes, iterType } = batch
  const has = (code: number) => (mask & (1 << code)) !== 0
  if (has(COLUMN_ITER) && !isByAddress(iterType, count)) return false
  if (has(COLUMN_LEN) && !isAtMost(lengthBytes, segments.lengthBytes, count)) return false
  if (has(COLUMN_END) && !isNotBefore(endNs, tsNs, count)) return false
  if (has(COLUMN_LEN)) fillEmpty(lengthBytes, segments.lengthBytes, count)
  else lengthBytes.set(segments.lengthBytes.subarray(0, count))
  if (has(COLUMN_ITER)) fillUnset(iterType, count)
  else iterType.fill(ITER_UBUF, 0, count)
  if (has(COLUMN_BACKING)) batch.backing.fill(0, 0, count)
  numberRows(batch.line, batch.firstRow, count)
  batch.segmentFirst.set(count === BATCH_ROWS_MAX ? ROW_NUMBERS : ROW_NUMBERS.subarray(0, count))
  batch.segmentCount.fill(1, 0, count)
  segments.offsetBytes.fill(0, 0, count)
  segments.length = count
  // The rules go on behind the last row.
  sink.present[count - 1] = PRESENT
  sink.finish(count - 1, segments.lengthBytes[count - 1]!)
  return true
}

/** Iterators over one segment by its address, or left open. */
function isByAddress(iterType: Uint8Array, count: number): boolean {
  for (let row = 0; row < count; row++) {
    const type = iterType[row]!
    if (type !== ITER_UBUF && type !== ITER_UNSET && type !== ITER_IOVEC && type !== ITER_KVEC) return false
  }
  return true
}

function isAtMost(lengthBytes: Float64Array, mostBytes: Float64Array, count: number): boolean {
  for (let row = 0; row < count; row++) if (lengthBytes[row]! > mostBytes[row]!) return false
  return true
}

/** Completions that have a time have none before that of their row. */
function isNotBefore(endNs: Float64Array, tsNs: Float64Array, count: number): boolean {
  for (let row = 0; row < count; row++) if (endNs[row]! >= 0 && endNs[row]! < tsNs[row]!) return false
  return true
}

function fillEmpty(lengthBytes: Float64Array, segmentBytes: Float64Array, count: number): void {
  for (let row = 0; row < count; row++) if (lengthBytes[row]! < 0) lengthBytes[row] = segmentBytes[row]!
}

function fillUnset(iterType: Uint8Array, count: number): void {
  for (let row = 0; row < count; row++) if (iterType[row] === ITER_UNSET) iterType[row] = ITER_UBUF
}

/** Four in a step, as {@link copyPositive}: beyond the last row it writes what is written again. */
function numberRows(line: Float64Array, firstRow: number, count: number): void {
  for (let row = 0; row < count; row += 4) {
    const next = firstRow + row
    line[row] = next
    line[row + 1] = next + 1
    line[row + 2] = next + 2
    line[row + 3] = next + 3
  }
}
