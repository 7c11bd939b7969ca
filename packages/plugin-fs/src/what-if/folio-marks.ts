import { holding } from '@pinscope/core'

/** What a model knows of a folio. Its contents are on their way to the disk. @kernel PG_writeback */
export const MARK_WRITEBACK = 1 << 0
/** Cleaned and write-protected since the file system was asked. */
export const MARK_CLEAN = 1 << 1
/** @kernel PG_dirty */
export const MARK_DIRTY = 1 << 2
/** Something was stored that no writeback has taken. */
export const MARK_UNSAVED = 1 << 3
/** Its writeback waits for pins to go. */
export const MARK_WAITING = 1 << 4
/** The trace ended that writeback while it still waited: it is over as soon as it has begun. */
export const MARK_END_OWED = 1 << 5
/** It was passed over, and not written since. */
export const MARK_SKIPPED = 1 << 7
/** What goes to the disk is a copy. */
export const MARK_COPY = 1 << 8
/** Its blocks are shared with another file. */
export const MARK_SHARED = 1 << 9
/** A device stored into it while the disk read it. */
export const MARK_TORN = 1 << 10
/** It has left its file: no writeback comes to it. */
export const MARK_GONE = 1 << 11

/** Marks of folios by head page, and since when (ns) they have waited. */
export class FolioMarks {
  private flags = new Int32Array(1024)
  private since = new Float64Array(1024)
  /** Highest head page with a mark, plus 1. */
  private end = 0

  has(head: number, mark: number): boolean {
    return head < this.end && (this.flags[head] & mark) !== 0
  }

  set(head: number, mark: number): void {
    this.flags = holding(this.flags, head)
    this.flags[head] |= mark
    if (head >= this.end) this.end = head + 1
  }

  /**
   * There is something to write back: stores of CPUs and whoever dropped a pin made the folio dirty; those of a device do
   * not. One that no row of the trace made dirty or clean is taken for dirty, once: somebody may have stored to it before
   * the trace began, and the row says that it is written.
   * @kernel mm/page-writeback.c: folio_clear_dirty_for_io returns it
   */
  mayBeDirty(head: number): boolean {
    return !this.has(head, MARK_GONE) && (this.has(head, MARK_DIRTY) || !this.has(head, MARK_CLEAN))
  }

  drop(head: number, mark: number): void {
    if (head < this.end) this.flags[head] &= ~mark
  }

  /** {@link set}, and remembers the time. */
  setSince(head: number, mark: number, ns: number): void {
    this.set(head, mark)
    this.since = holding(this.since, head)
    this.since[head] = ns
  }

  sinceNs(head: number): number {
    return this.since[head]
  }

  /** Tells of each folio with all of `marks`, and none of `without`. */
  each(marks: number, without: number, tell: (head: number) => void): void {
    for (let head = 0; head < this.end; head++) {
      if ((this.flags[head] & (marks | without)) === marks) tell(head)
    }
  }
}
