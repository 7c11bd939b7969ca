import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const SRC = fileURLToPath(new URL('../../src/', import.meta.url))
const SCAN = fileURLToPath(new URL('../../../scan/', import.meta.url))
const ROWS = 200_000

/**
 * Runs in a process of its own, on the code as it ships: the test runner's own import machinery would allocate.
 * Measures the growth of the heap over a scan between two collections. The least of several scans counts: noise, such as
 * a late compilation, only adds. `perRow` is what the consumer of the batches does with each row.
 */
const PROGRAM = `
import { PerformanceObserver } from 'node:perf_hooks'
import { openTrace } from './trace/open-trace.js'

const HEADERS = {
  wide: 'ts,end,event,id,mm,op,call,iter,segs,backing,file,offset,len,result,flags,consumer,pins_acquired,pins_released,x_a',
  narrow: 'segs,op,ts,iter',
  common: 'ts,end,op,offset,segs,file,flags',
}
const ROWS = {
  wide: (row) => [row * 1000, row * 1000 + 5e9, 'io', 'r' + (row % 100), row % 7, row % 2 ? 'read' : 'write', row % 3 ? 'pread64' : 'pwritev2',
    'iovec', '0x7f15' + (row * 512).toString(16).padStart(8, '0') + '+4096;0x1000+' + row, '', '/mnt/' + (row % 50), row * 4096, 4096, row % 5 ? 4096 : -22,
    row % 4 ? 'direct' : 'direct hole=0+' + row, 'bio', 1, row, 'mine'].join(),
  common: (row) => [row * 1000, row * 1000 + 5e9, row % 3 ? 'read' : 'write', row * 4096, '0x7f15' + (row * 512).toString(16) + '+4096', '/mnt/' + (row % 50), row % 4 ? 'direct' : ''].join(),
  narrow: (row) => (row % 2 ? row + ':0+4096,read,' : '0x' + row.toString(16) + '+512,read,') + row + (row % 2 ? ',bvec' : ','),
}

async function grownBytes(bytes, perRow) {
  async function* source() { yield bytes }
  const reader = await openTrace(source(), 'x', { scanner: process.argv[2] })
  const kept = []
  let rows = 0
  gc()
  const before = process.memoryUsage().heapUsed
  for await (const batch of reader.batches()) {
    rows += batch.length
    if (perRow !== null) for (let row = 0; row < batch.length; row++) kept.push(perRow(batch, row))
  }
  const grown = process.memoryUsage().heapUsed - before
  if (rows !== ${ROWS}) throw new Error('read ' + rows + ' rows')
  return grown
}

const result = {}
for (const kind of ['wide', 'narrow', 'common']) {
  const text = '# pinscope-trace 1\\n' + HEADERS[kind] + '\\n' + Array.from({ length: ${ROWS} }, (_, row) => ROWS[kind](row)).join('\\n')
  const bytes = new Uint8Array(Buffer.from(text))
  for (let warm = 0; warm < 3; warm++) await grownBytes(bytes, null)
  let collections = 0
  const observer = new PerformanceObserver((list) => { collections += list.getEntries().length })
  const grown = []
  const collected = []
  for (let round = 0; round < 7; round++) {
    // Entries come in a later turn of the event loop; gc() itself makes one.
    await new Promise((done) => setTimeout(done, 20))
    collections = 0
    observer.observe({ entryTypes: ['gc'] })
    grown.push(await grownBytes(bytes, null))
    await new Promise((done) => setTimeout(done, 20))
    observer.disconnect()
    collected.push(collections - 1)
  }
  const control = await grownBytes(bytes, (batch, row) => ({ ts: batch.tsNs[row] }))
  result[kind] = { grown: Math.min(...grown), collections: Math.min(...collected), control }
}
console.log(JSON.stringify(result))
`

interface Measured {
  readonly grown: number
  readonly collections: number
  readonly control: number
}

describe('the scanner allocates nothing per row', () => {
  let folder = ''

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pinscope-allocation-'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'program.js'), PROGRAM)
    mkdirSync(join(folder, 'node_modules/@pinscope'), { recursive: true })
    symlinkSync(SCAN, join(folder, 'node_modules/@pinscope/scan'), 'junction')
    const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /^(trace|iter)\/.*\.ts$|^[a-z]+\.ts$/.test(path),
    )
    for (const path of files) {
      const target = join(folder, path.replace(/\.ts$/, '.js'))
      mkdirSync(dirname(target), { recursive: true })
      writeFileSync(target, javascript(readFileSync(join(SRC, path), 'utf8')))
    }
  }, 60_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  // Without inlining a double that is passed or returned is a heap object: what V8 inlines must not matter.
  it.each([
    ['--turbo-inlining', 'script'],
    ['--no-turbo-inlining', 'script'],
    ['--turbo-inlining', 'wasm'],
  ])(`of ${ROWS} rows, %s, scanner %s`, (inlining, scanner) => {
    const args = ['--expose-gc', inlining, join(folder, 'program.js'), scanner]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const measured = JSON.parse(stdout) as Record<string, Measured>
    for (const { grown, collections, control } of Object.values(measured)) {
      // The smallest object is 16 bytes. What is left are a few objects for each chunk and batch.
      expect(grown).toBeLessThan(ROWS)
      expect(collections).toBe(0)
      // The same measure finds an object a row.
      expect(control).toBeGreaterThan(ROWS * 8)
    }
  })
})

function javascript(text: string): string {
  const options = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
  }
  return ts.transpileModule(text, { compilerOptions: options }).outputText
}
