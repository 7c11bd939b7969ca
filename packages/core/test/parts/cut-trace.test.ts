import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ByteFile } from '../../src/replay/parts/byte-file.ts'
import { cutTrace, rangesOf, type TraceCut } from '../../src/replay/parts/cut-trace.ts'
import { mergeParts } from '../../src/replay/parts/merge-parts.ts'
import { type PartialReport, replayPart } from '../../src/replay/parts/replay-part.ts'
import { replay } from '../../src/replay/replay.ts'
import type { ReplayOptions } from '../../src/replay/replay-options.ts'
import type { Report } from '../../src/report/report.ts'
import { openTrace } from '../../src/trace/open-trace.ts'
import { hasQuote } from '../../src/trace/text-cell.ts'
import { PLAIN_OPTIONS } from '../support/replay-rows.ts'
import { textOf, traceNames } from '../support/traces.ts'
import { chunked } from '../trace/columns-as-rows.ts'
import { written } from '../trace/write/round-trip.ts'

const OPTIONS: ReplayOptions = { ...PLAIN_OPTIONS, consumers: ['bio', 'null'], policies: ['extract', 'folio'] }
const printed = (report: Report | null) => JSON.stringify(report, null, 2)

function fileOf(bytes: Uint8Array): ByteFile {
  return { sizeBytes: bytes.length, read: (at, length) => bytes.subarray(at, Math.min(at + length, bytes.length)) }
}

const cut = (bytes: Uint8Array, count: number): Promise<TraceCut | null> => cutTrace(fileOf(bytes), 't', count)

/** The report that the parts give together; null where they do not. */
async function inParts(bytes: Uint8Array, where: TraceCut): Promise<Report | null> {
  const parts: PartialReport[] = []
  for (const index of where.parts.keys()) {
    const read = rangesOf(where, index).map(({ from, to }) => bytes.subarray(from, to))
    if (where.isText && read.some(hasQuote)) return null
    const trace = await openTrace(chunked(Buffer.concat(read)), 't')
    parts.push(await replayPart(trace, where, index === 0, OPTIONS, () => {}))
  }
  return mergeParts(parts)
}

const inOne = async (bytes: Uint8Array) => printed(await replay(await openTrace(chunked(bytes), 't'), OPTIONS))

/** Parts that can be merged make the report of the whole. How often they could. */
async function check(bytes: Uint8Array, counts: readonly number[]): Promise<number> {
  let merged = 0
  let expected: string | null = null
  for (const count of counts) {
    const where = await cut(bytes, count)
    if (where === null) continue
    expect([where.parts[0]!.from, ...where.parts.map(({ to }) => to)]).toEqual([
      ...where.parts.map(({ from }) => from),
      where.parts.at(-1)!.to,
    ])
    const report = await inParts(bytes, where)
    if (report === null) continue
    expected ??= await inOne(bytes)
    expect(printed(report), `${count} parts`).toBe(expected)
    merged++
  }
  return merged
}

/** The operations of a trace, each complete at once and none with a name. */
function operationsOf(text: string): string {
  const lines = text.split('\n')
  const at = lines.findIndex((line) => !line.startsWith('#'))
  const columns = lines[at]!.split(',')
  const cell = (line: string, name: string) => line.split(',')[columns.indexOf(name)] ?? ''
  const rows = lines.slice(at + 1).filter((line) => {
    const isUser = !cell(line, 'iter') || ['ubuf', 'iovec'].includes(cell(line, 'iter'))
    return line !== '' && ['', 'io'].includes(cell(line, 'event')) && isUser && !/fixed|longterm|zerocopy/.test(line)
  })
  const emptied = rows.map((line) =>
    line
      .split(',')
      .map((text, index) => (['end', 'id', 'consumer'].includes(columns[index]!) ? '' : text))
      .join(','),
  )
  return [...lines.slice(0, at + 1), ...emptied, ''].join('\n')
}

const HEADER = '# pinscope-trace 1\n# kernel 6.18.44\nts,op,segs\n'
const ROW = (n: number) => `${n},${n % 3 === 0 ? 'write' : 'read'},0x${(0x7f0000000000 + n * 0x1200).toString(16)}+8192`
const rowsText = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `${ROW(from + n)}\n`).join('')

