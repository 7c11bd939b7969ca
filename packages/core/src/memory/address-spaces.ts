import { EFAULT, EINVAL } from '../errno.ts'
import { PAGE_SIZE } from '../units.ts'
import { FilePages } from './file-pages.ts'
import { FOLL_PIN, FOLL_WRITE } from './foll.ts'
import { copyMappings, unmapPages } from './fork.ts'
import { FOLL_INVALID, gupRules, refusal } from './gup-rules.ts'
import {
  kindFlags,
  MAPPING_NO_ACCESS,
  MAPPING_PRIVATE,
  MAPPING_UNDECLARED,
  type Mapping,
  NO_FILE,
  NO_TABLE,
} from './mapping.ts'
import { KERNEL_MM, MappingTable } from './mapping-table.ts'
import type { PageBytes } from './page-bytes.ts'
import { PageCache } from './page-cache.ts'
import { type FaultContext, PageFaults } from './page-faults.ts'
import { NO_REFERENCES, type PageReferences } from './page-references.ts'
import { KIND_ANON, type PageStore } from './page-store.ts'
import { EMPTY, LEAF_PAGES, PageTables, rowOf } from './page-tables.ts'
import type { SpaceObserver } from './space-observer.ts'

export { KERNEL_MM } from './mapping-table.ts'

/**
 * End of what a process can map, in pages: 2^47 bytes less a page. An address at or above it is -EFAULT.
 * @kernel arch/x86/include/asm/page_64_types.h: TASK_SIZE_MAX, with four levels of page tables
 */
export const USER_PAGES_END = 2 ** 35 - 1

/**
 * Address spaces: which mapping covers an address, and which page is there, by `map`, `unmap` and `fork` rows.
 *
 * Whoever owns them sets {@link rules} to those of the kernel version, and {@link references} to where counts are
 * written: without that no reference of a mapping is counted, and copy-on-write takes every shared page for its own. @kernel mm/mmap.c, mm/gup.c, mm/memory.c
 */
export class AddressSpaces implements FaultContext {
  rules = gupRules('mainline')
  references: PageReferences = NO_REFERENCES
  bytes: PageBytes | null = null
  /** Told of copies and refusals, while an audit listens. */
  observer: SpaceObserver | null = null
  /** The rows that the last walk listed follow each other. */
  walkedRun = false
  /** Fork copies pages that may be pinned for the child at once: since 5.9, and so in every modelled version. @kernel mm/memory.c: copy_present_page */
  copiesPinnedEarly = true
  /** Walks that met an address which no `map` row covers. */
  undeclaredWalks = 0
  /** The pages of files, by file and index. */
  readonly files: FilePages
  private readonly tables = new PageTables()
  private readonly mappings = new MappingTable()
  private readonly faults: PageFaults
  /** Address spaces that ever pinned a page; the last one to do so. @kernel include/linux/mm_types.h: MMF_HAS_PINNED */
  private readonly pinned = new Set<number>()
  private lastPinned = KERNEL_MM
  private last: Mapping | null = null
  private lastMm = 0

  /** `cache`: has the pages of mappings whose file has a name. */
  constructor(pages: PageStore, cache = new PageCache(pages)) {
    this.faults = new PageFaults(pages, this.tables, this.mappings, cache, this)
    this.files = new FilePages(pages, this.tables, this.mappings, cache, this.faults.cached)
  }

  /**
   * Maps [firstPage, endPage) anew, replacing what was there: with `file` the pages of that file from `index` on.
   * @kernel mmap(2) with MAP_FIXED
   */
  map(
    mm: number,
    firstPage: number,
    endPage: number,
    kind: number,
    order: number,
    flags: number,
    file = NO_FILE,
    index = 0,
  ): void {
    const { mappings } = this
    for (const old of mappings.overlapping(mm, firstPage, endPage)) {
      unmapPages(this.faults, old, Math.max(firstPage, old.firstPage), Math.min(endPage, old.endPage))
    }
    const id = mappings.newId()
    const under = (flags & MAPPING_PRIVATE) === 0 || file !== NO_FILE ? NO_TABLE : mappings.newId()
    const fileShift = index - firstPage
    mappings.put(mm, { id, firstPage, endPage, kind, order, flags: kindFlags(kind, flags), under, file, fileShift })
    this.last = null
  }

