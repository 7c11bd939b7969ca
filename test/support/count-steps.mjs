// Counts the steps of a standard workload: how often a function, a branch or a loop body of pinscope begins, as V8's coverage sees
// it. Needs nothing but Node, and is the same on every machine. Run as: node --jitless count-steps.mjs WORKLOAD
// Optimised code counts no calls, and nobody counts what WebAssembly does: --jitless has neither, so that the twins of what is in
// WebAssembly are counted.
//
// The operations go round: the same ones are counted in the second round and in the third. All pages are there by then.
import { Session } from 'node:inspector/promises'

const ROUND = 65_536
const COUNTED = 16_384

const [name] = process.argv.slice(2)
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
// What is compiled before has no counters.
const { standardWork } = await import('./standard-work.mjs')
const { run } = await standardWork(name, 2 * ROUND + COUNTED + 4096)

/** Steps since the last call, by function: taking sets every counter back. */
async function take() {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const byFunction = new Map()
  for (const { url, functions } of result) {
    if (!/\/packages\/[^/]+\/(dist|bundle)\//.test(url)) continue
    for (const { functionName, ranges } of functions) {
      const steps = ranges.reduce((sum, { count }) => sum + count, 0)
      byFunction.set(functionName, (byFunction.get(functionName) ?? 0) + steps)
    }
  }
  return byFunction
}

const spans = []
function watched(trace) {
  return Object.create(trace, {
    batches: {
      async *value() {
        let rows = 0
        let from = 0
        for await (const batch of trace.batches()) {
          if (from > 0 && rows >= from + COUNTED) {
            const byFunction = await take()
            spans.push({ byFunction, rows: rows - from })
            from = 0
          }
          if (from === 0 && rows >= (spans.length + 1) * ROUND) {
            from = rows
            await take()
          }
          yield batch
          rows += batch.length
        }
      },
    },
  })
}

await run(watched)
session.disconnect()
const perRow = spans.map(
  ({ byFunction, rows }) => [...byFunction.values()].reduce((sum, count) => sum + count, 0) / rows,
)
const [{ byFunction, rows }] = spans
const most = [...byFunction].sort(([, a], [, b]) => b - a).slice(0, 12)
process.stdout.write(JSON.stringify({ perRow, most: most.map(([fn, count]) => [fn, count / rows]) }))
