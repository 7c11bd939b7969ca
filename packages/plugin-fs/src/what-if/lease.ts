import { type ConsumerEnvironment, FLAG_DIRTY, ITER_DEST, type Operation, type PageEvent } from '@pinscope/core'
import { zeroCounts } from './counts.ts'
import { DeviceStores } from './device-stores.ts'
import { DirectIo } from './direct-io.ts'
import { HeldLeases } from './held-leases.ts'
import { HolderPins } from './holder-pins.ts'
import { happen, LAYOUT_CHANGES, type LayoutChange, layoutChangeOf } from './layout-change.ts'
import { LEASE_COUNTERS } from './lease-counters.ts'
import { PinTest } from './pin-test.ts'

/** How the holder of a lease behaves when it is asked to give it back. */
export type LeaseHolder = 'prompt' | 'late' | 'never'

/** A change that waits for the holders of leases; what happens when it is due. */
interface Waiting {
  readonly change: LayoutChange
  readonly dueNs: number
  /** The holders answer then; else their leases are taken away. */
  readonly isAnswer: boolean
}

/**
 * Layout leases on a file, with a holder that pins its pages: before the layout changes the lease is broken, and the change
 * waits until the holder has dropped its pins and given the lease back, or until its time is over. Then the lease is taken
 * away, and the pins are still there.
 *
 * nfsd, the one holder in 6.1 and 6.12, has its leases not timed out there: it fences a client after two periods of the NFS
 * lease. In 7.3 the time-out holds for it, and fences the client.
 *
 * @kernel fs/locks.c: __break_lease, time_out_leases, lease_break_time; fs/nfsd/nfs4layouts.c: nfsd4_layout_lm_break,
 *   nfsd4_cb_layout_done, nfsd4_layout_lm_breaker_timedout (7.3)
 */
export class LeaseConsumer extends DirectIo {
  private readonly counts = zeroCounts(LEASE_COUNTERS)
  private readonly holder: LeaseHolder
  private readonly pins: PinTest
  private readonly stores = new DeviceStores()
  private readonly leases = new HeldLeases()
  private readonly holders = new HolderPins()
  private readonly answerNs: number
  /** 0: none. */
  private readonly timeoutNs: number
  private waiting: Waiting[] = []
  /** Holders whose lease was taken away, and when they answer after all, ns. */
  private late: { readonly holder: number; readonly dueNs: number }[] = []
  /** Operations of each task that a device still works for. */
  private readonly inFlight = new Map<number, number>()
  /** Pages whose layout changed while they were pinned. */
  private readonly changedPinned = new Set<number>()

  constructor(environment: ConsumerEnvironment, holder: LeaseHolder) {
    super(environment)
    this.holder = holder
    this.pins = new PinTest(environment)
    this.answerNs = holder === 'never' ? Number.POSITIVE_INFINITY : environment.options['answer-ns']
    this.timeoutNs = environment.options['break-timeout-ns']
  }

  override submit(io: Operation): number {
    const { mm } = io.iter
    const bytes = super.submit(io)
    if (bytes > 0 && io.iter.direction === ITER_DEST) {
      io.scratch = mm + 1
      this.inFlight.set(mm, (this.inFlight.get(mm) ?? 0) + 1)
    }
    return bytes
  }

  override complete(io: Operation): void {
    const mm = io.scratch - 1
    // What is due and does not wait for this operation comes before its end.
    if (this.waiting.length > 0 || this.late.length > 0) this.goOn(io, this.ledger.nowNs)
    if (mm >= 0) this.inFlight.set(mm, (this.inFlight.get(mm) ?? 1) - 1)
    super.complete(io)
  }

  event(io: Operation, event: PageEvent): boolean {
    this.goOn(io, event.nowNs[0])
    const { stores, leases } = this
    if (LAYOUT_CHANGES.includes(event.name)) return this.change(io, layoutChangeOf(event))
    switch (event.name) {
      case 'lease':
        leases.take(event.file, event.mm)
        return false
      case 'unlease':
        this.giveBack(io, event)
        return true
      case 'pin':
        return this.holders.take(io, event)
      case 'unpin':
        return this.holders.drop(io, event, (event.flags & FLAG_DIRTY) !== 0)
      case 'dma':
        return this.deviceStores(event)
      case 'dma_end':
        stores.end(event.id, this.stored)
        return false
      default:
        return false
    }
  }

