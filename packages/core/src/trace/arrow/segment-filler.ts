import { type Data, DataType } from 'apache-arrow'
import { ITER_BVEC, ITER_FOLIOQ, ITER_MIXED, ITER_XARRAY } from '../../iter/iter-type.ts'
import { KVEC_OFFSET } from '../../iter/segment-table.ts'
import { PAGE_SIZE } from '../../units.ts'
import { COLUMN_SEGS } from '../columns.ts'
import { SEGMENTS_MAX } from '../event-rules.ts'
import { FAULT_FORM, FAULT_RANGE, FAULT_SEGMENT_END, FAULT_SEGMENTS_MANY, FAULT_SEGMENTS_SUM } from '../faults.ts'
import { BATCH_SEGMENTS_MAX, BVEC_FIELD_MAX, INTEGER_MAX, PFN_MAX, SEGMENTS_VECTOR_MAX } from '../limits.ts'
import { NONE } from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'
import { type NameFiller, nameIds } from './column-fillers.ts'
import type { ArrowDictionary } from './dictionaries.ts'
import { eachText } from './each-value.ts'
import type { RowSink } from './row-sink.ts'
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
  /** Items of the list before the first of the batch. */
  private itemsFrom = 0
  private readonly numbers = {
    address: new Float64Array(8192),
    offset: new Float64Array(8192),
    length: new Float64Array(8192),
  }
  private files = new Int32Array(8192)

  constructor(sink: RowSink) {
    this.sink = sink
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
    this.itemsFrom = start
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
    this.checkCount(row, end - start)
    this.sink.present[row]! |= 1 << COLUMN_SEGS
    return isText(items.type) ? this.addTexts(items, row, start, end) : this.addStructs(row, start, end)
  }

  private takeParts(
    items: Data,
    dictionaryOf: (type: DataType) => ArrowDictionary | null,
    start: number,
    count: number,
  ): void {
    this.grow(count)
    for (const part of ['address', 'offset', 'length'] as const) this.numbers[part].fill(Number.NaN, 0, count)
    this.files.fill(NONE, 0, count)
    items.type.children.forEach(({ name }: { name: string }, index: number) => {
      const child = items.children[index]!
      checkBuffers(child, items.length)
      if (DataType.isNull(child.type)) return
      const part = name as Part
      if (part === 'file') this.fileNames.idsInto(child, dictionaryOf(child.type), start, count, this.files)
      else if (part in this.numbers) {
        const bad = numbersInto(child, start, count, this.numbers[part], Number.NaN)
        if (bad >= 0) throw this.sink.error(0, `segs has ${part} ${child.values[start + bad]}`, BELOW)
      }
    })
  }

  private addStructs(row: number, start: number, end: number): number {
    const { segments } = this.sink.batch
    const { address, offset, length } = this.numbers
    let sumBytes = 0
    for (let item = start - this.itemsFrom; item < end - this.itemsFrom; item++) {
      this.checkStruct(row, item)
      segments.push(address[item]!, this.placeOf(row, item, offset[item]!), length[item]!)
      sumBytes += length[item]!
      if (sumBytes > INTEGER_MAX) throw this.sink.fail(row, FAULT_SEGMENTS_SUM, COLUMN_SEGS, EMPTY)
    }
    return sumBytes
  }

  /** What the table has beside the address: see SegmentTable. */
  private placeOf(row: number, item: number, offset: number): number {
    const iterType = this.sink.batch.iterType[row]!
    if (iterType === ITER_FOLIOQ || iterType === ITER_XARRAY) {
      if (this.files[item] === NONE) throw this.sink.error(row, 'segs has a range without a file', FILE_HINT)
      return this.files[item]!
    }
    if (iterType === ITER_MIXED) return Number.isNaN(offset) ? KVEC_OFFSET : offset
    if (iterType === ITER_BVEC) return Number.isNaN(offset) ? 0 : offset
    if (offset > 0) throw this.sink.error(row, `segs has offset ${offset} of an address`, OFFSET_HINT)
    return 0
  }

  private checkStruct(row: number, item: number): void {
    const address = this.numbers.address[item]!
    const offset = this.numbers.offset[item]!
    const length = this.numbers.length[item]!
    const fail = (code: number) => this.sink.fail(row, code, COLUMN_SEGS, shown(address, offset, length))
    if (!(address >= 0 && length >= 0) || offset < 0) throw fail(FAULT_FORM)
    const iterType = this.sink.batch.iterType[row]!
    if (iterType !== ITER_BVEC && (iterType !== ITER_MIXED || Number.isNaN(offset))) {
      if (address + length > INTEGER_MAX) throw fail(FAULT_SEGMENT_END)
      return
    }
    const bytes = (Number.isNaN(offset) ? 0 : offset) + length
    if (address > PFN_MAX || offset > BVEC_FIELD_MAX || length > BVEC_FIELD_MAX) throw fail(FAULT_RANGE)
    if (bytes > (PFN_MAX + 1 - address) * PAGE_SIZE) throw fail(FAULT_SEGMENT_END)
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

  private checkCount(row: number, count: number): void {
    const iterType = this.sink.batch.iterType[row]!
    const most = iterType === ITER_UNSET ? SEGMENTS_VECTOR_MAX : SEGMENTS_MAX[iterType]!
    if (count > most) throw this.sink.fail(row, FAULT_SEGMENTS_MANY, COLUMN_SEGS, EMPTY)
  }

  private grow(count: number): void {
    if (count <= this.files.length) return
    const capacity = Math.max(count, 2 * this.files.length)
    for (const part of ['address', 'offset', 'length'] as const) this.numbers[part] = new Float64Array(capacity)
    this.files = new Int32Array(capacity)
  }
}

const BELOW = 'Expected whole numbers from 0 to 2^53 - 1.'
const FILE_HINT = 'In a folioq or xarray row each segment has file, address (the position in it) and length.'
const OFFSET_HINT = 'An offset is of a page: iter bvec or mixed, with the page frame number as address.'

function shown(address: number, offset: number, length: number): Uint8Array {
  return Buffer.from(Number.isNaN(offset) ? `${address}+${length}` : `${address}:${offset}+${length}`)
}
