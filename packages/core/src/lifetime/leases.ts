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
}

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

  /** @kernel fs/nfsd/nfs4layouts.c: nfsd4_layout_setlease */
  take(file: number): void {
    this.tell('lease', file)
    this.open.push({ file, holder: this.bus.task, row: this.bus.row, endRow: 0 })
  }

  /** Every holder on the file is asked, and has answered, or its time is over. @kernel fs/locks.c: __break_lease, time_out_leases */
  break(file: number): void {
    this.tell('lease_break', file)
    for (const lease of this.on(file)) this.end(lease)
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
    this.over.push({ ...lease, endRow: this.bus.row })
  }

  private tell(name: 'lease' | 'lease_break' | 'unlease', file: number): void {
    const event = this.bus.next()
    event.file = file
    this.bus.tell(eventCode(name))
  }
}
