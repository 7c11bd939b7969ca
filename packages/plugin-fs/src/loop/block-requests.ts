import type { BioList } from './bio-list.ts'

/** @kernel include/linux/blk_types.h: SECTOR_SIZE */
export const SECTOR_BYTES = 512

/** Segments of a request, bytes of a segment: the defaults, which loop leaves. @kernel include/linux/blkdev.h: BLK_MAX_SEGMENTS, BLK_MAX_SEGMENT_SIZE */
export const BLK_MAX_SEGMENTS = 128
export const BLK_MAX_SEGMENT_SIZE = 65536

/** Bytes of a request: 2560 sectors in all four versions. @kernel drivers/block/loop.c: loop_add (max_hw_sectors; 6.1: BLK_DEF_MAX_SECTORS) */
export const LOOP_MAX_BYTES = 2560 * SECTOR_BYTES

/**
 * Goes through the requests that bios become: each bio is split where it has more than a request may, and what follows
 * one in the same plug joins its request as long as that has room.
 *
 * Segments are counted as the block layer does when it splits: those of a bvec by its length, whatever it touches.
 *
 * @kernel block/blk-merge.c: bio_split_rw (6.1), bio_split_rw_at (6.12), bio_split_io_at; bvec_split_segs;
 *   blk_attempt_plug_merge, ll_new_hw_segment. 6.18: taken as 7.3.
 */
export class BlockRequests {
  /** The current request: its first bvec, where in it it begins, bytes, bvecs, and the bios that it is of. */
  firstVec = 0
  skipBytes = 0
  bytes = 0
  vecs = 0
  bios = 0
  /** Bios after all splits, of the operation. */
  biosTotal = 0

  private readonly list: BioList
  private segments = 0
  /** Where the next part begins: bio, bvec, bytes into it. */
  private bio = 0
  private vec = 0
  private skip = 0
  /** The next part: bytes, segments, bvecs, and where it ends. */
  private partBytes = 0
  private partSegments = 0
  private partVecs = 0
  private endVec = 0
  private endSkip = 0

  constructor(list: BioList) {
    this.list = list
  }

  /** Before the first request of an operation. */
  begin(): void {
    this.bio = 0
    this.vec = 0
    this.skip = 0
    this.biosTotal = 0
    this.partBytes = 0
  }

  /** Moves to the next request; false when there is none. */
  next(): boolean {
    this.bytes = 0
    this.segments = 0
    this.vecs = 0
    this.bios = 0
    while (this.split() && this.hasRoom()) this.join()
    return this.bytes > 0
  }

  /** The next part of the current bio, as large as a request may be; false at the end. */
  private split(): boolean {
    const { list } = this
    if (this.partBytes > 0) return true
    if (this.vec === list.vecs) return false
    const bioEnd = this.bio + 1 < list.bios ? list.bioFirstVec[this.bio + 1] : list.vecs
    this.partSegments = 0
    this.partVecs = 0
    this.endVec = this.vec
    this.endSkip = this.skip
    while (this.endVec < bioEnd && this.takeVec(list.vecBytes[this.endVec] - this.endSkip)) {
      this.endVec++
      this.endSkip = 0
    }
    if (this.endVec === bioEnd) this.bio++
    return true
  }

  /** Takes what fits of a bvec's `left` bytes; true for all of it. @kernel block/blk-merge.c: bvec_split_segs */
  private takeVec(left: number): boolean {
    const room = Math.min(left, LOOP_MAX_BYTES - this.partBytes)
    const bytes = Math.min(room, (BLK_MAX_SEGMENTS - this.partSegments) * BLK_MAX_SEGMENT_SIZE)
    if (bytes === 0) return left === 0
    this.partSegments += Math.ceil(bytes / BLK_MAX_SEGMENT_SIZE)
    this.partVecs++
    this.partBytes += bytes
    if (bytes === left) return true
    this.endSkip += bytes
    return false
  }

  private hasRoom(): boolean {
    if (this.bytes === 0) return true
    return this.bytes + this.partBytes <= LOOP_MAX_BYTES && this.segments + this.partSegments <= BLK_MAX_SEGMENTS
  }

  private join(): void {
    if (this.bytes === 0) {
      this.firstVec = this.vec
      this.skipBytes = this.skip
    }
    this.bytes += this.partBytes
    this.segments += this.partSegments
    this.vecs += this.partVecs
    this.bios++
    this.biosTotal++
    this.vec = this.endVec
    this.skip = this.endSkip
    this.partBytes = 0
  }
}
