import { PAGE_SIZE } from '../units.ts'
import type { Audit } from './audit.ts'
import { GUARD_COUNT } from './borrows.ts'
import { overlaps } from './page-range.ts'

/**
 * Row of a store that is under way to a page, or one of `pages`, which its reference keeps: a device's, or that of an
 * operation in flight; 0 where there is none.
 */
export function storeUnderWay(audit: Audit, page: number, pages = 1): number {
  const range = { page, offsetBytes: 0, bytes: pages * PAGE_SIZE }
  const access = audit.devices.atWork().find((one) => one.isStore && overlaps(one, range))
  if (access !== undefined) return access.row
  const { borrows, ledger } = audit.lane
  for (let at = page; at < page + pages; at++) {
    for (let slot = borrows.first(at); slot !== 0; slot = borrows.nextOfPage[slot]) {
      if (borrows.isSource[slot] === 0 && borrows.guard[slot] === GUARD_COUNT) return borrows.row[slot]
    }
  }
  if (!audit.folios.isBusy(page)) return 0
  let found = 0
  audit.tokens.eachOn(page, pages, (token) => {
    // A reference of an operation is held until its I/O is over; one that a row took may be for anything.
    if (audit.tokens.isDest[token] === 1 && ledger.holds.operation[token] !== 0) found = audit.tokens.rowOf(token)
  })
  return found
}
