import type { ConsumerEnvironment, Operation, PageEvent } from '@pinscope/core'
import type { Counts } from './counts.ts'
import { FilePages } from './file-pages.ts'
import { HeldLeases } from './held-leases.ts'
import { type HolderPin, HolderPins } from './holder-pins.ts'
import { asTask, type LayoutChange } from './layout-change.ts'
import type { REFLINK_COUNTERS } from './reflink-counters.ts'
import type { ReflinkFolios } from './reflink-folios.ts'

/** What holders of leases gave up for a reflink: they take it again when it is done. */
export class GivenUp {
  /** Holders of broken leases. */
  readonly holders = new Set<number>()
  readonly pins = new Set<HolderPin>()
}

/** Tasks with layout leases, and the registrations that they let go of when theirs is broken. */
export class LeaseHolders {
  readonly leases = new HeldLeases()
  readonly pins = new HolderPins()
  readonly filePages: FilePages
  private readonly folios: ReflinkFolios
  private readonly counts: Counts<typeof REFLINK_COUNTERS>

  constructor(environment: ConsumerEnvironment, folios: ReflinkFolios, counts: Counts<typeof REFLINK_COUNTERS>) {
    this.filePages = new FilePages(environment)
    this.folios = folios
    this.counts = counts
  }

  /**
   * Asks every other holder of a lease on the file. It lets go of its pins on that file first, as far as they are registered
   * here; leases of today's kernels know nothing of pins. @kernel include/linux/filelock.h: break_layout
   */
  break(io: Operation, { file, task }: LayoutChange, given: GivenUp): void {
    const { counts, leases, pins } = this
    const broken = leases.against(file, task)
    if (broken.length === 0) return
    const pages = this.filePages.of(file)
    for (const { holder } of broken) {
      for (const pin of pins.on(pages, holder)) {
        counts.pinsDropped += pin.pages.length
        if (pin.isDest) for (const page of pin.pages) this.folios.dirtied(page)
        pins.letGo(io, pin, true)
        given.pins.add(pin)
      }
      leases.drop(file, holder)
      given.holders.add(holder)
    }
    counts.leasesBroken += broken.length
    asTask(io, task, () => io.audit?.leases.break(file))
  }

  /** Each holder takes one lease again, and the pins that it still has registered; a fault for writing asks the file system. */
  takeAgain(io: Operation, file: number, { holders, pins }: GivenUp): void {
    for (const holder of holders) {
      asTask(io, holder, () => io.audit?.leases.take(file))
      this.leases.take(file, holder)
    }
    for (const pin of pins) {
      if (!this.pins.has(pin)) continue
      if (pin.isDest) {
        for (const page of pin.pages) {
          io.audit?.folios.mkwrite(page)
          this.folios.taken(page)
        }
      }
      this.pins.acquire(io, pin)
    }
  }

  /** An `unlease` row: who has none, since it is broken, takes it no more. */
  unlease({ file, mm }: PageEvent, waiting: readonly { change: LayoutChange; given: GivenUp }[]): void {
    this.leases.drop(file, mm)
    for (const { change, given } of waiting) if (change.file === file) given.holders.delete(mm)
  }
}
