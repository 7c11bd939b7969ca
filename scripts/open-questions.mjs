// The tables of docs/open-questions.md: what the model counts for each question that the mails left open, on a trace of
// traces/. `node scripts/open-questions.mjs` writes them; test/open-questions.test.ts holds them up to date.
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { openTrace, Registry, replay } from '../packages/core/dist/index.js'
import { pluginConsumers } from './consumer-pages.mjs'
import { withTable } from './generated-table.mjs'

const TRACES = new URL('../traces/', import.meta.url)
export const PAGE = new URL('../docs/open-questions.md', import.meta.url)

const ML = '6.12'

/** Figures of a lane by the heading of their column. */
const FIGURES = {
  operations: (lane) => lane.operations,
  errors: (lane) => lane.errors,
  pins: (lane) => lane.pins.acquired,
  'pins at most': (lane) => lane.pins.peak,
  references: (lane) => lane.refs.acquired,
  'references at most': (lane) => lane.refs.peak,
  'bare pages': (lane) => lane.bare.pages,
  'reference operations': (lane) => lane.refOps,
  'list entries': (lane) => lane.entries.built,
  'bytes of lists': (lane) => lane.entries.bytes,
  allocations: (lane) => lane.allocations?.made ?? 0,
  'copied bytes': (lane) => lane.data.copiedBytes,
  'bytes in place': (lane) => lane.data.zeroCopyBytes,
  'leaked pages': (lane) => lane.leaks.reduce((sum, { pages }) => sum + pages, 0),
  violations: (lane) => [...new Set(lane.violations.map(({ rule }) => rule))].join(', ') || 'none',
}

const lane = (consumer, kernel, label, options = {}, policy = null) => ({ consumer, kernel, label, options, policy })
const counter = (name) => [name, (one) => one.counters[name] ?? 0]

/** A question each: the trace, the lanes with what they stand for, and the columns (headings of FIGURES, or counters). */
export const QUESTIONS = [
  {
    name: 'sunrpc',
    trace: 'made/nfs-messages.csv',
    lanes: [
      lane('sunrpc', '6.1', 'server, 6.1'),
      lane('sunrpc', ML, 'server, 6.12'),
      lane('sunrpc', ML, 'client, 6.12', { side: 1 }),
      lane('sunrpc-bvec', ML, 'one bvec iterator, virt_to_page'),
      lane('sunrpc-kmap', ML, 'kmap, one kvec iterator'),
      lane('sunrpc-sends', ML, 'separate sends'),
      lane('sunrpc-mixed', ML, 'heterogeneous iterator'),
    ],
    columns: [
      counter('calls'),
      counter('kmaps'),
      'references',
      'copied bytes',
      'bytes in place',
      'list entries',
      'allocations',
      'violations',
    ],
  },
  {
    name: 'skb',
    trace: 'made/sockets-zerocopy.csv',
    lanes: [
      lane('msg-zerocopy', '6.1', '6.1'),
      lane('msg-zerocopy', ML, '6.12'),
      lane('msg-zerocopy', ML, '6.12, pinning (extract)', {}, 'extract'),
      lane('msg-zerocopy', ML, '6.12, a pin a folio (folio)', {}, 'folio'),
    ],
    columns: [
      'references',
      'pins',
      'reference operations',
      'list entries',
      counter('managedFrags'),
      counter('downgradeRefs'),
      counter('mergesRefused'),
      'leaked pages',
    ],
  },
  {
    name: 'ceph',
    trace: 'made/network-block-writes.csv',
    lanes: [
      lane('ceph', ML, 'ceph, O_DIRECT'),
      lane('ceph', ML, 'ceph, msgr v2 encrypted', { msgr: 2 }),
      lane('rbd', '6.1', 'rbd, 6.1'),
      lane('rbd', ML, 'rbd'),
      lane('rbd', ML, 'rbd, striped over objects', { 'object-size': 1048576, 'stripe-unit': 262144 }),
      lane('loop', ML, 'loop'),
    ],
    columns: [
      'pins',
      'references',
      'references at most',
      'bare pages',
      'list entries',
      'bytes of lists',
      'copied bytes',
    ],
  },
  {
    name: 'vring',
    trace: 'made/vring-free.csv',
    lanes: [lane('vring', '6.1', '6.1'), lane('vring', ML, '6.12'), lane('vring', 'mainline', 'mainline')],
    columns: ['pins', 'references', 'bare pages', 'copied bytes', counter('lookups'), 'violations'],
  },
  {
    name: 'loop',
    trace: 'made/loop-unlocked.csv',
    lanes: [
      lane('loop', '6.1', '6.1'),
      lane('loop', ML, '6.12'),
      lane('loop', ML, '6.12, buffered', { 'direct-io': 0 }),
    ],
    columns: ['pins', 'references', 'bare pages', 'copied bytes', counter('lowerCalls'), 'violations'],
  },
  {
    name: 'afs',
    trace: 'made/afs-dir-truncate.csv',
    lanes: [
      lane('afs-dir', '6.1', '6.1: references'),
      lane('afs-dir', ML, '6.12: references'),
      lane('afs-dir', ML, 'if only the iterator named them', { way: 1 }),
      lane('afs-dir', ML, 'if they were locked', { way: 2 }),
      lane('afs-dir', 'mainline', 'mainline: a folio queue'),
    ],
    columns: ['references', 'copied bytes', 'leaked pages', 'violations'],
  },
  {
    name: 'netfs',
    trace: 'made/netfs-async.csv',
    lanes: [
      lane('netfs-dio', ML, 'netfs, 6.12'),
      lane('netfs-dio', 'mainline', 'netfs, mainline'),
      lane('nfs-direct', ML, 'NFS, 6.12'),
      lane('ceph', ML, 'ceph, 6.12'),
      lane('fuse', '6.1', 'fuse, 6.1'),
      lane('fuse', ML, 'fuse, 6.12'),
    ],
    columns: [
      'pins',
      'references',
      'bare pages',
      'bytes of lists',
      'allocations',
      counter('dirtiedPages'),
      'errors',
      'violations',
    ],
  },
  {
    name: 'uring',
    trace: 'made/uring-early-unregister.csv',
    lanes: [
      lane('io-uring-fixed', '6.1', '6.1'),
      lane('io-uring-fixed', ML, '6.12'),
      lane('io-uring-fixed', 'mainline', 'mainline'),
    ],
    columns: [
      'pins',
      counter('pinsDropped'),
      counter('bvecs'),
      'bytes of lists',
      'bare pages',
      counter('deferredUnregisters'),
      'errors',
      'violations',
    ],
  },
  {
    name: 'pipes',
    trace: 'made/pipes.csv',
    lanes: [
      lane('splice', '6.1', '6.1'),
      lane('splice', ML, '6.12'),
      lane('splice', ML, '6.12, out into a file', { out: 1 }),
      lane('splice', 'mainline', 'mainline'),
    ],
    columns: [
      'references',
      'references at most',
      'copied bytes',
      'bytes in place',
      counter('handedOn'),
      counter('notStolenPages'),
      'violations',
    ],
  },
]

