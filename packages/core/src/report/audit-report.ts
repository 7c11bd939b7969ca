import type { FaultName } from '../consumer/faults.ts'
import type { AssertOutcome, FolioCheck } from '../lifetime/folio-asserts.ts'
import type { Severity, Verdict } from '../lifetime/verdict.ts'
import type { KeptBy } from '../lifetime/where-references-go.ts'
import type { LayoutReport } from './report.ts'

/** Schema name of {@link AuditReport}. */
export const AUDIT_SCHEMA = 'pinscope-audit/1'

/** A finding, as JSON. */
export interface FindingReport {
  readonly rule: string
  readonly name: string
  readonly verdict: Verdict
  readonly severity: Severity
  readonly file: string
  readonly row: number
  readonly line: number
  /** Page row of the model, null where it is about no page. */
  readonly page: number | null
  /** The page as the trace names it, null where that is not known: `page at 0x10000 of mm 1`. */
  readonly pageName: string | null
  readonly pages: number
  /** What backs the page, null where it is about no page. */
  readonly backing: string | null
  readonly holder: string | null
  readonly takenRow: number
  /** What it goes back to besides a reference: `locked` in row 3. */
  readonly since: { readonly row: number; readonly what: string } | null
  readonly history: readonly { readonly row: number; readonly what: string }[]
  readonly detail: string
  readonly advice: string
}

/** What the kernel refused, and the rule that it kept with that; null: pages that it does not give. */
export interface RefusalReport {
  readonly rule: string | null
  readonly row: number
  readonly line: number
  readonly detail: string
}

/** A state of folios that the kernel asserts never comes. */
export interface AssertedReport {
  readonly check: FolioCheck
  /** What the modelled version does: `bug`, `debug` (only with CONFIG_DEBUG_VM), `warn`, `none`. */
  readonly outcome: AssertOutcome
  readonly severity: Severity
  readonly row: number
  readonly line: number
  /** Page row of the first folio. */
  readonly page: number
  readonly folios: number
  readonly detail: string
}

/** How often somebody waited for a writeback to end. */
export interface WaitsReport {
  /** Stores and write(2), for stable pages. */
  readonly store: number
  readonly truncate: number
  readonly invalidate: number
}

/** Where the references of one holder went. */
export interface ReferenceWayReport {
  readonly holder: string
  readonly retention: 'pin' | 'ref'
  /** `submit`, `register` or `event`: what ran when they were taken. */
  readonly taken: string
  /** What ran when they were dropped; null: still held at the end. */
  readonly dropped: string | null
  readonly pages: number
}

/** What iterators that take nothing named, and what kept it alive. */
export interface IteratorPagesReport {
  readonly iterator: string
  readonly keptBy: KeptBy
  readonly operations: number
  readonly pages: number
}

/** One lane, audited. */
export interface AuditLaneReport {
  readonly consumer: string
  readonly policy: string
  readonly kernel: string
  /** Quirks switched on, or off (with a dash before), against what the version has; absent when none was. */
  readonly quirks?: readonly string[]
  /** The step that was made to fail, and in how many traces the lane came to it; absent when none was. */
  readonly faults?: { readonly fault: FaultName; readonly at: number; readonly injected: number } | undefined
  readonly operations: number
  /** The consumer's own counters: what it cost. */
  readonly counters: Readonly<Record<string, number>>
  readonly findingsTotal: number
  /** Of these, how many of each rule; of each the first 1,000 of a verdict are listed. */
  readonly findingsByRule: Readonly<Record<string, number>>
  readonly findings: readonly FindingReport[]
  /** Steps that the kernel refused; the first 1,000 are listed. */
  readonly refusedTotal: number
  readonly refused: readonly RefusalReport[]
  readonly asserted: readonly AssertedReport[]
  readonly waits: WaitsReport
  readonly references: readonly ReferenceWayReport[]
  readonly iterators: readonly IteratorPagesReport[]
}

/** One trace, audited. */
export interface TraceAuditReport {
  readonly file: string
  readonly rows: number
  readonly layout: LayoutReport
  readonly lanes: readonly AuditLaneReport[]
  readonly warnings: readonly string[]
}

/** What `pinscope audit --json` prints. */
export interface AuditReport {
  readonly schema: typeof AUDIT_SCHEMA
  /** Ids of the rules that listened. */
  readonly rules: readonly string[]
  readonly traces: readonly TraceAuditReport[]
}
