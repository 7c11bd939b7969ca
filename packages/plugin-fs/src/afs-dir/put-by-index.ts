import {
  type ConsumerEnvironment,
  type Ledger,
  type Operation,
  type PageCache,
  type PageStore,
  REASON_NOT_FOUND,
  RETAIN_NONE,
  RETAIN_REF,
} from '@pinscope/core'
import { LOST_REFERENCES, STRAY_PUTS } from './afs-counters.ts'
import type { Listing } from './listed-folios.ts'

/**
 * The end of a listing puts the folios that are in the page cache at the directory's indices then. One that was taken out
 * of it meanwhile keeps its reference for good, and one that has taken its place loses a reference that it was never given.
 * @kernel fs/afs/dir.c: afs_dir_read_cleanup (6.1, 6.12)
 */
export class PutByIndex {
  private readonly cache: PageCache
  private readonly pages: PageStore
  private readonly ledger: Ledger
  private readonly isOn: boolean
  private readonly counts: Float64Array

  constructor({ memory, pages, ledger, traits }: ConsumerEnvironment, counts: Float64Array) {
    this.cache = memory.cache
    this.pages = pages
    this.ledger = ledger
    this.isOn = traits.quirks['afs-dir-put-by-index']
    this.counts = counts
  }

  /** Lets go of what the listing holds, as far as the kernel finds it. */
  put(io: Operation, listing: Listing): void {
    if (!this.isOn || !this.ledger.isOpen(listing.hold) || this.isUnchanged(listing)) {
      io.letGoOfKept()
      return
    }
    this.putStrays(listing)
    // From the last one on: a split takes the end of a hold.
    for (let k = listing.count - 1; k >= 0; k--) {
      const one = k === 0 ? listing.hold : this.ledger.split(listing.hold, 1)
      if (this.isInCache(listing, k)) this.ledger.letGo(one)
      else {
        this.ledger.mark(one, REASON_NOT_FOUND)
        this.counts[LOST_REFERENCES]++
      }
    }
  }

  private isUnchanged(listing: Listing): boolean {
    for (let k = 0; k < listing.count; k++) if (!this.isInCache(listing, k)) return false
    return true
  }

  /** Folio `k` is where it was. */
  private isInCache(listing: Listing, k: number): boolean {
    const page = this.cache.find(listing.file, listing.index[k])
    return page >= 0 && this.pages.headOf(page) === listing.head[k]
  }

  /** Folios that are there now, and are none of the listing's. */
  private putStrays(listing: Listing): void {
    let strays = 0
    for (let k = 0; k < listing.count; k++) {
      const pages = 2 ** this.pages.orderOf(listing.head[k])
      for (let i = 0; i < pages; i++) {
        const page = this.cache.find(listing.file, listing.index[k] + i)
        if (page >= 0 && this.pages.headOf(page) === page && page !== listing.head[k]) strays++
      }
    }
    if (strays === 0) return
    this.counts[STRAY_PUTS] += strays
    const detail = 'afs_dir_read_cleanup puts the folios that are at the indices now: these took the place of others'
    this.ledger.violate('double-release', 0, RETAIN_NONE, RETAIN_REF, strays, detail)
  }
}
