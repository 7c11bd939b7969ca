import { invariant } from '../invariant.ts'
import { LINE_BYTES_MAX } from './limits.ts'
import { LINE_FEED } from './text-cell.ts'

/** Most bytes added at a time; a longer chunk is taken in pieces. */
const PIECE_BYTES = 1 << 18
const UTF8_BOM = [0xef, 0xbb, 0xbf]

/**
 * The part of a byte stream that is being read: whole lines and the beginning of the next. One buffer, which grows to
 * the longest line and no further.
 */
export class ByteWindow {
  bytes = new Uint8Array(2 * PIECE_BYTES)
  /** What is not read yet is `bytes[start..end)`. */
  start = 0
  end = 0
  /** Position behind the last line feed, or at most `start` when there is none. */
  linesEnd = 0
  /** The stream is at its end; a line feed stands behind its last line, put there if need be. */
  ended = false
  private readonly chunks: AsyncIterator<Uint8Array>
  private chunk = new Uint8Array(0)
  private chunkAt = 0
  /** Bytes of the stream before `bytes[0]`. */
  private before = 0
  private addedLineFeed = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks[Symbol.asyncIterator]()
  }

  /** Bytes of the stream before `start`. */
  get consumedBytes(): number {
    return this.before + this.start - (this.ended && this.start === this.end ? this.addedLineFeed : 0)
  }

  /** Position behind the last byte that is the stream's own. */
  get dataEnd(): number {
    return this.end - this.addedLineFeed
  }

  /** Adds bytes, or finds that there are no more. */
  async fill(): Promise<void> {
    while (this.chunkAt === this.chunk.length) {
      const next = await this.chunks.next()
      if (next.done === true) return this.finish()
      invariant(next.value instanceof Uint8Array, 'a trace is read from bytes: the stream yields something else')
      this.chunk = next.value as Uint8Array<ArrayBuffer>
      this.chunkAt = 0
    }
    const piece = this.chunk.subarray(this.chunkAt, this.chunkAt + PIECE_BYTES)
    this.chunkAt += piece.length
    this.append(piece)
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    this.ended = true
    await this.chunks.return?.()
  }

  /** Passes over a byte order mark, if one stands at the start. It must be filled that far. */
  passByteOrderMark(): void {
    const isThere = UTF8_BOM.every((byte, index) => this.bytes[this.start + index] === byte)
    if (isThere && this.dataEnd - this.start >= UTF8_BOM.length) this.start += UTF8_BOM.length
  }

  /** What is not read yet, as a stream. */
  async *rest(): AsyncGenerator<Uint8Array> {
    try {
      if (this.dataEnd > this.start) yield this.bytes.slice(this.start, this.dataEnd)
      if (this.chunkAt < this.chunk.length) yield this.chunk.subarray(this.chunkAt)
      for (let next = await this.chunks.next(); next.done !== true; next = await this.chunks.next()) yield next.value
    } finally {
      await this.close()
    }
  }

  private finish(): void {
    this.ended = true
    if (this.end === this.start || this.bytes[this.end - 1] === LINE_FEED) return
    this.addedLineFeed = 1
    this.append(Uint8Array.of(LINE_FEED))
  }

  private append(piece: Uint8Array): void {
    if (this.end + piece.length > this.bytes.length) this.makeRoom(piece.length)
    this.bytes.set(piece, this.end)
    const last = piece.lastIndexOf(LINE_FEED)
    if (last >= 0) this.linesEnd = this.end + last + 1
    this.end += piece.length
  }

  private makeRoom(length: number): void {
    const kept = this.end - this.start
    this.before += this.start
    if (kept + length <= this.bytes.length) this.bytes.copyWithin(0, this.start, this.end)
    else {
      invariant(kept <= LINE_BYTES_MAX + PIECE_BYTES, 'the window holds more than the longest line')
      const bytes = new Uint8Array(Math.max(this.bytes.length * 2, kept + length))
      bytes.set(this.bytes.subarray(this.start, this.end))
      this.bytes = bytes
    }
    this.linesEnd -= this.start
    this.start = 0
    this.end = kept
  }
}
