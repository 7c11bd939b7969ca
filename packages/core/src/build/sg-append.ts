import { EINVAL, ENOMEM, EOPNOTSUPP } from '../errno.ts'
import { invariant } from '../invariant.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { PAGE_KINDS, type PageStore } from '../memory/page-store.ts'
import { PAGE_SIZE } from '../units.ts'
import { nthPage, SG_MAX_SINGLE_ALLOC, SG_NONE } from './scatterlist.ts'
import type { SgAllocator } from './sg-allocator.ts'
import { SgTable, sgFreeEntries } from './sg-table.ts'

/** Longest entry where the caller names none. @kernel UINT_MAX */
export const SEGMENT_BYTES_MAX = 0xffffffff

/** By kind: 1 for memory of a device, which has a page map of its own. @kernel include/linux/mmzone.h: is_zone_device_page */
const IS_ZONE_DEVICE = PAGE_KINDS.map((kind) => (kind === 'device' || kind === 'p2pdma' || kind === 'fsdax' ? 1 : 0))

/** A table that further pages can be appended to. @kernel include/linux/scatterlist.h: struct sg_append_table */
export class SgAppendTable {
  readonly sgt = new SgTable()
  /** Last entry in use, or {@link SG_NONE}. */
  prv = SG_NONE
  /** Entries allocated, those that became links not counted. */
  totalNents = 0

  /** As the kernel's callers zero it before the first call. */
  clear(): void {
    this.sgt.clear()
    this.prv = SG_NONE
    this.totalNents = 0
  }
}

/** The pages of one call: what the kernel functions take as single arguments. Reused from call to call. */
export class PagesToAppend {
  /** Page rows. @kernel pages */
  page = new Int32Array(0)
  /** Index of the first of them. */
  first = 0
  /** How many, at least one. @kernel n_pages */
  nPages = 0
  /** From the start of the first page to the start of the buffer. @kernel offset */
  offsetBytes = 0
  /** Bytes of the buffer. @kernel size */
  sizeBytes = 0
  /** Longest entry; counts as rounded down to whole pages. @kernel max_segment */
  maxSegmentBytes = SEGMENT_BYTES_MAX
  /** Pages that later calls will append, or more. @kernel left_pages */
  leftPages = 0
}

/**
 * Makes tables of arrays of pages. Pages that follow each other in physical memory become one entry; where folios end
 * does not matter.
 * @kernel lib/scatterlist.c. 6.1 looks at page frame numbers alone; since 6.2 ordinary memory and device memory are kept
 *   in different entries. (So is the memory of two devices; the model has one device.)
 */
export class SgAppender {
  private readonly allocator: SgAllocator
  private readonly pages: PageStore
  private readonly kernel: Kernel

  constructor(allocator: SgAllocator, pages: PageStore, kernel: Kernel) {
    this.allocator = allocator
    this.pages = pages
    this.kernel = kernel
  }

  /**
   * Appends pages to a table, in entries of at most `maxSegmentBytes`. Pages that continue the last entry of an earlier
   * call lengthen it, by a whole page each, and do not count against `sizeBytes`. The end is marked when no pages are
   * left to come.
   *
   * Returns 0; -EINVAL for a maximum below a page, or for an offset when something is in the table already; -EOPNOTSUPP
   * for a second call where lists cannot be chained; -ENOMEM, with the last entry as long as before, when a chunk cannot
   * be had: then the caller gives the table back.
   * @kernel lib/scatterlist.c: sg_alloc_append_table_from_pages
   */
  allocAppendTableFromPages(append: SgAppendTable, from: PagesToAppend): number {
    invariant(from.nPages > 0, 'sg_alloc_append_table_from_pages: there are pages')
    const { lists } = this.allocator
    const { prv } = append
    // Whole pages, because a double would be allocated for at each call below.
    const maxPages = Math.floor(from.maxSegmentBytes / PAGE_SIZE)
    if (maxPages === 0) return EINVAL
    if (prv !== SG_NONE && !this.allocator.chains) return EOPNOTSUPP
    if (prv !== SG_NONE && from.offsetBytes !== 0) return EINVAL
    const prvBytes = lists.lengthBytes[prv]
    const merged = prv === SG_NONE ? 0 : this.lengthenLast(prv, from, maxPages)
    if (merged < from.nPages && !this.addEntries(append, from, merged, maxPages)) {
      if (prv !== SG_NONE) lists.lengthBytes[prv] = prvBytes
      return ENOMEM
    }
    if (prv === SG_NONE) this.allocator.tables++
    if (from.leftPages === 0) lists.markEnd(append.prv)
    return 0
  }

  /**
   * A new table of the pages, with nothing left to come (`leftPages` is not looked at): `append.sgt`, to be given back with
   * sgFreeTable. Returns 0, -EINVAL or -ENOMEM as {@link allocAppendTableFromPages}, with nothing left allocated.
   * @kernel lib/scatterlist.c: sg_alloc_table_from_pages_segment
   */
  allocTableFromPagesSegment(append: SgAppendTable, from: PagesToAppend): number {
    append.clear()
    from.leftPages = 0
    const error = this.allocAppendTableFromPages(append, from)
    if (error !== 0) {
      this.freeAppendTable(append)
      return error
    }
    invariant(append.totalNents === append.sgt.origNents, 'an entry was allocated that is not in use')
    return 0
  }

