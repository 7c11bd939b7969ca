import { type Borrows, GUARD_LOCK } from './borrows.ts'
import type { Doubts } from './doubts.ts'
import type { EventBus, Handlers } from './event-bus.ts'
import type { FolioAsserts, FolioCheck } from './folio-asserts.ts'
import { FOLIO_DETACHED, FOLIO_LOCKED, FOLIO_WRITEBACK } from './folio-flags.ts'
import type { Folios } from './folios.ts'
import type { ToldEvent } from './page-history.ts'

/** What it takes to look at the orderings of a lane. */
export interface OrderingsWorld {
  readonly bus: EventBus
  readonly folios: Folios
  readonly borrows: Borrows
  readonly asserts: FolioAsserts
  readonly doubts: Doubts
}

/**
 * The checker automaton of a folio, lifetime.md 3.3: lock, clean, start, unlock, end. Locks are asked about only where rows
 * of the trace told of this folio's lock before; what ended before the trace began is a doubt, and nothing worse.
 * @kernel mm/page-writeback.c: folio_clear_dirty_for_io, __folio_start_writeback; mm/filemap.c: folio_end_writeback, folio_unlock
 */
export function folioOrderings({ bus, folios, borrows, asserts, doubts }: OrderingsWorld): Handlers {
  /** Head pages of which rows told that they were locked. */
  const lockTold = new Set<number>()
  const tell = (check: FolioCheck, page: number): void => asserts.tell(check, folios.headOf(page), bus.row, bus.line)
  /** The row names another page of the folio, for which the event was done. */
  const isSameRow = (event: ToldEvent, page: number): boolean =>
    bus.row > 0 && folios.sizeOf(page) > 1 && folios.history.rowOf(event, folios.headOf(page)) === bus.row
  const isUnlocked = (page: number): boolean =>
    lockTold.size > 0 && lockTold.has(folios.headOf(page)) && !folios.has(page, FOLIO_LOCKED | FOLIO_DETACHED)
  return {
    lock: ({ page }) => {
      if (bus.operation === 0) lockTold.add(folios.headOf(page))
    },
    clean: ({ page }) => {
      if (isUnlocked(page)) tell('clean-unlocked', page)
    },
    writeback: ({ page }) => {
      if (isSameRow('writeback', page)) return
      if (folios.has(page, FOLIO_WRITEBACK)) tell('start-under-writeback', page)
      else if (isUnlocked(page)) tell('start-unlocked', page)
      else if (folios.isDirty(page) && asserts.looksAtDirty) tell('start-dirty', page)
    },
    writeback_end: ({ page }) => {
      if (
        folios.has(page, FOLIO_WRITEBACK) ||
        isGuarded(borrows, page) ||
        isSameRow('writeback_end', page) ||
        isSameRow('writeback_error', page)
      )
        return
      if (folios.history.rowOf('writeback', folios.headOf(page)) > 0) tell('end-without-start', page)
      else
        doubts.add(bus.line, 'writeback_end', 'of pages whose writeback no row began: taken as begun before the trace')
    },
    unlock: ({ page }) => {
      if (folios.has(page, FOLIO_LOCKED) || isSameRow('unlock', page) || isGuarded(borrows, page)) return
      if (folios.history.of(folios.headOf(page)).length > 0) tell('unlock-unlocked', page)
      else doubts.add(bus.line, 'unlock', 'of pages that no row locked: taken as locked before the trace')
    },
  }
}

/** An operation in flight names the page and counts on its lock: its consumer locked it, without telling. */
function isGuarded(borrows: Borrows, page: number): boolean {
  for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
    if (borrows.guard[slot] === GUARD_LOCK) return true
  }
  return false
}
