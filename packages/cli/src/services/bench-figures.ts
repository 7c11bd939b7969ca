import type { BenchSpread } from '@pinscope/core'

/** The middle of some figures; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Where a share of some figures lies below, between neighbours in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)]!
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at))
}

/** The figures of some rounds, and how far they lie apart. */
export function spreadOf(rounds: readonly number[]): BenchSpread {
  const middle = median(rounds)
  return {
    median: middle,
    mad: median(rounds.map((value) => Math.abs(value - middle))),
    min: Math.min(...rounds),
    max: Math.max(...rounds),
    rounds: [...rounds],
  }
}
