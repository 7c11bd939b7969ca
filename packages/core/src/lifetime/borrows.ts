import { grown } from '../grown.ts'
import { PageColumn } from '../memory/page-column.ts'
import { RowPool } from '../row-pool.ts'
import { PAGE_SIZE } from '../units.ts'

/** Nothing but the owner keeps the bytes: no reference, no lock. */
export const GUARD_NONE = 0
/** A reference or a pin is held on the page. */
export const GUARD_COUNT = 1
/** The submitter holds the page lock, or the page is under writeback. @kernel PG_locked, PG_writeback */
export const GUARD_LOCK = 2

/** One of the `GUARD_*`. */
export type Guard = 0 | 1 | 2

/** @throws RangeError for what is no guard: a consumer in JavaScript may pass anything. */
export function checkGuard(guard: Guard): void {
  if (guard !== GUARD_NONE && guard !== GUARD_COUNT && guard !== GUARD_LOCK) refuseGuard(guard)
}

function refuseGuard(guard: never): never {
  throw new RangeError(`guard ${String(guard)} is none of GUARD_NONE, GUARD_COUNT, GUARD_LOCK`)
}

/**
 * Bytes of pages that lists of operations in flight name, and what guards them: as columns, chained by page and by
 * operation. Counts nothing; what happens to the pages meanwhile is checked against it. Slot 0 is never used.
 */
export class Borrows {
  /** Row of the trace that borrows. */
  row = new Float64Array(256)
  page = new Int32Array(256)
  offsetBytes = new Int32Array(256)
  /** End in the page, up to 4096. */
  endBytes = new Int32Array(256)
  guard = new Uint8Array(256)
  /** 1: the operation reads the bytes, 0: it writes them. */
  isSource = new Uint8Array(256)
  /** 1: the operation waits, and no device is at work there yet. */
  isWaiting = new Uint8Array(256)
  nextOfPage = new Int32Array(256)
  /** Slots in use. */
  open = 0

  private previousOfPage = new Int32Array(256)
  private nextOfOperation = new Int32Array(256)
  private readonly slots = new RowPool(1)
  private readonly firstOfPage = new PageColumn()

  /**
   * Adds `bytes` bytes from `offsetBytes` of page row `page` on, and the pages behind it, to the chain `chain` of an
   * operation (0: none yet). Returns the chain.
   */
  add(chain: number, row: number, page: number, offset: number, bytes: number, guard: Guard, source: number): number {
    let first = chain
    let at = page + Math.floor(offset / PAGE_SIZE)
    let from = offset % PAGE_SIZE
    for (let left = bytes; left > 0; at++, from = 0) {
      const part = Math.min(left, PAGE_SIZE - from)
      first = this.addPiece(first, row, at, from, from + part)
      this.guard[first] = guard
      this.isSource[first] = source
      left -= part
    }
    return first
  }

  /** Takes a chain out: the operation is over. */
  giveBack(chain: number): void {
    for (let slot = chain; slot !== 0; slot = this.nextOfOperation[slot]) {
      const previous = this.previousOfPage[slot]
      const next = this.nextOfPage[slot]
      if (previous === 0) this.firstOfPage.set(this.page[slot], next)
      else this.nextOfPage[previous] = next
      if (next !== 0) this.previousOfPage[next] = previous
      this.slots.give(slot)
      this.open--
    }
  }

  /** The operation of a chain waits before it is on its way, or does no longer. */
  setWaiting(chain: number, isWaiting: boolean): void {
    for (let slot = chain; slot !== 0; slot = this.nextOfOperation[slot]) this.isWaiting[slot] = isWaiting ? 1 : 0
  }

  /** Tells of each piece of a chain: a page and the bytes of it from `from` to `end`. */
  each(chain: number, tell: (page: number, from: number, end: number) => void): void {
    for (let slot = chain; slot !== 0; slot = this.nextOfOperation[slot]) {
      tell(this.page[slot], this.offsetBytes[slot], this.endBytes[slot])
    }
  }

  /** First slot of a page, 0 when nothing borrows it. */
  first(page: number): number {
    return this.firstOfPage.get(page)
  }

  private addPiece(chain: number, row: number, page: number, from: number, end: number): number {
    const slot = this.slots.take()
    if (slot === this.row.length) this.grow()
    this.open++
    const second = this.firstOfPage.get(page)
    this.row[slot] = row
    this.page[slot] = page
    this.offsetBytes[slot] = from
    this.endBytes[slot] = end
    this.isWaiting[slot] = 0
    this.previousOfPage[slot] = 0
    this.nextOfPage[slot] = second
    if (second !== 0) this.previousOfPage[second] = slot
    this.firstOfPage.set(page, slot)
    this.nextOfOperation[slot] = chain
    return slot
  }

  private grow(): void {
    const capacity = this.row.length * 2
    this.row = grown(this.row, capacity)
    this.page = grown(this.page, capacity)
    this.offsetBytes = grown(this.offsetBytes, capacity)
    this.endBytes = grown(this.endBytes, capacity)
    this.guard = grown(this.guard, capacity)
    this.isSource = grown(this.isSource, capacity)
    this.isWaiting = grown(this.isWaiting, capacity)
    this.nextOfPage = grown(this.nextOfPage, capacity)
    this.previousOfPage = grown(this.previousOfPage, capacity)
    this.nextOfOperation = grown(this.nextOfOperation, capacity)
  }
}
