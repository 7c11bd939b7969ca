import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  Binary,
  type DataType,
  Dictionary,
  Field,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  LargeUtf8,
  List,
  makeData,
  makeVector,
  Struct,
  Table,
  TimestampNanosecond,
  tableToIPC,
  Uint8,
  Uint64,
  Utf8,
  Utf8View,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { traceInfo } from '../../../src/trace/trace-info.ts'
import { chunked } from '../columns-as-rows.ts'
import { readAll, written } from '../write/round-trip.ts'
import { messageOf } from './import-suite.ts'

const SAMPLES = fileURLToPath(new URL('../../../../../traces/formats/', import.meta.url))
const sample = (name: string) => readFileSync(SAMPLES + name)

type Columns = Readonly<Record<string, readonly [DataType, readonly unknown[]]>>

/** An IPC stream of one table, as other programs write them: values by the type they are given. */
function stream(columns: Columns, kind: 'stream' | 'file' = 'stream'): Uint8Array {
  const vectors = Object.entries(columns).map(([name, [type, values]]) => [
    name,
    vectorFromArray(values as never, type),
  ])
  return tableToIPC(new Table(Object.fromEntries(vectors)), kind)
}

const TS: Columns = { ts: [new Int64(), [0n, 5n, 7n]] }
const THREE_READS: Columns = {
  ...TS,
  op: [new Utf8(), ['read', 'read', 'write']],
  segs: [new Utf8(), ['0x1000+512', '0x2000+512;0x3000+16', '0x4000+1']],
}

describe('arrow: what other programs write', () => {
  it('a table of polars: 120 rows of 9 columns, each as it was made', async () => {
    const reader = await openTrace(chunked(sample('arrow-polars.arrow')), 't')
    const info = await traceInfo(reader)
    expect(info).toMatchObject({ format: 'arrow', rows: 120, writes: 40, reads: 80, layout: 'L3', imported: null })
    // Rows i with i % 4 = 3 have 512 + 1024 bytes in two segments, the others 4096 in one; i % 3 = 0 writes; i % 12 = 0 failed.
    expect(info.segments.total).toBe(150)
    expect(info.bytes).toEqual({ written: 30 * 4096 + 10 * 1536, read: 60 * 4096 + 20 * 1536 })
    expect(info).toMatchObject({ errors: 10, neverCompleted: 12, addressSpaces: 2, files: 5, directOperations: 75 })
  })

  it.each(['lz4', 'zstd'])('and the same with buffers compressed with %s', async (codec) => {
    expect(await readAll(sample(`arrow-polars-${codec}.arrow`))).toEqual(await readAll(sample('arrow-polars.arrow')))
  })

  const wanted = readAll(stream(THREE_READS))
  it.each<[string, Columns]>([
    ['int32 times', { ...THREE_READS, ts: [new Int32(), [0, 5, 7]] }],
    ['uint8 times', { ...THREE_READS, ts: [new Uint8(), [0, 5, 7]] }],
    ['uint64 times', { ...THREE_READS, ts: [new Uint64(), [0n, 5n, 7n]] }],
    ['doubles for times', { ...THREE_READS, ts: [new Float64(), [0, 5, 7]] }],
    ['times as text', { ...THREE_READS, ts: [new Utf8(), ['0', '5', '7']] }],
    ['large texts', { ...THREE_READS, op: [new LargeUtf8(), ['read', 'read', 'write']] }],
    ['views of texts', { ...THREE_READS, op: [new Utf8View(), ['read', 'read', 'write']] }],
    ['bytes', { ...THREE_READS, op: [new Binary(), ['read', 'read', 'write'].map((word) => Buffer.from(word))] }],
    [
      'words as a dictionary',
      { ...THREE_READS, op: [new Dictionary(new Utf8(), new Int8()), ['read', 'read', 'write']] },
    ],
    [
      'segments as a dictionary',
      { ...THREE_READS, segs: [new Dictionary(new Utf8(), new Int16()), THREE_READS.segs![1]] },
    ],
    [
      'empty cells as null',
      { ...THREE_READS, result: [new Float64(), [null, Number.NaN, null]], file: [new Utf8(), [null, '', null]] },
    ],
    ['an index of pandas', { ...THREE_READS, __index_level_0__: [new Int64(), [0n, 1n, 2n]] }],
    ['a column of its own', { ...THREE_READS, x_mine: [new Float64(), [0.5, 1, 2]] }],
  ])('%s', async (_, columns) => {
    expect((await readAll(stream(columns))).rows).toEqual((await wanted).rows)
  })

  it('lists of structs, and lists of texts, for segments', async () => {
    const item = new Struct([new Field('length', new Int32()), new Field('address', new Int64())] as never)
    const segments = [
      [{ address: 0x1000n, length: 512 }],
      [
        { address: 0x2000n, length: 512 },
        { address: 0x3000n, length: 16 },
      ],
      [{ address: 0x4000n, length: 1 }],
    ]
    const structs = { ...THREE_READS, segs: [new List(new Field('item', item)), segments] as const }
    expect((await readAll(stream(structs as never))).rows).toEqual((await wanted).rows)
    const texts = THREE_READS.segs![1].map((cell) => String(cell).split(';'))
    const lists = { ...THREE_READS, segs: [new List(new Field('item', new Utf8())), texts] as const }
    expect((await readAll(stream(lists as never))).rows).toEqual((await wanted).rows)
  })

  it('lists of texts for flags', async () => {
    const cells = {
      ...THREE_READS,
      flags: [new List(new Field('item', new Utf8())), [['direct', 'nowait'], null, []]] as const,
    }
    const { rows } = await readAll(stream(cells as never))
    expect(rows).toMatchObject([{ flags: ['direct', 'nowait'] }, { flags: [] }, { flags: [] }])
  })

  it('more rows than a batch holds, in one record batch, and segments across both', async () => {
    const rows = 10_000
    const ts = Array.from({ length: rows }, (_, row) => BigInt(row))
    const segs = ts.map((row) => `0x${(4096n * (row + 1n)).toString(16)}+${row};0x10+1`)
    const read = await readAll(
      stream({ ts: [new Int64(), ts], op: [new Utf8(), ts.map(() => 'read')], segs: [new Utf8(), segs] }),
    )
    expect(read.rows.length).toBe(rows)
    expect(read.rows[9999]).toMatchObject({
      ts: 9999,
      row: 10_000,
      len: 10_000,
      segments: [{ address: 40_960_000 }, { length: 1 }],
    })
  })

  it('names that are no UTF-8 become text, and differ still', async () => {
    const text = Buffer.concat([
      Buffer.from('# pinscope-trace 1\nts,op,segs,file\n0,read,0x10+1,a'),
      Buffer.from([0xff, 0x0a]),
      Buffer.from('0,read,0x10+1,a\xfe\n', 'latin1'),
    ])
    const { rows } = await readAll(await written(text, 'arrow'))
    expect(rows).toMatchObject([{ file: 'a\\xff' }, { file: 'a\\xfe' }])
  })
})