  /** Removes [firstPage, endPage): an access there faults from now on. @kernel munmap(2) */
  unmap(mm: number, firstPage: number, endPage: number): void {
    this.map(mm, firstPage, endPage, KIND_ANON, 0, MAPPING_NO_ACCESS)
  }

  /**
   * Makes `child` a copy of `parent`: shared mappings stay shared, the pages of private ones are shared until one of the
   * two writes, but a page that may be pinned is copied for the child. An address space that had that number is gone.
   * @kernel kernel/fork.c: dup_mm; mm/mmap.c: dup_mmap
   */
  fork(parent: number, child: number): void {
    const { mappings, faults } = this
    if (parent === child) return
    this.exit(child)
    copyMappings(faults, mappings, parent, child, this.copiesPinnedEarly && this.pinned.has(parent))
    this.last = null
  }

  /** Drops an address space with the references of its mappings. @kernel mm/mmap.c: exit_mmap */
  exit(mm: number): void {
    const { mappings, faults } = this
    if (!mappings.has(mm)) return
    for (const mapping of mappings.all(mm)) unmapPages(faults, mapping, mapping.firstPage, mapping.endPage)
    mappings.delete(mm)
    this.pinned.delete(mm)
    this.lastPinned = KERNEL_MM
    this.last = null
  }

  /** The mapping that covers a virtual page. */
  find(mm: number, page: number): Mapping {
    const { last } = this
    if (last !== null && mm === this.lastMm && page >= last.firstPage && page < last.endPage) return last
    this.last = this.mappings.find(mm, page)
    this.lastMm = mm
    return this.last
  }

  /**
   * Lists the pages of a virtual range, faulting them in as `foll` asks: `out[0 … n - 1]` are page rows. Returns n, which
   * is less than `count` when a later page cannot be had, or the error that the first one gives: -EFAULT,
   * -EOPNOTSUPP (a pin for long of a DAX file), -EREMOTEIO (peer-to-peer memory not asked for), -EINVAL (bits that
   * exclude each other). A range beyond {@link USER_PAGES_END} is -EFAULT. Nothing is counted: the ledger does that.
   * The range begins `offsetBytes` after the address `addresses[index]`. It is named by a column and an index because an
   * address is no small integer, and V8 allocates for such an argument wherever it does not inline the call.
   * @kernel mm/gup.c: gup_fast_fallback (6.1: internal_get_user_pages_fast; the pages so far hide a later error),
   *   __get_user_pages, check_vma_flags
   */
  walk(
    mm: number,
    addresses: Float64Array,
    index: number,
    offsetBytes: number,
    count: number,
    foll: number,
    out: Int32Array,
  ): number {
    this.walkedRun = false
    const firstPage = Math.floor((addresses[index] + offsetBytes) / PAGE_SIZE)
    const refused = this.rules.refused[foll]
    if (refused === FOLL_INVALID) return EINVAL
    if (mm !== KERNEL_MM) {
      if ((foll & FOLL_PIN) !== 0 && mm !== this.lastPinned) this.setHasPinned(mm)
      if (firstPage + count > USER_PAGES_END) return EFAULT
    }
    const write = (foll & FOLL_WRITE) !== 0
    const pin = (foll & FOLL_PIN) !== 0
    const { tables, faults } = this
    let done = 0
    let error = 0
    let expected = 0
    let isRun = true
    while (done < count) {
      const page = firstPage + done
      let mapping = this.last
      if (mapping === null || mm !== this.lastMm || page < mapping.firstPage || page >= mapping.endPage) {
        mapping = this.find(mm, page)
      }
      if ((mapping.flags & refused) !== 0) {
        error = refusal(mapping.flags & refused)
        this.observer?.refused(mm, mapping.flags & refused)
        break
      }
      if ((mapping.flags & MAPPING_UNDECLARED) !== 0) this.undeclaredWalks++
      const region = Math.floor(page / LEAF_PAGES)
      const slot = page - region * LEAF_PAGES
      const run = Math.min(count - done, LEAF_PAGES - slot, mapping.endPage - page)
      const leaf = tables.leafOf(mapping.id, region)
      if (faults.hasPlain(mapping, leaf, slot, run, foll)) {
        const row = tables.firstRow[leaf] + slot
        for (let i = 0; i < run; i++) out[done + i] = row + i
        if (row !== expected && done > 0) isRun = false
        expected = row + run
        done += run
        continue
      }
      const at = tables.entriesOf(leaf) + slot
      let { entries } = tables
      let i = 0
      for (; i < run; i++) {
        const entry = entries[at + i]
        if (entry > 0) {
          out[done + i] = entry - 1
          if (entry - 1 !== expected && done + i > 0) isRun = false
          expected = entry
          continue
        }
        isRun = false
        if (entry < 0 && !write && !(pin && faults.mustUnshare(mapping, -entry - 1, foll))) {
          out[done + i] = -entry - 1
          continue
        }
        const row = faults.fault(mapping, page + i, foll)
        if (row < 0) {
          error = row
          break
        }
        out[done + i] = row
        if (entry < 0 && row !== -entry - 1) this.observer?.copied(mm, -entry - 1)
        // A fault may have made leaves, and the entries are another array then.
        entries = tables.entries
      }
      done += i
      if (error !== 0) break
    }
    this.walkedRun = isRun
    return done > 0 ? done : error
  }

