import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'

/** Runs of references held at one time, at most. */
export const ENTRIES_MAX = 1 << 26

/** End of a chain: entry 0 is never used. */
export const ENTRY_NONE = 0

/**
 * Chains of runs: a hold is a chain, and an entry of it is `count` pages whose rows follow each other, with one
 * reference each. Memory that is faulted in in order has such rows, so most holds are one entry long. Freed entries are
 * used again, last freed first; the columns double when none is free.
 */
export class EntryPool {
  /** Row of the first page. */
  page = new Int32Array(4096)
  /** Pages of the run. */
  count = new Int32Array(4096)
  next = new Int32Array(4096)
  private free = ENTRY_NONE
  private freeCount = 0

  constructor() {
    this.chainFree(1, this.page.length)
  }

  /** A free entry for a run; its `next` is {@link ENTRY_NONE}. */
  take(page: number, count: number): number {
    if (this.freeCount === 0) this.grow()
    const entry = this.free
    this.free = this.next[entry]
    this.freeCount--
    this.page[entry] = page
    this.count[entry] = count
    this.next[entry] = ENTRY_NONE
    return entry
  }

  give(entry: number): void {
    this.next[entry] = this.free
    this.free = entry
    this.freeCount++
  }

  private grow(): void {
    const before = this.page.length
    const capacity = before * 2
    invariant(capacity <= ENTRIES_MAX, 'more references are held at one time than ENTRIES_MAX')
    this.page = grown(this.page, capacity)
    this.count = grown(this.count, capacity)
    this.next = grown(this.next, capacity)
    this.chainFree(before, capacity)
  }

  private chainFree(from: number, to: number): void {
    for (let entry = to - 1; entry >= from; entry--) {
      this.next[entry] = this.free
      this.free = entry
    }
    this.freeCount += to - from
  }
}
