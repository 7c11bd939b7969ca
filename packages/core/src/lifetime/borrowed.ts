import type { Audit } from './audit.ts'
import { GUARD_COUNT } from './borrows.ts'

/** Row that named a page in a list and took nothing on it, for an operation in flight or an object that lives; -1: none did. */
export function borrowedIn({ lane, objects }: Audit, page: number): number {
  const slot = lane.borrows.first(page)
  if (slot !== 0 && lane.borrows.guard[slot] !== GUARD_COUNT) return lane.borrows.row[slot]
  return slot === 0 ? objects.bareIn(page) : -1
}
