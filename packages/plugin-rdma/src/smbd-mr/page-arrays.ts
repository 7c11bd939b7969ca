import { nthPage, PAGE_OFFSET_MASK, PAGE_SHIFT, PAGE_SIZE, type PageStore } from '@pinscope/core'
import { Pieces } from '../payload/pieces.ts'

/**
 * Pieces of memory as arrays of pages, each with an offset into its first page and a size of its last: 6.1 tells memory in
 * no other way. An array ends before a page that does not begin at its start, and behind one that is not full.
 * @kernel fs/smb/client/smbdirect.c: smbd_register_mr (6.1: pages[], num_pages, offset, tailsz)
 */
export class PageArrays {
  /** The pages of the array that {@link next} made. */
  readonly array = new Pieces()
  private readonly pages: PageStore
  private from = this.array
  /** Where the next array begins: piece, and bytes of it that are in an array. */
  private piece = 0
  private doneBytes = 0

  constructor(pages: PageStore) {
    this.pages = pages
  }

  /** The next array is the first of these pieces. */
  begin(pieces: Pieces): void {
    this.from = pieces
    this.piece = 0
    this.doneBytes = 0
  }

  /** Makes the next array: its bytes, 0 behind the last. */
  next(): number {
    const { array, from } = this
    array.clear()
    let isFull = true
    while (this.piece < from.length && isFull) {
      const offset = from.offsetBytes[this.piece] + this.doneBytes
      const start = offset & PAGE_OFFSET_MASK
      if (array.length > 0 && start !== 0) break
      const left = from.lengthBytes[this.piece] - this.doneBytes
      const part = left < PAGE_SIZE - start ? left : PAGE_SIZE - start
      array.add(this.pageAt(from.page[this.piece], offset >>> PAGE_SHIFT), start, part)
      isFull = start + part === PAGE_SIZE
      this.doneBytes += part
      if (part === left) {
        this.piece++
        this.doneBytes = 0
      }
    }
    return array.bytes
  }

  /** The page `n` pages behind one, where there is one. */
  private pageAt(page: number, n: number): number {
    return page < 0 ? page : nthPage(this.pages, page, n)
  }
}
