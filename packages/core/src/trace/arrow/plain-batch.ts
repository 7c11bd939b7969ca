import { FlatTable } from './flat-table.ts'
import type { MessageFacts } from './message-guard.ts'
import type { ArrowMessage } from './message-reader.ts'

const ALIGNED_BYTES = 8
/** Length prefix of a message. */
const PREFIX_BYTES = 8

/** Views of the memory that a record batch is in. */
export interface MemoryViews {
  readonly buffer: ArrayBufferLike
  readonly int8: Int8Array
  readonly uint8: Uint8Array
  readonly int16: Int16Array
  readonly uint16: Uint16Array
  readonly int32: Int32Array
  readonly uint32: Uint32Array
}

function viewsOf(buffer: ArrayBufferLike): MemoryViews {
  const bytes = buffer.byteLength
  return {
    buffer,
    int8: new Int8Array(buffer),
    uint8: new Uint8Array(buffer),
    int16: new Int16Array(buffer, 0, bytes >> 1),
    uint16: new Uint16Array(buffer, 0, bytes >> 1),
    int32: new Int32Array(buffer, 0, bytes >> 2),
    uint32: new Uint32Array(buffer, 0, bytes >> 2),
  }
}

/**
 * Where the nodes and buffers of a record batch are in memory. One object for all batches of a file: views of the memory are
 * made once, for as long as messages come in the same.
 */
export class PlainBatch {
  views: MemoryViews = viewsOf(new ArrayBuffer(0))
  /** Rows of each node, and whether some of them are said to be null. */
  readonly lengths: Int32Array
  private readonly nulls: Uint8Array
  /** Place of each buffer in the memory, bytes, and its length: a body is shorter than 2^31. */
  readonly places: Int32Array
  readonly bytes: Int32Array
  /** Place of each buffer in the body. */
  private readonly starts: Int32Array
  /** Of the message at work. */
  private facts: MessageFacts | null = null
  private isOpen = false

  constructor(nodes: number, buffers: number) {
    this.lengths = new Int32Array(nodes)
    this.nulls = new Uint8Array(nodes)
    this.places = new Int32Array(buffers)
    this.bytes = new Int32Array(buffers)
    this.starts = new Int32Array(buffers)
  }

  /**
   * Takes a checked message apart, a record batch or the values of a dictionary; false where it is compressed, has other nodes
   * or buffers, or buffers that do not begin at a multiple of eight bytes.
   */
  open(message: ArrowMessage): boolean {
    const { facts, memory, bodyAt } = message
    if (facts !== this.facts) this.isOpen = this.takeApart(facts, message.metadata)
    this.facts = facts
    if (memory.buffer !== this.views.buffer) this.views = viewsOf(memory.buffer)
    for (let buffer = 0; buffer < this.places.length; buffer++) {
      this.places[buffer] = bodyAt + this.starts[buffer]!
    }
    return this.isOpen
  }

  private takeApart(facts: MessageFacts, metadata: Uint8Array): boolean {
    if (facts.codec !== null) return false
    const header = FlatTable.root(metadata.subarray(PREFIX_BYTES)).table(2)
    const records = facts.kind === 'dictionary' ? header?.table(1) : header
    if (records === null || records === undefined) return false
    const nodes = records.vector(1, 16)
    const buffers = records.vector(2, 16)
    if (nodes.length !== this.lengths.length || buffers.length !== this.starts.length) return false
    for (let node = 0; node < nodes.length; node++) {
      this.lengths[node] = records.countAt(nodes.at + node * 16)
      this.nulls[node] = records.countAt(nodes.at + node * 16 + 8) > 0 ? 1 : 0
    }
    let aligned = 0
    for (let buffer = 0; buffer < buffers.length; buffer++) {
      this.starts[buffer] = records.countAt(buffers.at + buffer * 16)
      this.bytes[buffer] = records.countAt(buffers.at + buffer * 16 + 8)
      aligned |= this.starts[buffer]! % ALIGNED_BYTES
    }
    return aligned === 0
  }

  /** The node has so many values, of a width in bytes, and bits for its nulls where it has some; `buffer` is its first. */
  holds(node: number, buffer: number, rows: number, width: number): boolean {
    if (this.lengths[node] !== rows || this.bytes[buffer + 1]! < rows * width) return false
    return !this.hasNulls(node, buffer) || this.bytes[buffer]! * 8 >= rows
  }

  /** Some values are not there; buffer `buffer` tells which. */
  hasNulls(node: number, buffer: number): boolean {
    return this.nulls[node] === 1 && this.bytes[buffer]! > 0
  }
}