  /** {@link walk} of a range whose rows follow each other: row of its first page, or -1 where {@link walk} must look. */
  walkRun(
    mm: number,
    addresses: Float64Array,
    index: number,
    offsetBytes: number,
    count: number,
    foll: number,
  ): number {
    const firstPage = Math.floor((addresses[index] + offsetBytes) / PAGE_SIZE)
    const endPage = firstPage + count
    let mapping = this.last
    if (mapping === null || mm !== this.lastMm || firstPage < mapping.firstPage || firstPage >= mapping.endPage) {
      mapping = this.find(mm, firstPage)
    }
    const refused = this.rules.refused[foll]
    if (endPage > mapping.endPage || refused === FOLL_INVALID || (mapping.flags & refused) !== 0) return -1
    if (mm !== KERNEL_MM) {
      if (endPage > USER_PAGES_END) return -1
      if ((foll & FOLL_PIN) !== 0 && mm !== this.lastPinned) this.setHasPinned(mm)
    }
    const { tables, faults } = this
    let first = EMPTY
    let leaves = 0
    for (let page = firstPage; page < endPage; ) {
      const region = Math.floor(page / LEAF_PAGES)
      const slot = page - region * LEAF_PAGES
      const pages = Math.min(endPage - page, LEAF_PAGES - slot)
      const leaf = tables.leafOf(mapping.id, region)
      if (!faults.hasPlain(mapping, leaf, slot, pages, foll)) return -1
      const row = tables.firstRow[leaf] + slot
      if (first === EMPTY) first = row
      else if (row - first !== page - firstPage) return -1
      page += pages
      leaves++
    }
    if ((mapping.flags & MAPPING_UNDECLARED) !== 0) this.undeclaredWalks += leaves
    return first
  }

  /** {@link walk} from a page number on, for callers that run once in a while. */
  walkPages(mm: number, firstPage: number, count: number, foll: number, out: Int32Array): number {
    return this.walk(mm, Float64Array.of(firstPage * PAGE_SIZE), 0, 0, count, foll, out)
  }

  /** Row of the page that is mapped there, -1 where none was faulted in yet. */
  pageAt(mm: number, page: number): number {
    const entry = this.tables.entryAt(this.find(mm, page).id, page)
    return entry === 0 ? -1 : rowOf(entry)
  }

  /** Who maps a page row, and at which virtual page; null: nobody does. Looks through all page tables. */
  placeOf(row: number): { readonly mm: number; readonly page: number } | null {
    return this.faults.placeOf(row)
  }

  /** Kernel memory of that kind that `map` rows declare. What no row declares is taken for slab, but may be anything. */
  declaredKernel(kind: number): readonly Mapping[] {
    const all = this.mappings.all(KERNEL_MM)
    return all.filter((mapping) => mapping.kind === kind && mapping.id !== all[0].id)
  }

  /** Takes over the ranges of another lane's address spaces; the pages are this one's own. */
  copyMappings(from: AddressSpaces): void {
    this.mappings.copy(from.mappings)
    for (const [file, isStable] of from.files.stable) this.files.stable.set(file, isStable)
  }

  /** Bytes of memory that the page tables take. */
  get byteLength(): number {
    return this.tables.byteLength
  }

  /** @kernel mm/gup.c: mm_set_has_pinned_flag */
  private setHasPinned(mm: number): void {
    this.pinned.add(mm)
    this.lastPinned = mm
  }
}
