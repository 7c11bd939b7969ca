import type { EventBus } from './event-bus.ts'
import { eventCode } from './lifetime-event.ts'

/** A layout lease that somebody holds, or held. @kernel include/linux/filelock.h: FL_LAYOUT (6.1: include/linux/fs.h) */
export interface LayoutLease {
  readonly file: number
  /** Pid of its holder. */
  readonly holder: number
  /** Row that took it. */
  readonly row: number
  /** Row in which it was given back, broken, or taken away when its time was over; 0: it is held. */
  readonly endRow: number
  /** {@link EventBus.serial} when it was taken, and when it ended: rows are no times, since operations end in those they began in. */
  readonly takenAt: number
  readonly endAt: number
}

/** All but the task at work. */
const ANY_HOLDER = -1

/** Layout leases by file. @kernel fs/locks.c: __break_lease; include/linux/filelock.h: break_layout */
export class Leases {
  /** Page rows that the layout change at work is about. */
  changing: readonly number[] = []
  /** Row of the last layout change. */
  changedRow = 0
  private readonly open: LayoutLease[] = []
  /** Leases that are over: their holders may have pins that outlive them. */
  private readonly over: LayoutLease[] = []
  private readonly bus: EventBus

  constructor(bus: EventBus) {
    this.bus = bus
  }

  /** Leases on a file. */
  on(file: number): readonly LayoutLease[] {
    return this.open.filter((lease) => lease.file === file)
  }

  /** Leases on a file that are over. */
  droppedOn(file: number): readonly LayoutLease[] {
    return this.over.filter((lease) => lease.file === file)
  }

  /** Files that somebody has, or had, a lease on. */
  files(): ReadonlySet<number> {
    return new Set([...this.open, ...this.over].map(({ file }) => file))
  }

  /** @kernel fs/nfsd/nfs4layouts.c: nfsd4_layout_setlease */
  take(file: number): void {
    this.tell('lease', file)
    const { task, row, serial } = this.bus
    this.open.push({ file, holder: task, row, endRow: 0, takenAt: serial, endAt: 0 })
  }

  /**
   * The task at work has asked every other holder on the file, or the one that is named, and each has answered, or its time
   * is over. What the task itself holds there stays. @kernel fs/locks.c: __break_lease, time_out_leases
   */
  break(file: number, holder = ANY_HOLDER): void {
    this.tell('lease_break', file)
    for (const lease of this.on(file)) {
      const isAsked = holder === ANY_HOLDER || lease.holder === holder
      if (isAsked && lease.holder !== this.bus.task) this.end(lease)
    }
  }

  /** The task at work gives back what it holds on the file. */
  drop(file: number): void {
    this.tell('unlease', file)
    for (const lease of this.on(file)) if (lease.holder === this.bus.task) this.end(lease)
  }

  /** The layout of the file changes in [positionBytes, positionBytes + lengthBytes), of which `pages` are in memory. */
  changeLayout(file: number, positionBytes: number, lengthBytes: number, pages: readonly number[] = []): void {
    this.changing = pages
    this.changedRow = this.bus.row
    const event = this.bus.next()
    event.file = file
    event.positionBytes = positionBytes
    event.lengthBytes = lengthBytes
    this.bus.tell(eventCode('layout'))
    this.changing = []
  }

  private end(lease: LayoutLease): void {
    this.open.splice(this.open.indexOf(lease), 1)
    this.over.push({ ...lease, endRow: this.bus.row, endAt: this.bus.serial })
  }

  private tell(name: 'lease' | 'lease_break' | 'unlease', file: number): void {
    const event = this.bus.next()
    event.file = file
    this.bus.tell(eventCode(name))
  }
}
