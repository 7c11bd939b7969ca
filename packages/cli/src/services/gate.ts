import { type LaneReport, neverFreedBytes, type Report, UsageError } from '@pinscope/core'
import { unknown } from './select.ts'

/** What `--fail-on` can name, in the order in which a verdict tells them. */
export const GATES = ['leak', 'violation', 'mismatch', 'error'] as const
export type Gate = (typeof GATES)[number]

/** How often something was found, over all lanes. */
export interface Tally {
  readonly gate: Gate
  readonly count: number
}

/** What the gates say of a report. */
export interface Verdict {
  /** 0, or 1 when a gate failed. */
  readonly exitStatus: 0 | 1
  /** Found, and asked to fail on. */
  readonly failed: readonly Tally[]
  /** Found, and let pass. */
  readonly passed: readonly Tally[]
  /** Memory of consumers. No gate: of an operation that is in flight where the trace was cut, it is no leak. */
  readonly neverFreedBytes: number
}

/** Reads `leak,violation`; `none` is the empty list. */
export function gatesOf(text: string): readonly Gate[] {
  const words = text.split(',').map((word) => word.trim())
  if (words.includes('none')) {
    if (words.length > 1) throw new UsageError('--fail-on: "none" stands alone')
    return []
  }
  return words.map((word) => {
    const gate = GATES.find((name) => name === word)
    if (gate === undefined) throw unknown('gate of --fail-on', word, [...GATES, 'none'], '')
    return gate
  })
}

/** Judges a report by the gates asked for. */
export function judge(report: Report, gates: readonly Gate[]): Verdict {
  const tallies = GATES.map((gate) => ({
    gate,
    count: report.lanes.reduce((sum, lane) => sum + COUNTS[gate](lane), 0),
  })).filter(({ count }) => count > 0)
  const failed = tallies.filter(({ gate }) => gates.includes(gate))
  return {
    exitStatus: failed.length > 0 ? 1 : 0,
    failed,
    passed: tallies.filter(({ gate }) => !gates.includes(gate)),
    neverFreedBytes: report.lanes.reduce((sum, lane) => sum + (neverFreedBytes(lane) ?? 0), 0),
  }
}

const COUNTS: Readonly<Record<Gate, (lane: LaneReport) => number>> = {
  leak: (lane) => lane.leaksTotal,
  violation: (lane) => lane.violationsTotal,
  mismatch: (lane) => lane.groundTruth.mismatchedTotal,
  error: (lane) => lane.errors,
}
