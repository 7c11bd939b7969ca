import { grown } from '../../grown.ts'
import type { ByteSource } from '../byte-source.ts'

/** Long enough for a few record batches as pinscope writes them, short enough to stay in a processor's cache. */
const REGION_BYTES = 1 << 19
/** Places of wider numbers in the region are multiples of their width where they are so in the stream. */
const ALIGNED_BYTES = 8

/**
 * The part of a byte stream that is at work, in one region of memory that is used again and again. It grows to the longest
 * part that is asked for, and only with bytes that have come.
 */
export class ByteRegion {
  bytes = new Uint8Array(REGION_BYTES)
  /** What has come and is not passed is `bytes[start..end)`. */
  start = 0
  private end = 0
  /** Bytes of the stream before `bytes[0]`. */
  private before = 0
  private readonly source: ByteSource
  private readonly chunks: AsyncIterator<Uint8Array>
  private chunk = new Uint8Array(0)

  constructor(source: ByteSource) {
    this.source = source
    this.chunks = source[Symbol.asyncIterator]()
  }

  /** Bytes passed so far. */
  get passedBytes(): number {
    return this.before + this.start
  }

  /** Bytes from `start` on that are there. */
  get heldBytes(): number {
    return this.end - this.start
  }

  /** Waits until so many bytes are there from `start` on; false where the stream ends before. What was there may move. */
  async hold(bytes: number): Promise<boolean> {
    while (this.heldBytes < bytes) {
      if (this.start + bytes > this.bytes.length) this.makeRoom(bytes)
      if (!(await this.fill())) return false
    }
    return true
  }

  /** Goes on behind bytes that are there. */
  pass(bytes: number): void {
    this.start += bytes
  }

  async close(): Promise<void> {
    await this.chunks.return?.()
  }

  private makeRoom(bytes: number): void {
    const start = this.start % ALIGNED_BYTES
    if (start < this.start) {
      this.bytes.copyWithin(start, this.start, this.end)
      this.before += this.start - start
      this.end -= this.start - start
      this.start = start
    }
    const isFull = this.end === this.bytes.length
    if (isFull && start + bytes > this.bytes.length) this.bytes = grown(this.bytes, this.bytes.length * 2)
  }

  /** Adds as many bytes as there is room for; false at the end of the stream. */
  private async fill(): Promise<boolean> {
    const room = this.bytes.subarray(this.end)
    if (this.source.readInto !== undefined) {
      const bytes = await this.source.readInto(room)
      this.end += bytes
      return bytes > 0
    }
    while (this.chunk.length === 0) {
      const next = await this.chunks.next()
      if (next.done === true) return false
      this.chunk = next.value as Uint8Array<ArrayBuffer>
    }
    const part = this.chunk.subarray(0, room.length)
    room.set(part)
    this.chunk = this.chunk.subarray(part.length)
    this.end += part.length
    return true
  }
}
