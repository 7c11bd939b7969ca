import type { PageStore } from './page-store.ts'

/** What a pin adds to the refcount of a small folio. @kernel include/linux/mm.h: GUP_PIN_COUNTING_BIAS */
export const GUP_PIN_COUNTING_BIAS = 1024

/**
 * True when the folio of a page may be pinned: exact for a large folio, whose pincount tells. A small one has its pins in
 * the refcount, so that 1,024 plain references look like a pin; false is certain there too. A refcount that overflowed
 * is read as unsigned.
 * @kernel include/linux/mm.h: folio_maybe_dma_pinned (6.1 to mainline alike, on 64-bit machines)
 */
export function folioMaybeDmaPinned(pages: PageStore, page: number): boolean {
  if (pages.orderOf(page) > 0) return pages.pincountOf(page) > 0
  return pages.refcountOf(page) >>> 0 >= GUP_PIN_COUNTING_BIAS
}
