import { EINVAL, PAGE_SIZE } from '@pinscope/core'
import type { Pieces } from '../payload/pieces.ts'
import type { BlockTraits, QueueLimits } from './queue-limits.ts'

/**
 * Says how much of a bio one request takes: as many bytes and segments as the driver allows, and no further than to the
 * first place between two bvecs that is not on the driver's virt boundary.
 *
 * Where the cut is not between logical blocks it moves back to one. Nothing left is -EINVAL; before 6.18 that cannot come
 * of memory, whose vectors are whole blocks then.
 *
 * @kernel block/blk-merge.c: bio_split_rw (6.1), bio_split_rw_at (6.12), bio_split_io_at; bvec_split_segs,
 *   bvec_gap_to_prev, get_max_io_size. 6.18: taken as 7.3.
 */
export class BioSplitter {
  /** Segments of the last answer; not fewer where the cut moved back. @kernel nr_phys_segments */
  segments = 0
  /** The last answer is less than the bio because of a gap. */
  isGap = false
  private bytes = 0
  private readonly limits: QueueLimits
  private readonly traits: BlockTraits

  constructor(limits: QueueLimits, traits: BlockTraits) {
    this.limits = limits
    this.traits = traits
  }

  /**
   * Bytes of the next request, or -EINVAL. The bio has `left` bytes, which begin `skip` bytes into bvec `first`.
   */
  next(vecs: Pieces, first: number, skip: number, left: number): number {
    const { limits } = this
    this.segments = 0
    this.bytes = 0
    this.isGap = false
    const isChecked = this.isChecked(vecs, first, skip, left)
    let end = 0
    let i = first
    for (let done = 0; done < left; i++) {
      const from = i === first ? skip : 0
      const offset = vecs.offsetBytes[i] + from
      const length = Math.min(vecs.lengthBytes[i] - from, left - done)
      if (isChecked && ((offset | length) & limits.dmaMask) !== 0) return EINVAL
      if (i > first && ((offset | end) & limits.virtBoundaryMask) !== 0) {
        this.isGap = true
        return this.cut()
      }
      if (!this.takes(offset, length)) return this.cut()
      end = offset + length
      done += length
    }
    return left
  }

  /** Two bios may be one request: nothing between them is off the boundary. @kernel block/blk-merge.c: bio_will_gap */
  mayFollow(vecs: Pieces, firstOffset: number, last: number, next: number, isAdjacent: boolean): boolean {
    const { virtBoundaryMask } = this.limits
    if ((firstOffset & virtBoundaryMask) !== 0) return false
    const end = vecs.offsetBytes[last] + vecs.lengthBytes[last]
    return isAdjacent || ((vecs.offsetBytes[next] | end) & virtBoundaryMask) === 0
  }

  /** @kernel block/blk.h: bio_may_need_split */
  private isChecked(vecs: Pieces, first: number, skip: number, left: number): boolean {
    if (this.traits.checksBefore) return false
    const isOne = vecs.lengthBytes[first] - skip >= left
    return !(this.traits.sparesSinglePage && isOne && vecs.offsetBytes[first] + vecs.lengthBytes[first] <= PAGE_SIZE)
  }

  /** All of a bvec fits. @kernel block/blk-merge.c: bvec_split_segs */
  private takes(offset: number, length: number): boolean {
    const { maxBytes, maxSegments, maxSegmentBytes, virtBoundaryMask } = this.limits
    const room = Math.min(length, maxBytes - this.bytes)
    let taken = 0
    while (taken < room && this.segments < maxSegments) {
      taken += Math.min(room - taken, maxSegmentBytes)
      this.segments++
      if (((offset + taken) & virtBoundaryMask) !== 0) break
    }
    this.bytes += taken
    return taken === length
  }

  /** @kernel block/blk-merge.c: bio_split_alignment */
  private cut(): number {
    const bytes = this.bytes & ~this.limits.blockMask
    return bytes === 0 ? EINVAL : bytes
  }
}
