import { ITER_BVEC, ITER_FOLIOQ, ITER_MIXED, ITER_TYPE_NAMES, ITER_XARRAY } from '../iter/iter-type.ts'
import type { ColumnName } from './columns.ts'
import { closestWord } from './did-you-mean.ts'
import { SEGMENTS_MAX } from './event-rules.ts'
import { anIterator, type Explain, type Explanation, type Fault } from './fault.ts'
import {
  FAULT_CARRIAGE_RETURN,
  FAULT_FLAG,
  FAULT_FORM,
  FAULT_HOLE,
  FAULT_LARGE,
  FAULT_NAME_LONG,
  FAULT_NAMES_FULL,
  FAULT_NUL,
  FAULT_ORDER,
  FAULT_QUOTE,
  FAULT_QUOTE_OPEN,
  FAULT_RANGE,
  FAULT_SEGMENT,
  FAULT_SEGMENT_END,
  FAULT_SEGMENTS_MANY,
  FAULT_SEGMENTS_SUM,
  FAULT_WORD,
} from './faults.ts'
import { ERRNO_MAX, LINE_BYTES_MAX, MM_MAX, NAME_BYTES_MAX, NAMES_MAX, ORDER_MAX, PINS_MAX } from './limits.ts'
import { BACKING_NAMES, EVENT_LOCK, EVENT_NAMES, FLAG_NAMES, OP_NAMES } from './op-batch.ts'
import { quoted } from './printable.ts'
import { ITER_UNSET } from './row-rules.ts'

/** What the cells of a column hold, for the columns that hold numbers. */
const EXPECTED: Partial<Readonly<Record<ColumnName | string, string>>> = {
  ts: 'an integer of nanoseconds',
  end: 'an integer of nanoseconds, or never',
  mm: `an integer from 0 to ${MM_MAX}`,
  offset: 'an integer of bytes',
  len: 'an integer of bytes',
  result: `an integer of bytes, or -errno (-1 to -${ERRNO_MAX})`,
  pins_acquired: `an integer from 0 to ${PINS_MAX}`,
  pins_released: `an integer from 0 to ${PINS_MAX}`,
}

const WORDS: Partial<Readonly<Record<string, readonly string[]>>> = {
  event: EVENT_NAMES,
  op: OP_NAMES,
  iter: ITER_TYPE_NAMES,
  backing: BACKING_NAMES,
}

/** Faults inside one cell. */
export const CELL_EXPLANATIONS: Partial<Readonly<Record<number, Explain>>> = {
  [FAULT_QUOTE]: (fault) => ({
    problem: `${fault.column} has a quote that does not enclose the whole cell`,
    hint: 'Quote the whole cell and double the quotes in it: "say ""hi""".',
  }),
  [FAULT_QUOTE_OPEN]: (fault) => ({
    problem: `${fault.column} has a quote that is not closed`,
    hint: `A quoted cell ends with a quote, at most ${LINE_BYTES_MAX} bytes on; a quote in it is doubled.`,
  }),
  [FAULT_FORM]: explainForm,
  [FAULT_LARGE]: (fault) => ({
    problem: `${fault.column} has ${quoted(fault.part)}, expected integers below 2^53`,
    hint: largeHint(fault),
  }),
  [FAULT_RANGE]: explainRange,
  [FAULT_WORD]: explainForm,
  [FAULT_NUL]: (fault) => ({
    problem: `${fault.column} has a NUL byte`,
    hint: 'A trace is UTF-8 text: the file may be damaged, UTF-16, or in another format.',
  }),
  [FAULT_CARRIAGE_RETURN]: (fault) => ({
    problem: `${fault.column} has a carriage return that no line feed follows`,
    hint: 'Lines end in LF or CR LF.',
  }),
  [FAULT_NAME_LONG]: (fault) => ({
    problem: `${fault.column} has a name of more than ${NAME_BYTES_MAX} bytes`,
    hint: 'Shorten it; PATH_MAX is as long.',
  }),
  [FAULT_NAMES_FULL]: (fault) => ({
    problem: `${fault.column} has more than ${NAMES_MAX} distinct names`,
    hint: 'Split the trace, or leave the column out.',
  }),
  [FAULT_SEGMENT]: (fault) => ({
    problem: `segs has ${quoted(fault.part)}, expected ${segmentForm(fault)}`,
    hint: segmentHint(fault),
  }),
  [FAULT_SEGMENT_END]: (fault) => ({
    problem: `segs has ${quoted(fault.part)}, which runs past ${endOfSegments(fault)}`,
    hint: 'Check its length.',
  }),
  [FAULT_SEGMENTS_SUM]: () => ({ problem: 'segs adds up to more than 2^53 - 1 bytes', hint: 'Check the lengths.' }),
  [FAULT_SEGMENTS_MANY]: explainSegmentsMany,
  [FAULT_FLAG]: explainFlag,
  [FAULT_ORDER]: (fault) => ({
    problem: `flags has ${quoted(fault.part)}, expected order=N once, N from 0 to ${ORDER_MAX}`,
    hint: 'The folios of the mapping have 2^N pages.',
  }),
  [FAULT_HOLE]: (fault) => ({
    problem: `flags has ${quoted(fault.part)}, expected hole=OFFSET+LENGTH once, in bytes`,
    hint: 'OFFSET counts from the start of the operation.',
  }),
}

function explainForm(fault: Fault): Explanation {
  const words = WORDS[fault.column]
  if (words !== undefined) return explainWord(fault, words)
  const expected = EXPECTED[fault.column] ?? 'nothing behind it'
  return { problem: `${fault.column} is ${quoted(fault.cell)}, expected ${expected}`, hint: numberHint(fault) }
}

