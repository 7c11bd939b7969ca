import { COLUMNS_MAX } from '../../limits.ts'
import { decimalInto } from '../../numbers.ts'
import { QUOTE } from '../../text-cell.ts'
import { timeInto } from './decimal-time.ts'
import { latin1 } from './text.ts'

const BLANK = 32
const TAB = 9
/** Letters of both cases differ in this bit alone. */
const LOWER_CASE = 32
const CAPITAL_A = 65
const CAPITAL_Z = 90

/**
 * The cells of one line, as places in its bytes, and the numbers in them. For files of 10^9 lines: nothing is allocated for a
 * line, and numbers go into columns, because a double that is returned is a heap object.
 */
export class LineCells {
  bytes: Uint8Array = new Uint8Array(0)
  /** Cells found. */
  count = 0
  /** Cell `i` is `bytes[from[i]..to[i])`. */
  readonly from = new Int32Array(COLUMNS_MAX + 1)
  readonly to = new Int32Array(COLUMNS_MAX + 1)
  /** Value of cell `i`, once {@link integer} has read it. */
  readonly value = new Float64Array(COLUMNS_MAX + 1)
  /** What {@link time} read last: whole seconds, and ns. */
  readonly clock = new Float64Array(2)

  /**
   * Finds the cells of `bytes[from..to)`, the first `cellsMax` of them (at most COLUMNS_MAX + 1), behind which it does not look. A
   * cell that stands in quotes is what is between them. False when it comes upon quotes that are more than that: doubled ones, one
   * that is not closed, one inside a cell.
   */
  split(bytes: Uint8Array, from: number, to: number, delimiter: number, cellsMax: number): boolean {
    this.bytes = bytes
    this.count = 0
    // Most bytes are digits and letters, which stand above both.
    const highest = delimiter > QUOTE ? delimiter : QUOTE
    let start = from
    let cellEnd = -1
    for (let at = from; at < to; at++) {
      const byte = bytes[at]!
      if (byte > highest) continue
      if (byte === delimiter) {
        this.add(start, cellEnd < 0 ? at : cellEnd)
        if (this.count === cellsMax) return true
        start = at + 1
        cellEnd = -1
      } else if (byte === QUOTE) {
        cellEnd = at === start ? closingQuote(bytes, at + 1, to, delimiter) : -1
        if (cellEnd < 0) return false
        start++
        at = cellEnd
      }
    }
    this.add(start, cellEnd < 0 ? to : cellEnd)
    return true
  }

  /** As {@link split}, between runs of blanks and tabs; those at the ends do not count, and quotes are nothing special. */
  splitBlanks(bytes: Uint8Array, from: number, to: number, cellsMax: number): void {
    this.bytes = bytes
    this.count = 0
    let at = from
    for (;;) {
      while (at < to && isBlank(bytes[at]!)) at++
      if (at === to || this.count === cellsMax) return
      const start = at
      while (at < to && !isBlank(bytes[at]!)) at++
      this.add(start, at)
    }
  }

  /** Takes cells that stand somewhere else, each followed by a byte that is no digit. */
  takeCells(bytes: Uint8Array, ends: readonly number[]): void {
    this.bytes = bytes
    this.count = 0
    let start = 0
    for (const end of ends) {
      this.add(start, end)
      start = end + 1
    }
  }

  /** Leaves out blanks at both ends of the cells. */
  trim(): void {
    const { bytes } = this
    for (let cell = 0; cell < this.count; cell++) {
      let from = this.from[cell]!
      let to = this.to[cell]!
      while (from < to && isBlank(bytes[from]!)) from++
      while (to > from && isBlank(bytes[to - 1]!)) to--
      this.from[cell] = from
      this.to[cell] = to
    }
  }

  isEmpty(cell: number): boolean {
    return this.from[cell] === this.to[cell]
  }

  /** Reads the cell as a whole number up to 2^53 - 1 into {@link value}; false when it is none. */
  integer(cell: number): boolean {
    const from = this.from[cell]!
    // The bytes go on behind a cell with something that is no digit; an empty one begins with it.
    return decimalInto(this.bytes, from, this.value, cell) === this.to[cell]!
  }

  /** Reads the cell as a time in `unit` (`TIME_*`) into {@link clock}; false when it is none. */
  time(cell: number, unit: number): boolean {
    return timeInto(this.bytes, this.from[cell]!, this.to[cell]!, unit, this.clock)
  }

  /** The cell is that lower-case word, in letters of any case. */
  isWord(cell: number, word: string): boolean {
    const from = this.from[cell]!
    if (this.to[cell]! - from !== word.length) return false
    for (let at = 0; at < word.length; at++) {
      if ((this.bytes[from + at]! | LOWER_CASE) !== word.charCodeAt(at)) return false
    }
    return true
  }

  /** The only byte of the cell; 0 when it has none, or several. */
  onlyByte(cell: number): number {
    const from = this.from[cell]!
    return this.to[cell]! - from === 1 ? this.bytes[from]! : 0
  }

  /** As {@link onlyByte}; a capital letter as the small one. */
  letter(cell: number): number {
    const byte = this.onlyByte(cell)
    return byte >= CAPITAL_A && byte <= CAPITAL_Z ? byte | LOWER_CASE : byte
  }

  text(cell: number): string {
    return latin1(this.bytes, this.from[cell]!, this.to[cell]!)
  }

  private add(from: number, to: number): void {
    this.from[this.count] = from
    this.to[this.count] = to
    this.count++
  }
}

/** Position of the quote that closes a cell, or -1 when it has others, or something stands behind it. */
function closingQuote(bytes: Uint8Array, from: number, to: number, delimiter: number): number {
  let at = from
  while (at < to && bytes[at] !== QUOTE) at++
  const isClosed = at < to && (at + 1 === to || bytes[at + 1] === delimiter)
  return isClosed ? at : -1
}

function isBlank(byte: number): boolean {
  return byte === BLANK || byte === TAB
}
