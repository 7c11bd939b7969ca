import { invariant } from '../invariant.ts'
import { PAGE_OFFSET_MASK, pagesSpanned } from '../units.ts'
import { type Direction, ITER_BVEC, ITER_DEST, ITER_DISCARD, ITER_UBUF, type IterType } from './iter-type.ts'
import { SegmentTable } from './segment-table.ts'

/**
 * `struct iov_iter`: one reusable cursor over an operation's segments. It never touches the segments themselves.
 *
 * `iovOffsetBytes` counts from the buffer's start for UBUF and from the current segment's start for IOVEC, KVEC and
 * BVEC. `countBytes` is the caller's and is not checked against the segments.
 *
 * @kernel include/linux/uio.h: struct iov_iter. ubuf, iovec, kvec and bvec: the same in 6.1, 6.12, 6.18 and mainline.
 */
export class IovIter {
  type: IterType = ITER_UBUF
  direction: Direction = ITER_DEST
  /** Bytes left. @kernel iov_iter.count */
  countBytes = 0
  /** @kernel iov_iter.iov_offset */
  iovOffsetBytes = 0
  /** Index of the current segment in {@link table}. */
  segment = 0
  /** Segments left, the current one included. @kernel iov_iter.nr_segs */
  segmentsLeft = 0
  /** Address space of the addresses: a pid, or KERNEL_MM for kvec. */
  mm = 0
  /** A bvec iterator whose segments are user addresses inside a registered buffer. @kernel io_uring/rsrc.c: io_import_fixed */
  fixed = false
  table: SegmentTable = new SegmentTable()

  private segmentFirst = 0

  /** Starts at the first of `segments` segments. @kernel lib/iov_iter.c: iov_iter_init, iov_iter_ubuf, iov_iter_kvec, iov_iter_bvec */
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
  }

  /** Moves on by min(bytes, count). Never an error. @kernel lib/iov_iter.c: iov_iter_advance */
  advance(bytes: number): void {
    const step = bytes < this.countBytes ? bytes : this.countBytes
    if (this.type === ITER_UBUF) {
      this.iovOffsetBytes += step
      this.countBytes -= step
      return
    }
    if (this.countBytes === 0) return
    this.countBytes -= step
    if (this.type === ITER_DISCARD) return
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
   * Moves back. Reverting past the start is memory corruption in the kernel (a BUG for UBUF) and an InvariantError here.
   * @kernel lib/iov_iter.c: iov_iter_revert
   */
  revert(bytes: number): void {
    if (bytes === 0) return
    this.countBytes += bytes
    if (this.type === ITER_DISCARD) return
    if (bytes <= this.iovOffsetBytes) {
      this.iovOffsetBytes -= bytes
      return
    }
    invariant(this.type !== ITER_UBUF, 'iov_iter_revert: past the start of a ubuf')
    const { lengthBytes } = this.table
    let left = bytes - this.iovOffsetBytes
    for (;;) {
      invariant(this.segment > this.segmentFirst, 'iov_iter_revert: past the first segment')
      this.segment--
      this.segmentsLeft++
      if (left <= lengthBytes[this.segment]) break
      left -= lengthBytes[this.segment]
    }
    this.iovOffsetBytes = lengthBytes[this.segment] - left
  }

  /** Shortens to at most `bytes`. @kernel include/linux/uio.h: iov_iter_truncate */
  truncate(bytes: number): void {
    if (this.countBytes > bytes) this.countBytes = bytes
  }

  /** Undoes a truncate: the caller passes at most what that removed. @kernel include/linux/uio.h: iov_iter_reexpand */
  reexpand(bytes: number): void {
    this.countBytes = bytes
  }

  /** Pages of the bytes left, a page shared by two segments counted twice, at most `pagesMax`. @kernel lib/iov_iter.c: iov_iter_npages */
  npages(pagesMax: number): number {
    if (this.countBytes === 0 || this.type === ITER_DISCARD) return 0
    const { addressBytes, offsetBytes, lengthBytes } = this.table
    const isBvec = this.isByFrame()
    let left = this.countBytes
    let skip = this.iovOffsetBytes
    let pages = 0
    if (this.type === ITER_UBUF) {
      pages = pagesSpanned((addressBytes[this.segment] + skip) & PAGE_OFFSET_MASK, left)
      return pages < pagesMax ? pages : pagesMax
    }
    for (let s = this.segment; left > 0 && s < this.segment + this.segmentsLeft && pages < pagesMax; s++) {
      const rest = lengthBytes[s] - skip
      const length = rest < left ? rest : left
      const start = ((isBvec ? offsetBytes[s] : addressBytes[s]) + skip) & PAGE_OFFSET_MASK
      if (length > 0 || isBvec) pages += pagesSpanned(start, length)
      left -= length
      skip = 0
    }
    return pages < pagesMax ? pages : pagesMax
  }

  /** Pages of the next `bytes` alone. @kernel include/linux/uio.h: iov_iter_npages_cap, without the cap */
  npagesOf(bytes: number): number {
    const { countBytes } = this
    this.truncate(bytes)
    const pages = this.npages(0x7fffffff)
    this.reexpand(countBytes)
    return pages
  }

  /**
   * True when every address left is a multiple of the DMA alignment and every length one of the block size, both given
   * as masks. A zero-length segment has its address tested. @kernel lib/iov_iter.c: iov_iter_is_aligned (6.1, 6.12; gone in mainline)
   */
  isAligned(addressMask: number, lengthMask: number): boolean {
    const { addressBytes, offsetBytes, lengthBytes } = this.table
    if (this.type === ITER_DISCARD) return true
    let left = this.countBytes
    let skip = this.iovOffsetBytes
    if (this.type === ITER_UBUF) {
      return (left & lengthMask) === 0 && ((addressBytes[this.segment] + skip) & addressMask) === 0
    }
    const isBvec = this.isByFrame()
    for (let s = this.segment; left > 0 && s < this.segment + this.segmentsLeft; s++) {
      const rest = lengthBytes[s] - skip
      const length = rest < left ? rest : left
      const start = ((isBvec ? offsetBytes[s] : addressBytes[s]) + skip) & PAGE_OFFSET_MASK
      if ((length & lengthMask) !== 0 || (start & addressMask) !== 0) return false
      left -= length
      skip = 0
    }
    return true
  }

  /** Steps over empty segments, as extraction does. @kernel lib/iov_iter.c: iov_iter_extract_kvec_pages */
  skipEmpty(): void {
    if (this.type === ITER_UBUF || this.type === ITER_DISCARD) return
    const { lengthBytes } = this.table
    while (this.segmentsLeft > 1 && this.iovOffsetBytes >= lengthBytes[this.segment]) {
      this.segment++
      this.segmentsLeft--
      this.iovOffsetBytes = 0
    }
  }

  /** The segments name page frames, not addresses. */
  isByFrame(): boolean {
    return this.type === ITER_BVEC && !this.fixed
  }

  /** Offset in its page of the next byte. */
  currentStartBytes(): number {
    const column = this.isByFrame() ? this.table.offsetBytes : this.table.addressBytes
    return (column[this.segment] + this.iovOffsetBytes) & PAGE_OFFSET_MASK
  }

  /** Bytes left in the current segment, at most the count. @kernel lib/iov_iter.c: iov_iter_single_seg_count */
  currentLengthBytes(): number {
    if (this.type === ITER_UBUF || this.type === ITER_DISCARD) return this.countBytes
    const rest = this.table.lengthBytes[this.segment] - this.iovOffsetBytes
    return rest < this.countBytes ? rest : this.countBytes
  }
}
