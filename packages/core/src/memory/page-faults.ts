import { EFAULT } from '../errno.ts'
import { CachedPages } from './cached-pages.ts'
import { FOLL_LONGTERM, FOLL_NOFAULT, FOLL_PIN, FOLL_WRITE } from './foll.ts'
import type { GupRules } from './gup-rules.ts'
import { MAPPING_COW, MAPPING_UNTOUCHED, type Mapping, NO_FILE, NO_TABLE } from './mapping.ts'
import type { MappingTable } from './mapping-table.ts'
import type { PageBytes } from './page-bytes.ts'
import type { PageCache } from './page-cache.ts'
import type { PageReferences } from './page-references.ts'
import { firstOfFolio, isAnonymous, KIND_ANON, type PageStore, PMD_ORDER, ZERO_PAGE } from './page-store.ts'
import { EMPTY, LEAF_PAGES, type PageTables, readOnlyEntry, rowOf, writableEntry } from './page-tables.ts'
import { placeFolio } from './place-folio.ts'
import { UnderlyingPages } from './underlying-pages.ts'

/** What whoever owns the address spaces decides. */
export interface FaultContext {
  /** Of the kernel version. */
  rules: GupRules
  /** Takes and drops the references of mappings. */
  references: PageReferences
  /** Contents, which a copy copies; null where only counts matter. */
  bytes: PageBytes | null
}

/**
 * Page faults. A mapping holds a reference on a folio for each of its pages that it maps (one in all where a huge entry
 * maps 2 MiB); the first is the one with which the folio was allocated. Pages of a shared mapping have one reference, the
 * page cache's, which no mapping takes or drops.
 * @kernel mm/memory.c: handle_mm_fault
 */
export class PageFaults {
  readonly pages: PageStore
  readonly tables: PageTables
  private readonly mappings: MappingTable
  readonly context: FaultContext
  /** Of mappings whose file has a name. */
  readonly cached: CachedPages
  private readonly underlying: UnderlyingPages

  constructor(pages: PageStore, tables: PageTables, mappings: MappingTable, cache: PageCache, context: FaultContext) {
    this.pages = pages
    this.tables = tables
    this.mappings = mappings
    this.context = context
    this.cached = new CachedPages(pages, tables, cache, context)
    this.underlying = new UnderlyingPages(pages, tables, mappings, context)
  }

  /** Who maps a page row, and where; null: nobody does. Looks through all page tables. */
  placeOf(row: number): { readonly mm: number; readonly page: number } | null {
    let found: { mm: number; page: number } | null = null
    this.tables.eachPlaceOf(row, (table, page) => {
      const mm = this.mappings.mmOf(table, page)
      if (mm !== undefined) found = { mm, page }
      return mm !== undefined
    })
    return found
  }

  /**
   * All `count` pages from a place of a leaf on are there, writable, and their rows follow each other: small pages that
   * nothing ever happened to are made present on the way.
   */
  hasPlain(mapping: Mapping, leaf: number, place: number, count: number, foll: number): boolean {
    const { tables } = this
    if (tables.firstRow[leaf] !== EMPTY && tables.arePresent(leaf, place, count)) return true
    return this.addPlain(mapping, leaf, place, count, foll)
  }

  /**
   * The row of a page, after the fault that it takes to have it as `foll` wants it; -EFAULT where FOLL_NOFAULT forbids
   * the fault.
   * @kernel mm/gup.c: faultin_page
   */
  fault(mapping: Mapping, page: number, foll: number): number {
    const write = (foll & FOLL_WRITE) !== 0
    let entry = this.tables.entryAt(mapping.id, page)
    if (entry === 0) {
      // Memory that was touched is there: the model makes its pages late, but that is no fault.
      if ((foll & FOLL_NOFAULT) !== 0 && (mapping.flags & MAPPING_UNTOUCHED) !== 0) return EFAULT
      entry = this.makePresent(mapping, page, write)
    }
    const row = rowOf(entry)
    if (entry > 0 || !(write || this.mustUnshare(mapping, row, foll))) return row
    return (foll & FOLL_NOFAULT) !== 0 ? EFAULT : this.copyOnWrite(mapping, page, row, write)
  }

