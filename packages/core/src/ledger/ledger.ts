import { ENOMEM } from '../errno.ts'
import type { PageList } from '../extract/page-list.ts'
import { RETAIN_NONE, RETAIN_PIN, RETAIN_REF, type Retention } from '../extract/retention.ts'
import { invariant } from '../invariant.ts'
import type { PageReferences } from '../memory/page-references.ts'
import type { PageStore } from '../memory/page-store.ts'
import { ENTRY_NONE } from './entry-pool.ts'
import { FolioCounts } from './folio-counts.ts'
import { HeldPages } from './held-pages.ts'
import {
  type Borrowed,
  generationOf,
  HOLD_NONE,
  type Hold,
  makeHold,
  type Pinned,
  type Referenced,
  retentionOf,
  slotOf,
} from './hold.ts'
import { HoldTable, REASON_NOT_RELEASED, REASON_WRONG_KIND } from './hold-table.ts'
import type { LedgerObserver } from './ledger-observer.ts'
import type { LedgerTap } from './ledger-tap.ts'
import { MappingReferences } from './mapping-references.ts'
import { BARE_PAGES, countDropped, countTaken, newTotals } from './totals.ts'
import { VIOLATIONS_LISTED_MAX, type Violation, type ViolationRule, wrongKind } from './violation.ts'

/**
 * Who holds which pages, and since when. The only writer of reference counts (folio-counts.ts).
 *
 * @kernel mm/gup.c: try_grab_folio, gup_put_folio (6.1: try_grab_page, put_compound_head), same counts in all versions
 */
export class Ledger {
  readonly totals = newTotals()
  readonly holds = new HoldTable()
  readonly violations: Violation[] = []
  violationCount = 0
  observer: LedgerObserver | null = null
  /** Told of everything, while an audit listens. */
  tap: LedgerTap | null = null
  /** For the references that mappings hold. */
  readonly mappingReferences: MappingReferences
  /** {@link getPage} and {@link putPage}, for who knows no ledger. */
  readonly pageReferences: PageReferences = {
    get: (page) => this.getPage(page),
    put: (page) => this.putPage(page),
  }

  private readonly counts: FolioCounts
  private readonly held: HeldPages
  /** The row at work: holds and violations are stamped with it. */
  private row = 0
  private line = 0
  private operation = 0
  /** Time of the row or completion at work, ns. */
  nowNs = 0

  constructor(pages: PageStore) {
    this.counts = new FolioCounts(pages)
    this.mappingReferences = new MappingReferences(pages, this.counts)
    this.held = new HeldPages(pages, this.holds, this.counts)
  }

  /** Names the row at work, and its time as `times[index]` ns. `operation` is 0 for a row that is not an operation. */
  at(row: number, line: number, operation: number, times: Float64Array, index: number): void {
    this.row = row
    this.line = line
    this.operation = operation
    this.nowNs = times[index]
  }

  /**
   * Takes what the list's retention says on every entry. Returns the hold, {@link HOLD_NONE} when the retention is none
   * (the pages are only counted as bare), or -ENOMEM when a count would overflow, with nothing taken.
   */
  acquire(list: PageList): Hold | number {
    const { retention } = list
    if (retention === RETAIN_NONE) {
      this.totals[BARE_PAGES] += list.pages
      return HOLD_NONE
    }
    const slot = this.newHold(retention)
    const counted = this.held.take(slot, list)
    if (counted < 0) return ENOMEM
    countTaken(this.totals, counted, retention)
    this.tap?.acquired(slot)
    return makeHold(slot, this.holds.generation[slot], retention)
  }

  /** Counts pages that are listed, or adopted, with nothing taken; below zero, pages that got a reference after all. */
  bare(pages: number): void {
    this.totals[BARE_PAGES] += pages
  }

  /** Drops every pin of a hold. @kernel mm/gup.c: unpin_user_pages, unpin_user_folio */
  unpin(hold: Pinned): void {
    this.release(hold, RETAIN_PIN)
  }

  /** {@link unpin}, every folio made dirty first that is clean; returns how many were. @kernel mm/gup.c: unpin_user_pages_dirty_lock, unpin_user_page_range_dirty_lock (make_dirty) */
  unpinDirty(hold: Pinned): number {
    return this.letGoDirty(hold)
  }

