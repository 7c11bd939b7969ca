import { invariant } from '../invariant.ts'
import { type Kernel, kernelOf } from '../kernel/kernel.ts'
import { MAX_RW_COUNT, PAGE_OFFSET_MASK } from '../units.ts'
import { FOLIOQ_SLOTS, FolioQueue } from './folio-queue.ts'
import { advanceFolioq, revertFolioq } from './folioq-walk.ts'
import { isAligned } from './iter-alignment.ts'
import { npages } from './iter-pages.ts'
import type { IterReport, IterRule } from './iter-report.ts'
import { assign, type IovIterState } from './iter-state.ts'
import {
  type Direction,
  ITER_BVEC,
  ITER_DEST,
  ITER_DISCARD,
  ITER_FOLIOQ,
  ITER_PIPE,
  ITER_UBUF,
  ITER_XARRAY,
  type IterType,
  isVector,
} from './iter-type.ts'
import type { PipeRing } from './pipe-ring.ts'
import { advancePipe, revertPipe } from './pipe-walk.ts'
import { SegmentTable } from './segment-table.ts'
import { revertSegments } from './vector-walk.ts'

export type { IovIterState } from './iter-state.ts'

const NEWEST = kernelOf('mainline')

/**
 * `struct iov_iter`: one reusable cursor over an operation's memory. It never touches the segments themselves.
 *
 * `iovOffsetBytes` counts from the buffer's start for UBUF, from the current segment's start for IOVEC, KVEC and BVEC,
 * from the current folio's start for FOLIOQ, and from the start position for XARRAY. `countBytes` is the caller's and is
 * not checked against the segments.
 *
 * @kernel include/linux/uio.h: struct iov_iter. PIPE: 6.1 only; FOLIOQ: since 6.12; the others in all four versions.
 */
export class IovIter {
  type: IterType = ITER_UBUF
  direction: Direction = ITER_DEST
  /** Bytes left. @kernel iov_iter.count */
  countBytes = 0
  /** @kernel iov_iter.iov_offset */
  iovOffsetBytes = 0
  /** Index of the current segment in {@link table}. An XARRAY has one: {file position, file, length}. */
  segment = 0
  /** Segments left, the current one included. @kernel iov_iter.nr_segs (6.1 has 0 for a UBUF) */
  segmentsLeft = 0
  /** Address space of the addresses: a pid, or KERNEL_MM for kvec. */
  mm = 0
  /** Extraction does not fault pages in. @kernel iov_iter.nofault */
  nofault = false
  /** A bvec iterator whose segments are user addresses inside a registered buffer. @kernel io_uring/rsrc.c: io_import_fixed */
  fixed = false
  /** A bvec iterator whose segments name page rows, not frame numbers: built out of pages that are at hand. */
  byRow = false
  table: SegmentTable = new SegmentTable()

  /** FOLIOQ. @kernel iov_iter.folioq, folioq_slot: the slot may be one past the last of its segment */
  queue: FolioQueue = EMPTY_QUEUE
  queueSegment = 0
  slot = 0

  /** PIPE: where the next byte goes. @kernel iov_iter.pipe, head, start_head, last_offset (6.1) */
  pipe: PipeRing | null = null
  pipeHead = 0
  pipeStartHead = 0
  /** End of the data in the last buffer: positive in a buffer of the ring's own, negative in a borrowed page, 0: a new one. */
  lastOffset = 0

  /** The version whose rules hold. */
  kernel: Kernel = NEWEST
  /** Told of undefined behaviour; null: an InvariantError where the kernel would crash or corrupt memory. */
  report: IterReport | null = null

  /** Index of the first segment: a revert before it is past the start. */
  segmentFirst = 0

  /**
   * Starts at the first of `segments` segments: UBUF, IOVEC, KVEC, BVEC, and XARRAY with its one {file position, file}.
   * @kernel lib/iov_iter.c: iov_iter_init, iov_iter_ubuf, iov_iter_kvec, iov_iter_bvec, iov_iter_xarray
   */
  reset(
    type: IterType,
    direction: Direction,
    table: SegmentTable,
    first: number,
    segments: number,
    countBytes: number,
  ): void {
    this.type = type
    this.direction = direction
    this.table = table
    this.segment = first
    this.segmentFirst = first
    this.segmentsLeft = segments
    this.countBytes = countBytes
    this.iovOffsetBytes = 0
    this.fixed = false
    this.byRow = false
    this.nofault = false
  }

