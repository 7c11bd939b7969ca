import type { Operation } from '../consumer/operation.ts'
import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'
import type { Direction, IterType } from '../iter/iter-type.ts'
import { CompletionOrder } from './completion-order.ts'

/** Operations in flight at one time, at most. */
export const IN_FLIGHT_MAX = 1 << 20

/** Operations submitted and not completed, as columns. Slot 0 is never used. */
export class InFlight {
  row = new Float64Array(256)
  line = new Float64Array(256)
  number = new Float64Array(256)
  direction = new Uint8Array(256)
  iterType = new Uint8Array(256)
  flags = new Int32Array(256)
  file = new Int32Array(256)
  registration = new Int32Array(256)
  lengthBytes = new Float64Array(256)
  result = new Float64Array(256)
  recordedResult = new Float64Array(256)
  scratch = new Float64Array(256)
  /** Elements of lists that it built so far. */
  entries = new Float64Array(256)
  /** Chain of holds: rows of the hold table. */
  keptFirst = new Int32Array(256)
  keptLast = new Int32Array(256)
  /** Chain of what its lists name. */
  borrowed = new Int32Array(256)
  /** Number of the registration that it works on, 0 for none. */
  serial = new Int32Array(256)
  /** Pins taken and dropped so far, and what the kernel counted (-1: not told). */
  acquired = new Float64Array(256)
  released = new Float64Array(256)
  expectedReleased = new Float64Array(256)
  undetermined = new Uint8Array(256)
  expectedAcquired = new Float64Array(256)
  /** Row of the recorded event that let its holds go before it completed; 0 for none. */
  releasedEarly = new Float64Array(256)
  /** What that let go: `RETAIN_*`, and how many references. */
  earlyRetention = new Uint8Array(256)
  earlyPages = new Float64Array(256)

  /** Shape of an operation that was only counted, plus one; less than 0: its completion shows what the shape does. */
  shape = new Int32Array(256)

  /** When they complete. */
  readonly order = new CompletionOrder()
  /** The slot that was taken last. */
  lastTaken = 0

  private free = new Int32Array(256)
  private freeCount = 0
  private used = 1
  /** Slots in use. */
  size = 0

  take(): number {
    this.size++
    if (this.freeCount === 0 && this.used === this.row.length) this.grow()
    const slot = this.freeCount > 0 ? this.free[--this.freeCount] : this.used++
    this.lastTaken = slot
    return slot
  }

  give(slot: number): void {
    this.size--
    this.number[slot] = 0
    this.shape[slot] = 0
    this.free[this.freeCount++] = slot
  }

  /** Remembers the operation until its completion. */
  save(slot: number, io: Operation, line: number): void {
    this.row[slot] = io.row
    this.line[slot] = line
    this.number[slot] = io.number
    this.direction[slot] = io.iter.direction
    this.iterType[slot] = io.iter.type
    this.flags[slot] = io.flags
    this.file[slot] = io.file
    this.registration[slot] = io.registration
    this.lengthBytes[slot] = io.lengthBytes
    this.result[slot] = io.result
    this.recordedResult[slot] = io.recordedResult
    this.scratch[slot] = io.scratch
    this.entries[slot] = io.entries
    this.keptFirst[slot] = io.kept.first
    this.keptLast[slot] = io.kept.last
    this.borrowed[slot] = io.borrowed
    this.serial[slot] = 0
    this.undetermined[slot] = io.undetermined ? 1 : 0
    this.releasedEarly[slot] = 0
  }

  /** Makes `io` the operation again, without its segments: a completion works on what was kept. */
  restore(slot: number, io: Operation): void {
    io.row = this.row[slot]
    io.number = this.number[slot]
    io.flags = this.flags[slot]
    io.file = this.file[slot]
    io.registration = this.registration[slot]
    io.lengthBytes = this.lengthBytes[slot]
    io.result = this.result[slot]
    io.recordedResult = this.recordedResult[slot]
    io.scratch = this.scratch[slot]
    io.entries = this.entries[slot]
    io.iter.type = this.iterType[slot] as IterType
    io.iter.direction = this.direction[slot] as Direction
    io.iter.countBytes = 0
    io.kept.first = this.keptFirst[slot]
    io.kept.last = this.keptLast[slot]
    io.borrowed = this.borrowed[slot]
  }

  /** The first slot in use after `slot`, 0 when there is none. */
  firstInUse(slot: number): number {
    for (let next = slot + 1; next < this.used; next++) if (this.number[next] !== 0) return next
    return 0
  }

  private grow(): void {
    const capacity = this.row.length * 2
    invariant(capacity <= IN_FLIGHT_MAX, 'more operations are in flight at one time than IN_FLIGHT_MAX')
    this.row = grown(this.row, capacity)
    this.line = grown(this.line, capacity)
    this.number = grown(this.number, capacity)
    this.direction = grown(this.direction, capacity)
    this.iterType = grown(this.iterType, capacity)
    this.flags = grown(this.flags, capacity)
    this.file = grown(this.file, capacity)
    this.registration = grown(this.registration, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
    this.result = grown(this.result, capacity)
    this.recordedResult = grown(this.recordedResult, capacity)
    this.scratch = grown(this.scratch, capacity)
    this.entries = grown(this.entries, capacity)
    this.keptFirst = grown(this.keptFirst, capacity)
    this.keptLast = grown(this.keptLast, capacity)
    this.borrowed = grown(this.borrowed, capacity)
    this.serial = grown(this.serial, capacity)
    this.acquired = grown(this.acquired, capacity)
    this.released = grown(this.released, capacity)
    this.expectedReleased = grown(this.expectedReleased, capacity)
    this.expectedAcquired = grown(this.expectedAcquired, capacity)
    this.releasedEarly = grown(this.releasedEarly, capacity)
    this.earlyRetention = grown(this.earlyRetention, capacity)
    this.earlyPages = grown(this.earlyPages, capacity)
    this.undetermined = grown(this.undetermined, capacity)
    this.shape = grown(this.shape, capacity)
    this.free = grown(this.free, capacity)
  }
}
