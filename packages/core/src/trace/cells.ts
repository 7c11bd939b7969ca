import { ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import {
  COLUMN_BACKING,
  COLUMN_CALL,
  COLUMN_CONSUMER,
  COLUMN_END,
  COLUMN_EVENT,
  COLUMN_FILE,
  COLUMN_FLAGS,
  COLUMN_ID,
  COLUMN_ITER,
  COLUMN_LEN,
  COLUMN_MM,
  COLUMN_OFFSET,
  COLUMN_OP,
  COLUMN_PINS_ACQUIRED,
  COLUMN_PINS_RELEASED,
  COLUMN_RESULT,
  COLUMN_SEGS,
  COLUMN_STACK,
  COLUMN_TS,
} from './columns.ts'
import { NAME_TOO_LONG, NAME_UNKNOWN, NameTable } from './dictionary.ts'
import { SEGMENTS_MAX } from './event-rules.ts'
import { FAULT_FORM, FAULT_NAME_LONG, FAULT_NAMES_FULL, FAULT_RANGE, FAULT_WORD } from './faults.ts'
import { FlagsCell } from './flags-cell.ts'
import { ERRNO_MAX, MM_MAX, PINS_MAX, SEGMENTS_VECTOR_MAX } from './limits.ts'
import { decimalInto, int32Into } from './numbers.ts'
import { BACKING_NAMES, END_NEVER, END_SYNCHRONOUS, EVENT_NAMES, NONE, OP_NAMES, OP_NONE, OpBatch } from './op-batch.ts'
import { ITER_UNSET } from './row-rules.ts'
import { SegmentsCell } from './segments-cell.ts'
import { endOfText } from './text-cell.ts'
import { WORD_UNKNOWN, WordTable } from './word-table.ts'

const MINUS = 45
const LETTER_N = 110

/** `-1` in place of the end of a cell: a comma or a line end ends it. */
export const END_UNKNOWN = -1

/**
 * Cell to column: what every cell of a row becomes. Both ways of reading a file end here. A cell is `bytes[at..to)`
 * with a line feed behind it, or, for {@link END_UNKNOWN}, goes on to the comma or line end. Every function returns
 * the position behind what it read, or a fault; whether the cell ends there is for the caller to check.
 */
export class CellReader {
  readonly batch: OpBatch
  readonly files = new NameTable()
  readonly calls = new NameTable()
  readonly ids = new NameTable()
  readonly consumers = new NameTable()
  readonly stacks = new NameTable()
  readonly segments: SegmentsCell
  readonly flags = new FlagsCell()
  private readonly events = new WordTable(EVENT_NAMES)
  private readonly ops = new WordTable(OP_NAMES)
  private readonly iterTypes = new WordTable(ITER_TYPE_NAMES)
  private readonly backings = new WordTable(BACKING_NAMES)
  private readonly scratch = new Float64Array(1)

  constructor(batch = new OpBatch()) {
    this.batch = batch
    this.segments = new SegmentsCell(batch.segments, this.files)
    // A column that the file does not have keeps what clear() stores for an empty cell.
    batch.endNs.fill(END_SYNCHRONOUS)
    batch.direction.fill(OP_NONE)
    batch.resultBytes.fill(Number.NaN)
    const none = [
      batch.offsetBytes,
      batch.holeLengthBytes,
      batch.order,
      batch.id,
      batch.call,
      batch.file,
      batch.consumer,
      batch.stack,
    ]
    for (const column of [...none, batch.pinsAcquired, batch.pinsReleased]) column.fill(NONE)
  }

  /** The column that takes a cell's integer as it stands, when the cell holds one; else null. */
  integersOf(code: number): Float64Array | null {
    switch (code) {
      case COLUMN_TS:
        return this.batch.tsNs
      case COLUMN_END:
        return this.batch.endNs
      case COLUMN_OFFSET:
        return this.batch.offsetBytes
      case COLUMN_LEN:
        return this.batch.lengthBytes
      case COLUMN_RESULT:
        return this.batch.resultBytes
      default:
        return null
    }
  }

  /** After a quoted cell: its name may hold commas and line feeds, across which no unquoted cell may be matched. */
  forgetLastNames(): void {
    this.files.forgetLast()
    this.calls.forgetLast()
    this.ids.forgetLast()
    this.consumers.forgetLast()
    this.stacks.forgetLast()
  }

  /** Prepares a row: what is derived from several cells. */
  begin(row: number): void {
    const batch = this.batch
    batch.iterType[row] = ITER_UNSET
    batch.lengthBytes[row] = NONE
    batch.segmentFirst[row] = batch.segments.length
  }

  /** An empty cell. */
  clear(code: number, row: number): void {
    const batch = this.batch
    switch (code) {
      case COLUMN_END:
        batch.endNs[row] = END_SYNCHRONOUS
        return
      case COLUMN_EVENT:
        batch.event[row] = 0
        return
      case COLUMN_ID:
        batch.id[row] = NONE
        return
      case COLUMN_MM:
        batch.mm[row] = 0
        return
      case COLUMN_OP:
        batch.direction[row] = OP_NONE
        return
      case COLUMN_CALL:
        batch.call[row] = NONE
        return
      case COLUMN_BACKING:
        batch.backing[row] = 0
        return
      case COLUMN_FILE:
        batch.file[row] = NONE
        return
      case COLUMN_OFFSET:
        batch.offsetBytes[row] = NONE
        return
      case COLUMN_RESULT:
        batch.resultBytes[row] = Number.NaN
        return
      case COLUMN_FLAGS:
        batch.flags[row] = 0
        batch.order[row] = NONE
        batch.holeOffsetBytes[row] = 0
        batch.holeLengthBytes[row] = NONE
        return
      case COLUMN_CONSUMER:
        batch.consumer[row] = NONE
        return
      case COLUMN_STACK:
        batch.stack[row] = NONE
        return
      case COLUMN_PINS_ACQUIRED:
        batch.pinsAcquired[row] = NONE
        return
      case COLUMN_PINS_RELEASED:
        batch.pinsReleased[row] = NONE
        return
      default:
        // ts may not be empty; iter, len and segs are set by begin(); x_ columns are not stored.
        return
    }
  }

  /** A cell with something in it. */
  read(code: number, row: number, bytes: Uint8Array, at: number, to: number): number {
    const batch = this.batch
    switch (code) {
      case COLUMN_TS:
        return decimalInto(bytes, at, batch.tsNs, row)
      case COLUMN_END:
        return bytes[at] === LETTER_N ? this.readNever(row, bytes, at) : decimalInto(bytes, at, batch.endNs, row)
      case COLUMN_EVENT:
        return this.readWord(this.events, batch.event, row, bytes, at)
      case COLUMN_ID:
        return this.readName(this.ids, batch.id, row, bytes, at, to)
      case COLUMN_MM:
        return int32Into(bytes, at, batch.mm, row, MM_MAX, this.scratch)
      case COLUMN_OP:
        return this.readWord(this.ops, batch.direction, row, bytes, at)
      case COLUMN_CALL:
        return this.readName(this.calls, batch.call, row, bytes, at, to)
      case COLUMN_ITER:
        return this.readWord(this.iterTypes, batch.iterType, row, bytes, at)
      case COLUMN_SEGS:
        return this.readSegments(row, bytes, at, to)
      case COLUMN_BACKING:
        return this.readWord(this.backings, batch.backing, row, bytes, at)
      case COLUMN_FILE:
        return this.readName(this.files, batch.file, row, bytes, at, to)
      case COLUMN_OFFSET:
        return decimalInto(bytes, at, batch.offsetBytes, row)
      case COLUMN_LEN:
        return decimalInto(bytes, at, batch.lengthBytes, row)
      case COLUMN_RESULT:
        return this.readResult(row, bytes, at)
      case COLUMN_FLAGS:
        return this.readFlags(row, bytes, at, to)
      case COLUMN_CONSUMER:
        return this.readName(this.consumers, batch.consumer, row, bytes, at, to)
      case COLUMN_STACK:
        return this.readName(this.stacks, batch.stack, row, bytes, at, to)
      case COLUMN_PINS_ACQUIRED:
        return int32Into(bytes, at, batch.pinsAcquired, row, PINS_MAX, this.scratch)
      case COLUMN_PINS_RELEASED:
        return int32Into(bytes, at, batch.pinsReleased, row, PINS_MAX, this.scratch)
      default:
        // An x_ column: passed over.
        return to < 0 ? endOfText(bytes, at) : to
    }
  }

  private readNever(row: number, bytes: Uint8Array, at: number): number {
    // n e v e r
    if (bytes[at + 1] !== 101 || bytes[at + 2] !== 118 || bytes[at + 3] !== 101 || bytes[at + 4] !== 114) {
      return FAULT_FORM
    }
    this.batch.endNs[row] = END_NEVER
    return at + 5
  }

  /** Bytes, or -errno. */
  private readResult(row: number, bytes: Uint8Array, at: number): number {
    const results = this.batch.resultBytes
    if (bytes[at] !== MINUS) return decimalInto(bytes, at, results, row)
    const next = decimalInto(bytes, at + 1, results, row)
    if (next < 0) return next
    const errno = results[row]!
    if (errno < 1 || errno > ERRNO_MAX) return FAULT_RANGE
    results[row] = -errno
    return next
  }

  private readWord(words: WordTable, column: Uint8Array, row: number, bytes: Uint8Array, at: number): number {
    const word = words.match(bytes, at)
    if (word === WORD_UNKNOWN) return FAULT_WORD
    column[row] = word
    return at + words.lengthOf(word)
  }

  private readName(
    names: NameTable,
    column: Int32Array,
    row: number,
    bytes: Uint8Array,
    at: number,
    to: number,
  ): number {
    const again = to < 0 ? names.matchLast(bytes, at) : NAME_UNKNOWN
    if (again >= 0) {
      column[row] = again
      return at + names.lengthOf(again)
    }
    const end = to < 0 ? endOfText(bytes, at) : to
    if (end < 0) return end
    const name = names.intern(bytes, at, end)
    if (name < 0) return name === NAME_TOO_LONG ? FAULT_NAME_LONG : FAULT_NAMES_FULL
    column[row] = name
    return end
  }

  private readSegments(row: number, bytes: Uint8Array, at: number, to: number): number {
    const iterType = this.batch.iterType[row]!
    const segmentsMax = iterType === ITER_UNSET ? SEGMENTS_VECTOR_MAX : SEGMENTS_MAX[iterType]!
    return this.segments.read(iterType, segmentsMax, bytes, at, to)
  }

  private readFlags(row: number, bytes: Uint8Array, at: number, to: number): number {
    if (to >= 0) return this.storeFlags(row, this.flags.read(bytes, at, to))
    const again = this.flags.matchLast(bytes, at)
    if (again >= 0) return this.storeFlags(row, again)
    const end = endOfText(bytes, at)
    if (end < 0) return end
    const next = this.flags.read(bytes, at, end)
    if (next >= 0) this.flags.keep(bytes, at, end)
    return this.storeFlags(row, next)
  }

  /** Stores the flags that were just read, if `next` is no fault. */
  private storeFlags(row: number, next: number): number {
    const batch = this.batch
    const flags = this.flags
    if (next < 0) return next
    batch.flags[row] = flags.bits
    batch.order[row] = flags.order
    batch.holeOffsetBytes[row] = flags.hole[0]!
    batch.holeLengthBytes[row] = flags.hole[1]!
    return next
  }
}
