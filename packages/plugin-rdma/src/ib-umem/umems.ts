import {
  type ConsumerEnvironment,
  EFAULT,
  EINVAL,
  EIO,
  ENOMEM,
  EOPNOTSUPP,
  HOLD_NONE,
  type Hold,
  type Ledger,
  type Operation,
  PAGE_KINDS,
  PAGE_SIZE,
  type PageStore,
  PagesToAppend,
  POINTER_BYTES,
  SCATTERLIST_BYTES,
  Scatterlists,
  SgAppender,
  SgChunks,
  sgChunkBytes,
} from '@pinscope/core'
import type { Device } from '../device/device.ts'
import { bestPageShift, devicePages, pageShifts } from './best-page-size.ts'
import { PAGES_UNLIMITED, PinnedVm } from './pinned-vm.ts'
import {
  BATCHES,
  DEREGISTRATIONS,
  DEVICE_ENTRIES,
  MEMLOCK_PEAK,
  REFUSED_DAX,
  REFUSED_FILE,
  REFUSED_MAP,
  REFUSED_MEMLOCK,
  REFUSED_MEMORY,
  REFUSED_PAGE_SIZE,
  REFUSED_PAGES,
  REGISTRATIONS,
  SG_ENTRIES,
  UNDONE,
} from './umem-counters.ts'
import { BATCH_PAGES, DEVICE_ENTRY_BYTES, umemBytes } from './umem-sizes.ts'
import { UMEM_NONE, UmemTable } from './umem-table.ts'
import { UserPins } from './user-pins.ts'
import { UserUnpins } from './user-unpins.ts'

const KIND_FILE = PAGE_KINDS.indexOf('file')

/**
 * Registered ranges of user memory: pinned for long in batches of 512 pages, contiguous pages merged into entries of at
 * most the device's longest segment, mapped once for both directions.
 *
 * What fails halfway is undone with nothing made dirty; a regular release makes the folios of writable memory dirty. For
 * devices without DMA (rxe, siw) mapping only writes addresses down. Soft-iWARP of 6.1 had pins of its own
 * (siw_umem_get): not modelled, with `device=siw` 6.1 does as later versions do.
 * @kernel drivers/infiniband/core/umem.c: ib_umem_get (7.3: __ib_umem_get_va), __ib_umem_release, ib_umem_release. 6.18:
 *   taken as 6.12. 7.3 refuses with -EOPNOTSUPP where DMA needs bounce buffers (confidential guests): not modelled.
 */
export class Umems {
  readonly table = new UmemTable()
  readonly lists = new Scatterlists()
  private readonly ledger: Ledger
  private readonly environment: ConsumerEnvironment
  private readonly pages: PageStore
  private readonly device: Device
  private readonly shifts: Int32Array
  private readonly memlockPages: number
  private readonly umemBytes: number
  private readonly counts: Float64Array
  private readonly chunks = new SgChunks(this.lists, sgChunkBytes)
  private readonly appender: SgAppender
  private readonly pins: UserPins
  private readonly unpins: UserUnpins
  private readonly from = new PagesToAppend()
  private readonly pinnedVm = new PinnedVm()
  /** Pins of the registration at work. */
  private hold: Hold = HOLD_NONE

  /** `memlockBytes`: RLIMIT_MEMLOCK; 0: none. `counts`: slots of UMEM_COUNTERS. */
  constructor(environment: ConsumerEnvironment, device: Device, memlockBytes: number, counts: Float64Array) {
    const { kernel, traits, ledger, pages } = environment
    this.environment = environment
    this.ledger = ledger
    this.pages = pages
    this.device = device
    this.counts = counts
    this.umemBytes = umemBytes(kernel)
    this.memlockPages = memlockBytes === 0 ? PAGES_UNLIMITED : Math.floor(memlockBytes / PAGE_SIZE)
    // The drivers in software list every page, whatever they say they can.
    this.shifts = pageShifts(device.needsNoDma ? PAGE_SIZE : device.pageSizeBitmap)
    this.appender = new SgAppender(this.chunks, pages, traits)
    this.pins = new UserPins(environment)
    this.unpins = new UserUnpins(ledger, this.lists, counts)
  }

  /**
   * Registers the rest of `io.iter`, a range for each of its segments: one row for each, chained by `table.next`. All
   * pins are in `io.hold`. Returns the first row, or an errno with nothing held: ranges registered before the one that
   * fails are let go as a program does, with a regular release.
   */
  getAll(io: Operation, writable: boolean): number {
    const { table, ledger } = this
    let first = UMEM_NONE
    let last = UMEM_NONE
    let all: Hold = HOLD_NONE
    do {
      const row = table.take(io.iter, writable)
      const error = this.get(io, row)
      if (error < 0) {
        table.give(row)
        this.releaseAll(io, first, all)
        io.hold = HOLD_NONE
        return error
      }
      all = ledger.join(all, this.hold)
      if (first === UMEM_NONE) first = row
      else table.next[last] = row
      last = row
    } while (io.iter.countBytes > 0)
    io.hold = all
    return first
  }

  /** Lets go of all ranges of a chain, whose pins are in `hold`. */
  releaseAll(io: Operation, first: number, hold: Hold): void {
    const { table, ledger } = this
    let rest = hold
    for (let row = first; row !== UMEM_NONE; ) {
      const next = table.next[row]
      // A recorded release event may have let go of the hold already.
      const isSeveral = next !== UMEM_NONE && ledger.isOpen(rest)
      const others = isSeveral ? ledger.split(rest, ledger.entriesHeld(rest) - table.pages[row]) : HOLD_NONE
      this.release(io, row, rest)
      table.give(row)
      rest = others
      row = next
    }
  }

