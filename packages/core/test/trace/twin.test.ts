import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunked, comparable, scan } from './columns-as-rows.ts'
import { randomTrace } from './random-trace.ts'
import { readSimply } from './simple-reader.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

function csvFiles(): string[] {
  return (
    readdirSync(join(ROOT, 'traces'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.csv'))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
      // Files of other formats.
      .filter((path) => !path.startsWith(join('traces', 'formats')))
      .sort()
  )
}

function isTrace(path: string): boolean {
  return readFileSync(join(ROOT, path), 'utf8').startsWith('# pinscope-trace ')
}

const traces = csvFiles().filter(isTrace)
const tables = csvFiles().filter((path) => !isTrace(path))

/** Quotes every cell below the header row of a trace that has no quotes. */
function quoted(text: string): string {
  const lines = text.split('\n')
  const header = lines.findIndex((line) => !line.startsWith('#'))
  return lines
    .map((line, index) => (index <= header || line === '' ? line : `"${line.split(',').join('","')}"`))
    .join('\n')
}

async function expectTwins(text: string, chunks?: readonly number[]): Promise<void> {
  const expected = readSimply(text).map(comparable)
  expect(await scan(Buffer.from(text), chunks)).toEqual(expected)
}

describe('the scanner and its slow twin read the same', () => {
  it('finds the traces', () => {
    expect(traces.length).toBeGreaterThan(5)
  })

  it.each(traces)('%s', async (path) => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    await expectTwins(text)
    await expectTwins(text.replaceAll('\n', '\r\n'), [1021])
    await expectTwins(quoted(text), [4093])
  })

  it.each(tables)('%s is another table, and refused', async (path) => {
    await expect(scan(readFileSync(join(ROOT, path)))).rejects.toThrow('the trace format is not known')
  })

  it('a batch border, with segments in every row', async () => {
    const rows = Array.from({ length: 10_000 }, (_, row) => `${row},read,0x${row.toString(16)}000+512;0x10+${row}`)
    await expectTwins(`# pinscope-trace 1\nts,op,segs\n${rows.join('\n')}`, [7919])
  })

  it('a batch border in a run of quoted records', async () => {
    const rows = Array.from({ length: 10_000 }, (_, row) => `${row},read,0x1000+512,"a,\n${row % 7}"`)
    await expectTwins(`# pinscope-trace 1\nts,op,segs,file\n${rows.join('\n')}`, [7919])
  })

  it('a quoted name with a comma, then the cells it could be mistaken for', async () => {
    await expectTwins(
      '# pinscope-trace 1\nts,op,segs,file,call\n0,read,0x0+1,"a,b",\n1,read,0x0+1,a,b\n2,read,0x0+1,"a,b",\n',
    )
    await expectTwins('# pinscope-trace 1\nts,op,segs,file\n0,read,0x0+1,"a\n1"\n1,read,0x0+1,a\n1,read,0x0+1,a\n')
    await expectTwins(
      '# pinscope-trace 1\nfile,iter,op,segs,ts\n,xarray,read,"a,b:1+2",1\n,xarray,read,b:1+2,1\na,,read,0x1+1,1\n',
    )
  })

  it('quotes in the header row', async () => {
    await expectTwins('# pinscope-trace 1\n"ts","op",segs,"x_a,b"\n0,read,0x0+1,\n1,write,0x1+1,z\n')
  })

  it('segs left of iter', async () => {
    await expectTwins(
      '# pinscope-trace 1\nsegs,ts,op,iter\nf:1+4095;g:4096+4,0,read,folioq\n"7:0+4096",1,write,bvec\n0x7+1,2,read,\n',
    )
  })

  it('random traces, chunks, column orders, line ends and quotes', async () => {
    const property = fc.asyncProperty(randomTrace(30), ({ text, chunks }) => expectTwins(text, chunks))
    // A failure prints the seed and the shortest case.
    await fc.assert(property, { numRuns: 400, seed: 20_261_121 })
  })
})

describe('the byte stream', () => {
  it('is closed when the iteration is left early', async () => {
    let closed = false
    const bytes = Buffer.from('# pinscope-trace 1\nts,op,segs\n0,read,0x0+1\n')
    async function* source() {
      try {
        yield* chunked(bytes, [10])
        for (;;) yield Buffer.from('0,read,0x0+1\n'.repeat(1000))
      } finally {
        closed = true
      }
    }
    const { openTrace } = await import('../../src/trace/open-trace.ts')
    const reader = await openTrace(source(), 'endless')
    for await (const batch of reader.batches()) {
      expect(batch.length).toBe(4096)
      break
    }
    expect(closed).toBe(true)
  })
})
