import { PAGE_SIZE } from '../units.ts'
import type { Audit } from './audit.ts'
import { GUARD_COUNT } from './borrows.ts'
import type { Since } from './finding.ts'
import { overlaps } from './page-range.ts'
import { sinceDevice, sinceListed } from './since.ts'

/** Whose reference a store goes through, 0: nobody's; and what began it, where that is another row. */
export interface StoreUnderWay {
  readonly token: number
  readonly since: Since | null
}

/**
 * A store that is under way to a page, or one of `pages`, which its reference keeps: a device's, or that of an operation in
 * flight; null: none.
 */
export function storeUnderWay(audit: Audit, page: number, pages = 1): StoreUnderWay | null {
  const { tokens } = audit
  const range = { page, offsetBytes: 0, bytes: pages * PAGE_SIZE }
  const access = audit.devices.atWork().find((one) => one.isStore && overlaps(one, range))
  if (access !== undefined) return { token: tokens.writerOn(page), since: sinceDevice(access) }
  const { borrows, ledger } = audit.lane
  for (let at = page; at < page + pages; at++) {
    for (let slot = borrows.first(at); slot !== 0; slot = borrows.nextOfPage[slot]) {
      if (borrows.isSource[slot] === 1 || borrows.guard[slot] !== GUARD_COUNT) continue
      const token = tokens.writerOn(page)
      const row = borrows.row[slot]
      return { token, since: token !== 0 && tokens.rowOf(token) === row ? null : sinceListed(row) }
    }
  }
  if (!audit.folios.isBusy(page)) return null
  let found = 0
  tokens.eachOn(page, pages, (token) => {
    // A reference of an operation is held until its I/O is over; one that a row took may be for anything.
    if (tokens.isDest[token] === 1 && ledger.holds.operation[token] !== 0) found = token
  })
  return found === 0 ? null : { token: found, since: null }
}
