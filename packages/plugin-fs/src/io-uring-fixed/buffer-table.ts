import {
  BIO_VEC_BYTES,
  type ConsumerEnvironment,
  EFAULT,
  EINVAL,
  ENOMEM,
  HOLD_NONE,
  type Hold,
  type Ledger,
  type Operation,
  PAGE_SIZE,
  type PageStore,
  POINTER_BYTES,
  REASON_TABLE_LOST,
} from '@pinscope/core'
import { BufferPins } from './buffer-pins.ts'
import { type BufferFolios, foliosOf } from './coalesce.ts'
import { fillBvecs, type MappedBuffer } from './mapped-buffer.ts'
import { Memlock } from './memlock.ts'
import {
  BVECS,
  COALESCED,
  EMPTY_SLOTS,
  PINS_DROPPED,
  PINS_LEAKED,
  REFUSED_MEMLOCK,
  REFUSED_MEMORY,
  REFUSED_RANGE,
  REGISTRATIONS,
  UNREGISTRATIONS,
} from './uring-counters.ts'
import { pointerBytes, REG_BUFFERS_MAX, tableBytes, type UringTraits } from './uring-sizes.ts'

const PAGE_SHIFT = 12

/** What a `register` row made: a slot for each of its segments. */
export interface RegisteredTable {
  readonly hold: Hold
  /** null: a slot without memory. */
  readonly buffers: readonly (MappedBuffer | null)[]
}

/**
 * Tables of registered buffers: pinned, listed in bvecs, accounted; and all that undone, by bvec. Where one buffer fails
 * those before it go too.
 * @kernel io_uring/rsrc.c: io_sqe_buffers_register, io_sqe_buffer_register, io_buffer_unmap
 */
export class BufferTables {
  private readonly traits: UringTraits
  private readonly ledger: Ledger
  private readonly pages: PageStore
  private readonly pins: BufferPins
  private readonly memlock: Memlock
  private readonly counts: Float64Array
  /** Quirk uring-imu-leak. */
  private readonly leaksPins: boolean
  /** Pins of the buffer at work. */
  private hold: Hold = HOLD_NONE

  /** `memlockPages`: RLIMIT_MEMLOCK, or PAGES_UNLIMITED. `counts`: slots of URING_COUNTERS. */
  constructor(environment: ConsumerEnvironment, traits: UringTraits, memlockPages: number, counts: Float64Array) {
    const { ledger, memory, pages } = environment
    this.traits = traits
    this.ledger = ledger
    this.pages = pages
    this.pins = new BufferPins(ledger, memory.spaces, traits, counts)
    this.memlock = new Memlock(pages, counts, memlockPages, traits.countsHeads)
    this.counts = counts
    this.leaksPins = environment.traits.quirks['uring-imu-leak']
  }

  /** Registers each segment of `io.iter`; an errno with nothing held (but for a quirk). */
  register(io: Operation): RegisteredTable | number {
    const { segment, segmentsLeft, table } = io.iter
    if (segmentsLeft === 0 || segmentsLeft > REG_BUFFERS_MAX) return this.refuse(EINVAL, REFUSED_RANGE)
    if (!io.allocate(pointerBytes(segmentsLeft))) return this.refuse(ENOMEM, REFUSED_MEMORY)
    const buffers: (MappedBuffer | null)[] = []
    let all: Hold = HOLD_NONE
    for (let s = segment; s < segment + segmentsLeft; s++) {
      const made = this.registerOne(io, table.addressBytes[s], table.lengthBytes[s])
      if (typeof made === 'number') {
        this.release(io, { hold: all, buffers })
        io.free(pointerBytes(segmentsLeft))
        return made
      }
      all = this.ledger.join(all, this.hold)
      buffers.push(made)
    }
    return { hold: all, buffers }
  }

  /** Unpins every bvec, and frees what lists them. */
  unregister(io: Operation, table: RegisteredTable): void {
    this.release(io, table)
    io.free(pointerBytes(table.buffers.length))
  }

  private release(io: Operation, { hold, buffers }: RegisteredTable): void {
    const { ledger, counts } = this
    // A recorded release event may have let go of it already.
    if (ledger.isOpen(hold)) this.unpin(hold, ledger.entriesHeld(hold))
    for (const buffer of buffers) {
      if (buffer === null) continue
      counts[UNREGISTRATIONS]++
      this.memlock.unaccount(buffer.share, buffer.page)
      io.free(buffer.tableBytes)
      if (buffer.nodeBytes > 0) io.free(buffer.nodeBytes)
    }
  }

  /** A call for each pin; the entries are halved again and again, because splitting a hold walks through its end. @kernel unpin_user_folio(folio, 1) (6.1: unpin_user_page) */
  private unpin(hold: Hold, entries: number): void {
    if (entries <= 1) {
      this.ledger.letGo(hold)
      return
    }
    const half = entries >> 1
    const rest = this.ledger.split(hold, entries - half)
    this.unpin(hold, half)
    this.unpin(rest, entries - half)
  }

