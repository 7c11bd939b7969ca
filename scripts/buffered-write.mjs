// What a buffered write costs in the four ways to do it: the tables and outputs of docs/buffered-write.md.
// `node scripts/buffered-write.mjs` writes them; test/buffered-write.test.ts holds them up to date.
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { openTrace, Registry, replayEach } from '../packages/core/dist/index.js'
import register from '../packages/plugin-fs/dist/register.js'
import { withTable } from './generated-table.mjs'
import { withOutputs } from './readme-output.mjs'

const TRACES = new URL('../traces/made/', import.meta.url)
export const PAGE = new URL('../docs/buffered-write.md', import.meta.url)

/** The four ways, iomap with pages and with large folios: { heading, consumer, kernel, options }. */
const WAYS = [
  { heading: 'page by page', consumer: 'write-classic', kernel: '6.12' },
  { heading: 'multi-page, 2010', consumer: 'write-multipage', kernel: '6.12' },
  { heading: 'as it was posted', consumer: 'write-multipage', kernel: '6.12', options: { prototype: 1 } },
  { heading: 'iomap 6.1: pages', consumer: 'write-iomap', kernel: '6.1' },
  { heading: 'iomap 6.12: large folios', consumer: 'write-iomap', kernel: '6.12' },
  { heading: 'iomap 7.3: large folios', consumer: 'write-iomap', kernel: 'mainline' },
  { heading: 'recvfile, 2013', consumer: 'recvfile', kernel: '6.12' },
]
const [CLASSIC, MULTIPAGE, , ORDER_0, LARGE, , RECVFILE] = WAYS

/** The worked examples: what is written, and the trace. */
const WRITES = [
  ['64 KiB', 'buffered-write-64k'],
  ['1 MiB', 'buffered-write-1m'],
  ['4 MiB', 'buffered-write-4m'],
  ['16 MiB', 'buffered-write-16m'],
  ['1 MiB at 12 KiB', 'buffered-write-1m-at-12k'],
]

/** The lane of one way over a trace; `options` are added to those of the way. */
export async function laneOf(name, { consumer, kernel, options }, more = {}) {
  const registry = new Registry()
  registry.register('@pinscope/plugin-fs', await register())
  const consumerOptions = { [consumer]: { ...options, ...more } }
  const file = `${name}.csv`
  const way = { registry, policies: null, consumers: [consumer], kernel, consumerOptions, inFlight: false }
  const [report] = await replayEach(await openTrace(createReadStream(new URL(file, TRACES)), file), [way])
  return report.lanes[0]
}

const grouped = (value) => (typeof value === 'number' ? value.toLocaleString('en-US') : value)

function markdown(headings, rows, left = 1) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  const rule = headings.map((_, i) => (i < left ? '---' : '--:'))
  return [line(headings), line(rule), ...rows.map((cells) => line(cells.map(grouped)))].join('\n')
}

/** Counts of one worked example, column by column. */
export async function workedRow(name) {
  const [classic, multipage, small, large, recvfile] = await Promise.all(
    [CLASSIC, MULTIPAGE, ORDER_0, LARGE, RECVFILE].map(async (way) => (await laneOf(name, way)).counters),
  )
  return [
    [classic.beginEndPairs, classic.fsCalls],
    [multipage.mappings, multipage.fsCalls],
    [small.beginEndPairs, small.mappings],
    [large.beginEndPairs, large.mappings],
    [recvfile.beginEndPairs, recvfile.fsLockTrips, recvfile.locksHeldMax],
  ]
}

async function workedTable() {
  const headings = [
    'written',
    'page by page: pairs, calls',
    '2010: segments, calls',
    'iomap, pages: pairs, begins',
    'iomap, large: folios, begins',
    'recvfile: pairs, batches, locks at once',
  ]
  const rows = []
  for (const [what, name] of WRITES) {
    const cells = (await workedRow(name)).map((figures) => figures.map(grouped).join(', '))
    rows.push([what, ...cells])
  }
  return markdown(headings, rows)
}

/** Folios that a write of iomap makes, by order. */
export function foliosOf({ counters }) {
  return Array.from({ length: 10 }, (_, order) => counters[`foliosOrder${order}`])
}

async function folioTable() {
  const rows = []
  for (const [what, name] of WRITES) rows.push([what, ...foliosOf(await laneOf(name, LARGE))])
  return markdown(['written', ...Array.from({ length: 10 }, (_, order) => `order ${order}`)], rows)
}

/** Rows of a table about every way: { heading: figure of a lane }. */
async function wayTable(name, figures, options = {}) {
  const rows = []
  for (const way of WAYS) {
    const lane = await laneOf(name, way, options)
    rows.push([way.heading, ...Object.values(figures).map((figure) => figure(lane))])
  }
  return markdown(['way', ...Object.keys(figures)], rows)
}

const counter = (name) => (lane) => lane.counters[name]

const SHORT = {
  'bytes written': counter('writtenBytes'),
  pairs: counter('beginEndPairs'),
  'bytes copied in vain': counter('wastedCopyBytes'),
  reverts: counter('iterReverts'),
  'calls of the file system': counter('fsCalls'),
  'blocks given back': counter('punchedBlocks'),
  'blocks leaked': counter('leakedBlocks'),
  'bytes stale': counter('staleBytes'),
}

const SPACE = {
  'bytes written': counter('writtenBytes'),
  pairs: counter('beginEndPairs'),
  'begins that failed': counter('failedBegins'),
  'times without space': counter('noSpace'),
  flushes: counter('spaceFlushes'),
  'blocks reserved': counter('reservedBlocks'),
  'blocks allocated': counter('allocatedBlocks'),
  'blocks leaked': counter('leakedBlocks'),
  'bytes stale': counter('staleBytes'),
}

const TABLES = {
  worked: workedTable,
  folios: folioTable,
  short: () => wayTable('buffered-write-short', SHORT),
  'short inside': () => wayTable('buffered-write-short', SHORT, { 'file-bytes': 1048576 }),
  absent: () => wayTable('buffered-write-absent', SHORT),
  space: () => wayTable('buffered-write-enospc', SPACE, { 'free-blocks': 16 }),
  'space extents': () => wayTable('buffered-write-enospc', SPACE, { 'free-blocks': 16, 'extent-blocks': 8 }),
}

/** The page with its tables and outputs made anew. */
export async function pageWithTables(text) {
  let page = text
  for (const [name, table] of Object.entries(TABLES))
    page = withTable(page, 'docs/buffered-write.md', name, await table())
  return withOutputs(page)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(PAGE, await pageWithTables(readFileSync(PAGE, 'utf8')))
}
