import { RETAIN_PIN, type Retention } from '../extract/retention.ts'
import { GUP_PIN_COUNTING_BIAS } from '../memory/maybe-dma-pinned.ts'
import { type PageStore, ZERO_PAGE } from '../memory/page-store.ts'

/**
 * The arithmetic of reference counts: the one place that moves `_refcount` and `_pincount`. Pages come as runs of
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
    const { pages } = this
    if (pages.orderOf(page) > 0) return this.takeLarge(page, count, retention)
    if (retention !== RETAIN_PIN) return pages.counts.take(page, pages.smallPagesFrom(page, count), 1)
    if (page === ZERO_PAGE) return 1
    return pages.counts.take(page, pages.smallPagesFrom(page, count), GUP_PIN_COUNTING_BIAS)
  }

  private takeLarge(page: number, count: number, retention: Retention): number {
    const { pages } = this
    const folio = pages.headOf(page)
    if (pages.refcountOf(folio) <= 0) return 0
    const rest = folio + 2 ** pages.orderOf(page) - page
    const taken = rest < count ? rest : count
    pages.counts.takeFolio(folio, taken, retention === RETAIN_PIN ? taken : 0)
    return taken
  }

  /** Drops one reference of that kind on each page of a run, which {@link take} took. */
  drop(page: number, count: number, retention: Retention): void {
    const { counts } = this.pages
    if (this.pages.orderOf(page) > 0) {
      counts.dropFolio(this.pages.headOf(page), count, retention === RETAIN_PIN ? count : 0)
    } else if (retention !== RETAIN_PIN) counts.drop(page, count, 1)
    else if (page !== ZERO_PAGE) counts.drop(page, count, GUP_PIN_COUNTING_BIAS)
  }

  /** One reference on the folio of a page, whatever the count is. @kernel include/linux/mm.h: get_page */
  get(page: number): void {
    this.pages.counts.add(this.pages.headOf(page), 1)
  }

  /** @kernel include/linux/mm.h: put_page */
  put(page: number): void {
    this.pages.counts.add(this.pages.headOf(page), -1)
  }
}
