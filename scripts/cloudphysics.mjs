// Tests the buffer layouts against the one public data set that has scatter-gather counts: `node scripts/cloudphysics.mjs
// PATH`, PATH being data/cloudPhysicsIO.vscsi of libCacheSim (version 1). Prints the tables of docs/layouts.md. The file is
// read here once more, without the importer, so that the two can be held against each other.
import { createReadStream, readFileSync } from 'node:fs'
import { openTrace, Registry, replay } from '../packages/core/dist/index.js'

const RECORD_BYTES = 32
const PAGE_SIZE = 4096
const LENGTHS_SHOWN = 16
const LAYOUTS = ['aligned', 'nsg', 'offset=512', 'malloc', 'random:1', 'worst']

const [path] = process.argv.slice(2)
if (path === undefined) {
  console.error('usage: node scripts/cloudphysics.mjs cloudPhysicsIO.vscsi')
  process.exit(2)
}
const requests = requestsOf(readFileSync(path))
console.log(byLength(requests))
console.log(fewer(requests))
console.log(await byLayout(requests))

/** { length, elements } of every record. */
function requestsOf(bytes) {
  const all = []
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    all.push({ length: bytes.readUInt32LE(at + 4), elements: bytes.readUInt32LE(at + 8) })
  }
  return all
}

/** Whether a page-aligned buffer has as many pages as the recorded list had elements, by length. */
function byLength(all) {
  const lengths = [...new Set(all.map(({ length }) => length))]
  const groups = lengths
    .map((length) => [length, all.filter((request) => request.length === length)])
    .sort(([, a], [, b]) => b.length - a.length)
  const shown = groups.slice(0, LENGTHS_SHOWN)
  const rest = groups.slice(LENGTHS_SHOWN).flatMap(([, group]) => group)
  const lines = [
    ...shown.map(([length, group]) => line(count(length), group)),
    line(`${groups.length - shown.length} other lengths`, rest),
    line('**all**', all),
  ]
  return table(['bytes', 'requests', 'as many as pages', 'share', 'fewer', 'more'], lines)
}

function line(name, group) {
  const same = group.filter((request) => request.elements === pages(request)).length
  const fewer = group.filter((request) => request.elements < pages(request)).length
  return [name, count(group.length), count(same), share(same, group), count(fewer), count(group.length - same - fewer)]
}

/** Requests with fewer elements than pages: how many elements. */
function fewer(all) {
  const few = all.filter((request) => request.elements < pages(request))
  const one = few.filter(({ elements }) => elements === 1).length
  const less = few.filter((request) => request.elements === pages(request) - 1 && request.elements > 1).length
  const more = all.filter((request) => request.elements > pages(request))
  const next = more.filter((request) => request.elements === pages(request) + 1).length
  return [
    `fewer than pages: ${count(few.length)}; one element: ${count(one)}, one less than pages: ${count(less)}, others: ${count(few.length - one - less)}`,
    `more than pages: ${count(more.length)}; one more: ${count(next)}, others: ${count(more.length - next)}`,
    '',
  ].join('\n')
}

/** What each layout gives, by the importer, and what the bio consumer builds of it. */
async function byLayout(all) {
  const recorded = all.reduce((sum, { elements }) => sum + elements, 0)
  const lines = [['recorded', '', count(recorded), '']]
  for (const layout of LAYOUTS) {
    const trace = await openTrace(createReadStream(path), path, { layout })
    const report = await replay(trace, {
      registry: new Registry(),
      policies: null,
      consumers: ['bio'],
      kernel: '6.18',
      consumerOptions: {},
      inFlight: false,
    })
    const [said] = report.warnings.map((text) => / gives (\d+) of \d+ operations/.exec(text)).filter(Boolean)
    const { entries, pins } = report.lanes[0]
    lines.push([`\`${layout}\``, share(Number(said[1]), all), count(entries.built), count(pins.acquired)])
  }
  return table(['layout', 'requests with the recorded count', 'bvecs built', 'pins'], lines)
}

function pages({ length }) {
  return Math.ceil(length / PAGE_SIZE)
}

function share(part, all) {
  return `${((100 * part) / all.length).toFixed(2)} %`
}

function count(value) {
  return value.toLocaleString('en-US')
}

function table(head, lines) {
  return `${[head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`
}