  /** {@link letGo}, every folio made dirty first that is clean; returns how many were. @kernel mm/page-writeback.c: set_page_dirty_lock, before put_page or unpin_user_page */
  letGoDirty(hold: Hold): number {
    const slot = this.holds.find(hold)
    if (slot > 0) this.tap?.dirtying(slot)
    const dirtied = slot > 0 ? this.held.makeDirty(slot) : 0
    this.letGo(hold)
    return dirtied
  }

  /** Drops every reference of a hold. @kernel include/linux/mm.h: put_page, folio_put_refs */
  put(hold: Referenced): void {
    this.release(hold, RETAIN_REF)
  }

  /** One plain reference on a page, by its row; {@link putPage} drops it. Its count is not looked at. @kernel include/linux/mm.h: get_page */
  getPage(page: number): void {
    this.tap?.got(page)
    this.counts.get(page)
    countTaken(this.totals, 1, RETAIN_REF)
  }

  /** Drops what {@link getPage} took. @kernel include/linux/mm.h: put_page */
  putPage(page: number): void {
    this.tap?.putting(page)
    this.counts.put(page)
    this.countDropped(1, RETAIN_REF, this.operation)
  }

  /** Lets a hold go the way it was taken: what a consumer that asks iov_iter_extract_will_pin() does. */
  letGo(hold: Hold): void {
    this.release(hold, retentionOf(hold))
  }

  /** {@link letGo} by row of the hold table; false, and a violation, when the operation has no open hold there. */
  letGoSlot(slot: number, operation: number): boolean {
    const { holds } = this
    if (holds.open[slot] === 1 && holds.operation[slot] === operation) {
      this.drop(slot)
      return true
    }
    const kind = holds.retention[slot] as Retention
    this.violate('double-release', this.row, kind, kind, 0, 'the consumer had let go of a hold that it also kept')
    return false
  }

  /**
   * Drops a hold as `as` names it. A hold that is not open any more is a `double-release`, another kind than was taken
   * a `wrong-kind-release`: both are violations, recorded with the row at work, and change no count.
   */
  release(hold: Hold, as: Retention): void {
    if (retentionOf(hold) === RETAIN_NONE) return
    const slot = this.holds.find(hold)
    const { holds } = this
    if (slot < 0) {
      // The row of the table may have been used again since, and then tells nothing of this hold.
      const closed = slotOf(hold)
      const isLast = holds.open[closed] === 0 && holds.generation[closed] === ((generationOf(hold) + 1) & 0xff)
      const takenRow = isLast ? holds.row[closed] : 0
      const pages = isLast ? holds.counted[closed] : 0
      this.violate('double-release', takenRow, retentionOf(hold), as, pages, 'released before')
      return
    }
    if (as !== holds.retention[slot]) {
      this.tap?.releasingAs(slot, as)
      this.violate('wrong-kind-release', holds.row[slot], retentionOf(hold), as, holds.counted[slot], wrongKind(as))
      holds.reason[slot] = REASON_WRONG_KIND
      return
    }
    this.drop(slot)
  }

  /** Appends the entries of `b` to `a`, which takes them over. Both have the same retention, or one is HOLD_NONE. */
  join<Kind extends Hold>(a: Kind | Borrowed, b: Kind | Borrowed): Kind | Borrowed {
    if (retentionOf(a) === RETAIN_NONE) return b
    if (retentionOf(b) === RETAIN_NONE) return a
    const to = this.holds.find(a)
    const from = this.holds.find(b)
    invariant(to > 0 && from > 0 && to !== from, 'join: both holds must be open, and two')
    invariant(retentionOf(a) === retentionOf(b), 'join: references of two kinds never mix')
    this.held.append(to, from)
    this.tap?.joined(to)
    return a
  }

  /** Splits off the last `count` entries into a hold of their own. */
  split<Kind extends Hold>(hold: Kind, count: number): Kind {
    const slot = this.holds.find(hold)
    invariant(slot > 0 && count > 0 && count <= this.holds.count[slot], 'split: more entries than the hold has')
    return this.splitOff(slot, this.held.split(slot, count, retentionOf(hold)), hold)
  }

