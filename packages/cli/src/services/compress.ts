import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'

/** What bytes may be compressed with. */
export type Compression = 'gzip' | 'zstd'

/** Bytes of one zstd frame before compression. A .zst file is any number of frames. */
const ZSTD_FRAME_BYTES = 1 << 22
/** What the zstd program does unless told otherwise. */
const ZSTD_LEVEL = 3

/** The bytes, compressed. */
export function compressed(
  bytes: AsyncIterable<Uint8Array>,
  compression: Compression | null,
): AsyncIterable<Uint8Array> {
  if (compression === null) return bytes
  return compression === 'gzip' ? gzipped(bytes) : zstded(bytes)
}

async function* gzipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = Readable.from(bytes, { objectMode: false })
  const output = createGzip()
  // An error of the source comes out of the iteration below; without this it would be nobody's.
  input.once('error', (error) => output.destroy(error))
  input.pipe(output)
  try {
    for await (const chunk of output) yield chunk as Uint8Array
  } finally {
    input.destroy()
    output.destroy()
  }
}

/**
 * Frame by frame: Node has no zstd before 22.15, and the WebAssembly build takes a piece as a whole. It is used on later Nodes
 * too, so that the same trace makes the same file everywhere.
 */
async function* zstded(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { compress } = await ZSTD.load()
  for await (const frame of framed(bytes)) yield compress(frame, ZSTD_LEVEL)
}

/** The WebAssembly build, begun once in a process: begun again, it compresses zeros while it starts. */
const ZSTD = {
  loading: null as Promise<typeof import('@bokuweb/zstd-wasm')> | null,
  load() {
    this.loading ??= import('@bokuweb/zstd-wasm').then((module) => module.init().then(() => module))
    return this.loading
  },
}

/** Pieces of one length, but for the last. */
async function* framed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frame = Buffer.alloc(ZSTD_FRAME_BYTES)
  let length = 0
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + frame.length - length)
      frame.set(piece, length)
      length += piece.length
      at += piece.length
      if (length < frame.length) continue
      yield frame
      length = 0
    }
  }
  if (length > 0) yield frame.subarray(0, length)
}