  /** A buffer, null for an empty slot, or an errno; its pins are in {@link hold}. */
  private registerOne(io: Operation, address: number, lengthBytes: number): MappedBuffer | null | number {
    const { traits, counts } = this
    this.hold = HOLD_NONE
    if (address === 0 && lengthBytes === 0) {
      counts[EMPTY_SLOTS]++
      return null
    }
    if (address === 0 || lengthBytes === 0) return this.refuse(EFAULT, REFUSED_RANGE)
    if (lengthBytes > traits.bufferBytesMax) return this.refuse(traits.tooLongErrno, REFUSED_RANGE)
    if (traits.nodeBytes > 0 && !io.allocate(traits.nodeBytes)) return this.refuse(ENOMEM, REFUSED_MEMORY)
    const made = this.pinAndList(io, address, lengthBytes)
    if (typeof made === 'number' && traits.nodeBytes > 0) io.free(traits.nodeBytes)
    return made
  }

  /** The arrays of pages and (6.1) mappings are there only while the buffer is registered. */
  private pinAndList(io: Operation, address: number, lengthBytes: number): MappedBuffer | number {
    const pages = Math.ceil((address + lengthBytes) / PAGE_SIZE) - Math.floor(address / PAGE_SIZE)
    const bytes = pointerBytes(pages)
    if (!io.allocate(bytes)) return this.refuse(ENOMEM, REFUSED_MEMORY)
    let error = 0
    if (this.traits.refusesFiles && !io.allocate(bytes)) error = this.refuse(ENOMEM, REFUSED_MEMORY)
    else {
      error = this.pins.pin(io, address, lengthBytes)
      if (this.traits.refusesFiles) io.free(bytes)
    }
    if (error < 0) {
      io.free(bytes)
      return error
    }
    io.built(pages, POINTER_BYTES)
    this.hold = this.pins.hold
    const folios = this.coalesce(io)
    const arrayBytes = folios === null ? bytes : pointerBytes(folios.page.length)
    if (folios !== null) io.free(bytes)
    const made = this.list(io, address, lengthBytes, folios)
    io.free(arrayBytes)
    return made
  }

  /** One pin a folio: the others are dropped at once, and the array of pages is made anew. @kernel io_uring/rsrc.c: io_coalesce_buffer (6.12: io_do_coalesce_buffer) */
  private coalesce(io: Operation): BufferFolios | null {
    const { ledger, counts } = this
    const folios = this.traits.coalesces ? foliosOf(this.pages, this.pins.rows) : null
    if (folios === null || !io.allocate(pointerBytes(folios.page.length))) return null
    let rest = this.hold
    let left = this.pins.rows.length
    let kept: Hold = HOLD_NONE
    for (const pages of folios.pages) {
      left -= pages
      const others = left > 0 ? ledger.split(rest, left) : HOLD_NONE
      if (pages > 1) ledger.letGo(ledger.split(rest, pages - 1))
      kept = ledger.join(kept, rest)
      rest = others
      counts[PINS_DROPPED] += pages - 1
    }
    this.hold = kept
    io.built(folios.page.length, POINTER_BYTES)
    counts[COALESCED]++
    return folios
  }

  private list(io: Operation, ubuf: number, lengthBytes: number, folios: BufferFolios | null): MappedBuffer | number {
    const { traits, counts } = this
    const page = folios?.page ?? this.pins.rows
    const bytes = tableBytes(traits, page.length)
    if (!io.allocate(bytes)) return this.listFailed(io)
    const share = this.memlock.account(io, page)
    if (share === null) {
      io.free(bytes)
      return this.undo(REFUSED_MEMLOCK)
    }
    const folioShift = folios?.folioShift ?? PAGE_SHIFT
    io.built(page.length, BIO_VEC_BYTES)
    counts[BVECS] += page.length
    counts[REGISTRATIONS]++
    return {
      ubuf,
      lengthBytes,
      folioShift,
      page,
      ...fillBvecs(page, ubuf, lengthBytes, folioShift, folios?.firstIndex ?? 0),
      share,
      tableBytes: bytes,
      nodeBytes: traits.nodeBytes,
    }
  }

  /** No table: 6.1 forgets the pins. */
  private listFailed(io: Operation): number {
    if (!this.leaksPins) return this.undo(REFUSED_MEMORY)
    this.counts[PINS_LEAKED] += this.ledger.pagesHeld(this.hold)
    this.ledger.mark(this.hold, REASON_TABLE_LOST)
    if (io.observer !== null) io.observer.note('the table of bvecs cannot be allocated: the pins are lost')
    this.hold = HOLD_NONE
    return this.refuse(ENOMEM, REFUSED_MEMORY)
  }

  private undo(counter: number): number {
    this.ledger.letGo(this.hold)
    this.hold = HOLD_NONE
    return this.refuse(ENOMEM, counter)
  }

  private refuse(error: number, counter: number): number {
    this.counts[counter]++
    return error
  }
}
