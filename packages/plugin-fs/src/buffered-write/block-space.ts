import { type Operation, PAGE_SIZE } from '@pinscope/core'
import { ALLOCATED_BLOCKS, NO_SPACE, PUNCHED_BLOCKS, RESERVED_BLOCKS } from './write-counters.ts'
import { DIRTY, HOLE, MAPPED, RESERVED, type WrittenFile } from './written-file.ts'

/**
 * The free blocks of a file system, and who has them. What metadata needs besides is not counted.
 * @kernel fs/xfs/xfs_mount.c: xfs_dec_fdblocks (6.1: xfs_mod_fdblocks); fs/ext4/balloc.c: ext4_claim_free_clusters
 */
export class BlockSpace {
  private free: number
  private readonly counts: Float64Array

  constructor(freeBlocks: number, counts: Float64Array) {
    this.free = freeBlocks
    this.counts = counts
  }

  /**
   * Reserves the holes among `blocks` blocks from `first` on: all of them, or none and false.
   * @kernel fs/xfs/libxfs/xfs_bmap.c: xfs_bmapi_reserve_delalloc; fs/ext4/inode.c: ext4_da_reserve_space
   */
  reserve(io: Operation, file: WrittenFile, first: number, blocks: number): boolean {
    const taken = this.take(file, first, blocks, RESERVED)
    if (taken < 0) return false
    this.counts[RESERVED_BLOCKS] += taken
    io.audit?.space.reserve(file.id, first * PAGE_SIZE, blocks * PAGE_SIZE)
    return true
  }

  /**
   * Allocates holes at once, as a write without delayed allocation does. The rules hear of blocks that are there as well: the
   * file system is asked for them under the lock of their page all the same.
   * @kernel fs/buffer.c: __block_write_begin (get_block with create)
   */
  allocate(io: Operation, file: WrittenFile, first: number, blocks: number): boolean {
    const taken = this.take(file, first, blocks, MAPPED)
    if (taken < 0) return false
    this.counts[ALLOCATED_BLOCKS] += taken
    io.audit?.space.allocate(file.id, first * PAGE_SIZE, blocks * PAGE_SIZE)
    return true
  }

  /** Makes reservations blocks. It cannot fail: the space is there. */
  allocateReserved(io: Operation, file: WrittenFile, first: number, blocks: number): void {
    for (let index = first; index < first + blocks; index++) {
      if (file.space(index) !== RESERVED) continue
      file.setSpace(index, MAPPED)
      this.counts[ALLOCATED_BLOCKS]++
    }
    io.audit?.space.allocate(file.id, first * PAGE_SIZE, blocks * PAGE_SIZE)
  }

  /** Gives back reservations. @kernel fs/ext4/inode.c: ext4_da_release_space */
  unreserve(io: Operation, file: WrittenFile, first: number, blocks: number): void {
    for (let index = first; index < first + blocks; index++) this.giveBack(file, index)
    io.audit?.space.unreserve(file.id, first * PAGE_SIZE, blocks * PAGE_SIZE)
  }

  /**
   * Gives back the reservations of a range, but for those under dirty data.
   * @kernel fs/iomap/buffered-io.c: iomap_write_delalloc_release; fs/xfs/xfs_iomap.c: xfs_buffered_write_delalloc_punch
   */
  punch(io: Operation, file: WrittenFile, first: number, end: number): void {
    let from = first
    for (let index = first; index <= end; index++) {
      if (index < end && !file.has(index, DIRTY)) {
        this.giveBack(file, index)
        continue
      }
      if (index > from) io.audit?.space.punch(file.id, from * PAGE_SIZE, (index - from) * PAGE_SIZE)
      from = index + 1
    }
  }

  /** Blocks that were taken for the holes of a range; -1 when there are not enough. */
  private take(file: WrittenFile, first: number, blocks: number, space: number): number {
    let holes = 0
    for (let index = first; index < first + blocks; index++) if (file.space(index) === HOLE) holes++
    if (holes > this.free) {
      this.counts[NO_SPACE]++
      return -1
    }
    this.free -= holes
    for (let index = first; index < first + blocks; index++) if (file.space(index) === HOLE) file.setSpace(index, space)
    return holes
  }

  private giveBack(file: WrittenFile, index: number): void {
    if (file.space(index) !== RESERVED) return
    file.setSpace(index, HOLE)
    this.counts[PUNCHED_BLOCKS]++
    this.free++
  }
}
