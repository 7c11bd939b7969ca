import { ITER_DEST, ITER_SOURCE } from '../../iter/iter-type.ts'
import type { ByteWindow } from '../byte-window.ts'
import type { CellReader } from '../cells.ts'
import { COLUMN_END, COLUMN_LEN } from '../columns.ts'
import { INTEGER_MAX, LINE_BYTES_MAX } from '../limits.ts'
import { type HexDigits, hexDigits, hexInto } from '../numbers.ts'
import { BATCH_ROWS_MAX, type OpBatch } from '../op-batch.ts'
import { CARRIAGE_RETURN, COMMA, LINE_FEED, QUOTE } from '../text-cell.ts'
import { type RowScanner, TEXT_EMPTY } from './row-scanner.ts'
import {
  CELL_DEFAULT,
  CELL_NUMBER,
  CELL_OP,
  CELL_SEGMENT,
  CELL_SMALL,
  CELL_TEXT,
  defaultWord,
  emptyOf,
  numberColumn,
  type ScanPlan,
} from './scan-plan.ts'

const PLUS = 43
const ZERO = 48
const LETTER_A = 97
const LETTER_D = 100
const LETTER_E = 101
const LETTER_I = 105
const LETTER_R = 114
const LETTER_T = 116
const LETTER_W = 119
const LETTER_X = 120

/** Of a number: more are the exact reader's. */
const DIGITS_MAX = 16
/** In place of a position: the line is not of the common form. */
const UNCOMMON = -1

/**
 * Reads lines of the common form, an operation on one buffer in plain cells, into rows of the batch: a fraction of what
 * the exact reader does, at several times its speed. Whatever else stands in a line, an error above all, is left to the
 * exact reader: this one only ever says that it has not read it.
 */
export class LineScanner implements RowScanner {
  next = 0
  readonly lineAt = new Int32Array(BATCH_ROWS_MAX)
  readonly textAt: readonly Int32Array[]
  private readonly batch: OpBatch
  private readonly kinds: Uint8Array
  /** The column of each cell that is a number. */
  private readonly numbers: readonly Float64Array[]
  private readonly smalls: readonly Int32Array[]
  /** What an empty cell stands for. Nothing does for `ts`. */
  private readonly empties: Float64Array
  private readonly words: readonly Uint8Array[]
  private readonly texts: readonly Int32Array[]
  private readonly hasEnd: boolean
  private readonly hasLength: boolean
  private readonly digits: HexDigits = hexDigits()

  constructor(plan: ScanPlan, cells: CellReader) {
    const batch = cells.batch
    this.batch = batch
    this.kinds = Uint8Array.from(plan.kinds)
    this.numbers = plan.codes.map((code) => asFloat64(numberColumn(code, cells)))
    this.smalls = plan.codes.map((code) => asInt32(numberColumn(code, cells)))
    this.empties = Float64Array.from(plan.codes, emptyOf)
    this.words = plan.codes.map((code) => new TextEncoder().encode(defaultWord(code)))
    this.textAt = plan.texts.map(() => new Int32Array(BATCH_ROWS_MAX))
    this.texts = plan.codes.map((code) => this.textAt[plan.texts.indexOf(code)] ?? NO_SMALLS)
    this.hasEnd = plan.codes.includes(COLUMN_END)
    this.hasLength = plan.codes.includes(COLUMN_LEN)
  }

  scan(window: ByteWindow, line: number, clockNs: Float64Array): void {
    const { bytes, start, linesEnd } = window
    const { batch, lineAt } = this
    const { segments } = batch
    const first = batch.length
    const firstSegment = segments.length
    const stop = first + Math.min(BATCH_ROWS_MAX - first, segments.addressBytes.length - firstSegment)
    let row = first
    let segment = firstSegment
    let next = start
    while (next < linesEnd && row < stop) {
      const to = this.readLine(bytes, next, row, segment)
      if (to < 0 || to - next > LINE_BYTES_MAX || !this.obeysRules(row, segment, clockNs)) break
      lineAt[row] = next
      batch.line[row] = line + row - first
      batch.segmentFirst[row] = segment
      next = to
      row++
      segment++
    }
    this.next = next
    batch.length = row
    segments.length = segment
  }

  private readLine(bytes: Uint8Array, at: number, row: number, segment: number): number {
    const kinds = this.kinds
    const last = kinds.length - 1
    let next = at
    for (let cell = 0; ; cell++) {
      switch (kinds[cell]) {
        case CELL_NUMBER:
          next = this.readNumber(bytes, next, cell, row)
          break
        case CELL_OP:
          next = this.readOp(bytes, next, row)
          break
        case CELL_SEGMENT:
          next = this.readSegment(bytes, next, segment)
          break
        default:
          next = this.readOther(bytes, next, cell, row)
      }
      if (next < 0) return UNCOMMON
      if (cell === last) break
      if (bytes[next] !== COMMA) return UNCOMMON
      next++
    }
    if (bytes[next] === CARRIAGE_RETURN) next++
    return bytes[next] === LINE_FEED ? next + 1 : UNCOMMON
  }

  private readOther(bytes: Uint8Array, at: number, cell: number, row: number): number {
    const kind = this.kinds[cell]
    if (kind === CELL_SMALL) return this.readSmall(bytes, at, cell, row)
    if (kind === CELL_DEFAULT) return this.readDefault(bytes, at, cell)
    const end = endOfPlainText(bytes, at)
    if (kind === CELL_TEXT) this.texts[cell]![row] = end === at ? TEXT_EMPTY : at
    return end
  }

