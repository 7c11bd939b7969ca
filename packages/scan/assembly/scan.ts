import {
  DIRECTION,
  END_NS,
  LENGTH_BYTES,
  LINE,
  LINE_AT,
  OFFSET_BYTES,
  SEGMENT_ADDRESS_BYTES,
  SEGMENT_FIRST,
  SEGMENT_LENGTH_BYTES,
  TS_NS,
  WINDOW,
} from './columns'
import { areDecimal, decimalDigits, decimalValue, hexadecimalCount, hexadecimalValue } from './numbers'
import { CLOCK_NS, COLUMN_AT, EMPTIES, HAS_END, HAS_LENGTH, KINDS } from './plan'
import { BLOCK_BYTES, separators } from './separators'

// The twin of packages/core/src/trace/scan/line-scanner.ts, which says what it does and why. How is another matter: the ends
// of cells are found first, 64 bytes at a time, so that no cell waits for the one before it.

const CELL_NUMBER: u32 = 0
const CELL_SMALL: u32 = 1
const CELL_OP: u32 = 2
const CELL_SEGMENT: u32 = 3
const CELL_DEFAULT: u32 = 4
const CELL_TEXT: u32 = 5

const LINE_FEED: u32 = 10
const CARRIAGE_RETURN: u32 = 13
const PLUS: u32 = 43
const COMMA: u32 = 44
/** The letters of words, as a little-endian load has them. */
const ZERO_X: u32 = 0x7830
const READ: u32 = 0x64616572
const WRIT: u32 = 0x74697277
const LETTER_E: u32 = 0x65

const INTEGER_MAX: u64 = 9007199254740991
const DIGITS_MAX: usize = 16
/** Of an int32. */
const SMALL_DIGITS_MAX: usize = 9
const TEXT_EMPTY: i32 = -1

/** Position in the window of the first line that the last {@link scan} did not read. */
export let next: usize = 0

/**
 * Reads the lines of the window's `[start, linesEnd)` into rows from `first` on and segments from `firstSegment` on, until
 * one is not of the common form or `rowsEnd` is reached. Returns the row behind the last.
 */
export function scan(
  start: usize,
  linesEnd: usize,
  firstLine: f64,
  first: u32,
  rowsEnd: u32,
  firstSegment: u32,
  cells: u32,
): u32 {
  const end = WINDOW + linesEnd
  const last = cells - 1
  let row = first
  let segment = firstSegment
  let clockNs = load<f64>(CLOCK_NS)
  let line = firstLine
  let lineAt = WINDOW + start
  let isCommon = true
  while (lineAt < end && row < rowsEnd) {
    // Separators that lie ahead in the 64 bytes at `block`. Most lines have all of theirs in the first.
    let block = lineAt
    let ahead = separators(block)
    let from = lineAt
    for (let cell: u32 = 0; isCommon && cell < cells; cell++) {
      while (ahead === 0) {
        block += BLOCK_BYTES
        ahead = separators(block)
      }
      const to = block + <usize>ctz(ahead)
      ahead &= ahead - 1
      isCommon = readCell(from, to, cell, row, segment) && (cell === last || load<u8>(to) === COMMA)
      from = to + 1
    }
    if (load<u8>(from - 1) === CARRIAGE_RETURN) from++
    isCommon = isCommon && load<u8>(from - 1) === LINE_FEED && obeysRules(row, segment, clockNs)
    if (!isCommon) break
    clockNs = load<f64>(TS_NS + (row << 3))
    store<i32>(LINE_AT + (row << 2), <i32>(lineAt - WINDOW))
    store<f64>(LINE + (row << 3), line)
    store<i32>(SEGMENT_FIRST + (row << 2), segment)
    line += 1
    lineAt = from
    row++
    segment++
  }
  store<f64>(CLOCK_NS, clockNs)
  next = lineAt - WINDOW
  return row
}

/** Reads the cell `[from, to)`; false when it is not of the common form. */
@inline
function readCell(from: usize, to: usize, cell: u32, row: u32, segment: u32): bool {
  const kind: u32 = load<u8>(KINDS + cell)
  if (kind === CELL_NUMBER) return readNumber(from, to, cell, row)
  if (kind === CELL_OP) return readOp(from, to, row)
  if (kind === CELL_SEGMENT) return readSegment(from, to, segment)
  return readOther(from, to, kind, cell, row)
}

