import type { HistoryStep } from './page-history.ts'
import type { HazardRule } from './rule.ts'
import type { Severity, Verdict } from './verdict.ts'

/** Findings kept with their detail, at most; further ones are only counted. */
export const FINDINGS_LISTED_MAX = 1000

/** A rule broken. Control plane: made only when something is wrong. */
export interface Finding {
  readonly rule: HazardRule
  /** Those of the rule, unless it said that this one is worse. */
  readonly verdict: Verdict
  readonly severity: Severity
  /** Row and line that it is about. */
  readonly row: number
  readonly line: number
  /** Page row of the first page, -1 where it is about none; and how many. */
  readonly page: number
  pages: number
  /** Who holds the page, and since which row; null and 0: nobody does. */
  readonly holder: string | null
  readonly takenRow: number
  /** What happened to the page until then, in the order of the rows. */
  readonly history: readonly HistoryStep[]
  readonly detail: string
}