  private readNumber(bytes: Uint8Array, at: number, cell: number, row: number): number {
    const digit = bytes[at]! - ZERO
    if (digit >>> 0 <= 9) return numberInto(bytes, at, this.numbers[cell]!, row)
    this.numbers[cell]![row] = this.empties[cell]!
    return at
  }

  /** Of up to nine digits: more do not fit an int32. */
  private readSmall(bytes: Uint8Array, at: number, cell: number, row: number): number {
    let next = at
    let value = 0
    let digit = bytes[next]! - ZERO
    while (digit >>> 0 <= 9 && next < at + 9) {
      value = (value * 10 + digit) | 0
      next++
      digit = bytes[next]! - ZERO
    }
    this.smalls[cell]![row] = next > at ? value : this.empties[cell]!
    return next
  }

  private readOp(bytes: Uint8Array, at: number, row: number): number {
    const directions = this.batch.direction
    if (bytes[at] === LETTER_R) {
      directions[row] = ITER_DEST
      return bytes[at + 1] === LETTER_E && bytes[at + 2] === LETTER_A && bytes[at + 3] === LETTER_D ? at + 4 : UNCOMMON
    }
    directions[row] = ITER_SOURCE
    const isWrite =
      bytes[at] === LETTER_W &&
      bytes[at + 1] === LETTER_R &&
      bytes[at + 2] === LETTER_I &&
      bytes[at + 3] === LETTER_T &&
      bytes[at + 4] === LETTER_E
    return isWrite ? at + 5 : UNCOMMON
  }

  /** `0xADDR+LEN` */
  private readSegment(bytes: Uint8Array, at: number, segment: number): number {
    if (bytes[at] !== ZERO || bytes[at + 1] !== LETTER_X) return UNCOMMON
    const { addressBytes, lengthBytes } = this.batch.segments
    const plus = hexInto(this.digits, bytes, at + 2, addressBytes, segment)
    if (plus < 0 || plus > at + 2 + DIGITS_MAX || bytes[plus] !== PLUS) return UNCOMMON
    if ((bytes[plus + 1]! - ZERO) >>> 0 > 9) return UNCOMMON
    return numberInto(bytes, plus + 1, lengthBytes, segment)
  }

  private readDefault(bytes: Uint8Array, at: number, cell: number): number {
    const word = this.words[cell]!
    if (word.length === 0 || bytes[at] !== word[0]) return at
    for (let index = 1; index < word.length; index++) if (bytes[at + index] !== word[index]) return UNCOMMON
    return at + word.length
  }

  /** Fills in what follows from the cells and checks what RowRules checks of such a row. */
  private obeysRules(row: number, segment: number, clockNs: Float64Array): boolean {
    const batch = this.batch
    const { addressBytes, lengthBytes } = batch.segments
    const tsNs = batch.tsNs[row]!
    // An empty cell is not a number.
    if (!(tsNs >= clockNs[0]!)) return false
    if (this.hasEnd && batch.endNs[row]! >= 0 && batch.endNs[row]! < tsNs) return false
    const sum = lengthBytes[segment]!
    if (sum > INTEGER_MAX - addressBytes[segment]!) return false
    if (!this.hasLength || batch.lengthBytes[row]! < 0) batch.lengthBytes[row] = sum
    else if (batch.lengthBytes[row]! > sum) return false
    const offset = batch.offsetBytes[row]!
    if (offset >= 0 && batch.lengthBytes[row]! > INTEGER_MAX - offset) return false
    clockNs[0] = tsNs
    return true
  }
}

const NO_NUMBERS = new Float64Array(0)
const NO_SMALLS = new Int32Array(0)

function asFloat64(column: Float64Array | Int32Array | null): Float64Array {
  return column instanceof Float64Array ? column : NO_NUMBERS
}

function asInt32(column: Float64Array | Int32Array | null): Int32Array {
  return column instanceof Int32Array ? column : NO_SMALLS
}

/** Reads the digits at `at`, of which there is one at least, into a column: up to 16 of them. */
function numberInto(bytes: Uint8Array, at: number, out: Float64Array, index: number): number {
  let next = at
  let high = 0
  let digit = bytes[next]! - ZERO
  const highStop = at + 9
  do {
    high = (high * 10 + digit) | 0
    next++
    digit = bytes[next]! - ZERO
  } while (digit >>> 0 <= 9 && next < highStop)
  if (digit >>> 0 > 9) {
    out[index] = high
    return next
  }
  let low = 0
  let scale = 1
  const lowStop = next + 7
  do {
    low = (low * 10 + digit) | 0
    scale = (scale * 10) | 0
    next++
    digit = bytes[next]! - ZERO
  } while (digit >>> 0 <= 9 && next < lowStop)
  const value = high * scale + low
  out[index] = value
  return value > INTEGER_MAX ? UNCOMMON : next
}

/** Position of the first byte at which a text cell of the common form cannot go on. */
function endOfPlainText(bytes: Uint8Array, at: number): number {
  for (let next = at; ; next++) {
    const byte = bytes[next]!
    if (byte > COMMA) continue
    if (byte === COMMA || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === QUOTE || byte === 0) return next
  }
}
