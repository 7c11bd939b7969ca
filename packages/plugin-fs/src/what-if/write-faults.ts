import type { Operation, PageEvent, PageStore } from '@pinscope/core'
import type { Counts } from './counts.ts'
import type { DeviceStores } from './device-stores.ts'
import {
  type FolioMarks,
  MARK_CLEAN,
  MARK_DIRTY,
  MARK_GONE,
  MARK_TORN,
  MARK_UNSAVED,
  MARK_WRITEBACK,
} from './folio-marks.ts'
import type { PinTest } from './pin-test.ts'
import { StableWaits } from './stable-waits.ts'
import type { WRITEBACK_COUNTERS } from './writeback-counters.ts'

interface Parts {
  readonly pages: PageStore
  readonly marks: FolioMarks
  readonly counts: Counts<typeof WRITEBACK_COUNTERS>
  readonly pins: PinTest
  readonly stores: DeviceStores
}

/**
 * Stores to folios, and faults for writing: they ask the file system where the folio is write-protected, and wait for the end
 * of its writeback where pages are stable. Devices do neither.
 */
export class WriteFaults {
  /** Of the direct I/O at work, 0: none is. */
  private operationRow = 0
  private readonly parts: Parts
  private readonly hasStablePages: boolean
  private readonly waits: StableWaits

  constructor(parts: Parts, hasStablePages: boolean) {
    this.parts = parts
    this.hasStablePages = hasStablePages
    this.waits = new StableWaits(parts.counts)
  }

  /** Direct I/O begins to take its pages. */
  submitting({ row }: Operation): void {
    this.operationRow = row
  }

  /** It has them, or waits. */
  submitted(io: Operation): void {
    this.waits.submitted(io)
  }

  /** Its device is done. */
  completing(io: Operation): void {
    this.operationRow = io.row
    this.waits.completing(io)
  }

  /** A row that is no direct I/O begins. */
  begin(): void {
    this.operationRow = 0
  }

  /** A CPU stores. */
  store(head: number, nowNs: number): void {
    if (!this.fault(head, nowNs)) this.parts.marks.set(head, MARK_UNSAVED)
  }

  /** True: it waits. @kernel mm/memory.c: do_page_mkwrite */
  fault(head: number, nowNs: number): boolean {
    const isWaiting = this.hasStablePages && this.parts.marks.has(head, MARK_WRITEBACK)
    if (isWaiting) this.waits.fault(head, nowNs)
    else this.ask(head)
    return isWaiting
  }

  /** A `pin` row for writing. */
  pin(head: number, nowNs: number): void {
    const wasPinned = this.parts.pins.isPinned(head)
    if (this.fault(head, nowNs) && !wasPinned) this.waits.pin(head)
  }

  /** The direct I/O at work takes a folio for writing. */
  take(head: number, nowNs: number): void {
    if (this.fault(head, nowNs)) this.waits.operation(this.operationRow, head)
  }

  /** A device has stored. */
  stored(head: number): void {
    const { marks, counts } = this.parts
    if (this.isYetToCome(head)) return
    if (marks.has(head, MARK_WRITEBACK)) marks.set(head, MARK_TORN)
    if (marks.has(head, MARK_CLEAN)) counts.storesUnnoticed++
    marks.set(head, MARK_UNSAVED)
  }

  /** Whoever lets go of a folio marks it dirty, and asks nobody. @kernel mm/page-writeback.c: folio_mark_dirty */
  dirtied(head: number): void {
    const { marks, counts } = this.parts
    if (this.isYetToCome(head)) return
    if (marks.has(head, MARK_CLEAN) && !marks.has(head, MARK_DIRTY)) counts.dirtiedUnasked++
    marks.set(head, MARK_DIRTY)
  }

  /** A `dma` row. True: of some page the device does not have the pin yet, and stores when it has. */
  deviceStores(io: Operation, event: PageEvent): boolean {
    const { pages, stores } = this.parts
    const isHeldBack = (page: number) => this.waits.isHeldBack(pages.headOf(page))
    const stored = (page: number) => this.stored(pages.headOf(page))
    if (stores.beginOthers(io, event, isHeldBack, stored) === 0) return false
    for (let i = 0; i < event.length; i++) {
      if (isHeldBack(event.page[i])) this.waits.hold(pages.headOf(event.page[i]), event, i)
    }
    return true
  }

  /** A `dma_end` row. */
  deviceEnds(id: number): void {
    const { pages, stores } = this.parts
    this.waits.end(id)
    stores.end(id, (page) => this.stored(pages.headOf(page)))
  }

  /** A device stores into the folio, or may. */
  isAtWork(io: Operation, head: number): boolean {
    const { pages, stores } = this.parts
    return stores.isAtWork(io, head, 2 ** pages.orderOf(head))
  }

  /** The folio's writeback is over, or the folio has left its file: who waited goes on. */
  goOn(io: Operation, head: number, nowNs: number): void {
    const { pages, stores, marks } = this.parts
    if (!this.waits.over(head, nowNs)) return
    this.ask(head)
    marks.set(head, MARK_UNSAVED)
    this.waits.release(io, head, stores, (page) => this.stored(pages.headOf(page)))
  }

  /** The trace is over. */
  close(nowNs: number): void {
    this.waits.close(nowNs)
  }

  /** I/O at work that still waits for the folio's writeback: the trace ends it before that. */
  private isYetToCome(head: number): boolean {
    return this.waits.isWaiting(this.operationRow) && this.parts.marks.has(head, MARK_WRITEBACK)
  }

  private ask(head: number): void {
    const { marks, counts } = this.parts
    if (marks.has(head, MARK_CLEAN)) counts.mkwriteCalls++
    marks.drop(head, MARK_CLEAN | MARK_GONE)
    marks.set(head, MARK_DIRTY)
  }
}
