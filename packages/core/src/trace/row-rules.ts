import { ITER_DISCARD, ITER_FOLIOQ, ITER_IOVEC, ITER_PIPE, ITER_SOURCE, ITER_UBUF } from '../iter/iter-type.ts'
import { PAGE_SIZE } from '../units.ts'
import { isKnownCall } from './call-words.ts'
import {
  COLUMN_BACKING,
  COLUMN_CALL,
  COLUMN_END,
  COLUMN_FILE,
  COLUMN_FLAGS,
  COLUMN_ID,
  COLUMN_ITER,
  COLUMN_LEN,
  COLUMN_OFFSET,
  COLUMN_OP,
  COLUMN_SEGS,
  COLUMN_TS,
} from './columns.ts'
import type { Dictionary } from './dictionary.ts'
import { EVENT_RULES, type EventRule } from './event-rules.ts'
import {
  FAULT_BACKING,
  FAULT_BOTH,
  FAULT_CALL,
  FAULT_END_EARLY,
  FAULT_FIXED_ID,
  FAULT_FLAG_EVENT,
  FAULT_FOLIOQ_JOIN,
  FAULT_ITER_EVENT,
  FAULT_ITER_WRITE,
  FAULT_LENGTH_BEYOND,
  FAULT_MISSING,
  FAULT_MISSING_ANY,
  FAULT_NO_SEGMENTS,
  FAULT_OFFSET_END,
  FAULT_SEGMENT_ONE,
  FAULT_TRUNCATE_LENGTH,
  FAULT_UNSORTED,
} from './faults.ts'
import { INTEGER_MAX } from './limits.ts'
import {
  EVENT_ALLOCATION,
  EVENT_COMPARE,
  EVENT_DEDUPE,
  EVENT_IO,
  EVENT_MAP,
  EVENT_PUT,
  EVENT_TRUNCATE,
  EVENT_UNPIN,
  EVENT_UNREGISTER,
  EVENT_WAIT,
  FLAG_DIRTY,
  FLAG_FIXED,
  FLAG_STABLE,
  FLAG_UNSTABLE,
  type OpBatch,
} from './op-batch.ts'

/** `iterType` of a row whose `iter` cell is empty, until its segments are counted. */
export const ITER_UNSET = 255

/** Pages are named by segments or by their place in a file. */
const PAGES_ANY = (1 << COLUMN_SEGS) | (1 << COLUMN_FILE)
/** Events with a use for the flag `dirty`. */
const MAKES_DIRTY: readonly number[] = [EVENT_UNPIN, EVENT_PUT, EVENT_UNREGISTER]

/** Rows about a range of a file and another one: that of the other is in `segs`. */
function namesTwo(event: number): boolean {
  return event === EVENT_COMPARE || event === EVENT_DEDUPE
}

/** What must hold between the cells of a row, and between a row and the one above it. */
export class RowRules {
  /** After a fault: code of the column that it is about. */
  faultColumn = 0
  private readonly batch: OpBatch
  /** Bytes of the row's segments, in element 0. */
  private readonly sumBytes: Float64Array
  /** Texts of the `call` cells; null where no row needs them. */
  private readonly calls: Dictionary | null
  /** `ts` of the row above, in element 0. */
  readonly clockNs = new Float64Array(1)

  constructor(batch: OpBatch, sumBytes: Float64Array, calls: Dictionary | null = null) {
    this.batch = batch
    this.sumBytes = sumBytes
    this.calls = calls
  }

  /** `ts` of the last good row. */
  get lastTsNs(): number {
    return this.clockNs[0]!
  }

  /** Fills in what empty cells stand for and checks the row; 0, or a fault. `present`: mask of columns not empty. */
  finish(row: number, present: number): number {
    const batch = this.batch
    if ((present & (1 << COLUMN_TS)) === 0) return this.fault(FAULT_MISSING, COLUMN_TS)
    const tsNs = batch.tsNs[row]!
    if (tsNs < this.clockNs[0]!) return this.fault(FAULT_UNSORTED, COLUMN_TS)
    const endNs = batch.endNs[row]!
    if (endNs >= 0 && endNs < tsNs) return this.fault(FAULT_END_EARLY, COLUMN_END)
    const count = batch.segments.length - batch.segmentFirst[row]!
    batch.segmentCount[row] = count
    if (batch.iterType[row] === ITER_UNSET) batch.iterType[row] = count > 1 ? ITER_IOVEC : ITER_UBUF
    const fault = this.checkEvent(row, present, count)
    if (fault < 0) return fault
    if (batch.iterType[row] === ITER_FOLIOQ && !this.foliosMeet(row, count)) {
      return this.fault(FAULT_FOLIOQ_JOIN, COLUMN_SEGS)
    }
    const lengthFault = this.finishLength(row, count)
    if (lengthFault < 0) return lengthFault
    this.clockNs[0] = tsNs
    return 0
  }

  private checkEvent(row: number, present: number, count: number): number {
    const batch = this.batch
    const event = batch.event[row]!
    const rule = EVENT_RULES[event]!
    if ((present & rule.needs) !== rule.needs) return this.fault(FAULT_MISSING, lowestBit(rule.needs & ~present))
    if (rule.needsAny !== 0 && (present & rule.needsAny) === 0) {
      return this.fault(FAULT_MISSING_ANY, lowestBit(rule.needsAny))
    }
    if (event === EVENT_IO) return this.checkIo(row, present, count)
    return this.checkOther(row, present, count, rule)
  }

