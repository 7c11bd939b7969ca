import type { Audit } from './audit.ts'
import { GUARD_COUNT } from './borrows.ts'
import type { Since } from './finding.ts'
import { ATTACHED, sinceListed } from './since.ts'

/** What a page is in that took nothing on it. */
export interface Borrowed {
  readonly since: Since | null
}

/** Since when a list of an operation in flight, or of an object that lives, names a page and took nothing on it; null: none does. */
export function borrowedIn({ lane, objects }: Audit, page: number): Borrowed | null {
  const { borrows } = lane
  const slot = borrows.first(page)
  if (slot !== 0) return borrows.guard[slot] === GUARD_COUNT ? null : { since: sinceListed(borrows.row[slot]) }
  const row = objects.bareIn(page)
  return row < 0 ? null : { since: { row, what: ATTACHED } }
}
