// Counts garbage collections while the operations of a standard workload are read and replayed. Run as:
// node --expose-gc --max-semi-space-size=1 count-collections.mjs WORKLOAD measure|allocate
import { PerformanceObserver } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { standardWork } from './standard-work.mjs'

/** The reader and the lane grow their tables at first. */
const FIRST = 100_000
const MEASURED = 200_000
const SETTLE_MS = 600

const [name, work] = process.argv.slice(2)
const { run } = await standardWork(name, FIRST + MEASURED + 20_000)
const collections = []
const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()))
observer.observe({ entryTypes: ['gc'] })

const kept = new Array(64)
const span = { from: 0, to: 0, operations: 0 }

/** The trace as it is, and when the measured rows began and ended. */
function watched(trace) {
  return Object.create(trace, {
    batches: {
      async *value() {
        let rows = 0
        span.from = span.to = 0
        for await (const batch of trace.batches()) {
          if (span.from === 0 && rows >= FIRST) {
            // What is young goes first: the rest of the batches and chunks so far would fill up the space at any time.
            globalThis.gc({ type: 'minor' })
            span.from = performance.now()
            span.operations = -rows
          }
          if (work === 'allocate') for (let row = 0; row < batch.length; row++) kept[row % 64] = { row }
          yield batch
          rows += batch.length
          if (span.to === 0 && span.from > 0 && rows + span.operations >= MEASURED) {
            span.to = performance.now()
            span.operations += rows
          }
        }
      },
    },
  })
}

for (let i = 0; i < 3; i++) await run(watched)
await setTimeout(20)
globalThis.gc()
await setTimeout(50)
// A forced collection may drop optimised code, which allocates until it is back.
const until = performance.now() + SETTLE_MS
while (performance.now() < until) await run(watched)
const { pins } = await run(watched)
await setTimeout(50)
observer.disconnect()
const during = collections.filter(({ startTime }) => startTime >= span.from && startTime <= span.to)
const result = { collections: during.length, operations: span.operations, pins, seen: collections.length }
process.stdout.write(JSON.stringify(result))
