import { NAMES_MAX } from '../limits.ts'
import { DamagedColumn } from './damaged-column.ts'

/** Texts of a dictionary that came in one message. */
export interface Texts {
  readonly length: number
  /** Text `index`, null where there is none. Throws {@link DamagedColumn} where it lies outside. */
  at(index: number): Uint8Array | null
}

/** The texts that numbers of a column stand for, in the pieces in which they came. */
export class ArrowDictionary {
  size = 0
  /** Goes up when all texts are replaced by others. */
  generation = 0
  private pieces: Texts[] = []
  private starts: number[] = []
  private known: (Uint8Array | null)[] = []

  /** Adds texts, or, unless `isDelta`, puts them in the place of those there are. */
  add(values: readonly Texts[], isDelta: boolean): void {
    if (!isDelta) {
      this.size = 0
      this.generation++
      this.pieces = []
      this.starts = []
      this.known = []
    }
    for (const piece of values) {
      this.pieces.push(piece)
      this.starts.push(this.size)
      this.size += piece.length
    }
    if (this.size > NAMES_MAX) throw new DamagedColumn(`is a dictionary of more than ${NAMES_MAX} texts`)
  }

  /** All texts by their number. */
  texts(): readonly (Uint8Array | null)[] {
    if (this.known.length < this.size) this.forEach(this.known.length, (_, text) => this.known.push(text))
    return this.known
  }

  /** Calls back for every text from number `from` on. */
  forEach(from: number, call: (id: number, text: Uint8Array | null) => void): void {
    let first = this.pieces.length - 1
    while (first > 0 && this.starts[first]! > from) first--
    for (let piece = Math.max(0, first); piece < this.pieces.length; piece++) {
      const start = this.starts[piece]!
      const texts = this.pieces[piece]!
      for (let at = Math.max(0, from - start); at < texts.length; at++) call(start + at, texts.at(at))
    }
  }
}
