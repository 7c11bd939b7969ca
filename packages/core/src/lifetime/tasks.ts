import { checkPage } from './check-page.ts'
import { CONTEXT_PROCESS, type EventBus } from './event-bus.ts'
import { FileLocks } from './file-locks.ts'
import { FOLIO_LOCKED } from './folio-flags.ts'
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

/** What the task at work holds and does: locks of folios and inodes, waits, allocations; and what address spaces have locked in memory. */
export class Tasks {
  /** Most folio locks that one task held at once. */
  locksHeldMax = 0
  /** What file systems have locked of files. */
  readonly files: FileLocks
  private readonly locks = new Map<number, HeldLock[]>()
  private readonly locked = new Map<number, number>()
  private readonly bus: EventBus
  private readonly folios: Folios
  /** It is an I/O's by now, whose end drops it. */
  private readonly isHanded: (lock: HeldLock) => boolean

  constructor(bus: EventBus, folios: Folios, isHanded: (lock: HeldLock) => boolean) {
    this.bus = bus
    this.folios = folios
    this.files = new FileLocks(bus)
    this.isHanded = isHanded
  }

  /**
   * Locks of the task at work, first taken first, but for those that it handed to an I/O in flight. Rules that hear `lock`
   * see those it had before.
   */
  held(): readonly HeldLock[] {
    const held = this.locks.get(this.bus.task) ?? []
    return held.length === 0 ? held : held.filter((lock) => !this.isHanded(lock))
  }

  /** Whether the lock of a page's folio, if somebody has it, is there for the task at work: its own, or an I/O's that it is part of. */
  isLockedForWork(page: number): boolean {
    const { bus, folios } = this
    if (!folios.has(page, FOLIO_LOCKED)) return false
    // Workers, interrupts and whoever the trace gives no pid go on with what others began.
    if (bus.context !== CONTEXT_PROCESS || bus.task === 0) return true
    const head = folios.headOf(page)
    for (const [task, held] of this.locks) {
      const lock = held.find((one) => folios.headOf(one.page) === head)
      if (lock !== undefined) return task === bus.task || this.isHanded(lock)
    }
    return true
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
   * whomever, or handed to an I/O. `waits` false: only if nobody has it.
   * @kernel mm/filemap.c: __filemap_get_folio (FGP_LOCK); include/linux/pagemap.h: folio_trylock
   */
  lock(page: number, file = -1, index = -1, waits = true): void {
    checkPage(this.folios.pages, page)
    const held = this.locks.get(this.bus.task) ?? []
    if (this.isLockedByRow(held, page)) return
    this.folios.lock(page, file, index, waits)
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
    if (!(nsMax >= 0)) throw new RangeError(`audit.tasks.wait: for ${nsMax} ns`)
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
    if (!(pages >= 0)) throw new RangeError(`audit.tasks.${name}: ${pages} pages`)
    const event = this.bus.next()
    event.object = mm
    event.amount = pages
    this.bus.tell(eventCode(name))
  }
}