  /** FOLIOQ: starts `offsetBytes` into the folio of a slot. @kernel lib/iov_iter.c: iov_iter_folio_queue */
  resetFolioq(direction: Direction, queue: FolioQueue, slot: number, offsetBytes: number, countBytes: number): void {
    this.reset(ITER_FOLIOQ, direction, this.table, 0, 0, countBytes)
    this.queue = queue
    this.queueSegment = Math.floor(slot / FOLIOQ_SLOTS)
    this.slot = slot % FOLIOQ_SLOTS
    this.iovOffsetBytes = offsetBytes
  }

  /** DISCARD: a data destination that keeps nothing. @kernel lib/iov_iter.c: iov_iter_discard (a BUG for a source) */
  resetDiscard(countBytes: number): void {
    this.reset(ITER_DISCARD, ITER_DEST, this.table, 0, 0, countBytes)
  }

  /** PIPE: data goes into the ring's next buffers. @kernel lib/iov_iter.c: iov_iter_pipe (6.1; a BUG for a source) */
  resetPipe(pipe: PipeRing, countBytes: number): void {
    this.reset(ITER_PIPE, ITER_DEST, this.table, 0, 0, countBytes)
    this.pipe = pipe
    this.pipeHead = pipe.head
    this.pipeStartHead = pipe.head
    this.lastOffset = 0
  }

  /** Moves on by min(bytes, count). Never an error. @kernel lib/iov_iter.c: iov_iter_advance */
  advance(bytes: number): void {
    const step = bytes < this.countBytes ? bytes : this.countBytes
    const { type } = this
    if (type === ITER_UBUF || type === ITER_XARRAY) {
      this.iovOffsetBytes += step
      this.countBytes -= step
      return
    }
    if (type === ITER_PIPE) {
      advancePipe(this, step)
      return
    }
    if (this.countBytes === 0) return
    this.countBytes -= step
    if (type === ITER_DISCARD) return
    if (type === ITER_FOLIOQ) {
      advanceFolioq(this, step)
      return
    }
    const { lengthBytes } = this.table
    let offset = this.iovOffsetBytes + step
    while (this.segmentsLeft > 0 && offset >= lengthBytes[this.segment]) {
      offset -= lengthBytes[this.segment]
      this.segment++
      this.segmentsLeft--
    }
    this.iovOffsetBytes = offset
  }

  /**
   * Moves back; beyond MAX_RW_COUNT it does nothing. Past the start is memory corruption in the kernel (a BUG for UBUF
   * and XARRAY): a `revert-past-start` violation, and the iterator stays as it is.
   * @kernel lib/iov_iter.c: iov_iter_revert
   */
  revert(bytes: number): void {
    if (bytes === 0 || bytes > MAX_RW_COUNT) return
    const { type } = this
    if (type === ITER_DISCARD) {
      this.countBytes += bytes
    } else if (type === ITER_PIPE) {
      revertPipe(this, bytes)
    } else if (bytes <= this.iovOffsetBytes) {
      this.countBytes += bytes
      this.iovOffsetBytes -= bytes
    } else if (type === ITER_FOLIOQ) {
      if (revertFolioq(this, bytes)) this.countBytes += bytes
      else this.violate('revert-past-start')
    } else if (type !== ITER_UBUF && type !== ITER_XARRAY && revertSegments(this, bytes)) {
      this.countBytes += bytes
    } else {
      this.violate('revert-past-start')
    }
  }

  /** Shortens to at most `bytes`. @kernel include/linux/uio.h: iov_iter_truncate */
  truncate(bytes: number): void {
    if (this.countBytes > bytes) this.countBytes = bytes
  }

  /** Undoes a truncate: the caller passes at most what that removed. @kernel include/linux/uio.h: iov_iter_reexpand */
  reexpand(bytes: number): void {
    this.countBytes = bytes
  }

