import type { Data, DataType, Schema } from 'apache-arrow'
import { invariant } from '../../invariant.ts'
import { COLUMN_ITER, COLUMN_LEN, COLUMN_SEGS } from '../columns.ts'
import type { Dictionary } from '../dictionary.ts'
import { layoutOf, traceHeader } from '../header.ts'
import { BATCH_SEGMENTS_MAX } from '../limits.ts'
import { BATCH_ROWS_MAX, NONE, type OpBatch } from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'
import { TraceError } from '../trace-error.ts'
import type { TraceHeader, TraceLayout, TraceReader } from '../trace-reader.ts'
import { type ColumnFiller, fillerOf } from './column-fillers.ts'
import { decodeDictionary, decodeRecords, decodeSchema } from './decoder.ts'
import { ArrowDictionary } from './dictionaries.ts'
import { type ArrowMessage, MessageReader } from './message-reader.ts'
import { RowSink } from './row-sink.ts'
import { attributesOf, type BoundColumn, boundColumns } from './schema-columns.ts'
import { SegmentFiller } from './segment-filler.ts'
import { checkBuffers, DamagedColumn } from './values.ts'

/** A column of the file with what copies its values; null for the segments. */
interface ReadColumn extends BoundColumn {
  readonly filler: ColumnFiller | null
}

/** Reads the columns of Arrow record batches into batches: column by column, without an object a row. */
export class ArrowReader implements TraceReader {
  readonly header: TraceHeader
  readonly layout: TraceLayout
  readonly imported = null
  private readonly messages: MessageReader
  private readonly schema: ArrowMessage
  private readonly columns: readonly ReadColumn[]
  private readonly dictionaries = new Map<number, ArrowDictionary>()
  private readonly sink: RowSink
  private readonly segments: SegmentFiller
  private started = false

  constructor(messages: MessageReader, schema: ArrowMessage, name: string) {
    this.messages = messages
    this.schema = schema
    const decoded = attempt(messages, () => decodeSchema(schema))
    const bound = boundColumns(decoded, name)
    this.header = { ...traceHeader(name, attributesOf(decoded, name), columnNames(decoded)), format: 'arrow' }
    this.layout = layoutOf(this.header)
    this.sink = new RowSink(name)
    this.segments = new SegmentFiller(this.sink)
    this.columns = bound.map((column) => ({
      ...column,
      filler: column.code === COLUMN_SEGS ? null : fillerOf(column.code, this.sink),
    }))
  }

  /** Reads the schema and leaves the messages at the first batch. */
  static async open(bytes: AsyncIterable<Uint8Array>, name: string): Promise<ArrowReader> {
    const messages = new MessageReader(bytes, name)
    try {
      const first = await messages.next()
      if (first === null) {
        const hint = 'Did the program that wrote it fail?'
        throw new TraceError({ file: name, line: 0, column: 0, problem: 'the Arrow stream is empty', hint })
      }
      if (first.facts.kind !== 'schema')
        throw messages.fail(`is a ${first.facts.kind} message, expected the schema`, NO_SCHEMA)
      return new ArrowReader(messages, first, name)
    } catch (error) {
      await messages.close()
      throw error
    }
  }

  get files(): Dictionary {
    return this.sink.cells.files
  }

  get calls(): Dictionary {
    return this.sink.cells.calls
  }

  get ids(): Dictionary {
    return this.sink.cells.ids
  }

  get consumers(): Dictionary {
    return this.sink.cells.consumers
  }

  get stacks(): Dictionary {
    return this.sink.cells.stacks
  }

  get bytesRead(): number {
    return this.messages.bytesRead
  }

  async *batches(): AsyncGenerator<OpBatch> {
    invariant(!this.started, 'batches() of a trace is called once')
    this.started = true
    const { batch } = this.sink
    try {
      for (let message = await this.messages.next(); message !== null; message = await this.messages.next()) {
        const { facts } = message
        if (facts.kind === 'schema') throw this.messages.fail('is a second schema', 'Write one table to a file.')
        if (facts.kind === 'dictionary') this.addTexts(message, facts.id, facts.isDelta)
        else {
          const columns = this.columnsOf(message, facts.rows)
          for (let from = 0; from < facts.rows; from += batch.length) {
            batch.reset(batch.firstRow + batch.length)
            this.fill(columns, from, facts.rows)
            yield batch
          }
        }
      }
    } finally {
      await this.messages.close()
    }
  }

  private addTexts(message: ArrowMessage, id: number, isDelta: boolean): void {
    const known = this.dictionaries.get(id)
    const dictionary = known ?? new ArrowDictionary()
    attempt(this.messages, () =>
      dictionary.add(decodeDictionary(this.schema, message, id), isDelta && known !== undefined),
    )
    this.dictionaries.set(id, dictionary)
  }

  /** The columns of a record batch that a trace has, each with buffers as long as it needs. */
  private columnsOf(message: ArrowMessage, rows: number): Data[] {
    return attempt(this.messages, () => {
      const all = decodeRecords(this.schema, message)
      return this.columns.map(({ at, name }) => {
        const data = all[at]
        if (data === undefined) throw new DamagedColumn(`has no column ${name}`)
        this.named(name, () => checkBuffers(data, rows))
        return data
      })
    })
  }

  /** Copies rows from `from` on into the batch: as many as fit. */
  private fill(columns: readonly Data[], from: number, rows: number): void {
    const { sink, segments } = this
    const segs = this.columns.findIndex(({ filler }) => filler === null)
    let count = Math.min(BATCH_ROWS_MAX, rows - from)
    if (segs >= 0) count = segments.rowsThatFit(columns[segs]!, from, count)
    sink.present.fill(0, 0, count)
    this.clearDerived(count)
    this.columns.forEach(({ filler, type, name }, index) => {
      if (filler === null) return
      this.named(name, () => filler.fill(columns[index]!, this.dictionaryOf(type), from, count))
    })
    if (segs >= 0) this.named('segs', () => segments.prepare(columns[segs]!, this.dictionaryOf, from, count))
    this.named('segs', () => this.finishRows(segs >= 0, count))
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
    const has = (code: number) => this.columns.some((column) => column.code === code)
    if (!has(COLUMN_ITER)) this.sink.batch.iterType.fill(ITER_UNSET, 0, count)
    if (!has(COLUMN_LEN)) this.sink.batch.lengthBytes.fill(NONE, 0, count)
  }

  /** The dictionary that a column's numbers are of; null for a column without one. */
  private readonly dictionaryOf = (type: DataType): ArrowDictionary | null => {
    if (!('dictionary' in type && 'id' in type)) return null
    const dictionary = this.dictionaries.get(type.id as number)
    if (dictionary === undefined) throw new DamagedColumn(`needs dictionary ${type.id}, which has not come yet`)
    return dictionary
  }

  /** Says of which column what goes wrong is. */
  private named(name: string, read: () => void): void {
    try {
      read()
    } catch (error) {
      if (error instanceof DamagedColumn)
        throw this.messages.fail(`is damaged: column ${name} ${error.message}`, DAMAGED)
      throw error
    }
  }
}

const DAMAGED = 'Copy or write it again.'
const NO_SCHEMA =
  'The schema of some files stands at their end only (apache-arrow for JavaScript writes such): write it as a stream.'

function columnNames(schema: Schema): string[] {
  return schema.fields.map(({ name }) => name)
}

/** Whatever a library throws at damaged input becomes an error that says where. */
function attempt<T>(messages: MessageReader, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw messages.damaged(error)
  }
}
