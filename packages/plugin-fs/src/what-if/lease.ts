import { type ConsumerEnvironment, FLAG_DIRTY, HOLD_NONE, type Operation, type PageEvent } from '@pinscope/core'
import { zeroCounts } from './counts.ts'
import { DeviceStores } from './device-stores.ts'
import { DirectIo } from './direct-io.ts'
import { FilePages } from './file-pages.ts'
import { HeldLeases } from './held-leases.ts'
import { HolderIo } from './holder-io.ts'
import { type HolderPin, HolderPins } from './holder-pins.ts'
import { asTask, happen, LAYOUT_CHANGES, type LayoutChange, layoutChangeOf } from './layout-change.ts'
import { LEASE_COUNTERS } from './lease-counters.ts'
import { PinTest } from './pin-test.ts'

/** How the holder of a lease behaves when it is asked to give it back. */
export type LeaseHolder = 'prompt' | 'late' | 'never'

/** What happens to a lease that was asked back, and when: its holder answers, or its time is over; or it answers after that. */
interface Step {
  readonly what: 'answer' | 'time-out' | 'late answer'
  readonly file: number
  readonly holder: number
  readonly atNs: number
}

interface Late {
  readonly file: number
  readonly holder: number
  readonly dueNs: number
  readonly pins: readonly HolderPin[]
}

