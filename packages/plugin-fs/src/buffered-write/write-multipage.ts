import { type ConsumerEnvironment, ENOSPC, type Operation, PAGE_SIZE } from '@pinscope/core'
import { BufferPages, MAPPED_BEFORE } from './buffer-pages.ts'
import { BufferedWrite } from './buffered-write.ts'
import { CopyLoop } from './copy-loop.ts'
import { FolioCache } from './folio-cache.ts'
import { FS_CALLS, FS_LOCK_TRIPS, LEFT_FS_LOCKS, MAPPINGS } from './write-counters.ts'
import { HOLE, RESERVED, type WrittenFile } from './written-file.ts'

/** Pages of a segment, at most: 4 MiB. */
export const SEGMENT_PAGES_MAX = 1024

/**
 * The multi-page write of 2010, which was posted and never merged: the file system maps a segment and reserves its space,
 * the pages are copied one by one, then what was copied is allocated and the rest of the reservation given back.
 *
 * With the option `prototype` it is as it was posted: a segment that was copied in part keeps its reservation, one that
 * needs no space leaves the lock that mapping it took, and one of which nothing was copied (its map was stale: -ERANGE, taken
 * as 0; a fault of copying stands for it) ends the write, where it should be mapped anew.
 */
export class WriteMultipage extends BufferedWrite {
  private readonly loop: CopyLoop
  private readonly pages: BufferPages
  private readonly isPrototype: boolean

  constructor(environment: ConsumerEnvironment) {
    super(environment)
    const { counts } = this
    const cache = new FolioCache(environment, counts, false)
    this.pages = new BufferPages(cache, MAPPED_BEFORE, counts)
    this.loop = new CopyLoop(cache, counts, { chunkBytes: PAGE_SIZE, faultsInFirst: true, endsAtNothing: true })
    this.isPrototype = environment.options.prototype === 1
  }

  protected write(io: Operation, file: WrittenFile): number {
    let written = 0
    while (io.iter.countBytes > 0) {
      const done = this.segment(io, file)
      if (done < 0 || (done === 0 && this.isPrototype)) return written > 0 ? written : done
      written += done
    }
    return written
  }

  /** A range of one kind: map, reserve, copy, allocate, unreserve. Bytes or -errno; 0: it has to be mapped once more. */
  private segment(io: Operation, file: WrittenFile): number {
    const { counts, space, loop } = this
    const start = file.positionBytes
    const first = file.index
    const bytesMax = Math.min(io.iter.countBytes, SEGMENT_PAGES_MAX * PAGE_SIZE)
    const end = this.mappingEnd(file, first, Math.ceil((start + bytesMax) / PAGE_SIZE))
    const bytes = Math.min(bytesMax, end * PAGE_SIZE - start)
    const isHole = file.space(first) === HOLE
    counts[FS_CALLS]++
    counts[FS_LOCK_TRIPS]++
    io.audit?.tasks.files.lock(file.id, start, bytes)
    if (isHole) {
      counts[FS_CALLS]++
      if (!space.reserve(io, file, first, end - first)) {
        io.audit?.tasks.files.unlock(file.id)
        return ENOSPC
      }
    }
    counts[MAPPINGS]++
    const written = loop.write(io, file, this.pages, bytes)
    if (isHole) this.settle(io, file, first, written === 0 ? first : Math.ceil((start + written) / PAGE_SIZE), end)
    if (isHole || !this.isPrototype) io.audit?.tasks.files.unlock(file.id)
    else counts[LEFT_FS_LOCKS]++
    return written > 0 ? written : loop.status
  }

  /** [first, writtenEnd) of what was reserved is written, up to `end` nothing is. */
  private settle(io: Operation, file: WrittenFile, first: number, writtenEnd: number, end: number): void {
    const { counts, space } = this
    if (writtenEnd > first) {
      counts[FS_CALLS]++
      space.allocateReserved(io, file, first, writtenEnd - first)
    }
    if (writtenEnd === end) return
    if (this.isPrototype && writtenEnd > first) {
      for (let index = writtenEnd; index < end; index++) {
        if (file.space(index) === RESERVED) this.leftBlocks.leave(file, index)
      }
      return
    }
    counts[FS_CALLS]++
    space.unreserve(io, file, writtenEnd, end - writtenEnd)
  }
}
