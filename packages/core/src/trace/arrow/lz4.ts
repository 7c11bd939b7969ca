import { grown } from '../../grown.ts'

// LZ4 frame and block format. https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md, lz4_Block_format.md
const MAGIC = 0x184d2204
const FLAG_BLOCK_CHECKSUM = 1 << 4
const FLAG_CONTENT_SIZE = 1 << 3
const FLAG_DICTIONARY = 1
const STORED = 0x80000000
const MATCH_BYTES_MIN = 4
/** Length in a token that goes on in the bytes behind it. */
const LENGTH_GOES_ON = 15

/** The content of an LZ4 frame of at most `bytesMax` bytes. A RangeError where it is damaged or longer. Checksums are not verified. */
export function unlz4(frame: Uint8Array, bytesMax: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (view.getUint32(0, true) !== MAGIC) throw new RangeError('no LZ4 frame')
  const flags = view.getUint8(4)
  if ((flags & FLAG_DICTIONARY) !== 0) throw new RangeError('an LZ4 frame with a dictionary')
  const checksumBytes = (flags & FLAG_BLOCK_CHECKSUM) === 0 ? 0 : 4
  const out = new Output(bytesMax)
  let at = (flags & FLAG_CONTENT_SIZE) === 0 ? 7 : 15
  for (;;) {
    const size = view.getUint32(at, true)
    at += 4
    if (size === 0) return out.taken()
    const length = size & ~STORED
    if (at + length > frame.length) throw new RangeError('an LZ4 block runs past its frame')
    const block = frame.subarray(at, at + length)
    if (size >= STORED) out.add(block)
    else addBlock(out, block)
    at += length + checksumBytes
  }
}

/** Blocks may refer to what blocks before them hold: all go to one buffer. */
class Output {
  bytes = new Uint8Array(1 << 16)
  length = 0
  private readonly bytesMax: number

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  add(piece: Uint8Array): void {
    this.makeRoom(piece.length)
    this.bytes.set(piece, this.length)
    this.length += piece.length
  }

  /** Repeats what lies `distance` bytes back; the end of it may be part of what is repeated. */
  repeat(distance: number, length: number): void {
    if (distance === 0 || distance > this.length) throw new RangeError('an LZ4 match from before the beginning')
    this.makeRoom(length)
    const { bytes } = this
    for (let to = this.length, end = to + length; to < end; to++) bytes[to] = bytes[to - distance]!
    this.length += length
  }

  taken(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  private makeRoom(length: number): void {
    const needed = this.length + length
    if (needed > this.bytesMax) throw new RangeError(`more than ${this.bytesMax} bytes of LZ4`)
    if (needed > this.bytes.length) this.bytes = grown(this.bytes, Math.max(needed, 2 * this.bytes.length))
  }
}

function addBlock(out: Output, block: Uint8Array): void {
  let at = 0
  /** The rest of a length whose beginning stands in the token. */
  const lengthOf = (start: number): number => {
    let length = start
    if (start < LENGTH_GOES_ON) return length
    let byte = 255
    while (byte === 255) {
      byte = byteAt(block, at++)
      length += byte
    }
    return length
  }
  while (at < block.length) {
    const token = block[at++]!
    const literals = lengthOf(token >> 4)
    if (at + literals > block.length) throw new RangeError('LZ4 literals run past their block')
    out.add(block.subarray(at, at + literals))
    at += literals
    // The last sequence has literals only.
    if (at === block.length) return
    const distance = byteAt(block, at) | (byteAt(block, at + 1) << 8)
    at += 2
    out.repeat(distance, lengthOf(token & LENGTH_GOES_ON) + MATCH_BYTES_MIN)
  }
}

function byteAt(block: Uint8Array, at: number): number {
  const byte = block[at]
  if (byte === undefined) throw new RangeError('an LZ4 block ends inside a sequence')
  return byte
}
