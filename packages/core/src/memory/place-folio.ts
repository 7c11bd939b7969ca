import { folioOrderAt, type Mapping } from './mapping.ts'
import { firstOfFolio, type PageStore, PMD_ORDER } from './page-store.ts'
import { LEAF_PAGES, type PageTables, writableEntry } from './page-tables.ts'

/**
 * Allocates a folio for `page` of a mapping and enters all of its pages into `table`, writable: a folio of the mapping's
 * order where one fits and nothing is there yet, else a small one. `isExclusive`: of anonymous pages, they are the
 * mapping's alone. Returns the row of its head.
 */
export function placeFolio(
  pages: PageStore,
  tables: PageTables,
  table: number,
  mapping: Mapping,
  page: number,
  isExclusive: boolean,
): number {
  const order = tables.freeOrder(table, page, folioOrderAt(mapping, page))
  const first = firstOfFolio(page, order)
  const head = pages.allocateFolio(order, mapping.kind, isExclusive)
  for (let i = 0; i < 2 ** order; ) {
    const leaf = tables.leafOf(table, Math.floor((first + i) / LEAF_PAGES))
    if (order >= PMD_ORDER && tables.isFresh(leaf)) {
      tables.makePlain(leaf, head + i)
      tables.setPresent(leaf, 0, LEAF_PAGES)
      i += LEAF_PAGES
    } else {
      tables.setEntry(table, first + i, writableEntry(head + i))
      i++
    }
  }
  return head
}
