import { EFAULT } from '../errno.ts'
import { PAGE_SIZE } from '../units.ts'
import {
  allocateFor,
  folioOrderAt,
  MAPPING_NO_ACCESS,
  MAPPING_NO_PAGES,
  MAPPING_PRIVATE,
  MAPPING_READ_ONLY,
  MAPPING_UNDECLARED,
  MAPPING_UNTOUCHED,
  type Mapping,
} from './mapping.ts'
import { PAGE_KINDS, type PageStore, ZERO_PAGE } from './page-store.ts'
import { LEAF_PAGES, PageTables } from './page-tables.ts'

/** Address space of kernel addresses (kvec), where no process's mapping reaches. */
export const KERNEL_MM = -1

/** End of every address space, in pages: addresses stop at 2^53. */
const PAGES_END = 2 ** 41

const KIND_ANON = PAGE_KINDS.indexOf('anon')
const KIND_SLAB = PAGE_KINDS.indexOf('slab')

/**
 * Address spaces: which mapping covers an address, and which page is there. The ranges come from `map` and `unmap`
 * rows; an address that no row ever mentioned is taken as touched anonymous memory (small pages), and for kernel
 * addresses as slab, because most recorders do not see every mapping.
 * @kernel mm/mmap.c, mm/gup.c: faultin_page
 */
export class AddressSpaces {
  private readonly pages: PageStore
  private readonly tables = new PageTables()
  /** By mm: its mappings, sorted, without gaps or overlaps, covering everything. */
  private readonly byMm = new Map<number, Mapping[]>()
  /** The rows that the last walk listed follow each other. */
  walkedRun = false
  /** Walks that met an address which no `map` row covers. */
  undeclaredWalks = 0
  private mappingCount = 0
  private last: Mapping | null = null
  private lastMm = 0

  constructor(pages: PageStore) {
    this.pages = pages
  }

  /** Maps [firstPage, endPage) anew, replacing what was there. @kernel mmap(2) with MAP_FIXED */
  map(mm: number, firstPage: number, endPage: number, kind: number, order: number, flags: number): void {
    const list = this.mappingsOf(mm)
    const from = indexOf(list, firstPage)
    const to = indexOf(list, endPage - 1)
    const around: Mapping[] = []
    if (list[from].firstPage < firstPage) around.push({ ...list[from], endPage: firstPage })
    around.push({ id: this.mappingCount++, firstPage, endPage, kind, order, flags })
    if (list[to].endPage > endPage) around.push({ ...list[to], firstPage: endPage })
    list.splice(from, to - from + 1, ...around)
    this.last = null
  }

  /** Removes [firstPage, endPage): an access there faults from now on. @kernel munmap(2) */
  unmap(mm: number, firstPage: number, endPage: number): void {
    this.map(mm, firstPage, endPage, KIND_ANON, 0, MAPPING_NO_ACCESS)
  }

  /** The mapping that covers a virtual page. */
  find(mm: number, page: number): Mapping {
    const { last } = this
    if (last !== null && mm === this.lastMm && page >= last.firstPage && page < last.endPage) return last
    const list = this.mappingsOf(mm)
    this.last = list[indexOf(list, page)]
    this.lastMm = mm
    return this.last
  }