/**
 * Layout leases on a file, with a holder that pins its pages: before the layout changes each lease of another is broken, and
 * the change waits until every holder has dropped its pins on the file and given the lease back, or until the lease's time is
 * over. Then it is taken away, and the pins are still there. Each holder is asked once, and his time runs from there.
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
  private waiting: LayoutChange[] = []
  /** Leases that were taken away, with the pins of their holders, and when those answer after all, ns. */
  private late: Late[] = []
  private readonly filePages: FilePages
  private readonly inFlight = new HolderIo()
  /** Pages of files that the operation at work took. */
  private readonly taking: number[] = []
  /** Pages whose layout changed while they were pinned. */
  private readonly changedPinned = new Set<number>()

  constructor(environment: ConsumerEnvironment, holder: LeaseHolder) {
    super(environment)
    this.holder = holder
    this.pins = new PinTest(environment)
    this.filePages = new FilePages(environment)
    this.answerNs = holder === 'never' ? Number.POSITIVE_INFINITY : environment.options['answer-ns']
    this.timeoutNs = environment.options['break-timeout-ns']
  }

  override submit(io: Operation): number {
    if (this.isAnythingDue()) this.goOn(io, this.ledger.nowNs)
    this.taking.length = 0
    const bytes = super.submit(io)
    if (bytes > 0 && this.taking.length > 0) this.inFlight.begin(io.number, io.iter.mm, [...this.taking])
    return bytes
  }

  override complete(io: Operation): void {
    // What is due and does not wait for this operation comes before its end.
    if (this.isAnythingDue()) this.goOn(io, this.ledger.nowNs)
    this.inFlight.end(io.number)
    super.complete(io)
  }

  event(io: Operation, event: PageEvent): boolean {
    this.goOn(io, event.nowNs[0])
    const { stores, leases } = this
    if (LAYOUT_CHANGES.includes(event.name)) return this.change(io, layoutChangeOf(io, event))
    switch (event.name) {
      case 'lease':
        if (leases.take(event.file, event.mm)) return false
        this.counts.leasesRefused++
        return true
      case 'unlease':
        this.giveBack(io, event)
        return true
      case 'pin':
        return this.holders.take(io, event)
      case 'unpin':
        return this.holders.drop(io, event, (event.flags & FLAG_DIRTY) !== 0)
      case 'dma':
        return this.deviceStores(io, event)
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
    for (const { sinceNs } of this.waiting) counts.waitNs += this.ledger.nowNs - sinceNs
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, ...this.pins.counts }
  }

  protected override readonly taken = (page: number): void => {
    this.taking.push(page)
  }

  protected override readonly stored = (page: number): void => {
    if (this.changedPinned.has(page)) this.counts.storesTooLate++
  }

  /** Answers that waited for this operation come now. */
  protected override released(io: Operation): void {
    if (this.isAnythingDue()) this.goOn(io, this.ledger.nowNs, this.ledger.nowNs)
  }

  /** True: a holder has stopped its device, which stores later. */
  private deviceStores(io: Operation, event: PageEvent): boolean {
    const isStopped = (page: number) => this.holders.isStopped(event.mm, page)
    const held = this.stores.beginOthers(io, event, isStopped, this.stored)
    this.counts.storesHeldBack += held
    return held > 0
  }

  /** False: nobody has to be asked, and the row does what it says. */
  private change(io: Operation, change: LayoutChange): boolean {
    const { counts } = this
    const held = this.leases.against(change.file, change.task)
    if (held.length === 0) {
      this.count(change)
      return false
    }
    for (const lease of held) {
      if (lease.askedNs === null) counts.leasesBroken++
      lease.askedNs ??= change.sinceNs
    }
    counts.waits++
    io.audit?.tasks.wait('lease', this.timeoutNs)
    this.waiting.push(change)
    this.goOn(io, change.sinceNs)
    return true
  }

  /** Somebody waits for a lease, or has still to answer. */
  private isAnythingDue(): boolean {
    return this.waiting.length > 0 || this.late.length > 0
  }

  /** What is due by `nowNs` happens, in order; what could not happen before `fromNs` happens then. */
  private goOn(io: Operation, nowNs: number, fromNs = 0): void {
    if (!this.isAnythingDue()) return
    for (let step = this.nextStep(nowNs); step !== null; step = this.nextStep(nowNs)) {
      this.take(io, step, Math.max(step.atNs, fromNs))
    }
  }

  /** A holder cannot answer while its own I/O into the file is on its way; its time runs all the same. */
  private nextStep(nowNs: number): Step | null {
    const { answerNs, timeoutNs } = this
    let next: Step | null = null
    const offer = (step: Step): void => {
      if (step.atNs > nowNs || step.atNs >= (next?.atNs ?? Number.POSITIVE_INFINITY)) return
      if (step.what === 'time-out' || !this.isBusy(step)) next = step
    }
    for (const { file, holder, askedNs } of this.leases.asked()) {
      offer({ what: 'answer', file, holder, atNs: (askedNs ?? 0) + answerNs })
      if (timeoutNs > 0) offer({ what: 'time-out', file, holder, atNs: (askedNs ?? 0) + timeoutNs })
    }
    for (const { file, holder, dueNs } of this.late) offer({ what: 'late answer', file, holder, atNs: dueNs })
    return next
  }

  private isBusy({ file, holder }: Step): boolean {
    return this.inFlight.isInto(this.filePages.of(file), holder)
  }

  private take(io: Operation, { what, file, holder }: Step, nowNs: number): void {
    const { counts, leases } = this
    if (what === 'late answer') {
      const isThis = (one: Late) => one.file === file && one.holder === holder
      for (const { pins } of this.late.filter(isThis)) counts.pinsDroppedLate += this.drop(io, pins)
      this.late = this.late.filter((one) => !isThis(one))
      return
    }
    const pins = this.holders.on(this.filePages.of(file), holder)
    if (what === 'answer') {
      this.drop(io, pins)
      counts.leasesAnswered++
      asTask(io, holder, () => io.audit?.leases.drop(file))
    } else {
      const dueNs = (leases.of(file, holder)?.askedNs ?? nowNs) + this.answerNs
      if (this.holder === 'late') this.late.push({ file, holder, dueNs, pins })
      counts.leasesTimedOut++
      asTask(io, NOBODY, () => io.audit?.leases.break(file, holder))
    }
    leases.drop(file, holder)
    this.performFree(io, nowNs)
  }

  /** A holder gives its lease back by itself, and owes no answer: whoever waited for it goes on. */
  private giveBack(io: Operation, { file, mm, nowNs }: PageEvent): void {
    const { leases, counts } = this
    if ((leases.of(file, mm)?.askedNs ?? null) !== null) counts.leasesAnswered++
    leases.drop(file, mm)
    this.late = this.late.filter((one) => one.file !== file || one.holder !== mm)
    io.audit?.leases.drop(file)
    this.performFree(io, nowNs[0])
  }

  /** Changes happen that nobody's lease is in the way of any longer. */
  private performFree(io: Operation, nowNs: number): void {
    const free = this.waiting.filter(({ file, task }) => this.leases.against(file, task).length === 0)
    this.waiting = this.waiting.filter((one) => !free.includes(one))
    for (const change of free) {
      this.counts.waitNs += nowNs - change.sinceNs
      happen(io, change, this.count(change))
    }
  }

  /** A change happens. Returns the pages that it is about. */
  private count(change: LayoutChange): readonly number[] {
    const { counts, pins } = this
    const pages = this.filePages.in(change)
    const heads = new Set(pages.map((page) => this.pages.headOf(page)))
    const pinned = new Set([...heads].filter((head) => pins.decide(head) && pins.isPinned(head)))
    for (const page of pages.filter((one) => pinned.has(this.pages.headOf(one)))) {
      counts.changedWhilePinned++
      this.changedPinned.add(page)
    }
    counts.changes++
    return pages
  }

  /** A holder lets go of pins, where it has not yet. Returns their pages. */
  private drop(io: Operation, pins: readonly HolderPin[]): number {
    let dropped = 0
    for (const pin of pins) {
      if (pin.hold === HOLD_NONE) continue
      dropped += pin.pages.length
      this.holders.letGo(io, pin, true)
    }
    this.counts.pinsDropped += dropped
    return dropped
  }
}

/** No task of the trace: time itself. */
const NOBODY = -1
