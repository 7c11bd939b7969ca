import { ITER_IOVEC, ITER_UBUF } from '../../iter/iter-type.ts'
import { COLUMN_END, COLUMN_EVENT, COLUMN_FLAGS, COLUMN_ID } from '../../trace/columns.ts'
import {
  END_SYNCHRONOUS,
  EVENT_IO,
  EVENT_MAP,
  FLAG_ASSUMED,
  FLAG_DIRECT,
  FLAG_HOLE,
  FLAG_NOWAIT,
  FLAG_PRIVATE,
  FLAG_UNTOUCHED,
  NONE,
  type OpBatch,
} from '../../trace/op-batch.ts'

/** Flags that concern their own operation alone. */
const OWN_FLAGS = FLAG_DIRECT | FLAG_NOWAIT | FLAG_HOLE | FLAG_ASSUMED
/** Memory with a history: what the first operation finds there is not what the second one does. */
const FLAGS_OF_HISTORY = FLAG_UNTOUCHED | FLAG_PRIVATE

/**
 * Rows from `from` on that depend on no other row: operations on user memory that are over when the next row comes, and that
 * name nothing that another row made. Returns the first one that may depend, or the length of the batch.
 */
export function independentRows(batch: OpBatch, from: number): number {
  const { length, columns, event, endNs, id, flags, iterType } = batch
  const hasEvents = (columns & (1 << COLUMN_EVENT)) !== 0
  const hasEnds = (columns & (1 << COLUMN_END)) !== 0
  const hasIds = (columns & (1 << COLUMN_ID)) !== 0
  const hasFlags = (columns & (1 << COLUMN_FLAGS)) !== 0
  for (let row = from; row < length; row++) {
    if (iterType[row] !== ITER_UBUF && iterType[row] !== ITER_IOVEC) return row
    if (hasEvents && event[row] !== EVENT_IO) return row
    if (hasEnds && endNs[row] !== END_SYNCHRONOUS) return row
    if (hasIds && id[row] !== NONE) return row
    if (hasFlags && (flags[row] & ~OWN_FLAGS) !== 0) return row
  }
  return length
}

/** A `map` row of memory that is there and stays as it is, whichever operation comes to it first. */
export function isPlainMap(batch: OpBatch, row: number): boolean {
  return batch.event[row] === EVENT_MAP && (batch.flags[row] & FLAGS_OF_HISTORY) === 0
}