  /**
   * Lists the pages of a virtual range, faulting them in: `out[0 … n - 1]` are page rows. Returns n, which is less than
   * `count` when a later page cannot be had, or -EFAULT when the first one cannot.
   *
   * The range begins `offsetBytes` after the address `addresses[index]`. It is named by a column and an index because an
   * address is no small integer, and V8 allocates for such an argument wherever it does not inline the call.
   * @kernel mm/gup.c: gup_fast_fallback (the pages so far hide a later error)
   */
  walk(
    mm: number,
    addresses: Float64Array,
    index: number,
    offsetBytes: number,
    count: number,
    write: boolean,
    out: Int32Array,
  ): number {
    const firstPage = Math.floor((addresses[index] + offsetBytes) / PAGE_SIZE)
    const refused = write ? REFUSED_WRITE : REFUSED_READ
    let done = 0
    let expected = 0
    let isRun = true
    while (done < count) {
      const page = firstPage + done
      let mapping = this.last
      if (mapping === null || mm !== this.lastMm || page < mapping.firstPage || page >= mapping.endPage) {
        mapping = this.find(mm, page)
      }
      if ((mapping.flags & refused) !== 0) break
      if ((mapping.flags & MAPPING_UNDECLARED) !== 0) this.undeclaredWalks++
      const region = Math.floor(page / LEAF_PAGES)
      const slot = page - region * LEAF_PAGES
      const run = Math.min(count - done, LEAF_PAGES - slot, mapping.endPage - page)
      const at = this.tables.leafOf(mapping.id, region) + slot
      let { entries } = this.tables
      for (let i = 0; i < run; i++) {
        const entry = entries[at + i]
        if (entry > 0) {
          out[done + i] = entry - 1
          if (entry !== expected && done + i > 0) isRun = false
          expected = entry + 1
          continue
        }
        isRun = false
        if (entry < 0 && !write) {
          out[done + i] = -entry - 1
        } else {
          out[done + i] = this.fault(mapping, page + i, write)
          // A fault may have made leaves, and the entries are another array then.
          entries = this.tables.entries
        }
      }
      done += run
    }
    this.walkedRun = isRun
    return done === 0 && count > 0 ? EFAULT : done
  }

  /** {@link walk} from a page number on, for callers that run once in a while. */
  walkPages(mm: number, firstPage: number, count: number, write: boolean, out: Int32Array): number {
    return this.walk(mm, Float64Array.of(firstPage * PAGE_SIZE), 0, 0, count, write, out)
  }

  /** Takes over the ranges of another lane's address spaces; the pages are this one's own. */
  copyMappings(from: AddressSpaces): void {
    for (const [mm, mappings] of from.byMm) {
      this.byMm.set(
        mm,
        mappings.map((mapping) => ({ ...mapping, id: this.mappingCount++ })),
      )
    }
  }

  /** A page that is not present, or not writable when it must be. */
  private fault(mapping: Mapping, page: number, write: boolean): number {
    if (!write && (mapping.flags & MAPPING_UNTOUCHED) !== 0) {
      this.set(mapping, page, -(ZERO_PAGE + 1))
      return ZERO_PAGE
    }
    if (write && (mapping.flags & MAPPING_PRIVATE) !== 0) {
      const copy = this.pages.allocateFolio(0, KIND_ANON)
      this.set(mapping, page, copy + 1)
      return copy
    }
    return this.faultFolio(mapping, page)
  }

  private faultFolio(mapping: Mapping, page: number): number {
    const row = allocateFor(this.pages, mapping, page)
    const folioPages = 2 ** folioOrderAt(mapping, page)
    const first = Math.floor(page / folioPages) * folioPages
    const head = row - (page - first)
    const shared = (mapping.flags & MAPPING_PRIVATE) === 0
    for (let i = 0; i < folioPages; i++) this.set(mapping, first + i, shared ? head + i + 1 : -(head + i + 1))
    return row
  }

  private set(mapping: Mapping, page: number, entry: number): void {
    const region = Math.floor(page / LEAF_PAGES)
    const leaf = this.tables.leafOf(mapping.id, region)
    this.tables.entries[leaf + page - region * LEAF_PAGES] = entry
  }

  private mappingsOf(mm: number): Mapping[] {
    let list = this.byMm.get(mm)
    if (list === undefined) {
      const kind = mm === KERNEL_MM ? KIND_SLAB : KIND_ANON
      // Nobody maps kernel memory row by row: that it is undeclared is no news.
      const flags = mm === KERNEL_MM ? 0 : MAPPING_UNDECLARED
      list = [{ id: this.mappingCount++, firstPage: 0, endPage: PAGES_END, kind, order: 0, flags }]
      this.byMm.set(mm, list)
    }
    return list
  }
}

/** Index of the mapping that covers `page` in a sorted list without gaps. */
function indexOf(list: readonly Mapping[], page: number): number {
  let low = 0
  let high = list.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (list[middle].firstPage <= page) low = middle
    else high = middle - 1
  }
  return low
}

const REFUSED_READ = MAPPING_NO_ACCESS | MAPPING_NO_PAGES
const REFUSED_WRITE = REFUSED_READ | MAPPING_READ_ONLY