describe('a trace cut into parts', () => {
  it('gives the same report, for every trace that can be cut, as text and as Arrow', async () => {
    let merged = 0
    for (const name of traceNames()) merged += await check(Buffer.from(textOf(name)), [3])
    for (const name of traceNames()) {
      const bytes = Buffer.from(operationsOf(textOf(name)))
      merged += await check(bytes, [4])
      merged += await check(await written(bytes, 'arrow-stream'), [2])
    }
    expect(merged).toBeGreaterThan(20)
  })

  it('is cut behind a line that is not blank: lines are counted as they are in the whole', async () => {
    const line = fc.oneof(
      { weight: 4, arbitrary: fc.constant('row') },
      { weight: 2, arbitrary: fc.constantFrom('', '\r', 'row\r') },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 4, maxLength: 30 }),
        fc.boolean(),
        fc.integer({ min: 2, max: 6 }),
        async (lines, hasEnd, count) => {
          const text = lines.map((one, n) => one.replace('row', `${ROW(n)},9`)).join('\n')
          const header = HEADER.replace('segs', 'segs,pins_acquired')
          await check(Buffer.from(`${header}${text}${hasEnd ? '\n' : ''}`), [count])
        },
      ),
      { seed: 9, numRuns: 60 },
    )
  })

  it('keeps a byte order mark and the map rows with every part', async () => {
    const map = '0,,0x7f0000000000+4194304,map,thp\n'
    const rows = rowsText(40).replaceAll('\n', ',,\n')
    const bytes = Buffer.from(`\ufeff${HEADER.replace('segs', 'segs,event,backing')}${map}${map}${rows}`)
    const where = await cut(bytes, 4)
    expect([where?.mapRows, where?.parts.length]).toEqual([2, 4])
    expect(await check(bytes, [2, 4])).toBe(2)
  })

  it('reads what dictionaries gain between record batches before every later part', async () => {
    const files = Array.from({ length: 20_000 }, (_, n) => `${ROW(n)},f${Math.floor(n / 3000)}\n`).join('')
    const bytes = await written(Buffer.from(`${HEADER.replace('segs', 'segs,file')}${files}`), 'arrow')
    const where = await cut(bytes, 3)
    expect(where?.parts.length).toBe(3)
    expect(where?.shared.length).toBeGreaterThan(1)
    expect(await check(bytes, [2, 3])).toBe(2)
  })

  it('gives the first record batch, where map rows are, to the first part', async () => {
    const map = '0,,0x7f0000000000+4194304,map,thp\n'
    const rows = rowsText(13_000).replaceAll('\n', ',,\n')
    const bytes = await written(Buffer.from(`${HEADER.replace('segs', 'segs,event,backing')}${map}${rows}`), 'arrow')
    const where = await cut(bytes, 3)
    expect([where?.mapRows, where?.rows]).toEqual([1, 4096])
    expect(await check(bytes, [2, 3])).toBe(2)
  })

  it('cuts arrow by bytes only where whole batches end', async () => {
    const bytes = await written(Buffer.from(`${HEADER}${rowsText(9000)}`), 'arrow-stream')
    const where = (await cut(bytes, 64))!
    // 4096, 4096 and 808 rows
    expect(where.parts.length).toBe(3)
    expect(await check(bytes, [2, 3, 64])).toBe(3)
  })
})

describe('what is not cut', () => {
  const csv = Buffer.from(`${HEADER}${rowsText(100)}`)

  it.each([
    ['empty', ''],
    ['one row', `${HEADER}${rowsText(1)}`],
    ['no row', HEADER],
    ['no header', '# pinscope-trace 1\n'],
    ['a quote near the beginning', `${HEADER}"1",read,0x1000+1\n${rowsText(50, 2)}`],
    ['another format', 'ts;op;segs\n1;2;3\n4;5;6\n'],
    [
      'a registration first',
      `${HEADER.replace('segs', 'segs,event,id')}${rowsText(9).replaceAll('\n', ',register,a\n')}`,
    ],
    [
      'untouched memory',
      `${HEADER.replace('segs', 'segs,event,flags')}0,,0x1000+4096,map,untouched\n${rowsText(9).replaceAll('\n', ',,\n')}`,
    ],
    ['assumed addresses', `${HEADER.replace('# kernel', '# layout L2 aligned\n# kernel')}${rowsText(50)}`],
    ['a bad first row', `${HEADER}1,nonsense,0x1000+1\n${rowsText(50, 2)}`],
  ])('%s', async (_, text) => {
    expect(await cut(Buffer.from(text), 2)).toBeNull()
  })

  it('a compressed one', async () => {
    const { gzipSync } = await import('node:zlib')
    expect(await cut(gzipSync(csv), 2)).toBeNull()
  })

  it('a damaged or cut Arrow file, at whatever byte', async () => {
    const bytes = await written(Buffer.from(`${HEADER}${rowsText(9000)}`), 'arrow-stream')
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, value) => {
        expect(
          await cut(bytes.subarray(0, at), 2).then((where) => where === null || where.parts.at(-1)!.to <= at),
        ).toBe(true)
        const damaged = Buffer.from(bytes)
        damaged[Math.min(at, 2000)] = value
        const where = await cut(damaged, 2)
        expect(where === null || where.parts.at(-1)!.to <= bytes.length).toBe(true)
      }),
      { seed: 9, numRuns: 100 },
    )
  })

  it('a part with a quote in it', async () => {
    const noted = (rows: string) => rows.replaceAll('\n', ',a\n')
    const quoted = '9100000,read,0x1000+1,"a\n9200000,read,0x1000+1,b"\n'
    const text = `${HEADER.replace('segs', 'segs,x_note')}${noted(rowsText(9000))}${quoted}${noted(rowsText(9000, 9_300_000))}`
    const bytes = Buffer.from(text)
    for (const count of [2, 3]) expect(await inParts(bytes, (await cut(bytes, count))!)).toBeNull()
  })
})

describe('a head start', () => {
  it('makes the first part longer', async () => {
    const bytes = Buffer.from(`${HEADER}${rowsText(2000)}`)
    const { parts } = (await cutTrace(fileOf(bytes), 't', 3, 10_000))!
    const lengths = parts.map(({ from, to }) => to - from)
    expect(lengths.length).toBe(3)
    expect(Math.abs(lengths[0]! - lengths[1]! - 10_000)).toBeLessThan(150)
    expect(Math.abs(lengths[1]! - lengths[2]!)).toBeLessThan(150)
  })
})
