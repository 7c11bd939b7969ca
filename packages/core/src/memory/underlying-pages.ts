import { invariant } from '../invariant.ts'
import { type Mapping, NO_TABLE } from './mapping.ts'
import type { MappingTable } from './mapping-table.ts'
import type { FaultContext } from './page-faults.ts'
import { NO_REFERENCES } from './page-references.ts'
import { firstOfFolio, isAnonymous, type PageStore, PMD_ORDER } from './page-store.ts'
import { LEAF_PAGES, type PageTables, readOnlyEntry, rowOf } from './page-tables.ts'
import { placeFolio } from './place-folio.ts'

/**
 * The pages that lie under a private mapping, and under those forked from it: of a file its page cache, of anonymous
 * memory what was there at the fork. The model makes such a page when the first of them reaches it.
 *
 * A page of the page cache has the cache's reference, and one more of each mapping that maps it. An anonymous page is
 * mapped wherever one of the mappings lies over it, whether that was seen to reach it or not, and has their references
 * from the start.
 */
export class UnderlyingPages {
  private readonly pages: PageStore
  private readonly tables: PageTables
  private readonly mappings: MappingTable
  private readonly context: FaultContext

  constructor(pages: PageStore, tables: PageTables, mappings: MappingTable, context: FaultContext) {
    this.pages = pages
    this.tables = tables
    this.mappings = mappings
    this.context = context
  }

  /** Maps the page under `page` read-only; returns the entry. @kernel mm/memory.c: do_read_fault */
  map(mapping: Mapping, page: number): number {
    const { tables } = this
    if (tables.entryAt(mapping.under, page) === 0) this.add(mapping, page)
    this.install(mapping, page)
    return tables.entryAt(mapping.id, page)
  }

  /** Makes every anonymous page under a mapping an entry of its own. */
  settle(mapping: Mapping): void {
    if (mapping.under === NO_TABLE || !isAnonymous(mapping.kind)) return
    const { tables } = this
    for (const leaf of tables.leavesIn(mapping.under, mapping.firstPage, mapping.endPage)) {
      const first = tables.firstPageOf(leaf)
      const from = Math.max(first, mapping.firstPage)
      const to = Math.min(first + LEAF_PAGES, mapping.endPage)
      for (let page = from; page < to; page++) {
        if (tables.entryIn(leaf, page - first) !== 0 && tables.entryAt(mapping.id, page) === 0)
          this.install(mapping, page)
      }
    }
  }

  private add(mapping: Mapping, page: number): void {
    const { pages, tables, context } = this
    const head = placeFolio(pages, tables, mapping.under, mapping, page, false)
    if (!isAnonymous(mapping.kind)) return
    invariant(context.references !== NO_REFERENCES, 'fork shared the page, which takes somebody who counts')
    const order = pages.orderOf(head)
    const first = firstOfFolio(page, order)
    const end = first + 2 ** order
    let references = 0
    for (const over of this.mappings.over(mapping.under, first, end)) {
      references += entriesOver(over, first, end, order >= PMD_ORDER)
    }
    for (let i = 1; i < references; i++) context.references.get(head)
  }

  /** Maps the page, and of an anonymous folio every page that the mapping lies over. */
  private install(mapping: Mapping, page: number): void {
    const { pages, tables, context } = this
    const row = rowOf(tables.entryAt(mapping.under, page))
    if (!isAnonymous(mapping.kind)) {
      context.references.get(row)
      tables.setEntry(mapping.id, page, readOnlyEntry(row))
      return
    }
    const head = pages.headOf(row)
    const first = page - (row - head)
    const from = Math.max(first, mapping.firstPage)
    const to = Math.min(first + 2 ** pages.orderOf(row), mapping.endPage)
    for (let at = from; at < to; at++) tables.setEntry(mapping.id, at, readOnlyEntry(head + at - first))
    if (pages.orderOf(row) < PMD_ORDER) return
    for (const leaf of tables.leavesIn(mapping.id, from, to)) {
      if (coversRegion(mapping, tables.firstPageOf(leaf) / LEAF_PAGES)) tables.setHuge(leaf, true)
    }
  }
}

/** Entries with which a mapping maps its part of the pages [firstPage, endPage) of one folio. */
function entriesOver(mapping: Mapping, firstPage: number, endPage: number, isHuge: boolean): number {
  const from = Math.max(firstPage, mapping.firstPage)
  const to = Math.min(endPage, mapping.endPage)
  if (!isHuge) return to - from
  let entries = 0
  for (let region = Math.floor(from / LEAF_PAGES); region * LEAF_PAGES < to; region++) {
    const begin = Math.max(from, region * LEAF_PAGES)
    entries += coversRegion(mapping, region) ? 1 : Math.min(to, (region + 1) * LEAF_PAGES) - begin
  }
  return entries
}

/** The mapping covers all 2 MiB of a region: a huge entry fits. */
function coversRegion(mapping: Mapping, region: number): boolean {
  return mapping.firstPage <= region * LEAF_PAGES && mapping.endPage >= (region + 1) * LEAF_PAGES
}
