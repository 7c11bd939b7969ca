import type { Operation, PageStore } from '@pinscope/core'
import { HEADS_SPARED, MEMLOCK_PEAK } from './uring-counters.ts'
import { PAGES_UNLIMITED } from './uring-sizes.ts'

/** What a buffer was accounted. */
export interface MemlockShare {
  /** Pages; in mainline what goes is found out again when the buffer does. @kernel acct_pages */
  readonly pages: number
  /** Large folios that it has, by the row of their head; each once, in mainline once for each run of its pages. */
  readonly heads: readonly number[]
}

/** Nothing accounted. */
export const NO_SHARE: MemlockShare = { pages: 0, heads: [] }

/**
 * Pages of registered buffers against RLIMIT_MEMLOCK. A small page counts one. A large folio counts whole, however little
 * of it is registered, and once: 6.1 to 6.18 look whether a buffer that is registered has it, and count it to the first
 * one, with which it is taken off again though others still have it. Mainline counts how many have it, and takes it off with
 * the last. A process that may pin what it likes (PAGES_UNLIMITED) is accounted all the same (pinned_vm), but not in mainline.
 * @kernel io_uring/rsrc.c: io_buffer_account_pin, headpage_already_acct; 7.3: hpage_acct_ref, hpage_acct_unref
 */
export class Memlock {
  private readonly pages: PageStore
  private readonly counts: Float64Array
  private readonly limitPages: number
  private readonly countsHeads: boolean
  /** By row of a head: how often buffers have it. @kernel ctx->hpage_acct (7.3) */
  private readonly heads = new Map<number, number>()
  private accounted = 0

  constructor(pages: PageStore, counts: Float64Array, limitPages: number, countsHeads: boolean) {
    this.pages = pages
    this.counts = counts
    this.limitPages = limitPages
    this.countsHeads = countsHeads
  }

  /** Accounts the pages of a table of bvecs; null where the limit forbids it. */
  account(io: Operation, rows: Int32Array): MemlockShare | null {
    if (this.countsHeads && this.limitPages === PAGES_UNLIMITED) return NO_SHARE
    const heads: number[] = []
    const own = new Set<number>()
    let pages = 0
    let last = -1
    for (const row of rows) {
      if (this.pages.orderOf(row) === 0) {
        pages++
        continue
      }
      const first = this.pages.headOf(row)
      if (first === last) continue
      last = first
      const isKnown = own.has(first) || this.heads.has(first)
      if (isKnown) this.counts[HEADS_SPARED]++
      else pages += 2 ** this.pages.orderOf(row)
      if (this.countsHeads || !own.has(first)) heads.push(first)
      own.add(first)
    }
    if (pages > 0 && !io.fits(this.accounted + pages, this.limitPages)) return null
    for (const first of heads) this.heads.set(first, (this.heads.get(first) ?? 0) + 1)
    this.accounted += pages
    if (this.accounted > this.counts[MEMLOCK_PEAK]) this.counts[MEMLOCK_PEAK] = this.accounted
    return { pages, heads }
  }

  /** A buffer goes; `rows` are those of {@link account}. */
  unaccount(share: MemlockShare, rows: Int32Array): void {
    if (share === NO_SHARE) return
    let freed = 0
    for (const first of share.heads) {
      const left = (this.heads.get(first) ?? 1) - 1
      if (left > 0) this.heads.set(first, left)
      else this.heads.delete(first)
      if (left === 0) freed += 2 ** this.pages.orderOf(first)
    }
    for (const row of rows) if (this.pages.orderOf(row) === 0) freed++
    this.accounted -= this.countsHeads ? freed : share.pages
  }
}