  /**
   * True where a pin that does not write needs a page of the address space's own first: on an anonymous page that may be
   * shared; for long also on a page of a private file mapping and on the zero page.
   * @kernel mm/internal.h: gup_must_unshare (6.1: include/linux/mm.h, anonymous pages only)
   */
  mustUnshare(mapping: Mapping, row: number, foll: number): boolean {
    if ((foll & (FOLL_PIN | FOLL_WRITE)) !== FOLL_PIN) return false
    if (isAnonymous(this.pages.kindOf(row))) return !this.pages.isExclusive(row)
    if ((foll & FOLL_LONGTERM) === 0 || (mapping.flags & MAPPING_COW) === 0) return false
    return this.context.rules.unsharesFiles
  }

  /** Makes `under` pages of a mapping its own entries: before fork, and before part of it goes. */
  settle(mapping: Mapping): void {
    this.underlying.settle(mapping)
  }

  /** A new page of one address space alone, with the contents of another. @kernel mm/memory.c: wp_page_copy, copy_present_page */
  copyOf(row: number): number {
    const copy = this.pages.allocateFolio(0, KIND_ANON, true)
    if (this.context.bytes !== null) this.context.bytes.copyPage(row, copy)
    return copy
  }

  /** One entry for each page, and a reference with it, where one huge entry was. @kernel mm/huge_memory.c: __split_huge_pmd_locked */
  splitHuge(leaf: number): void {
    const row = rowOf(this.tables.entryIn(leaf, 0))
    for (let i = 1; i < LEAF_PAGES; i++) this.context.references.get(row)
    this.tables.setHuge(leaf, false)
  }

  /** False where the pages take more than to be there: shared with others, to be read as zeroes, of folios in between. */
  private addPlain(mapping: Mapping, leaf: number, place: number, count: number, foll: number): boolean {
    const { pages, tables, context } = this
    if (mapping.under !== NO_TABLE || mapping.file !== NO_FILE) return false
    const isWritten = (foll & (FOLL_WRITE | FOLL_NOFAULT)) === FOLL_WRITE && context.bytes === null
    if ((mapping.flags & MAPPING_UNTOUCHED) !== 0 && !(isWritten && isAnonymous(mapping.kind))) return false
    if (mapping.order >= PMD_ORDER && tables.isFresh(leaf)) {
      this.addFolio(mapping, tables.firstPageOf(leaf) + place)
      return tables.firstRow[leaf] !== EMPTY
    }
    if (mapping.order !== 0) return false
    if (tables.isFresh(leaf)) {
      const row = pages.setLeafAside(mapping.kind)
      if (row < 0) return false
      tables.makePlain(leaf, row)
    } else if (tables.firstRow[leaf] === EMPTY) return false
    pages.use(tables.setPresent(leaf, place, count))
    return true
  }

  private makePresent(mapping: Mapping, page: number, write: boolean): number {
    // A huge zero folio is pinned like any other: only small pages read as the zero page.
    if (!write && mapping.kind === KIND_ANON && (mapping.flags & MAPPING_UNTOUCHED) !== 0) {
      this.tables.setEntry(mapping.id, page, readOnlyEntry(ZERO_PAGE))
      return readOnlyEntry(ZERO_PAGE)
    }
    const entry = this.map(mapping, page)
    // The fault of a shared mapping makes dirty by itself; of memory that was touched nobody knows what happened since.
    const isShared = (mapping.flags & MAPPING_COW) === 0 && !isAnonymous(mapping.kind)
    if (write && isShared && (mapping.flags & MAPPING_UNTOUCHED) !== 0) this.pages.setDirty(rowOf(entry), true)
    return entry
  }

  /** @kernel mm/memory.c: do_read_fault, do_shared_fault, fault_dirty_shared_page */
  private map(mapping: Mapping, page: number): number {
    if (mapping.file !== NO_FILE) return this.cached.map(mapping, page)
    return mapping.under === NO_TABLE ? this.addFolio(mapping, page) : this.underlying.map(mapping, page)
  }

