import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'
import { FrameRows } from './frame-rows.ts'
import { PageBits } from './page-bits.ts'
import { BLOCK_MASK, BLOCK_PAGES, BLOCK_SHIFT } from './page-blocks.ts'
import { PageColumn } from './page-column.ts'
import { PageCounts } from './page-counts.ts'

/** What a page is, as the `backing` of its mapping had it, and the zero page. */
export const PAGE_KINDS = [
  'anon',
  'thp',
  'hugetlb',
  'shmem',
  'file',
  'device',
  'pfn',
  'vmalloc',
  'slab',
  'rodata',
  'p2pdma',
  'fsdax',
  'secretmem',
  'zero',
] as const
/** Name of a page kind. */
export type PageKindName = (typeof PAGE_KINDS)[number]

/** Codes of page kinds: indices into {@link PAGE_KINDS}. */
export const KIND_ANON = PAGE_KINDS.indexOf('anon')
export const KIND_THP = PAGE_KINDS.indexOf('thp')
export const KIND_HUGETLB = PAGE_KINDS.indexOf('hugetlb')
/** Shared memory: a file without a disk. @kernel mm/shmem.c */
export const KIND_SHMEM = PAGE_KINDS.indexOf('shmem')
/** Kind of a page of the page cache. @kernel include/linux/page-flags.h: folio_mapping, not PageAnon */
export const KIND_FILE = PAGE_KINDS.indexOf('file')
/** Kind of a page of kmalloc'ed memory: a reference on it keeps no object in it. @kernel include/linux/page-flags.h: PageSlab */
export const KIND_SLAB = PAGE_KINDS.indexOf('slab')
/** Kind of a page that only its frame number names. */
export const KIND_PFN = PAGE_KINDS.indexOf('pfn')
const KIND_ZERO = PAGE_KINDS.indexOf('zero')

/** Row of the shared 4 KiB zero page. @kernel include/linux/pgtable.h: ZERO_PAGE; include/linux/mm.h: is_zero_folio */
export const ZERO_PAGE = 0

/** Most pages a store holds: 1 TiB of touched memory, and the zero page. */
export const PAGES_MAX = (1 << 28) + 1

/** End of the rows: those of whole leaves are set aside, of which not every page is touched. */
const ROWS_MAX = 1 << 30
/** End of the rows that are set aside by the leaf. What lies behind it is given page by page, and is enough for PAGES_MAX. */
const LEAF_ROWS_MAX = ROWS_MAX / 2

/** Order of a PMD-sized folio: 2 MiB. @kernel HPAGE_PMD_ORDER */
export const PMD_ORDER = 9

/** Anonymous pages: those that fork and copy-on-write know. @kernel include/linux/page-flags.h: PageAnon */
export function isAnonymous(kind: number): boolean {
  return kind === KIND_ANON || kind === KIND_THP
}

/** First page of the naturally aligned 2^order pages with `page` in them. */
export function firstOfFolio(page: number, order: number): number {
  return Math.floor(page / 2 ** order) * 2 ** order
}

const FRAME_FIRST = -0x80000000
/** Orders are below it. */
const ORDERS = 32

/**
 * `struct page` and `struct folio`. A row is a page; the row of its folio's first page is its head, and has the counts.
 * Rows come in blocks of 512, each for folios of one kind and one order, which lie at multiples of their size: so a
 * block, not a page, has those two, and a head follows from them. What differs from page to page takes memory only in
 * blocks where some page is other than a fresh one: clean, with one reference, of one address space alone.
 *
 * A frame is the physical page number as far as it is known: the pages of one folio follow each other, two folios never
 * do, and pages named by frame number in the trace have that number. Two pages are physically adjacent exactly where
 * their frames are.
 *
 * @kernel include/linux/mm_types.h: struct page, struct folio (_refcount, _pincount)
 */
export class PageStore {
  /** Pages there are. */
  used = 0
  /** One past the last row: not every row below it is a page yet. */
  length = 0
  /** Only the ledger moves them. */
  readonly counts = new PageCounts()

  /** By block: index into {@link PAGE_KINDS}, and log2 of the pages of each folio. */
  private kinds = new Uint8Array(16)
  private orders = new Uint8Array(16)
  /** By kind and order: where the next folio goes; at the begin of a block: nowhere yet. */
  private readonly next = new Int32Array(PAGE_KINDS.length * ORDERS)
  /** Of heads: the folio is dirty. */
  private readonly dirty = new PageBits()
  /** Of anonymous pages: not of one address space alone. */
  private readonly shared = new PageBits()
  /** Of pages that the trace names: ~ their frame number. */
  private readonly named = new PageColumn()
  private readonly frames = new FrameRows()

  constructor() {
    this.allocateFolio(0, KIND_ZERO)
  }

  /** Index into {@link PAGE_KINDS}. */
  kindOf(page: number): number {
    return this.kinds[page >>> BLOCK_SHIFT]
  }

  /** log2 of the pages of the page's folio. @kernel include/linux/mm.h: folio_order */
  orderOf(page: number): number {
    return this.orders[page >>> BLOCK_SHIFT]
  }

  /** Row of the first page of the page's folio. @kernel include/linux/page-flags.h: page_folio, compound_head */
  headOf(page: number): number {
    return page & -(1 << this.orders[page >>> BLOCK_SHIFT])
  }

  /** Rows from `page` on, at most `count`, that are small pages. */
  smallPagesFrom(page: number, count: number): number {
    const end = page + count
    for (let at = (page | BLOCK_MASK) + 1; at < end; at += BLOCK_PAGES) if (this.orderOf(at) > 0) return at - page
    return count
  }

