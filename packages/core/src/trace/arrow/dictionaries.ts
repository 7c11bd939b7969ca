import type { Data, DataType } from 'apache-arrow'
import { NAMES_MAX } from '../limits.ts'
import { checkBuffers, DamagedColumn, isText, textAt } from './values.ts'

/** The texts that numbers of a column stand for, in the pieces in which they came. */
export class ArrowDictionary {
  size = 0
  /** Goes up when all texts are replaced by others. */
  generation = 0
  private pieces: Data<DataType>[] = []
  private starts: number[] = []
  private known: (Uint8Array | null)[] = []

  /** Adds texts, or, unless `isDelta`, puts them in the place of those there are. */
  add(values: readonly Data<DataType>[], isDelta: boolean): void {
    if (!isDelta) {
      this.size = 0
      this.generation++
      this.pieces = []
      this.starts = []
      this.known = []
    }
    for (const piece of values) {
      if (!isText(piece.type)) throw new DamagedColumn(`is a dictionary of ${piece.type}, expected utf8`)
      checkBuffers(piece, piece.length)
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
      const data = this.pieces[piece]!
      for (let at = Math.max(0, from - start); at < data.length; at++) call(start + at, textAt(data, at))
    }
  }
}

/** What each text of a dictionary means in one column: a number, found out once. */
export class Meanings {
  private known = new Int32Array(64)
  private size = 0
  private generation = 0

  /** The meanings of all texts, by their number. */
  of(dictionary: ArrowDictionary, meaningOf: (text: Uint8Array | null) => number): Int32Array {
    if (dictionary.generation !== this.generation) {
      this.generation = dictionary.generation
      this.size = 0
    }
    if (this.size === dictionary.size) return this.known
    if (dictionary.size > this.known.length) {
      const known = new Int32Array(dictionary.size * 2)
      known.set(this.known)
      this.known = known
    }
    dictionary.forEach(this.size, (id, text) => {
      this.known[id] = meaningOf(text)
    })
    this.size = dictionary.size
    return this.known
  }
}
