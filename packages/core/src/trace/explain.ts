import { invariant } from '../invariant.ts'
import { ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import { callHint } from './call-words.ts'
import { COLUMN_CALL, COLUMN_LEN, COLUMN_NAMES } from './columns.ts'
import { EVENT_RULES } from './event-rules.ts'
import { CELL_EXPLANATIONS } from './explain-cell.ts'
import { anIterator, aRow, type Explain, type Explanation, type Fault } from './fault.ts'
import {
  FAULT_BACKING,
  FAULT_BOTH,
  FAULT_CALL,
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
  FAULT_TRUNCATE_LENGTH,
  FAULT_UNSORTED,
} from './faults.ts'
import { LINE_BYTES_MAX } from './limits.ts'
import { BACKING_NAMES, EVENT_IO } from './op-batch.ts'
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
    hint: 'order=N belongs to map rows, hole=OFFSET+LENGTH to io rows, dirty to rows that let go (unpin, put, unregister), stable and unstable to map rows of a file.',
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
    hint: fault.columnInFile ? choiceHint(choices(fault)) : missingHint(fault, fault.column),
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
  [FAULT_CALL]: (fault) => ({
    problem: `call is ${quoted(fault.cell)}, not known in ${aRow(fault)}`,
    hint: callHint(fault.event, new TextDecoder().decode(fault.cell.subarray(0, 64))),
  }),
  [FAULT_BOTH]: (fault) => ({
    problem: `segs and file are both filled, ${aRow(fault)} takes one of them`,
    hint: PAGES_HINT,
  }),
  [FAULT_TRUNCATE_LENGTH]: (fault) => ({
    problem: `len is ${quoted(fault.cell)}, a truncate row has none`,
    hint: 'offset is the new size: what lies behind it goes. A range inside a file is a punch row.',
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

/** Of the columns that an operation needs, `len` depends on its iterator; of other rows the event says what they need. */
function whoNeeds(fault: Fault): string {
  if (fault.column === COLUMN_NAMES[COLUMN_LEN] && fault.event === EVENT_IO) return anIterator(fault)
  return fault.column === 'ts' ? 'every row' : aRow(fault)
}

const PAGES_HINT =
  'Name the pages by addresses (segs, 0xADDR+LEN) or by their place in a file (file, offset, len), not by both.'

/** What to put into a column that is empty, by its name. */
const MISSING_HINTS: Partial<Readonly<Record<string, string>>> = {
  ts: 'Expected nanoseconds since the trace began.',
  op: 'Expected read or write.',
  id: 'The id is what later rows name it by.',
  segs: 'Expected 0xADDR+LEN.',
  backing: `Expected one of ${BACKING_NAMES.join(' ')}.`,
  file: 'Name the file as the other rows about it do.',
  len: 'Expected a number of bytes.',
}

function missingHint(fault: Fault, column: string): string {
  if (!fault.columnInFile) return `The header row has no ${column} column.`
  if (column === COLUMN_NAMES[COLUMN_CALL]) return callHint(fault.event, '')
  return MISSING_HINTS[column] ?? ''
}

function choiceHint(columns: readonly string[]): string {
  return columns.includes('file') ? PAGES_HINT : 'Name what was taken by its id, or its pages by segs.'
}

/** Names of the columns of which the event needs one. */
function choices({ event }: Fault): readonly string[] {
  return COLUMN_NAMES.filter((_, code) => ((EVENT_RULES[event]!.needsAny >> code) & 1) === 1)
}

function iterators({ event }: Fault): string {
  return ITER_TYPE_NAMES.filter((_, code) => ((EVENT_RULES[event]!.iterators >> code) & 1) === 1).join(' ')
}
