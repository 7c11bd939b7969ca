import type { Consumer } from '../consumer/consumer.ts'
import type { Operation } from '../consumer/operation.ts'
import { RETAIN_NONE, RETAIN_PIN } from '../extract/retention.ts'
import { ITER_KVEC } from '../iter/iter-type.ts'
import { HOLD_NONE, type Hold, isHold } from '../ledger/hold.ts'
import { REASON_LONG_TERM } from '../ledger/hold-table.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { ID_REGISTRATION, type IdTable } from './id-table.ts'
import { startRegistration } from './load-operation.ts'
import type { RegisteredBuffers } from './registered-buffers.ts'

/** Memory that is registered. */
interface Registration {
  /** First byte and length of each segment, two numbers a segment. */
  readonly ranges: Float64Array
  readonly mm: number
  /** Allocations that the consumer made for it, their bytes, and entries that it mapped. */
  readonly allocations: number
  readonly bytes: number
  readonly entries: number
  /** Operations in flight that name it. */
  uses: number
  /** Number of it, from 1: an id may be registered anew. */
  readonly serial: number
  readonly id: number
  readonly hold: Hold
  /** It was dropped while operations in flight named it, and goes when they are over. */
  isRetired: boolean
  /** Its memory was taken away, and that was told. */
  hasLostMemory: boolean
}

/**
 * The `register` and `unregister` rows of one lane. How the memory is pinned is the consumer's business, if it has
 * methods for that; else it is io_uring's. What may be done with a registration is the same for all: it is dropped once,
 * operations stay inside it, and with a consumer's own none may be in flight when it goes.
 */
export class Registrations {
  private readonly io: Operation
  private readonly ledger: Ledger
  private readonly ids: IdTable
  private readonly buffers: RegisteredBuffers
  private readonly consumer: Consumer
  /** By name id. */
  private readonly open = new Map<number, Registration>()
  /** By serial: those that are open, and those that operations in flight still name. */
  private readonly bySerial = new Map<number, Registration>()
  private serials = 0
  /** Name ids whose memory was refused: dropping them is no error of the program's. */
  private readonly refused = new Set<number>()

  constructor(io: Operation, ledger: Ledger, ids: IdTable, buffers: RegisteredBuffers, consumer: Consumer) {
    this.io = io
    this.ledger = ledger
    this.ids = ids
    this.buffers = buffers
    this.consumer = consumer
  }

  /** Where the memory cannot be pinned as a whole there is no registration. */
  register(batch: OpBatch, row: number): void {
    const { io, ledger, ids, consumer } = this
    const id = batch.id[row]
    const { allocations, dma } = io
    const made = allocations.made - allocations.freed
    const { openBytes } = allocations
    const { openEntries } = dma
    let hold = HOLD_NONE as ReturnType<RegisteredBuffers['pin']>
    if (consumer.register === undefined) {
      hold = this.buffers.pin(batch, row)
    } else {
      startRegistration(io, batch, row)
      io.result = consumer.register(io)
      hold = io.result < 0 ? io.result : io.hold
    }
    if (!isHold(hold)) {
      // What a consumer refuses by itself is its own business.
      if (consumer.register === undefined || (io.audit?.refusedMapping ?? 0) !== 0) io.audit?.takeRefused(hold)
      this.refused.add(id)
      return
    }
    this.refused.delete(id)
    ledger.mark(hold, REASON_LONG_TERM)
    ids.set(id, ID_REGISTRATION, batch.firstRow + row, RETAIN_PIN, ledger.pagesHeld(hold))
    ids.hold[id] = hold
    const registration: Registration = {
      ranges: rangesOf(batch, row),
      mm: spaceOf(batch, row),
      allocations: allocations.made - allocations.freed - made,
      bytes: allocations.openBytes - openBytes,
      entries: dma.openEntries - openEntries,
      uses: 0,
      serial: ++this.serials,
      id,
      hold,
      isRetired: false,
      hasLostMemory: false,
    }
    this.open.set(id, registration)
    this.bySerial.set(registration.serial, registration)
  }

  /** What the registrations that are open have of the consumer's allocations and mappings. */
  longTerm(): { allocations: number; bytes: number; entries: number } {
    const sum = { allocations: 0, bytes: 0, entries: 0 }
    for (const { allocations, bytes, entries } of this.open.values()) {
      sum.allocations += allocations
      sum.bytes += bytes
      sum.entries += entries
    }
    return sum
  }

