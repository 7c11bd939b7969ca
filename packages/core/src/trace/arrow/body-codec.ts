import { CompressionType, compressionRegistry } from 'apache-arrow'
import { decompress } from 'fzstd'
import { ARROW_BODY_BYTES_MAX } from '../limits.ts'
import { unlz4 } from './lz4.ts'
import type { MessageFacts } from './message-guard.ts'

const LENGTH_BYTES = 8

/**
 * Lets the library decompress the buffers of the next message: those of one message together become no longer than a body
 * may be. It asks a registry of its own for the means, which has none from the start.
 */
export function allowCompressed({ codec }: { readonly codec: MessageFacts['codec'] }): void {
  if (codec === null) return
  let left = ARROW_BODY_BYTES_MAX
  const decode = (bytes: Uint8Array): Uint8Array => {
    const content = codec === 'zstd' ? unzstd(bytes, left) : unlz4(bytes, left)
    left -= content.length
    return aligned(content)
  }
  compressionRegistry.set(codec === 'zstd' ? CompressionType.ZSTD : CompressionType.LZ4_FRAME, { decode })
}

/** In memory of its own: wider numbers are read at multiples of their width. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
}

/** Into memory of the right length: fzstd is slow, and uses what memory the frame asks for, where it must find that out. */
function unzstd(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const length = lengthBefore(bytes)
  if (length > bytesMax) throw new RangeError(`more than ${bytesMax} bytes of zstd`)
  const content = decompress(bytes, new Uint8Array(length))
  if (content.length !== length) throw new RangeError('a zstd frame is not as long as it should be')
  return content
}

/** Each buffer begins with its length before compression, 64 bits wide. The library hands on what stands behind it. */
function lengthBefore({ buffer, byteOffset }: Uint8Array): number {
  const view = new DataView(buffer, byteOffset - LENGTH_BYTES, LENGTH_BYTES)
  return view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true)
}
