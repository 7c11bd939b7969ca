import { invariant } from '../invariant.ts'
import { MAPPING_COW, MAPPING_UNTOUCHED, type Mapping, NO_TABLE } from './mapping.ts'
import type { MappingTable } from './mapping-table.ts'
import { folioMaybeDmaPinned } from './maybe-dma-pinned.ts'
import type { PageFaults } from './page-faults.ts'
import { NO_REFERENCES } from './page-references.ts'
import { isAnonymous, ZERO_PAGE } from './page-store.ts'
import { LEAF_PAGES, readOnlyEntry, rowOf, writableEntry } from './page-tables.ts'

/** Gives `child` the mappings of `parent`: shared ones are the same, private ones get a page table of their own. @kernel mm/mmap.c: dup_mmap */
export function copyMappings(
  faults: PageFaults,
  mappings: MappingTable,
  parent: number,
  child: number,
  hasPinned: boolean,
): void {
  const parents: Mapping[] = []
  const children: Mapping[] = []
  for (const mapping of mappings.all(parent)) {
    if ((mapping.flags & MAPPING_COW) === 0) {
      parents.push(mapping)
      children.push(mapping)
      continue
    }
    faults.settle(mapping)
    const isThere = isAnonymous(mapping.kind) && (mapping.flags & MAPPING_UNTOUCHED) === 0
    const under = mapping.under === NO_TABLE && isThere ? mappings.newId() : mapping.under
    const copy = { ...mapping, id: mappings.newId(), under }
    copyMappedPages(faults, mapping, copy, hasPinned)
    parents.push({ ...mapping, under })
    children.push(copy)
  }
  mappings.setAll(parent, parents)
  mappings.setAll(child, children)
}

/**
 * Gives the child's mapping `to` the pages of the parent's `from`: each with one more reference, read-only in both from
 * now on. A page that may be pinned and is exclusive is copied for the child at once, and the parent keeps it as it
 * was; that needs an address space that ever pinned (`hasPinned`), and of a huge page it splits the entry first.
 * @kernel mm/memory.c: copy_page_range, copy_present_pte (6.12: copy_present_ptes), copy_present_page;
 *   mm/huge_memory.c: copy_huge_pmd; include/linux/rmap.h: folio_try_dup_anon_rmap_pte (6.1: page_try_dup_anon_rmap)
 */
function copyMappedPages(faults: PageFaults, from: Mapping, to: Mapping, hasPinned: boolean): void {
  const { tables, context } = faults
  for (const leaf of tables.leavesIn(from.id, from.firstPage, from.endPage)) {
    invariant(context.references !== NO_REFERENCES, 'fork shares pages, which takes somebody who counts')
    const first = tables.firstPageOf(leaf)
    const begin = Math.max(from.firstPage - first, 0)
    const end = Math.min(from.endPage - first, LEAF_PAGES)
    const copy = tables.leafOf(to.id, first / LEAF_PAGES)
    const fromEntries = tables.entriesOf(leaf)
    const toEntries = tables.entriesOf(copy)
    if (tables.isHuge(leaf) && copyHugeEntry(faults, leaf, copy, hasPinned)) continue
    for (let i = begin; i < end; i++) {
      const entry = tables.entries[fromEntries + i]
      if (entry !== 0) tables.entries[toEntries + i] = copyEntry(faults, fromEntries + i, rowOf(entry), hasPinned)
    }
  }
}

/** Entry for the child of the page that the parent's entry at `at` maps. */
function copyEntry(faults: PageFaults, at: number, row: number, hasPinned: boolean): number {
  const { pages, tables, context } = faults
  if (row === ZERO_PAGE) return readOnlyEntry(row)
  // The child's reference comes first, and counts when the kernel asks whether the folio may be pinned.
  context.references.get(row)
  if (pages.isExclusive(row) && hasPinned && folioMaybeDmaPinned(pages, row)) {
    context.references.put(row)
    return writableEntry(faults.copyOf(row))
  }
  pages.setExclusive(row, false)
  tables.entries[at] = readOnlyEntry(row)
  return readOnlyEntry(row)
}

/** Shares a huge page as a whole; false, and the parent's entry is split, where the child must have copies. */
function copyHugeEntry(faults: PageFaults, leaf: number, copy: number, hasPinned: boolean): boolean {
  const { pages, tables, context } = faults
  const fromEntries = tables.entriesOf(leaf)
  const toEntries = tables.entriesOf(copy)
  const row = rowOf(tables.entries[fromEntries])
  context.references.get(row)
  if (pages.isExclusive(row) && hasPinned && folioMaybeDmaPinned(pages, row)) {
    context.references.put(row)
    faults.splitHuge(leaf)
    return false
  }
  for (let i = 0; i < LEAF_PAGES; i++) {
    const entry = readOnlyEntry(rowOf(tables.entries[fromEntries + i]))
    pages.setExclusive(rowOf(entry), false)
    tables.entries[fromEntries + i] = entry
    tables.entries[toEntries + i] = entry
  }
  tables.setHuge(copy, true)
  return true
}

/**
 * Takes the pages of [firstPage, endPage) out of a mapping: their references are dropped. The pages of a shared mapping
 * stay where they are, in the page cache.
 * @kernel mm/memory.c: unmap_page_range
 */
export function unmapPages(faults: PageFaults, mapping: Mapping, firstPage: number, endPage: number): void {
  if ((mapping.flags & MAPPING_COW) === 0) return
  const { tables, context } = faults
  faults.settle(mapping)
  for (const leaf of tables.leavesIn(mapping.id, firstPage, endPage)) {
    const first = tables.firstPageOf(leaf)
    const begin = Math.max(firstPage - first, 0)
    const end = Math.min(endPage - first, LEAF_PAGES)
    if (tables.isHuge(leaf)) {
      if (end - begin === LEAF_PAGES) {
        context.references.put(rowOf(tables.entryIn(leaf, 0)))
        tables.clear(leaf, 0, LEAF_PAGES)
        tables.setHuge(leaf, false)
        continue
      }
      faults.splitHuge(leaf)
    }
    for (let i = begin; i < end; i++) {
      const entry = tables.entryIn(leaf, i)
      if (entry !== 0 && rowOf(entry) !== ZERO_PAGE) context.references.put(rowOf(entry))
    }
    tables.clear(leaf, begin, end - begin)
  }
}
