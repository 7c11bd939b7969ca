// The standard workloads of `pinscope bench` (packages/cli/src/services/bench-workloads.ts), for what counts instead of timing:
// collections, steps, instructions.
import { openTrace, Registry, replay } from '@pinscope/core'
import { benchOperations } from '../../packages/cli/dist/services/bench-operations.js'
import { BenchTrace, bytesOf, inChunks } from '../../packages/cli/dist/services/bench-trace.js'
import { WORKLOADS } from '../../packages/cli/dist/services/bench-workloads.js'

const SEED = 1

/** A workload by name, with what it reads made once: `run` does it, over a trace that `wrap` may stand before. */
export async function standardWork(name, operations) {
  const workload = WORKLOADS.find((one) => one.name === name)
  if (workload === undefined) throw new Error(`no workload is called ${name}`)
  const made = benchOperations(SEED, workload.held)
  const inMemory = () => new BenchTrace(made, operations, workload.huge)
  const bytes = workload.input === 'memory' ? null : await bytesOf(inMemory(), workload.input)
  const run = async (wrap = (trace) => trace) => {
    const trace = wrap(bytes === null ? inMemory() : await openTrace(inChunks(bytes), name))
    if (workload.consumer === null) return { operations: await rowsOf(trace), pins: 0 }
    const { lanes } = await replay(trace, {
      registry: new Registry(),
      consumers: [workload.consumer],
      policies: [workload.policy],
      kernel: '6.18',
      consumerOptions: {},
      inFlight: false,
    })
    return { operations: lanes[0].operations, pins: lanes[0].pins.acquired }
  }
  return { bytes, run }
}

async function rowsOf(trace) {
  let rows = 0
  for await (const batch of trace.batches()) rows += batch.length
  return rows
}
