import { type Data, DataType } from 'apache-arrow'
import { COLUMN_ITER, COLUMN_LEN, COLUMN_SEGS } from '../columns.ts'
import { BATCH_SEGMENTS_MAX } from '../limits.ts'
import { BATCH_ROWS_MAX, NONE } from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'
import { type ColumnFiller, fillerOf } from './column-fillers.ts'
import { DamagedColumn } from './damaged-column.ts'
import { decodeDictionary, decodeRecords, decodeSchema } from './decoder.ts'
import type { ArrowDictionary, Texts } from './dictionaries.ts'
import type { ArrowMessage } from './message-reader.ts'
import type { RowSink } from './row-sink.ts'
import { type BoundColumn, boundColumns } from './schema-columns.ts'
import { SegmentFiller } from './segment-filler.ts'
import { checkBuffers, textsOf } from './values.ts'

/** A column of the file with what copies its values; null for the segments. */
interface ReadColumn extends BoundColumn {
  readonly filler: ColumnFiller | null
}

/**
 * Reads the columns of record batches of any types that a trace may have, row by row where that is the simplest, and finds the
 * error where there is one: the library decodes them. {@link PlainColumns} reads most files, and faster.
 */
export class ExactColumns {
  /** Names of all columns of the file, and the schema's metadata. */
  readonly names: readonly string[]
  readonly metadata: ReadonlyMap<string, string>
  /** Mask of the columns that a trace has, without those that have no values. */
  readonly mask: number
  private readonly schema: ArrowMessage
  private readonly sink: RowSink
  private readonly dictionaries: ReadonlyMap<number, ArrowDictionary>
  private readonly columns: readonly ReadColumn[]
  private readonly segments: SegmentFiller
  private message: ArrowMessage | null = null
  private data: readonly Data[] = []

  constructor(schema: ArrowMessage, name: string, sink: RowSink, dictionaries: ReadonlyMap<number, ArrowDictionary>) {
    const decoded = decodeSchema(schema)
    this.names = decoded.fields.map((field) => field.name)
    this.metadata = decoded.metadata
    this.schema = schema
    this.sink = sink
    this.dictionaries = dictionaries
    this.segments = new SegmentFiller(sink)
    this.columns = boundColumns(decoded, name).map((column) => ({
      ...column,
      filler: column.code === COLUMN_SEGS ? null : fillerOf(column.code, sink),
    }))
    const filled = this.columns.filter(({ type }) => !DataType.isNull(type))
    this.mask = filled.reduce((mask, { code }) => mask | (1 << code), 0)
  }

  /** The texts that a message brings. */
  texts(message: ArrowMessage): Texts[] {
    return decodeDictionary(this.schema, message, message.facts.id).map(textsOf)
  }

  /** Takes a record batch apart, unless it is the one at work. */
  open(message: ArrowMessage): void {
    if (this.message === message) return
    this.data = this.columnsOf(message)
    this.message = message
  }

  /** Copies rows from `from` of the record batch on into the batch: as many as fit. */
  fill(rows: number, from: number): void {
    const { sink, segments, data } = this
    const segs = this.columns.findIndex(({ filler }) => filler === null)
    let count = Math.min(BATCH_ROWS_MAX, rows - from)
    if (segs >= 0) count = segments.rowsThatFit(data[segs]!, from, count)
    sink.present.fill(0, 0, count)
    this.clearDerived(count)
    this.columns.forEach(({ filler, type, name }, index) => {
      if (filler !== null) named(name, () => filler.fill(data[index]!, this.dictionaryOf(type), from, count))
    })
    if (segs >= 0) named('segs', () => segments.prepare(data[segs]!, this.dictionaryOf, from, count))
    named('segs', () => this.finishRows(segs >= 0, count))
  }

  /** The columns of a record batch that a trace has, each with buffers as long as it needs. */
  private columnsOf(message: ArrowMessage): Data[] {
    const all = decodeRecords(this.schema, message)
    return this.columns.map(({ at, name }) => {
      const data = all[at]
      if (data === undefined) throw new DamagedColumn(`has no column ${name}`)
      named(name, () => checkBuffers(data, message.facts.rows))
      return data
    })
  }

  private finishRows(hasSegments: boolean, count: number): void {
    const { sink, segments } = this
    const { batch } = sink
    for (let row = 0; row < count && batch.segments.length < BATCH_SEGMENTS_MAX; row++) {
      batch.line[row] = batch.firstRow + row
      batch.segmentFirst[row] = batch.segments.length
      const sumBytes = hasSegments ? segments.add(row) : Number.NaN
      sink.finish(row, Number.isNaN(sumBytes) ? 0 : sumBytes)
    }
  }

  /** What the rules fill in where the file does not have the column. */
  private clearDerived(count: number): void {
    const { batch } = this.sink
    if ((this.mask & (1 << COLUMN_ITER)) === 0) batch.iterType.fill(ITER_UNSET, 0, count)
    if ((this.mask & (1 << COLUMN_LEN)) === 0) batch.lengthBytes.fill(NONE, 0, count)
  }

  /** The dictionary that a column's numbers are of; null for a column without one. */
  private readonly dictionaryOf = (type: DataType): ArrowDictionary | null => {
    if (!('dictionary' in type && 'id' in type)) return null
    const dictionary = this.dictionaries.get(type.id as number)
    if (dictionary === undefined) throw new DamagedColumn(`needs dictionary ${type.id}, which has not come yet`)
    return dictionary
  }
}

/** Says of which column what goes wrong is. */
function named(name: string, read: () => void): void {
  try {
    read()
  } catch (error) {
    if (error instanceof DamagedColumn) throw new DamagedColumn(error.message, name)
    throw error
  }
}
