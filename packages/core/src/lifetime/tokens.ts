import type { Retention } from '../extract/retention.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LedgerTap } from '../ledger/ledger-tap.ts'
import type { Violation } from '../ledger/violation.ts'
import { FOLL_LONGTERM, FOLL_WRITE } from '../memory/foll.ts'
import { ZERO_PAGE } from '../memory/page-store.ts'
import type { EventBus } from './event-bus.ts'
import type { Folios } from './folios.ts'
import { eventCode } from './lifetime-event.ts'
import { OpenCalls } from './open-calls.ts'
import { PlainReferences } from './plain-references.ts'
import { TokenColumns, type TokenPurpose } from './token-columns.ts'
import { TokensByPage } from './tokens-by-page.ts'

const ACQUIRE = eventCode('acquire')
const RELEASE = eventCode('release')
const GET = eventCode('get')
const PUT = eventCode('put')
const VIOLATION = eventCode('violation')
const RAW = eventCode('raw')
const PUT_BORROWED = eventCode('put_borrowed')

/**
 * What the rules know of references, besides what the ledger does: those of holds, which are tokens, and those taken page
 * by page. What the ledger does becomes events here.
 */
export class Tokens extends TokenColumns implements LedgerTap {
  /** What it is for. */
  readonly purpose: TokenPurpose = { isDest: false, isUser: false, isLongTerm: false, mm: 0 }
  /** Name of whoever takes: the consumer, or an event of the trace. */
  holder = ''
  /** References on pages that are in no token. */
  readonly plain = new PlainReferences()
  readonly calls = new OpenCalls()
  /** Names of who took it. */
  readonly holders: string[] = []
  /** Taken by the operation at work. */
  readonly ofOperation: number[] = []
  /** Told when a token was split: the new one has the history of the old one. */
  onSplit: (from: number, to: number) => void = () => {}
  private readonly bus: EventBus
  private readonly ledger: Ledger
  private readonly folios: Folios
  private readonly byPage: TokensByPage
  private isDirtying = false
  /** By object: rows and calls (iterators, from 1) whose references came into its list. */
  private readonly sources = new Map<number, { readonly rows: Set<number>; readonly calls: Set<number> }>()
  /** Rows in which an object got an entry. */
  private readonly builtRows = new Set<number>()

  constructor(bus: EventBus, ledger: Ledger, folios: Folios) {
    super()
    this.bus = bus
    this.ledger = ledger
    this.folios = folios
    this.byPage = new TokensByPage(ledger)
  }

  /** Every open token. */
  eachOpen(tell: (token: number) => void): void {
    for (let slot = 1; slot < this.ledger.holds.end; slot++) if (this.ledger.holds.open[slot] === 1) tell(slot)
  }

  /** Every open token that has a page of the run `page … page + pages - 1`. */
  eachOn(page: number, pages: number, tell: (token: number) => void): void {
    for (const token of this.byPage.on(page, pages)) if (this.ledger.holds.open[token] === 1) tell(token)
  }

  /** Every open token that has some page of the folio of `page`. */
  eachOnFolio(page: number, tell: (token: number) => void): void {
    if (this.folios.isBusy(page)) this.eachOn(this.folios.headOf(page), this.folios.sizeOf(page), tell)
  }

  /** A token on the folio of a page through which something may be written, other than `except`; 0 where there is none. */
  writerOn(page: number, except = 0): number {
    let found = 0
    this.eachOnFolio(page, (token) => {
      if (token !== except && this.isDest[token] === 1) found = token
    })
    return found
  }

  /** `RETAIN_*` of a token. */
  retention(token: number): Retention {
    return this.ledger.holds.retention[token] as Retention
  }

  /** Row of the trace that took it. */
  rowOf(token: number): number {
    return this.ledger.holds.row[token]
  }

  /** It is still the one that `row` took: not let go, and its place in the table not given to another. */
  isOpenSince(token: number, row: number): boolean {
    return this.ledger.holds.open[token] === 1 && this.rowOf(token) === row
  }

