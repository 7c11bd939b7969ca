import type { HistoryStep } from './page-history.ts'
import type { HazardRule } from './rule.ts'
import type { Severity, Verdict } from './verdict.ts'

/** Findings of one rule and verdict that a lane keeps with their detail, and refusals that it keeps; further ones are only counted. */
export const FINDINGS_LISTED_MAX = 1000

/** What a finding goes back to, where that is no reference: `locked` in row 3. */
export interface Since {
  readonly row: number
  /** What happened there to the page, the object or the range: one or two words such as `locked`, `leased`, `put into a ring`. */
  readonly what: string
}

/** What a rule says of what it found; what is left out is of the row at work. */
export interface FoundHazard {
  readonly detail: string
  /** First page row; left out: it is about no page. */
  readonly page?: number
  /** Pages concerned; 1 where a page is given. */
  readonly pages?: number
  /** Whose reference it is about: row of the hold table; 0 or left out: nobody's that is still held. */
  readonly token?: number
  /** The row and line that it is about, where that is not the row at work: a leak is about the row that took. */
  readonly row?: number
  readonly line?: number
  /** Row that took the reference, and who, where no token is left to tell. */
  readonly takenRow?: number
  readonly holder?: string
  /** What it goes back to besides a reference; null: nothing. */
  readonly since?: Since | null
  /** What it means, where that is worse than what the rule says. */
  readonly verdict?: Verdict
}

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
  /** The page as the trace names it: `page at 0x10000 of mm 1`; null where that is not known. */
  readonly pageName: string | null
  /** Whose reference it is about, and the row that took it; null and 0: nobody's. */
  readonly holder: string | null
  readonly takenRow: number
  /** What it goes back to besides; null: nothing. */
  readonly since: Since | null
  /** What happened to the page until then, in the order of the rows. */
  readonly history: readonly HistoryStep[]
  readonly detail: string
}

/** What the kernel refused, and the rule that it kept with that; null: pages that it does not give. */
export interface Refusal {
  readonly rule: HazardRule | null
  readonly row: number
  readonly line: number
  readonly detail: string
}
