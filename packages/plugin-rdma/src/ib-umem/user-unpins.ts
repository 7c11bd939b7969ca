import { type Hold, isPinned, type Ledger, PAGE_SIZE, type Scatterlists } from '@pinscope/core'
import { DIRTIED, UNPIN_CALLS } from './umem-counters.ts'

/** Drops the pins of a registration, entry by entry. @kernel drivers/infiniband/core/umem.c: __ib_umem_release */
export class UserUnpins {
  private readonly ledger: Ledger
  private readonly lists: Scatterlists
  private readonly counts: Float64Array

  constructor(ledger: Ledger, lists: Scatterlists, counts: Float64Array) {
    this.ledger = ledger
    this.lists = lists
    this.counts = counts
  }

  /**
   * A call for each of the `nents` entries from `sgl` on, in their order; `hold` has their pages. The entries are halved
   * again and again, because splitting a hold walks through its end.
   */
  unpin(hold: Hold, sgl: number, nents: number, makesDirty: boolean): void {
    if (nents === 1) {
      this.unpinRange(hold, makesDirty)
      return
    }
    const { lists, ledger } = this
    const half = nents >> 1
    let sg = sgl
    let pages = 0
    for (let i = 0; i < half; i++) {
      pages += Math.ceil(lists.lengthBytes[sg] / PAGE_SIZE)
      sg = lists.next(sg)
    }
    const rest = ledger.split(hold, ledger.entriesHeld(hold) - pages)
    this.unpin(hold, sgl, half, makesDirty)
    this.unpin(rest, sg, nents - half, makesDirty)
  }

  /** @kernel mm/gup.c: unpin_user_page_range_dirty_lock */
  private unpinRange(hold: Hold, makesDirty: boolean): void {
    const { ledger, counts } = this
    counts[UNPIN_CALLS]++
    if (makesDirty && isPinned(hold)) counts[DIRTIED] += ledger.unpinDirty(hold)
    else ledger.letGo(hold)
  }
}
