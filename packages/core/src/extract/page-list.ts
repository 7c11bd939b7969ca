import type { PageStore } from '../memory/page-store.ts'
import { PAGE_SIZE, pagesSpanned } from '../units.ts'
import { RETAIN_NONE, type Retention } from './retention.ts'

/** Most pages that one extraction lists. A caller that may take more calls again, as kernel callers do. */
export const PAGE_LIST_MAX = 4096

const NO_RUN = -1

/**
 * What one extraction found: {page, offset, length} columns, filled in place and reused. One retention covers all
 * entries. An entry is one page; under the folio policy it is one contiguous run of a folio, and `page` its first page.
 *
 * Entries other than the first begin at offset 0, and all but the last end at the end of a page. Because of that only
 * the ends are written for each extraction: what lies between is whole pages already.
 * @kernel the `pages` array and `offset0` of lib/iov_iter.c: iov_iter_extract_pages
 */
export class PageList {
  readonly offsetBytes: Int32Array
  readonly lengthBytes: Int32Array
  /** Entries in use. */
  length = 0
  /** Pages listed: equals `length` unless runs were joined. */
  pages = 0
  retention: Retention = RETAIN_NONE
  /** The rows follow each other: the pages were faulted in together, or in order. False where nobody looked. */
  isRun = false
  /** Slab pages among the entries are listed and not referenced: the hold has no entry for them. @kernel lib/iov_iter.c: __iov_iter_get_pages_alloc (since 6.16) */
  sparesSlab = false
  /** An entry is a run of a folio, not a page: the folio policy. */
  joined = false

  /** Entries that may differ from a whole page: the first, and those from here on below {@link dirtyEnd}. */
  private dirtyFirst = 0
  private dirtyEnd = 0
  private readonly rows: Int32Array
  /** First of following rows that {@link rows} has not been given yet, and how many; none where it is negative. */
  private firstRow = NO_RUN
  private rowCount = 0

  /** `capacity`: entries at most. */
  constructor(capacity = PAGE_LIST_MAX) {
    this.rows = new Int32Array(capacity)
    this.offsetBytes = new Int32Array(capacity)
    this.lengthBytes = new Int32Array(capacity).fill(PAGE_SIZE)
  }

  /** By entry: the row of its (first) page. */
  get page(): Int32Array {
    if (this.firstRow !== NO_RUN) this.writeRows()
    return this.rows
  }

  /** Row of the first entry's (first) page. */
  get firstPage(): number {
    return this.pageAt(0)
  }

  /** Row of an entry's (first) page, for who reads few of {@link page}. */
  pageAt(index: number): number {
    return this.firstRow === NO_RUN ? this.rows[index] : this.firstRow + index
  }

  /** The entries are `count` following rows from `first` on. They are written when somebody reads {@link page}. */
  setRun(first: number, count: number): void {
    this.firstRow = first
    this.rowCount = count
    this.isRun = true
  }

  private writeRows(): void {
    const { rows, firstRow, rowCount } = this
    for (let i = 0; i < rowCount; i++) rows[i] = firstRow + i
    this.firstRow = NO_RUN
  }

  /** Lists nothing. */
  clear(): void {
    this.firstRow = NO_RUN
    this.length = 0
    this.pages = 0
    this.isRun = false
    this.joined = false
    this.sparesSlab = false
  }

  /** `pages` pages that hold `bytes` bytes, the first of them from offset `start` on. */
  describe(pages: number, start: number, bytes: number): void {
    const { offsetBytes, lengthBytes } = this
    for (let i = this.dirtyFirst; i < this.dirtyEnd; i++) lengthBytes[i] = PAGE_SIZE
    const last = pages - 1
    offsetBytes[0] = start
    lengthBytes[0] = PAGE_SIZE - start
    lengthBytes[last] -= pages * PAGE_SIZE - start - bytes
    this.length = pages
    this.pages = pages
    this.joined = false
    this.dirtyFirst = last
    this.dirtyEnd = pages
  }

  /** Drops the last `bytes` bytes; returns how many entries went whole. */
  trim(bytes: number): number {
    const { lengthBytes } = this
    const before = this.length
    let left = bytes
    while (left > 0 && lengthBytes[this.length - 1] <= left) {
      this.length--
      left -= lengthBytes[this.length]
    }
    if (left > 0) {
      lengthBytes[this.length - 1] -= left
      this.dirtyFirst = Math.min(this.dirtyFirst, this.length - 1)
    }
    // An entry may be a run of pages: those left are counted by their bytes.
    let rest = 0
    for (let i = 0; i < this.length; i++) rest += lengthBytes[i]
    this.pages = rest === 0 ? 0 : pagesSpanned(this.offsetBytes[0], rest)
    return before - this.length
  }

  /** Joins neighbouring pages of one folio into one entry. */
  joinRuns(store: PageStore): void {
    const isOneFolio = this.isRun && store.headOf(this.firstPage) === store.headOf(this.firstPage + this.length - 1)
    this.joined = true
    this.isRun = false
    if (isOneFolio) this.joinAll()
    else this.joinNeighbours(store)
  }

  private joinAll(): void {
    const { lengthBytes } = this
    const last = this.length - 1
    this.rows[0] = this.firstPage
    this.firstRow = NO_RUN
    if (last === 0) return
    lengthBytes[0] += (last - 1) * PAGE_SIZE + lengthBytes[last]
    lengthBytes[last] = PAGE_SIZE
    this.length = 1
    this.dirtyFirst = 0
    this.dirtyEnd = 1
  }

  private joinNeighbours(store: PageStore): void {
    const { page, lengthBytes } = this
    let last = 0
    let next = page[0] + 1
    for (let i = 1; i < this.length; i++) {
      const row = page[i]
      if (row === next && store.headOf(row) === store.headOf(page[last])) {
        lengthBytes[last] += lengthBytes[i]
      } else {
        last++
        page[last] = row
        lengthBytes[last] = lengthBytes[i]
      }
      next = row + 1
    }
    this.length = last + 1
    this.dirtyFirst = 0
  }
}
