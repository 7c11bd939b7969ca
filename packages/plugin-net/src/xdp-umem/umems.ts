import {
  type ConsumerEnvironment,
  EFAULT,
  ENOMEM,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  type Hold,
  isPinned,
  KERNEL_MM,
  type KernelVersion,
  type Ledger,
  type Operation,
  PAGE_LIST_MAX,
  PAGE_SIZE,
  POINTER_BYTES,
} from '@pinscope/core'
import {
  DIRTIED,
  LOCKED_PEAK,
  REFUSED_MEMLOCK,
  REFUSED_MEMORY,
  REFUSED_PAGES,
  REFUSED_SHAPE,
  REGISTRATIONS,
  RELEASES,
  UMEM_PAGES,
  UNDONE,
} from './umem-counters.ts'
import { checkShape, type UmemShape } from './umem-shape.ts'
import { UMEM_NONE, UmemTable } from './umem-table.ts'

/** @kernel include/uapi/asm-generic/errno.h */
const ENOBUFS = -105
/** Most pages that can be counted: no limit. */
const PAGES_UNLIMITED = 2 ** 31 - 1
/** Bytes of a `struct xdp_umem`, 64-bit, in all versions. @kernel include/net/xdp_sock.h: struct xdp_umem */
const UMEM_BYTES = 112
/** What vmap() allocates to describe the area: a vm_struct, 64-bit, as 6.1 and 6.12 have it. @kernel include/linux/vmalloc.h: struct vm_struct */
const VM_STRUCT_BYTES = 64
/** Bytes of the address that a device is given for a page. @kernel net/xdp/xsk_buff_pool.c: xp_create_dma_map */
const DMA_ADDRESS_BYTES = 8

/**
 * Areas of user memory that AF_XDP sockets have their frames in: every page pinned for long, for writing, by one call of
 * pin_user_pages, and mapped into the kernel's address space. Where some page cannot be had, those before it are let go
 * again, made dirty as in a regular release. With a device that works on the frames itself each page is mapped for it, one by
 * one.
 *
 * The same in all versions; 6.18: taken as 6.12, since 7.3 is the same.
 * @kernel net/xdp/xdp_umem.c: xdp_umem_create, xdp_umem_reg, xdp_umem_release; net/xdp/xsk_buff_pool.c: xp_dma_map
 */
export class Umems {
  readonly table = new UmemTable()
  private readonly kernel: KernelVersion
  private readonly ledger: Ledger
  private readonly shape: UmemShape
  private readonly lockLimitPages: number
  private readonly hasDevice: boolean
  private readonly counts: Float64Array
  private readonly forgetsAccount: boolean
  /** Pages of the user. @kernel include/linux/sched/user.h: user_struct.locked_vm */
  private lockedPages = 0
  /** First byte of the next page, element 0. */
  private readonly next = new Float64Array(1)
  /** Pins of the area at work. */
  private hold: Hold = HOLD_NONE

  /** `memlockBytes`: RLIMIT_MEMLOCK; 0: none. `counts`: slots of UMEM_COUNTERS. */
  constructor(
    { kernel, ledger, traits }: ConsumerEnvironment,
    shape: UmemShape,
    memlockBytes: number,
    hasDevice: boolean,
    counts: Float64Array,
  ) {
    this.kernel = kernel
    this.ledger = ledger
    this.shape = shape
    this.lockLimitPages = memlockBytes === 0 ? PAGES_UNLIMITED : Math.floor(memlockBytes / PAGE_SIZE)
    this.hasDevice = hasDevice
    this.forgetsAccount = traits.quirks['xdp-umem-account-short']
    this.counts = counts
  }

  /**
   * Registers the rest of `io.iter`, an area for each of its segments, chained by `table.next`; all pins are in `io.hold`.
   * Returns the first row, or an errno with nothing held.
   */
  createAll(io: Operation): number {
    const { ledger, table } = this
    const { iter } = io
    let first = UMEM_NONE
    let last = UMEM_NONE
    let all: Hold = HOLD_NONE
    const end = iter.segment + iter.segmentsLeft
    for (let segment = iter.segment; segment < end; segment++) {
      const row = this.create(io, segment)
      if (row < 0) {
        this.releaseAll(io, first, all)
        io.hold = HOLD_NONE
        return row
      }
      all = ledger.join(all, this.hold)
      if (first === UMEM_NONE) first = row
      else table.next[last] = row
      last = row
    }
    io.hold = all
    return first
  }

  /** Lets go of a chain of areas, whose pins are in `hold`. @kernel net/xdp/xdp_umem.c: xdp_umem_release */
  releaseAll(io: Operation, first: number, hold: Hold): void {
    const { table } = this
    this.unpin(hold)
    for (let row = first; row !== UMEM_NONE; ) {
      const next = table.next[row]
      const pages = table.npgs[row]
      if (this.hasDevice) this.unmapPages(io, pages)
      if (this.hasDevice) io.free(pages * DMA_ADDRESS_BYTES)
      io.free(VM_STRUCT_BYTES)
      io.free(pages * POINTER_BYTES)
      io.free(UMEM_BYTES)
      this.lockedPages -= pages
      this.counts[RELEASES]++
      table.give(row)
      row = next
    }
  }

