import {
  type Data,
  type DataType,
  type List,
  makeData,
  RecordBatch,
  type Schema,
  Struct,
  type Utf8,
  type Vector,
} from 'apache-arrow'
import { ITER_BVEC, ITER_FOLIOQ, ITER_MIXED, ITER_TYPE_NAMES, ITER_XARRAY } from '../../iter/iter-type.ts'
import { KVEC_OFFSET } from '../../iter/segment-table.ts'
import { COLUMN_NAMES, type ColumnName } from '../columns.ts'
import type { Dictionary } from '../dictionary.ts'
import {
  BACKING_NAMES,
  END_NEVER,
  END_SYNCHRONOUS,
  EVENT_MAP,
  EVENT_NAMES,
  NONE,
  OP_NAMES,
  OP_NONE,
  type OpBatch,
} from '../op-batch.ts'
import type { TraceReader } from '../trace-reader.ts'
import {
  fixedDictionary,
  GrowingDictionary,
  indices,
  integers32,
  signed64,
  unsigned64,
  Validity,
} from './arrow-columns.ts'
import { ARROW_TYPES, arrowSchema, DICTIONARY_IDS, SEGMENT_FIELDS } from './arrow-schema.ts'
import { type ArrowSink, arrowSink } from './arrow-sink.ts'
import { FlagsText } from './flags-text.ts'
import type { TraceEncoder } from './trace-writer.ts'
import { utf8Name } from './utf8-name.ts'
import type { Attributes } from './written-attributes.ts'

/** `end` of a row for which no completion was recorded; null is a row that completes at once. */
export const ARROW_END_NEVER = -1

type WordColumn = 'event' | 'op' | 'iter' | 'backing'
type NameColumn = 'id' | 'call' | 'file' | 'consumer' | 'stack' | 'flags'

/** Writes Arrow IPC: a record batch for each batch, dictionaries that grow from batch to batch for the names. */
export class ArrowEncoder implements TraceEncoder {
  private readonly reader: TraceReader
  private readonly columns: readonly ColumnName[]
  private readonly sink: ArrowSink
  private schema: Schema | null = null
  private readonly words = {
    event: fixedDictionary(EVENT_NAMES),
    op: fixedDictionary(OP_NAMES),
    iter: fixedDictionary(ITER_TYPE_NAMES),
    backing: fixedDictionary(BACKING_NAMES),
  }
  private readonly names = {
    id: new GrowingDictionary(),
    call: new GrowingDictionary(),
    file: new GrowingDictionary(),
    consumer: new GrowingDictionary(),
    stack: new GrowingDictionary(),
    flags: new GrowingDictionary(),
  }
  private readonly flagsText = new FlagsText()
  private readonly flagsIds = new Map<string, number>()

  constructor(reader: TraceReader, isFile: boolean) {
    this.reader = reader
    this.columns = COLUMN_NAMES.filter((name) => reader.header.columns.includes(name))
    this.sink = arrowSink(isFile)
  }

  begin(attributes: Attributes): void {
    this.schema = arrowSchema(this.columns, attributes)
    this.sink.begin(this.schema)
  }

  rows(batch: OpBatch): void {
    const schema = this.schema!
    const children = this.columns.map((name) => this.column(name, batch))
    const type = new Struct(schema.fields)
    this.sink.write(new RecordBatch(schema, makeData({ type, length: batch.length, nullCount: 0, children })))
  }

  end(): void {
    const names = Object.values(this.names)
    this.sink.end(new Map(names.some(({ hasGrown }) => hasGrown) ? this.wholeDictionaries() : []))
  }

  take(): Uint8Array[] {
    return this.sink.take()
  }

  private *wholeDictionaries(): Generator<[number, Data<Utf8>]> {
    for (const name of this.columns) {
      if (name in this.names) yield [DICTIONARY_IDS[name as NameColumn], this.names[name as NameColumn].whole()]
      else if (name in this.words) yield [DICTIONARY_IDS[name as WordColumn], this.words[name as WordColumn].data[0]!]
    }
  }