  /** {@link allocTableFromPagesSegment} with entries as long as 32 bits allow. @kernel include/linux/scatterlist.h: sg_alloc_table_from_pages */
  allocTableFromPages(append: SgAppendTable, from: PagesToAppend): number {
    from.maxSegmentBytes = SEGMENT_BYTES_MAX
    return this.allocTableFromPagesSegment(append, from)
  }

  /** Gives the chunks of an append table back, found by its `totalNents`. @kernel lib/scatterlist.c: sg_free_append_table */
  freeAppendTable(append: SgAppendTable): void {
    sgFreeEntries(this.allocator, append.sgt, SG_MAX_SINGLE_ALLOC, 0, append.totalNents)
  }

  /** Adds pages to the last entry as long as they continue it; returns how many. */
  private lengthenLast(prv: number, from: PagesToAppend, maxPages: number): number {
    const { page, offsetBytes, lengthBytes } = this.allocator.lists
    const next = from.page[from.first]
    const behind = Math.floor((offsetBytes[prv] + lengthBytes[prv]) / PAGE_SIZE)
    if (this.pages.frameOf(next) !== this.pages.frameOf(page[prv]) + behind) return 0
    // An entry that ends inside its first page has no page before that one.
    let last = nthPage(this.pages, page[prv], behind > 0 ? behind - 1 : 0)
    if (!this.isSameMap(next, last)) return 0
    let merged = 0
    do {
      if (lengthBytes[prv] + PAGE_SIZE > maxPages * PAGE_SIZE) break
      lengthBytes[prv] += PAGE_SIZE
      last = from.page[from.first + merged]
      merged++
    } while (merged < from.nPages && this.areMergeable(from.page[from.first + merged], last))
    return merged
  }

  /** Makes entries of the pages behind the first `merged`; false when a chunk cannot be had. */
  private addEntries(append: SgAppendTable, from: PagesToAppend, merged: number, maxPages: number): boolean {
    const { lists } = this.allocator
    const entries = this.countEntries(from, merged, maxPages)
    const end = from.first + from.nPages
    let { offsetBytes, sizeBytes } = from
    let at = from.first + merged
    let sg = append.prv
    for (let i = 0; i < entries; i++) {
      const next = this.endOfRun(from.page, at, end, maxPages)
      sg = this.nextEntry(append, sg, entries - i + from.leftPages)
      if (sg === SG_NONE) return false
      const bytes = (next - at) * PAGE_SIZE - offsetBytes
      lists.setPage(sg, from.page[at], sizeBytes < bytes ? sizeBytes : bytes, offsetBytes)
      sizeBytes -= bytes
      // An unsigned long: a size used up before its pages are wraps, and the entries that follow are whole ones.
      if (sizeBytes < 0) sizeBytes = Number.MAX_SAFE_INTEGER
      offsetBytes = 0
      at = next
    }
    append.sgt.nents += entries
    append.sgt.origNents = append.sgt.nents
    append.prv = sg
    return true
  }

  private countEntries(from: PagesToAppend, merged: number, maxPages: number): number {
    const end = from.first + from.nPages
    let entries = 0
    for (let at = from.first + merged; at < end; at = this.endOfRun(from.page, at, end, maxPages)) entries++
    return entries
  }

  /** Index behind the pages that make one entry together with the page at `at`. */
  private endOfRun(page: Int32Array, at: number, end: number, maxPages: number): number {
    let pages = 1
    let next = at + 1
    while (next < end && pages < maxPages && this.areMergeable(page[next], page[next - 1])) {
      pages++
      next++
    }
    return next
  }

  /**
   * The entry behind `sg`. The last one of a chunk is used only when `needed` is 1; else it becomes the link to a new
   * chunk. SG_NONE when that cannot be had. @kernel lib/scatterlist.c: get_next_sg
   */
  private nextEntry(append: SgAppendTable, sg: number, needed: number): number {
    const { lists } = this.allocator
    let link = SG_NONE
    if (sg !== SG_NONE) {
      link = lists.next(sg)
      invariant(link !== SG_NONE, 'pages are appended behind the end mark, or more of them than left_pages told')
      if (!lists.isLast(link) || needed === 1) return link
    }
    const size = needed < SG_MAX_SINGLE_ALLOC ? needed : SG_MAX_SINGLE_ALLOC
    const chunk = this.allocator.take(size)
    if (chunk === SG_NONE) return SG_NONE
    lists.initTable(chunk, size)
    if (link === SG_NONE) {
      append.sgt.sgl = chunk
      append.totalNents = size
    } else {
      lists.link(link, chunk)
      append.totalNents += size - 1
    }
    return chunk
  }

  /** Page `a` continues page `b`. @kernel lib/scatterlist.c: pages_are_mergeable */
  private areMergeable(a: number, b: number): boolean {
    return this.pages.frameOf(a) === this.pages.frameOf(b) + 1 && this.isSameMap(a, b)
  }

  /** @kernel include/linux/mmzone.h: zone_device_pages_have_same_pgmap (since 6.2) */
  private isSameMap(a: number, b: number): boolean {
    if (!this.kernel.comparesPageMaps || this.pages.kindOf(a) === this.pages.kindOf(b)) return true
    return IS_ZONE_DEVICE[this.pages.kindOf(a)] === 0 && IS_ZONE_DEVICE[this.pages.kindOf(b)] === 0
  }
}