  /** A row, whose pins are in {@link hold}, or an errno. @kernel net/xdp/xdp_umem.c: xdp_umem_create */
  private create(io: Operation, segment: number): number {
    this.hold = HOLD_NONE
    if (!io.allocate(UMEM_BYTES)) return this.refuse(ENOMEM, REFUSED_MEMORY)
    const row = this.reg(io, segment)
    if (row < 0) io.free(UMEM_BYTES)
    return row
  }

  /** @kernel net/xdp/xdp_umem.c: xdp_umem_reg */
  private reg(io: Operation, segment: number): number {
    const { table, counts } = this
    const { addressBytes, lengthBytes } = io.iter.table
    const error = checkShape(this.shape, this.kernel, addressBytes, lengthBytes, segment)
    if (error < 0) return this.refuse(error, REFUSED_SHAPE)
    const pages = Math.ceil(lengthBytes[segment] / PAGE_SIZE)
    if (!io.fits(this.lockedPages + pages, this.lockLimitPages)) return this.refuse(ENOBUFS, REFUSED_MEMLOCK)
    const row = table.take(pages)
    table.addressBytes[row] = addressBytes[segment]
    table.lengthBytes[row] = lengthBytes[segment]
    this.lockedPages += pages
    const failed = this.pinAndMap(io, row)
    if (failed < 0) {
      this.lockedPages -= table.npgs[row]
      table.give(row)
      return failed
    }
    if (this.lockedPages > counts[LOCKED_PEAK]) counts[LOCKED_PEAK] = this.lockedPages
    counts[REGISTRATIONS]++
    counts[UMEM_PAGES] += pages
    io.built(pages, POINTER_BYTES)
    return row
  }

  /** What it allocates and pins is undone in reverse where a later step fails. */
  private pinAndMap(io: Operation, row: number): number {
    const arrayBytes = this.table.npgs[row] * POINTER_BYTES
    if (!io.allocate(arrayBytes)) return this.refuse(ENOMEM, REFUSED_MEMORY)
    let error = this.pin(io, row)
    if (error === 0 && !io.allocate(VM_STRUCT_BYTES)) error = this.refuse(ENOMEM, REFUSED_MEMORY)
    else if (error === 0) {
      error = this.hasDevice ? this.mapPages(io, row) : 0
      if (error < 0) io.free(VM_STRUCT_BYTES)
    }
    if (error === 0) return 0
    if (this.hold !== HOLD_NONE) this.counts[UNDONE]++
    this.unpin(this.hold)
    this.hold = HOLD_NONE
    io.free(arrayBytes)
    return error
  }

  /** All pages, or an errno; those pinned are in {@link hold} then. @kernel net/xdp/xdp_umem.c: xdp_umem_pin_pages */
  private pin(io: Operation, row: number): number {
    const { table, next, ledger } = this
    // Addresses of the kernel are no user memory. @kernel access_ok
    if (io.iter.mm === KERNEL_MM) return this.refuse(EFAULT, REFUSED_PAGES)
    const pages = table.npgs[row]
    const pgs = new Int32Array(pages)
    next[0] = table.addressBytes[row]
    for (let done = 0; done < pages; ) {
      const left = pages - done
      const count = left < PAGE_LIST_MAX ? left : PAGE_LIST_MAX
      const pinned = io.pinPages(io.iter.mm, next, 0, 0, count, FOLL_WRITE | FOLL_LONGTERM)
      if (pinned < 0) {
        // What is given back of the account is what was pinned. @kernel quirk xdp-umem-account-short
        if (done > 0 && this.forgetsAccount) table.npgs[row] = done
        return this.refuse(done > 0 ? ENOMEM : pinned, REFUSED_PAGES)
      }
      this.hold = ledger.join(this.hold, io.hold)
      for (let i = 0; i < pinned; i++) pgs[done + i] = io.list.page[i]
      done += pinned
      next[0] += pinned * PAGE_SIZE
    }
    table.pgs[row] = pgs
    return 0
  }

  /** Page by page. @kernel net/xdp/xsk_buff_pool.c: xp_dma_map, __xp_dma_unmap */
  private mapPages(io: Operation, row: number): number {
    const pages = this.table.npgs[row]
    if (!io.allocate(pages * DMA_ADDRESS_BYTES)) return this.refuse(ENOMEM, REFUSED_MEMORY)
    for (let i = 0; i < pages; i++) {
      if (io.mapDma(1)) continue
      this.unmapPages(io, i)
      io.free(pages * DMA_ADDRESS_BYTES)
      return this.refuse(ENOMEM, REFUSED_MEMORY)
    }
    return 0
  }

  private unmapPages(io: Operation, pages: number): void {
    for (let i = 0; i < pages; i++) io.unmapDma(1)
  }

  /** @kernel net/xdp/xdp_umem.c: xdp_umem_unpin_pages (unpin_user_pages_dirty_lock, dirty) */
  private unpin(hold: Hold): void {
    // A recorded release event may have let go of it already.
    if (isPinned(hold) && this.ledger.isOpen(hold)) this.counts[DIRTIED] += this.ledger.unpinDirty(hold)
  }

  private refuse(error: number, counter: number): number {
    this.counts[counter]++
    return error
  }
}