  /** Notes where it is. @kernel include/linux/uio.h: iov_iter_save_state */
  saveState(into: IovIterState): void {
    into.iovOffsetBytes = this.iovOffsetBytes
    into.countBytes = this.countBytes
    into.segmentsLeft = this.segmentsLeft
  }

  /**
   * Goes back to where {@link saveState} was called. False, and nothing done, for a type other than UBUF, IOVEC, BVEC and
   * KVEC: the kernel warns. (It warns of a KVEC too, and in 6.1 of a UBUF, but restores them.)
   * @kernel lib/iov_iter.c: iov_iter_restore
   */
  restore(state: IovIterState): boolean {
    const { type } = this
    if (type !== ITER_UBUF && !isVector(type)) return false
    this.iovOffsetBytes = state.iovOffsetBytes
    this.countBytes = state.countBytes
    if (type === ITER_UBUF) return true
    this.segment -= state.segmentsLeft - this.segmentsLeft
    this.segmentsLeft = state.segmentsLeft
    return true
  }

  /** Makes this iterator the same as another, over the same segments. @kernel an assignment of struct iov_iter */
  copyFrom(other: IovIter): void {
    assign(this, other)
  }

  /**
   * Makes this iterator a copy of another with an array of its own, appended to `table`, for IOVEC, KVEC and BVEC; true
   * for those. The others only copy the struct, as {@link copyFrom} does, and PIPE may not be copied (a WARN). No page
   * is referenced. Of the array only the segments left are copied: a revert before them is past the start.
   * @kernel lib/iov_iter.c: dup_iter
   */
  dup(other: IovIter, table: SegmentTable): boolean {
    this.copyFrom(other)
    if (!isVector(other.type)) return false
    const first = table.length
    for (let s = other.segment; s < other.segment + other.segmentsLeft; s++) table.pushCopy(other.table, s)
    this.table = table
    this.segment = first
    this.segmentFirst = first
    return true
  }

  /** {@link npages} */
  npages(pagesMax: number): number {
    return npages(this, pagesMax)
  }

  /** Pages of the next `bytes` alone. @kernel include/linux/uio.h: iov_iter_npages_cap, without the cap */
  npagesOf(bytes: number): number {
    const { countBytes } = this
    this.truncate(bytes)
    const pages = npages(this, 0x7fffffff)
    this.reexpand(countBytes)
    return pages
  }

  /** {@link isAligned} */
  isAligned(addressMask: number, lengthMask: number): boolean {
    return isAligned(this, addressMask, lengthMask)
  }

  /** Steps over empty segments, the last one too. @kernel lib/iov_iter.c: iov_iter_extract_kvec_pages */
  skipEmpty(): void {
    if (!isVector(this.type)) return
    const { lengthBytes } = this.table
    while (this.segmentsLeft > 0 && this.iovOffsetBytes >= lengthBytes[this.segment]) {
      this.segment++
      this.segmentsLeft--
      this.iovOffsetBytes = 0
    }
  }

  /** The segments name page frames, or page rows, not addresses. */
  isByFrame(): boolean {
    return this.type === ITER_BVEC && !this.fixed
  }

  /** Offset in its page of the next byte. */
  currentStartBytes(): number {
    if (this.type === ITER_FOLIOQ) return this.iovOffsetBytes & PAGE_OFFSET_MASK
    const column = this.isByFrame() ? this.table.offsetBytes : this.table.addressBytes
    return (column[this.segment] + this.iovOffsetBytes) & PAGE_OFFSET_MASK
  }

  /** Bytes left in the current segment, at most the count; of a type without segments, the count. */
  currentLengthBytes(): number {
    if (!isVector(this.type)) return this.countBytes
    if (this.segmentsLeft === 0) return 0
    const rest = this.table.lengthBytes[this.segment] - this.iovOffsetBytes
    return rest < this.countBytes ? rest : this.countBytes
  }

  /** Tells of undefined behaviour. */
  violate(rule: IterRule): void {
    invariant(this.report !== null, 'the iterator was reverted past its start, or copied against its direction')
    this.report.iterViolation(rule)
  }
}

const EMPTY_QUEUE = new FolioQueue()
