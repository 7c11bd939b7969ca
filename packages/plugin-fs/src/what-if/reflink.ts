import {
  BY_KERNEL,
  type ConsumerEnvironment,
  FLAG_DIRTY,
  FLAG_KERNEL,
  KIND_FILE,
  type Operation,
  PAGE_SIZE,
  type PageEvent,
} from '@pinscope/core'
import { zeroCounts } from './counts.ts'
import { DeviceStores } from './device-stores.ts'
import { DirectIo } from './direct-io.ts'
import { eachFileFolio, eachFilePage } from './event-pages.ts'
import { lockInodes, unlockInodes, waitsForEver } from './inode-locks.ts'
import { happen, type LayoutChange, layoutChangeOf } from './layout-change.ts'
import { GivenUp, LeaseHolders } from './lease-holders.ts'
import { NamedPins } from './named-pins.ts'
import { PinTest } from './pin-test.ts'
import { REFLINK_COUNTERS } from './reflink-counters.ts'
import { ReflinkFolios } from './reflink-folios.ts'

/** What a reflink does where a page of the range looks pinned: the five options of the mail, in its order. */
export type PinnedReflink = 'fail' | 'wait' | 'ignore' | 'copy' | 'lease'

/** A reflink that was asked for, and what holders of leases gave up for it. */
interface Waiting {
  readonly change: LayoutChange
  readonly given: GivenUp
}

/**
 * Reflink of a file whose pages are buffers of somebody's I/O. What kernels do is `ignore`: layout leases are broken, the
 * file's own direct I/O is waited for, the range is written back, its blocks are shared; nobody asks for pins.
 *
 * @kernel fs/remap_range.c: __generic_remap_file_range_prep; fs/xfs/xfs_reflink.c: xfs_reflink_remap_prep;
 *   fs/xfs/xfs_inode.c: xfs_iolock_two_inodes_and_break_layout (6.1, 6.12, 7.3: the same steps)
 */
export class ReflinkConsumer extends DirectIo {
  private readonly counts = zeroCounts(REFLINK_COUNTERS)
  private readonly choice: PinnedReflink
  private readonly pins: PinTest
  private readonly folios: ReflinkFolios
  private readonly stores = new DeviceStores()
  private readonly named = new NamedPins()
  private readonly holders: LeaseHolders
  /** Reflinks that wait, in order, and what holders of leases take again afterwards. */
  private waiting: Waiting[] = []
  /** When the last row let go of pins, ns. */
  private readonly releaseNs = new Float64Array(1)

  constructor(environment: ConsumerEnvironment, choice: PinnedReflink) {
    super(environment)
    this.choice = choice
    this.pins = new PinTest(environment)
    this.folios = new ReflinkFolios(environment.pages, this.counts)
    this.holders = new LeaseHolders(environment, this.folios, this.counts)
  }

  event(io: Operation, event: PageEvent): boolean {
    this.goOn(io, this.releaseNs[0])
    const { stores, folios, holders } = this
    switch (event.name) {
      case 'reflink':
        this.reflink(io, layoutChangeOf(io, event))
        return true
      case 'lease':
        holders.leases.take(event.file, event.mm)
        return false
      case 'unlease':
        holders.unlease(event, this.waiting)
        return false
      case 'pin':
        if (event.isStore) eachFilePage(this.pages, event, this.taken)
        if (this.choice === 'lease') return holders.pins.take(io, event)
        this.named.take(event)
        return false
      case 'unpin':
        return this.unpin(io, event)
      case 'put':
        this.releaseNs[0] = event.nowNs[0]
        return false
      case 'dma':
        return this.deviceStores(io, event)
      case 'dma_end':
        stores.end(event.id, this.stored)
        return false
      case 'store':
        eachFilePage(this.pages, event, (event.flags & FLAG_KERNEL) === 0 ? this.taken : this.stored)
        return false
      case 'mkwrite':
        eachFilePage(this.pages, event, this.taken)
        return false
      case 'writeback':
        eachFileFolio(this.pages, event, (head) => folios.writeBack(io, head))
        return true
      case 'writeback_end':
        eachFileFolio(this.pages, event, (head) => folios.endWriteback(io, head))
        return true
      case 'dirty':
        eachFilePage(this.pages, event, this.dirtied)
        return false
      case 'truncate':
        eachFilePage(this.pages, event, (page) => folios.leave(page))
        return false
      default:
        return false
    }
  }