describe('arrow: refused', () => {
  const refused = (columns: Columns) => messageOf(stream(columns), {})
  it.each<[string, Columns, string]>([
    [
      'no ts',
      { op: [new Utf8(), ['read']] },
      't: the table has no ts column\nA trace has at least ts; other columns: ',
    ],
    [
      'an unknown column',
      { ...TS, offst: [new Int64(), [0n, 0n, 0n]] },
      't: column "offst" is not known\nDid you mean offset? ',
    ],
    [
      'times of a clock',
      { ts: [new TimestampNanosecond(), [0]] },
      't: column ts is Timestamp<NANOSECOND>, expected int64: whole nanoseconds since the trace began\nSubtract the first time and cast it: ',
    ],
    [
      'numbers for names',
      { ...TS, file: [new Int64(), [0n, 0n, 0n]] },
      't: column file is Int64, expected utf8, or a dictionary of utf8\nCast it.',
    ],
    [
      'numbers for segments',
      { ...TS, segs: [new Int64(), [0n, 0n, 0n]] },
      't: column segs is Int64, expected a list of structs of address, offset and length, or utf8\n',
    ],
    [
      'half a nanosecond',
      { ...THREE_READS, ts: [new Float64(), [0, 0.5, 1]] },
      't: row 2: ts is "0.5", expected an integer of nanoseconds\n',
    ],
    [
      'a time above 2^53',
      { ...THREE_READS, ts: [new Int64(), [0n, 1n, 2n ** 60n]] },
      't: row 3: ts has "1152921504606846976", expected integers below 2^53\n',
    ],
    [
      'a time before the trace',
      { ...THREE_READS, ts: [new Int64(), [-1n, 1n, 2n]] },
      't: row 1: ts is "-1", expected an integer of nanoseconds\n',
    ],
    [
      'an unsigned time of 2^63',
      { ...THREE_READS, ts: [new Uint64(), [0n, 1n, 2n ** 63n]] },
      't: row 3: ts has "9223372036854775808", expected integers below 2^53\n',
    ],
    [
      'an empty time',
      { ...THREE_READS, ts: [new Int64(), [0n, null, 2n]] },
      't: row 2: ts is empty, every row needs it',
    ],
    [
      'rows out of order',
      { ...THREE_READS, ts: [new Int64(), [0n, 5n, 4n]] },
      't: row 3: ts is "4", earlier than 5 in the row above\n',
    ],
    [
      'a pid that is none',
      { ...THREE_READS, mm: [new Int64(), [1n, 2n, 2n ** 31n]] },
      't: row 3: mm is "2147483648", expected an integer from 0 to 2147483647',
    ],
    [
      'an errno that is none',
      { ...THREE_READS, result: [new Int32(), [1, -4096, 0]] },
      't: row 2: result is "-4096", expected an integer of bytes, or -errno (-1 to -4095)',
    ],
    [
      'a word that is none',
      { ...THREE_READS, op: [new Dictionary(new Utf8(), new Int8()), ['read', 'raed', 'write']] },
      't: row 2: op is "raed", not a known op\nDid you mean read? ',
    ],
    [
      'a segment that is none',
      { ...THREE_READS, segs: [new Utf8(), ['0x10+1', '10+1', '0x10+1']] },
      't: row 2: segs has "10+1", expected 0xADDR+LEN\n',
    ],
    [
      'a flag that is none',
      { ...THREE_READS, flags: [new Utf8(), ['direct', 'drect', '']] },
      't: row 2: flags has "drect", not a known flag\nDid you mean direct? ',
    ],
    ['an operation without op', { ...TS, segs: THREE_READS.segs! }, 't: row 1: op is empty, an io row needs it\n'],
  ])('%s', async (_, columns, message) => {
    expect((await refused(columns))?.slice(0, message.length)).toBe(message)
  })

  it('a file that is cut', async () => {
    const bytes = stream(THREE_READS)
    expect(await messageOf(bytes.subarray(0, bytes.length - 100), {})).toMatch(
      /^t: the Arrow stream ends inside message 2, at byte \d+\nThe file was cut: write or copy it again\.$/,
    )
  })

  it('a message that claims more than a message may have', async () => {
    const bytes = stream(THREE_READS)
    new DataView(bytes.buffer, bytes.byteOffset).setInt32(4, 0x7fffffff, true)
    expect(await messageOf(bytes, { format: 'arrow' })).toBe(
      't: Arrow message 1 at byte 0 has 2147483647 bytes of metadata, expected at most 16777216',
    )
  })

  it('a file whose schema stands at its end only', async () => {
    expect(await messageOf(stream({ ...TS, op: [new Utf8(), ['read', 'read', 'read']] }, 'file'), {})).toBe(
      't: Arrow message 1 at byte 8 is a records message, expected the schema\nThe schema of some files stands at their end only (apache-arrow for JavaScript writes such): write it as a stream.',
    )
  })

  it('numbers that stand for no text', async () => {
    const type = new Dictionary(new Utf8(), new Int8(), 1)
    const dictionary = vectorFromArray(['read'], new Utf8())
    const op = makeVector(makeData({ type, length: 3, nullCount: 0, data: Int8Array.of(0, 9, 0), dictionary }))
    const table = new Table({ ts: vectorFromArray([0n, 1n, 2n], new Int64()), op } as never)
    expect(await messageOf(tableToIPC(table, 'stream'), {})).toMatch(
      /^t: Arrow message 3 at byte \d+ is damaged: column op has number 9 of 1 texts\n/,
    )
  })

  it('texts that run backwards', async () => {
    const data = makeData({
      type: new Utf8(),
      length: 3,
      nullCount: 0,
      valueOffsets: Int32Array.of(0, 4, 2, 8),
      data: Buffer.from('readread'),
    })
    const table = new Table({ ts: vectorFromArray([0n, 1n, 2n], new Int64()), op: makeVector(data) } as never)
    expect(await messageOf(tableToIPC(table, 'stream'), {})).toMatch(
      /is damaged: column op has a value from 4 to 2 of 8\n/,
    )
  })
})

