import { type Data, DataType } from 'apache-arrow'
import { COLUMN_FLAGS } from '../columns.ts'
import { FlagsCell } from '../flags-cell.ts'
import { NONE } from '../op-batch.ts'
import type { ColumnFiller } from './column-fillers.ts'
import type { ArrowDictionary } from './dictionaries.ts'
import { eachNumber, eachText } from './each-value.ts'
import { flagBits, Meanings, OTHER } from './meanings.ts'
import type { RowSink } from './row-sink.ts'
import { checkBuffers, isThere, listRange, validityOf } from './values.ts'

const EMPTY = new Uint8Array(0)
const SPACE = Buffer.from(' ')

/** The words of a text, or of a list of texts. */
export class FlagsFiller implements ColumnFiller {
  private readonly sink: RowSink
  /** Bits of the texts of the dictionary. */
  private readonly meanings: Meanings

  constructor(sink: RowSink) {
    this.sink = sink
    const cell = new FlagsCell()
    this.meanings = new Meanings((text) => flagBits(cell, text))
  }

  fill(data: Data, dictionary: ArrowDictionary | null, from: number, count: number): void {
    const { sink } = this
    if (DataType.isNull(data.type)) {
      for (let row = 0; row < count; row++) sink.cells.clear(COLUMN_FLAGS, row)
    } else if (data.children.length > 0) this.lists(data, dictionary, from, count)
    else if (dictionary !== null) this.numbers(data, dictionary, from, count)
    else eachText(data, null, from, count, (row, text) => sink.readCell(COLUMN_FLAGS, row, text ?? EMPTY))
  }

  private numbers(data: Data, dictionary: ArrowDictionary, from: number, count: number): void {
    const { sink } = this
    const bits = this.meanings.of(dictionary)
    eachNumber(data, dictionary.size, from, count, (row, number) => {
      const known = number === NONE ? 0 : bits[number]!
      if (known === OTHER) sink.readCell(COLUMN_FLAGS, row, dictionary.texts()[number] ?? EMPTY)
      else {
        sink.cells.clear(COLUMN_FLAGS, row)
        sink.batch.flags[row] = known
        if (known !== 0) sink.present[row]! |= 1 << COLUMN_FLAGS
      }
    })
  }

  private lists(data: Data, dictionary: ArrowDictionary | null, from: number, count: number): void {
    const items = data.children[0]!
    const validity = validityOf(data)
    checkBuffers(items, items.length)
    for (let row = 0; row < count; row++) {
      const words: Uint8Array[] = []
      if (isThere(validity, from + row)) {
        const { start, end } = listRange(data, from + row, items.length)
        eachText(items, dictionary, start, end - start, (_, text) => words.push(text ?? EMPTY, SPACE))
      }
      this.sink.readCell(COLUMN_FLAGS, row, Buffer.concat(words))
    }
  }
}