@inline
function readNumber(from: usize, to: usize, cell: u32, row: u32): bool {
  const place: usize = load<u32>(COLUMN_AT + (cell << 2)) + (row << 3)
  if (from === to) {
    store<f64>(place, load<f64>(EMPTIES + (cell << 3)))
    return true
  }
  return readDecimal(from, to, place)
}

/** One digit at least. */
@inline
function readDecimal(from: usize, to: usize, place: usize): bool {
  const count = to - from
  if (count > DIGITS_MAX) return false
  const digits = decimalDigits(to, count)
  const value = decimalValue(digits)
  store<f64>(place, <f64>(<i64>value))
  return areDecimal(digits) && value <= INTEGER_MAX
}

@inline
function readOp(from: usize, to: usize, row: u32): bool {
  // Reads and writes come in no order: where nothing branches, nothing is guessed wrong.
  const letters = load<u32>(from)
  const isRead = u32(letters === READ) & u32(to === from + 4)
  const isWrite = u32(letters === WRIT) & u32(load<u8>(from, 4) === LETTER_E) & u32(to === from + 5)
  store<u8>(DIRECTION + row, isWrite)
  return (isRead | isWrite) !== 0
}

/** `0xADDR+LEN` */
@inline
function readSegment(from: usize, to: usize, segment: u32): bool {
  const count = hexadecimalCount(from + 2)
  const plus = from + 2 + count
  if (<u32>load<u16>(from) !== ZERO_X || count === 0 || load<u8>(plus) !== PLUS || to < plus + 2) return false
  const address = hexadecimalValue(plus, count)
  store<f64>(SEGMENT_ADDRESS_BYTES + (segment << 3), <f64>(<i64>address))
  return address <= INTEGER_MAX && readDecimal(plus + 1, to, SEGMENT_LENGTH_BYTES + (segment << 3))
}

function readOther(from: usize, to: usize, kind: u32, cell: u32, row: u32): bool {
  const column: usize = load<u32>(COLUMN_AT + (cell << 2))
  if (kind === CELL_SMALL) return readSmall(from, to, column + (row << 2), cell)
  if (kind === CELL_DEFAULT) return from === to || isWord(from, to, column)
  if (kind === CELL_TEXT) store<i32>(column + (row << 2), from === to ? TEXT_EMPTY : <i32>(from - WINDOW))
  return true
}

function readSmall(from: usize, to: usize, place: usize, cell: u32): bool {
  const count = to - from
  if (count > SMALL_DIGITS_MAX) return false
  const digits = decimalDigits(to, count)
  store<i32>(place, count === 0 ? <i32>load<f64>(EMPTIES + (cell << 3)) : <i32>decimalValue(digits))
  return areDecimal(digits)
}

/** The word is its length, and then its letters. */
function isWord(from: usize, to: usize, word: usize): bool {
  const length: usize = load<u8>(word)
  if (length === 0 || length !== to - from) return false
  for (let index: usize = 0; index < length; index++)
    if (load<u8>(from + index) !== load<u8>(word + index, 1)) return false
  return true
}

@inline
function obeysRules(row: u32, segment: u32, clockNs: f64): bool {
  const at: usize = row << 3
  const tsNs = load<f64>(TS_NS + at)
  // An empty cell is not a number.
  if (!(tsNs >= clockNs)) return false
  if (load<u8>(HAS_END) !== 0) {
    const endNs = load<f64>(END_NS + at)
    if (endNs >= 0 && endNs < tsNs) return false
  }
  const sum = load<f64>(SEGMENT_LENGTH_BYTES + (segment << 3))
  if (sum > <f64>INTEGER_MAX - load<f64>(SEGMENT_ADDRESS_BYTES + (segment << 3))) return false
  let length = sum
  if (load<u8>(HAS_LENGTH) !== 0) {
    const cell = load<f64>(LENGTH_BYTES + at)
    if (cell > sum) return false
    if (cell >= 0) length = cell
  }
  store<f64>(LENGTH_BYTES + at, length)
  const offset = load<f64>(OFFSET_BYTES + at)
  return !(offset >= 0 && length > <f64>INTEGER_MAX - offset)
}
