import { invariant } from '../invariant.ts'
import { ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import { COLUMN_ID, COLUMN_LEN, COLUMN_NAMES, COLUMN_OP, COLUMN_SEGS } from './columns.ts'
import { EVENT_RULES } from './event-rules.ts'
import { CELL_EXPLANATIONS } from './explain-cell.ts'
import { anIterator, aRow, type Explain, type Explanation, type Fault } from './fault.ts'
import {
  FAULT_BACKING,
  FAULT_CELLS_FEW,
  FAULT_CELLS_MANY,
  FAULT_END_EARLY,
  FAULT_FIXED_ID,
  FAULT_FLAG_EVENT,
  FAULT_FOLIOQ_JOIN,
  FAULT_ITER_EVENT,
  FAULT_ITER_WRITE,
  FAULT_LENGTH_BEYOND,
  FAULT_LINE_LONG,
  FAULT_MISSING,
  FAULT_MISSING_ANY,
  FAULT_NO_SEGMENTS,
  FAULT_OFFSET_END,
  FAULT_SEGMENT_ONE,
  FAULT_UNSORTED,
} from './faults.ts'
import { LINE_BYTES_MAX } from './limits.ts'
import { quoted } from './printable.ts'

const HASH = 35
const SEMICOLON = 59

/** Faults of a line, and between the cells of a row. */
const ROW_EXPLANATIONS: Partial<Readonly<Record<number, Explain>>> = {
  [FAULT_CELLS_FEW]: (fault) => ({
    problem: cellCounts(fault),
    hint:
      fault.cell[0] === HASH
        ? 'Lines of # stand above the header row only.'
        : 'A row has a cell for every column, if an empty one: was the line cut?',
  }),
  [FAULT_CELLS_MANY]: (fault) => ({
    problem: cellCounts(fault),
    hint: 'Quote a cell that has a comma in it; segments are joined by ;.',
  }),
  [FAULT_LINE_LONG]: () => ({
    problem: `the line has more than ${LINE_BYTES_MAX} bytes`,
    hint: 'Split the row, if this is a trace at all.',
  }),
  [FAULT_SEGMENT_ONE]: (fault) => ({
    problem: `segs is ${quoted(fault.cell)}, ${aRow(fault)} takes one segment of at least a byte`,
    hint: fault.cell.includes(SEMICOLON) ? 'Write a row for each range.' : '',
  }),
  [FAULT_FOLIOQ_JOIN]: (fault) => ({
    problem: `segs is ${quoted(fault.cell)}, whose folios do not meet at page ends`,
    hint: 'In a folio queue only the first byte and the last one may lie inside a page: every other POS and end is a multiple of 4096.',
  }),
  [FAULT_FLAG_EVENT]: (fault) => ({
    problem: `flags is ${quoted(fault.cell)}, which ${aRow(fault)} cannot have`,
    hint: 'order=N belongs to map rows, hole=OFFSET+LENGTH to io rows.',
  }),
  [FAULT_UNSORTED]: (fault) => ({
    problem: `ts is ${quoted(fault.cell)}, earlier than ${fault.lastTsNs} in the row above`,
    hint: 'Sort the rows below the header row by ts: sort -s -t, -k1,1n where ts is the first column.',
  }),
  [FAULT_END_EARLY]: (fault) => ({
    problem: `end is ${quoted(fault.cell)}, earlier than the ts of the row`,
    hint: 'end is a time, not a duration; leave it empty where the row completes at once.',
  }),
  [FAULT_MISSING]: (fault) => ({
    problem: `${fault.column} is empty, ${whoNeeds(fault)} needs it`,
    hint: missingHint(fault, fault.column),
  }),
  [FAULT_MISSING_ANY]: (fault) => ({
    problem: `${choices(fault).join(' and ')} are empty, ${aRow(fault)} needs one of them`,
    hint: fault.columnInFile ? '' : missingHint(fault, fault.column),
  }),
  [FAULT_NO_SEGMENTS]: (fault) => ({
    problem: 'segs is empty, an io row needs the segments of its buffer',
    hint: fault.columnInFile
      ? 'Only an operation of no bytes (len 0) has none. Import a recording without addresses instead: pinscope formats lists what is read.'
      : 'The header row has no segs column. Import a recording without addresses instead: pinscope formats lists what is read.',
  }),
  [FAULT_LENGTH_BEYOND]: (fault) => ({
    problem: `len is ${quoted(fault.cell)}, more than the ${fault.sumBytes} bytes of the segments`,
    hint: 'Leave len empty where it is their sum.',
  }),
  [FAULT_OFFSET_END]: (fault) => ({
    problem: `offset is ${quoted(fault.cell)}, from where the row runs past 2^53 - 1`,
    hint: 'Check offset and len.',
  }),
  [FAULT_ITER_EVENT]: (fault) => ({
    problem: `iter is ${quoted(fault.cell)}, which ${aRow(fault)} cannot have`,
    hint: `Expected ${iterators(fault)}.`,
  }),
  [FAULT_ITER_WRITE]: (fault) => ({
    problem: `op is ${quoted(fault.cell)}, ${anIterator(fault)} is always a data destination`,
    hint: 'Expected read.',
  }),
  [FAULT_BACKING]: (fault) => ({
    problem: `backing is ${quoted(fault.cell)}, which ${aRow(fault)} cannot have`,
    hint: 'Say what backs the memory in a map row above.',
  }),
  [FAULT_FIXED_ID]: () => ({
    problem: 'id is empty, a fixed operation needs the id of its registration',
    hint: 'Name the register row whose memory it uses.',
  }),
}

/** Says a fault in words. */
export function explain(fault: Fault): Explanation {
  const explanation = ROW_EXPLANATIONS[fault.code] ?? CELL_EXPLANATIONS[fault.code]
  invariant(explanation !== undefined, 'a fault code without an explanation')
  return explanation(fault)
}

function cellCounts({ cellCount, columnCount }: Fault): string {
  return `the row has ${cellCount} ${cellCount === 1 ? 'cell' : 'cells'}, the header row has ${columnCount}`
}

function whoNeeds(fault: Fault): string {
  if (fault.column === COLUMN_NAMES[COLUMN_LEN]) return anIterator(fault)
  return fault.column === 'ts' ? 'every row' : aRow(fault)
}

function missingHint(fault: Fault, column: string): string {
  if (!fault.columnInFile) return `The header row has no ${column} column.`
  if (column === COLUMN_NAMES[COLUMN_OP]) return 'Expected read or write.'
  if (column === COLUMN_NAMES[COLUMN_ID]) return 'The id is what later rows name it by.'
  return column === COLUMN_NAMES[COLUMN_SEGS] ? 'Expected 0xADDR+LEN.' : ''
}

/** Names of the columns of which the event needs one. */
function choices({ event }: Fault): readonly string[] {
  return COLUMN_NAMES.filter((_, code) => ((EVENT_RULES[event]!.needsAny >> code) & 1) === 1)
}

function iterators({ event }: Fault): string {
  return ITER_TYPE_NAMES.filter((_, code) => ((EVENT_RULES[event]!.iterators >> code) & 1) === 1).join(' ')
}
