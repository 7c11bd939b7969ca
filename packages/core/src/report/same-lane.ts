import type { LaneReport } from './report.ts'

/** What tells lanes apart. */
export type LaneKey = Pick<LaneReport, 'consumer' | 'policy' | 'kernel' | 'quirks' | 'faults'>

/** The same policy with the same consumer under the same kernel. */
export function isSameLane(a: LaneKey, b: LaneKey): boolean {
  return a.consumer === b.consumer && a.policy === b.policy && a.kernel === b.kernel
}

/** The same quirks were switched, and the same step was made to fail. */
export function isSameSetting(a: LaneKey, b: LaneKey): boolean {
  const isSameFault = a.faults?.fault === b.faults?.fault && a.faults?.at === b.faults?.at
  return isSameFault && String(a.quirks ?? []) === String(b.quirks ?? [])
}
