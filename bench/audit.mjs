// What listening costs: each recorded trace replayed without rules, and audited with all of them. Rounds are interleaved;
// ratios are taken within a round. The reading of the trace is in both.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { auditTrace, HAZARD_RULES } from '../packages/core/dist/audit.js'
import { openTrace, Registry, replay } from '../packages/core/dist/index.js'
import { median } from './batch.mjs'

const ROUNDS = 9
const ROUND_MS = 40
const root = fileURLToPath(new URL('..', import.meta.url))

const PLUGINS = ['crypto', 'fs', 'net', 'rdma', 'vhost']

/** One line for each recorded trace, and one for all of them. */
export async function auditCost() {
  const registry = new Registry()
  for (const name of PLUGINS) {
    const { default: register } = await import(`../packages/plugin-${name}/dist/register.js`)
    registry.register(`@pinscope/plugin-${name}`, await register())
  }
  const files = readdirSync(`${root}traces`).filter((name) => name.endsWith('.csv'))
  const results = []
  for (const file of files) results.push(await measure(file, registry))
  const sum = (key) => results.reduce((total, one) => total + one[key], 0)
  return [
    ...results,
    { file: 'all', replayMs: sum('replayMs'), auditMs: sum('auditMs'), ratio: sum('auditMs') / sum('replayMs') },
  ]
}

async function measure(file, registry) {
  const bytes = readFileSync(`${root}traces/${file}`)
  const options = { registry, policies: null, consumers: null, kernel: null, consumerOptions: {}, inFlight: false }
  const open = () => openTrace(inOnePiece(bytes), file)
  const replayOnce = async () => replay(await open(), options)
  const auditOnce = async () => auditTrace(await open(), { ...options, rules: HAZARD_RULES })
  const times = await repetitions(replayOnce)
  const rounds = []
  for (let round = -2; round < ROUNDS; round++) {
    const replayMs = await timed(replayOnce, times)
    const auditMs = await timed(auditOnce, times)
    if (round >= 0) rounds.push({ replayMs, auditMs, ratio: auditMs / replayMs })
  }
  return {
    file,
    replayMs: median(rounds.map((one) => one.replayMs)),
    auditMs: median(rounds.map((one) => one.auditMs)),
    ratio: median(rounds.map((one) => one.ratio)),
  }
}

/** How often a task runs in ROUND_MS. */
async function repetitions(task) {
  await task()
  const start = performance.now()
  await task()
  return Math.max(1, Math.round(ROUND_MS / (performance.now() - start)))
}

async function timed(task, times) {
  const start = performance.now()
  for (let i = 0; i < times; i++) await task()
  return (performance.now() - start) / times
}

async function* inOnePiece(bytes) {
  yield bytes
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { file, replayMs, auditMs, ratio } of await auditCost()) {
    console.log(
      `${file.padEnd(40)} ${replayMs.toFixed(2).padStart(8)} ms ${auditMs.toFixed(2).padStart(8)} ms  ${ratio.toFixed(2)} x`,
    )
  }
}
