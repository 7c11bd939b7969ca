/** {@link WordTable.match}: none of the words stands there. */
export const WORD_UNKNOWN = -1

/** The few fixed words of an enumeration, found by their first letter and then letter by letter: no hash, no allocation. */
export class WordTable {
  private readonly letters: Uint8Array
  /** Word `id` is `letters[ends[id]..ends[id + 1])`. */
  private readonly ends: Int32Array
  /** First word of a first letter, and the next word with the same one; {@link WORD_UNKNOWN} for none. */
  private readonly firstOf = new Int16Array(256).fill(WORD_UNKNOWN)
  private readonly nextOf: Int16Array

  constructor(words: readonly string[]) {
    this.letters = new TextEncoder().encode(words.join(''))
    this.ends = new Int32Array(words.length + 1)
    this.nextOf = new Int16Array(words.length)
    for (let id = words.length - 1; id >= 0; id--) {
      const letter = words[id]!.charCodeAt(0)
      this.nextOf[id] = this.firstOf[letter]!
      this.firstOf[letter] = id
    }
    for (let id = 0; id < words.length; id++) this.ends[id + 1] = this.ends[id]! + words[id]!.length
  }

  /** The longest word that `bytes` goes on with at `at`, or {@link WORD_UNKNOWN}; more letters may stand behind it. */
  match(bytes: Uint8Array, at: number): number {
    let longest = WORD_UNKNOWN
    let length = 0
    for (let id = this.firstOf[bytes[at]!]!; id >= 0; id = this.nextOf[id]!) {
      const candidate = this.ends[id + 1]! - this.ends[id]!
      if (candidate > length && this.isAt(id, bytes, at)) {
        longest = id
        length = candidate
      }
    }
    return longest
  }

  /** Letters of a word. */
  lengthOf(id: number): number {
    return this.ends[id + 1]! - this.ends[id]!
  }

  private isAt(id: number, bytes: Uint8Array, at: number): boolean {
    const letters = this.letters
    const end = this.ends[id + 1]!
    for (let from = this.ends[id]!, next = at; from < end; from++, next++)
      if (letters[from] !== bytes[next]) return false
    return true
  }
}
