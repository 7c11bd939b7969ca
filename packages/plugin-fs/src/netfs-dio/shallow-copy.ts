import { EIO, EXTRACT, GUARD_COUNT, type Guard, IovIter, type Operation, PAGE_LIST_MAX } from '@pinscope/core'

/**
 * An iterator over kernel memory, copied as it is: the segments stay the caller's, and nothing is taken on the pages.
 * Whoever made it keeps them until the operation is over, a registered buffer's pins among them. The pages are listed once,
 * as the transport below will find them.
 * @kernel fs/netfs/direct_read.c: netfs_unbuffered_read_iter_locked; direct_write.c: netfs_unbuffered_write_iter_locked
 */
export class ShallowCopy {
  /** Pages listed. */
  pages = 0
  /** Bytes that can be reached, and the error of what comes behind them; 0 where that is all. */
  reachBytes = 0
  error = 0
  private readonly start = new IovIter()

  /**
   * Lists what the operation's iterator names, and leaves it where it was. `guard`: what keeps the pages; a registered
   * buffer has its pins.
   */
  list(io: Operation, guard: Guard): void {
    const { iter, list } = io
    this.start.copyFrom(iter)
    this.pages = 0
    this.reachBytes = 0
    this.error = 0
    while (iter.countBytes > 0) {
      const bytes = io.extract(PAGE_LIST_MAX, iter.countBytes, 0, EXTRACT)
      if (bytes <= 0) {
        this.error = bytes === 0 ? EIO : bytes
        break
      }
      io.borrowList(iter.fixed ? GUARD_COUNT : guard)
      this.pages += list.pages
      this.reachBytes += bytes
    }
    iter.copyFrom(this.start)
  }
}
