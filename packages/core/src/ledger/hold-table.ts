import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'
import { ENTRY_NONE, type EntryPool } from './entry-pool.ts'
import { generationOf, HOLDS_MAX, type Hold, slotOf } from './hold.ts'

/** Why a hold is still open at the end, as leaks say it. Index into {@link OPEN_REASONS}. */
export const REASON_NOT_RELEASED = 0
export const REASON_NO_COMPLETION = 1
export const REASON_ABANDONED = 2
export const REASON_WRONG_KIND = 3
export const REASON_LONG_TERM = 4
export const REASON_IN_FLIGHT = 5
export const REASON_NOBODY_TOLD = 6
/** A kernel put fewer pages than it took, and forgot the others. */
export const REASON_PUT_SHORT = 7
/** The request that was to put them could not be allocated. @kernel fs/smb/client/file.c: cifs_send_async_read (6.1) */
export const REASON_REQUEST_LOST = 8
/** They were to be put by their place in the page cache, where they no longer were. @kernel fs/afs/dir.c: afs_dir_read_cleanup (6.1, 6.12) */
export const REASON_NOT_FOUND = 9
/** The table that was to name them could not be allocated. @kernel io_uring/rsrc.c: io_sqe_buffer_register (6.1) */
export const REASON_TABLE_LOST = 10
/** An skb was freed as one whose fragments have no references. @kernel net/core/skbuff.c: skb_release_data (skip_unref) */
export const REASON_MANAGED_SKB = 11

export const OPEN_REASONS = [
  'completed, but never released',
  'no completion was recorded',
  'lost while the list was trimmed: the kernel shortens a bvec without unpinning the pages cut off',
  'released the wrong way, so still held',
  'declared long-term',
  'in flight where the trace was cut',
  'taken on an empty bvec by a call that returned 0: nobody knows of it (quirk get-pages-empty-bvec)',
  'not put where a list was undone: the kernel counted fewer pages than it had taken (a quirk of the version)',
  'taken for a request that then could not be allocated: nobody puts them (quirk cifs-read-lost)',
  'put by their place in the page cache, where they no longer were (quirk afs-dir-put-by-index)',
  'pinned for a table that then could not be allocated: nobody unpins them (quirk uring-imu-leak)',
  'referenced by an skb that was freed as one without references (quirk tcp-sendpage-managed)',
] as const

/** Holds as columns, one row each. Row 0 is never used. */
export class HoldTable {
  first = new Int32Array(1024)
  last = new Int32Array(1024)
  /** Entries in the chain. */
  count = new Int32Array(1024)
  /** Entries that moved a count: the zero page's pins do not. */
  counted = new Int32Array(1024)
  /** `RETAIN_*`. */
  retention = new Uint8Array(1024)
  /** Grows with each use of the row, so that a hold of an earlier use is recognised. */
  generation = new Uint8Array(1024)
  open = new Uint8Array(1024)
  reason = new Uint8Array(1024)
  /** The operation's next hold; 0 for none. @see InFlight */
  nextOfOperation = new Int32Array(1024)
  /** Row, line and operation number that took it, and when. */
  row = new Float64Array(1024)
  line = new Float64Array(1024)
  operation = new Float64Array(1024)
  sinceNs = new Float64Array(1024)

  private free = new Int32Array(1024)
  private freeCount = 0
  private used = 1

  /** A free row. */
  take(): number {
    if (this.freeCount > 0) return this.free[--this.freeCount]
    if (this.used === this.first.length) this.grow()
    return this.used++
  }

  give(row: number): void {
    this.open[row] = 0
    this.generation[row]++
    this.free[this.freeCount++] = row
  }

  /** Row of an open hold; -1 when it is closed, or HOLD_NONE. */
  find(hold: Hold): number {
    const slot = slotOf(hold)
    if (slot === 0) return -1
    return this.open[slot] === 1 && this.generation[slot] === generationOf(hold) ? slot : -1
  }

