import { isDeepStrictEqual } from 'node:util'
import { type BenchWorkload, InvariantError } from '@pinscope/core'
import { spreadOf } from './bench-figures.ts'
import type { TimedSample } from './bench-process.ts'
import type { Workload } from './bench-workloads.ts'

/** The samples of a workload, taken together. Throws where two rounds did not do the same: then nothing is measured. */
export function benchWorkload({ name, summary, consumer }: Workload, samples: readonly TimedSample[]): BenchWorkload {
  const inOrder = [...samples].sort((a, b) => a.round - b.round)
  const [first] = inOrder
  if (first === undefined || inOrder.some(({ work }) => !isDeepStrictEqual(work, first.work))) {
    throw new InvariantError(`workload ${name} did not do the same work in each round`)
  }
  const nsPerOperation = spreadOf(inOrder.map((sample) => sample.nsPerOperation))
  return {
    name,
    summary,
    consumer,
    policy: first.policy,
    work: first.work,
    operationsPerSecond: 1e9 / nsPerOperation.median,
    nsPerOperation,
    cost: spreadOf(inOrder.map((sample) => sample.nsPerOperation / sample.bareNs)),
  }
}
