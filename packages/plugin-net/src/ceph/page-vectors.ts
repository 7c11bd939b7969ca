import { grown, type Operation, POINTER_BYTES, RowPool } from '@pinscope/core'

/** No vector. */
export const VECTOR_NONE = 0

/**
 * Arrays of pages that the client allocates itself, and those pages, chained. Vector 0 is none.
 * @kernel net/ceph/pagevec.c: ceph_alloc_page_vector, ceph_release_page_vector
 */
export class PageVectors {
  private page = new Int32Array(256)
  /** The element after it in its vector; 0: the last. */
  private next = new Int32Array(256)
  /** Bytes of the array, by the first element. */
  private arrayBytes = new Int32Array(256)
  private readonly rows = new RowPool(1)

  /** A vector of `pages` pages, whose elements are `elementBytes` long; 0, with nothing left, where one cannot be had. */
  alloc(io: Operation, pages: number, elementBytes = POINTER_BYTES): number {
    const bytes = pages * elementBytes
    if (!io.allocate(bytes)) return VECTOR_NONE
    let first = VECTOR_NONE
    for (let i = 0; i < pages; i++) {
      const page = io.owned.alloc()
      if (page < 0) {
        this.freePages(io, first)
        io.free(bytes)
        return VECTOR_NONE
      }
      first = this.add(page, first)
    }
    this.arrayBytes[first] = bytes
    return first
  }

  release(io: Operation, vector: number): void {
    if (vector === VECTOR_NONE) return
    const bytes = this.arrayBytes[vector]
    this.freePages(io, vector)
    io.free(bytes)
  }

  private add(page: number, next: number): number {
    const row = this.rows.take()
    if (row === this.page.length) {
      this.page = grown(this.page, 2 * row)
      this.next = grown(this.next, 2 * row)
      this.arrayBytes = grown(this.arrayBytes, 2 * row)
    }
    this.page[row] = page
    this.next[row] = next
    return row
  }

  private freePages(io: Operation, first: number): void {
    for (let row = first; row !== VECTOR_NONE; row = this.next[row]) {
      io.owned.put(this.page[row])
      this.rows.give(row)
    }
  }
}
