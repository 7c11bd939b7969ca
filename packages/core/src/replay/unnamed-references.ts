import type { Retention } from '../extract/retention.ts'
import { type Hold, slotOf } from '../ledger/hold.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { hasJust, placeOf } from './hold-pages.ts'

/** What a row without id took. */
interface Taken {
  readonly hold: Hold
  readonly retention: Retention
  readonly row: number
  /** By user address in this address space: the trace does not tell its frames. -1: not by address. */
  readonly mm: number
}

/** Who took a page. */
interface Takers {
  readonly taken: Taken[]
  /** The last one that let it go; null while none did. */
  before: Taken | null
}

/** A row without id that lets go. */
export interface UnnamedRelease {
  /** Rows of the pages that it names, in order. */
  readonly pages: readonly number[]
  readonly as: Retention
  /** It names page frames. */
  readonly isByFrame: boolean
  /** Its address space. */
  readonly mm: number
}

/**
 * References that rows took without an id, found again by their pages. A release lets go of what was taken last on just these
 * pages; failing that, of each page by itself, out of what was taken last on it. What was taken the same way goes first;
 * else the release is one of the wrong kind.
 *
 * Probes of kernel functions see a pin by user address, and its release by page frame; which frame an address had, nobody
 * recorded. So frames that nothing took are let go of what was taken by address, the same address space first, in the
 * order in which it was taken: the numbers are right, and which of several rows it was is not known.
 * @kernel mm/gup.c: pin_user_pages_fast (addresses), unpin_user_page_range_dirty_lock (a page)
 */
export class UnnamedReferences {
  private readonly ledger: Ledger
  private readonly release: (hold: Hold, as: Retention) => void
  private readonly byPage = new Map<number, Takers>()
  private byAddress: Taken[] = []

  /** `release` lets go of a hold. */
  constructor(ledger: Ledger, release: (hold: Hold, as: Retention) => void) {
    this.ledger = ledger
    this.release = release
  }

  /** A row took `hold`, by user address in address space `mm` unless that is -1. */
  add(hold: Hold, retention: Retention, row: number, mm: number): void {
    const taken: Taken = { hold, retention, row, mm }
    this.ledger.eachRun(slotOf(hold), (first, count) => {
      for (let page = first; page < first + count; page++) this.push(page, taken)
    })
    if (mm < 0) return
    if (this.byAddress.length > 64) this.byAddress = this.byAddress.filter((one) => this.ledger.isOpen(one.hold))
    this.byAddress.push(taken)
  }

  /** Some row took one of the pages, and has it still. */
  hasAny(pages: readonly number[]): boolean {
    return pages.some(
      (page) => this.byPage.get(page)?.taken.some((one) => placeOf(this.ledger, one.hold, page) >= 0) ?? false,
    )
  }

  letGo(row: UnnamedRelease): void {
    const { pages, as } = row
    const whole = this.wholeOf(pages, as)
    if (whole !== undefined) {
      this.drop(whole, whole.hold, as)
      return
    }
    const missing: number[] = []
    for (const page of pages) {
      const taken = this.holderOf(page, as)
      if (taken === undefined) missing.push(page)
      else this.letGoPage(taken, page, as)
    }
    const byNumber = row.isByFrame ? this.letGoByNumber(missing.length, row) : 0
    if (pages.length === 0) this.ledger.violate('unknown-release', 0, as, as, 0, NOBODY_TOOK)
    else this.tellMissing(missing.slice(byNumber), as)
  }

  private letGoPage(taken: Taken, page: number, as: Retention): void {
    const part = this.ledger.takeOut(taken.hold, placeOf(this.ledger, taken.hold, page))
    this.drop(taken, part, as)
    // Let go the wrong way it is still held.
    if (taken.retention !== as && part !== taken.hold) this.push(page, { ...taken, hold: part })
  }

  private push(page: number, taken: Taken): void {
    const takers = this.byPage.get(page)
    if (takers === undefined) this.byPage.set(page, { taken: [taken], before: null })
    else takers.taken.push(taken)
  }

  /** Lets go of `hold`, which is all that was taken, or a part of it. */
  private drop(taken: Taken, hold: Hold, as: Retention): void {
    if (taken.retention === as) {
      this.ledger.eachRun(slotOf(hold), (first, count) => {
        for (let page = first; page < first + count; page++) this.forget(page, taken)
      })
    }
    this.release(hold, as)
  }

  /** The last one that let a page go is remembered, so that a further release of it is recognised. */
  private forget(page: number, taken: Taken): void {
    const takers = this.byPage.get(page)
    if (takers === undefined) return
    takers.before = taken
    const at = takers.taken.lastIndexOf(taken)
    if (at >= 0) takers.taken.splice(at, 1)
  }

  /** What has just these pages: taken last the same way, or where nothing was taken so on them, the other way. */
  private wholeOf(pages: readonly number[], as: Retention): Taken | undefined {
    const taken = this.byPage.get(pages[0])?.taken ?? []
    const isWhole = (one: Taken) => hasJust(this.ledger, one.hold, pages)
    const found = taken.findLast((one) => one.retention === as && isWhole(one))
    if (found !== undefined || pages.some((page) => this.holderOf(page, as)?.retention === as)) return found
    return taken.findLast(isWhole)
  }

  /** What was taken last on a page and still has it: the same way, failing that the other way. */
  private holderOf(page: number, as: Retention): Taken | undefined {
    const taken = this.byPage.get(page)?.taken ?? []
    const has = (one: Taken) => placeOf(this.ledger, one.hold, page) >= 0
    return taken.findLast((one) => one.retention === as && has(one)) ?? taken.findLast(has)
  }

  /** Lets go of `count` pages, or as many as there are, that were taken by address. Returns how many. */
  private letGoByNumber(count: number, { as, mm }: UnnamedRelease): number {
    const { ledger } = this
    let left = count
    const all = this.byAddress.filter(({ hold, retention }) => retention === as && ledger.isOpen(hold))
    const inOrder = [...all.filter((one) => one.mm === mm), ...all.filter((one) => one.mm !== mm)]
    for (const taken of inOrder) {
      if (left === 0) break
      const held = ledger.entriesHeld(taken.hold)
      const part = Math.min(held, left)
      this.drop(taken, part < held ? ledger.split(taken.hold, part) : taken.hold, as)
      left -= part
    }
    return count - left
  }

  /** Nothing has these pages: some had been let go, and some were never taken. */
  private tellMissing(pages: readonly number[], as: Retention): void {
    const before = pages.map((page) => this.byPage.get(page)?.before ?? null).filter((one) => one !== null)
    const last = before.at(-1)
    if (last !== undefined) {
      const detail = 'everything that it took was released before'
      this.ledger.violate('double-release', last.row, last.retention, as, before.length, detail)
    }
    const unknown = pages.length - before.length
    if (unknown > 0) this.ledger.violate('unknown-release', 0, as, as, unknown, NOBODY_TOOK)
  }
}

const NOBODY_TOOK = 'no row of this trace took these pages'
