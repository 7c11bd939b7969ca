import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'

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
const KIND_PFN = PAGE_KINDS.indexOf('pfn')
const KIND_ZERO = PAGE_KINDS.indexOf('zero')

/** Row of the shared 4 KiB zero page. @kernel include/linux/pgtable.h: ZERO_PAGE; include/linux/mm.h: is_zero_folio */
export const ZERO_PAGE = 0

/** Most pages a store holds: 1 TiB of touched memory. */
export const PAGES_MAX = 1 << 28

/** Order of a PMD-sized folio: 2 MiB. @kernel HPAGE_PMD_ORDER */
export const PMD_ORDER = 9

/** First page of the naturally aligned 2^order pages with `page` in them. */
export function firstOfFolio(page: number, order: number): number {
  return Math.floor(page / 2 ** order) * 2 ** order
}

const FRAME_FIRST = -0x80000000

/**
 * `struct page` and `struct folio` as columns. A row is a page; its `head` is the row of its folio's first page, where
 * the counts live. Only the ledger writes `refcount` and `pincount` after allocation.
 *
 * `frame` is the physical page number as far as it is known: the pages of one folio follow each other, two folios never
 * do (a frame is left out between them), and pages named by frame number in the trace have that number. Two pages are
 * physically adjacent exactly where their frames are.
 *
 * @kernel include/linux/mm_types.h: struct page, struct folio (_refcount, _pincount)
 */
export class PageStore {
  length = 0
  /** Index into {@link PAGE_KINDS}. */
  kind = new Uint8Array(1024)
  /** log2 of the folio's pages, on every page of it. */
  order = new Uint8Array(1024)
  /** Row of the folio's head page. */
  head = new Int32Array(1024)
  /** Physical page number; negative where the trace does not tell it. */
  frame = new Int32Array(1024)
  /** On the head page: `_refcount`, with 1024 for each pin of a small folio. */
  refcount = new Int32Array(1024)
  /** On the head page of a large folio: `_pincount`, one for each pinned page of it. */
  pincount = new Int32Array(1024)
  /**
   * Of an anonymous page: 1 while it belongs to one address space alone, so that a write needs no copy. A pinned
   * anonymous page is exclusive. @kernel include/linux/page-flags.h: PG_anon_exclusive
   */
  exclusive = new Uint8Array(1024)
  /** On the head page: 1 for a dirty folio. Dirtying one page of a folio dirties the folio. @kernel PG_dirty */
  dirty = new Uint8Array(1024)

  private nextFrame = FRAME_FIRST
  private frames = new FrameIndex()

  constructor() {
    this.allocateFolio(0, KIND_ZERO)
  }

  /** Allocates 2^order pages; returns the head's row. The folio starts with one reference: that of whoever asked. */
  allocateFolio(order: number, kind: number): number {
    const frame = this.nextFrame
    this.nextFrame = frame + 2 ** order + 1
    invariant(this.nextFrame < 0, 'the page store has no frame left')
    return this.append(order, kind, frame)
  }

  /** Row of the page with that frame number, -1 where nothing named it yet. */
  findFrame(frame: number): number {
    return this.frames.find(frame)
  }

  /** Row of the page with that frame number (0 … 2^31 - 1), made on first use. @kernel pfn_to_page */
  pageOfFrame(frame: number): number {
    const known = this.frames.find(frame)
    if (known >= 0) return known
    const row = this.append(0, KIND_PFN, frame)
    this.frames.insert(frame, row)
    return row
  }

  private append(order: number, kind: number, frame: number): number {
    const first = this.length
    const pages = 2 ** order
    while (first + pages > this.kind.length) this.grow()
    for (let i = 0; i < pages; i++) {
      this.kind[first + i] = kind
      this.order[first + i] = order
      this.head[first + i] = first
      this.frame[first + i] = frame + i
    }
    this.refcount[first] = 1
    this.length = first + pages
    return first
  }

  private grow(): void {
    const capacity = this.kind.length * 2
    invariant(capacity <= PAGES_MAX, 'the trace touches more pages than PAGES_MAX')
    this.kind = grown(this.kind, capacity)
    this.order = grown(this.order, capacity)
    this.head = grown(this.head, capacity)
    this.frame = grown(this.frame, capacity)
    this.refcount = grown(this.refcount, capacity)
    this.pincount = grown(this.pincount, capacity)
    this.exclusive = grown(this.exclusive, capacity)
    this.dirty = grown(this.dirty, capacity)
  }
}

/** Frame number to row: open addressing, at most half full. -1 marks an empty slot. */
class FrameIndex {
  private keys = new Int32Array(1024).fill(-1)
  private rows = new Int32Array(1024)
  private size = 0

  find(frame: number): number {
    const slot = this.slotOf(frame)
    return this.keys[slot] === frame ? this.rows[slot] : -1
  }

  insert(frame: number, row: number): void {
    if (this.size * 2 >= this.keys.length) this.grow()
    const slot = this.slotOf(frame)
    this.keys[slot] = frame
    this.rows[slot] = row
    this.size++
  }

  private slotOf(frame: number): number {
    const mask = this.keys.length - 1
    let slot = (Math.imul(frame, 0x9e3779b1) >>> 7) & mask
    while (this.keys[slot] !== -1 && this.keys[slot] !== frame) slot = (slot + 1) & mask
    return slot
  }

  private grow(): void {
    const { keys, rows } = this
    this.keys = new Int32Array(keys.length * 2).fill(-1)
    this.rows = new Int32Array(keys.length * 2)
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === -1) continue
      const slot = this.slotOf(keys[i])
      this.keys[slot] = keys[i]
      this.rows[slot] = rows[i]
    }
  }
}
