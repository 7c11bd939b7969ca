// Runs a standard workload over the first rows of what it reads: node run-standard-work.mjs WORKLOAD ROWS LENGTH
// Everything is made for ROWS rows, whatever the LENGTH, so that two lengths differ by reading and replaying alone.
import { tuneV8 } from '../packages/cli/dist/services/tune-v8.js'
import { standardWork } from '../test/support/standard-work.mjs'

const [name, rows, length] = process.argv.slice(2)
tuneV8()
const { run } = await standardWork(name, Number(rows))
await run((trace) =>
  Object.create(trace, {
    batches: {
      async *value() {
        let left = Number(length)
        for await (const batch of trace.batches()) {
          if (left <= 0) return
          left -= batch.length
          yield batch
        }
      },
    },
  }),
)