function numberHint({ column, cell }: Fault): string {
  const text = new TextDecoder().decode(cell.subarray(0, 64))
  if (/^ +| +$/.test(text)) return 'Remove the spaces.'
  if (column === 'ts' || column === 'end') {
    if (/^\d+\.\d+$/.test(text)) return 'Write whole nanoseconds since the trace began: 1.5 us is 1500.'
    if (text.startsWith('-')) return 'Times count from the start of the trace: subtract the earliest ts.'
  }
  if (/^0x[0-9a-f]+$/i.test(text)) return 'Write it in decimal.'
  if (column === 'offset' && text.startsWith('-')) return 'Leave the cell empty where there is no position.'
  if (column === 'result')
    return 'Write an errno as its number: -14 is -EFAULT. Leave the cell empty where it is not known.'
  if (text.startsWith('-')) return 'Only result may be negative: leave the cell empty where there is no number.'
  return 'Write decimal digits, without a unit.'
}

function largeHint({ column, part }: Fault): string {
  if (column === 'ts' || column === 'end') return 'Times count from the start of the trace: subtract the earliest ts.'
  if (column === 'segs' && /^0x/i.test(new TextDecoder().decode(part.subarray(0, 2)))) {
    return 'User addresses are below 2^53. For kernel memory subtract a base, or record pages: iter bvec, PFN:OFF+LEN.'
  }
  if (column === 'offset') return 'Leave the cell empty where there is no position.'
  return ''
}

function explainRange(fault: Fault): Explanation {
  if (fault.column !== 'segs') {
    return {
      problem: `${fault.column} is ${quoted(fault.cell)}, expected ${EXPECTED[fault.column]}`,
      hint: rangeHint(fault),
    }
  }
  return {
    problem: `segs has ${quoted(fault.part)}, expected a frame number below 2^31, an offset and a length below 2^32`,
    hint: 'The first number is a page frame number, not an address: address divided by 4096.',
  }
}

function rangeHint({ column }: Fault): string {
  if (column === 'mm') return 'An address space is named by a pid.'
  return column === 'result'
    ? 'An errno is a number from -1 to -4095; 0 has no sign.'
    : 'Leave the cell empty where it was not counted.'
}

function explainWord(fault: Fault, words: readonly string[]): Explanation {
  const text = new TextDecoder().decode(fault.cell.subarray(0, 64))
  const meant = closestWord(text, words)
  const list = `Expected one of ${listed(words)}.`
  return {
    problem: `${fault.column} is ${quoted(fault.cell)}, not a known ${fault.column === 'iter' ? 'iterator type' : fault.column}`,
    hint: meant === null ? list : `Did you mean ${meant}? ${list}`,
  }
}

/** The words, but not all of a long list: what only an audit reads stands in the documentation. */
function listed(words: readonly string[]): string {
  if (words !== EVENT_NAMES) return words.join(' ')
  const others = EVENT_NAMES.length - EVENT_LOCK
  return `${words.slice(0, EVENT_LOCK).join(' ')}, or of ${others} that only an audit reads (docs/trace-format.md)`
}

function explainFlag(fault: Fault): Explanation {
  const text = new TextDecoder().decode(fault.part.subarray(0, 64))
  const meant = closestWord(text, FLAG_NAMES)
  const list = `Expected ${FLAG_NAMES.join(' ')} order=N hole=OFFSET+LENGTH, or a word of your own that begins with x_.`
  return {
    problem: `flags has ${quoted(fault.part)}, not a known flag`,
    hint: meant === null ? list : `Did you mean ${meant}? ${list}`,
  }
}

const COLON = 58

function endOfSegments({ iterType, part }: Fault): string {
  const isBvec = iterType === ITER_BVEC || (iterType === ITER_MIXED && part.includes(COLON))
  return isBvec ? 'frame 2^31 - 1' : '2^53 - 1'
}

function segmentForm({ iterType }: Fault): string {
  if (iterType === ITER_BVEC) return 'PFN:OFF+LEN'
  if (iterType === ITER_MIXED) return '0xADDR+LEN or PFN:OFF+LEN'
  return iterType === ITER_FOLIOQ || iterType === ITER_XARRAY ? 'FILE:POS+LEN' : '0xADDR+LEN'
}

function segmentHint({ iterType, part }: Fault): string {
  const text = new TextDecoder().decode(part.subarray(0, 64))
  if (text === '') return 'Segments are joined by one ; and there is none behind the last.'
  if (/^(0x)?[0-9a-f]+:\d+$/i.test(text)) return 'A plus sign stands before the length.'
  if (/^[0-9a-f]+\+\d+$/i.test(text)) return 'An address begins with 0x and is hexadecimal.'
  if (/^\d+$/.test(text))
    return 'A length without an address is no segment. Import a recording without addresses instead: pinscope formats lists what is read.'
  if (iterType === ITER_UNSET && /^.+:\d+\+\d+$/.test(text))
    return 'PFN:OFF+LEN needs iter bvec or mixed, FILE:POS+LEN needs iter xarray or folioq.'
  return 'Segments are joined by ; and lengths are decimal.'
}

function explainSegmentsMany(fault: Fault): Explanation {
  const max = fault.iterType === ITER_UNSET ? undefined : SEGMENTS_MAX[fault.iterType]!
  if (max === 0) {
    return {
      problem: `segs is ${quoted(fault.cell)}, ${anIterator(fault)} has no segments`,
      hint: 'Give its bytes in len.',
    }
  }
  const limit = max ?? SEGMENTS_MAX[1]!
  return {
    problem: `segs has more than ${limit === 1 ? 'one segment' : `${limit} segments`}, the most of ${anIterator(fault)}`,
    hint:
      limit === 1
        ? 'Several segments are iter iovec (xarray: folioq).'
        : 'Split the row; the kernel refuses it too (UIO_MAXIOV).',
  }
}
