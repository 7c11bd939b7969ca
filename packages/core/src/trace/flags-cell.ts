import { FAULT_FLAG, FAULT_HOLE, FAULT_ORDER } from './faults.ts'
import { INTEGER_MAX, ORDER_MAX } from './limits.ts'
import { decimalInto } from './numbers.ts'
import { FLAG_HOLE, FLAG_NAMES } from './op-batch.ts'
import { COMMA, LINE_FEED } from './text-cell.ts'
import { WordTable } from './word-table.ts'

const SPACE = 32
const PLUS = 43
const EQUALS = 61
const UNDERSCORE = 95
const LETTER_H = 104
const LETTER_O = 111
const LETTER_X = 120

/** Bytes of `order=` and `hole=`. */
const ORDER_LENGTH = 6
const HOLE_LENGTH = 5

const POSITION = 0
const LENGTH = 1

/** Reads `flags` cells: words of FLAG_NAMES, `order=N`, `hole=OFFSET+LENGTH`, `x_...`, between spaces or commas. */
export class FlagsCell {
  /** Of the last cell: bits of FLAG_NAMES. */
  bits = 0
  /** Of the last cell: `order=N`, -1 when absent. */
  order = -1
  /** Of the last cell: `hole=`, offset and length; length -1 when absent. */
  readonly hole = new Float64Array(2)
  /** After a fault: where the word begins that has it. */
  faultAt = 0
  private readonly last = new Uint8Array(64)
  private lastLength = 0
  private readonly words = new WordTable(FLAG_NAMES)
  private readonly number = new Float64Array(1)

  /**
   * Position behind the cell at `at` when it is the same as the last one, whose values then hold again; else -1. Few
   * cells of a trace differ from the one above.
   */
  matchLast(bytes: Uint8Array, at: number): number {
    const last = this.last
    const length = this.lastLength
    let next = at
    for (let index = 0; index < length; index++, next++) if (last[index] !== bytes[next]) return -1
    const byte = bytes[next]
    return length > 0 && (byte === COMMA || byte === LINE_FEED) ? next : -1
  }

  /** Reads `bytes[from..to)`; returns `to`, or a fault. */
  read(bytes: Uint8Array, from: number, to: number): number {
    this.bits = 0
    this.order = -1
    this.hole[POSITION] = 0
    this.hole[LENGTH] = -1
    this.lastLength = 0
    let at = from
    while (at < to) {
      const byte = bytes[at]!
      if (byte === SPACE || byte === COMMA) {
        at++
        continue
      }
      let end = at + 1
      while (end < to && bytes[end] !== SPACE && bytes[end] !== COMMA) end++
      this.faultAt = at
      const fault = this.readWord(bytes, at, end)
      if (fault < 0) return fault
      at = end
    }
    return to
  }

  /** Keeps `bytes[from..to)`, an unquoted cell just read, for {@link matchLast}. */
  keep(bytes: Uint8Array, from: number, to: number): void {
    if (to - from > this.last.length) return
    this.lastLength = to - from
    for (let index = 0; index < this.lastLength; index++) this.last[index] = bytes[from + index]!
  }

  private readWord(bytes: Uint8Array, at: number, end: number): number {
    const word = this.words.match(bytes, at)
    if (word >= 0 && at + this.words.lengthOf(word) === end) {
      this.bits |= 1 << word
      return end
    }
    const first = bytes[at]
    if (first === LETTER_X && bytes[at + 1] === UNDERSCORE) return end
    if (first === LETTER_O && bytes[at + ORDER_LENGTH - 1] === EQUALS && at + ORDER_LENGTH < end) {
      return isAt(bytes, at, 'order=') ? this.readOrder(bytes, at + ORDER_LENGTH, end) : FAULT_FLAG
    }
    if (first === LETTER_H && bytes[at + HOLE_LENGTH - 1] === EQUALS && at + HOLE_LENGTH < end) {
      return isAt(bytes, at, 'hole=') ? this.readHole(bytes, at + HOLE_LENGTH, end) : FAULT_FLAG
    }
    return FAULT_FLAG
  }

  private readOrder(bytes: Uint8Array, at: number, end: number): number {
    const next = decimalInto(bytes, at, this.number, 0)
    const order = this.number[0]!
    if (next !== end || order > ORDER_MAX || this.order >= 0) return FAULT_ORDER
    this.order = order | 0
    return end
  }

  private readHole(bytes: Uint8Array, at: number, end: number): number {
    const plus = decimalInto(bytes, at, this.hole, POSITION)
    if (plus < 0 || bytes[plus] !== PLUS || this.hole[LENGTH]! >= 0) return FAULT_HOLE
    const next = decimalInto(bytes, plus + 1, this.hole, LENGTH)
    if (next !== end || this.hole[LENGTH]! > INTEGER_MAX - this.hole[POSITION]!) return FAULT_HOLE
    this.bits |= FLAG_HOLE
    return end
  }
}

function isAt(bytes: Uint8Array, at: number, word: string): boolean {
  for (let index = 0; index < word.length; index++) if (bytes[at + index] !== word.charCodeAt(index)) return false
  return true
}
