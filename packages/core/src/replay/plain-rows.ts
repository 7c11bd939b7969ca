import { ITER_UBUF } from '../iter/iter-type.ts'
import { FLAG_FIXED, FLAG_HOLE } from '../iter/row-flags.ts'
import {
  COLUMN_END,
  COLUMN_EVENT,
  COLUMN_FILE,
  COLUMN_FLAGS,
  COLUMN_ID,
  COLUMN_LEN,
  COLUMN_PINS_ACQUIRED,
  COLUMN_PINS_RELEASED,
  COLUMN_RESULT,
} from '../trace/columns.ts'
import { BATCH_ROWS_MAX, END_NEVER, END_SYNCHRONOUS, EVENT_IO, NONE, type OpBatch } from '../trace/op-batch.ts'

/** Longer operations have no shape. */
const BYTES_MAX = 1 << 30
/** Sets of flags that are told apart; rows with further ones have no shape. */
const FLAG_SETS_MAX = 64

// Number of the set of flags 0-5, then a bit each; a lane adds the phase from bit 11 on.
export const HAS_END = 1 << 6
const HAS_RESULT = 1 << 7
const NO_POSITION = 1 << 8
/** One page more than the length alone takes: a lane adds it. */
export const ONE_MORE = 1 << 9
export const HAS_FILE = 1 << 10
export const PHASE_SHIFT = 11
/** The key of a row that has no shape; every bit but the sign may be set in it too. */
export const NOT_PLAIN = -0x80000000

/**
 * The rows of a batch that may have a shape: operations over user memory in one piece that name nothing, and nobody told
 * how many pins they took. The same for every lane.
 */
export class PlainRows {
  /** Flags, and whether there is an end, a result and a position; {@link NOT_PLAIN} of other rows. */
  readonly key = new Int32Array(BATCH_ROWS_MAX)
  private readonly flagSets = new Int32Array(FLAG_SETS_MAX)
  private flagSetCount = 0

  /** Looks at a batch anew. */
  read(batch: OpBatch): void {
    const { length, columns } = batch
    const has = (column: number) => (columns & (1 << column)) !== 0
    const { key } = this
    if (has(COLUMN_FLAGS)) this.flags(batch)
    else key.fill(this.flagSetOf(batch.flags[0]), 0, length)
    this.segments(batch)
    if (has(COLUMN_END)) this.ends(batch)
    if (has(COLUMN_RESULT)) this.results(batch)
    if (has(COLUMN_FILE)) this.files(batch)
    if (has(COLUMN_EVENT)) keep(key, batch.event, EVENT_IO, length)
    if (has(COLUMN_ID)) keep(key, batch.id, NONE, length)
    if (has(COLUMN_PINS_ACQUIRED)) keep(key, batch.pinsAcquired, NONE, length)
    if (has(COLUMN_PINS_RELEASED)) keep(key, batch.pinsReleased, NONE, length)
    if (has(COLUMN_LEN)) this.lengths(batch)
  }

  private flags({ length, flags }: OpBatch): void {
    const { key, flagSets } = this
    let set = 0
    for (let row = 0; row < length; row++) {
      if (set < 0 || flags[row] !== flagSets[set]) set = this.flagSetOf(flags[row])
      key[row] = set
    }
  }

  private segments({ length, iterType, segmentCount, segmentFirst, segments, offsetBytes }: OpBatch): void {
    const { lengthBytes } = segments
    const { key } = this
    for (let row = 0; row < length; row++) {
      const bytes = lengthBytes[segmentFirst[row]]
      if (segmentCount[row] !== 1 || iterType[row] !== ITER_UBUF || bytes >= BYTES_MAX || bytes === 0)
        key[row] = NOT_PLAIN
      else if (offsetBytes[row] < 0) key[row] |= NO_POSITION
    }
  }

  private ends({ length, endNs }: OpBatch): void {
    const { key } = this
    for (let row = 0; row < length; row++) {
      if (endNs[row] === END_NEVER) key[row] = NOT_PLAIN
      else if (endNs[row] !== END_SYNCHRONOUS) key[row] |= HAS_END
    }
  }

  private results({ length, resultBytes, lengthBytes }: OpBatch): void {
    const { key } = this
    for (let row = 0; row < length; row++) {
      const result = resultBytes[row]
      if (result === lengthBytes[row]) key[row] |= HAS_RESULT
      // A short result and an error are things of the one row.
      else if (!Number.isNaN(result)) key[row] = NOT_PLAIN
    }
  }

  private files({ length, file }: OpBatch): void {
    const { key } = this
    for (let row = 0; row < length; row++) if (file[row] !== NONE) key[row] |= HAS_FILE
  }

  /** The `len` cell may say another length than the segment. */
  private lengths({ length, lengthBytes, segments, segmentFirst }: OpBatch): void {
    for (let row = 0; row < length; row++) {
      if (lengthBytes[row] !== segments.lengthBytes[segmentFirst[row]]) this.key[row] = NOT_PLAIN
    }
  }

  /** Number of a set of flags; {@link NOT_PLAIN} where rows with it have no shape. */
  private flagSetOf(flags: number): number {
    if ((flags & (FLAG_FIXED | FLAG_HOLE)) !== 0) return NOT_PLAIN
    for (let set = 0; set < this.flagSetCount; set++) if (this.flagSets[set] === flags) return set
    if (this.flagSetCount === FLAG_SETS_MAX) return NOT_PLAIN
    this.flagSets[this.flagSetCount] = flags
    return this.flagSetCount++
  }
}

/** Rows with another value than `value` in `column` are not plain. */
function keep(key: Int32Array, column: Int32Array | Uint8Array, value: number, length: number): void {
  for (let row = 0; row < length; row++) if (column[row] !== value) key[row] = NOT_PLAIN
}