  /** Moves the entries of row `from` behind those of row `to`, and frees `from`. */
  append(to: number, from: number, entries: EntryPool): void {
    if (this.count[from] > 0) {
      if (this.first[to] === ENTRY_NONE) this.first[to] = this.first[from]
      else entries.next[this.last[to]] = this.first[from]
      this.last[to] = this.last[from]
      this.count[to] += this.count[from]
      this.counted[to] += this.counted[from]
    }
    this.give(from)
  }

  /** Moves the last `count` entries of a row into a new one, taken by the same operation; `counted` is the caller's. */
  split(slot: number, count: number, entries: EntryPool): number {
    let keep = this.count[slot] - count
    let last = ENTRY_NONE
    let first = this.first[slot]
    while (keep > 0 && keep >= entries.count[first]) {
      keep -= entries.count[first]
      last = first
      first = entries.next[first]
    }
    if (keep > 0) {
      // The cut goes through a run: its second part becomes an entry of its own.
      const second = entries.take(entries.page[first] + keep, entries.count[first] - keep)
      entries.next[second] = entries.next[first]
      if (this.last[slot] === first) this.last[slot] = second
      entries.count[first] = keep
      last = first
      first = second
    }
    const tail = this.takeLike(slot)
    this.first[tail] = first
    this.last[tail] = this.last[slot]
    this.count[tail] = count
    this.last[slot] = last
    if (last === ENTRY_NONE) this.first[slot] = ENTRY_NONE
    else entries.next[last] = ENTRY_NONE
    this.count[slot] -= count
    return tail
  }

  /** Moves entry `place` of a row into a new one, taken by the same operation; `counted` is the caller's. */
  takeOut(slot: number, place: number, entries: EntryPool): number {
    let before = ENTRY_NONE
    let run = this.first[slot]
    let at = place
    while (at >= entries.count[run]) {
      at -= entries.count[run]
      before = run
      run = entries.next[run]
    }
    const page = entries.page[run] + at
    const behind = entries.count[run] - at - 1
    const next = entries.next[run]
    const rest = behind === 0 ? next : entries.take(page + 1, behind)
    if (behind > 0) entries.next[rest] = next
    if (behind > 0 && this.last[slot] === run) this.last[slot] = rest
    if (at > 0) {
      entries.count[run] = at
      entries.next[run] = rest
    } else {
      if (before === ENTRY_NONE) this.first[slot] = rest
      else entries.next[before] = rest
      if (behind === 0 && this.last[slot] === run) this.last[slot] = before
      entries.give(run)
    }
    const one = this.takeLike(slot)
    this.first[one] = entries.take(page, 1)
    this.last[one] = this.first[one]
    this.count[one] = 1
    this.count[slot]--
    return one
  }

  /** A new open row with the history of another. */
  private takeLike(slot: number): number {
    const row = this.take()
    this.open[row] = 1
    this.retention[row] = this.retention[slot]
    this.reason[row] = REASON_NOT_RELEASED
    this.nextOfOperation[row] = 0
    this.row[row] = this.row[slot]
    this.line[row] = this.line[slot]
    this.operation[row] = this.operation[slot]
    this.sinceNs[row] = this.sinceNs[slot]
    return row
  }

  /** One past the last row ever used. */
  get end(): number {
    return this.used
  }

  private grow(): void {
    const capacity = this.first.length * 2
    invariant(capacity <= HOLDS_MAX, 'more holds are open at one time than HOLDS_MAX')
    this.first = grown(this.first, capacity)
    this.last = grown(this.last, capacity)
    this.count = grown(this.count, capacity)
    this.counted = grown(this.counted, capacity)
    this.nextOfOperation = grown(this.nextOfOperation, capacity)
    this.free = grown(this.free, capacity)
    this.retention = grown(this.retention, capacity)
    this.generation = grown(this.generation, capacity)
    this.open = grown(this.open, capacity)
    this.reason = grown(this.reason, capacity)
    this.row = grown(this.row, capacity)
    this.line = grown(this.line, capacity)
    this.operation = grown(this.operation, capacity)
    this.sinceNs = grown(this.sinceNs, capacity)
  }
}
