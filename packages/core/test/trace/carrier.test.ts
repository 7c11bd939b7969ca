import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { openTrace } from '../../src/trace/open-trace.ts'
import { TraceError } from '../../src/trace/trace-error.ts'
import { chunked, scan } from './columns-as-rows.ts'

const TRACE = fileURLToPath(new URL('../../../../traces/git-init-commit.csv', import.meta.url))
const plain = readFileSync(TRACE)

/** A zstd frame of raw blocks: every zstd reader takes it, and no zstd program is needed to make it. */
function zstdFrame(bytes: Buffer, checksum = false): Buffer {
  const parts: Uint8Array[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, checksum ? 0x04 : 0x00, 0x48])]
  for (let at = 0; at < bytes.length || at === 0; at += 65536) {
    const block = bytes.subarray(at, at + 65536)
    const head = (block.length << 3) | (at + 65536 >= bytes.length ? 1 : 0)
    parts.push(Buffer.from([head & 255, (head >> 8) & 255, head >> 16]), block)
  }
  if (checksum) parts.push(Buffer.from([1, 2, 3, 4]))
  return Buffer.concat(parts)
}

async function fault(bytes: Uint8Array, sizes?: readonly number[]): Promise<string> {
  const error = await scan(bytes, sizes, 'trace').catch((error: unknown) => error)
  if (!(error instanceof TraceError)) throw new Error(`expected a TraceError, got ${String(error)}`)
  return error.message
}

describe('gzip', () => {
  it('is recognised by its bytes, in any chunks', async () => {
    const rows = await scan(plain)
    expect(await scan(gzipSync(plain))).toEqual(rows)
    expect(await scan(gzipSync(plain), [1])).toEqual(rows)
  })

  it('may have several members', async () => {
    const half = plain.indexOf('\n', plain.length / 2) - 20
    const members = Buffer.concat([gzipSync(plain.subarray(0, half)), gzipSync(plain.subarray(half))])
    expect(await scan(members)).toEqual(await scan(plain))
  })

  it('that was cut says so, and how to read the rest', async () => {
    const whole = gzipSync(plain)
    for (const length of [3, 12, 100, whole.length >> 1, whole.length - 1]) {
      expect(await fault(whole.subarray(0, length))).toMatch(
        /^trace: the gzip stream ends before its end: the file was cut\nCopy or record it again; .*gzip -dc trace/,
      )
    }
  })

  it('that is damaged says so', async () => {
    const damaged = Buffer.from(gzipSync(plain))
    damaged.fill(0x55, 2000, 2100)
    expect(await fault(damaged)).toMatch(/^trace: the gzip stream is damaged \(/)
  })

  it('with a wrong checksum says so', async () => {
    const damaged = Buffer.from(gzipSync(plain))
    damaged[damaged.length - 6]! ^= 1
    expect(await fault(damaged)).toMatch(/^trace: the gzip stream is damaged \(incorrect data check\)/)
  })

  it('keeps line numbers of the text', async () => {
    const bad = Buffer.from('# pinscope-trace 1\nts,op,segs\n0,raed,0x0+1\n')
    expect(await fault(gzipSync(bad))).toMatch(/^trace:3:3: op is "raed"/)
  })

  it('of nothing is an empty trace', async () => {
    expect(await fault(gzipSync(''))).toMatch(/^trace:1:1: the trace is empty/)
  })
})

describe('zstd', () => {
  it('is recognised by its bytes, in any chunks', async () => {
    const rows = await scan(plain)
    expect(await scan(zstdFrame(plain))).toEqual(rows)
    expect(await scan(zstdFrame(plain, true), [1])).toEqual(rows)
  })

  it('may have several frames, and skippable ones', async () => {
    const half = plain.length >> 1
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
    const frames = [skippable, zstdFrame(plain.subarray(0, half)), zstdFrame(plain.subarray(half), true)]
    expect(await scan(Buffer.concat(frames), [1000])).toEqual(await scan(plain))
  })

  it('that was cut says so', async () => {
    const whole = zstdFrame(plain)
    for (const length of [5, 9, 100, whole.length >> 1, whole.length - 1]) {
      expect(await fault(whole.subarray(0, length))).toMatch(/^trace: the zstd stream ends before its end/)
    }
  })

  it('that is damaged says so', async () => {
    const damaged = zstdFrame(plain)
    damaged[6]! |= 6
    expect(await fault(damaged)).toMatch(/^trace: the zstd stream is damaged \(/)
  })

  it.runIf(spawnSync('zstd', ['--version']).status === 0)('of the zstd program', async () => {
    const compressed = execFileSync('zstd', ['-19', '-c'], { input: plain, maxBuffer: 1 << 24 })
    expect(await scan(compressed, [777])).toEqual(await scan(plain))
  })
})

describe('the stream itself', () => {
  it('that fails while reading passes its own error on', async () => {
    async function* broken(bytes: Buffer) {
      yield* chunked(bytes, [1000])
      throw new Error('EIO: i/o error, read')
    }
    const read = async (bytes: Buffer) => {
      for await (const _ of (await openTrace(broken(bytes), 'x')).batches());
    }
    await expect(read(plain.subarray(0, 5000))).rejects.toThrow('EIO')
    await expect(read(gzipSync(plain).subarray(0, 5000))).rejects.toThrow('EIO')
    await expect(read(zstdFrame(plain).subarray(0, 5000))).rejects.toThrow('EIO')
  })

  it('is closed when the file is no trace', async () => {
    let closed = 0
    async function* source(bytes: Buffer) {
      try {
        for (;;) yield bytes
      } finally {
        closed++
      }
    }
    await expect(openTrace(source(Buffer.from('a\n')), 'x')).rejects.toThrow('the trace format is not known')
    await expect(openTrace(source(gzipSync('a\n')), 'x')).rejects.toThrow('the trace format is not known')
    await expect(openTrace(source(zstdFrame(Buffer.from('a\n'))), 'x')).rejects.toThrow('the trace format is not known')
    expect(closed).toBe(3)
  })

  it('counts the bytes of text', async () => {
    for (const bytes of [plain, gzipSync(plain), plain.subarray(0, plain.length - 1)]) {
      const reader = await openTrace(chunked(bytes, [999]), 'x')
      for await (const _ of reader.batches());
      expect(reader.bytesRead).toBe(bytes[0] === 0x1f ? plain.length : bytes.length)
    }
  })

  it('is read once', async () => {
    const reader = await openTrace(chunked(plain), 'x')
    for await (const _ of reader.batches());
    await expect((reader.batches() as AsyncGenerator).next()).rejects.toThrow('called once')
  })
})
