import { type Operation, PAGE_SIZE } from '@pinscope/core'
import { FILLED_LEAKS, LEAKED_BLOCKS, STALE_BYTES } from './write-counters.ts'
import { DIRTY, MAPPED, type WrittenFile } from './written-file.ts'

/**
 * Blocks that a write took and left with nothing in them: leaked until a later write fills them. A reader inside the file
 * gets of an allocated one what the disk had; of a reserved one zeros.
 */
export class LeftBlocks {
  private readonly counts: Float64Array

  constructor(counts: Float64Array) {
    this.counts = counts
  }

  /** A block stays, with nothing written to it. */
  leave(file: WrittenFile, index: number): void {
    file.left.add(index)
    this.counts[LEAKED_BLOCKS]++
    if (file.space(index) !== MAPPED) return
    this.counts[STALE_BYTES] += Math.max(0, Math.min(PAGE_SIZE, file.sizeBytes - index * PAGE_SIZE))
  }

  /**
   * Bytes are about to be written. Of an allocated block that is written in part the rest stays what the disk had: it was
   * read before the write.
   * @kernel fs/buffer.c: __block_write_begin_int (reads a block that is written in part)
   */
  fill(file: WrittenFile, positionBytes: number, bytes: number): void {
    if (file.left.size === 0) return
    const end = positionBytes + bytes
    for (let index = Math.floor(positionBytes / PAGE_SIZE); index * PAGE_SIZE < end; index++) {
      if (!file.left.has(index)) continue
      const isMapped = file.space(index) === MAPPED
      if (!isMapped || !file.has(index, DIRTY)) {
        this.counts[LEAKED_BLOCKS]--
        this.counts[FILLED_LEAKS]++
      }
      const isWhole = positionBytes <= index * PAGE_SIZE && end >= (index + 1) * PAGE_SIZE
      if (isWhole || !isMapped) file.left.delete(index)
    }
  }

  /**
   * The file ends at `sizeBytes` now, and is written from `writtenBytes` on: what it had left between its old end and
   * there can be read. @kernel include/linux/fs.h: i_size_write
   */
  grow(io: Operation, file: WrittenFile, sizeBytes: number, writtenBytes: number): void {
    const old = file.sizeBytes
    if (sizeBytes <= old) return
    file.sizeBytes = sizeBytes
    io.audit?.space.extend(file.id, sizeBytes)
    if (writtenBytes <= old) return
    for (const index of file.left) {
      if (file.space(index) !== MAPPED) continue
      const from = Math.max(old, index * PAGE_SIZE)
      const bytes = Math.min(writtenBytes, (index + 1) * PAGE_SIZE) - from
      if (bytes <= 0) continue
      this.counts[STALE_BYTES] += bytes
      // Of a block without any data the rules know by themselves.
      if (file.has(index, DIRTY)) io.audit?.space.expose(file.id, from, bytes)
    }
  }
}