  /** What is still to come comes, as if the trace went on; what nothing bounds is still waited for. */
  close(io: Operation): void {
    this.goOn(io, Number.POSITIVE_INFINITY)
    const { counts } = this
    counts.waitsNeverOver += this.waiting.length
    for (const { change } of this.waiting) counts.waitNs += this.ledger.nowNs - change.sinceNs
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, ...this.pins.counts }
  }

  protected override readonly stored = (page: number): void => {
    if (this.changedPinned.has(page)) this.counts.storesTooLate++
  }

  protected override released(io: Operation): void {
    if (this.waiting.length === 0) return
    const { nowNs } = this.ledger
    const isReady = (one: Waiting) => one.dueNs <= nowNs && !this.isBlocked(one)
    const ready = this.waiting.filter(isReady)
    this.waiting = this.waiting.filter((one) => !ready.includes(one))
    for (const one of ready) this.settle(io, one, nowNs)
  }

  /** True: its holder has stopped the device, and stores later. */
  private deviceStores(event: PageEvent): boolean {
    const isStopped = this.holders.isStopped(event)
    if (isStopped) this.counts.storesHeldBack += event.length
    else this.stores.begin(event, this.stored)
    return isStopped
  }

  /** False: nobody has to be asked. */
  private change(io: Operation, change: LayoutChange): boolean {
    const { counts, leases, timeoutNs, answerNs } = this
    const asked = leases.against(change.file, change.task)
    if (asked.length === 0) return false
    counts.waits++
    io.audit?.tasks.wait('lease', timeoutNs)
    const before = this.waiting.find((one) => one.change.file === change.file)
    // Who was asked before is not asked again, and his time runs since then.
    if (before !== undefined) {
      this.waiting.push({ ...before, change })
      return true
    }
    counts.leasesBroken += asked.length
    const isAnswer = timeoutNs === 0 || answerNs <= timeoutNs
    this.waiting.push({ change, dueNs: change.sinceNs + (isAnswer ? answerNs : timeoutNs), isAnswer })
    if (!isAnswer && this.holder === 'late') {
      for (const { holder } of asked) this.late.push({ holder, dueNs: change.sinceNs + answerNs })
    }
    this.goOn(io, change.sinceNs)
    return true
  }

  /** What is due by `nowNs` happens, in order. */
  private goOn(io: Operation, nowNs: number): void {
    const isDue = (one: Waiting) => one.dueNs <= nowNs && one.dueNs < Number.POSITIVE_INFINITY && !this.isBlocked(one)
    const due = this.waiting.filter(isDue).sort((a, b) => a.dueNs - b.dueNs)
    this.waiting = this.waiting.filter((one) => !due.includes(one))
    for (const one of due) this.settle(io, one, one.dueNs)
    const late = this.late.filter(({ dueNs }) => dueNs <= nowNs)
    this.late = this.late.filter((one) => !late.includes(one))
    for (const { holder } of late) this.counts.pinsDroppedLate += this.dropPins(io, holder)
  }

  /** A holder cannot answer while its own I/O is on its way. */
  private isBlocked({ change, isAnswer }: Waiting): boolean {
    if (!isAnswer) return false
    return this.leases.against(change.file, change.task).some(({ holder }) => (this.inFlight.get(holder) ?? 0) > 0)
  }

  /** The leases are over at `nowNs`, and the change happens. */
  private settle(io: Operation, { change, isAnswer }: Waiting, nowNs: number): void {
    const { counts, leases } = this
    const held = leases.against(change.file, change.task)
    for (const { holder } of held) {
      if (isAnswer) this.dropPins(io, holder)
      leases.drop(change.file, holder)
    }
    if (isAnswer) counts.leasesAnswered += held.length
    else counts.leasesTimedOut += held.length
    if (held.length > 0) io.audit?.leases.break(change.file)
    counts.waitNs += nowNs - change.sinceNs
    this.perform(io, change)
  }

  /** A holder gives its lease back by itself: whoever waited for it goes on. */
  private giveBack(io: Operation, event: PageEvent): void {
    const { leases } = this
    leases.drop(event.file, event.mm)
    io.audit?.leases.drop(event.file)
    const isFree = ({ change }: Waiting) => leases.against(change.file, change.task).length === 0
    const free = this.waiting.filter(isFree)
    this.waiting = this.waiting.filter((one) => !free.includes(one))
    for (const one of free) this.settle(io, one, event.nowNs[0])
  }

  private perform(io: Operation, change: LayoutChange): void {
    const { counts, pages } = this
    for (const page of change.pages) {
      if (!this.pins.decide(pages.headOf(page)) || !this.pins.isPinned(pages.headOf(page))) continue
      counts.changedWhilePinned++
      this.changedPinned.add(page)
    }
    happen(io, change)
    counts.changes++
  }

  /** Pages that a holder lets go of. */
  private dropPins(io: Operation, holder: number): number {
    let dropped = 0
    for (const pin of this.holders.of(holder)) {
      dropped += pin.pages.length
      this.holders.letGo(io, pin, true)
    }
    this.counts.pinsDropped += dropped
    return dropped
  }
}
