import type { Borrows, Operation, PageEvent } from '@pinscope/core'
import type { Counts } from './counts.ts'
import type { DeviceStores } from './device-stores.ts'
import type { WRITEBACK_COUNTERS } from './writeback-counters.ts'

/** Direct I/O that is not on its way yet. */
interface WaitingIo {
  /** Folios that it waits for. */
  readonly heads: Set<number>
  /** What it names, 0: nothing, or nothing any more. */
  chain: number
  borrows: Borrows | null
}

/** A store of a device through a pin that is not taken yet. */
interface HeldStore {
  readonly head: number
  readonly page: number
  readonly fromBytes: number
  readonly bytes: number
  readonly id: number
  /** The row that ends it came meanwhile. */
  isOver: boolean
}

/**
 * Who waits for the end of a writeback, where pages are stable: faults for writing. A CPU that stores is in one, and so is
 * whoever pins for writing; what is pinned already, a device stores to without any.
 * @kernel mm/page-writeback.c: folio_wait_stable; mm/gup.c: faultin_page (FAULT_FLAG_WRITE, so that page_mkwrite runs)
 */
export class StableWaits {
  private readonly counts: Counts<typeof WRITEBACK_COUNTERS>
  /** By head page: since when its first fault waits, ns. */
  private readonly since = new Map<number, number>()
  /** Folios that are pinned for writing by nobody but who waits. */
  private readonly pinning = new Set<number>()
  /** By row of the operation. */
  private readonly operations = new Map<number, WaitingIo>()
  private held: HeldStore[] = []

  constructor(counts: Counts<typeof WRITEBACK_COUNTERS>) {
    this.counts = counts
  }

  /** A fault finds the folio under writeback, and waits. */
  fault(head: number, nowNs: number): void {
    if (this.since.has(head)) return
    this.since.set(head, nowNs)
    this.counts.storeWaits++
  }

  /** The fault is that of a `pin` row, and nobody had the folio pinned before: no device stores through the pin yet. */
  pin(head: number): void {
    this.pinning.add(head)
  }

  /** The fault is that of the direct I/O of a row: it is submitted when it has all its pages. */
  operation(row: number, head: number): void {
    const io = this.operations.get(row) ?? { heads: new Set(), chain: 0, borrows: null }
    io.heads.add(head)
    this.operations.set(row, io)
  }

  /** It has listed what it names. */
  submitted({ row, borrowed, borrows }: Operation): void {
    const io = this.operations.get(row)
    if (io === undefined) return
    io.chain = borrowed
    io.borrows = borrows
    borrows.setWaiting(borrowed, true)
  }

  /** The trace ends it. */
  completing({ row }: Operation): void {
    const io = this.operations.get(row)
    if (io !== undefined) io.chain = 0
  }

  /** The direct I/O of a row still waits for pages. */
  isWaiting(row: number): boolean {
    return this.operations.has(row)
  }

  isHeldBack(head: number): boolean {
    return this.pinning.has(head)
  }

  /** Page `at` of a `dma` row, which is held back. */
  hold(head: number, event: PageEvent, at: number): void {
    const fromBytes = event.fromBytes[at]
    const bytes = event.endBytes[at] - fromBytes
    this.held.push({ head, page: event.page[at], fromBytes, bytes, id: event.id, isOver: event.id < 0 })
  }

  /** A `dma_end` row. */
  end(id: number): void {
    for (const store of this.held) if (store.id === id) store.isOver = true
  }

  /** The writeback is over: true where a fault waited for it, which goes on. */
  over(head: number, nowNs: number): boolean {
    const sinceNs = this.since.get(head)
    if (sinceNs === undefined) return false
    this.counts.storeWaitNs += nowNs - sinceNs
    this.since.delete(head)
    this.pinning.delete(head)
    for (const [row, { heads, chain, borrows }] of this.operations) {
      if (!heads.delete(head) || heads.size > 0) continue
      borrows?.setWaiting(chain, false)
      this.operations.delete(row)
    }
    return true
  }

  /** Stores that were held back for the folio come now, or begin. */
  release(io: Operation, head: number, stores: DeviceStores, stored: (page: number) => void): void {
    const due = this.held.filter((store) => store.head === head)
    this.held = this.held.filter((store) => store.head !== head)
    for (const { page, fromBytes, bytes, id, isOver } of due) {
      if (isOver) io.audit?.devices.store(page, fromBytes, bytes)
      else io.audit?.devices.begin(id, true, page, fromBytes, bytes)
      if (isOver) stored(page)
      else stores.beginPage(id, page)
    }
  }

  /** The trace is over, and some still wait. */
  close(nowNs: number): void {
    for (const head of [...this.since.keys()]) this.over(head, nowNs)
  }
}
