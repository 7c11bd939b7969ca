import { type Consumer, EFAULT, FAULT_LIMIT, type Hold, type Operation, PAGE_SIZE } from '@pinscope/core'

/** Bytes and pages of one call, and of the array for its pages. */
const PAGES_MAX = 4

/**
 * User memory becomes bvecs, as many at a time as the array has room for. An extraction that brings more (a limit made to
 * fail) has written behind the array; before the fix the pages that it wrote there went into the list too.
 * @kernel fs/netfs/iterator.c: netfs_extract_user_iter; lib/iov_iter.c: iov_iter_extract_pages
 */
export class UserBvecs implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    let done = 0
    while (done < io.lengthBytes) {
      const over = io.faults.fails(FAULT_LIMIT) ? 1 : 0
      const bytes = io.extract(PAGES_MAX + over, (PAGES_MAX + over) * PAGE_SIZE)
      if (bytes <= 0) return bytes === 0 ? EFAULT : bytes
      const { hold } = io
      const kept = Math.min(io.list.length, this.isFixed ? PAGES_MAX : PAGES_MAX + 1)
      done += this.list(io, hold, kept)
      if (kept < io.list.length) return this.stop(io, hold)
      io.keep(hold)
    }
    return done
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private list(io: Operation, hold: Hold, count: number): number {
    const objects = io.audit?.objects
    const array = objects?.alloc('bio_vec', PAGES_MAX) ?? 0
    const { page, offsetBytes, lengthBytes } = io.list
    let bytes = 0
    for (let i = 0; i < count; i++) {
      objects?.attach(array, hold, page[i], offsetBytes[i], lengthBytes[i])
      bytes += lengthBytes[i]
    }
    objects?.free(array)
    return bytes
  }

  /** The pages are known, but the memory behind the array is another's now: the call fails. */
  private stop(io: Operation, hold: Hold): number {
    io.ledger.letGo(hold)
    return EFAULT
  }
}