  /** Of these following rows no two are physically adjacent: small pages, and none that the trace names. */
  areApart(page: number, count: number): boolean {
    for (let at = page; at < page + count; at = (at | BLOCK_MASK) + 1) {
      if (this.orderOf(at) > 0 || this.named.hasBlock(at)) return false
    }
    return true
  }

  /** Physical page number; negative where the trace does not tell it. @kernel page_to_pfn */
  frameOf(page: number): number {
    const named = this.named.get(page)
    return named === 0 ? FRAME_FIRST + this.headOf(page) + page : ~named
  }

  /** References on the page's folio, with 1024 for each pin of a small one. @kernel include/linux/page_ref.h: folio_ref_count */
  refcountOf(page: number): number {
    return this.counts.refcount(this.headOf(page))
  }

  /** Pins of a large folio, one for each pinned page of it; 0 of a small one. @kernel struct folio: _pincount */
  pincountOf(page: number): number {
    return this.orderOf(page) === 0 ? 0 : this.counts.pincount(this.headOf(page))
  }

  /**
   * An anonymous page that belongs to one address space alone, so that a write needs no copy. A pinned anonymous page is
   * exclusive. @kernel include/linux/page-flags.h: PageAnonExclusive
   */
  isExclusive(page: number): boolean {
    return isAnonymous(this.kindOf(page)) && !this.shared.has(page)
  }

  /** Gives an anonymous page to one address space alone, or not. @kernel include/linux/page-flags.h: SetPageAnonExclusive, ClearPageAnonExclusive */
  setExclusive(page: number, isExclusive: boolean): void {
    if (isExclusive) this.shared.clear(page)
    else if (isAnonymous(this.kindOf(page))) this.shared.set(page)
  }

  /** The page's folio is dirty: to dirty one page of it dirties the folio. @kernel include/linux/page-flags.h: folio_test_dirty */
  isDirty(page: number): boolean {
    return this.dirty.has(this.headOf(page))
  }

  /** Makes the folio of a page dirty, or clean. @kernel include/linux/page-flags.h: folio_set_dirty, folio_clear_dirty */
  setDirty(page: number, isDirty: boolean): void {
    if (isDirty) this.dirty.set(this.headOf(page))
    else this.dirty.clear(this.headOf(page))
  }

  /** Makes the folios dirty that have a page of the run; returns how many were clean. */
  dirtyRun(page: number, count: number): number {
    const end = page + count
    let dirtied = 0
    for (let at = page; at < end; ) {
      const order = this.orderOf(at)
      // Rows of one block, or one folio.
      const next = order === 0 ? (at | BLOCK_MASK) + 1 : this.headOf(at) + 2 ** order
      dirtied += order === 0 ? this.dirty.set(at, Math.min(next, end) - at) : this.dirty.set(this.headOf(at))
      at = next
    }
    return dirtied
  }

  /**
   * Allocates 2^order pages; returns the head's row. The folio starts with one reference: that of whoever asked.
   * `isExclusive`: of anonymous pages.
   */
  allocateFolio(order: number, kind: number, isExclusive = false): number {
    const pages = 2 ** order
    const head = this.place(order, kind)
    this.use(pages)
    if (!isExclusive && isAnonymous(kind)) this.shared.set(head, pages)
    return head
  }

  /** First of 512 rows for the small pages of a leaf, of which none is in use yet; -1 where no rows are set aside any more. */
  setLeafAside(kind: number): number {
    return this.length < LEAF_ROWS_MAX ? this.addBlocks(0, kind) : -1
  }

  /** Takes that many of the rows set aside into use: clean, exclusive, with one reference each. */
  use(pages: number): void {
    this.used += pages
    invariant(this.used <= PAGES_MAX, 'the trace touches more pages than PAGES_MAX')
  }

  /** Row of the page with that frame number, -1 where nothing named it yet. */
  findFrame(frame: number): number {
    return this.frames.find(frame)
  }

  /** Row of the page with that frame number (0 … 2^31 - 1), made on first use. @kernel pfn_to_page */
  pageOfFrame(frame: number, kind = KIND_PFN): number {
    const known = this.frames.find(frame)
    if (known >= 0) return known
    const row = this.allocateFolio(0, kind)
    this.named.set(row, ~frame)
    this.frames.insert(frame, row)
    return row
  }

  /** Bytes of memory. */
  get byteLength(): number {
    const { kinds, orders, next, counts, dirty, shared, named, frames } = this
    const columns = [kinds, orders, next, counts, dirty, shared, named, frames]
    return columns.reduce((sum, column) => sum + column.byteLength, 0)
  }

  private place(order: number, kind: number): number {
    const at = kind * ORDERS + order
    const head = (this.next[at] & BLOCK_MASK) === 0 ? this.addBlocks(order, kind) : this.next[at]
    this.next[at] = head + 2 ** order
    return head
  }

  /** First row of new blocks for folios of that order: one block, or as many as one folio takes. */
  private addBlocks(order: number, kind: number): number {
    const size = Math.max(BLOCK_PAGES, 2 ** order)
    const first = Math.ceil(this.length / size) * size
    const end = first + size
    invariant(end <= ROWS_MAX, 'the page store has no row left')
    const blocks = end >>> BLOCK_SHIFT
    if (blocks > this.kinds.length) {
      const capacity = Math.max(blocks, this.kinds.length * 2)
      this.kinds = grown(this.kinds, capacity)
      this.orders = grown(this.orders, capacity)
      this.counts.makeRoom(capacity)
    }
    this.kinds.fill(kind, first >>> BLOCK_SHIFT, blocks)
    this.orders.fill(order, first >>> BLOCK_SHIFT, blocks)
    this.length = end
    return first
  }
}