  private column(name: ColumnName, batch: OpBatch): Data<DataType> {
    const rows = batch.length
    switch (name) {
      case 'ts':
        return signed64(batch.tsNs, rows, Number.NaN)
      case 'end':
        return signed64(completions(batch), rows, Number.NaN)
      case 'offset':
        return signed64(batch.offsetBytes, rows, NONE)
      case 'len':
        // Not left out where it is the sum of the segments: whoever queries the table wants it.
        return signed64(batch.lengthBytes, rows, NONE)
      case 'result':
        return signed64(batch.resultBytes, rows, Number.NaN)
      case 'mm':
        return integers32(batch.mm, rows)
      case 'pins_acquired':
        return integers32(batch.pinsAcquired, rows)
      case 'pins_released':
        return integers32(batch.pinsReleased, rows)
      case 'event':
        return this.wordsOf(name, batch.event, rows)
      case 'op':
        return this.wordsOf(name, batch.direction, rows, (row) => batch.direction[row] === OP_NONE)
      case 'iter':
        return this.wordsOf(name, batch.iterType, rows)
      case 'backing':
        return this.wordsOf(name, batch.backing, rows, (row) => batch.event[row] !== EVENT_MAP)
      case 'flags':
        return this.flags(batch)
      case 'segs':
        return this.segments(batch)
      default:
        return this.namesOf(name, batch[name].slice(0, rows))
    }
  }

  private wordsOf(
    name: WordColumn,
    codes: Uint8Array,
    rows: number,
    isEmpty: (row: number) => boolean = () => false,
  ): Data<DataType> {
    const values = new Int8Array(rows)
    for (let row = 0; row < rows; row++) values[row] = isEmpty(row) ? -1 : codes[row]!
    return indices(ARROW_TYPES[name], values, this.words[name])
  }

  private namesOf(name: Exclude<NameColumn, 'flags'>, ids: Int32Array): Data<DataType> {
    return indices(ARROW_TYPES[name], ids, this.dictionaryOf(name))
  }

  private dictionaryOf(name: Exclude<NameColumn, 'flags'>): Vector<Utf8> {
    const table: Dictionary = this.reader[`${name}s`]
    return this.names[name].growTo(table.size, (id) => utf8Name(table.bytes(id)))
  }

  private flags(batch: OpBatch): Data<DataType> {
    const values = new Int32Array(batch.length)
    for (let row = 0; row < batch.length; row++) values[row] = this.flagsId(this.flagsText.of(batch, row))
    const texts = [...this.flagsIds.keys()].slice(this.names.flags.size)
    const from = this.names.flags.size
    const dictionary = this.names.flags.growTo(this.flagsIds.size, (id) => texts[id - from]!)
    return indices(ARROW_TYPES.flags, values, dictionary)
  }

  private flagsId(text: string): number {
    if (text === '') return NONE
    const known = this.flagsIds.get(text)
    if (known !== undefined) return known
    this.flagsIds.set(text, this.flagsIds.size)
    return this.flagsIds.size - 1
  }

  private segments(batch: OpBatch): Data<DataType> {
    const rows = batch.length
    const offsets = new Int32Array(rows + 1)
    const validity = new Validity(rows)
    const count = batch.segments.length
    const pageOffsets = new Float64Array(count)
    const files = new Int32Array(count).fill(NONE)
    for (let row = 0; row < rows; row++) {
      offsets[row + 1] = offsets[row]! + batch.segmentCount[row]!
      if (batch.segmentCount[row] === 0) validity.clear()
      else validity.set(row)
      this.places(batch, row, pageOffsets, files)
    }
    const { addressBytes, lengthBytes } = batch.segments
    const children = [
      unsigned64(addressBytes, count, Number.NaN),
      unsigned64(pageOffsets, count, NONE),
      unsigned64(lengthBytes, count, Number.NaN),
      this.namesOf('file', files),
    ]
    const child = makeData({ type: new Struct(SEGMENT_FIELDS as never), length: count, nullCount: 0, children })
    const { bits, nullCount } = validity
    const type = ARROW_TYPES.segs as List
    return makeData({ type, length: rows, nullCount, nullBitmap: bits, valueOffsets: offsets, child })
  }

  /** The offset into its page of each segment of the row, and its file: of those that have one. */
  private places(batch: OpBatch, row: number, pageOffsets: Float64Array, files: Int32Array): void {
    const { offsetBytes } = batch.segments
    const iterType = batch.iterType[row]!
    const first = batch.segmentFirst[row]!
    for (let at = first; at < first + batch.segmentCount[row]!; at++) {
      const ofPages = iterType === ITER_BVEC || (iterType === ITER_MIXED && offsetBytes[at] !== KVEC_OFFSET)
      pageOffsets[at] = ofPages ? offsetBytes[at]! : NONE
      if (iterType === ITER_FOLIOQ || iterType === ITER_XARRAY) files[at] = offsetBytes[at]!
    }
  }
}

function completions(batch: OpBatch): Float64Array {
  return batch.endNs.map((endNs) =>
    endNs === END_SYNCHRONOUS ? Number.NaN : endNs === END_NEVER ? ARROW_END_NEVER : endNs,
  )
}