  /** Line of that row. */
  lineOf(token: number): number {
    return this.ledger.holds.line[token]
  }

  /** Pages that it still has. */
  pagesOf(token: number): number {
    return this.ledger.holds.counted[token]
  }

  /** Bytes were written through it: by the device, or the kernel. */
  markWritten(token: number): void {
    this.wrote[token] = 1
    this.dirtied[token] = 0
  }

  /** `pages` of its pages come into the list of an object, which they belong to from now on; token 0: bare pages. */
  cameInto(object: number, token: number, pages: number): void {
    this.builtRows.add(this.bus.row)
    if (token === 0) return
    this.owner[token] = object
    if (this.entered[token] === 0) this.whole[token] = this.pagesOf(token)
    this.attached[token] += pages
    this.entered[token] += pages
    const sources = this.sources.get(object) ?? { rows: new Set(), calls: new Set() }
    this.sources.set(object, sources)
    sources.rows.add(this.rowOf(token))
    if (this.call[token] !== 0) sources.calls.add(this.call[token])
  }

  /**
   * It came into the list of no object, though one was built from others of its row or its call; or only a part of it did,
   * that part was let go, and this is the rest.
   */
  isResidue(token: number): boolean {
    const rest = this.whole[token] - this.entered[token]
    if (this.entered[token] > 0) return this.ownerFreedRow[token] !== 0 && rest > 0 && this.pagesOf(token) === rest
    return this.passedBy[token] === 1 || this.builtRows.has(this.rowOf(token))
  }

  /** An object is freed: what was taken with its entries, in the same row or the same call, and it did not get, it passed by. */
  objectFreed(id: number): void {
    const sources = this.sources.get(id)
    this.sources.delete(id)
    this.eachOpen((token) => {
      if (this.owner[token] === id) this.ownerFreedRow[token] = this.bus.row
      if (sources === undefined || this.attached[token] > 0) return
      if (sources.rows.has(this.rowOf(token)) || sources.calls.has(this.call[token])) this.passedBy[token] = 1
    })
  }

  /** The next pins are of user memory by address, whatever the operation's iterator is: `foll` tells whether for writing. */
  aim(foll: number): void {
    this.purpose.isDest = (foll & FOLL_WRITE) !== 0
    this.purpose.isLongTerm = (foll & FOLL_LONGTERM) !== 0
    this.purpose.isUser = true
  }

  acquired(slot: number): void {
    const { purpose } = this
    this.begin(slot, purpose)
    this.byPage.add(slot)
    this.takenAt[slot] = this.bus.serial
    this.holders[slot] = this.holder
    if (this.ledger.holds.operation[slot] === 0) this.call[slot] = this.calls.taking(purpose)
    this.ofOperation.push(slot)
    if (this.bus.hears(ACQUIRE)) this.tell(ACQUIRE, slot, this.pagesOf(slot))
    // get_user_pages faults for writing: the file system was asked, and the folio is dirty.
    if (purpose.isDest && purpose.isUser) this.eachFilePage(slot, (page) => this.folios.fault(page))
  }

  dirtying(slot: number): void {
    // Shared memory too: it has no file system to ask, but what was stored would be lost.
    this.eachFilePage(slot, (page) => this.folios.dirty(page, false, slot), true)
    this.dirtied[slot] = 1
    this.isDirtying = true
  }

  releasing(slot: number, pages: number): void {
    if (this.bus.hears(RELEASE)) this.tell(RELEASE, slot, pages, this.retention(slot))
    this.isDirtying = false
    this.noteShort(slot, pages)
  }

  /** Remembers that a part was let go, and the rest not yet. */
  private noteShort(slot: number, pages: number): void {
    const { holds } = this.ledger
    const whole = this.splitFrom[slot]
    if (pages < holds.counted[slot]) this.shortRow[slot] = this.bus.row
    if (whole !== 0 && this.isOpenSince(whole, this.rowOf(slot))) this.shortRow[whole] = this.bus.row
  }

  releasingAs(slot: number, as: Retention): void {
    this.tell(RELEASE, slot, this.pagesOf(slot), as)
  }

