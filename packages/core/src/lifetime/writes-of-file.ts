import type { EventBus } from './event-bus.ts'

/** A write of a file that is under way. */
export interface FileWrite {
  /** Of all writes of all files, from 1: what was last changed by it has this number. */
  readonly number: number
  readonly file: number
  /** Bytes first … end - 1 that it has allocated: of a cluster or an extent more than it writes; none where end is 0. */
  firstBytes: number
  endBytes: number
}

/** Keys of writes that rows name lie below those of tasks, the least of which is -1. */
const FIRST_NAMED = -2

/**
 * The writes that are under way, by file and by who writes: the task at work, or the write that its row names where one task
 * has several (io_uring, the threads of a process). Two tasks may write to a file at once: what one took is not the other's.
 * @kernel fs/xfs/xfs_file.c: xfs_file_dio_write_aligned (IOLOCK_SHARED); fs/ext4/file.c: ext4_dio_write_checks
 */
export class WritesOfFiles {
  private readonly byFile = new Map<number, Map<number, FileWrite>>()
  /** Numbers of those under way. */
  private readonly numbers = new Set<number>()
  private readonly bus: EventBus
  private last = 0
  private named = 0
  private namedRow = 0

  constructor(bus: EventBus) {
    this.bus = bus
  }

  /** The row at work is of the write with this name: id of a name, -1 for none. */
  name(id: number): void {
    this.named = id
    this.namedRow = this.bus.row
  }

  /** The write of a file that is at work: where none is under way it begins. */
  of(file: number): FileWrite {
    let writes = this.byFile.get(file)
    if (writes === undefined) {
      writes = new Map()
      this.byFile.set(file, writes)
    }
    const who = this.who()
    let write = writes.get(who)
    if (write === undefined) {
      write = { number: ++this.last, file, firstBytes: Number.MAX_SAFE_INTEGER, endBytes: 0 }
      writes.set(who, write)
      this.numbers.add(write.number)
    }
    return write
  }

  /** It allocates blocks for a range. */
  allocated(file: number, positionBytes: number, lengthBytes: number): void {
    const write = this.of(file)
    write.firstBytes = Math.min(write.firstBytes, positionBytes)
    write.endBytes = Math.max(write.endBytes, positionBytes + lengthBytes)
  }

  /** The write of a file that is at work is over. */
  end(file: number): void {
    const writes = this.byFile.get(file)
    const who = this.who()
    const write = writes?.get(who)
    if (write === undefined) return
    writes?.delete(who)
    this.numbers.delete(write.number)
  }

  /** Whether the write with this number is over; of number 0 there was none. */
  isOver(number: number): boolean {
    return !this.numbers.has(number)
  }

  private who(): number {
    const isNamed = this.named >= 0 && this.namedRow === this.bus.row
    return isNamed ? FIRST_NAMED - this.named : this.bus.task
  }
}
