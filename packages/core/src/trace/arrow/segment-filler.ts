import { type Data, DataType } from 'apache-arrow'
import { COLUMN_SEGS } from '../columns.ts'
import { FAULT_FORM, FAULT_SEGMENTS_SUM } from '../faults.ts'
import { BATCH_SEGMENTS_MAX, INTEGER_MAX } from '../limits.ts'
import { type NameFiller, nameIds } from './column-fillers.ts'
import type { ArrowDictionary } from './dictionaries.ts'
import { eachText } from './each-value.ts'
import type { RowSink } from './row-sink.ts'
import { SegmentStructs } from './segment-structs.ts'
import { checkBuffers, isList, isText, isThere, listRange, numbersInto, validityOf } from './values.ts'

const SEMICOLON = 59
const EMPTY = new Uint8Array(0)

/** What may be said of a segment. */
type Part = 'address' | 'offset' | 'length' | 'file'

/** Copies segments: lists of structs (address, offset, length, file), lists of texts, or texts as the `segs` cell has them. */
export class SegmentFiller {
  private readonly sink: RowSink
  private readonly fileNames: NameFiller
  private data: Data | null = null
  private validity: Uint8Array | null = null
  private dictionary: ArrowDictionary | null = null
  /** Rows of the column before the first of the batch. */
  private from = 0
  private readonly structs: SegmentStructs

  constructor(sink: RowSink) {
    this.sink = sink
    this.structs = new SegmentStructs(sink)
    this.fileNames = nameIds(sink)
  }

  /** Rows from `from` on that have few enough segments for a batch: one at least. */
  rowsThatFit(data: Data, from: number, countMax: number): number {
    if (!isList(data.type)) return countMax
    const first = Number(data.valueOffsets[from])
    let count = 1
    while (count < countMax && Number(data.valueOffsets[from + count + 1]) - first <= BATCH_SEGMENTS_MAX) count++
    return count
  }

  /** Prepares rows `from` to `from + count`; {@link add} takes them one by one. */
  prepare(data: Data, dictionaryOf: (type: DataType) => ArrowDictionary | null, from: number, count: number): void {
    this.data = data
    this.validity = validityOf(data)
    this.from = from
    this.dictionary = dictionaryOf(data.type)
    if (!isList(data.type)) return
    const items = data.children[0]!
    checkBuffers(items, items.length)
    this.dictionary = dictionaryOf(items.type)
    if (isText(items.type)) return
    const { start } = listRange(data, from, items.length)
    const { end } = listRange(data, from + count - 1, items.length)
    if (start > end) return
    this.takeParts(items, dictionaryOf, start, end - start)
  }

  /** Adds the segments of a row to the table of the batch; their bytes in all, or NaN when it has none. */
  add(row: number): number {
    const { data } = this
    if (data === null || DataType.isNull(data.type) || !isThere(this.validity, this.from + row)) return Number.NaN
    if (!isList(data.type)) return this.addText(data, row)
    const items = data.children[0]!
    const { start, end } = listRange(data, this.from + row, items.length)
    if (start === end) return Number.NaN
    this.structs.checkCount(row, end - start)
    this.sink.present[row]! |= 1 << COLUMN_SEGS
    return isText(items.type) ? this.addTexts(items, row, start, end) : this.structs.add(row, start, end)
  }

  private takeParts(
    items: Data,
    dictionaryOf: (type: DataType) => ArrowDictionary | null,
    start: number,
    count: number,
  ): void {
    const { structs } = this
    structs.begin(start, count)
    items.type.children.forEach(({ name }: { name: string }, index: number) => {
      const child = items.children[index]!
      checkBuffers(child, items.length)
      if (DataType.isNull(child.type)) return
      const part = name as Part
      if (part === 'file') this.fileNames.idsInto(child, dictionaryOf(child.type), start, count, structs.files)
      else if (part in structs.numbers) {
        const bad = numbersInto(child, start, count, structs.numbers[part], Number.NaN)
        if (bad >= 0) throw this.sink.error(0, `segs has ${part} ${child.values[start + bad]}`, BELOW)
      }
    })
  }

  private addText(data: Data, row: number): number {
    eachText(data, this.dictionary, this.from + row, 1, (_, text) => {
      this.sink.readCell(COLUMN_SEGS, row, text ?? EMPTY)
    })
    const isEmpty = (this.sink.present[row]! & (1 << COLUMN_SEGS)) === 0
    return isEmpty ? Number.NaN : this.sink.cells.segments.sumBytes[0]!
  }

  private addTexts(items: Data, row: number, start: number, end: number): number {
    let sumBytes = 0
    eachText(items, this.dictionary, start, end - start, (_, text) => {
      if (text === null || text.includes(SEMICOLON)) throw this.sink.fail(row, FAULT_FORM, COLUMN_SEGS, text ?? EMPTY)
      this.sink.readCell(COLUMN_SEGS, row, text)
      sumBytes += this.sink.cells.segments.sumBytes[0]!
    })
    if (sumBytes > INTEGER_MAX) throw this.sink.fail(row, FAULT_SEGMENTS_SUM, COLUMN_SEGS, EMPTY)
    return sumBytes
  }
}

const BELOW = 'Expected whole numbers from 0 to 2^53 - 1.'
