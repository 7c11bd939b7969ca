import { type AuditLaneReport, type AuditReport, type HazardRule, isAtLeast, type Severity } from '@pinscope/core/audit'

/** How often a rule was broken, over all traces and lanes. */
export interface RuleTally {
  readonly rule: HazardRule
  readonly count: number
}

/** What `--severity` says of an audit. */
export interface AuditVerdict {
  /** 0, or 1 when a finding is as bad as asked for. */
  readonly exitStatus: 0 | 1
  readonly severity: Severity
  /** Rules broken, with their findings that are as bad as {@link severity} or worse. */
  readonly failed: readonly RuleTally[]
  /** Rules broken, with their findings that are milder. */
  readonly passed: readonly RuleTally[]
  /** States that the kernel asserts never come: as bad as asked for, and milder. */
  readonly asserted: { readonly failed: number; readonly passed: number }
}

/** Judges an audit: the rules that were broken, by number, apart by severity. */
export function judgeAudit(report: AuditReport, rules: readonly HazardRule[], severity: Severity): AuditVerdict {
  const lanes = report.traces.flatMap(({ lanes }) => lanes)
  const tallied = (countIn: (lane: AuditLaneReport, rule: HazardRule) => number): RuleTally[] =>
    rules
      .map((rule) => ({ rule, count: lanes.reduce((sum, lane) => sum + countIn(lane, rule), 0) }))
      .filter(({ count }) => count > 0)
  const failed = tallied((lane, { id }) => countAtLeast(lane, id, severity))
  const passed = tallied((lane, { id }) => (lane.findingsByRule[id] ?? 0) - countAtLeast(lane, id, severity))
  const asserts = lanes.flatMap(({ asserted }) => asserted)
  const assertsFailed = asserts.filter((one) => isAtLeast(one.severity, severity)).length
  return {
    exitStatus: failed.length + assertsFailed > 0 ? 1 : 0,
    severity,
    failed,
    passed,
    asserted: { failed: assertsFailed, passed: asserts.length - assertsFailed },
  }
}

/** Findings of a rule in a lane that are as bad: some are worse than their rule, or milder. */
function countAtLeast({ findings, findingsByRule }: AuditLaneReport, id: string, severity: Severity): number {
  const listed = findings.filter(({ rule }) => rule === id)
  const bad = listed.filter((finding) => isAtLeast(finding.severity, severity)).length
  // Of each verdict as many are listed as of any: those that are not are of the one with the most.
  const unlisted = (findingsByRule[id] ?? 0) - listed.length
  return bad >= listed.length - bad ? bad + unlisted : bad
}
