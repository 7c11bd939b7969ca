import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type DataType,
  Dictionary,
  Field,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Null,
  Struct,
  Table,
  tableToIPC,
  Uint8,
  Uint32,
  Uint64,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArrowReader } from '../../../src/trace/arrow/arrow-reader.ts'
import { bodyBytesOf } from '../../../src/trace/arrow/message-guard.ts'
import type { ByteSource } from '../../../src/trace/byte-source.ts'
import type { OpBatch } from '../../../src/trace/op-batch.ts'
import { TraceError } from '../../../src/trace/trace-error.ts'
import { chunked } from '../columns-as-rows.ts'
import { randomTrace } from '../random-trace.ts'
import { written } from '../write/round-trip.ts'

const TRACES = fileURLToPath(new URL('../../../../../traces/', import.meta.url))

/** A file: it puts its bytes where they are wanted, `piece` at most at a time. */
function fileOf(bytes: Uint8Array, piece = 1 << 20): ByteSource {
  let at = 0
  const readInto = async (target: Uint8Array) => {
    const part = bytes.subarray(at, at + Math.min(piece, target.length))
    target.set(part)
    at += part.length
    return part.length
  }
  return { readInto, [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) }
}

/** Everything that a batch holds. */
function batchAsObject(batch: OpBatch): object {
  const { segments, length, firstRow, columns, ...rest } = batch
  const cut = (values: object, count: number) =>
    Object.fromEntries(Object.entries(values).map(([name, column]) => [name, Array.from(column.subarray(0, count))]))
  const { length: count, ...parts } = segments
  return { length, firstRow, columns, rows: cut(rest, length), segments: cut(parts, count) }
}

/** What a file is read as, batch by batch and with all names; of one that is refused the message, behind what came before. */
async function outcome(source: ByteSource, usePlain: boolean): Promise<object> {
  const batches: object[] = []
  try {
    const reader = await ArrowReader.open(source, 't', usePlain)
    for await (const batch of reader.batches()) batches.push(batchAsObject(batch))
    const { header, layout, files, calls, ids, consumers, stacks } = reader
    const names = [files, calls, ids, consumers, stacks].map((table) =>
      Array.from({ length: table.size }, (_, id) => table.text(id)),
    )
    return { batches, names, header, layout }
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    return { batches, message: error.message }
  }
}

async function expectTwins(bytes: Uint8Array, pieces: readonly number[] = [65536]): Promise<void> {
  const exact = await outcome(chunked(bytes, pieces), false)
  expect(await outcome(chunked(bytes, pieces), true)).toEqual(exact)
  expect(await outcome(fileOf(bytes), true)).toEqual(exact)
}

