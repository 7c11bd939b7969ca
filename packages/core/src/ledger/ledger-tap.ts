import type { Retention } from '../extract/retention.ts'
import type { Violation } from './violation.ts'

/** Told of everything that the ledger does, by the audit: holds are rows of the hold table. */
export interface LedgerTap {
  /** A hold was taken; its row is filled. */
  acquired(slot: number): void
  /** A hold is about to be dropped as what it is; `pages` of it, its first ones. */
  releasing(slot: number, pages: number): void
  /** Its folios are about to be made dirty, and it is dropped then. @kernel mm/gup.c: unpin_user_pages_dirty_lock */
  dirtying(slot: number): void
  /** It is about to be dropped as something else than it is; nothing of it will change. */
  releasingAs(slot: number, as: Retention): void
  /** The last entries of `from` have become the hold `to`. */
  split(from: number, to: number): void
  /** The entries of another hold have come behind those of `to`. */
  joined(to: number): void
  /** One plain reference on a page was taken, or is about to be dropped. */
  got(page: number): void
  putting(page: number): void
  violated(violation: Violation): void
}
