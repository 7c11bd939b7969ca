import type { AuditVerdict, RuleTally } from '../services/audit-verdict.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, grouped, wrapped } from './text.ts'

/** `clean: 54 rules found nothing`, `FAILED: 3 findings: H-10 twice, H-14 once (exit 1)`. */
export function auditVerdictLine(
  terminal: Terminal,
  rules: number,
  { exitStatus, severity, failed, passed, asserted }: AuditVerdict,
): string {
  const mild = [...tallied(passed), ...assertedText(asserted.passed)].join('; ')
  const milder = mild === '' ? '' : `; milder than ${severity}: ${mild}`
  if (exitStatus === 1) {
    const bad = [...tallied(failed), ...assertedText(asserted.failed)].join('; ')
    return styled(terminal, 'red', wrapped(`FAILED: ${bad} (exit 1)${milder}`, terminal.columns))
  }
  if (mild !== '') return styled(terminal, 'yellow', wrapped(`passed${milder}`, terminal.columns))
  return styled(terminal, 'green', wrapped(`clean: ${counted(rules, 'rule')} found nothing`, terminal.columns))
}

function tallied(tallies: readonly RuleTally[]): string[] {
  return tallies.length === 0 ? [] : [told(tallies)]
}

function assertedText(count: number): string[] {
  return count === 0 ? [] : [`${counted(count, 'step')} that the kernel asserts never come`]
}

/** `5 findings: 3 of H-10, 2 of H-14`. */
function told(tallies: readonly RuleTally[]): string {
  const total = tallies.reduce((sum, { count }) => sum + count, 0)
  if (tallies.length === 1) return `${counted(total, 'finding')} of ${tallies[0].rule.id} (${tallies[0].rule.name})`
  return `${counted(total, 'finding')}: ${tallies.map(({ rule, count }) => `${grouped(count)} of ${rule.id}`).join(', ')}`
}
