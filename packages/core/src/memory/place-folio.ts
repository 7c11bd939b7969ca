import { folioOrderAt, type Mapping } from './mapping.ts'
import { firstOfFolio, type PageStore } from './page-store.ts'
import { type PageTables, writableEntry } from './page-tables.ts'

/**
 * Allocates a folio for `page` of a mapping and enters all of its pages into `table`, writable: a folio of the mapping's
 * order where one fits and nothing is there yet, else a small one. Returns the row of its head.
 */
export function placeFolio(
  pages: PageStore,
  tables: PageTables,
  table: number,
  mapping: Mapping,
  page: number,
): number {
  const order = tables.freeOrder(table, page, folioOrderAt(mapping, page))
  const first = firstOfFolio(page, order)
  const head = pages.allocateFolio(order, mapping.kind)
  for (let i = 0; i < 2 ** order; i++) tables.setEntry(table, first + i, writableEntry(head + i))
  return head
}
