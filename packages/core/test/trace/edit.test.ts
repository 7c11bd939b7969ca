import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Registry, type Report, replay } from '../../src/index.ts'
import { anonymizeTrace } from '../../src/trace/edit/anonymize.ts'
import { Granules } from '../../src/trace/edit/granules.ts'
import { mergeTraces } from '../../src/trace/edit/merge.ts'
import { type Slice, sliceTrace } from '../../src/trace/edit/slice.ts'
import { openTrace } from '../../src/trace/open-trace.ts'
import { TraceError } from '../../src/trace/trace-error.ts'
import type { TraceReader } from '../../src/trace/trace-reader.ts'
import { chunked, columnsOf } from './columns-as-rows.ts'

const TRACES = fileURLToPath(new URL('../../../../traces/', import.meta.url))
const HEAD =
  '# pinscope-trace 1\n# kernel 6.18\n# title secret\nts,end,event,id,mm,op,iter,segs,backing,file,offset,result,flags\n'
const ALL: Slice = { fromNs: 0, toNs: Infinity, firstRow: 1, lastRow: Infinity, spaces: null, files: null }

const open = (text: string, name = 'x') => openTrace(chunked(Buffer.from(text)), name)

interface Row {
  readonly row: number
  readonly ts: number
  readonly [column: string]: unknown
}

async function rowsOf(trace: TraceReader): Promise<Row[]> {
  const rows: Row[] = []
  for await (const batch of trace.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(trace, batch, row) as Row)
  }
  return rows
}

const TEXT = `${HEAD}0,,map,,1,,,0x10000+65536,anon,,,,
0,,map,,2,,,0x90000+65536,anon,,,,
5,,register,buf,1,,,0x18000+4096,,,,,longterm
10,20,,,1,read,,0x10000+4096,,a,0,,direct
12,,fork,,1,,,,,,,3,
15,16,,,2,write,,0x90000+100,,b,0,,
20,30,,,1,write,,0x11000+4096,,b,4096,,direct
25,never,,,3,read,,0x10000+8192,,a,0,,direct
`

describe('slice', () => {
  const slice = async (part: Partial<Slice>) => {
    const rows = await rowsOf(sliceTrace(await open(TEXT), { ...ALL, ...part }))
    return rows.map(({ line, ts }) => `${line}@${ts}`)
  }

  it('of everything is everything', async () => {
    const rows = await rowsOf(sliceTrace(await open(TEXT), ALL))
    expect(rows).toEqual(await rowsOf(await open(TEXT)))
  })

  it('by time keeps what maps and registers memory before, at the time where it begins', async () => {
    expect(await slice({ fromNs: 15, toNs: 25 })).toEqual(['5@15', '6@15', '7@15', '9@15', '10@15', '11@20'])
  })

  it('by rows, both included', async () => {
    expect(await slice({ firstRow: 4, lastRow: 4 })).toEqual(['5@0', '6@0', '7@5', '8@10'])
  })

  it('by address space keeps its memory, and the fork that makes it', async () => {
    expect(await slice({ spaces: new Set([3]) })).toEqual(['9@12', '12@25'])
    expect(await slice({ spaces: new Set([2]) })).toEqual(['6@0', '10@15'])
  })

  it('keeps no header line that tells of all rows', async () => {
    const text = TEXT.replace('# title', '# dropped dev=2\n# pins-acquired-total 7\n# title')
    expect([...sliceTrace(await open(text), ALL).header.attributes.keys()]).toEqual(['kernel', 'title'])
  })

  it('by file keeps memory too', async () => {
    expect(await slice({ files: new Set(['b']) })).toEqual(['5@0', '6@0', '7@5', '9@12', '10@15', '11@20'])
  })
})

describe('merge', () => {
  it('puts the rows of a trace together again that was dealt out to three', async () => {
    const text = readFileSync(`${TRACES}fio-uring-randrw.csv`, 'utf8')
    const lines = text.trimEnd().split('\n')
    const header = lines.findIndex((line) => line.startsWith('ts,')) + 1
    const dealt = [0, 1, 2].map((hand) => [
      ...lines.slice(0, header),
      ...lines.slice(header).filter((_, index) => (index * 7 + (index >> 2)) % 3 === hand),
    ])
    const inputs = await Promise.all(
      dealt.map(async (part, index) => ({ trace: await open(`${part.join('\n')}\n`, `part${index}`), shiftNs: 0 })),
    )
    const merged = await rowsOf(mergeTraces(inputs, { apart: false }))
    const whole = await rowsOf(await open(text))
    // Rows of one time may change places; nothing else may.
    const sorted = (rows: Row[]) => rows.map(({ row: _row, line: _line, ...cells }) => JSON.stringify(cells)).sort()
    expect(merged.map(({ ts }) => ts)).toEqual(whole.map(({ ts }) => ts))
    expect(sorted(merged)).toEqual(sorted(whole))
    expect(merged.map(({ row }) => row)).toEqual(whole.map(({ row }) => row))
  })

  it('shifts times, and keeps machines apart', async () => {
    const inputs = [
      { trace: await open(TEXT, 'one'), shiftNs: 0 },
      { trace: await open(TEXT, 'two'), shiftNs: 13 },
    ]
    const merged = await rowsOf(mergeTraces(inputs, { apart: true }))
    expect(merged.length).toBe(16)
    expect(merged.map(({ ts }) => ts)).toEqual([0, 0, 5, 10, 12, 13, 13, 15, 18, 20, 23, 25, 25, 28, 33, 38])
    const last = merged.at(-1)!
    expect(last).toMatchObject({ ts: 38, end: 'never', mm: 3 + (1 << 22), file: '2:a' })
    expect(merged.find(({ event, ts }) => event === 'fork' && ts === 25)).toMatchObject({ result: 3 + (1 << 22) })
    expect(merged.find(({ event, ts }) => event === 'register' && ts === 18)).toMatchObject({ id: '2:buf' })
    expect(merged.find(({ ts, event }) => ts === 23 && event === 'io')).toMatchObject({ end: 33 })
  })

  it('keeps of the header what the traces agree on', async () => {
    const other = TEXT.replace('# kernel 6.18', '# kernel 6.12')
    const inputs = [
      { trace: await open(TEXT), shiftNs: 0 },
      { trace: await open(other), shiftNs: 0 },
    ]
    const { header } = mergeTraces(inputs, { apart: false })
    expect(header.kernel).toBeNull()
    expect([...header.attributes]).toEqual([['title', 'secret']])
  })
})

