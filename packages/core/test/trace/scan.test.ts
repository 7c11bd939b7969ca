import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWindow } from '../../src/trace/byte-window.ts'
import { COLUMN_EXTRA, COLUMN_NAMES, type ColumnName } from '../../src/trace/columns.ts'
import { RowReader } from '../../src/trace/row-reader.ts'
import { LineScanner } from '../../src/trace/scan/line-scanner.ts'
import { loadScanMemory } from '../../src/trace/scan/scan-memory.ts'
import { scanPlan } from '../../src/trace/scan/scan-plan.ts'
import { WasmScanner } from '../../src/trace/scan/wasm-scanner.ts'
import { TraceError } from '../../src/trace/trace-error.ts'
import { chunked, scan } from './columns-as-rows.ts'
import { randomTrace } from './random-trace.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const MALFORMED = join(ROOT, 'packages/core/test/malformed')

const traces = readdirSync(join(ROOT, 'traces'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.csv'))
  .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
  .filter((path) => readFileSync(join(ROOT, path), 'latin1').startsWith('# pinscope-trace'))
  .sort()
const malformed = readdirSync(MALFORMED)
  .filter((name) => name.endsWith('.csv'))
  .sort()

/** The rows of a trace, or what is told of its first fault. */
async function outcome(bytes: Uint8Array, chunks: readonly number[], scanner: 'wasm' | 'script' | 'exact') {
  try {
    return await scan(bytes, chunks, 'test', scanner)
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    return error.detail
  }
}

/** All three readers say the same of a trace, to the letter. */
async function expectAlike(text: string | Uint8Array, chunks: readonly number[] = [65536]): Promise<object> {
  const bytes = Buffer.from(text)
  const exact = await outcome(bytes, chunks, 'exact')
  expect(await outcome(bytes, chunks, 'script')).toEqual(exact)
  expect(await outcome(bytes, chunks, 'wasm')).toEqual(exact)
  return exact
}

/** How many lines below a header row each scanner reads before it leaves one to the exact reader. */
async function commonLines(columns: string, lines: readonly string[]): Promise<{ script: number; wasm: number }> {
  const codes = columns
    .split(',')
    .map((name) => (name.startsWith('x_') ? COLUMN_EXTRA : COLUMN_NAMES.indexOf(name as ColumnName)))
  const plan = scanPlan(codes)!
  const memory = (await loadScanMemory())!
  const window = new ByteWindow(chunked(Buffer.from(`${lines.join('\n')}\n`)))
  while (!window.ended) await window.fill()
  const script = new RowReader(codes)
  new LineScanner(plan, script.cells).scan(window, 1, new Float64Array(1))
  const wasm = new RowReader(codes, memory.batch)
  window.moveTo(memory.window)
  new WasmScanner(memory, plan, wasm.cells).scan(window, 1, new Float64Array(1))
  return { script: script.cells.batch.length, wasm: wasm.cells.batch.length }
}

describe('the scanner in WebAssembly, its twin in TypeScript, and the exact reader', () => {
  it.each(traces)('read %s alike', async (path) => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    await expectAlike(text)
    await expectAlike(text.replaceAll('\n', '\r\n').trimEnd(), [1021])
  })

  it.each(malformed)('refuse %s alike', async (name) => {
    const bytes = readFileSync(join(MALFORMED, name))
    expect(await expectAlike(bytes)).toHaveProperty('problem')
    expect(await expectAlike(bytes, [7, 64, 3])).toHaveProperty('problem')
  })

  const header = 'ts,end,event,id,mm,op,call,iter,segs,backing,file,offset,len,result,flags,consumer,pins_acquired,x_a'
  const good = '5,9,io,r1,7,read,pread64,ubuf,0x7f00a000+4096,,/mnt/a,512,4096,4096,direct,bio,1,mine'
  const forms = [
    ...[
      '',
      ' ',
      '0',
      '1',
      '00',
      '-1',
      '-4096',
      '+1',
      '1.0',
      '1e3',
      '0x1',
      '0x',
      '0x+1',
      '0x1+',
      '0x1+1',
      '0X1+1',
      'a',
      '#',
      '\r',
      '\0',
      '"',
      '"1"',
    ],
    ...[
      'io',
      'ioo',
      'map',
      'read',
      'write',
      'writ',
      'reads',
      'writer',
      'Read',
      'never',
      'nevers',
      'ubuf',
      'ubufs',
      'iovec',
      'bvec',
      'kvec',
      'anon',
    ],
    ...[
      '0x1+1;0x2+2',
      '0x1+1;',
      '1:2+3',
      'f:1+2',
      '0x7F00aBcD+12',
      '0x1+1 ',
      '0xg+1',
      '0x1-1',
      '0x1+12+3',
      'direct nowait',
      'fixed',
      'order=3',
      'hole=0+1',
      'x_b',
      'nonsense',
    ],
    ...[
      '123456789',
      '1234567890',
      '2147483647',
      '2147483648',
      '999999999999999',
      '9007199254740991',
      '9007199254740992',
      '9999999999999999',
    ],
    ...[
      '00000000000000001',
      '0000000000000001',
      '12345678901234567',
      '0x1fffffffffffff+0',
      '0x1fffffffffffff+1',
      '0x20000000000000+1',
      '0x10+9007199254740991',
    ],
    ...[
      '0x0000000000000001+1',
      '0x00000000000000001+1',
      '0xffffffffffffffff+1',
      'ä€𝄞',
      'a'.repeat(100),
      'a'.repeat(5000),
    ],
  ]

  it.each(header.split(','))('read or refuse every form of a %s cell alike', async (column) => {
    const at = header.split(',').indexOf(column)
    for (const form of forms) {
      const cells = good.split(',')
      cells[at] = form
      await expectAlike(`# pinscope-trace 1\n${header}\n${good}\n${cells.join()}\n${good.replace('5,9', '6,9')}\n`)
    }
  })

  it('read numbers of every length alike', async () => {
    const digits = ['9', '1', '0', '5'].flatMap((digit) => Array.from({ length: 18 }, (_, n) => digit.repeat(n + 1)))
    const hex = ['f', 'F', '1', '0', 'aB9'].flatMap((digit) =>
      Array.from({ length: 18 }, (_, n) => digit.repeat(n + 1)),
    )
    const head = '# pinscope-trace 1\nts,op,offset,segs,len\n'
    for (const number of digits) {
      await expectAlike(`${head}${number},read,1,0x1+4,2\n`)
      await expectAlike(`${head}1,read,${number},0x1+4,2\n`)
      await expectAlike(`${head}1,read,1,0x1+${number},\n`)
      await expectAlike(`${head}1,read,1,0x1+${number},${number}\r\n`)
    }
    for (const number of hex) await expectAlike(`${head}1,write,1,0x${number}+4,2\n2,read,,0x${number.slice(1)}+4,2`)
  })

  it('read lines alike with any byte in place of any other', async () => {
    const text = Buffer.from('# pinscope-trace 1\nts,op,segs,file,end\n1,read,0x7f1+512,ab,20\n20,write,0xA+1,,\n')
    for (let at = text.indexOf('1,read'); at < text.length; at++) {
      for (const byte of Buffer.from('\0\n\r ",+-0;ax\xff', 'latin1')) {
        const changed = Buffer.from(text)
        changed[at] = byte
        await expectAlike(changed)
      }
    }
  })

  it('read lines alike wherever chunks end', async () => {
    const rows = Array.from({ length: 30 }, (_, row) => `${row * 7},${row % 3 ? 'read' : 'write'},0x${row}a0+${row}`)
    const text = `# pinscope-trace 1\nts,op,segs\n${rows.join('\n')}`
    for (let size = 1; size < 80; size++) await expectAlike(text, [size])
    await expectAlike(text.replaceAll('\n', '\r\n'), [11])
  })

  it('read many windows alike, with batches that common lines and others share', async () => {
    const line = (row: number) =>
      row % 1000 < 900
        ? `${row},${row % 7 ? 'read' : 'write'},${row * 4096},0x7f${(row * 4096).toString(16)}+4096,f${row % 5}`
        : `${row},read,,0x10+${row};0x20+${row},"f,${row}"`
    const rows = Array.from({ length: 25_000 }, (_, row) => line(row))
    await expectAlike(`# pinscope-trace 1\nts,op,offset,segs,file\n${rows.join('\n')}`, [300_000, 77])
  })

  it('go on behind a line that is longer than the window, and behind more segments than the memory has room for', async () => {
    const rows = (from: number) => Array.from({ length: 5000 }, (_, row) => `${from + row},read,0x1000+4096,,ubuf,`)
    const long = `5000,read,0x1000+1,,,${'x'.repeat(1_500_000)}`
    const many = `10001,read,${Array(40_000).fill('1:0+9').join(';')},,bvec,`
    const head = '# pinscope-trace 1\nts,op,segs,file,iter,x_a\n'
    await expectAlike(`${head}${[...rows(0), long, ...rows(5001)].join('\n')}`)
    await expectAlike(`${head}${[...rows(0), many, many, many, ...rows(10_001)].join('\n')}`)
  })

  it('read random traces alike, in any chunks, column orders and line ends', async () => {
    const property = fc.asyncProperty(randomTrace(12), async ({ text, chunks }) => {
      await expectAlike(text, chunks)
    })
    await fc.assert(property, { numRuns: 150, seed: 20_261_122 })
  })

  it('read or refuse lines of near the common form alike', async () => {
    const number = fc.oneof(fc.nat(100), fc.nat({ max: 2 ** 53 - 1 }), fc.constantFrom('', '007', '9007199254740991'))
    const cells: Record<string, fc.Arbitrary<string | number>> = {
      ts: fc.oneof(fc.nat(9), fc.constant('')),
      end: fc.oneof(fc.nat(20), fc.constantFrom('', 'never')),
      op: fc.constantFrom('read', 'write', 'read', 'write', 'rite', ''),
      offset: number,
      len: fc.oneof(fc.nat(600), fc.constant('')),
      segs: fc.tuple(fc.nat({ max: 2 ** 53 - 1 }), number).map(([at, length]) => `0x${at.toString(16)}+${length}`),
      iter: fc.constantFrom('', 'ubuf', 'iovec'),
      event: fc.constantFrom('', 'io', 'pin'),
      file: fc.constantFrom('', 'a', 'b,c', 'file'),
      flags: fc.constantFrom('', 'direct', 'direct nowait', 'fixed', 'order=1'),
      mm: fc.oneof(fc.nat(), fc.constant('')),
      pins_released: fc.oneof(fc.nat(3_000_000_000), fc.constant('')),
    }
    const table = fc
      .tuple(fc.shuffledSubarray(Object.keys(cells)), fc.integer({ min: 1, max: 6 }))
      .chain(([some, rows]) => {
        const columns = [...new Set(['segs', ...some, 'op', 'ts'])]
        const row = fc.tuple(...columns.map((column) => cells[column]!)).map((row) => row.join())
        return fc.tuple(fc.constant(columns.join()), fc.array(row, { minLength: rows, maxLength: rows }))
      })
    const property = fc.asyncProperty(table, async ([columns, rows]) => {
      await expectAlike(`# pinscope-trace 1\n${columns}\n${rows.join('\n')}\n`)
    })
    await fc.assert(property, { numRuns: 400, seed: 20_261_122 })
  })
})

describe('the common form', () => {
  it.each([
    ['ts,op,offset,segs', ['1,read,0,0x7f00+512', '2,write,512,0xABCDEF+0']],
    ['ts,end,op,offset,segs', ['1,2,read,0,0x7f00+512', '1,,write,,0x7f00+512', '2,2,write,9007199254740000,0x1+1']],
    ['segs,len,op,ts', ['0x1+512,512,read,1\r', '0x1+512,,read,1', '0x0000000000000001+512,0,read,1']],
    ['ts,event,iter,op,segs,backing', ['1,io,ubuf,read,0x1+1,', '2,,,write,0x2+2,']],
    ['ts,op,segs,mm,pins_acquired,result', ['1,read,0x1+1,999999999,0,4096', '2,read,0x1+1,,,']],
    [
      'ts,file,op,segs,flags,call',
      ['1,/mnt/a b,read,0x1+1,direct nowait,pread64', `2,${'a'.repeat(200)},read,0x1+1,,`],
    ],
    ['x_a,ts,op,segs,x_b', ['#+;:,1,read,0x1+1,', ',1,read,0x1+1,\u00e4']],
  ])('has %s', async (columns, lines) => {
    expect(await commonLines(columns, lines)).toEqual({ script: lines.length, wasm: lines.length })
  })

  it.each([
    ['several segments', '2,,read,0x1+1;0x2+2,a'],
    ['no time', ',,read,0x1+1,a'],
    ['a time before the row above', '0,,read,0x1+1,a'],
    ['an end before its time', '2,1,read,0x1+1,a'],
    ['never an end', '2,never,read,0x1+1,a'],
    ['no direction', '2,,,0x1+1,a'],
    ['pages', '2,,read,1:0+1,a'],
    ['quotes', '2,,read,0x1+1,"a"'],
    ['too many cells', '2,,read,0x1+1,a,'],
    ['too few', '2,,read,0x1+1'],
    ['a NUL', '2,,read,0x1+1,a\0'],
    ['a carriage return', '2,,read,0x1+1,a\rb'],
    ['nothing', ''],
  ])('does not have %s', async (_, line) => {
    const lines = ['1,,read,0x1+1,a', line, '3,,read,0x1+1,a']
    expect(await commonLines('ts,end,op,segs,file', lines)).toEqual({ script: 1, wasm: 1 })
  })
})
