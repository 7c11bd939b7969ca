import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { TraceError } from './trace-error.ts'
import { ZSTD_WINDOW_MAX, ZstdFrames } from './zstd-frames.ts'

/** Compressed bytes handed to fzstd at a time. A block of a few bytes may stand for 128 KiB of text. */
const ZSTD_PIECE_BYTES = 4096

/** The text of a gzip stream of any number of members. */
export async function* gunzip(source: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source, { objectMode: false })
  const output = createGunzip()
  // An error of the source comes out of the iteration below; without this it would be nobody's.
  input.once('error', (error) => output.destroy(error))
  input.pipe(output)
  try {
    for await (const chunk of output) yield chunk as Uint8Array
  } catch (error) {
    throw damaged(error, 'gzip', file) ?? error
  } finally {
    input.destroy()
    output.destroy()
  }
}

/** The text of a zstd stream of any number of frames. Their checksums are not verified: fzstd does not. */
export async function* unzstd(source: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import('fzstd')
  const frames = new ZstdFrames()
  let texts: Uint8Array[] = []
  const decompress = new Decompress((text) => {
    texts.push(text)
  })
  const push = (chunk: Uint8Array, final: boolean) => {
    try {
      // fzstd keeps pieces of its input: the source may reuse its buffer.
      decompress.push(chunk.slice(), final)
    } catch (error) {
      throw damaged(error, 'zstd', file) ?? error
    }
  }
  const take = () => {
    const taken = texts
    texts = []
    return taken
  }
  for await (const chunk of source) {
    const window = frames.largeWindowIn(chunk)
    if (window > 0) throw largeWindow(window, file)
    for (let at = 0; at < chunk.length; at += ZSTD_PIECE_BYTES) {
      push(chunk.subarray(at, at + ZSTD_PIECE_BYTES), false)
      yield* take()
    }
  }
  push(new Uint8Array(0), true)
  yield* take()
}

function largeWindow(window: number, file: string): TraceError {
  const problem = `a frame of the zstd stream has a window of ${Math.ceil(window / 2 ** 20)} MiB, up to ${ZSTD_WINDOW_MAX / 2 ** 20} MiB is read`
  const hint = `Compress it anew: zstd --long=31 -dc ${file} | zstd -o OTHER.zst`
  return new TraceError({ file, line: 0, column: 0, problem, hint })
}

/** The error for a damaged stream, or null when the error says something else (the source could not be read). */
function damaged(error: unknown, carrier: 'gzip' | 'zstd', file: string): TraceError | null {
  if (!(error instanceof Error) || error instanceof TraceError) return null
  const code = (error as { code?: unknown }).code
  const ours = carrier === 'gzip' ? typeof code === 'string' && code.startsWith('Z_') : true
  if (!ours) return null
  const truncated = carrier === 'gzip' ? code === 'Z_BUF_ERROR' : code === 5
  const tool = carrier === 'gzip' ? 'gzip' : 'zstd'
  const problem = truncated
    ? `the ${carrier} stream ends before its end: the file was cut`
    : `the ${carrier} stream is damaged (${error.message})`
  const hint = `Copy or record it again; what can be read: ${tool} -dc ${file} | head -n -1 | pinscope replay -`
  return new TraceError({ file, line: 0, column: 0, problem, hint })
}
