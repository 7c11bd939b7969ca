import { RETAIN_PIN, type Retention } from '../extract/retention.ts'
import { GUP_PIN_COUNTING_BIAS } from '../memory/maybe-dma-pinned.ts'
import { type PageStore, ZERO_PAGE } from '../memory/page-store.ts'

/**
 * The arithmetic of reference counts: the one place that writes `refcount` and `pincount`. Pages come as runs of
 * following rows.
 *
 * A pin adds 1024 to the refcount of a small folio, and one to both refcount and pincount of a large one; a reference
 * adds one to the refcount. A pin of the zero page changes nothing and is not counted. A refcount that is not positive
 * takes no more, as the overflow guard has it.
 *
 * @kernel mm/gup.c: try_grab_folio, gup_put_folio (6.1: try_grab_page, __put_compound_head); the same counts in 6.1,
 *   6.12, 6.18 and mainline on 64-bit machines
 */
export class FolioCounts {
  private readonly pages: PageStore

  constructor(pages: PageStore) {
    this.pages = pages
  }

  /**
   * Takes one reference of that kind on each of the pages from row `page` on, as far as they form a run: small folios
   * all, or one large folio. Returns the length of the run, at most `count`; 0, with nothing taken, when a count would
   * overflow at its first page.
   */
  take(page: number, count: number, retention: Retention): number {
    const { order, refcount } = this.pages
    if (order[page] > 0) return this.takeLarge(page, count, retention)
    if (page === ZERO_PAGE && retention === RETAIN_PIN) return 1
    const unit = retention === RETAIN_PIN ? GUP_PIN_COUNTING_BIAS : 1
    const end = page + count
    let p = page
    while (p < end && order[p] === 0) {
      const before = refcount[p]
      if (before <= 0) break
      refcount[p] = before + unit
      p++
    }
    return p - page
  }

  private takeLarge(page: number, count: number, retention: Retention): number {
    const { order, refcount, pincount, head } = this.pages
    const folio = head[page]
    if (refcount[folio] <= 0) return 0
    const rest = folio + 2 ** order[page] - page
    const taken = rest < count ? rest : count
    refcount[folio] += taken
    if (retention === RETAIN_PIN) pincount[folio] += taken
    return taken
  }

  /** Drops one reference of that kind on each page of a run. */
  drop(page: number, count: number, retention: Retention): void {
    const { order, refcount, pincount, head } = this.pages
    if (retention === RETAIN_PIN && page === ZERO_PAGE) return
    if (order[page] > 0) {
      const folio = head[page]
      refcount[folio] -= count
      if (retention === RETAIN_PIN) pincount[folio] -= count
      return
    }
    const unit = retention === RETAIN_PIN ? GUP_PIN_COUNTING_BIAS : 1
    for (let p = page; p < page + count; p++) refcount[p] -= unit
  }

  /** One reference on the folio of a page, whatever the count is. @kernel include/linux/mm.h: get_page */
  get(page: number): void {
    const { refcount, head } = this.pages
    refcount[head[page]]++
  }

  /** @kernel include/linux/mm.h: put_page */
  put(page: number): void {
    const { refcount, head } = this.pages
    refcount[head[page]]--
  }
}