  /** Drops the registration's pins; a violation when there is none, or when a request still uses it. */
  unregister(batch: OpBatch, row: number): void {
    const { ledger, ids, io } = this
    const id = batch.id[row]
    if (this.refused.delete(id)) return
    if (ids.kindOf(id) !== ID_REGISTRATION) {
      ledger.violate('unknown-release', 0, RETAIN_PIN, RETAIN_PIN, 0, 'no buffer was registered under that id')
      return
    }
    const hold = ids.holdOf(id)
    const registration = this.open.get(id)
    if (registration === undefined || (hold !== HOLD_NONE && !ledger.isOpen(hold))) {
      ledger.violate('double-release', ids.row[id], RETAIN_PIN, RETAIN_PIN, ids.pages[id], 'unregistered before')
      return
    }
    this.open.delete(id)
    if (registration.uses > 0) {
      if (this.isDeferred) {
        registration.isRetired = true
        return
      }
      const detail = 'unregistered while a request that names it is in flight'
      ledger.violate('registration-in-use', ids.row[id], RETAIN_PIN, RETAIN_PIN, ids.pages[id], detail)
    }
    if (this.consumer.unregister !== undefined) startRegistration(io, batch, row)
    this.drop(registration)
  }

  /** The rules of io_uring: what requests in flight use goes with the last of them. */
  private get isDeferred(): boolean {
    return this.consumer.unregister === undefined || this.consumer.defersUnregister === true
  }

  private drop({ hold, id, serial }: Registration): void {
    const { consumer, io, ledger } = this
    this.bySerial.delete(serial)
    if (consumer.unregister === undefined) {
      ledger.release(hold, RETAIN_PIN)
      return
    }
    io.hold = hold
    io.registration = id
    consumer.unregister(io)
  }

  /** True when every segment of the row lies in the registration that its id names. @kernel io_uring/rsrc.c: io_import_fixed (-EFAULT otherwise) */
  cover(batch: OpBatch, row: number): boolean {
    const registration = this.open.get(batch.id[row])
    return registration !== undefined && isInside(registration.ranges, batch, row)
  }

  /** An operation that names it goes into flight. Returns its serial, 0 when there is none. */
  use(id: number): number {
    const registration = this.open.get(id)
    if (registration === undefined) return 0
    registration.uses++
    return registration.serial
  }

  /** An operation that named it is over; with the last one goes what was unregistered meanwhile. @kernel io_uring/rsrc.c: io_put_rsrc_node */
  letGoOfUse(serial: number): void {
    const registration = this.bySerial.get(serial)
    if (registration === undefined) return
    registration.uses--
    if (registration.isRetired && registration.uses === 0) this.drop(registration)
  }

  /** An `unmap` or `free` row: the process gives memory up that a registration of the consumer's still names. */
  loseMemory(batch: OpBatch, row: number): void {
    if (this.consumer.register === undefined) return
    this.ledger.at(batch.firstRow + row, batch.line[row], 0, batch.tsNs, row)
    for (const [id, registration] of this.open) {
      if (registration.hasLostMemory || registration.mm !== spaceOf(batch, row)) continue
      if (!overlaps(registration.ranges, batch, row)) continue
      registration.hasLostMemory = true
      const { row: rows, pages } = this.ids
      const detail = 'its memory is given up while it is registered: the device goes on using the old pages'
      this.ledger.violate('registration-outlives-owner', rows[id], RETAIN_PIN, RETAIN_NONE, pages[id], detail)
    }
  }
}

function spaceOf(batch: OpBatch, row: number): number {
  return batch.iterType[row] === ITER_KVEC ? KERNEL_MM : batch.mm[row]
}

function rangesOf(batch: OpBatch, row: number): Float64Array {
  const count = batch.segmentCount[row]
  const ranges = new Float64Array(count * 2)
  for (let i = 0; i < count; i++) {
    ranges[2 * i] = batch.segments.addressBytes[batch.segmentFirst[row] + i]
    ranges[2 * i + 1] = batch.segments.lengthBytes[batch.segmentFirst[row] + i]
  }
  return ranges
}

function isInside(ranges: Float64Array, batch: OpBatch, row: number): boolean {
  const { addressBytes, lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]
  for (let s = first; s < first + batch.segmentCount[row]; s++) {
    let inside = false
    for (let r = 0; r < ranges.length && !inside; r += 2) {
      inside = addressBytes[s] >= ranges[r] && addressBytes[s] + lengthBytes[s] <= ranges[r] + ranges[r + 1]
    }
    if (!inside) return false
  }
  return true
}

function overlaps(ranges: Float64Array, batch: OpBatch, row: number): boolean {
  const { addressBytes, lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]
  for (let s = first; s < first + batch.segmentCount[row]; s++) {
    for (let r = 0; r < ranges.length; r += 2) {
      if (addressBytes[s] < ranges[r] + ranges[r + 1] && ranges[r] < addressBytes[s] + lengthBytes[s]) return true
    }
  }
  return false
}
