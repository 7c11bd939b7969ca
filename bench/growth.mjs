// How time and memory grow with the trace: 1 k rows to 100 M, as CSV and as Arrow, made on the fly and piped into the command as a user
// would, consumer null. Nothing is written to disk but the figures.
//
//   node bench/growth.mjs [--max 100M] [--forms csv,arrow] [--rounds 9] [--out bench/growth.json]
//
// then `node scripts/growth-plot.mjs` draws docs/growth.svg. Needs a build, and mkfifo. What makes the trace
// runs beside, on another core; it is ready before the clock starts.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from './batch.mjs'

const LENGTHS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8]
/** Short ones vary more, and cost little. */
const ROUNDS = new Map([
  [1e3, 9],
  [1e4, 9],
  [1e5, 7],
  [1e6, 5],
  [1e7, 3],
  [1e8, 1],
])
const UNITS = { k: 1e3, M: 1e6 }

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const REPLAY = ['replay', '-', '-c', 'null', '-p', 'extract', '--json', '--no-progress']

/** One replay of one length: from the start of the process that replays to its end, and the most memory that it had. */
async function replayPiped(form, rows) {
  const fifo = join(folder, `${form}-${rows}`)
  execFileSync('mkfifo', [fifo])
  const make = spawn(process.execPath, [here('growth-trace.mjs'), form, rows, fifo], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(make, 'close').then(([status]) => status)
  const isReady = await Promise.race([once(make.stdout, 'data').then(() => true), ended.then(() => false)])
  if (!isReady) throw new Error(`growth-trace.mjs ended with ${await ended}`)
  const words = [
    process.execPath,
    '--require',
    here('growth-memory.cjs'),
    here('../packages/cli/bin/run.js'),
    ...REPLAY,
  ]
  const start = process.hrtime.bigint()
  // The shell opens the pipe, and becomes the command.
  const child = spawn('sh', ['-c', 'exec "$@" < "$0"', fifo, ...words], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  })
  const [report, peak] = await Promise.all([text(child.stdout), text(child.stdio[3])])
  const wallNs = Number(process.hrtime.bigint() - start)
  rmSync(fifo)
  const [{ operations }] = JSON.parse(report).lanes
  if (operations !== rows) throw new Error(`${form}: ${operations} operations of ${rows} were replayed`)
  return { wallNs, peakBytes: Number(peak) }
}

async function text(stream) {
  let whole = ''
  for await (const chunk of stream) whole += chunk
  return whole
}

function lengthOf(typed) {
  const [, digits, unit] = /^(\d+)([kM])?$/.exec(typed) ?? []
  if (digits === undefined) throw new Error(`--max ${typed}: expected a number of rows, such as 10M`)
  return Number(digits) * (UNITS[unit] ?? 1)
}

const { values } = parseArgs({
  options: {
    max: { type: 'string', default: '100M' },
    forms: { type: 'string', default: 'csv,arrow' },
    rounds: { type: 'string', default: '9' },
    out: { type: 'string', default: here('growth.json') },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'pinscope-growth-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const points = []
for (const rows of LENGTHS.filter((length) => length <= lengthOf(values.max))) {
  const runs = new Map(values.forms.split(',').map((form) => [form, []]))
  for (let round = 0; round < Math.min(ROUNDS.get(rows), Number(values.rounds)); round++) {
    for (const [form, done] of runs) done.push(await replayPiped(form, rows))
  }
  for (const [form, done] of runs) {
    const wallNs = median(done.map((one) => one.wallNs))
    const peakBytes = Math.max(...done.map((one) => one.peakBytes))
    points.push({ form, rows, rounds: done.length, wallMs: Math.round(wallNs / 1e5) / 10, peakBytes })
    const figures = [
      `${(wallNs / 1e9).toFixed(2)} s`,
      `${(wallNs / rows).toFixed(0)} ns a row`,
      `${(peakBytes / 1e6).toFixed(0)} MB`,
    ]
    console.log(`${form.padEnd(6)} ${rows.toLocaleString('en').padStart(11)} rows  ${figures.join(', ')}`)
  }
}
const { version } = JSON.parse(readFileSync(here('../packages/cli/package.json'), 'utf8'))
const machine = { cpu: cpus()[0]?.model.trim(), cores: cpus().length, kernel: release(), node: process.versions.node }
writeFileSync(values.out, `${JSON.stringify({ pinscope: version, machine, points }, null, 2)}\n`)
