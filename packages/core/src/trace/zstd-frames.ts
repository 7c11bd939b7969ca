/** Largest window of a zstd frame that is read: what RFC 8878 asks every reader for, and `zstd -19` uses. */
export const ZSTD_WINDOW_MAX = 1 << 23

const MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
/** Bytes of a frame header at most: magic, descriptor, window, dictionary id, content size. */
const HEADER_BYTES_MAX = 18
const BLOCK_HEADER_BYTES = 3
const BLOCK_RLE = 1

/** What {@link ZstdFrames} waits for. */
const AT_FRAME = 0
const AT_BLOCK = 1

/**
 * Follows the frames of a zstd stream, without decompressing anything, for the size of their windows: a decompressor takes
 * as much memory as the header of a frame claims, and a frame may begin anywhere in the stream. (RFC 8878)
 */
export class ZstdFrames {
  private state = AT_FRAME
  private hasChecksum = false
  /** Bytes that are passed over before the next header. */
  private skip = 0
  private header = new Uint8Array(HEADER_BYTES_MAX)
  private headerLength = 0

  /** Takes the next bytes of the stream; the first window above {@link ZSTD_WINDOW_MAX} in bytes, or 0. */
  largeWindowIn(bytes: Uint8Array): number {
    let at = 0
    for (;;) {
      const passed = Math.min(this.skip, bytes.length - at)
      this.skip -= passed
      at += passed
      const needed = this.state === AT_BLOCK ? BLOCK_HEADER_BYTES : HEADER_BYTES_MAX
      while (at < bytes.length && this.headerLength < needed) this.header[this.headerLength++] = bytes[at++]!
      const length = this.state === AT_BLOCK ? this.readBlock() : this.readFrame()
      if (length < 0) return -length
      if (length === 0) return 0
      // What was taken too much for the header belongs to what follows.
      this.unread(length)
    }
  }

  private unread(used: number): void {
    const rest = this.headerLength - used
    const passed = Math.min(this.skip, rest)
    this.skip -= passed
    this.header.copyWithin(0, used + passed, this.headerLength)
    this.headerLength = rest - passed
  }

  /** Length of the header of a frame, 0 when more bytes are needed, or minus the size of a window that is too large. */
  private readFrame(): number {
    const { header, headerLength } = this
    if (headerLength < 8) return 0
    const view = new DataView(header.buffer)
    const magic = view.getUint32(0, true)
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      this.skip = view.getUint32(4, true)
      return 8
    }
    // No frame: the decompressor says so.
    if (magic !== MAGIC) return 0
    const descriptor = header[4]!
    const isSingle = (descriptor & 0x20) !== 0
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
    const length = 5 + (isSingle ? 0 : 1) + dictionaryBytes + sizeBytes
    if (headerLength < length) return 0
    const window = isSingle ? contentSize(view, length - sizeBytes, sizeBytes) : windowOf(header[5]!)
    if (window > ZSTD_WINDOW_MAX) return -window
    this.hasChecksum = (descriptor & 4) !== 0
    this.state = AT_BLOCK
    return length
  }

  private readBlock(): number {
    const { header, headerLength } = this
    if (headerLength < BLOCK_HEADER_BYTES) return 0
    const block = header[0]! | (header[1]! << 8) | (header[2]! << 16)
    this.skip = ((block >> 1) & 3) === BLOCK_RLE ? 1 : block >>> 3
    if ((block & 1) !== 0) {
      if (this.hasChecksum) this.skip += 4
      this.state = AT_FRAME
    }
    return BLOCK_HEADER_BYTES
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** Of a frame that is one segment the window is its content. */
function contentSize(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at)
  if (bytes === 2) return view.getUint16(at, true) + 256
  if (bytes === 4) return view.getUint32(at, true)
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}
