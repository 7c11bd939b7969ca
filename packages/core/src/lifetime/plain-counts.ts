import { grown } from '../grown.ts'
import type { Audit } from './audit.ts'
import { GUARD_COUNT } from './borrows.ts'
import type { Handlers } from './event-bus.ts'

/** A put drops a reference that was taken on the counter of the tail page itself, from that of the folio. */
export const SURPLUS_RAW = 0
/** Nothing was taken on the page: a list only borrows it. */
export const SURPLUS_BORROWED = 1
/** More puts on a folio than gets. */
export const SURPLUS_COUNT = 2

/** One of the `SURPLUS_*`. */
export type Surplus = 0 | 1 | 2

/**
 * Plain references, taken and dropped page by page with get_page() and put_page(): they are in no token. Two ledgers: what
 * was taken on each folio, and what on the counter of each tail page itself, which the folio's does not know.
 * @kernel include/linux/mm.h: get_page, put_page (page_folio); include/linux/page_ref.h: page_ref_inc, page_ref_dec
 */
export class PlainCounts {
  /** By head page: gets less puts, of those that audits hear of. */
  private folio = new Int32Array(0)
  /** By page: what its own counter was raised by. */
  private own = new Int32Array(0)
  private readonly audit: Audit
  private readonly tell: (page: number, surplus: Surplus) => void

  /** `tell` hears of each put of which nobody knows a get. */
  constructor(audit: Audit, tell: (page: number, surplus: Surplus) => void) {
    this.audit = audit
    this.tell = tell
  }

  /** Handlers for the rule that watches. */
  handlers(): Handlers {
    return {
      get: ({ page }) => this.move(page, 1),
      put: ({ page }) => {
        if (this.onFolio(page) > 0) this.move(page, -1)
        else this.tell(page, this.kindOf(page))
      },
      // The counter of a head page is that of its folio.
      raw: ({ page, amount }) => (this.isTail(page) ? this.moveOwn(page, amount) : this.move(page, amount)),
    }
  }

  /** References that the folio of a page still has. */
  onFolio(page: number): number {
    const head = this.audit.lane.memory.pages.head[page]
    return head < this.folio.length ? this.folio[head] : 0
  }

  /** Tells of each page or folio that still has some, when the trace is over: `isTail` of a tail page's own counter. */
  eachLeft(tell: (page: number, left: number, isTail: boolean) => void): void {
    for (let page = 0; page < this.folio.length; page++) if (this.folio[page] > 0) tell(page, this.folio[page], false)
    for (let page = 0; page < this.own.length; page++) {
      if (this.own[page] !== 0) tell(page, this.own[page], true)
    }
  }

  private kindOf(page: number): Surplus {
    if (page < this.own.length && this.own[page] > 0) return SURPLUS_RAW
    const { borrows } = this.audit.lane
    const slot = borrows.first(page)
    return slot !== 0 && borrows.guard[slot] !== GUARD_COUNT ? SURPLUS_BORROWED : SURPLUS_COUNT
  }

  private isTail(page: number): boolean {
    return this.audit.lane.memory.pages.head[page] !== page
  }

  private move(page: number, by: number): void {
    const { head, kind } = this.audit.lane.memory.pages
    if (head[page] >= this.folio.length) this.folio = grown(this.folio, kind.length)
    this.folio[head[page]] += by
  }

  private moveOwn(page: number, by: number): void {
    if (page >= this.own.length) this.own = grown(this.own, this.audit.lane.memory.pages.kind.length)
    this.own[page] += by
  }
}
