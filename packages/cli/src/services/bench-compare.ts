import { isDeepStrictEqual } from 'node:util'
import {
  type BenchComparison,
  type BenchReport,
  type BenchSpread,
  type BenchWorkload,
  UsageError,
} from '@pinscope/core'
import { quantile } from './bench-figures.ts'
import { unknown } from './select.ts'

/** What `--fail-on` can name. */
export const BENCH_GATES = ['slower', 'other-work'] as const
export type BenchGate = (typeof BENCH_GATES)[number]
type Compared = BenchComparison['workloads'][number]

/** Reads `--fail-on`, which needs a baseline. */
export function benchGatesOf(flags: { 'fail-on': string; baseline?: string | undefined }): readonly BenchGate[] {
  const words = flags['fail-on'].split(',').map((word) => word.trim())
  if (words.length === 1 && words[0] === 'none') return []
  const gates = words.map((word) => {
    const gate = BENCH_GATES.find((name) => name === word)
    if (gate === undefined) throw unknown('gate of --fail-on', word, [...BENCH_GATES, 'none'], '')
    return gate
  })
  if (flags.baseline === undefined) {
    throw new UsageError(`--fail-on ${flags['fail-on']} needs a baseline`, 'Name it with --baseline FILE.')
  }
  return gates
}

/** 0, or 1 where a gate failed. */
export function benchStatus(comparison: BenchComparison | null, gates: readonly BenchGate[]): 0 | 1 {
  const failed = comparison?.workloads.some(({ verdict }) => gates.some((gate) => gate === verdict)) ?? false
  return failed ? 1 : 0
}

/** Compares costs: times as multiples of the bare loop, so that a busy or slower machine does not count as a slower pinscope. */
export function compareBench(
  file: string,
  baseline: BenchReport,
  now: BenchReport,
  thresholdPercent: number,
): BenchComparison {
  const names = now.workloads.map(({ name }) => name)
  return {
    baseline: file,
    thresholdPercent,
    differs: differences(baseline.machine, now.machine),
    missing: baseline.workloads.map(({ name }) => name).filter((name) => !names.includes(name)),
    workloads: now.workloads.map((workload) => {
      const before = baseline.workloads.find(({ name }) => name === workload.name)
      return compared(before, workload, thresholdPercent / 100)
    }),
  }
}

function compared(before: BenchWorkload | undefined, now: BenchWorkload, threshold: number): Compared {
  const { name } = now
  if (before === undefined) return { name, verdict: 'new', ratio: null }
  const isSameWork =
    before.consumer === now.consumer && before.policy === now.policy && isDeepStrictEqual(before.work, now.work)
  if (!isSameWork) return { name, verdict: 'other-work', ratio: null }
  const ratio = now.cost.median / before.cost.median
  return { name, verdict: verdictOf(ratio, before.cost, now.cost, threshold), ratio }
}

/**
 * Slower or faster takes two things: the medians are further apart than the threshold, in proportion either way, and the middle
 * halves of the rounds do not overlap. Noise alone rarely does both.
 */
function verdictOf(ratio: number, before: BenchSpread, now: BenchSpread, threshold: number): Compared['verdict'] {
  if (ratio > 1 + threshold && quantile(now.rounds, 0.25) > quantile(before.rounds, 0.75)) return 'slower'
  if (ratio < 1 / (1 + threshold) && quantile(now.rounds, 0.75) < quantile(before.rounds, 0.25)) return 'faster'
  return 'same'
}

/** What makes two machines hard to compare, in words. */
function differences(before: BenchReport['machine'], now: BenchReport['machine']): string[] {
  const keys = [
    ['cpu', 'processor'],
    ['cores', 'cores'],
    ['platform', 'platform'],
    ['node', 'Node'],
    ['v8', 'V8'],
  ] as const
  const changed = keys.filter(([key]) => before[key] !== now[key])
  const words = changed.map(([key, what]) => `${what}: ${before[key]}, now ${now[key]}`)
  const flags = [before.v8Flags, now.v8Flags].map((list) => list.join(' '))
  return flags[0] === flags[1] ? words : [...words, `V8 flags: ${flags[0] || 'none'}, now ${flags[1] || 'none'}`]
}
