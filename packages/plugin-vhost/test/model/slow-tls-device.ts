import {
  EFAULT,
  EIO,
  type Hold,
  type Iter,
  type Page,
  since,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import type { Message, SlowSkMsg } from './slow-sk-msg.ts'

const RECORD_MAX = 16_384
const PREPEND = 13
const TAG = 16
/** One frag is left for the tag. */
const FRAGS_MAX = 16

/** A record that a device seals: header, data and room for the tag as frags. */
export interface DeviceRecord {
  readonly frags: Message
  /** The page of the last frag, where that is memory of the iterator. */
  lastPage: Page | null
  /** Header and data. */
  length: number
  ofTcp: Hold[]
}

/** What sending does with the open record of a socket. */
export interface DeviceSocket {
  open(): DeviceRecord
  /** The record is closed: TCP has it. */
  push(): void
}

/** net/tls/tls_device.c: tls_push_data(). consumers.md 6.3. */
export class SlowTlsDevice {
  private readonly world: World
  private readonly messages: SlowSkMsg

  constructor(world: World, messages: SlowSkMsg) {
    this.world = world
    this.messages = messages
  }

  /** A new record: its header lies in the task's frag. */
  create(): DeviceRecord {
    const frags: Message = []
    this.messages.refill(PREPEND)
    this.messages.append(frags, PREPEND)
    this.world.allocate()
    return { frags, lastPage: null, length: PREPEND, ofTcp: [] }
  }

  /** Sends all of the iterator; with `more` the last record stays open. Before 6.5 a call for each spliced page. */
  send(iter: Iter, socket: DeviceSocket, more: boolean, splices: boolean): number {
    const isOld = !since(this.world.setup.version, '6.12')
    if (!splices || !isOld) return this.push(iter, socket, iter.count, more, splices)
    let sent = 0
    while (iter.count > 0) {
      const { length } = iter.segment()[0]!
      const bytes = this.push(iter, socket, length, more || iter.count > length, true)
      if (bytes < 0) return sent > 0 ? sent : bytes
      sent += bytes
      if (bytes < length) break
    }
    return sent
  }

  private push(iter: Iter, socket: DeviceSocket, bytes: number, more: boolean, splices: boolean): number {
    let left = bytes
    let error = 0
    for (;;) {
      const record = socket.open()
      if (this.messages.room === 0) this.messages.refill()
      const part = Math.min(left, RECORD_MAX + PREPEND - record.length)
      const done = part === 0 ? 0 : splices ? this.splice(iter, record, part) : this.copy(iter, record, part)
      if (done < 0) error = done
      else left -= done
      if (error < 0 && record.length === PREPEND) break
      const isLong = record.frags.length >= FRAGS_MAX
      const isOver = left === 0 || error < 0
      if (isLong && !isOver) this.world.entries.limitHits++
      if (isOver && more && !isLong) break
      if (isOver || isLong || record.length >= RECORD_MAX + PREPEND) {
        this.close(socket, record)
        // What tls_push_record returns takes the place of the error.
        error = 0
      }
      if (isOver) break
    }
    return bytes > left ? bytes - left : error
  }

  /** Room for the tag, out of a new frag where there is none. */
  private close(socket: DeviceSocket, record: DeviceRecord): void {
    const before = record.frags.length
    if (this.messages.room < TAG) this.messages.refill(TAG)
    this.messages.append(record.frags, TAG)
    this.world.built(record.frags.length - before, 16)
    // tls_push_record: TCP gets references of its own, and puts them when it has the record.
    record.ofTcp = record.frags.flatMap(({ hold }) => (hold === null ? [] : [this.world.take('ref', hold.pages)]))
    socket.push()
  }

  private copy(iter: Iter, record: DeviceRecord, bytes: number): number {
    const { world, messages } = this
    const part = Math.min(bytes, messages.refill().room)
    if (iter.copy(part) < part) return EFAULT
    const before = record.frags.length
    messages.append(record.frags, part)
    world.built(record.frags.length - before, 16)
    record.lastPage = null
    record.length += part
    return part
  }

  /** A page as it is: no new reference where it goes on where the last frag ends. */
  private splice(iter: Iter, record: DeviceRecord, bytes: number): number {
    const { world } = this
    if (iter.type === 'kvec') return EIO
    const { page, offset, length } = iter.toEntry(iter.segment(bytes)[0]!)
    iter.position += length
    const last = record.frags.at(-1)!
    if (record.lastPage === page && last.offset + last.length === offset) last.length += length
    else {
      record.frags.push({ frag: null, hold: world.take('ref', [page]), offset, length })
      world.built(1, 16)
    }
    record.lastPage = page
    record.length += length
    world.data.zeroCopyBytes += length
    return length
  }
}
