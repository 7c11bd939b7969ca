import { invariant } from '../invariant.ts'
import type { PageStore } from '../memory/page-store.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE } from '../units.ts'
import { nthPage, type Scatterlists, SG_NO_PAGE, SG_NONE } from './scatterlist.ts'

/**
 * A walk over a list, one piece of one page after the other. Reused: {@link start} begins a new walk.
 * @kernel include/linux/scatterlist.h: struct sg_mapping_iter, sg_page_iter; lib/scatterlist.c: sg_miter_start, _skip,
 *   _next, _stop. The same in all four versions; nothing is mapped here, so there are no flags.
 */
export class SgMiter {
  /** Page row of the piece, or SG_NO_PAGE while stopped. */
  page = SG_NO_PAGE
  /** Where the piece begins in that page. */
  offsetBytes = 0
  /** Bytes of the piece; 0 while stopped. */
  lengthBytes = 0
  /** How much of the piece the caller used: all of it, unless it says less before the next call. */
  consumedBytes = 0

  private readonly lists: Scatterlists
  private readonly pages: PageStore
  private sg = SG_NONE
  /** Entries left, the current one included. */
  private nents = 0
  /** Pages from the entry's page to the current one. */
  private pageInEntry = 0
  private isUnder = false
  private remainingBytes = 0

  constructor(lists: Scatterlists, pages: PageStore) {
    this.lists = lists
    this.pages = pages
  }

  /** Before the first piece of the first `nents` entries. @kernel lib/scatterlist.c: sg_miter_start, __sg_page_iter_start */
  start(sgl: number, nents: number): void {
    this.page = SG_NO_PAGE
    this.offsetBytes = 0
    this.lengthBytes = 0
    this.consumedBytes = 0
    this.sg = sgl
    this.nents = nents
    this.pageInEntry = 0
    this.isUnder = false
    this.remainingBytes = 0
  }

  /** Moves on by `bytes`; false when the list ends before. @kernel lib/scatterlist.c: sg_miter_skip */
  skip(bytes: number): boolean {
    this.stop()
    let left = bytes
    while (left > 0) {
      if (!this.findPiece()) return false
      const step = left < this.remainingBytes ? left : this.remainingBytes
      this.offsetBytes += step
      this.remainingBytes -= step
      left -= step
    }
    return true
  }

  /** Moves to the next piece, or to what was left of the last one; false at the end. @kernel lib/scatterlist.c: sg_miter_next */
  next(): boolean {
    this.stop()
    if (!this.findPiece()) return false
    this.page = nthPage(this.pages, this.lists.page[this.sg], this.pageInEntry)
    this.lengthBytes = this.remainingBytes
    this.consumedBytes = this.remainingBytes
    return true
  }

  /** Ends the piece at what was consumed; {@link next} goes on from there. @kernel lib/scatterlist.c: sg_miter_stop */
  stop(): void {
    invariant(this.consumedBytes <= this.lengthBytes, 'sg_miter_stop: more was consumed than the piece has')
    if (this.page === SG_NO_PAGE) return
    this.offsetBytes += this.consumedBytes
    this.remainingBytes -= this.consumedBytes
    this.page = SG_NO_PAGE
    this.lengthBytes = 0
    this.consumedBytes = 0
  }

  /** @kernel lib/scatterlist.c: sg_miter_get_next_page */
  private findPiece(): boolean {
    if (this.remainingBytes > 0) return true
    if (!this.nextPage()) return false
    const { offsetBytes, lengthBytes } = this.lists
    let offset = 0
    if (this.pageInEntry === 0) {
      // The entry may begin some pages behind its page.
      offset = offsetBytes[this.sg] & PAGE_OFFSET_MASK
      this.pageInEntry = Math.floor(offsetBytes[this.sg] / PAGE_SIZE)
    }
    const rest = offsetBytes[this.sg] + lengthBytes[this.sg] - this.pageInEntry * PAGE_SIZE - offset
    this.offsetBytes = offset
    this.remainingBytes = rest < PAGE_SIZE - offset ? rest : PAGE_SIZE - offset
    return true
  }

  /** @kernel lib/scatterlist.c: __sg_page_iter_next */
  private nextPage(): boolean {
    if (this.nents === 0 || this.sg === SG_NONE) return false
    if (this.isUnder) this.pageInEntry++
    this.isUnder = true
    for (let count = this.lists.pageCount(this.sg); this.pageInEntry >= count; count = this.lists.pageCount(this.sg)) {
      this.pageInEntry -= count
      this.sg = this.lists.next(this.sg)
      this.nents--
      if (this.nents === 0 || this.sg === SG_NONE) return false
    }
    return true
  }
}
