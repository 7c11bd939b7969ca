import { BLOCK_PAGES } from '../memory/page-blocks.ts'
import { PageColumn } from '../memory/page-column.ts'
import type { PageReferences } from '../memory/page-references.ts'
import type { PageStore } from '../memory/page-store.ts'
import type { FolioCounts } from './folio-counts.ts'

/**
 * The references that mappings hold, and whoever else owns pages and is not replayed. They move counts and no sum of the
 * ledger; how far they moved each count is known, so that the rest can be told from them.
 * @kernel mm/memory.c: page references of page-table entries
 */
export class MappingReferences implements PageReferences {
  private readonly pages: PageStore
  private readonly counts: FolioCounts
  /** Of head pages: taken less dropped. The reference with which a folio was allocated is not in it. */
  private readonly net = new PageColumn()

  constructor(pages: PageStore, counts: FolioCounts) {
    this.pages = pages
    this.counts = counts
  }

  get(page: number): void {
    this.counts.get(page)
    this.note(page, 1)
  }

  put(page: number): void {
    this.counts.put(page)
    this.note(page, -1)
  }

  /** True when no folio has a reference or pin but those of mappings and the one with which it was allocated. */
  areAll(): boolean {
    const { pages } = this
    for (let first = 0; first < pages.length; first += BLOCK_PAGES) {
      // A block at rest has no reference of a mapping either.
      if (pages.counts.isAtRest(first)) continue
      const step = 2 ** pages.orderOf(first)
      for (let head = pages.headOf(first); head < first + BLOCK_PAGES; head += step) {
        if (this.hasOthers(head)) return false
      }
    }
    return true
  }

  /** The folio with that head page has a reference or pin beyond those of mappings and the one with which it was allocated. */
  hasOthers(head: number): boolean {
    const { pages } = this
    return pages.refcountOf(head) !== 1 + this.net.get(head) || pages.pincountOf(head) !== 0
  }

  /** References and pins of the folio with that head page beyond those: a pin of a small folio counts for 1,024. */
  others(head: number): number {
    return this.pages.refcountOf(head) - 1 - this.net.get(head)
  }

  private note(page: number, by: number): void {
    const head = this.pages.headOf(page)
    this.net.set(head, this.net.get(head) + by)
  }
}
