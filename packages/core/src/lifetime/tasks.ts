import type { EventBus } from './event-bus.ts'
import type { Folios } from './folios.ts'
import { eventCode } from './lifetime-event.ts'

/** A folio lock that a task holds. */
export interface HeldLock {
  /** Page row of the folio. */
  readonly page: number
  /** File and index where they are known, else -1. */
  readonly file: number
  readonly index: number
  readonly row: number
  readonly line: number
}

/** What the task at work holds and does: folio locks, waits, allocations; and what address spaces have locked in memory. */
export class Tasks {
  /** Most folio locks that one task held at once. */
  locksHeldMax = 0
  private readonly locks = new Map<number, HeldLock[]>()
  private readonly locked = new Map<number, number>()
  private readonly bus: EventBus
  private readonly folios: Folios

  constructor(bus: EventBus, folios: Folios) {
    this.bus = bus
    this.folios = folios
  }

  /** Locks of the task at work, first taken first. Rules that hear `lock` see those it had before. */
  held(): readonly HeldLock[] {
    return this.locks.get(this.bus.task) ?? []
  }

  /** Every lock that any task has. */
  eachLock(tell: (lock: HeldLock) => void): void {
    for (const held of this.locks.values()) for (const lock of held) tell(lock)
  }

  /** The locks that any task has of folios of a file. */
  locksOf(file: number): readonly HeldLock[] {
    return [...this.locks.values()].flat().filter((lock) => lock.file === file)
  }

  /**
   * The task at work locks a folio: page `index` of `file`, where that is known. It is the task's until it is unlocked, by
   * whomever: a lock that is handed to an I/O, whose end drops it, is not to be told of.
   * @kernel mm/filemap.c: __filemap_get_folio (FGP_LOCK)
   */
  lock(page: number, file = -1, index = -1): void {
    const held = this.locks.get(this.bus.task) ?? []
    if (this.isLockedByRow(held, page)) return
    this.folios.lock(page, file, index)
    held.push({ page, file, index, row: this.bus.row, line: this.bus.line })
    this.locks.set(this.bus.task, held)
    this.locksHeldMax = Math.max(this.locksHeldMax, held.length)
  }

  /** Any page of the folio; whoever locked it: the end of an I/O runs in another task. @kernel mm/filemap.c: folio_unlock */
  unlock(page: number): void {
    this.folios.unlock(page)
    const head = this.folios.headOf(page)
    for (const held of this.locks.values()) {
      const at = held.findIndex((lock) => this.folios.headOf(lock.page) === head)
      if (at < 0) continue
      held.splice(at, 1)
      return
    }
  }

  /** The row at work names pages, and locks folios: another page of this one's folio came before. */
  private isLockedByRow(held: readonly HeldLock[], page: number): boolean {
    const head = this.folios.headOf(page)
    return held.some(
      (lock) => lock.row === this.bus.row && lock.page !== page && this.folios.headOf(lock.page) === head,
    )
  }

  /** The task at work waits: for `whom` (`network`, `user`, `lease`, `writeback`), `nsMax` at most; 0: for ever. */
  wait(whom: string, nsMax = 0): void {
    const event = this.bus.next()
    event.detail = whom
    event.amount = nsMax
    this.bus.tell(eventCode('wait'))
  }

  /** Memory is allocated; `mayEnterFs`: reclaim may write back to file systems. @kernel include/linux/gfp_types.h: __GFP_FS */
  allocate(mayEnterFs: boolean): void {
    const event = this.bus.next()
    event.amount = mayEnterFs ? 1 : 0
    this.bus.tell(eventCode('allocation'))
  }

  /** Pages that an address space has accounted as locked or pinned. */
  accountedPages(mm: number): number {
    return this.locked.get(mm) ?? 0
  }

  /** `pages` pages are added to what `mm` has locked. @kernel mm/util.c: account_locked_vm; io_uring/rsrc.c: io_account_mem */
  account(mm: number, pages: number): void {
    this.tellAccount('account', mm, pages)
    this.locked.set(mm, this.accountedPages(mm) + pages)
  }

  /** They are taken off it. */
  unaccount(mm: number, pages: number): void {
    this.tellAccount('unaccount', mm, pages)
    this.locked.set(mm, this.accountedPages(mm) - pages)
  }

  /** Address spaces that have something accounted, or had. */
  accounts(): ReadonlyMap<number, number> {
    return this.locked
  }

  private tellAccount(name: 'account' | 'unaccount', mm: number, pages: number): void {
    const event = this.bus.next()
    event.object = mm
    event.amount = pages
    this.bus.tell(eventCode(name))
  }
}
