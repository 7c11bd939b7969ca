import { grown, InvariantError, type IterStep, PAGE_OFFSET_MASK, PAGE_SIZE, type PageList } from '@pinscope/core'

/** Most pieces of one operation: two for each page of MAX_RW_COUNT bytes. */
const PIECES_MAX = 1 << 20

/**
 * The data of an operation in pieces that lie in one page each, as columns: what the messenger takes from a bio, a bvec
 * array or a page array, one at a time. As a step of an iteration it collects what an iterator over kernel memory names.
 * @kernel include/linux/bvec.h: bvec_iter_bvec
 */
export class PagePieces implements IterStep {
  readonly foll = 0
  readonly allOrNothing = false
  /** Page row, and where in it. */
  page = new Int32Array(256)
  offsetBytes = new Int32Array(256)
  lengthBytes = new Int32Array(256)
  length = 0
  /** Of all pieces. */
  bytes = 0

  clear(): void {
    this.length = 0
    this.bytes = 0
  }

  /** Appends a piece; nothing of it is left. */
  piece(page: number, offset: number, length: number): number {
    if (this.length === this.page.length) this.grow()
    const at = this.length++
    this.page[at] = page
    this.offsetBytes[at] = offset
    this.lengthBytes[at] = length
    this.bytes += length
    return 0
  }

  /** Appends what one extraction listed; a run of a folio page by page. */
  addList(list: PageList): void {
    for (let i = 0; i < list.length; i++) {
      let offset = list.offsetBytes[i]
      let left = list.lengthBytes[i]
      for (let page = list.page[i]; left > 0; page++) {
        const part = Math.min(left, PAGE_SIZE - (offset & PAGE_OFFSET_MASK))
        this.piece(page, offset, part)
        left -= part
        offset = 0
      }
    }
  }

  /** Makes room for `pieces` pieces of `bytes` bytes in all, each of which is {@link set} then. */
  resize(pieces: number, bytes: number): void {
    while (this.page.length < pieces) this.grow()
    this.length = pieces
    this.bytes = bytes
  }

  set(at: number, page: number, offset: number, length: number): void {
    this.page[at] = page
    this.offsetBytes[at] = offset
    this.lengthBytes[at] = length
  }

  private grow(): void {
    const capacity = this.page.length * 2
    if (capacity > PIECES_MAX) throw new InvariantError('an operation has more pieces than PIECES_MAX')
    this.page = grown(this.page, capacity)
    this.offsetBytes = grown(this.offsetBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
  }
}