describe('arrow: damaged anywhere', () => {
  const small = 'ts,end,op,call,iter,segs,file,len,flags\n'
  const rows = Array.from({ length: 20 }, (_, row) =>
    row % 3 === 0
      ? `${row},,read,c${row},folioq,f${row}:0+4096,f,,hole=0+1`
      : `${row},${row + 1},write,c,,0x1000+5;0x2000+${row},f${row},,direct`,
  )
  const trace = Buffer.from(`# pinscope-trace 1\n# kernel 6.18\n${small}${rows.join('\n')}\n`)

  it.each(['arrow', 'arrow-stream'] as const)('%s: it is read, or refused with a word', async (format) => {
    const good = await written(trace, format)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff))), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.option(fc.nat(good.length), { nil: undefined, freq: 8 }),
        async (changes, length) => {
          const bytes = new Uint8Array(good)
          for (const [at, byte] of changes) bytes[at] = byte
          expect(await messageOf(bytes.subarray(0, length), { format: 'arrow' })).not.toBe('')
        },
      ),
      { seed: 8, numRuns: 1500 },
    )
  })

  it.each(['', '-lz4', '-zstd'])('polars%s', async (codec) => {
    const good = sample(`arrow-polars${codec}.arrow`)
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = new Uint8Array(good)
        bytes[at] = byte
        expect(await messageOf(bytes, { format: 'arrow' })).not.toBe('')
      }),
      { seed: 8, numRuns: 600 },
    )
  })
})
