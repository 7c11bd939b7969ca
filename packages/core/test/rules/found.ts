import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { type AuditTextOptions, auditText } from '../../src/testing/audit-text.ts'

/**
 * `rule@row` of every finding of a trace: its columns without `ts`, and its rows, one a line, each at the time of its number; a
 * row need not name the last columns. Lines that begin with `#` are the header's.
 */
export async function foundIn(columns: string, text: string, setup: AuditTextOptions = {}): Promise<string[]> {
  return (await findingsIn(columns, text, setup)).map(({ rule, row }) => `${rule}@${row}`)
}

/** As {@link foundIn}, whole findings. */
export function findingsIn(columns: string, text: string, setup: AuditTextOptions = {}) {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const width = columns.split(',').length
  const rows = lines
    .filter((line) => !line.startsWith('#'))
    .map((line, at) => `${at},${line}${','.repeat(width - line.split(',').length)}`)
  const head = lines.filter((line) => line.startsWith('#'))
  return auditText(['# pinscope-trace 1', ...head, `ts,${columns}`, ...rows, ''].join('\n'), HAZARD_RULES, setup)
}
