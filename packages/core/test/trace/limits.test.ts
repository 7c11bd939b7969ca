import { describe, expect, it } from 'vitest'
import { NAME_TABLE_FULL, NAME_TOO_LONG, NameTable } from '../../src/trace/dictionary.ts'
import * as limits from '../../src/trace/limits.ts'
import { BATCH_ROWS_MAX } from '../../src/trace/op-batch.ts'
import { openTrace } from '../../src/trace/open-trace.ts'
import { chunked, scan } from './columns-as-rows.ts'

const HEADER = '# pinscope-trace 1\nts,op,iter,segs,file,x_note\n'

const reads = (rows: string, sizes?: readonly number[]) => scan(Buffer.from(HEADER + rows), sizes, 't')

describe('limits: the last good value and the first bad one', () => {
  it('line length, in any chunks', async () => {
    const row = (bytes: number) => `0,read,,0x0+1,,${'x'.repeat(bytes - '0,read,,0x0+1,,\n'.length)}\n`
    const message = `t:3:1: the line has more than ${limits.LINE_BYTES_MAX} bytes`
    for (const sizes of [[1 << 16], [1 << 24]]) {
      expect(await reads(row(limits.LINE_BYTES_MAX), sizes)).toHaveLength(1)
      await expect(reads(row(limits.LINE_BYTES_MAX + 1), sizes)).rejects.toThrow(message)
      await expect(reads(row(limits.LINE_BYTES_MAX * 2), sizes)).rejects.toThrow(message)
      await expect(reads(`${'"x",'.repeat(limits.LINE_BYTES_MAX)}\n`, sizes)).rejects.toThrow(message)
      await expect(reads(`0,"${'\n'.repeat(limits.LINE_BYTES_MAX)}"`, sizes)).rejects.toThrow(
        't:3:3: op has a quote that is not closed',
      )
    }
  })

  it('a line without end, above the rows', async () => {
    const endless = Buffer.alloc(limits.LINE_BYTES_MAX * 2, 'a')
    await expect(scan(endless)).rejects.toThrow('the trace format is not known')
    await expect(scan(Buffer.concat([Buffer.from('# pinscope-trace 1\n# x '), endless]))).rejects.toThrow(
      'test:2:1: the line has more than',
    )
  })

  it('header lines and columns', async () => {
    const withLines = (lines: number) => scan(Buffer.from(`# pinscope-trace 1\n${'#\n'.repeat(lines)}ts\n`))
    expect(await withLines(limits.HEADER_LINES_MAX - 1)).toEqual([])
    await expect(withLines(limits.HEADER_LINES_MAX)).rejects.toThrow('lines stand above the header row')
    const withColumns = (columns: number) =>
      scan(
        Buffer.from(`# pinscope-trace 1\nts,${Array.from({ length: columns - 1 }, (_, at) => `x_${at}`).join(',')}\n`),
      )
    expect(await withColumns(limits.COLUMNS_MAX)).toEqual([])
    await expect(withColumns(limits.COLUMNS_MAX + 1)).rejects.toThrow('more than 256 columns')
  })

  it('segments of a row', async () => {
    const row = (iter: string, segment: string, count: number) =>
      `0,read,${iter},${Array(count).fill(segment).join(';')},,\n`
    for (const [iter, segment, max] of [
      ['', '0x0+1', 1024],
      ['iovec', '0x0+1', 1024],
      ['kvec', '0x0+1', 1024],
      ['ubuf', '0x0+1', 1],
      ['xarray', 'f:0+1', 1],
      ['bvec', '1:0+1', 65536],
      ['folioq', 'f:0+4096', 65536],
    ] as const) {
      expect(await reads(row(iter, segment, max))).toHaveLength(1)
      await expect(reads(row(iter, segment, max + 1))).rejects.toThrow(
        `segs has more than ${max === 1 ? 'one segment' : `${max} segments`}`,
      )
    }
  })

  it('numbers', async () => {
    const max = limits.INTEGER_MAX
    expect(await reads(`${max},read,,0x1fffffffffffff+0,,`)).toMatchObject([{ ts: max, segments: [{ address: max }] }])
    expect(await reads(`000000000000000000000000000${max},read,,0x00000000000000000000001+1,,`)).toMatchObject([
      { ts: max },
    ])
    await expect(reads(`${BigInt(max) + 1n},read,,0x0+1,,`)).rejects.toThrow('t:3:1: ts has "9007199254740992"')
    await expect(reads(`${10n ** 400n},read,,0x0+1,,`)).rejects.toThrow('t:3:1: ts has "1000')
    await expect(reads('0,read,,0x20000000000000+0,,')).rejects.toThrow('t:3:9: segs has "0x20000000000000+0"')
    await expect(reads('0,read,,0x100000000000000+0,,')).rejects.toThrow(
      'segs has "0x100000000000000+0", expected integers below 2^53',
    )
    await expect(reads('0,read,,0x+1,,')).rejects.toThrow('expected 0xADDR+LEN')
    await expect(reads('0,read,,0x1fffffffffffff+1,,')).rejects.toThrow('runs past 2^53 - 1')
    expect(await reads('0,read,bvec,2147483647:0+4096,,')).toHaveLength(1)
    await expect(reads('0,read,bvec,2147483647:0+4097,,')).rejects.toThrow('runs past frame 2^31 - 1')
  })

  it('every integer of up to 17 digits is read as Number reads it', async () => {
    const values = Array.from({ length: 17 }, (_, digits) => [
      10 ** digits,
      10 ** digits - 1,
      1234567890123456 % 10 ** digits,
    ])
      .flat()
      .filter((value) => value <= limits.INTEGER_MAX)
    const rows = values.map(
      (value) => `0,read,,0x${value.toString(16)}+${Math.min(value, limits.INTEGER_MAX - value)},,`,
    )
    const read = (await reads(rows.join('\n'))) as { segments: { address: number }[] }[]
    expect(read.map(({ segments }) => segments[0]!.address)).toEqual(values)
  })

  it('names: bytes of one, and how many', async () => {
    const name = 'é'.repeat(limits.NAME_BYTES_MAX / 2)
    expect(await reads(`0,read,,0x0+1,${name},`)).toHaveLength(1)
    await expect(reads(`0,read,,0x0+1,${name}a,`)).rejects.toThrow('file has a name of more than 4096 bytes')
    const table = new NameTable()
    const bytes = new Uint8Array(limits.NAME_BYTES_MAX + 1)
    expect(table.intern(bytes, 0, bytes.length)).toBe(NAME_TOO_LONG)
    for (let index = 0; index < limits.NAMES_MAX; index++) {
      new DataView(bytes.buffer).setUint32(0, index)
      if (table.intern(bytes, 0, 4) !== index) throw new Error(`name ${index} has another id`)
    }
    bytes.fill(255)
    expect(table.intern(bytes, 0, 4)).toBe(NAME_TABLE_FULL)
    new DataView(bytes.buffer).setUint32(0, 12345)
    expect(table.intern(bytes, 0, 4)).toBe(12345)
  })

  it('names: bytes of all', () => {
    const table = new NameTable()
    const bytes = new Uint8Array(limits.NAME_BYTES_MAX)
    const fit = limits.NAMES_BYTES_MAX / limits.NAME_BYTES_MAX
    for (let index = 0; index < fit; index++) {
      new DataView(bytes.buffer).setUint32(0, index)
      expect(table.intern(bytes, 0, bytes.length)).toBe(index)
    }
    expect(table.intern(Uint8Array.of(1), 0, 1)).toBe(NAME_TABLE_FULL)
  })

  it('a batch is handed on when it is full of rows, or of segments', async () => {
    const sizes = async (rows: string) => {
      const reader = await openTrace(chunked(Buffer.from(HEADER + rows)), 't')
      const lengths: number[] = []
      for await (const batch of reader.batches()) {
        lengths.push(batch.length)
        expect(batch.segments.length).toBeLessThanOrEqual(limits.BATCH_SEGMENTS_MAX + limits.SEGMENTS_PAGES_MAX)
      }
      return lengths
    }
    expect(await sizes('0,read,,0x0+1,,\n'.repeat(BATCH_ROWS_MAX * 2 + 1))).toEqual([BATCH_ROWS_MAX, BATCH_ROWS_MAX, 1])
    expect(await sizes(`0,read,,${Array(1024).fill('0x0+1').join(';')},,\n`.repeat(65))).toEqual([64, 1])
  })
})

describe('the dictionary', () => {
  it('gives names their ids in order of appearance, whatever the bytes', () => {
    const table = new NameTable()
    const names = ['', 'a', 'b', 'ab', '\u{1d11e}', ...Array.from({ length: 5000 }, (_, index) => `name ${index * 7}`)]
    for (let round = 0; round < 2; round++) {
      names.forEach((name, id) => {
        const bytes = Buffer.from(`<${name}>`)
        expect(table.intern(bytes, 1, bytes.length - 1)).toBe(id)
      })
    }
    expect(table.size).toBe(names.length)
    expect(names.map((_, id) => table.text(id))).toEqual(names)
    expect(() => table.text(names.length)).toThrow(RangeError)
    expect(() => table.text(-1)).toThrow(RangeError)
  })

  it('keeps names that are not UTF-8 apart', () => {
    const table = new NameTable()
    expect(table.intern(Uint8Array.of(0xff), 0, 1)).toBe(0)
    expect(table.intern(Uint8Array.of(0xfe), 0, 1)).toBe(1)
    expect(table.text(0)).toBe('\ufffd')
  })
})
