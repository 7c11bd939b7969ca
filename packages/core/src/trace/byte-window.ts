import { invariant } from '../invariant.ts'
import { type ByteSource, ResumedSource } from './byte-source.ts'
import { LINE_BYTES_MAX } from './limits.ts'
import { LINE_FEED } from './text-cell.ts'

/** Most bytes added at a time; a longer chunk is taken in pieces. At once in the cache, and often enough for Ctrl-C. */
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
  private readonly source: ByteSource
  private readonly chunks: AsyncIterator<Uint8Array>
  private chunk = new Uint8Array(0)
  private chunkAt = 0
  /** Bytes of the stream before `bytes[0]`. */
  private before = 0
  private addedLineFeed = 0

  constructor(source: ByteSource) {
    this.source = source
    this.chunks = source[Symbol.asyncIterator]()
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
    if (this.source.readInto !== undefined) return this.fillInPlace()
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

  /** Goes on in memory of the caller's, if what is not read yet fits there, until a line does not. */
  moveTo(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.end - this.start > bytes.length) return
    bytes.set(this.bytes.subarray(this.start, this.end))
    this.bytes = bytes
    this.before += this.start
    this.linesEnd -= this.start
    this.end -= this.start
    this.start = 0
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

  /** What is not read yet, as a source. */
  rest(): ByteSource {
    const left = this.bytes.slice(this.start, this.dataEnd)
    return new ResumedSource([left, this.chunk.subarray(this.chunkAt)], this.chunks, this.source)
  }

  private async fillInPlace(): Promise<void> {
    if (this.end + PIECE_BYTES > this.bytes.length) this.makeRoom(PIECE_BYTES)
    const end = this.end
    const added = await this.source.readInto!(this.bytes.subarray(end, end + PIECE_BYTES))
    if (added === 0) this.finish()
    else this.grow(added)
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
    this.grow(piece.length)
  }

  /** Takes in bytes that stand behind the end already. */
  private grow(length: number): void {
    const last = this.bytes.subarray(this.end, this.end + length).lastIndexOf(LINE_FEED)
    if (last >= 0) this.linesEnd = this.end + last + 1
    this.end += length
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
