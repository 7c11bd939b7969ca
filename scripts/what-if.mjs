// The tables of docs/what-if.md: what each answer to a page that devices store into costs, and what the hazard rules find
// with it, on one trace of traces/made a question. `node scripts/what-if.mjs` writes them; test/what-if.test.ts holds them
// up to date.
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { auditTrace, HAZARD_RULES } from '../packages/core/dist/audit.js'
import { openTrace, Registry, replay } from '../packages/core/dist/index.js'
import { WHAT_IF_CONSUMERS } from '../packages/plugin-fs/dist/index.js'
import { withTable } from './generated-table.mjs'
import { withOutputs } from './readme-output.mjs'

const TRACES = new URL('../traces/made/', import.meta.url)
export const PAGE = new URL('../docs/what-if.md', import.meta.url)

const ML = '6.12'
const lane = (consumer, label, options = {}, kernel = ML) => ({ consumer, label, options, kernel, words: [] })
/** An option of the mail, with what the mail objects to it, and what kernels do. */
const option = (consumer, label, ...words) => ({ ...lane(consumer, label), words })
const counter = (name) => [`\`${name}\``, (counters) => counters[name]]
const milliseconds = (name, heading) => [heading, (counters) => counters[name] / 1e6]
/** What decisions were taken on: as maybe_dma_pinned has it, and as it was. */
const PINNED = [
  'pages that looked pinned / were',
  (counters) => `${counters.pagesLooksPinned} / ${counters.pagesPinned}`,
]

const WRITEBACK_COLUMNS = [
  counter('pagesWritten'),
  counter('pagesSkipped'),
  counter('pagesNeverWritten'),
  milliseconds('waitNs', 'writeback waited, ms'),
  counter('bytesBounced'),
  counter('tornBounces'),
  counter('tornWritebacks'),
  counter('mkwriteCalls'),
  milliseconds('storeWaitNs', 'stores waited, ms'),
  PINNED,
]

/** A question each: the trace, the lanes with what they stand for, and the columns of their cost. */
export const QUESTIONS = [
  {
    name: 'writeback',
    trace: 'what-if-writeback.csv',
    lanes: [
      lane('writeback-as-is', 'as it is'),
      lane('writeback-skip', 'skip'),
      lane('writeback-skip', 'skip, 6.1', {}, '6.1'),
      lane('writeback-wait', 'wait'),
      lane('writeback-bounce-block', 'bounce in the block layer'),
      lane('writeback-bounce-fs', 'bounce in the file system'),
      lane('writeback-bounce-fs', 'the same, and the page stays dirty', { 'stays-dirty': 1 }),
      lane('writeback-stable', 'stable pages everywhere'),
    ],
    columns: WRITEBACK_COLUMNS,
  },
  {
    name: 'checksums',
    trace: 'what-if-writeback-btrfs.csv',
    lanes: [
      lane('writeback-as-is', 'as it is (stable pages)'),
      lane('writeback-bounce-block', 'bounce in the block layer'),
      lane('writeback-bounce-fs', 'bounce in the file system'),
    ],
    columns: WRITEBACK_COLUMNS,
  },
  {
    name: 'reflink',
    trace: 'what-if-reflink.csv',
    lanes: [
      option('reflink-fail', '1. fail', 'an administrator cannot find the cause', 'none does'),
      option('reflink-wait', '2. wait for the pins', 'unbounded, and nobody can find out what for', 'for DAX only'),
      option('reflink-ignore', '3. ignore them, as it is', 'the other file is stale, or corrupt', 'for the page cache'),
      option('reflink-copy', '4. copy the blocks', 'work in each file system', 'none does'),
      option(
        'reflink-lease',
        '5. break a lease',
        'needs a user API, and applications that use it',
        'the half in the kernel, for pNFS and DAX; no user API',
      ),
    ],
    words: ['objection of the mail', 'in kernels'],
    columns: [
      counter('reflinks'),
      counter('refused'),
      milliseconds('waitNs', 'waited, ms'),
      counter('pagesShared'),
      counter('sharedWhilePinned'),
      counter('blocksCopied'),
      counter('tornCopies'),
      counter('pinsDropped'),
      counter('mkwriteCalls'),
      counter('sharedOverwritten'),
      PINNED,
    ],
  },
  {
    name: 'leases',
    trace: 'what-if-leases.csv',
    lanes: [
      lane('lease-prompt', 'prompt'),
      lane('lease-late', 'late: after 10 s', { 'answer-ns': 10e9 }),
      lane('lease-late', 'late: after 60 s'),
      lane('lease-never', 'never, time-out of 45 s'),
      lane('lease-never', 'never, no time-out', { 'break-timeout-ns': 0 }),
    ],
    columns: [
      counter('changes'),
      counter('leasesBroken'),
      counter('leasesAnswered'),
      counter('leasesTimedOut'),
      milliseconds('waitNs', 'changes waited, ms'),
      counter('pinsDropped'),
      counter('pinsDroppedLate'),
      counter('storesHeldBack'),
      counter('changedWhilePinned'),
      counter('storesTooLate'),
    ],
  },
]

/** The lanes of a question, replayed and audited: { label, counters, findings: [{ rule, row, pages }] }. */
export async function lanesOf({ trace, lanes }) {
  const registry = new Registry()
  registry.register('@pinscope/plugin-fs', { apiVersion: 1, consumers: WHAT_IF_CONSUMERS })
  const open = () => openTrace(createReadStream(new URL(trace, TRACES)), trace)
  const done = []
  for (const { consumer, kernel, label, options, words } of lanes) {
    const how = {
      registry,
      policies: null,
      consumers: [consumer],
      kernel,
      consumerOptions: { [consumer]: options },
      inFlight: false,
    }
    const { counters } = (await replay(await open(), how)).lanes[0]
    const { findings } = (await auditTrace(await open(), { ...how, rules: HAZARD_RULES })).lanes[0]
    done.push({ label, counters, findings, words })
  }
  return done
}

const counted = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`

/** `H-03: 6 pages; H-33: 1 finding`: the latter is about no page. */
function verdictOf(findings) {
  const words = [...new Set(findings.map(({ rule }) => rule))].sort().map((rule) => {
    const found = findings.filter((one) => one.rule === rule)
    const pages = found.reduce((sum, one) => sum + one.pages, 0)
    return `${rule}: ${pages > 0 ? counted(pages, 'page') : counted(found.length, 'finding')}`
  })
  return words.join('; ') || 'nothing found'
}

const grouped = (value) => (typeof value === 'number' ? value.toLocaleString('en-US') : value)

/** The table of a question, in Markdown. */
export async function tableOf(question) {
  const { columns, words: more = [] } = question
  const line = (cells) => `| ${cells.join(' | ')} |`
  const rows = (await lanesOf(question)).map(({ label, counters, findings, words }) =>
    line([label, ...columns.map(([, figure]) => grouped(figure(counters))), verdictOf(findings), ...words]),
  )
  const headings = ['', ...columns.map(([heading]) => heading), 'verdict', ...more]
  const marks = headings.map((_, i) => (i === 0 || i > columns.length ? '---' : '--:'))
  return [line(headings), line(marks), ...rows].join('\n')
}

/** The page with its tables made anew, and what the command prints. */
export async function pageWithTables(text) {
  let page = withOutputs(text)
  for (const question of QUESTIONS) page = withTable(page, 'docs/what-if.md', question.name, await tableOf(question))
  return page
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(PAGE, await pageWithTables(readFileSync(PAGE, 'utf8')))
}
