import type { EventBus } from './event-bus.ts'
import { eventCode } from './lifetime-event.ts'

/** A layout lease that somebody holds. @kernel include/linux/filelock.h: FL_LAYOUT */
export interface LayoutLease {
  readonly file: number
  /** Pid of its holder. */
  readonly holder: number
  readonly row: number
}

/** Layout leases by file. @kernel fs/locks.c: __break_lease; include/linux/filelock.h: break_layout */
export class Leases {
  private readonly open: LayoutLease[] = []
  /** Leases that were given back: their holders may have pins that outlive them. */
  private readonly over: LayoutLease[] = []
  private readonly bus: EventBus

  constructor(bus: EventBus) {
    this.bus = bus
  }

  /** Leases on a file. */
  on(file: number): readonly LayoutLease[] {
    return this.open.filter((lease) => lease.file === file)
  }

  /** Leases on a file that were given back or broken. */
  droppedOn(file: number): readonly LayoutLease[] {
    return this.over.filter((lease) => lease.file === file)
  }

  /** @kernel fs/nfsd/nfs4layouts.c: nfsd4_layout_setlease */
  take(file: number): void {
    this.tell('lease', file)
    this.open.push({ file, holder: this.bus.task, row: this.bus.row })
  }

  /** Every holder on the file is asked, and has answered. */
  break(file: number): void {
    this.tell('lease_break', file)
    this.end(file)
  }

  /** The holder gives it back. */
  drop(file: number): void {
    this.tell('unlease', file)
    this.end(file)
  }

  /** The layout of the file changes in [positionBytes, positionBytes + lengthBytes). */
  changeLayout(file: number, positionBytes: number, lengthBytes: number): void {
    const event = this.bus.next()
    event.file = file
    event.positionBytes = positionBytes
    event.lengthBytes = lengthBytes
    this.bus.tell(eventCode('layout'))
  }

  private end(file: number): void {
    for (const lease of this.on(file)) {
      this.open.splice(this.open.indexOf(lease), 1)
      this.over.push(lease)
    }
  }

  private tell(name: 'lease' | 'lease_break' | 'unlease', file: number): void {
    const event = this.bus.next()
    event.file = file
    this.bus.tell(eventCode(name))
  }
}
