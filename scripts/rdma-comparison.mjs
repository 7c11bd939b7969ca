// What the chain of 6.1 and the direct path cost on each recorded trace: the tables of docs/rdma-comparison.md.
// `node scripts/rdma-comparison.mjs` writes them; test/rdma-comparison.test.ts holds them up to date.
import { createReadStream, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { openTrace, Registry, replayEach } from '../packages/core/dist/index.js'
import register from '../packages/plugin-rdma/dist/register.js'
import { withTable } from './generated-table.mjs'

const TRACES = new URL('../traces/', import.meta.url)
export const PAGE = new URL('../docs/rdma-comparison.md', import.meta.url)

/** Tables of the page: how the share is mounted. */
const MODES = [
  { name: 'packets', offload: 0 },
  { name: 'registered', offload: 1 },
]

const LEGACY = { consumer: 'smbdirect-legacy', kernel: '6.1' }
const DIRECT = { consumer: 'smbdirect', kernel: '6.12' }
/** Everything registered: through a scatterlist, and as proposed without one. */
const REGISTERED = { consumer: 'smbd-mr', kernel: '6.12' }
const IDEAL = { consumer: 'iter-to-mr', kernel: '6.12' }

/** Columns: heading, figure of a lane. */
const COLUMNS = [
  ['list entries', (lane) => lane.entries.built],
  ['bytes of lists', (lane) => lane.entries.bytes],
  ['allocations', (lane) => lane.allocations?.made ?? 0],
  ['packets', (lane) => lane.counters.packets],
  ['DMA maps', (lane) => lane.dma?.maps ?? 0],
  ['references or pins', (lane) => lane.refs.acquired + lane.pins.acquired - lane.pins.longTerm],
  ['copied bytes', (lane) => lane.data.copiedBytes],
]

/** The figures of a lane that the tables show. */
export const figuresOf = (lane) => COLUMNS.map(([, figure]) => figure(lane))

/** The traces of programs that read and wrote files, by name: what went through a pipe was no I/O on a mount. */
export function recordedTraces() {
  return readdirSync(TRACES)
    .filter((name) => name.endsWith('.csv') && !/,splice(,|$)/m.test(readFileSync(new URL(name, TRACES), 'utf8')))
    .sort()
}

/** A trace in several lanes, each { consumer, kernel }; `options` are of each consumer. */
export async function lanesOf(name, lanes, options = {}) {
  const registry = new Registry()
  registry.register('@pinscope/plugin-rdma', await register())
  const ways = lanes.map(({ consumer, kernel }) => ({
    registry,
    policies: null,
    consumers: [consumer],
    kernel,
    consumerOptions: { [consumer]: options },
    inFlight: true,
  }))
  const reports = await replayEach(await openTrace(createReadStream(new URL(name, TRACES)), name), ways)
  return reports.map(({ lanes }) => lanes[0])
}

const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',')

/** `128 → 113`, or one figure where nothing differs. */
const change = (was, is) => (was === is ? grouped(was) : `${grouped(was)} → ${grouped(is)}`)

/** The table of a mode, in Markdown. */
export async function tableOf({ offload }) {
  const headings = ['trace', 'operations', ...COLUMNS.map(([heading]) => heading)]
  const rows = []
  for (const name of recordedTraces()) {
    const [legacy, direct] = await lanesOf(name, [LEGACY, DIRECT], { 'rdma-offload': offload })
    const cells = COLUMNS.map(([, figure]) => change(figure(legacy), figure(direct)))
    rows.push([name.replace('.csv', ''), grouped(legacy.operations), ...cells])
  }
  return markdown(headings, rows)
}

/** What the proposal would save where everything is registered. */
export async function idealTable() {
  const headings = ['trace', 'registrations', 'scatterlist entries', 'list entries', 'bytes of lists', 'DMA maps']
  const rows = []
  for (const name of recordedTraces()) {
    const [now, ideal] = await lanesOf(name, [REGISTERED, IDEAL])
    rows.push([
      name.replace('.csv', ''),
      change(now.counters.mrs, ideal.counters.mrs),
      change(now.counters.sgEntries, ideal.counters.sgEntries),
      change(now.entries.built, ideal.entries.built),
      change(now.entries.bytes, ideal.entries.bytes),
      change(now.dma.maps, ideal.dma.maps),
    ])
  }
  return markdown(headings, rows)
}

function markdown(headings, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  const rule = headings.map((_, i) => (i === 0 ? '---' : '--:'))
  return [line(headings), line(rule), ...rows.map(line)].join('\n')
}

/** The page with its tables made anew. */
export async function pageWithTables(text) {
  let page = text
  for (const mode of MODES) page = withTable(page, 'docs/rdma-comparison.md', mode.name, await tableOf(mode))
  return withTable(page, 'docs/rdma-comparison.md', 'ideal', await idealTable())
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(PAGE, await pageWithTables(readFileSync(PAGE, 'utf8')))
}
