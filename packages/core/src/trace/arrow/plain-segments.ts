import { COLUMN_FILE } from '../columns.ts'
import { BATCH_SEGMENTS_MAX, INTEGER_MAX } from '../limits.ts'
import { NONE } from '../op-batch.ts'
import type { ArrowDictionary } from './dictionaries.ts'
import { Meanings, nameId } from './meanings.ts'
import type { PlainBatch } from './plain-batch.ts'
import { BAD, copyMeanings } from './plain-indices.ts'
import {
  copyNumbers,
  copyPositive,
  isBelow52,
  isSet,
  type NumberBounds,
  noneThere,
  OUT_OF_BOUNDS,
} from './plain-numbers.ts'
import type { PlainColumn } from './plain-schema.ts'
import type { RowSink } from './row-sink.ts'
import { SegmentStructs } from './segment-structs.ts'

const OFFSET_BYTES = 4
const PARTS = ['address', 'offset', 'length'] as const
const BOUNDS: NumberBounds = { min: 0, max: INTEGER_MAX, none: Number.NaN, minusOne: null }

/** The segments of record batches: lists of structs of address, offset, length and file. */
export class PlainSegments {
  private readonly batch: PlainBatch
  private readonly column: PlainColumn
  private readonly sink: RowSink
  private readonly dictionaries: ReadonlyMap<number, ArrowDictionary>
  private readonly structs: SegmentStructs
  private readonly names: Meanings
  private readonly item: PlainColumn
  private readonly parts: Readonly<Record<(typeof PARTS)[number], PlainColumn | null>>
  private readonly file: PlainColumn | null

  constructor(
    batch: PlainBatch,
    column: PlainColumn,
    sink: RowSink,
    dictionaries: ReadonlyMap<number, ArrowDictionary>,
  ) {
    this.batch = batch
    this.column = column
    this.sink = sink
    this.dictionaries = dictionaries
    this.structs = new SegmentStructs(sink)
    this.names = new Meanings((text) => nameId(sink, COLUMN_FILE, sink.cells.files, 0, text))
    this.item = column.children[0]!
    const part = (name: string) => this.item.children.find((child) => child.name === name) ?? null
    this.parts = { address: part('address'), offset: part('offset'), length: part('length') }
    this.file = part('file')
  }

  /** The buffers of the record batch at work are as long as its rows and segments need. */
  holds(rows: number): boolean {
    const { batch, column, item } = this
    if (!batch.holds(column.node, column.buffer, rows, OFFSET_BYTES)) return false
    if (batch.bytes[column.buffer + 1]! < (rows + 1) * OFFSET_BYTES) return false
    const items = batch.lengths[item.node]!
    const bits = batch.hasNulls(item.node, item.buffer) ? batch.bytes[item.buffer]! * 8 : items
    return bits >= items && item.children.every(({ node, buffer, bits }) => batch.holds(node, buffer, items, bits >> 3))
  }

  /** Rows from `from` on that have few enough segments for a batch: one at least. */
  rowsThatFit(from: number, countMax: number): number {
    const { int32 } = this.batch.views
    const at = this.offsetsAt(from)
    const most = int32[at]! + BATCH_SEGMENTS_MAX
    if (int32[at + countMax]! <= most) return countMax
    let count = 1
    while (count < countMax && int32[at + count + 1]! <= most) count++
    return count
  }

  /**
   * Copies the segments of rows that have one user segment each, of memory that exists: false where that is not so of all.
   * What was copied then is of no use. Addresses and lengths from 2^52 on count as such that do not exist.
   */
  copyOneEach(from: number, count: number): boolean {
    const { batch, parts, file } = this
    const { address, length, offset } = parts
    const { segments } = this.sink.batch
    const { int32 } = batch.views
    if (address === null || length === null || batch.hasNulls(this.column.node, this.column.buffer)) return false
    const at = this.offsetsAt(from)
    const first = int32[at]!
    if (first < 0 || first + count > batch.lengths[this.item.node]!) return false
    if (!isOneEach(int32, at, first, count)) return false
    if (!this.hasNone(offset, first, count) || !this.hasNone(file, first, count)) return false
    const addresses = this.copyAll(address, first, count, segments.addressBytes)
    const lengths = this.copyAll(length, first, count, segments.lengthBytes)
    // Their sums are below 2^53 then, and so is that of a length and a position in a file, if that is below 2^52 too.
    return isBelow52(addresses) && isBelow52(lengths)
  }

