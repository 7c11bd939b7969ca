import { ENOSPC, type Operation, PAGE_SIZE } from '@pinscope/core'
import type { BlockSpace } from './block-space.ts'
import type { WriteSteps } from './copy-loop.ts'
import type { FolioCache } from './folio-cache.ts'
import { LeftBlocks } from './left-blocks.ts'
import { CONVERTED_BLOCKS, FS_CALLS, FS_LOCK_TRIPS, MAPPINGS, READ_BLOCKS } from './write-counters.ts'
import { DIRTY, HOLE, MAPPED, READ, RESERVED, UNWRITTEN, UPTODATE, type WrittenFile } from './written-file.ts'

/** Where the blocks of a page come from. */
export interface BlockSource {
  /** The page has no buffers yet: they are mapped, and a hole gets space. False: there is none. */
  map(io: Operation, file: WrittenFile, index: number): boolean
}

/**
 * The file system is asked for each page, and a hole is reserved.
 * @kernel fs/ext4/inode.c: ext4_da_get_block_prep
 */
export class MappedByPage implements BlockSource {
  private readonly space: BlockSpace
  private readonly counts: Float64Array

  constructor(space: BlockSpace, counts: Float64Array) {
    this.space = space
    this.counts = counts
  }

  map(io: Operation, file: WrittenFile, index: number): boolean {
    const { counts } = this
    counts[FS_CALLS]++
    counts[FS_LOCK_TRIPS]++
    if (file.space(index) === HOLE && !this.space.reserve(io, file, index, 1)) return false
    counts[MAPPINGS]++
    return true
  }
}

/** The range was mapped and reserved before: the file system is not asked again. */
export const MAPPED_BEFORE: BlockSource = { map: () => true }

/**
 * Pages with a buffer each, the block of the page: what a file system without iomap prepares and finishes.
 *
 * A short copy into a page that is not uptodate is not taken. If its block is new it is zeroed then and made dirty, so that
 * it holds no old memory whatever follows.
 * @kernel fs/buffer.c: __block_write_begin_int, block_write_end, folio_zero_new_buffers (6.1: page_zero_new_buffers);
 *   fs/ext4/inode.c: ext4_da_write_begin, ext4_da_write_end
 */
export class BufferPages implements WriteSteps {
  private readonly cache: FolioCache
  private readonly source: BlockSource
  private readonly counts: Float64Array
  private readonly leftBlocks: LeftBlocks

  constructor(cache: FolioCache, source: BlockSource, counts: Float64Array) {
    this.cache = cache
    this.source = source
    this.counts = counts
    this.leftBlocks = new LeftBlocks(counts)
  }

  begin(io: Operation, file: WrittenFile, bytes: number): number {
    const { index } = file
    const { cache } = this
    const head = cache.lock(io, file, index, 0)
    if (head < 0) return head
    const isMapped = !cache.isMade && file.space(index) !== HOLE
    if (!isMapped && !this.source.map(io, file, index)) {
      cache.unlock(io, head)
      cache.writeFailed(io, file, bytes)
      return ENOSPC
    }
    this.readPart(file, index, bytes)
    return head
  }

  end(io: Operation, file: WrittenFile, bytes: number, copied: number): number {
    const { index } = file
    if (copied < bytes && !file.has(index, UPTODATE)) {
      if (isNew(file, index)) this.zeroNew(io, file, index)
      return 0
    }
    file.change(index, UPTODATE | DIRTY)
    return copied
  }

  /** What `begin` made beyond the end of the file it has taken out itself; what `end` zeroed stays. */
  failed(): void {}

  private readPart(file: WrittenFile, index: number, bytes: number): void {
    const isWhole = file.positionBytes % PAGE_SIZE === 0 && bytes >= PAGE_SIZE
    if (isWhole || file.has(index, UPTODATE | READ) || file.space(index) !== MAPPED) return
    file.change(index, READ)
    this.counts[READ_BLOCKS]++
  }

  private zeroNew(io: Operation, file: WrittenFile, index: number): void {
    this.counts[CONVERTED_BLOCKS] += file.convert(index * PAGE_SIZE, PAGE_SIZE)
    this.leftBlocks.fill(file, index * PAGE_SIZE, PAGE_SIZE)
    file.change(index, UPTODATE | DIRTY)
    io.audit?.space.zero(file.id, index * PAGE_SIZE, PAGE_SIZE)
  }
}

/** Reserved or preallocated, and nothing in it. @kernel buffer_new; fs/ext4/inode.c: ext4_da_get_block_prep (unwritten: new) */
function isNew(file: WrittenFile, index: number): boolean {
  const space = file.space(index)
  return (space === RESERVED || space === UNWRITTEN) && !file.has(index, UPTODATE)
}