describe('anonymize', () => {
  const traces = readdirSync(TRACES).filter((name) => name.endsWith('.csv'))

  it.each(traces)('%s: replays to the same figures', async (name) => {
    const bytes = readFileSync(TRACES + name)
    const replayed = async (trace: TraceReader) =>
      figures(
        await replay(trace, {
          registry: new Registry(),
          policies: null,
          consumers: ['bio'],
          kernel: '6.18',
          consumerOptions: {},
          inFlight: true,
        }),
      )
    const plain = await replayed(await openTrace(chunked(bytes), 'x'))
    expect(await replayed(anonymizeTrace(await openTrace(chunked(bytes), 'x')))).toEqual(plain)
  })

  it.each(traces)('%s: keeps offsets in pages and what is contiguous, and tells no name', async (name) => {
    const bytes = readFileSync(TRACES + name)
    const plain = await rowsOf(await openTrace(chunked(bytes), 'x'))
    const trace = anonymizeTrace(await openTrace(chunked(bytes), 'x'))
    const hidden = await rowsOf(trace)
    const places = (rows: Row[]) => rows.flatMap(({ segments }) => segments as { address: number; file: unknown }[])
    const [from, to] = [places(plain), places(hidden)]
    for (let i = 1; i < from.length; i++) {
      if (from[i]!.file !== null) continue
      expect(to[i]!.address % 4096).toBe(from[i]!.address % 4096)
      const apart = from[i]!.address - from[i - 1]!.address
      if (from[i - 1]!.file === null && Math.abs(apart) < 2 ** 20)
        expect(to[i]!.address - to[i - 1]!.address).toBe(apart)
    }
    for (const { file } of hidden) expect(file === null || /^file-\d+$/.test(String(file))).toBe(true)
    expect([...trace.header.attributes.keys()].filter((key) => ['title', 'command', 'dropped'].includes(key))).toEqual(
      [],
    )
  })

  it('gives a child the addresses of its parent', async () => {
    const rows = await rowsOf(anonymizeTrace(await open(TEXT)))
    expect(rows[7]).toMatchObject({
      mm: 3,
      segments: [{ address: (rows[3]!.segments as [{ address: number }])[0].address }],
    })
    expect(rows[4]).toMatchObject({ event: 'fork', mm: 1, result: 3 })
  })
})

describe('granules', () => {
  it('keep neighbours beside each other, in any order', () => {
    const granules = new Granules(10, 100, 4)
    const a = granules.of(57)
    expect(a % 10).toBe(7)
    expect(granules.of(61) - a).toBe(4)
    expect(granules.of(49) - a).toBe(-8)
    expect(granules.ofRange(55, 10)).toBe(a - 2)
    expect(granules.of(57)).toBe(a)
  })

  it('say when there is no room, and when a range would be torn', () => {
    const granules = new Granules(10, 9, 4)
    expect(granules.of(0)).toBe(40)
    expect(granules.of(500)).toBe(80)
    expect(granules.of(900)).toBe(-1)
    // 8 is the last granule: what follows 500..509 has no place beside it.
    expect(granules.ofRange(505, 10)).toBe(-1)
  })

  it('a trace without room is refused with its line', async () => {
    const rows = Array.from(
      { length: 9000 },
      (_, i) => `${i},,,,1,read,,0x${(i * 3 * 2 ** 32).toString(16)}+1,,a,0,,\n`,
    )
    const trace = anonymizeTrace(await open(HEAD + rows.join('')))
    await expect(rowsOf(trace)).rejects.toThrow(TraceError)
  })
})

function figures(report: Report): object {
  return report.lanes.map(
    ({ operations, errors, bytes, pins, refs, entries, leaksTotal, violationsTotal, groundTruth }) => ({
      operations,
      errors,
      bytes,
      pins,
      refs,
      entries,
      leaksTotal,
      violationsTotal,
      matched: groundTruth.matched,
    }),
  )
}