  /** Takes entry `place` of a hold, 0 the first, out into a hold of its own; the hold itself where it has no other. */
  takeOut<Kind extends Hold>(hold: Kind, place: number): Kind {
    const slot = this.holds.find(hold)
    invariant(slot > 0 && place >= 0 && place < this.holds.count[slot], 'takeOut: the hold has no such entry')
    if (this.holds.count[slot] === 1) return hold
    return this.splitOff(slot, this.held.takeOut(slot, place, retentionOf(hold)), hold)
  }

  /** Row `part` of the hold table was split off row `slot`, which is `hold`. */
  private splitOff<Kind extends Hold>(slot: number, part: number, hold: Kind): Kind {
    this.tap?.split(slot, part)
    return makeHold(part, this.holds.generation[part], retentionOf(hold)) as Kind
  }

  /** Drops the first entry of a hold only: a page that was taken twice. @kernel block/bio.c: unpin of the same page when merging */
  releaseFirst(hold: Hold): void {
    const { holds } = this
    if (retentionOf(hold) === RETAIN_NONE) return
    const slot = holds.find(hold)
    invariant(slot > 0 && holds.count[slot] > 0, 'releaseFirst: the hold is empty')
    const retention = holds.retention[slot] as Retention
    this.tap?.releasing(slot, 1)
    const counted = this.held.dropFirst(slot, retention)
    this.countDropped(counted, retention, holds.operation[slot])
  }

  /**
   * Says why a hold stays open: REASON_LONG_TERM (kept on purpose, FOLL_LONGTERM), REASON_ABANDONED (a leak that the
   * kernel version is known for), … Nothing happens to one that is closed.
   */
  mark(hold: Hold, reason: number): void {
    this.holds.reason[Math.max(this.holds.find(hold), 0)] = reason
  }

  /** False once a hold was released. HOLD_NONE is never open. */
  isOpen(hold: Hold): boolean {
    return this.holds.find(hold) > 0
  }

  /** Pages that a hold still has; 0 when it is closed. */
  pagesHeld(hold: Hold): number {
    return this.holds.counted[Math.max(this.holds.find(hold), 0)]
  }

  /** Entries of a hold that is open; 0 when it is closed or HOLD_NONE. */
  entriesHeld(hold: Hold): number {
    return this.holds.count[Math.max(this.holds.find(hold), 0)]
  }

  /** Tells of each run of page rows that an open row of the hold table has. */
  eachRun(slot: number, tell: (page: number, count: number) => void): void {
    this.held.eachRun(slot, tell)
  }

  /** First page row of an open row of the hold table, -1 where it has none. */
  firstPage(slot: number): number {
    return this.held.firstPage(slot)
  }

  /** Records a broken rule with the row at work. */
  violate(
    rule: ViolationRule,
    takenRow: number,
    held: Retention,
    releasedAs: Retention,
    pages: number,
    detail: string,
  ): void {
    this.violationCount++
    const violation = { rule, row: this.row, line: this.line, takenRow, held, releasedAs, pages, detail }
    this.tap?.violated(violation)
    if (this.violations.length < VIOLATIONS_LISTED_MAX) this.violations.push(violation)
  }

  private newHold(retention: Retention): number {
    const { holds } = this
    const slot = holds.take()
    holds.open[slot] = 1
    holds.retention[slot] = retention
    holds.reason[slot] = REASON_NOT_RELEASED
    holds.nextOfOperation[slot] = 0
    holds.first[slot] = ENTRY_NONE
    holds.row[slot] = this.row
    holds.line[slot] = this.line
    holds.operation[slot] = this.operation
    holds.sinceNs[slot] = this.nowNs
    return slot
  }

  /** Closes an open hold and gives its entries back. */
  private drop(slot: number): void {
    const { holds } = this
    const retention = holds.retention[slot] as Retention
    const counted = holds.counted[slot]
    const operation = holds.operation[slot]
    this.tap?.releasing(slot, counted)
    this.held.drop(slot, retention)
    this.countDropped(counted, retention, operation)
  }

  private countDropped(counted: number, retention: Retention, operation: number): void {
    countDropped(this.totals, counted, retention)
    if (this.observer !== null) this.observer.released(retention, counted, operation)
  }
}