/** The lanes of a question, replayed: { label, lane }. */
export async function lanesOf({ trace, lanes }) {
  const registry = new Registry()
  const consumers = await pluginConsumers()
  for (const name of new Set(consumers.map(({ packageName }) => packageName))) {
    const own = consumers.filter(({ packageName }) => packageName === name).map(({ definition }) => definition)
    registry.register(name, { apiVersion: own[0].apiVersion, consumers: own })
  }
  const replayed = []
  for (const { consumer, kernel, label, options, policy } of lanes) {
    const report = await replay(await openTrace(createReadStream(new URL(trace, TRACES)), trace), {
      registry,
      policies: policy === null ? null : [policy],
      consumers: [consumer],
      kernel,
      consumerOptions: { [consumer]: options },
      inFlight: false,
    })
    replayed.push({ label, lane: report.lanes[0] })
  }
  return replayed
}

const grouped = (value) => (typeof value === 'number' ? value.toLocaleString('en-US') : value)

/** The table of a question, in Markdown. */
export async function tableOf(question) {
  const columns = question.columns.map((column) => (typeof column === 'string' ? [column, FIGURES[column]] : column))
  const rows = (await lanesOf(question)).map(({ label, lane }) => [
    label,
    ...columns.map(([, figure]) => grouped(figure(lane))),
  ])
  const line = (cells) => `| ${cells.join(' | ')} |`
  const headings = ['', ...columns.map(([heading]) => (heading in FIGURES ? heading : `\`${heading}\``))]
  return [line(headings), line(headings.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

/** The page with its tables made anew. */
export async function pageWithTables(text) {
  let page = text
  for (const question of QUESTIONS)
    page = withTable(page, 'docs/open-questions.md', question.name, await tableOf(question))
  return page
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(PAGE, await pageWithTables(readFileSync(PAGE, 'utf8')))
}
