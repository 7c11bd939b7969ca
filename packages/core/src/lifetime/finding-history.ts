import { RETAIN_PIN } from '../extract/retention.ts'
import type { Audit } from './audit.ts'
import type { FoundHazard } from './finding.ts'
import type { HistoryStep } from './page-history.ts'

/** Holders of a page that a history names, where the finding is about none of them. */
const HOLDERS_MAX = 3

/**
 * What happened to the page of a finding, in the order of the rows: who took it, what the finding goes back to, and what
 * was done to the page. In one row that is the order, since what a reference is for comes after it.
 */
export function historyOf(
  audit: Audit,
  { page = -1, token = 0, since = null }: FoundHazard,
  takenRow: number,
  holder: string | null,
): readonly HistoryStep[] {
  const { folios, lane } = audit
  const steps: HistoryStep[] = []
  if (token !== 0) steps.push(takenBy(audit, token))
  else if (takenRow > 0) steps.push({ row: takenRow, what: holder === null ? 'taken' : `taken by ${holder}` })
  else if (page >= 0) steps.push(...holdersOf(audit, page))
  if (since !== null) steps.push(since)
  for (const step of page < 0 ? [] : folios.history.of(lane.memory.pages.headOf(page))) {
    if (!steps.some(({ row, what }) => row === step.row && what === step.what)) steps.push(step)
  }
  return steps.sort((a, b) => a.row - b.row)
}

function takenBy({ tokens }: Audit, token: number): HistoryStep {
  const kind = tokens.retention(token) === RETAIN_PIN ? 'pinned' : 'referenced'
  return { row: tokens.rowOf(token), what: `${kind} by ${tokens.holders[token]}` }
}

/** Those who hold the page now, the first ones of them. */
function holdersOf(audit: Audit, page: number): HistoryStep[] {
  if (!audit.folios.isBusy(page)) return []
  const steps: HistoryStep[] = []
  audit.tokens.eachOn(page, 1, (token) => steps.push(takenBy(audit, token)))
  return steps.sort((a, b) => a.row - b.row).slice(0, HOLDERS_MAX)
}
