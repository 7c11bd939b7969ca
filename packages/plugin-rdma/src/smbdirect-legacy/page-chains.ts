import { holding, type Operation } from '@pinscope/core'

/** The end of a chain. */
export const NO_PAGE = -1

/**
 * Pages that cifs allocates for one request and copies through: a chain for each request, the page allocated last in
 * front. @kernel fs/smb/client/file.c: cifs_write_allocate_pages, cifs_read_allocate_pages (6.1)
 */
export class PageChains {
  private next = new Int32Array(1024)

  /** A page more in front of a chain: its row, and the new chain. NO_PAGE, and the chain as it was, when none can be had. */
  push(io: Operation, chain: number): number {
    const page = io.owned.alloc()
    if (page < 0) return NO_PAGE
    this.next = holding(this.next, page)
    this.next[page] = chain
    return page
  }

  /** Frees the page in front; returns the rest of the chain. */
  pop(io: Operation, chain: number): number {
    const rest = this.next[chain]
    io.owned.put(chain)
    return rest
  }

  /** Frees every page of a chain. */
  freeAll(io: Operation, chain: number): void {
    let rest = chain
    while (rest !== NO_PAGE) rest = this.pop(io, rest)
  }
}
