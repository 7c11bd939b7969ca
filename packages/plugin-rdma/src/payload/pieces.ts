import { grown, InvariantError } from '@pinscope/core'

/** Most pieces of one operation: two for each page of MAX_RW_COUNT bytes. */
const PIECES_MAX = 1 << 20

/**
 * The payload of an operation as pieces that are contiguous in memory, in columns: what a list of bio_vecs, scatterlist
 * entries or ib_sge is made of. A piece may be longer than a page: the pages that follow in the same folio or bvec.
 */
export class Pieces {
  /** Page rows: the page where the piece begins, or the first page of its folio. */
  page = new Int32Array(256)
  /** From the start of that page; may be beyond it. */
  offsetBytes = new Int32Array(256)
  lengthBytes = new Int32Array(256)
  length = 0
  /** Of all pieces. */
  bytes = 0

  clear(): void {
    this.length = 0
    this.bytes = 0
  }

  add(page: number, offsetBytes: number, lengthBytes: number): void {
    if (this.length === this.page.length) this.grow()
    this.page[this.length] = page
    this.offsetBytes[this.length] = offsetBytes
    this.lengthBytes[this.length] = lengthBytes
    this.length++
    this.bytes += lengthBytes
  }

  private grow(): void {
    const capacity = this.length * 2
    if (capacity > PIECES_MAX) throw new InvariantError('an operation has more pieces than PIECES_MAX')
    this.page = grown(this.page, capacity)
    this.offsetBytes = grown(this.offsetBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
  }
}
