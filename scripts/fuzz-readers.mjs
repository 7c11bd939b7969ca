// Reads damaged files with every reader of traces, for some time, and tells what goes wrong: anything thrown that is no
// TraceError, a file that takes long, memory that grows. What is found is kept in the folder and read first the next time.
//
//   node scripts/fuzz-readers.mjs [--seconds 600] [--seed 1] [--keep FOLDER] [--format NAME]
//
// Needs a build. The inputs are made from traces/formats, traces/*.csv and packages/core/test/malformed.

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { generator, mutated } from './fuzz-input.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
/** A file of a few hundred KB is read in a fraction of a second: more than this is a hang. */
const HANG_MS = 20_000
const HEAP_MB = 768

if (isMainThread) await main()
else await work()

async function main() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '600' },
      seed: { type: 'string', default: '1' },
      keep: { type: 'string', default: join(ROOT, 'fuzz-found') },
      format: { type: 'string' },
    },
  })
  const until = Date.now() + Number(values.seconds) * 1000
  const totals = { inputs: 0, read: 0, refused: 0, found: 0, formats: {} }
  let seed = Number(values.seed)
  const next = () => seed++
  const lanes = Array.from({ length: availableParallelism() }, () => lane(next, until, values, totals))
  const timer = setInterval(() => process.stderr.write(`${line(totals)}\n`), 30_000)
  await Promise.all(lanes)
  clearInterval(timer)
  process.stdout.write(`${line(totals)}, seeds ${values.seed} to ${seed - 1}\n`)
  for (const [format, counts] of Object.entries(totals.formats).sort()) {
    process.stdout.write(`  ${format.padEnd(16)} ${counts.read} read, ${counts.refused} refused\n`)
  }
  process.exitCode = totals.found > 0 ? 1 : 0
}

function line({ inputs, read, refused, found }) {
  return `${inputs} inputs: ${read} read, ${refused} refused, ${found} faults found`
}

/** One worker after another: a hang or an exhausted heap ends the worker, not the run. */
async function lane(next, until, values, totals) {
  while (Date.now() < until) await oneWorker(next, until, values, totals)
}

function oneWorker(next, until, values, totals) {
  return new Promise((resolve) => {
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: { format: values.format },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    let seed = 0
    let watchdog
    const found = (what) => {
      totals.found++
      keep(values, seed, what)
    }
    const send = () => {
      clearTimeout(watchdog)
      if (Date.now() >= until) return worker.terminate().then(resolve)
      seed = next()
      watchdog = setTimeout(() => {
        found(`more than ${HANG_MS} ms`)
        worker.terminate().then(resolve)
      }, HANG_MS)
      worker.postMessage(seed)
    }
    worker.on('message', (result) => {
      if (result === 'ready') return send()
      totals.inputs++
      totals[result.outcome === 'read' ? 'read' : 'refused'] += result.outcome === 'fault' ? 0 : 1
      if (result.format !== null && result.outcome !== 'fault') {
        totals.formats[result.format] ??= { read: 0, refused: 0 }
        totals.formats[result.format][result.outcome]++
      }
      if (result.outcome === 'fault') found(result.what)
      send()
    })
    worker.on('error', (error) => {
      clearTimeout(watchdog)
      found(String(error.stack ?? error))
      resolve()
    })
  })
}

function keep({ keep: folder }, seed, what) {
  mkdirSync(folder, { recursive: true })
  const { bytes, sample } = inputOf(seed, samples())
  const { name } = sample
  writeFileSync(join(folder, `${seed}-${name}`), bytes)
  writeFileSync(join(folder, `${seed}.txt`), `seed ${seed}, made from ${name}\n${what}\n`)
  process.stderr.write(`seed ${seed} (${name}): ${what}\n`)
}

/** Every good file that inputs are made from. */
function samples() {
  const folders = ['traces/formats', 'traces', 'packages/core/test/malformed']
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => !/\.(md|json)$/.test(name) && statSync(join(ROOT, folder, name)).isFile())
      .map((name) => ({ name, bytes: readFileSync(join(ROOT, folder, name)).subarray(0, 200_000) })),
  )
}

/** The input of a seed, and how it is read: as what its content tells, as what the good file is, now and then as anything. */
function inputOf(seed, all) {
  const random = generator(seed)
  const sample = all[random(all.length)]
  const bytes = mutated(sample.bytes, all[random(all.length)].bytes, random)
  const packed = random(40) === 0 ? mutated(gzipSync(sample.bytes), sample.bytes, random) : bytes
  return { sample, bytes: packed, how: random(8), pick: random(1_000_000) }
}

async function work() {
  const { openTrace, TraceError } = await import('../packages/core/dist/index.js')
  const { TRACE_FORMATS } = await import('../packages/core/dist/formats.js')
  const names = TRACE_FORMATS.map(({ name }) => name)
  const all = samples().filter(({ name }) => workerData.format === undefined || name.startsWith(workerData.format))
  const formatOf = new Map()
  for (const sample of all) {
    const { format } = await read(sample.bytes)
    if (format !== null) formatOf.set(sample, format)
  }
  parentPort.on('message', async (seed) => {
    const { bytes, sample, how, pick } = inputOf(seed, all)
    const named = how === 0 ? names[pick % names.length] : how < 4 ? formatOf.get(sample) : undefined
    parentPort.postMessage(await read(bytes, named))
  })
  parentPort.postMessage('ready')

  async function read(bytes, format) {
    const options = {
      format,
      ...(format === 'csv' ? { formatOptions: { columns: 'ts=1:s,op=2,offset=3,len=4' } } : {}),
    }
    let reader = null
    try {
      reader = await openTrace(chunks(bytes), 'fuzz', options)
      for await (const batch of reader.batches()) void batch
      void reader.imported
      return { outcome: 'read', format: reader.header.format }
    } catch (error) {
      if (error instanceof TraceError && error.message !== '' && error.message.length < 4096) {
        return { outcome: 'refused', format: reader?.header.format ?? format ?? null }
      }
      return { outcome: 'fault', format: format ?? null, what: String(error.stack ?? error) }
    }
  }
}

async function* chunks(bytes) {
  for (let at = 0; at < bytes.length; at += 60_000) yield bytes.subarray(at, at + 60_000)
}
