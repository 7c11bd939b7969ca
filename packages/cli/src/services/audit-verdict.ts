import { type AuditReport, type HazardRule, isAtLeast, type Severity } from '@pinscope/core/audit'

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
  /** Rules broken that are as bad as {@link severity} or worse. */
  readonly failed: readonly RuleTally[]
  /** Rules broken that are milder. */
  readonly passed: readonly RuleTally[]
  /** States that the kernel asserts never come: as bad as asked for, and milder. */
  readonly asserted: { readonly failed: number; readonly passed: number }
}

/** Judges an audit: the rules that were broken, by number, apart by severity. */
export function judgeAudit(report: AuditReport, rules: readonly HazardRule[], severity: Severity): AuditVerdict {
  const lanes = report.traces.flatMap(({ lanes }) => lanes)
  const broken = rules
    .map((rule) => ({ rule, count: lanes.reduce((sum, lane) => sum + (lane.findingsByRule[rule.id] ?? 0), 0) }))
    .filter(({ count }) => count > 0)
  const findings = lanes.flatMap((lane) => lane.findings)
  // A finding may be worse than its rule.
  const isFailed = (rule: HazardRule): boolean =>
    isAtLeast(rule.severity, severity) ||
    findings.some((finding) => finding.rule === rule.id && isAtLeast(finding.severity, severity))
  const failed = broken.filter(({ rule }) => isFailed(rule))
  const asserts = lanes.flatMap(({ asserted }) => asserted)
  const assertsFailed = asserts.filter((one) => isAtLeast(one.severity, severity)).length
  return {
    exitStatus: failed.length + assertsFailed > 0 ? 1 : 0,
    severity,
    failed,
    passed: broken.filter((tally) => !failed.includes(tally)),
    asserted: { failed: assertsFailed, passed: asserts.length - assertsFailed },
  }
}
