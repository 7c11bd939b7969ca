import { invariant } from '../../invariant.ts'
import type { ByteSource } from '../byte-source.ts'
import type { Dictionary } from '../dictionary.ts'
import { layoutOf, traceHeader } from '../header.ts'
import type { OpBatch } from '../op-batch.ts'
import { TraceError } from '../trace-error.ts'
import type { TraceHeader, TraceLayout, TraceReader } from '../trace-reader.ts'
import { DamagedColumn } from './damaged-column.ts'
import { ArrowDictionary, type Texts } from './dictionaries.ts'
import type { ExactColumns } from './exact-columns.ts'
import { type ArrowMessage, MessageReader } from './message-reader.ts'
import { PlainColumns } from './plain-columns.ts'
import { type PlainSchema, plainSchema } from './plain-schema.ts'
import { RowSink } from './row-sink.ts'
import { attributesOf } from './schema-rules.ts'

/** Length prefix of a message. */
const PREFIX_BYTES = 8

/** What all ways of reading a file share. */
interface ReaderParts {
  readonly name: string
  readonly schema: ArrowMessage
  readonly sink: RowSink
  readonly dictionaries: Map<number, ArrowDictionary>
}

/**
 * Reads the columns of Arrow record batches into batches: column by column, without an object a row. {@link PlainColumns} does
 * it where it can; {@link ExactColumns} everywhere else, and says what is wrong where something is.
 */
export class ArrowReader implements TraceReader {
  readonly header: TraceHeader
  readonly layout: TraceLayout
  readonly imported = null
  private readonly messages: MessageReader
  private readonly parts: ReaderParts
  private readonly plain: PlainColumns | null
  private exact: ExactColumns | null
  private started = false

  /** One of `plain` and `exact` must be there. */
  private constructor(
    messages: MessageReader,
    parts: ReaderParts,
    plain: PlainSchema | null,
    exact: ExactColumns | null,
  ) {
    const { name, sink, dictionaries } = parts
    const { names, metadata } = (plain ?? exact)!
    this.header = { ...traceHeader(name, attributesOf(metadata, name), [...names]), format: 'arrow' }
    this.layout = layoutOf(this.header)
    this.messages = messages
    this.parts = parts
    this.plain = plain === null ? null : new PlainColumns(plain, sink, dictionaries)
    this.exact = exact
    sink.batch.columns = (this.plain ?? exact)!.mask
  }

  /** Reads the schema and leaves the messages at the first batch. `usePlain` false: as if no file were plain, for tests. */
  static async open(bytes: ByteSource, name: string, usePlain = true): Promise<ArrowReader> {
    const messages = new MessageReader(bytes, name)
    try {
      const schema = await messages.next()
      if (schema === null) {
        const hint = 'Did the program that wrote it fail?'
        throw new TraceError({ file: name, line: 0, column: 0, problem: 'the Arrow stream is empty', hint })
      }
      if (schema.facts.kind !== 'schema')
        throw messages.fail(`is a ${schema.facts.kind} message, expected the schema`, NO_SCHEMA)
      const parts = { name, schema, sink: new RowSink(name), dictionaries: new Map<number, ArrowDictionary>() }
      const plain = usePlain ? plainSchema(schema.metadata.subarray(PREFIX_BYTES)) : null
      const exact = plain === null ? await exactColumns(messages, parts) : null
      return new ArrowReader(messages, parts, plain, exact)
    } catch (error) {
      await messages.close()
      throw error
    }
  }

  get files(): Dictionary {
    return this.parts.sink.cells.files
  }

  get calls(): Dictionary {
    return this.parts.sink.cells.calls
  }

  get ids(): Dictionary {
    return this.parts.sink.cells.ids
  }

  get consumers(): Dictionary {
    return this.parts.sink.cells.consumers
  }

  get stacks(): Dictionary {
    return this.parts.sink.cells.stacks
  }

  get bytesRead(): number {
    return this.messages.bytesRead
  }

  async *batches(): AsyncGenerator<OpBatch> {
    invariant(!this.started, 'batches() of a trace is called once')
    this.started = true
    const { batch } = this.parts.sink
    try {
      for (let message = await this.messages.next(); message !== null; message = await this.messages.next()) {
        const { facts } = message
        if (facts.kind === 'schema') throw this.messages.fail('is a second schema', 'Write one table to a file.')
        if (facts.kind === 'dictionary') await this.addTexts(message)
        else {
          const isPlain = this.plain?.open(message) ?? false
          for (let from = 0; from < facts.rows; from += batch.length) {
            batch.reset(batch.firstRow + batch.length)
            if (!isPlain || !this.fillPlain(from)) await this.fillExact(message, from)
            yield batch
          }
        }
      }
    } finally {
      await this.messages.close()
    }
  }

  private async addTexts(message: ArrowMessage): Promise<void> {
    const { dictionaries } = this.parts
    const { id, isDelta } = message.facts
    const texts = await this.textsOf(message)
    const known = dictionaries.get(id)
    const dictionary = known ?? new ArrowDictionary()
    attempt(this.messages, () => dictionary.add(texts, isDelta && known !== undefined))
    dictionaries.set(id, dictionary)
  }

  private async textsOf(message: ArrowMessage): Promise<readonly Texts[]> {
    const plain = this.plain?.textsOf(message) ?? null
    if (plain !== null) return [plain]
    const exact = await this.needExact()
    return attempt(this.messages, () => exact.texts(message))
  }

  /** False where the rows are for {@link ExactColumns}. */
  private fillPlain(from: number): boolean {
    try {
      if (this.plain!.fill(from)) return true
    } catch (error) {
      if (!(error instanceof DamagedColumn)) throw error
    }
    this.parts.sink.batch.reset(this.parts.sink.batch.firstRow)
    return false
  }

  private async fillExact(message: ArrowMessage, from: number): Promise<void> {
    const exact = await this.needExact()
    attempt(this.messages, () => exact.open(message))
    this.plain?.forget()
    try {
      exact.fill(message.facts.rows, from)
    } catch (error) {
      throw error instanceof DamagedColumn ? this.messages.damaged(error) : error
    }
  }

  private async needExact(): Promise<ExactColumns> {
    this.exact ??= await exactColumns(this.messages, this.parts)
    return this.exact
  }
}

const NO_SCHEMA =
  'The schema of some files stands at their end only (apache-arrow for JavaScript writes such): write it as a stream.'

/** Loads the library, which takes as long as a million rows: only where it is needed. */
async function exactColumns(messages: MessageReader, { name, schema, sink, dictionaries }: ReaderParts) {
  const { ExactColumns } = await import('./exact-columns.ts')
  return attempt(messages, () => new ExactColumns(schema, name, sink, dictionaries))
}

/** Whatever a library throws at damaged input becomes an error that says where. */
function attempt<T>(messages: MessageReader, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw messages.damaged(error)
  }
}
