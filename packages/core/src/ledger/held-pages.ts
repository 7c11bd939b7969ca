import type { PageList } from '../extract/page-list.ts'
import { RETAIN_PIN, type Retention } from '../extract/retention.ts'
import { KIND_SLAB, type PageStore, ZERO_PAGE } from '../memory/page-store.ts'
import { ENTRY_NONE, EntryPool } from './entry-pool.ts'
import type { FolioCounts } from './folio-counts.ts'
import type { HoldTable } from './hold-table.ts'

/**
 * Which pages each hold has: the chain of runs behind a row of the hold table. Moves the counts with them; the sums are
 * the ledger's.
 */
export class HeldPages {
  private readonly pages: PageStore
  private readonly holds: HoldTable
  private readonly counts: FolioCounts
  private readonly entries = new EntryPool()

  constructor(pages: PageStore, holds: HoldTable, counts: FolioCounts) {
    this.pages = pages
    this.holds = holds
    this.counts = counts
  }

  /**
   * Takes every entry of the list for the new hold in row `slot`, except slab pages where the list spares them. Returns
   * the references that moved a count, or -1 when a count would overflow: nothing is taken then, and the row is free.
   */
  take(slot: number, list: PageList): number {
    const { holds, entries, counts } = this
    const { length, retention } = list
    if (list.isRun) return this.takeRun(slot, list.firstPage, length, retention)
    const rows = list.page
    let counted = length
    let spared = 0
    let last = ENTRY_NONE
    for (let i = 0; i < length; ) {
      const page = rows[i]
      if (list.sparesSlab && this.pages.kindOf(page) === KIND_SLAB) {
        spared++
        i++
        continue
      }
      // Rows that follow each other; the zero page stands alone, since its pins count for nothing.
      let end = i + 1
      if (page !== ZERO_PAGE && !list.sparesSlab) while (end < length && rows[end] === page + end - i) end++
      else if (page === ZERO_PAGE && retention === RETAIN_PIN) counted--
      const run = counts.take(page, end - i, retention)
      if (run === 0) {
        this.drop(slot, retention)
        return -1
      }
      const entry = entries.take(page, run)
      if (last === ENTRY_NONE) holds.first[slot] = entry
      else entries.next[last] = entry
      last = entry
      i += run
    }
    holds.last[slot] = last
    holds.count[slot] = length - spared
    holds.counted[slot] = counted - spared
    return counted - spared
  }

  /** {@link take} of following rows: not of the zero page, and none is spared. */
  private takeRun(slot: number, first: number, count: number, retention: Retention): number {
    const { holds, entries, counts } = this
    let last = ENTRY_NONE
    for (let done = 0; done < count; ) {
      const run = counts.take(first + done, count - done, retention)
      if (run === 0) {
        this.drop(slot, retention)
        return -1
      }
      const entry = entries.take(first + done, run)
      if (last === ENTRY_NONE) holds.first[slot] = entry
      else entries.next[last] = entry
      last = entry
      done += run
    }
    holds.last[slot] = last
    holds.count[slot] = count
    holds.counted[slot] = count
    return count
  }

  /** Drops every entry and frees the row. */
  drop(slot: number, retention: Retention): void {
    const { holds, entries, counts } = this
    let entry = holds.first[slot]
    while (entry !== ENTRY_NONE) {
      counts.drop(entries.page[entry], entries.count[entry], retention)
      const next = entries.next[entry]
      entries.give(entry)
      entry = next
    }
    holds.give(slot)
  }

  /** Drops the first page of a row that has one; returns 1 where that moved a count. */
  dropFirst(slot: number, retention: Retention): number {
    const { holds, entries } = this
    const entry = holds.first[slot]
    const page = entries.page[entry]
    this.counts.drop(page, 1, retention)
    const counted = page === ZERO_PAGE && retention === RETAIN_PIN ? 0 : 1
    if (entries.count[entry] > 1) {
      entries.page[entry]++
      entries.count[entry]--
    } else {
      holds.first[slot] = entries.next[entry]
      entries.give(entry)
    }
    holds.count[slot]--
    holds.counted[slot] -= counted
    return counted
  }

  /** Moves the entries of row `from` behind those of row `to`, and frees `from`. */
  append(to: number, from: number): void {
    this.holds.append(to, from, this.entries)
  }

  /** Moves the last `count` entries of a row into a new one, which is returned. */
  split(slot: number, count: number, retention: Retention): number {
    return this.moveCounted(slot, this.holds.split(slot, count, this.entries), retention)
  }

  /** Moves entry `place` of a row into a new one, which is returned. */
  takeOut(slot: number, place: number, retention: Retention): number {
    return this.moveCounted(slot, this.holds.takeOut(slot, place, this.entries), retention)
  }

  /** Tells of each run of a row. */
  eachRun(slot: number, tell: (page: number, count: number) => void): void {
    const { page, count, next } = this.entries
    for (let entry = this.holds.first[slot]; entry !== ENTRY_NONE; entry = next[entry]) tell(page[entry], count[entry])
  }

  /** First page of a row, -1 where it has none. */
  firstPage(slot: number): number {
    const entry = this.holds.first[slot]
    return entry === ENTRY_NONE ? -1 : this.entries.page[entry]
  }

  /** Makes every folio of a row dirty that is clean; returns how many were. */
  makeDirty(slot: number): number {
    const { page, count, next } = this.entries
    let dirtied = 0
    for (let entry = this.holds.first[slot]; entry !== ENTRY_NONE; entry = next[entry]) {
      dirtied += this.pages.dirtyRun(page[entry], count[entry])
    }
    return dirtied
  }

  /** What moved from row `from` to row `to` counts there from now on; returns `to`. */
  private moveCounted(from: number, to: number, retention: Retention): number {
    const { holds } = this
    holds.counted[to] = this.countedFrom(holds.first[to], retention)
    holds.counted[from] -= holds.counted[to]
    return to
  }

  /** References of a chain that move a count. */
  private countedFrom(first: number, retention: Retention): number {
    const { page, count, next } = this.entries
    let counted = 0
    for (let entry = first; entry !== ENTRY_NONE; entry = next[entry]) {
      if (page[entry] !== ZERO_PAGE || retention !== RETAIN_PIN) counted += count[entry]
    }
    return counted
  }
}