  split(from: number, to: number): void {
    this.copy(from, to)
    this.byPage.add(to)
    this.attached[to] = Math.max(this.attached[from] - this.pagesOf(from), 0)
    this.attached[from] -= this.attached[to]
    this.splitFrom[to] = from
    this.holders[to] = this.holders[from]
    this.ofOperation.push(to)
    this.onSplit(from, to)
  }

  joined(to: number): void {
    this.byPage.add(to)
  }

  got(page: number): void {
    this.tellPage(GET, page)
    this.plain.got(this.folios.headOf(page), this.bus.row, this.bus.line)
  }

  putting(page: number): void {
    this.tellPage(PUT, page)
    this.plain.dropped(this.folios.headOf(page))
  }

  /** The counter of the page itself, not of its folio, moves by `by`. @kernel include/linux/page_ref.h: page_ref_inc, page_ref_dec */
  raw(page: number, by: number): void {
    const event = this.bus.next()
    event.page = page
    event.pages = 1
    event.amount = by
    this.bus.tell(RAW)
    const head = this.folios.headOf(page)
    // The zero page is never freed: what stays on it is no leak.
    if (page === ZERO_PAGE) return
    if (page !== head) this.plain.movedOwn(page, by, this.bus.row, this.bus.line)
    // The counter of a head page is that of its folio.
    else if (by > 0) for (let n = 0; n < by; n++) this.plain.got(head, this.bus.row, this.bus.line)
    else for (let n = 0; n > by; n--) this.plain.dropped(head)
  }

  /** A page of which nothing was taken is let go as if something had been; counts nothing. */
  putBorrowed(page: number, as: Retention): void {
    this.tellPage(PUT_BORROWED, page, as)
  }

  violated(violation: Violation): void {
    if (!this.bus.hears(VIOLATION)) return
    // The ledger knows the row at work before the lane has told of a completion.
    this.bus.row = violation.row
    this.bus.line = violation.line
    const event = this.bus.next()
    event.detail = violation.rule
    event.row = violation.takenRow
    event.pages = violation.pages
    event.as = violation.releasedAs
    event.amount = violation.held
    this.bus.tell(VIOLATION)
  }

  /** A call returns an errno: what it took and still holds is remembered with it. */
  failed(errno: number, operation: number): void {
    const { holds } = this.ledger
    for (const slot of this.ofOperation)
      if (holds.open[slot] === 1 && holds.operation[slot] === operation) this.errno[slot] = -errno
  }

  /** A call returns bytes or an errno; its rows begin with `row`, and are those of the task at work, or were taken in it. */
  callReturned(iterator: number, result: number, row: number): void {
    const { holds } = this.ledger
    this.calls.returned(iterator)
    this.eachOpen((token) => {
      if (holds.operation[token] !== 0) return
      if (this.call[token] !== iterator && (this.mm[token] !== this.bus.task || holds.row[token] < row)) return
      if (result >= 0) this.settled[token] = 1
      else if (this.settled[token] === 0) this.errno[token] = -result
    })
  }

  /** Tells of each page of a file (`orShared`: or of shared memory) that a token has. Most have none: the first page of a run stands for all. */
  eachFilePage(token: number, tell: (page: number) => void, orShared = false): void {
    this.ledger.eachRun(token, (first, count) => {
      if (!(orShared ? this.folios.isPageCache(first) : this.folios.isFile(first))) return
      for (let page = first; page < first + count; page++) tell(page)
    })
  }

  private tell(code: number, token: number, pages: number, as: Retention = 0): void {
    const event = this.bus.next()
    event.token = token
    event.page = this.ledger.firstPage(token)
    event.pages = pages
    event.as = as
    event.isDirty = this.isDirtying || this.dirtied[token] === 1
    event.amount = this.isDirtying ? 1 : 0
    this.bus.tell(code)
  }

  private tellPage(code: number, page: number, as: Retention = 0): void {
    if (!this.bus.hears(code)) return
    const event = this.bus.next()
    event.page = page
    event.pages = 1
    event.as = as
    this.bus.tell(code)
  }
}
