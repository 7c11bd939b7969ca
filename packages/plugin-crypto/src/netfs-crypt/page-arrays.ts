import {
  ENOMEM,
  grown,
  type IovIter,
  isVector,
  type Operation,
  PAGE_LIST_MAX,
  PAGE_OFFSET_MASK,
  POINTER_BYTES,
  pagesSpanned,
  RowPool,
} from '@pinscope/core'

/** No array: the end of a chain. */
export const NO_ARRAYS = 0

/**
 * The page arrays that iov_iter_get_pages_alloc2() allocates for its callers, who free them when the I/O is done: a chain
 * of them for each operation. Which pages are in them does not matter here.
 * @kernel lib/iov_iter.c: iov_iter_get_pages_alloc2, want_pages_array
 */
export class PageArrays {
  private pages = new Int32Array(64)
  private next = new Int32Array(64)
  private readonly rows = new RowPool(1)

  /** An array of `pages` pointers in front of a chain: the new chain, or -ENOMEM with the old one as it was. */
  alloc(io: Operation, pages: number, chain: number): number {
    if (!io.allocate(POINTER_BYTES * pages)) return ENOMEM
    const row = this.rows.take()
    if (row === this.pages.length) this.grow()
    this.pages[row] = pages
    this.next[row] = chain
    return row
  }

  /** Frees the first array of a chain; returns the rest. */
  freeFirst(io: Operation, chain: number): number {
    io.free(POINTER_BYTES * this.pages[chain])
    const rest = this.next[chain]
    this.rows.give(chain)
    return rest
  }

  /** Frees every array of a chain. */
  freeAll(io: Operation, chain: number): void {
    let rest = chain
    while (rest !== NO_ARRAYS) rest = this.freeFirst(io, rest)
  }

  private grow(): void {
    this.pages = grown(this.pages, 2 * this.pages.length)
    this.next = grown(this.next, 2 * this.next.length)
  }
}

/** Pages that the next call may list: to the end of the first segment that is not empty, where there are segments. @kernel want_pages_array */
export function pagesOfNextCall(iter: IovIter): number {
  if (!isVector(iter.type)) return iter.npages(PAGE_LIST_MAX)
  const { addressBytes, offsetBytes, lengthBytes } = iter.table
  const column = iter.isByFrame() ? offsetBytes : addressBytes
  let skip = iter.iovOffsetBytes
  for (let s = iter.segment; s < iter.segment + iter.segmentsLeft; s++) {
    const rest = lengthBytes[s] - skip
    const length = rest < iter.countBytes ? rest : iter.countBytes
    const pages = pagesSpanned((column[s] + skip) & PAGE_OFFSET_MASK, length)
    if (length > 0) return pages < PAGE_LIST_MAX ? pages : PAGE_LIST_MAX
    skip = 0
  }
  return 1
}
