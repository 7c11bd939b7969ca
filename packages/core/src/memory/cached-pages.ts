import { MAPPING_COW, type Mapping } from './mapping.ts'
import type { PageCache } from './page-cache.ts'
import type { FaultContext } from './page-faults.ts'
import { firstOfFolio, isAnonymous, type PageStore, ZERO_PAGE } from './page-store.ts'
import { LEAF_PAGES, type PageTables, readOnlyEntry, rowOf, writableEntry } from './page-tables.ts'

/**
 * The pages of mappings whose file has a name: they are the page cache's, and one folio whoever maps it, from whatever
 * address space and privately or not. The model makes such a page when the first of them reaches it.
 *
 * A folio has the cache's reference; a private mapping has one more for each of its pages that it maps, a shared one none.
 * @kernel mm/filemap.c: filemap_fault; mm/memory.c: unmap_mapping_range
 */
export class CachedPages {
  private readonly pages: PageStore
  private readonly tables: PageTables
  private readonly cache: PageCache
  private readonly context: FaultContext
  /** By mapping and virtual page: what was unmapped there. A device that was given the page by that address still has it. */
  private readonly unmapped = new Map<number, Map<number, number>>()

  constructor(pages: PageStore, tables: PageTables, cache: PageCache, context: FaultContext) {
    this.pages = pages
    this.tables = tables
    this.cache = cache
    this.context = context
  }

  /** Maps a page of the mapping's file: writable in a shared mapping, else read-only; returns the entry. @kernel mm/memory.c: do_shared_fault, do_read_fault */
  map(mapping: Mapping, page: number): number {
    const row = this.find(mapping, page)
    const isPrivate = (mapping.flags & MAPPING_COW) !== 0
    if (isPrivate) this.context.references.get(row)
    const entry = isPrivate ? readOnlyEntry(row) : writableEntry(row)
    this.tables.setEntry(mapping.id, page, entry)
    return entry
  }

  /** The page of the file that a mapping shows at `page`; made present, in a folio of the mapping's order where one fits. */
  find(mapping: Mapping, page: number): number {
    const { cache, pages } = this
    const { file, fileShift, kind } = mapping
    const index = page + fileShift
    const found = cache.find(file, index)
    if (found >= 0) return found
    const order = this.orderAt(mapping, index)
    const first = firstOfFolio(index, order)
    const head = pages.allocateFolio(order, kind)
    cache.add(file, first, head)
    return head + index - first
  }

  /** Takes the pages of [firstPage, endPage) out of the mapping's page table; its own copies only with `evenCows`. @kernel mm/memory.c: zap_page_range_single */
  unmap(mapping: Mapping, firstPage: number, endPage: number, evenCows: boolean): void {
    const { tables, pages, context } = this
    const isPrivate = (mapping.flags & MAPPING_COW) !== 0
    const from = Math.max(firstPage, mapping.firstPage)
    const to = Math.min(endPage, mapping.endPage)
    if (from >= to) return
    for (const leaf of tables.leavesIn(mapping.id, from, to)) {
      const first = tables.firstPageOf(leaf)
      const end = Math.min(to - first, LEAF_PAGES)
      for (let place = Math.max(from - first, 0); place < end; place++) {
        const entry = tables.entryIn(leaf, place)
        if (entry === 0 || (!evenCows && isAnonymous(pages.kindOf(rowOf(entry))))) continue
        // An entry of its own: what a plain leaf shows is always the same page.
        tables.setEntry(mapping.id, first + place, 0)
        this.remember(mapping.id, first + place, rowOf(entry))
        if (isPrivate && rowOf(entry) !== ZERO_PAGE) context.references.put(rowOf(entry))
      }
    }
  }

  get hasUnmapped(): boolean {
    return this.unmapped.size > 0
  }

  /** What a mapping showed at a virtual page until its file lost it, where it shows nothing since; else -1. */
  lastAt(mapping: Mapping, page: number): number {
    if (this.unmapped.size === 0 || this.tables.entryAt(mapping.id, page) !== 0) return -1
    return this.unmapped.get(mapping.id)?.get(page) ?? -1
  }

  private remember(mapping: number, page: number, row: number): void {
    const rows = this.unmapped.get(mapping) ?? new Map<number, number>()
    this.unmapped.set(mapping, rows.set(page, row))
  }

  /** Order of the folio that is to have page `index`: it lies at a multiple of its size in the file, within the mapping, where nothing is yet. */
  private orderAt({ file, fileShift, firstPage, endPage, order }: Mapping, index: number): number {
    if (order === 0) return 0
    const first = firstOfFolio(index, order)
    const end = first + 2 ** order
    if (first < firstPage + fileShift || end > endPage + fileShift) return 0
    for (let at = first; at < end; at++) if (this.cache.find(file, at) >= 0) return 0
    return order
  }
}
