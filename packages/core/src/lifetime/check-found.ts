import type { AuditedLane } from './audit.ts'
import type { FoundHazard } from './finding.ts'
import { VERDICTS } from './verdict.ts'

/** What a rule of a plugin may have got wrong in what it tells of a finding; null: nothing. Every number is from 0. */
export function problemOfFound({ ledger, memory }: AuditedLane, found: FoundHazard): string | null {
  const { detail, page = -1, pages = 0, token = 0, row = 0, line = 0, takenRow = 0, since = null } = found ?? {}
  if (typeof detail !== 'string' || detail.trim() === '') return 'it says nothing in detail'
  const counts = { pages, row, line, takenRow, 'since.row': since?.row ?? 0 }
  const wrong = Object.entries(counts).find(([, value]) => !isCount(value))
  if (wrong !== undefined) return `${wrong[0]} is ${String(wrong[1])}: it must be 0 or more`
  const { verdict } = found
  if (verdict !== undefined && !VERDICTS.includes(verdict)) return `there is no verdict ${String(verdict)}`
  if (since !== null && (typeof since.what !== 'string' || since.what === '')) return 'since says nothing in what'
  if (page !== -1 && !(isCount(page) && page < memory.pages.length)) return `there is no page ${String(page)}`
  if (!isCount(token) || token >= ledger.holds.end) return `there is no token ${String(token)}`
  return null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
