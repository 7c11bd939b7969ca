import type { Retention } from '../extract/retention.ts'
import { grown } from '../grown.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LedgerTap } from '../ledger/ledger-tap.ts'
import type { Violation } from '../ledger/violation.ts'
import type { EventBus } from './event-bus.ts'
import type { Folios } from './folios.ts'
import { eventCode } from './lifetime-event.ts'

const ACQUIRE = eventCode('acquire')
const RELEASE = eventCode('release')
const GET = eventCode('get')
const PUT = eventCode('put')
const VIOLATION = eventCode('violation')

/** What the next references taken are for: set by the lane before a consumer runs. */
export interface TokenPurpose {
  /** The memory is written to: ITER_DEST, FOLL_WRITE. */
  isDest: boolean
  /** It is a user's memory: only that is ever owed an unpin. @kernel include/linux/uio.h: user_backed_iter */
  isUser: boolean
  /** FOLL_LONGTERM. */
  isLongTerm: boolean
  mm: number
}

/**
 * What the rules know of a reference, besides what the ledger does: a row of the hold table is a token. The columns are
 * those of lifetime.md 1.2.
 */
export class Tokens implements LedgerTap {
  /** What it is for. */
  readonly purpose: TokenPurpose = { isDest: false, isUser: false, isLongTerm: false, mm: 0 }
  /** Name of whoever takes: the consumer, or an event of the trace. */
  holder = ''
  isDest = new Uint8Array(1024)
  isUser = new Uint8Array(1024)
  isLongTerm = new Uint8Array(1024)
  mm = new Int32Array(1024)
  /** Something was written through it. */
  wrote = new Uint8Array(1024)
  /** Its folios were made dirty after that. */
  dirtied = new Uint8Array(1024)
  /** The object that it belongs to, 0: none; and how many of its pages are in that object's list. */
  owner = new Int32Array(1024)
  attached = new Int32Array(1024)
  /** The call that took it returned this errno (positive) while it was open, 0: it did not. */
  errno = new Int32Array(1024)
  /** Row in which its owner was freed while it was open. */
  ownerFreedRow = new Int32Array(1024)
  /** Names of who took it. */
  readonly holders: string[] = []
  /** Taken by the operation at work. */
  readonly ofOperation: number[] = []

  private readonly bus: EventBus
  private readonly ledger: Ledger
  private readonly folios: Folios
  private isDirtying = false

  constructor(bus: EventBus, ledger: Ledger, folios: Folios) {
    this.bus = bus
    this.ledger = ledger
    this.folios = folios
  }

  /** Every open token. */
  eachOpen(tell: (token: number) => void): void {
    const { holds } = this.ledger
    for (let slot = 1; slot < holds.end; slot++) if (holds.open[slot] === 1) tell(slot)
  }

  /** Every open token that has a page of the run `page … page + pages - 1`. Looks through all that are open. */
  eachOn(page: number, pages: number, tell: (token: number) => void): void {
    this.eachOpen((token) => {
      let isOn = false
      this.ledger.eachRun(token, (first, count) => {
        if (first < page + pages && page < first + count) isOn = true
      })
      if (isOn) tell(token)
    })
  }

  /** A token on the page through which something may be written, 0 where there is none. */
  writerOn(page: number): number {
    if (!this.folios.isBusy(page)) return 0
    let found = 0
    this.eachOn(page, 1, (token) => {
      if (this.isDest[token] === 1) found = token
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

  acquired(slot: number): void {
    while (slot >= this.isDest.length) this.grow()
    const { purpose } = this
    this.isDest[slot] = purpose.isDest ? 1 : 0
    this.isUser[slot] = purpose.isUser ? 1 : 0
    this.isLongTerm[slot] = purpose.isLongTerm ? 1 : 0
    this.mm[slot] = purpose.mm
    this.wrote[slot] = 0
    this.dirtied[slot] = 0
    this.owner[slot] = 0
    this.attached[slot] = 0
    this.errno[slot] = 0
    this.ownerFreedRow[slot] = 0
    this.holders[slot] = this.holder
    this.ofOperation.push(slot)
    if (this.bus.hears(ACQUIRE)) this.tell(ACQUIRE, slot, this.pagesOf(slot))
    // get_user_pages faults for writing: the file system was asked, and the folio is dirty.
    if (purpose.isDest && purpose.isUser) this.eachFilePage(slot, (page) => this.folios.makeWritable(page))
  }

  dirtying(slot: number): void {
    this.eachFilePage(slot, (page) => this.folios.dirty(page))
    this.dirtied[slot] = 1
    this.isDirtying = true
  }

  releasing(slot: number, pages: number): void {
    if (this.bus.hears(RELEASE)) this.tell(RELEASE, slot, pages, this.retention(slot))
    this.isDirtying = false
  }

  releasingAs(slot: number, as: Retention): void {
    this.tell(RELEASE, slot, this.pagesOf(slot), as)
  }

  split(from: number, to: number): void {
    while (to >= this.isDest.length) this.grow()
    for (const column of [this.isDest, this.isUser, this.isLongTerm, this.wrote, this.dirtied])
      column[to] = column[from]
    for (const column of [this.mm, this.owner, this.errno, this.ownerFreedRow]) column[to] = column[from]
    this.attached[to] = Math.max(this.attached[from] - this.pagesOf(from), 0)
    this.attached[from] -= this.attached[to]
    this.holders[to] = this.holders[from]
    this.ofOperation.push(to)
  }

  got(page: number): void {
    this.tellPage(GET, page)
  }

  putting(page: number): void {
    this.tellPage(PUT, page)
  }

  violated(violation: Violation): void {
    if (!this.bus.hears(VIOLATION)) return
    const event = this.bus.next()
    event.detail = violation.rule
    event.row = violation.takenRow
    event.pages = violation.pages
    event.as = violation.releasedAs
    this.bus.tell(VIOLATION)
  }

  /** A call returns an errno: what it took and still holds is remembered with it. */
  failed(errno: number, operation: number): void {
    const { holds } = this.ledger
    for (const slot of this.ofOperation) {
      if (holds.open[slot] === 1 && holds.operation[slot] === operation) this.errno[slot] = -errno
    }
  }

  /** Tells of each page of a file that a token has. Most have none: the first page of a run stands for all. */
  eachFilePage(token: number, tell: (page: number) => void): void {
    this.ledger.eachRun(token, (first, count) => {
      if (!this.folios.isFile(first)) return
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
    this.bus.tell(code)
  }

  private tellPage(code: number, page: number): void {
    if (!this.bus.hears(code)) return
    const event = this.bus.next()
    event.page = page
    event.pages = 1
    this.bus.tell(code)
  }

  private grow(): void {
    const capacity = this.isDest.length * 2
    this.isDest = grown(this.isDest, capacity)
    this.isUser = grown(this.isUser, capacity)
    this.isLongTerm = grown(this.isLongTerm, capacity)
    this.mm = grown(this.mm, capacity)
    this.wrote = grown(this.wrote, capacity)
    this.dirtied = grown(this.dirtied, capacity)
    this.owner = grown(this.owner, capacity)
    this.attached = grown(this.attached, capacity)
    this.errno = grown(this.errno, capacity)
    this.ownerFreedRow = grown(this.ownerFreedRow, capacity)
  }
}