  private checkIo(row: number, present: number, count: number): number {
    const batch = this.batch
    const iterType = batch.iterType[row]!
    if (iterType === ITER_DISCARD || iterType === ITER_PIPE) {
      if ((present & (1 << COLUMN_LEN)) === 0) return this.fault(FAULT_MISSING, COLUMN_LEN)
      if (batch.direction[row] === ITER_SOURCE) return this.fault(FAULT_ITER_WRITE, COLUMN_OP)
    } else if (count === 0 && batch.lengthBytes[row] !== 0) return this.fault(FAULT_NO_SEGMENTS, COLUMN_SEGS)
    if (count > 0 && batch.lengthBytes[row]! > this.sumBytes[0]!) return this.fault(FAULT_LENGTH_BEYOND, COLUMN_LEN)
    if ((batch.flags[row]! & FLAG_FIXED) !== 0 && (present & (1 << COLUMN_ID)) === 0) {
      return this.fault(FAULT_FIXED_ID, COLUMN_ID)
    }
    if (batch.order[row]! >= 0) return this.fault(FAULT_FLAG_EVENT, COLUMN_FLAGS)
    return (present & (1 << COLUMN_BACKING)) === 0 ? 0 : this.fault(FAULT_BACKING, COLUMN_BACKING)
  }

  /** A queue of folios has no gaps: only its first byte and its last one may lie inside a page. */
  private foliosMeet(row: number, count: number): boolean {
    const { addressBytes, lengthBytes } = this.batch.segments
    const first = this.batch.segmentFirst[row]!
    for (let s = first + 1; s < first + count; s++) {
      const end = addressBytes[s - 1]! + lengthBytes[s - 1]!
      if (addressBytes[s]! % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0) return false
    }
    return true
  }

  private checkOther(row: number, present: number, count: number, rule: EventRule): number {
    const batch = this.batch
    if (rule.oneRange && (count !== 1 || this.sumBytes[0] === 0)) return this.fault(FAULT_SEGMENT_ONE, COLUMN_SEGS)
    if (((rule.iterators >> batch.iterType[row]!) & 1) === 0) return this.fault(FAULT_ITER_EVENT, COLUMN_ITER)
    if (batch.holeLengthBytes[row]! >= 0) return this.fault(FAULT_FLAG_EVENT, COLUMN_FLAGS)
    const mapFault = this.checkMapFlags(row, present)
    if (mapFault < 0 || batch.event[row] === EVENT_MAP) return mapFault
    if (batch.order[row]! >= 0) return this.fault(FAULT_FLAG_EVENT, COLUMN_FLAGS)
    if ((present & (1 << COLUMN_BACKING)) !== 0) return this.fault(FAULT_BACKING, COLUMN_BACKING)
    return this.checkMeaning(row, present, rule)
  }

  private checkMapFlags(row: number, present: number): number {
    const isOfFile = this.batch.event[row] === EVENT_MAP && (present & (1 << COLUMN_FILE)) !== 0
    if (isOfFile || (this.batch.flags[row]! & (FLAG_STABLE | FLAG_UNSTABLE)) === 0) return 0
    return this.fault(FAULT_FLAG_EVENT, COLUMN_FLAGS)
  }

  /** Cells that contradict each other, or that the event has no use for though they look as if it had. */
  private checkMeaning(row: number, present: number, rule: EventRule): number {
    const batch = this.batch
    const event = batch.event[row]!
    if (rule.needsAny === PAGES_ANY && (present & PAGES_ANY) === PAGES_ANY && !namesTwo(event)) {
      return this.fault(FAULT_BOTH, COLUMN_FILE)
    }
    if ((batch.flags[row]! & FLAG_DIRTY) !== 0 && !MAKES_DIRTY.includes(event)) {
      return this.fault(FAULT_FLAG_EVENT, COLUMN_FLAGS)
    }
    if (event === EVENT_TRUNCATE && batch.lengthBytes[row]! >= 0 && (present & (1 << COLUMN_LEN)) !== 0) {
      return this.fault(FAULT_TRUNCATE_LENGTH, COLUMN_LEN)
    }
    const { calls } = this
    if ((event === EVENT_WAIT || event === EVENT_ALLOCATION) && calls !== null) {
      if (!isKnownCall(event, calls.text(batch.call[row]!))) return this.fault(FAULT_CALL, COLUMN_CALL)
    }
    return 0
  }

  private finishLength(row: number, count: number): number {
    const batch = this.batch
    if (batch.lengthBytes[row]! < 0 && count > 0) batch.lengthBytes[row] = this.sumBytes[0]!
    const offset = batch.offsetBytes[row]!
    if (offset >= 0 && batch.lengthBytes[row]! > INTEGER_MAX - offset)
      return this.fault(FAULT_OFFSET_END, COLUMN_OFFSET)
    return 0
  }

  private fault(fault: number, column: number): number {
    this.faultColumn = column
    return fault
  }
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask)
}
