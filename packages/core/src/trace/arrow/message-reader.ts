import type { ByteSource } from '../byte-source.ts'
import { ARROW_BODY_BYTES_MAX, ARROW_METADATA_BYTES_MAX } from '../limits.ts'
import { TraceError } from '../trace-error.ts'
import { FILE_MAGIC } from './arrow-marks.ts'
import { ByteRegion } from './byte-region.ts'
import { DamagedColumn } from './damaged-column.ts'
import { bodyBytesOf, checkMessage, type MessageFacts, MessageRefused } from './message-guard.ts'

// For replay/parts/cut-arrow.ts.
export { FILE_MAGIC }

const CONTINUATION = 0xffffffff
/** The mark above, and the length of the metadata. */
const PREFIX_BYTES = 8
const ALIGNED_BYTES = 8
/** The magic number of a file, padded. */
const FILE_HEAD_BYTES = 8

/**
 * One message of an IPC stream, checked: `facts` are the same object where metadata is the same as before. A record batch is in
 * memory that the next message takes.
 */
export class ArrowMessage {
  readonly facts: MessageFacts
  /** The memory that it is in; its body begins at byte `bodyAt`, a multiple of eight. */
  readonly memory: Uint8Array
  readonly bodyAt: number
  private readonly at: number
  private readonly endAt: number

  /** `at`, `bodyAt` and `endAt`: where it begins in the memory, where its body begins and where it ends. */
  constructor(facts: MessageFacts, memory: Uint8Array, at: number, bodyAt: number, endAt: number) {
    this.facts = facts
    this.memory = memory
    this.at = at
    this.bodyAt = bodyAt
    this.endAt = endAt
  }

  /** Its length prefix and metadata, as they stand in the stream, padded to eight bytes. */
  get metadata(): Uint8Array {
    return this.memory.subarray(this.at, this.bodyAt)
  }

  get body(): Uint8Array {
    return this.memory.subarray(this.bodyAt, this.endAt)
  }
}

/** What the metadata of a message says. */
interface MessageShape {
  readonly flat: Uint8Array
  readonly facts: MessageFacts
  readonly bodyBytes: number
}

/** Takes an Arrow IPC stream, or file, apart into messages. A file is a stream between two marks, with an index behind it. */
export class MessageReader {
  private readonly region: ByteRegion
  private readonly file: string
  /** The last metadata, as long as no other comes. */
  private last: MessageShape | null = null
  /** Messages so far. */
  private count = 0
  /** Where the message at work begins. */
  private startBytes = 0

  constructor(bytes: ByteSource, file: string) {
    this.region = new ByteRegion(bytes)
    this.file = file
  }

  get bytesRead(): number {
    return this.region.passedBytes
  }

  /** The next message, or null at the end of the stream. */
  async next(): Promise<ArrowMessage | null> {
    const { region } = this
    if (this.count === 0) await this.passHead()
    this.startBytes = region.passedBytes
    if (region.heldBytes < PREFIX_BYTES && !(await region.hold(PREFIX_BYTES))) {
      if (region.heldBytes === 0) return null
      throw this.cut()
    }
    this.count++
    const metadataBytes = this.metadataBytes()
    if (metadataBytes === 0) return null
    const headBytes = PREFIX_BYTES + metadataBytes
    if (region.heldBytes < headBytes && !(await region.hold(headBytes))) throw this.cut()
    const { facts, bodyBytes } = this.shapeOf(region.start + PREFIX_BYTES, metadataBytes)
    const wholeBytes = headBytes + bodyBytes
    if (region.heldBytes < wholeBytes && !(await region.hold(wholeBytes))) throw this.cut()
    const { bytes, start } = region
    region.pass(wholeBytes)
    const message = new ArrowMessage(facts, bytes, start, start + headBytes, start + wholeBytes)
    // A schema and dictionaries are kept.
    return facts.kind === 'records' && message.bodyAt % ALIGNED_BYTES === 0 ? message : inItsOwnMemory(message)
  }

  /** Lets go of the bytes. */
  close(): Promise<void> {
    return this.region.close()
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
    const problem = error instanceof Error ? error.message : String(error)
    const isNamed = error instanceof DamagedColumn && error.column !== null
    return this.fail(isNamed ? `is damaged: column ${error.column} ${problem}` : `is damaged (${problem})`, DAMAGED)
  }

  private async passHead(): Promise<void> {
    const { region } = this
    if (!(await region.hold(FILE_HEAD_BYTES))) return
    const head = region.bytes.subarray(region.start, region.start + FILE_HEAD_BYTES)
    if (Buffer.from(head).toString('latin1').startsWith(FILE_MAGIC)) region.pass(FILE_HEAD_BYTES)
  }

  /** Length of the metadata behind the prefix at the start of the region. */
  private metadataBytes(): number {
    const { bytes, start } = this.region
    const view = new DataView(bytes.buffer, start, PREFIX_BYTES)
    if (view.getUint32(0, true) !== CONTINUATION) throw this.fail('does not begin with ff ff ff ff', LEGACY_HINT)
    const metadataBytes = view.getInt32(4, true)
    if (metadataBytes < 0 || metadataBytes > ARROW_METADATA_BYTES_MAX) {
      throw this.fail(`has ${metadataBytes} bytes of metadata, expected at most ${ARROW_METADATA_BYTES_MAX}`, '')
    }
    return metadataBytes
  }

  /** What checked metadata says. Record batch after record batch has the same: it is checked once. */
  private shapeOf(at: number, metadataBytes: number): MessageShape {
    const { bytes } = this.region
    if (this.last !== null && stands(this.last.flat, bytes, at, metadataBytes)) return this.last
    const flat = bytes.subarray(at, at + metadataBytes)
    const bodyBytes = this.checked(() => bodyBytesOf(flat))
    if (bodyBytes > ARROW_BODY_BYTES_MAX) {
      const hint = 'Write smaller record batches: max_chunksize=100000 of pyarrow, row_group_size of DuckDB.'
      throw this.fail(`has a body of ${bodyBytes} bytes, expected at most ${ARROW_BODY_BYTES_MAX}`, hint)
    }
    this.last = { flat: flat.slice(), facts: this.checked(() => checkMessage(flat, bodyBytes)), bodyBytes }
    return this.last
  }

  private checked<T>(check: () => T): T {
    try {
      return check()
    } catch (error) {
      throw this.damaged(error)
    }
  }

  private cut(): TraceError {
    const endBytes = this.region.passedBytes + this.region.heldBytes
    const problem = `the Arrow stream ends inside message ${this.count}, at byte ${endBytes}`
    return new TraceError({
      file: this.file,
      line: 0,
      column: 0,
      problem,
      hint: 'The file was cut: write or copy it again.',
    })
  }
}

/** The bytes stand at `at`, and are so many. */
function stands(these: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (these.length !== length) return false
  for (let index = 0; index < length; index++) if (these[index] !== bytes[at + index]) return false
  return true
}

/** With its body at a multiple of eight bytes. */
function inItsOwnMemory({ facts, metadata, body }: ArrowMessage): ArrowMessage {
  const bodyAt = Math.ceil(metadata.length / ALIGNED_BYTES) * ALIGNED_BYTES
  const memory = new Uint8Array(bodyAt + body.length)
  memory.set(metadata, bodyAt - metadata.length)
  memory.set(body, bodyAt)
  return new ArrowMessage(facts, memory, bodyAt - metadata.length, bodyAt, memory.length)
}

const DAMAGED = 'Copy or write it again.'
const LEGACY_HINT = 'Was it written by an Arrow before 0.15, or is it no Arrow stream?'
