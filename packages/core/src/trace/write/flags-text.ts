import { FLAG_HOLE, FLAG_NAMES, NONE, type OpBatch } from '../op-batch.ts'

/** The words of a row's flags, `order=N` and `hole=OFFSET+LENGTH` among them. Rows of the same words share one text. */
export class FlagsText {
  private readonly known = new Map<number, string>()

  /** As the `flags` cell has them; empty for none. */
  of(batch: OpBatch, row: number): string {
    const order = batch.order[row]!
    const holeBytes = batch.holeLengthBytes[row]!
    const bits = batch.flags[row]!
    if (order === NONE && holeBytes === NONE) return this.wordsOf(bits)
    const words = [this.wordsOf(holeBytes === NONE ? bits : bits & ~FLAG_HOLE)]
    if (order !== NONE) words.push(`order=${order}`)
    if (holeBytes !== NONE) words.push(`hole=${batch.holeOffsetBytes[row]}+${holeBytes}`)
    return words.filter((word) => word !== '').join(' ')
  }

  private wordsOf(bits: number): string {
    const known = this.known.get(bits)
    if (known !== undefined) return known
    const text = FLAG_NAMES.filter((_, bit) => ((bits >> bit) & 1) === 1).join(' ')
    this.known.set(bits, text)
    return text
  }
}