  /** Takes the segments of rows `from` to `from + count` for {@link add}; false where a part of them is not as it should be. */
  prepare(from: number, count: number): boolean {
    const { batch, structs, file } = this
    const { int32 } = batch.views
    const at = this.offsetsAt(from)
    const first = int32[at]!
    if (first < 0 || int32[at + count]! > batch.lengths[this.item.node]!) return false
    for (let row = 0; row < count; row++) if (int32[at + row]! > int32[at + row + 1]!) return false
    const items = int32[at + count]! - first
    structs.begin(first, items)
    for (const part of PARTS) {
      const column = this.parts[part]
      if (column === null) continue
      const highs = copyNumbers(batch, column, first, items, structs.numbers[part], BOUNDS)
      if (highs === OUT_OF_BOUNDS) return false
    }
    if (file === null) return true
    const texts = this.dictionaries.get(file.dictionary!)!
    return copyMeanings(batch, file, this.names.of(texts), texts.size, first, items, structs.files, NONE) !== BAD
  }

  /** The dictionary of the files is there, and its names are known. */
  knowsFiles(): boolean {
    if (this.file === null) return true
    const texts = this.dictionaries.get(this.file.dictionary!)
    if (texts !== undefined) this.names.of(texts)
    return texts !== undefined
  }

  /** Adds the segments of row `row` of the batch, row `from + row` of the column, to its table; their bytes in all. */
  add(row: number, from: number): number {
    const { batch, column, structs } = this
    const { int32, uint8 } = batch.views
    const hasNulls = batch.hasNulls(column.node, column.buffer)
    if (hasNulls && !isSet(uint8, batch.places[column.buffer]! * 8 + from + row)) return 0
    const at = this.offsetsAt(from + row)
    const start = int32[at]!
    const end = int32[at + 1]!
    if (start === end) return 0
    structs.checkCount(row, end - start)
    return structs.add(row, start, end)
  }

  private offsetsAt(row: number): number {
    return (this.batch.places[this.column.buffer + 1]! >> 2) + row
  }

  private hasNone(part: PlainColumn | null, first: number, count: number): boolean {
    if (part === null) return true
    const { batch } = this
    if (!batch.hasNulls(part.node, part.buffer)) return false
    return noneThere(batch.views.uint8, batch.places[part.buffer]! * 8 + first, count)
  }

  /** The high words of the numbers, or'ed; -1 where some are not there. */
  private copyAll({ node, buffer, bits }: PlainColumn, first: number, count: number, out: Float64Array): number {
    const { batch } = this
    const { int32, uint32 } = batch.views
    if (bits !== 64 || batch.hasNulls(node, buffer)) return -1
    return copyPositive(int32, uint32, (batch.places[buffer + 1]! >> 2) + 2 * first, count, out)
  }
}

/** Offsets go up by one from row to row. Four in a step, as {@link copyPositive}. */
function isOneEach(offsets: Int32Array, at: number, first: number, count: number): boolean {
  const steps = count - (count % 4)
  let wrong = 0
  for (let row = 1; row <= steps; row += 4) {
    const next = first + row
    wrong |= offsets[at + row]! ^ next
    wrong |= offsets[at + row + 1]! ^ (next + 1)
    wrong |= offsets[at + row + 2]! ^ (next + 2)
    wrong |= offsets[at + row + 3]! ^ (next + 3)
  }
  for (let row = steps + 1; row <= count; row++) wrong |= offsets[at + row]! ^ (first + row)
  return wrong === 0
}
