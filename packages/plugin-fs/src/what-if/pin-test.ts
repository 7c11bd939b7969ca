import { type ConsumerEnvironment, type Ledger, type PageStore, RETAIN_PIN } from '@pinscope/core'
import { type Counts, PIN_COUNTERS, zeroCounts } from './counts.ts'

/** A pin of a small folio is this much on its reference count. @kernel include/linux/mm.h: GUP_PIN_COUNTING_BIAS */
const PIN_BIAS = 1024

/**
 * Whether a folio is pinned, as the kernel can tell (`maybe`), and as it is (`isPinned`). A no is certain. A yes for a
 * large folio is exact, too; for a small one it may be 1,024 plain references.
 * @kernel include/linux/mm.h: folio_maybe_dma_pinned (the same in 6.1, 6.12 and 7.3)
 */
export class PinTest {
  readonly counts: Counts<typeof PIN_COUNTERS> = zeroCounts(PIN_COUNTERS)
  private readonly pages: PageStore
  private readonly ledger: Ledger

  constructor({ pages, ledger }: ConsumerEnvironment) {
    this.pages = pages
    this.ledger = ledger
  }

  /** @kernel include/linux/mm.h: folio_maybe_dma_pinned */
  maybe(head: number): boolean {
    return this.pages.orderOf(head) > 0
      ? this.pages.pincountOf(head) > 0
      : this.pages.refcountOf(head) >>> 0 >= PIN_BIAS
  }

  /** Some pin of the ledger is on the folio. */
  isPinned(head: number): boolean {
    const { holds } = this.ledger
    const end = head + 2 ** this.pages.orderOf(head)
    let isPinned = false
    for (let slot = 1; slot < holds.end && !isPinned; slot++) {
      if (holds.open[slot] === 0 || holds.retention[slot] !== RETAIN_PIN) continue
      this.ledger.eachRun(slot, (page, count) => {
        if (page < end && page + count > head) isPinned = true
      })
    }
    return isPinned
  }

  /** {@link maybe}, for a decision: its pages are counted beside what is the case. */
  decide(head: number): boolean {
    if (!this.maybe(head)) return false
    const { counts } = this
    const pages = 2 ** this.pages.orderOf(head)
    counts.pagesLooksPinned += pages
    if (this.isPinned(head)) counts.pagesPinned += pages
    else counts.pagesOverCautious += pages
    return true
  }
}