describe('arrow at its places in memory is what it is row by row', () => {
  const names = (readdirSync(TRACES, { recursive: true }) as string[]).filter(
    (name) => name.endsWith('.csv') && readFileSync(TRACES + name).toString('latin1', 0, 16) === '# pinscope-trace',
  )

  it.each(names)('%s', async (name) => {
    await expectTwins(await written(readFileSync(TRACES + name), 'arrow'))
  })

  it.each(['arrow-polars', 'arrow-polars-lz4', 'arrow-polars-zstd'])('%s', async (name) => {
    await expectTwins(readFileSync(`${TRACES}formats/${name}.arrow`))
  })

  it.each(['arrow', 'arrow-stream'] as const)('random traces as %s, in any pieces', async (format) => {
    await fc.assert(
      fc.asyncProperty(randomTrace(40), fc.constantFrom([65536], [1], [7, 64, 3]), async ({ text }, pieces) => {
        await expectTwins(await written(Buffer.from(text), format), pieces)
      }),
      { seed: 9, numRuns: 150 },
    )
  })

  it('random tables, good and bad, with integers and dictionaries of any width', async () => {
    await fc.assert(
      fc.asyncProperty(randomTable, (bytes) => expectTwins(bytes)),
      { seed: 9, numRuns: 700 },
    )
  })

  const row: RandomRow = {
    ...{ step: 1, end: null, op: 'read', event: 'io', iter: null, offset: null, len: null, result: null, mm: null },
    ...{ id: null, file: null, flags: null, backing: null },
    segs: [{ address: 0x1000, length: 512, offset: null, file: null }],
  }
  const plainTypes = { wide: new Int64(), end: new Int64(), narrow: new Int32(), indices: new Int8() }
  const types = { ...plainTypes, segmentNumbers: new Uint64(), hasNull: false }
  const parts = new Set(['address', 'offset', 'length', 'file'])

  it('a registered buffer without its id, above a row that is well', async () => {
    const bytes = tableOf([{ ...row, flags: 'fixed' }, row], new Set(['ts', 'op', 'segs', 'flags', 'id']), parts, types)
    await expectTwins(bytes)
    expect(await outcome(chunked(bytes), true)).toMatchObject({
      message: expect.stringContaining('row 1: id is empty'),
    })
  })

  it('a batch without holes and orders behind one that has them', async () => {
    const others: RandomRow[] = [
      { ...row, flags: 'hole=0+1' },
      { ...row, op: null, event: 'map', backing: 'thp', flags: 'order=9' },
    ]
    const rows = [...others, ...Array.from({ length: 9000 }, () => row)]
    await expectTwins(tableOf(rows, new Set(['ts', 'op', 'segs', 'event', 'flags', 'backing']), parts, types))
  })

  it('a dictionary that never comes, though no segment has a file', async () => {
    const bytes = tableOf([row], new Set(['ts', 'op', 'segs']), parts, types)
    const [schema, ...messages] = messagesOf(bytes)
    const last = messages.length - 1
    for (let left = 0; left < last; left++) {
      const kept = messages.filter((_, index) => index !== left)
      const cut = Buffer.concat([schema!, ...kept])
      await expectTwins(cut)
      expect(await outcome(chunked(cut), true)).toMatchObject({
        message: expect.stringContaining('which has not come yet'),
      })
    }
  })

  it('damaged anywhere', async () => {
    const rows = Array.from({ length: 20 }, (_, row) => `${row},${row + 1},write,${row * 512},0x1000+${row},f${row}`)
    const text = `# pinscope-trace 1\n# kernel 6.18\nts,end,op,offset,segs,file\n${rows.join('\n')}\n`
    const good = await written(Buffer.from(text), 'arrow-stream')
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(0, 1, 3, 0x7f, 0x80, 0xff), async (at, byte) => {
        const bytes = new Uint8Array(good)
        bytes[at] = byte
        await expectTwins(bytes)
      }),
      { seed: 9, numRuns: 1500 },
    )
  })
})

/** The messages of a stream, without the mark of its end. */
function messagesOf(stream: Uint8Array): Uint8Array[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length)
  const messages: Uint8Array[] = []
  for (let at = 0; at + 8 < stream.length; ) {
    const metadataEnd = at + 8 + view.getInt32(at + 4, true)
    const end = metadataEnd + bodyBytesOf(stream.subarray(at + 8, metadataEnd))
    messages.push(stream.subarray(at, end))
    at = end
  }
  return messages
}

interface RandomRow {
  readonly step: number
  readonly end: number | null
  readonly op: string | null
  readonly event: string | null
  readonly iter: string | null
  readonly offset: number | null
  readonly len: number | null
  readonly result: number | null
  readonly mm: number | null
  readonly id: string | null
  readonly file: string | null
  readonly flags: string | null
  readonly backing: string | null
  readonly segs: readonly RandomSegment[] | null
}

interface RandomSegment {
  readonly address: number | null
  readonly length: number | null
  readonly offset: number | null
  readonly file: string | null
}

/** Mostly the first; now and then one of the others. */
const mostly = <T>(usual: fc.Arbitrary<T>, ...others: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 60, arbitrary: usual }, ...others.map((arbitrary) => ({ weight: 1, arbitrary })))
const one = <T>(value: T) => fc.constant(value)

const segment: fc.Arbitrary<RandomSegment> = fc.record({
  address: mostly<number | null>(fc.nat(2 ** 31), one(2 ** 52), one(2 ** 53 - 1), one(2 ** 53), one(-1), one(null)),
  length: mostly<number | null>(fc.nat(100_000), one(0), one(2 ** 52), one(null)),
  offset: mostly<number | null>(one(null), one(0), one(512)),
  file: mostly<string | null>(one(null), one('g')),
})
const randomRow: fc.Arbitrary<RandomRow> = fc.record({
  step: mostly(fc.nat(1000), one(-1), one(2 ** 53)),
  end: mostly<number | null>(one(5), one(null), one(-1), one(-7)),
  op: mostly<string | null>(fc.constantFrom('read', 'write'), one(null), one('raed'), one('')),
  event: mostly<string | null>(one('io'), one(null), one('unmap'), one('fork')),
  iter: mostly<string | null>(fc.constantFrom('ubuf', 'iovec'), one(null), one('kvec'), one('bvec'), one('folioq')),
  offset: mostly<number | null>(fc.nat(2 ** 31), one(null), one(2 ** 53 - 1), one(-1)),
  len: mostly<number | null>(one(null), one(0), one(200_000)),
  result: mostly<number | null>(fc.nat(1000), one(null), one(-5), one(-5000)),
  mm: mostly<number | null>(fc.nat(9), one(null), one(2 ** 31), one(-1)),
  id: fc.constantFrom<string | null>('a', 'b', null),
  file: fc.constantFrom<string | null>('f', 'g', null, ''),
  flags: mostly<string | null>(one('direct'), one(null), one(''), one('fixed'), one('hole=0+1'), one('drect')),
  backing: mostly<string | null>(one(null), one('anon'), one('thp')),
  segs: mostly<readonly RandomSegment[] | null>(
    segment.map((single) => [single]),
    one(null),
    one([]),
    fc.array(segment, { minLength: 2, maxLength: 4 }),
  ),
})

