import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { collections, consumers, fio, memory, start, state } from './other-lines.mjs'
import { Run } from './peer-run.mjs'
import { arrow, bio, csv, folio, held, jobs } from './replay-lines.mjs'
import { versions } from './tools.mjs'

const LINES = { csv, arrow, held, folio, bio, consumers, jobs, memory, state, gc: collections, start, fio }

const { values } = parseArgs({
  options: {
    traces: { type: 'string' },
    large: { type: 'string', default: 'cp10m' },
    small: { type: 'string', default: 'cp1m' },
    long: { type: 'string', default: 'cp100m' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string' },
    json: { type: 'string' },
    before: { type: 'string' },
    pinscope: { type: 'string', default: fileURLToPath(new URL('../..', import.meta.url)) },
    libcachesim: { type: 'string' },
    'state-gib': { type: 'string', default: '1024' },
    scratch: { type: 'string', default: join(tmpdir(), 'pinscope-peers') },
    'fio-folder': { type: 'string' },
    lock: { type: 'string' },
  },
})
if (values.traces === undefined) {
  process.stderr.write('usage: run.mjs --traces FOLDER [--only csv,arrow,…] (see bench/peers/README.md)\n')
  process.exit(2)
}
mkdirSync(values.scratch, { recursive: true })
const run = new Run(values)
const wanted = values.only === undefined ? Object.keys(LINES) : values.only.split(',')
const lines = []
for (const name of wanted) {
  if (LINES[name] === undefined) throw new Error(`no line is called ${name}: ${Object.keys(LINES).join(', ')}`)
  console.log(`\n== ${name}`)
  const made = LINES[name](run)
  for (const line of made) console.log(textOf(line))
  lines.push(...made)
}
for (const { what, why } of run.missing) console.log(`\nabsent: ${what}: ${why}`)
if (values.json !== undefined) {
  const machine = versions()
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, rounds: run.count, lines, rates: run.rates, missing: run.missing }, null, 2)}\n`,
  )
}

function textOf({ work, peer, ratio, cpuRatio, figure, withoutStart, atLeast, atMost, aim, note }) {
  const value = ratio ?? figure
  const isMet = atMost === undefined ? value.median >= atLeast : value.median <= atMost
  const bound = atMost ?? atLeast
  const parts = [
    `${work}${peer === undefined ? '' : ` / ${peer}`}`.padEnd(56),
    `${short(value.median)} (${short(value.min)} – ${short(value.max)})`.padEnd(26),
    bound === undefined
      ? ''
      : `${isMet ? 'met' : 'NOT'}: ${atMost === undefined ? 'at least' : 'at most'} ${bound}, aim ${aim}`,
    cpuRatio === undefined ? '' : `; by CPU time ${short(cpuRatio.median)}`,
    withoutStart === undefined ? '' : `; without the start ${short(withoutStart.median)}`,
    note === undefined ? '' : `; ${note}`,
  ]
  return parts.join(' ')
}

function short(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3)
}