  /** Pins are in {@link hold} afterwards. @kernel drivers/infiniband/core/umem.c: ib_umem_get */
  private get(io: Operation, row: number): number {
    this.hold = HOLD_NONE
    if (!io.allocate(this.umemBytes)) return this.refuse(ENOMEM, REFUSED_MEMORY)
    const error = this.getPages(io, row)
    if (error < 0) {
      io.free(this.umemBytes)
      return error
    }
    this.counts[REGISTRATIONS]++
    return this.listForDevice(io, row)
  }

  /** The page that lists a batch is there only while pages are pinned. */
  private getPages(io: Operation, row: number): number {
    if (!io.allocate(PAGE_SIZE)) return this.refuse(ENOMEM, REFUSED_MEMORY)
    const error = this.account(io, row)
    io.free(PAGE_SIZE)
    return error
  }

  private account(io: Operation, row: number): number {
    const { table, pinnedVm } = this
    const mm = table.mm[row]
    const pages = table.pages[row]
    if (pages === 0) return EINVAL
    if (!io.fits(pinnedVm.of(mm) + pages, this.memlockPages)) return this.refuse(ENOMEM, REFUSED_MEMLOCK)
    pinnedVm.add(mm, pages)
    this.counts[MEMLOCK_PEAK] = pinnedVm.peak
    this.chunks.work(io)
    let error = this.pinAll(io, row)
    if (error === 0 && !io.mapDma(this.entries(row))) error = this.refuse(EIO, REFUSED_MAP)
    if (error < 0) this.undo(row)
    return error
  }

  /** Pins the whole range and lists it: 0, or an errno with the batches before still held. */
  private pinAll(io: Operation, row: number): number {
    const { table, pins, counts } = this
    let left = table.pages[row]
    let batches = 0
    pins.start(table, row)
    while (left > 0) {
      const pinned = pins.next(io, left < BATCH_PAGES ? left : BATCH_PAGES)
      if (pinned < 0) return this.refusePages(row, pinned)
      left -= pinned
      batches++
      counts[BATCHES]++
      const error = this.append(io, row, pinned, left)
      if (error < 0) return this.refuse(error, REFUSED_MEMORY)
    }
    if (batches > 1) io.limitHit()
    return 0
  }

  /** Appends the batch in `io.list`; where that fails its pins are dropped. */
  private append(io: Operation, row: number, pinned: number, left: number): number {
    const { from, ledger } = this
    from.page = io.list.page as Int32Array<ArrayBuffer>
    from.first = 0
    from.nPages = pinned
    from.offsetBytes = 0
    from.sizeBytes = pinned * PAGE_SIZE
    from.maxSegmentBytes = this.device.maxSegmentBytes
    from.leftPages = left
    const error = this.appender.allocAppendTableFromPages(this.table.appendTable(row), from)
    if (error < 0) ledger.letGo(io.hold)
    else this.hold = ledger.join(this.hold, io.hold)
    return error
  }

  /** What was pinned and listed so far goes, with nothing made dirty. */
  private undo(row: number): void {
    if (this.hold !== HOLD_NONE) this.counts[UNDONE]++
    this.unpinAndFree(row, this.hold, false)
    this.hold = HOLD_NONE
  }

  /** What the driver does with it: it lists the pages for the device. The drivers let go of it where no page size fits. */
  private listForDevice(io: Operation, row: number): number {
    const { table, counts } = this
    const entries = this.entries(row)
    const shift = bestPageShift(table, row, this.lists, this.pages, this.shifts)
    if (shift < 0) {
      this.release(io, row, this.hold)
      return this.refuse(EINVAL, REFUSED_PAGE_SIZE)
    }
    const listed = devicePages(table, row, shift)
    counts[SG_ENTRIES] += entries
    counts[DEVICE_ENTRIES] += listed
    io.built(table.pages[row], POINTER_BYTES)
    io.built(entries, SCATTERLIST_BYTES)
    io.built(listed, DEVICE_ENTRY_BYTES)
    return 0
  }

  /** @kernel drivers/infiniband/core/umem.c: ib_umem_release */
  private release(io: Operation, row: number, hold: Hold): void {
    this.counts[DEREGISTRATIONS]++
    this.chunks.work(io)
    io.unmapDma(this.entries(row))
    this.unpinAndFree(row, hold, this.table.writable[row] === 1)
    io.free(this.umemBytes)
  }

  /** @kernel drivers/infiniband/core/umem.c: __ib_umem_release */
  private unpinAndFree(row: number, hold: Hold, makesDirty: boolean): void {
    const { table } = this
    const append = table.appendTable(row)
    if (this.ledger.isOpen(hold)) this.unpins.unpin(hold, append.sgt.sgl, append.sgt.origNents, makesDirty)
    this.appender.freeAppendTable(append)
    append.clear()
    this.pinnedVm.sub(table.mm[row], table.pages[row])
  }

  private entries(row: number): number {
    return this.table.appendTable(row).sgt.origNents
  }

  private refuse(error: number, counter: number): number {
    this.counts[counter]++
    return error
  }

  /** At the first page that was not pinned. */
  private refusePages(row: number, error: number): number {
    const { spaces } = this.environment.memory
    if (error === ENOMEM) return this.refuse(error, REFUSED_MEMORY)
    if (error === EOPNOTSUPP) return this.refuse(error, REFUSED_DAX)
    const { kind } = spaces.find(this.table.mm[row], this.pins.nextPage)
    return this.refuse(error, error === EFAULT && kind === KIND_FILE ? REFUSED_FILE : REFUSED_PAGES)
  }
}
