import { RETAIN_PIN } from '../extract/retention.ts'
import { PAGE_SIZE } from '../units.ts'
import type { Audit } from './audit.ts'
import { GUARD_LOCK } from './borrows.ts'
import { FOLIO_WRITEBACK } from './folio-flags.ts'
import { covers, endPageOf, firstPageOf, overlaps, type PageRange } from './page-range.ts'
import type { HeldLock } from './tasks.ts'

/**
 * The lock was handed to an I/O that began after it was taken: the end of that I/O drops it, and the task that took it has
 * it no longer. Under writeback it stays the task's: the end of a writeback unlocks nothing. A device that stores through a
 * pin needs no lock, and gets none.
 * @kernel mm/filemap.c: folio_end_read; fs/iomap/buffered-io.c: iomap_finish_folio_read; fs/mpage.c: mpage_read_end_io
 */
export function isHandedToIo(audit: Audit, { page, row }: HeldLock): boolean {
  const { devices, folios, lane, objects } = audit
  const flying = objects.inFlight()
  if (devices.atWork().length === 0 && flying.length === 0 && lane.borrows.open === 0) return false
  if (folios.has(page, FOLIO_WRITEBACK)) return false
  const folio = folioOf(audit, page)
  const isHanded = (range: PageRange): boolean => overlaps(range, folio) && !isPinnedForWriting(audit, range)
  return (
    devices.atWork().some((access) => access.row >= row && isHanded(access)) ||
    flying.some(({ entries, submittedRow }) => submittedRow >= row && entries.some(isHanded)) ||
    isBorrowed(audit, folio, row)
  )
}

/** All of the folio that a page is in. */
export function folioOf({ folios, lane }: Audit, page: number): PageRange {
  return { page: folios.headOf(page), offsetBytes: 0, bytes: 2 ** lane.memory.pages.orderOf(page) * PAGE_SIZE }
}

/** Something in flight works on some page of the folio: its completion is still to come. */
export function isInFlight({ devices, lane, objects }: Audit, folio: PageRange): boolean {
  if (devices.atWork().some((access) => overlaps(access, folio))) return true
  if (objects.inFlight().some(({ entries }) => entries.some((entry) => overlaps(entry, folio)))) return true
  for (let page = folio.page; page < endPageOf(folio); page++) if (lane.borrows.first(page) !== 0) return true
  return false
}

/** Somebody has pinned a page of the range for writing, and the store goes through that. */
function isPinnedForWriting({ tokens }: Audit, range: PageRange): boolean {
  let isPinned = false
  tokens.eachOn(firstPageOf(range), endPageOf(range) - firstPageOf(range), (token) => {
    if (tokens.isDest[token] === 1 && tokens.retention(token) === RETAIN_PIN) isPinned = true
  })
  return isPinned
}

/** An operation in flight that began in `row` or later works under the lock. */
function isBorrowed({ lane }: Audit, folio: PageRange, row: number): boolean {
  const { borrows } = lane
  if (borrows.open === 0) return false
  for (let page = folio.page; covers(folio, page); page++) {
    for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
      if (borrows.guard[slot] === GUARD_LOCK && borrows.row[slot] >= row) return true
    }
  }
  return false
}
