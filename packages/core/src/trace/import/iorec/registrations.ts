import { ITER_DEST } from '../../../iter/iter-type.ts'
import { FLAG_LONGTERM } from '../../../iter/row-flags.ts'
import { SEGMENTS_VECTOR_MAX } from '../../limits.ts'
import { EVENT_REGISTER, EVENT_UNREGISTER, NONE } from '../../op-batch.ts'
import type { ImportRows } from '../import-rows.ts'
import { bytesOfSegments, type Call, decimalArgument, type Segments } from './call.ts'
import type { MapRows } from './map-rows.ts'
import type { Staged } from './staged.ts'

/** Operations of io_uring_register(2). @kernel include/uapi/linux/io_uring.h: enum io_uring_register_op */
const REGISTER_BUFFERS = 0
const UNREGISTER_BUFFERS = 1
const REGISTER_BUFFERS2 = 15
const REGISTER_BUFFERS_UPDATE = 16
const REGISTER_CLONE_BUFFERS = 30

/** Buffers that are registered at a time, of all rings. */
const BUFFERS_MAX = 1 << 16

const MANY = 'calls of io_uring_register while more than 65,536 buffers are registered'
const CLONED = 'calls of io_uring_register that clone buffers of another ring'
const PARTLY =
  'buffers that were registered together were replaced one by one: a trace drops a registration as a whole, so the old ones count as pinned until all of them are gone'

/** Buffers that were registered by one call: a `register` row. */
interface Registration {
  readonly id: string
  readonly mm: number
  readonly segments: Segments
  /** Slots of the ring's table that still are its own. */
  slots: number
}

/** A slot of a ring's table of buffers. */
interface Slot {
  readonly registration: Registration
  readonly addressBytes: number
  readonly lengthBytes: number
}

/** Buffers registered with io_uring, and the rows that tell of them. @kernel io_uring/rsrc.c */
export class Registrations {
  private readonly rows: ImportRows
  private readonly maps: MapRows
  /** By ring: the slots of its table, some of them empty. */
  private readonly rings = new Map<string, (Slot | null)[]>()
  private made = 0
  private slotsUsed = 0

  constructor(rows: ImportRows, maps: MapRows) {
    this.rows = rows
    this.maps = maps
  }

  /** The call registers, replaces or drops buffers. */
  static concerns(call: Call): boolean {
    const op = decimalArgument(call, 'op')
    if (op === REGISTER_CLONE_BUFFERS) return true
    return [REGISTER_BUFFERS, UNREGISTER_BUFFERS, REGISTER_BUFFERS2, REGISTER_BUFFERS_UPDATE].includes(op)
  }

  /** A call of io_uring_register that {@link concerns} them. */
  run(staged: Staged): void {
    const { call } = staged
    const op = decimalArgument(call, 'op')
    const ring = ringOf(call)
    if (op === UNREGISTER_BUFFERS) {
      if (!(staged.result < 0)) this.drop(ring, staged)
    } else if (op === REGISTER_CLONE_BUFFERS) this.rows.skip(CLONED)
    else if (this.slotsUsed + call.segments.length / 2 > BUFFERS_MAX) this.rows.skip(MANY)
    else if (op !== REGISTER_BUFFERS_UPDATE) this.register(ring, 0, staged, call.segments)
    else if (staged.result > 0) {
      this.register(
        ring,
        Math.max(decimalArgument(call, 'at'), 0) || 0,
        staged,
        call.segments.slice(0, 2 * staged.result),
      )
    }
  }

  /** The ring is gone: so are its buffers. */
  close(staged: Staged): void {
    this.drop(ringOf(staged.call), staged)
  }

  /** Name of the registration that the operation's memory lies in; null: none is known. */
  holderOf(call: Call): string | null {
    const ring = this.rings.get(ringOf(call))
    const slot = ring?.[decimalArgument(call, 'buf')] ?? null
    if (slot !== null && holds(slot, call)) return slot.registration.id
    // Recordings of version 1 do not tell the ring of an operation.
    for (const slots of call.args.has('ring') ? [] : this.rings.values()) {
      for (const one of slots) if (one !== null && holds(one, call)) return one.registration.id
    }
    return null
  }

