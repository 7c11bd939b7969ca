// Counts garbage collections while operations are replayed. Run as:
// node --expose-gc --max-semi-space-size=1 count-collections.mjs CONSUMER sync|async replay|idle|allocate [REGISTER.js [buffered]]
// REGISTER.js: the built hook of the plugin that brings the consumer; buffered: no operation is direct.
import { PerformanceObserver } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { batchOf, emptyTrace } from '../../../../bench/batch.mjs'
import { Registry } from '../../dist/consumer/registry.js'
import { LaneSet } from '../../dist/replay/lane-set.js'
import { replayBatch } from '../../dist/replay/replay.js'

const PAGES = 16
const ROWS = 4096
const OPERATIONS = 200_000
const ROW_NS = 1000
const IN_FLIGHT = 64

const [consumer, timing, work, hook, way] = process.argv.slice(2)
const registry = new Registry()
if (hook !== undefined) registry.register('plugin', await (await import(pathToFileURL(hook).href)).default())
const batch = batchOf({ pages: PAGES, rows: ROWS })
if (way === 'buffered') batch.flags.fill(0)
const set = new LaneSet(emptyTrace, {
  registry,
  policies: ['extract'],
  consumers: [consumer],
  kernel: '6.18',
  consumerOptions: {},
  inFlight: false,
  everyOperation: true,
})
const [lane] = set.lanes
const kept = new Array(64)
let batches = 0

/** Replays the batch once more, later than before. */
function step() {
  const start = batches++ * ROWS * ROW_NS
  for (let r = 0; r < ROWS; r++) {
    batch.tsNs[r] = start + r * ROW_NS
    batch.endNs[r] = timing === 'async' ? start + (r + IN_FLIGHT) * ROW_NS : -1
    if (work === 'allocate') kept[r % kept.length] = { row: r, start }
  }
  if (work !== 'idle') replayBatch(set, batch)
}

const collections = []
const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()))
observer.observe({ entryTypes: ['gc'] })
for (let i = 0; i < 30; i++) step()
await setTimeout(20)
globalThis.gc()
await setTimeout(50)
// A forced collection may drop optimised code, which allocates until it is back: V8 optimises beside us, and on a busy
// machine that takes its time.
const until = performance.now() + 250
for (let i = 0; i < 30 || performance.now() < until; i++) step()
const from = performance.now()
for (let done = 0; done < OPERATIONS; done += ROWS) step()
const to = performance.now()
await setTimeout(50)
observer.disconnect()
const during = collections.filter(({ startTime }) => startTime >= from && startTime <= to)
const pins = lane.ledger.totals[0]
const operations = lane.sums[0]
process.stdout.write(JSON.stringify({ collections: during.length, pins, operations, seen: collections.length }))
