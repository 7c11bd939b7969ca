import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  ENOMEM,
  EPERM,
  ESRCH,
  FAULT_COPY,
  FOLL_WRITE,
  ITER_SOURCE,
  isPinned,
  isUserBacked,
  type Ledger,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
  POINTER_BYTES,
  pagesSpanned,
} from '@pinscope/core'
import { copyLocal } from './local-iterator.ts'
import { ARRAYS, BATCHES, DIRTIED, LOCAL_FAULTS, PROCESS_VM_COUNTERS, REMOTE_FAULTS } from './process-vm-counters.ts'
import { BATCH_PAGES, IOVEC_BYTES, STACK_PAGES, STACK_SEGMENTS } from './remote-sizes.ts'

/**
 * process_vm_readv and process_vm_writev: a row's `mm` and `segs` are the other process's memory. It is pinned in batches
 * of at most 1024 pages, copied to or from memory of the caller, and unpinned before the next batch: nothing is held
 * when the call returns. A batch is what the segment asks for, however few bytes the caller has room for.
 *
 * The caller's memory is not in the row. A recorded result below the row's bytes, where the other process's memory has no
 * hole, says that it faulted there: the batch at work was pinned, and is let go. 0 says that the caller named no memory: then
 * the other process's is not looked at.
 *
 * An iterator that names no user memory is taken for the caller's side: it is copied, and nothing is taken on it.
 *
 * 6.1 takes one pointer too many for a segment that ends at a page's end, so that 16 pages need an array and later not.
 * @kernel mm/process_vm_access.c: process_vm_rw_core, process_vm_rw_single_vec, process_vm_rw_pages. 6.12 and 7.3 have the
 *   same text, so 6.18 too.
 */
export class ProcessVm implements Consumer {
  private readonly ledger: Ledger
  private readonly countsEnd: boolean
  private readonly counts = new Float64Array(PROCESS_VM_COUNTERS.length)
  /** Of the operation at work: bytes that the caller's iterator has left, and those until its memory faults. */
  private localBytes = 0
  private localGood = 0

  constructor({ kernel, ledger }: ConsumerEnvironment) {
    this.ledger = ledger
    this.countsEnd = kernel === '6.1'
  }

  submit(io: Operation): number {
    if (!isUserBacked(io.iter.type)) return copyLocal(io)
    const { countBytes, segmentsLeft } = io.iter
    if (countBytes === 0 || io.recordedResult === 0) return 0
    const iovecBytes = segmentsLeft > STACK_SEGMENTS ? segmentsLeft * IOVEC_BYTES : 0
    if (iovecBytes > 0 && !io.allocate(iovecBytes)) return ENOMEM
    const result = this.withArray(io)
    if (iovecBytes > 0) io.free(iovecBytes)
    return result
  }

  /** Nothing is left when `submit` returns. */
  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return countersOf(PROCESS_VM_COUNTERS, this.counts)
  }

  /** @kernel mm/process_vm_access.c: process_vm_rw_core */
  private withArray(io: Operation): number {
    const pages = this.arrayPages(io)
    if (pages === 0) return 0
    const bytes = pages > STACK_PAGES ? Math.min(BATCH_PAGES, pages) * POINTER_BYTES : 0
    if (bytes > 0) {
      if (!io.allocate(bytes)) return ENOMEM
      this.counts[ARRAYS]++
    }
    const result = this.copyAll(io)
    if (bytes > 0) io.free(bytes)
    return result
  }

  /** Pointers that the segment with the most pages needs. 6.1 looks one byte too far. */
  private arrayPages({ iter }: Operation): number {
    const { addressBytes, lengthBytes } = iter.table
    const end = iter.segment + iter.segmentsLeft
    let most = 0
    for (let s = iter.segment; s < end; s++) {
      const length = lengthBytes[s]
      if (length === 0) continue
      const pages = pagesSpanned(addressBytes[s] & PAGE_OFFSET_MASK, this.countsEnd ? length + 1 : length)
      if (pages > most) most = pages
    }
    return most
  }

  private copyAll(io: Operation): number {
    const { iter, recordedResult } = io
    const bytes = iter.countBytes
    // Nobody by that number, or not to be looked into: @kernel kernel/fork.c: mm_access
    if (recordedResult === ESRCH || recordedResult === EPERM) return recordedResult
    this.localBytes = bytes
    this.localGood = bytes
    if (recordedResult === EFAULT) this.localGood = 0
    else if (recordedResult > 0 && recordedResult < bytes) this.localGood = recordedResult
    const end = iter.segment + iter.segmentsLeft
    let error = 0
    for (let s = iter.segment; s < end && this.localBytes > 0 && error === 0; s++) error = this.copySegment(io, s)
    const done = bytes - this.localBytes
    io.copied(done)
    // What was copied hides the error.
    return done > 0 ? done : error
  }

  /** 0, or -EFAULT. @kernel mm/process_vm_access.c: process_vm_rw_single_vec */
  private copySegment(io: Operation, segment: number): number {
    const { ledger } = this
    const { iter } = io
    const { addressBytes, lengthBytes } = iter.table
    const write = iter.direction === ITER_SOURCE
    const start = addressBytes[segment] & PAGE_OFFSET_MASK
    let left = lengthBytes[segment]
    let pages = left === 0 ? 0 : pagesSpanned(start, left)
    let skip = 0
    let offset = start
    if (pages > BATCH_PAGES) io.limitHit()
    while (pages > 0 && this.localBytes > 0) {
      const wanted = pages < BATCH_PAGES ? pages : BATCH_PAGES
      const pinned = io.pinPages(iter.mm, addressBytes, segment, skip, wanted, write ? FOLL_WRITE : 0)
      if (pinned <= 0) {
        this.counts[REMOTE_FAULTS]++
        return EFAULT
      }
      this.counts[BATCHES]++
      io.built(pinned, POINTER_BYTES)
      const room = pinned * PAGE_SIZE - offset
      const bytes = room < left ? room : left
      const error = this.copyPages(io, offset, bytes)
      if (write && isPinned(io.hold)) this.counts[DIRTIED] += ledger.unpinDirty(io.hold)
      else ledger.letGo(io.hold)
      if (error < 0) return error
      left -= bytes
      pages -= pinned
      skip += pinned * PAGE_SIZE - offset
      offset = 0
    }
    return 0
  }

  /** Page by page, until the batch or the caller's iterator ends. @kernel mm/process_vm_access.c: process_vm_rw_pages */
  private copyPages(io: Operation, offsetBytes: number, bytes: number): number {
    let left = bytes
    let room = PAGE_SIZE - offsetBytes
    while (left > 0 && this.localBytes > 0) {
      const wanted = left < room ? left : room
      const copied = this.copyPage(io, wanted)
      left -= copied
      if (copied < wanted && this.localBytes > 0) {
        this.counts[LOCAL_FAULTS]++
        return EFAULT
      }
      room = PAGE_SIZE
    }
    return 0
  }

  /** Bytes that the caller's memory took, or gave. @kernel lib/iov_iter.c: copy_page_to_iter, copy_page_from_iter */
  private copyPage(io: Operation, bytes: number): number {
    if (io.faults.fails(FAULT_COPY)) return 0
    let copied = bytes < this.localBytes ? bytes : this.localBytes
    if (copied > this.localGood) copied = this.localGood
    this.localBytes -= copied
    this.localGood -= copied
    return copied
  }
}