const wide = fc.constantFrom<DataType>(new Int64(), new Uint64())
const narrow = fc.constantFrom<DataType>(new Int32(), new Int64(), new Uint32(), new Int16(), new Uint8(), new Int8())
const indices = fc.constantFrom(new Int8(), new Int8(), new Uint8(), new Int16(), new Int32())
const randomTypes = fc.record({ wide, end: wide, narrow, indices, segmentNumbers: wide, hasNull: fc.boolean() })

/** A table of some of the columns; now and then longer than a batch. */
const randomTable = fc
  .record({
    rows: fc.array(randomRow, { minLength: 1, maxLength: 12 }),
    repeats: mostly(one(1), one(800)),
    columns: fc.subarray(['end', 'event', 'iter', 'offset', 'len', 'result', 'mm', 'id', 'file', 'flags', 'backing']),
    parts: fc.subarray(['offset', 'file']),
    types: randomTypes,
  })
  .map(({ rows, repeats, columns, parts, types }) => {
    const all = Array.from({ length: repeats }, () => rows).flat()
    return tableOf(all, new Set(['ts', 'op', 'segs', ...columns]), new Set(['address', 'length', ...parts]), types)
  })

function tableOf(
  rows: readonly RandomRow[],
  columns: ReadonlySet<string>,
  parts: ReadonlySet<string>,
  types: typeof randomTypes extends fc.Arbitrary<infer T> ? T : never,
): Uint8Array {
  let ts = 0
  const times = rows.map(({ step }) => {
    ts = Math.max(-1, ts + step)
    return ts
  })
  const integers = (values: readonly (number | null)[], type: DataType) => {
    const isBig = type instanceof Int64 || type instanceof Uint64
    return vectorFromArray(values.map((value) => (value === null || !isBig ? value : BigInt(value))) as never, type)
  }
  const texts = (values: readonly (string | null)[]) =>
    vectorFromArray(values as never, new Dictionary(new Utf8(), types.indices as never))
  const number = types.segmentNumbers
  const fields = [
    new Field('address', number, true),
    new Field('offset', number, true),
    new Field('length', number, true),
    new Field('file', new Dictionary(new Utf8(), new Int32()), true),
  ].filter(({ name }) => parts.has(name))
  const big = (value: number | null) => (value === null ? null : BigInt(value))
  const segs = rows.map((row) =>
    row.segs === null
      ? null
      : row.segs.map(({ address, offset, length, file }) => ({
          address: big(address),
          offset: big(offset),
          length: big(length),
          file,
        })),
  )
  const vectors: Record<string, unknown> = {
    ts: integers(times, types.wide),
    end: integers(
      rows.map(({ end }, row) => (end === null || end === -1 ? end : times[row]! + end)),
      types.end,
    ),
    op: texts(rows.map(({ op }) => op)),
    event: texts(rows.map(({ event }) => event)),
    iter: texts(rows.map(({ iter }) => iter)),
    offset: integers(
      rows.map(({ offset }) => offset),
      types.wide,
    ),
    len: types.hasNull
      ? vectorFromArray(rows.map(() => null) as never, new Null())
      : integers(
          rows.map(({ len }) => len),
          types.wide,
        ),
    result: integers(
      rows.map(({ result }) => result),
      new Int64(),
    ),
    mm: integers(
      rows.map(({ mm }) => mm),
      types.narrow,
    ),
    id: texts(rows.map(({ id }) => id)),
    file: texts(rows.map(({ file }) => file)),
    flags: texts(rows.map(({ flags }) => flags)),
    backing: texts(rows.map(({ backing }) => backing)),
    segs: vectorFromArray(segs as never, new List(new Field('item', new Struct(fields as never), true))),
  }
  const chosen = Object.entries(vectors).filter(([name]) => columns.has(name))
  return tableToIPC(new Table(Object.fromEntries(chosen) as never), 'stream')
}
