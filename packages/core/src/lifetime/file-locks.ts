import type { EventBus } from './event-bus.ts'
import { eventCode } from './lifetime-event.ts'

/** A lock of a file that a task holds: of the whole file, or of the range that it maps. */
export interface HeldFileLock {
  readonly file: number
  readonly positionBytes: number
  readonly lengthBytes: number
  readonly row: number
  readonly line: number
}

const NONE: readonly HeldFileLock[] = []

/**
 * Locks that file systems take on files, as apart from those of folios: of the inode, or of a range that is mapped for a
 * write (READ of the multi-page write of 2010).
 * @kernel include/linux/fs.h: inode_lock; fs/gfs2/glock.c: gfs2_glock_nq
 */
export class FileLocks {
  /** By task. A task that held one before has an empty list. */
  private readonly locks = new Map<number, HeldFileLock[]>()
  /** Files of which a task told such a lock, by task. */
  private readonly told = new Map<number, Set<number>>()
  private readonly bus: EventBus

  constructor(bus: EventBus) {
    this.bus = bus
  }

  /** Those of the task at work, first taken first. */
  held(): readonly HeldFileLock[] {
    return this.locks.get(this.bus.task) ?? NONE
  }

  /** The task at work has held one of the file before, and holds none now. */
  isLetGo(file: number): boolean {
    const { task } = this.bus
    return this.told.get(task)?.has(file) === true && !this.held().some((lock) => lock.file === file)
  }

  /** Every one that any task has. */
  each(tell: (lock: HeldFileLock) => void): void {
    for (const held of this.locks.values()) for (const lock of held) tell(lock)
  }

  /** The task at work locks the file for a range of it. */
  lock(file: number, positionBytes: number, lengthBytes: number): void {
    const { bus } = this
    this.tell('lock_file', file, positionBytes, lengthBytes)
    const held = this.locks.get(bus.task) ?? []
    held.push({ file, positionBytes, lengthBytes, row: bus.row, line: bus.line })
    this.locks.set(bus.task, held)
    const files = this.told.get(bus.task) ?? new Set()
    this.told.set(bus.task, files.add(file))
  }

  /** The task at work lets go of the lock of the file that it took last. */
  unlock(file: number): void {
    this.tell('unlock_file', file, 0, 0)
    const held = this.locks.get(this.bus.task)
    const at = held?.findLastIndex((lock) => lock.file === file) ?? -1
    if (at >= 0) held?.splice(at, 1)
  }

  private tell(name: 'lock_file' | 'unlock_file', file: number, positionBytes: number, lengthBytes: number): void {
    const event = this.bus.next()
    event.file = file
    event.positionBytes = positionBytes
    event.lengthBytes = lengthBytes
    this.bus.tell(eventCode(name))
  }
}
