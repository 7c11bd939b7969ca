import { ARROW_BODY_BYTES_MAX, ARROW_METADATA_BYTES_MAX } from '../limits.ts'
import { TraceError } from '../trace-error.ts'
import { ByteQueue } from './byte-queue.ts'
import { bodyBytesOf, checkMessage, type MessageFacts, MessageRefused } from './message-guard.ts'

const CONTINUATION = 0xffffffff
export const FILE_MAGIC = 'ARROW1'
/** The magic number of a file, padded. */
const FILE_HEAD_BYTES = 8

/** One message of an IPC stream, checked. */
export interface ArrowMessage {
  readonly facts: MessageFacts
  /** Its length prefix and metadata, as they stand in the stream, padded to eight bytes. */
  readonly metadata: Uint8Array
  readonly body: Uint8Array
}

/** Takes an Arrow IPC stream, or file, apart into messages. A file is a stream between two marks, with an index behind it. */
export class MessageReader {
  private readonly queue: ByteQueue
  private readonly file: string
  /** Messages so far. */
  private count = 0
  /** Where the message at work begins. */
  private startBytes = 0

  constructor(bytes: AsyncIterable<Uint8Array>, file: string) {
    this.queue = new ByteQueue(bytes)
    this.file = file
  }

  get bytesRead(): number {
    return this.queue.takenBytes
  }

  /** The next message, or null at the end of the stream. */
  async next(): Promise<ArrowMessage | null> {
    if (this.count === 0) await this.passHead()
    this.startBytes = this.queue.takenBytes
    const prefix = await this.queue.take(8)
    if (prefix.length === 0) return null
    if (prefix.length < 8) throw this.cut()
    this.count++
    const view = new DataView(prefix.buffer, prefix.byteOffset, 8)
    if (view.getUint32(0, true) !== CONTINUATION) throw this.fail('does not begin with ff ff ff ff', LEGACY_HINT)
    const metadataBytes = view.getInt32(4, true)
    if (metadataBytes === 0) return null
    if (metadataBytes < 0 || metadataBytes > ARROW_METADATA_BYTES_MAX) {
      throw this.fail(`has ${metadataBytes} bytes of metadata, expected at most ${ARROW_METADATA_BYTES_MAX}`, '')
    }
    return this.message(prefix, metadataBytes)
  }

  /** Lets go of the bytes. */
  close(): Promise<void> {
    return this.queue.close()
  }

  /** The error for the message at work. */
  fail(problem: string, hint: string): TraceError {
    const where = `Arrow message ${this.count} at byte ${this.startBytes} ${problem}`
    return new TraceError({ file: this.file, line: 0, column: 0, problem: where, hint })
  }

  /** The error for what another threw at it. */
  damaged(error: unknown): TraceError {
    if (error instanceof TraceError) return error
    if (error instanceof MessageRefused) return this.fail(error.message, error.hint)
    return this.fail(
      `is damaged (${error instanceof Error ? error.message : String(error)})`,
      'Copy or write it again.',
    )
  }

  private async passHead(): Promise<void> {
    const head = await this.queue.peek(FILE_HEAD_BYTES)
    if (Buffer.from(head).toString('latin1').startsWith(FILE_MAGIC)) await this.queue.take(FILE_HEAD_BYTES)
  }

  private async message(prefix: Uint8Array, metadataBytes: number): Promise<ArrowMessage> {
    const flat = await this.queue.take(metadataBytes)
    if (flat.length < metadataBytes) throw this.cut()
    const bodyBytes = this.checked(() => bodyBytesOf(flat))
    if (bodyBytes > ARROW_BODY_BYTES_MAX) {
      const hint = 'Write smaller record batches: max_chunksize=100000 of pyarrow, row_group_size of DuckDB.'
      throw this.fail(`has a body of ${bodyBytes} bytes, expected at most ${ARROW_BODY_BYTES_MAX}`, hint)
    }
    const facts = this.checked(() => checkMessage(flat, bodyBytes))
    const body = await this.queue.take(bodyBytes)
    if (body.length < bodyBytes) throw this.cut()
    const metadata = new Uint8Array(prefix.length + flat.length)
    metadata.set(prefix)
    metadata.set(flat, prefix.length)
    return { facts, metadata, body }
  }

  private checked<T>(check: () => T): T {
    try {
      return check()
    } catch (error) {
      throw this.damaged(error)
    }
  }

  private cut(): TraceError {
    const problem = `the Arrow stream ends inside message ${this.count}, at byte ${this.queue.takenBytes}`
    return new TraceError({
      file: this.file,
      line: 0,
      column: 0,
      problem,
      hint: 'The file was cut: write or copy it again.',
    })
  }
}

const LEGACY_HINT = 'Was it written by an Arrow before 0.15, or is it no Arrow stream?'
