/** What a broken rule means: lifetime.md 18. */
export const VERDICTS = [
  'UAF',
  'CORRUPT',
  'DOUBLE',
  'STALE',
  'DEADLOCK',
  'LEAK',
  'LOST',
  'CONTRACT',
  'ACCT',
  'PERF',
] as const
/** One of {@link VERDICTS}. */
export type Verdict = (typeof VERDICTS)[number]

/** Severities, the worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const
/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number]

const SEVERITY_OF: Readonly<Record<Verdict, Severity>> = {
  UAF: 'critical',
  CORRUPT: 'critical',
  DOUBLE: 'critical',
  STALE: 'critical',
  DEADLOCK: 'critical',
  LEAK: 'high',
  LOST: 'medium',
  CONTRACT: 'low',
  ACCT: 'low',
  PERF: 'info',
}

/** The severity that a verdict has, unless a rule says another: UAF, CORRUPT, DOUBLE > LEAK > LOST > CONTRACT, ACCT > PERF. */
export function severityOf(verdict: Verdict): Severity {
  return SEVERITY_OF[verdict]
}

/** `severity` is as bad as `least`, or worse. */
export function isAtLeast(severity: Severity, least: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(least)
}
