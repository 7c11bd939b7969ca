import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openTrace } from '../../src/trace/open-trace.ts'
import { ZSTD_WINDOW_MAX, ZstdFrames } from '../../src/trace/zstd-frames.ts'
import { chunked } from './columns-as-rows.ts'

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]

/** A block without compression, or of one byte repeated. */
function block(bytes: readonly number[], isLast: boolean, isRepeat = false): number[] {
  const header = (bytes.length << 3) | ((isRepeat ? 1 : 0) << 1) | (isLast ? 1 : 0)
  return [header & 255, (header >> 8) & 255, header >> 16, ...(isRepeat ? bytes.slice(0, 1) : bytes)]
}

/** RFC 8878, 3.1.1: a frame of a window of 2^(10 + exponent) bytes, `mantissa` eighths more. */
function frame(exponent: number, mantissa: number, blocks: readonly number[], checksum = false): number[] {
  return [...MAGIC, checksum ? 4 : 0, (exponent << 3) | mantissa, ...blocks, ...(checksum ? [1, 2, 3, 4] : [])]
}

const found = (bytes: readonly number[], size = bytes.length): number => {
  const frames = new ZstdFrames()
  for (let at = 0; at < bytes.length; at += size) {
    const window = frames.largeWindowIn(Uint8Array.from(bytes.slice(at, at + size)))
    if (window > 0) return window
  }
  return 0
}

describe('windows of zstd frames', () => {
  it('up to 8 MiB are none, one more is', () => {
    expect(found(frame(13, 0, block([1], true)))).toBe(0)
    expect(found(frame(13, 1, block([1], true)))).toBe(ZSTD_WINDOW_MAX * 1.125)
    expect(found(frame(31, 7, block([1], true)))).toBe(2 ** 41 * 1.875)
  })

  it('of a frame in one segment the window is its content', () => {
    expect(found([...MAGIC, 0xa0, 0, 0, 128, 0])).toBe(0)
    expect(found([...MAGIC, 0xa0, 1, 0, 128, 0])).toBe(ZSTD_WINDOW_MAX + 1)
    expect(found([...MAGIC, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0])).toBe(2 ** 32)
    expect(found([...MAGIC, 0x60, 0xff, 0xff])).toBe(0)
  })

  it('are found behind any blocks, checksums and frames that are passed over, whatever the chunks', () => {
    const piece = fc.tuple(fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }), fc.boolean())
    const one = fc.oneof(
      fc.tuple(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.boolean()).map(([pieces, checksum]) =>
        frame(
          10,
          0,
          pieces.flatMap(([bytes, repeat], i) => block(bytes, i === pieces.length - 1, repeat)),
          checksum,
        ),
      ),
      fc
        .array(fc.nat(255), { maxLength: 30 })
        .map((bytes) => [0x5a, 0x2a, 0x4d, 0x18, bytes.length, 0, 0, 0, ...bytes]),
    )
    const property = fc.property(fc.array(one, { maxLength: 5 }), fc.integer({ min: 1, max: 50 }), (frames, size) => {
      expect(found(frames.flat(), size)).toBe(0)
      expect(found([...frames.flat(), ...frame(20, 0, block([1], true))], size)).toBe(2 ** 30)
    })
    fc.assert(property, { numRuns: 500, seed: 20_261_122 })
  })

  it('a trace with a large one is refused', async () => {
    const text = Buffer.from('# pinscope-trace 1\nts,op,segs\n0,read,0x1000+1\n')
    const bytes = [...frame(10, 0, block([...text], true)), ...frame(20, 0, block([...text], true))]
    const read = async () => {
      const reader = await openTrace(chunked(Uint8Array.from(bytes), [7]), 'x.zst')
      for await (const batch of reader.batches()) void batch
    }
    await expect(read()).rejects.toThrow(
      'x.zst: a frame of the zstd stream has a window of 1024 MiB, up to 8 MiB is read\nCompress it anew: zstd --long=31 -dc x.zst | zstd -o OTHER.zst',
    )
  })
})
