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
import { eachFilePage } from './event-pages.ts'
import { FolioMarks, MARK_CLEAN, MARK_DIRTY, MARK_SHARED } from './folio-marks.ts'
import { HeldLeases } from './held-leases.ts'
import { type HolderPin, HolderPins } from './holder-pins.ts'
import { asTask, happen, type LayoutChange, layoutChangeOf } from './layout-change.ts'
import { NamedPins } from './named-pins.ts'
import { PinTest } from './pin-test.ts'
import { REFLINK_COUNTERS } from './reflink-counters.ts'

/** What a reflink does where a page of the range looks pinned: the five options of the mail, in its order. */
export type PinnedReflink = 'fail' | 'wait' | 'ignore' | 'copy' | 'lease'

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
  private readonly marks = new FolioMarks()
  private readonly stores = new DeviceStores()
  private readonly named = new NamedPins()
  private readonly leases = new HeldLeases()
  private readonly holders = new HolderPins()
  /** Reflinks that wait, and what their holders take again afterwards. */
  private waiting: { readonly change: LayoutChange; readonly dropped: readonly HolderPin[] }[] = []
  /** When the last row let go of pins, ns. */
  private readonly releaseNs = new Float64Array(1)

  constructor(environment: ConsumerEnvironment, choice: PinnedReflink) {
    super(environment)
    this.choice = choice
    this.pins = new PinTest(environment)
  }

  event(io: Operation, event: PageEvent): boolean {
    this.goOn(io, this.releaseNs[0])
    const { stores, marks, leases } = this
    switch (event.name) {
      case 'reflink':
        this.reflink(io, layoutChangeOf(event))
        return true
      case 'lease':
        leases.take(event.file, event.mm)
        return false
      case 'unlease':
        leases.drop(event.file, event.mm)
        return false
      case 'pin':
        if (event.isStore) eachFilePage(this.pages, event, this.taken)
        if (this.choice === 'lease') return this.holders.take(io, event)
        this.named.take(event)
        return false
      case 'unpin':
        return this.unpin(io, event)
      case 'put':
        this.releaseNs[0] = event.nowNs[0]
        return false
      case 'dma':
        return this.deviceStores(event)
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
        eachFilePage(this.pages, event, (page) => this.writeBack(page))
        return false
      case 'truncate':
        eachFilePage(this.pages, event, (page) => marks.drop(this.pages.headOf(page), -1))
        return false
      default:
        return false
    }
  }

  close(io: Operation): void {
    this.goOn(io, this.releaseNs[0])
    this.counts.waitsNeverOver += this.waiting.length
    for (const { change } of this.waiting) this.counts.waitNs += this.ledger.nowNs - change.sinceNs
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, ...this.pins.counts }
  }

  /** A fault for writing: page_mkwrite gives the file a block of its own. @kernel fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_begin */
  protected override readonly taken = (page: number): void => {
    const head = this.pages.headOf(page)
    if (this.marks.has(head, MARK_CLEAN)) this.counts.mkwriteCalls++
    this.marks.drop(head, MARK_CLEAN | MARK_SHARED)
    this.marks.set(head, MARK_DIRTY)
  }

  protected override readonly stored = (page: number): void => {
    if (this.marks.has(this.pages.headOf(page), MARK_SHARED)) this.counts.storesIntoShared++
  }

  protected override readonly dirtied = (page: number): void => this.marks.set(this.pages.headOf(page), MARK_DIRTY)

  protected override released(io: Operation): void {
    if (this.waiting.length > 0) this.goOn(io, this.ledger.nowNs)
  }

  /** True: its holder has stopped the device, and stores later. */
  private deviceStores(event: PageEvent): boolean {
    const isStopped = this.holders.isStopped(event)
    if (isStopped) this.counts.storesHeldBack += event.length
    else this.stores.begin(event, this.stored)
    return isStopped
  }

  private unpin(io: Operation, event: PageEvent): boolean {
    const isDirty = (event.flags & FLAG_DIRTY) !== 0
    this.releaseNs[0] = event.nowNs[0]
    this.named.drop(event, (page) => {
      if (isDirty && this.pages.kindOf(page) === KIND_FILE) this.dirtied(page)
    })
    return this.choice === 'lease' && this.holders.drop(io, event, isDirty)
  }

  private reflink(io: Operation, change: LayoutChange): void {
    const { choice, counts } = this
    const isPinned = this.looksPinned(change)
    if (choice === 'fail' && isPinned.size > 0) {
      counts.refused++
      return
    }
    const dropped = this.breakLeases(io, change)
    if (choice === 'copy') this.share(io, change, isPinned)
    else if (choice === 'wait' || choice === 'lease') {
      this.waiting.push({ change, dropped })
      if (!this.hasPins(change)) this.goOn(io, change.sinceNs)
      else {
        counts.waits++
        io.audit?.tasks.wait('user')
      }
    } else this.share(io, change, NOTHING)
  }

  /** Head pages of the range that look pinned; counted once a reflink. */
  private looksPinned({ pages }: LayoutChange): ReadonlySet<number> {
    return new Set([...new Set(pages.map((page) => this.pages.headOf(page)))].filter((at) => this.pins.decide(at)))
  }

  private hasPins({ pages }: LayoutChange): boolean {
    return pages.some((page) => this.pins.maybe(this.pages.headOf(page)))
  }

  /**
   * Asks every other holder of a lease on the file. With leases of its own invention (`lease`) a holder lets go of its pins
   * first; those of today's kernels know nothing of pins. Returns what was let go of.
   */
  private breakLeases(io: Operation, { file, task }: LayoutChange): readonly HolderPin[] {
    const { leases, holders, counts } = this
    const broken = leases.against(file, task)
    const dropped = broken.flatMap(({ holder }) => holders.of(holder))
    for (const pin of dropped) {
      counts.pinsDropped += pin.pages.length
      if (pin.isDest) for (const page of pin.pages) this.dirtied(page)
      holders.letGo(io, pin, true)
    }
    counts.leasesBroken += broken.length
    if (broken.length > 0) io.audit?.leases.break(file)
    for (const { holder } of broken) leases.drop(file, holder)
    return dropped
  }

  /** Reflinks whose pins are gone since `nowNs` are done, and their holders take lease and pins again. */
  private goOn(io: Operation, nowNs: number): void {
    if (this.waiting.length === 0) return
    const ready = this.waiting.filter(({ change }) => !this.hasPins(change))
    this.waiting = this.waiting.filter((one) => !ready.includes(one))
    for (const { change, dropped } of ready) {
      this.counts.waitNs += Math.max(nowNs - change.sinceNs, 0)
      this.share(io, change, NOTHING)
      for (const pin of dropped) this.takeAgain(io, change.file, pin)
    }
  }

  private takeAgain(io: Operation, file: number, pin: HolderPin): void {
    asTask(io, pin.mm, () => io.audit?.leases.take(file))
    this.leases.take(file, pin.mm)
    if (pin.isDest) {
      for (const page of pin.pages) {
        io.audit?.folios.mkwrite(page)
        this.taken(page)
      }
    }
    this.holders.acquire(io, pin)
  }

  /** The blocks of the range are shared; a page of `copied` folios stays dirty, and the other file gets a block of its own. */
  private share(io: Operation, change: LayoutChange, copied: ReadonlySet<number>): void {
    const { counts, marks } = this
    const shared = change.pages.filter((page) => !copied.has(this.pages.headOf(page)))
    for (const page of change.pages) if (copied.has(this.pages.headOf(page))) this.copyBlock(io, page)
    for (const at of new Set(shared.map((page) => this.pages.headOf(page)))) this.flush(io, at)
    for (const page of shared) {
      counts.pagesShared++
      if (this.pins.isPinned(this.pages.headOf(page))) counts.sharedWhilePinned++
      marks.set(this.pages.headOf(page), MARK_SHARED)
    }
    happen(io, change, shared)
    counts.reflinks++
  }

  /** @kernel mm/filemap.c: filemap_write_and_wait_range */
  private flush(io: Operation, head: number): void {
    const { folios } = io.audit ?? {}
    if (folios?.clean(head) === true) {
      folios.writeback(head)
      folios.writebackEnd(head)
    }
    this.counts.pagesFlushed += 2 ** this.pages.orderOf(head)
    this.marks.set(head, MARK_CLEAN)
    this.marks.drop(head, MARK_DIRTY)
  }

  private copyBlock(io: Operation, page: number): void {
    const { counts } = this
    counts.blocksCopied++
    counts.bytesCopied += PAGE_SIZE
    if (this.stores.isAtWork(io, page, 1)) counts.tornCopies++
    io.copied(PAGE_SIZE)
    io.audit?.folios.load(page, 0, PAGE_SIZE, BY_KERNEL)
  }

  /** What was made dirty without a page_mkwrite has no block of its own. @kernel fs/xfs/xfs_aops.c: xfs_map_blocks */
  private writeBack(page: number): void {
    const { counts, marks } = this
    const head = this.pages.headOf(page)
    if (marks.has(head, MARK_SHARED) && marks.has(head, MARK_DIRTY)) counts.sharedOverwritten++
    marks.set(head, MARK_CLEAN)
    marks.drop(head, MARK_DIRTY)
  }
}

const NOTHING: ReadonlySet<number> = new Set()