  /** Registers the buffers of the call, from a slot on. A row has at most SEGMENTS_VECTOR_MAX of them. */
  private register(ring: string, at: number, staged: Staged, segments: Segments): void {
    const isOne = segments.length <= 2 * SEGMENTS_VECTOR_MAX
    for (let from = 0; from < segments.length; from += 2 * SEGMENTS_VECTOR_MAX) {
      const part = segments.slice(from, from + 2 * SEGMENTS_VECTOR_MAX)
      const registration = { id: `buf${this.made++}`, mm: staged.call.mm, segments: part, slots: 0 }
      if (staged.result >= 0) this.fill(ring, at + from / 2, registration, staged)
      if (bytesOfSegments(part) > 0) this.put(registration, staged, isOne)
    }
  }

  private put({ id, segments }: Registration, staged: Staged, isOne: boolean): void {
    const { rows } = this
    const { call, result } = staged
    const { tsNs, pages } = call
    // Its pages are pinned to be written to: what was not there is now.
    const filled = result >= 0 ? bytesOfSegments(segments) : 0
    this.maps.before(call.mm, { tsNs, segments, pages, isDestination: true, result: filled })
    const row = rows.draft()
    row.event = EVENT_REGISTER
    row.tsNs = call.tsNs
    row.mm = call.mm
    row.id = rows.idName(id)
    row.direction = ITER_DEST
    row.call = rows.callName(call.op)
    for (let i = 0; i < segments.length; i += 2) row.addSegment(segments[i]!, segments[i + 1]!)
    row.resultBytes = result
    row.flags = FLAG_LONGTERM
    row.consumer = rows.consumerName('bio')
    row.pinsAcquired = isOne ? staged.acquired : NONE
    row.pinsReleased = isOne ? staged.released : NONE
    rows.put(row)
  }

  /** Puts the buffers into their slots; what was in them goes. */
  private fill(ring: string, at: number, registration: Registration, staged: Staged): void {
    const slots = this.rings.get(ring) ?? []
    this.rings.set(ring, slots)
    const { segments } = registration
    for (let i = 0; i < segments.length; i += 2) {
      const place = at + i / 2
      while (slots.length < Math.min(place, BUFFERS_MAX)) slots.push(null)
      if (place >= BUFFERS_MAX) return
      const old = slots[place] ?? null
      const lengthBytes = segments[i + 1]!
      slots[place] = lengthBytes === 0 ? null : { registration, addressBytes: segments[i]!, lengthBytes }
      if (lengthBytes > 0) {
        registration.slots++
        this.slotsUsed++
      }
      if (old !== null) this.empty(old.registration, staged)
    }
  }

  /** A slot of the registration was replaced. */
  private empty(registration: Registration, staged: Staged): void {
    registration.slots--
    this.slotsUsed--
    if (registration.slots > 0) this.rows.doubt(PARTLY)
    else this.putUnregister(registration, staged, false)
  }

  private drop(ring: string, staged: Staged): void {
    const slots = this.rings.get(ring) ?? []
    const all = new Set(slots.flatMap((slot) => (slot === null ? [] : [slot.registration])))
    for (const registration of all) {
      this.slotsUsed -= registration.slots
      this.putUnregister(registration, staged, all.size === 1)
    }
    this.rings.delete(ring)
  }

  private putUnregister({ id, mm }: Registration, staged: Staged, isOne: boolean): void {
    const { rows } = this
    const row = rows.draft()
    row.event = EVENT_UNREGISTER
    row.tsNs = staged.call.tsNs
    row.mm = mm
    row.id = rows.idName(id)
    row.call = rows.callName(staged.call.op)
    row.resultBytes = staged.result
    row.consumer = rows.consumerName('bio')
    row.pinsAcquired = isOne ? staged.acquired : NONE
    row.pinsReleased = isOne ? staged.released : NONE
    rows.put(row)
  }
}

/** The ring that the call is about; version 1 knows it by its file descriptor. */
function ringOf(call: Call): string {
  return call.args.get('ring') ?? `fd ${call.fd}`
}

/** All of the operation's memory lies in the slot. */
function holds({ addressBytes, lengthBytes }: Slot, { segments }: Call): boolean {
  for (let i = 0; i < segments.length; i += 2) {
    const end = segments[i]! + segments[i + 1]!
    if (segments[i]! < addressBytes || end > addressBytes + lengthBytes) return false
  }
  return segments.length > 0
}