  close(io: Operation): void {
    this.goOn(io, this.releaseNs[0])
    this.counts.waitsNeverOver += this.waiting.length
    for (const { change } of this.waiting) {
      this.counts.waitNs += this.ledger.nowNs - change.sinceNs
      if (this.choice === 'wait') waitsForEver(io, change)
    }
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, ...this.pins.counts }
  }

  protected override readonly taken = (page: number): void => this.folios.taken(page)

  protected override readonly stored = (page: number): void => this.folios.stored(page)

  protected override readonly dirtied = (page: number): void => this.folios.dirtied(page)

  protected override released(io: Operation): void {
    if (this.waiting.length > 0) this.goOn(io, this.ledger.nowNs)
  }

  /** True: a holder has stopped its device, which stores later. */
  private deviceStores(io: Operation, event: PageEvent): boolean {
    const isStopped = (page: number) => this.holders.pins.isStopped(event.mm, page)
    const held = this.stores.beginOthers(io, event, isStopped, this.stored)
    this.counts.storesHeldBack += held
    return held > 0
  }

  private unpin(io: Operation, event: PageEvent): boolean {
    const isDirty = (event.flags & FLAG_DIRTY) !== 0
    this.releaseNs[0] = event.nowNs[0]
    this.named.drop(event, (page) => {
      if (isDirty && this.pages.kindOf(page) === KIND_FILE) this.dirtied(page)
    })
    return this.choice === 'lease' && this.holders.pins.drop(io, event, isDirty)
  }

  private reflink(io: Operation, change: LayoutChange): void {
    const { choice, counts } = this
    const isPinned = this.looksPinned(change)
    if (choice === 'fail' && isPinned.size > 0) {
      counts.refused++
      return
    }
    const given = new GivenUp()
    this.holders.break(io, change, given)
    if (choice === 'copy') this.share(io, change, isPinned)
    else if (choice === 'ignore') this.share(io, change, NOTHING)
    else this.wait(io, { change, given })
  }

  private wait(io: Operation, one: Waiting): void {
    this.waiting.push(one)
    if (!this.hasPins(one.change)) this.goOn(io, one.change.sinceNs)
    else {
      this.counts.waits++
      if (this.choice === 'wait') lockInodes(io, one.change)
    }
  }

  /** Head pages of the range that look pinned; counted once a reflink. */
  private looksPinned(change: LayoutChange): ReadonlySet<number> {
    return new Set([...this.headsIn(change)].filter((head) => this.pins.decide(head)))
  }

  private hasPins(change: LayoutChange): boolean {
    return [...this.headsIn(change)].some((head) => this.pins.maybe(head))
  }

  private headsIn(change: LayoutChange): ReadonlySet<number> {
    return new Set(this.holders.filePages.in(change).map((page) => this.pages.headOf(page)))
  }

  /**
   * Reflinks whose pins are gone since `nowNs` are done, one after the other; then their holders take lease and pins again. The
   * next one asks them anew: leases are looked at again under the locks. @kernel fs/xfs/xfs_inode.c: xfs_iolock_two_inodes_and_break_layout
   */
  private goOn(io: Operation, nowNs: number): void {
    if (this.waiting.length === 0) return
    for (const one of this.waiting) {
      const { change, given } = one
      if (this.choice === 'lease') this.holders.break(io, change, given)
      if (this.hasPins(change)) continue
      this.waiting = this.waiting.filter((other) => other !== one)
      const ns = Math.max(nowNs - change.sinceNs, 0)
      this.counts.waitNs += ns
      if (this.choice === 'wait') unlockInodes(io, change, ns)
      this.share(io, change, NOTHING)
      if (this.choice === 'lease') this.holders.takeAgain(io, change.file, given)
    }
  }

  /** The blocks of the range are shared; a page of `copied` folios stays dirty, and the other file gets a block of its own. */
  private share(io: Operation, change: LayoutChange, copied: ReadonlySet<number>): void {
    const { counts, folios } = this
    const pages = this.holders.filePages.in(change)
    const shared = pages.filter((page) => !copied.has(this.pages.headOf(page)))
    for (const page of pages) if (copied.has(this.pages.headOf(page))) this.copyBlock(io, page)
    for (const at of new Set(shared.map((page) => this.pages.headOf(page)))) folios.flush(io, at)
    for (const page of shared) {
      counts.pagesShared++
      if (this.pins.isPinned(this.pages.headOf(page))) counts.sharedWhilePinned++
      folios.shared(page)
    }
    happen(io, change, shared)
    counts.reflinks++
  }

  private copyBlock(io: Operation, page: number): void {
    const { counts } = this
    counts.blocksCopied++
    counts.bytesCopied += PAGE_SIZE
    if (this.stores.isAtWork(io, page, 1)) counts.tornCopies++
    io.copied(PAGE_SIZE)
    io.audit?.folios.load(page, 0, PAGE_SIZE, BY_KERNEL)
  }
}

const NOTHING: ReadonlySet<number> = new Set()