  /** @kernel mm/memory.c: do_anonymous_page, do_shared_fault; mm/huge_memory.c: do_huge_pmd_anonymous_page */
  private addFolio(mapping: Mapping, page: number): number {
    const { pages, tables, context } = this
    const head = placeFolio(pages, tables, mapping.id, mapping, page, true)
    const order = pages.orderOf(head)
    const count = 2 ** order
    const first = firstOfFolio(page, order)
    if (isAnonymous(mapping.kind)) {
      if (order >= PMD_ORDER)
        for (const leaf of tables.leavesIn(mapping.id, first, first + count)) tables.setHuge(leaf, true)
      const entries = order >= PMD_ORDER ? count / LEAF_PAGES : count
      for (let i = 1; i < entries; i++) context.references.get(head)
      if ((mapping.flags & MAPPING_UNTOUCHED) !== 0) this.clear(head, count)
    }
    return writableEntry(head + page - first)
  }

  /** Memory that nobody touched reads as zeroes. @kernel mm/memory.c: clear_huge_page, folio_zero_user */
  private clear(head: number, count: number): void {
    const { bytes } = this.context
    if (bytes !== null) for (let i = 0; i < count; i++) bytes.copyPage(ZERO_PAGE, head + i)
  }

  /**
   * A write fault on a page that is mapped read-only, or (`write` false) the unshare fault before a pin: the page itself
   * where nobody else has it, else a copy. A copy of one page of a large folio is a small page.
   * @kernel mm/memory.c: do_wp_page, wp_page_copy; mm/huge_memory.c: do_huge_pmd_wp_page
   */
  private copyOnWrite(mapping: Mapping, page: number, row: number, write: boolean): number {
    const { pages, tables } = this
    const leaf = tables.findLeaf(mapping.id, Math.floor(page / LEAF_PAGES))
    if (tables.isHuge(leaf)) {
      if (pages.isExclusive(row) || pages.refcountOf(row) === 1) {
        this.reuseHuge(leaf, write)
        return row
      }
      this.splitHuge(leaf)
    }
    if (isAnonymous(pages.kindOf(row)) && (pages.isExclusive(row) || this.isAlone(mapping, page, row))) {
      pages.setExclusive(row, true)
      if (write) tables.setEntry(mapping.id, page, writableEntry(row))
      return row
    }
    const copy = this.copyOf(row)
    tables.setEntry(mapping.id, page, write ? writableEntry(copy) : readOnlyEntry(copy))
    if (row !== ZERO_PAGE) this.context.references.put(row)
    return copy
  }

  private reuseHuge(leaf: number, write: boolean): void {
    const { pages, tables } = this
    const first = tables.entriesOf(leaf)
    for (let i = first; i < first + LEAF_PAGES; i++) {
      const row = rowOf(tables.entries[i])
      pages.setExclusive(row, true)
      if (write) tables.entries[i] = writableEntry(row)
    }
  }

  /** Nobody but this mapping has a reference on the page's folio. @kernel mm/memory.c: wp_can_reuse_anon_folio */
  private isAlone(mapping: Mapping, page: number, row: number): boolean {
    const { pages, context } = this
    const refcount = pages.refcountOf(row)
    if (pages.orderOf(row) === 0) return refcount === 1
    switch (context.rules.largeReuse) {
      case 'last':
        return refcount === 1
      case 'never':
        return false
      case 'whole':
        return refcount > 1 && refcount === this.pagesMapped(mapping, page, row)
    }
  }

  /** Pages of a page's folio that the mapping maps; the page is at `page`. */
  private pagesMapped(mapping: Mapping, page: number, row: number): number {
    const { pages, tables } = this
    const head = pages.headOf(row)
    const first = page - (row - head)
    let mapped = 0
    for (let i = 0; i < 2 ** pages.orderOf(row); i++) {
      const entry = tables.entryAt(mapping.id, first + i)
      if (entry !== 0 && rowOf(entry) === head + i) mapped++
    }
    return mapped
  }
}
