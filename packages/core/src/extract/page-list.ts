import { PAGE_SIZE, pagesSpanned } from '../units.ts'
import { RETAIN_NONE, type Retention } from './retention.ts'

/** Most pages that one extraction lists. A caller that may take more calls again, as kernel callers do. */
export const PAGE_LIST_MAX = 4096

/**
 * What one extraction found: {page, offset, length} columns, filled in place and reused. One retention covers all
 * entries. An entry is one page; under the folio policy it is one contiguous run of a folio, and `page` its first page.
 *
 * Entries other than the first begin at offset 0, and all but the last end at the end of a page. Because of that only
 * the ends are written for each extraction: what lies between is whole pages already.
 * @kernel the `pages` array and `offset0` of lib/iov_iter.c: iov_iter_extract_pages
 */
export class PageList {
  readonly page: Int32Array
  readonly offsetBytes: Int32Array
  readonly lengthBytes: Int32Array
  /** Entries in use. */
  length = 0
  /** Pages listed: equals `length` unless runs were joined. */
  pages = 0
  retention: Retention = RETAIN_NONE
  /** The rows follow each other: the pages were faulted in in order. False where nobody looked. */
  isRun = false
  /** Slab pages among the entries are listed and not referenced: the hold has no entry for them. @kernel lib/iov_iter.c: __iov_iter_get_pages_alloc (since 6.16) */
  sparesSlab = false
  /** An entry is a run of a folio, not a page: the folio policy. */
  joined = false

  /** Entries that may differ from a whole page: the first, and those from here on below {@link dirtyEnd}. */
  private dirtyFirst = 0
  private dirtyEnd = 0

  /** `capacity`: entries at most. */
  constructor(capacity = PAGE_LIST_MAX) {
    this.page = new Int32Array(capacity)
    this.offsetBytes = new Int32Array(capacity)
    this.lengthBytes = new Int32Array(capacity).fill(PAGE_SIZE)
  }

  /** Lists nothing. */
  clear(): void {
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

  /** Joins neighbouring pages of one folio, as `head` tells it, into one entry. */
  joinRuns(head: Int32Array): void {
    this.joined = true
    this.isRun = false
    const { page, lengthBytes } = this
    let last = 0
    let next = page[0] + 1
    for (let i = 1; i < this.length; i++) {
      const row = page[i]
      if (row === next && head[row] === head[page[last]]) {
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
