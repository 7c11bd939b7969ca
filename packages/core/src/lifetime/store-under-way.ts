import type { Audit } from './audit.ts'
import { GUARD_COUNT } from './borrows.ts'
import { covers } from './page-range.ts'

/**
 * Row of a store that is under way to a page which its reference keeps: a device's, or that of an operation in flight; 0
 * where there is none.
 */
export function storeUnderWay(audit: Audit, page: number): number {
  const access = audit.devices.atWork().find((one) => one.isStore && covers(one, page))
  if (access !== undefined) return access.row
  const { borrows, ledger } = audit.lane
  for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
    if (borrows.isSource[slot] === 0 && borrows.guard[slot] === GUARD_COUNT) return borrows.row[slot]
  }
  if (!audit.folios.isBusy(page)) return 0
  let found = 0
  audit.tokens.eachOn(page, 1, (token) => {
    // A reference of an operation is held until its I/O is over; one that a row took may be for anything.
    if (audit.tokens.isDest[token] === 1 && ledger.holds.operation[token] !== 0) found = audit.tokens.rowOf(token)
  })
  return found
}
