import { EFAULT, faultInReadable, isUserBacked, type Operation, PAGE_SIZE } from '@pinscope/core'
import type { FolioCache } from './folio-cache.ts'
import { LeftBlocks } from './left-blocks.ts'
import { SourceCopy } from './source-copy.ts'
import { CONVERTED_BLOCKS, FAILED_BEGINS, PAIRS, REVERTS, WASTED_BYTES, WRITTEN_BYTES } from './write-counters.ts'
import type { WrittenFile } from './written-file.ts'

/** What is done before and after the copy into one folio. */
export interface WriteSteps {
  /** Prepares the folio of the file's position for `bytes` bytes, as far as it reaches: its first page's row, locked, or -errno. */
  begin(io: Operation, file: WrittenFile, bytes: number): number
  /** `copied` of the `bytes` bytes were copied: how many of them are taken, all or 0. */
  end(io: Operation, file: WrittenFile, bytes: number, copied: number): number
  /** `end` took nothing, or `begin` failed; the folio is not locked any more. */
  failed(io: Operation, file: WrittenFile, bytes: number): void
}

/** How a version goes about it. */
export interface CopyLoopWay {
  /** Largest piece that is tried: a page, or the largest folio of the file. */
  readonly chunkBytes: number
  /** The source is faulted in before each piece; else after one of which nothing was copied. */
  readonly faultsInFirst: boolean
  /** A piece of which nothing was copied, though the source can be had, ends it: who called maps the rest anew. */
  readonly endsAtNothing?: boolean
}

/**
 * The loop that copies a source into the page cache, folio by folio: fault in, prepare, copy with faults disabled, finish.
 * What was copied short into a folio that is not uptodate is not taken: the iterator goes back, and the same place is tried
 * again with as many bytes as could be copied.
 * @kernel mm/filemap.c: generic_perform_write; fs/iomap/buffered-io.c: iomap_write_iter
 */
export class CopyLoop {
  /** Why the last one ended; 0: all was written, or nothing more was copied and {@link CopyLoopWay.endsAtNothing}. */
  status = 0
  private readonly cache: FolioCache
  private readonly counts: Float64Array
  private readonly way: CopyLoopWay
  private readonly source = new SourceCopy()
  private readonly leftBlocks: LeftBlocks
  /** Of the last piece: bytes copied. */
  private copied = 0

  constructor(cache: FolioCache, counts: Float64Array, way: CopyLoopWay) {
    this.cache = cache
    this.counts = counts
    this.leftBlocks = new LeftBlocks(counts)
    this.way = way
  }

  /** Writes up to `lengthBytes` bytes at the file's position, which moves on: the bytes; {@link status} says why it ended. */
  write(io: Operation, file: WrittenFile, steps: WriteSteps, lengthBytes: number): number {
    const { iter } = io
    let chunk = this.way.chunkBytes
    let written = 0
    let retried = 0
    this.status = 0
    do {
      const room = chunk - (file.positionBytes % chunk)
      const bytes = Math.min(room, retried > 0 ? retried : iter.countBytes, lengthBytes - written)
      const taken = this.piece(io, file, steps, bytes)
      if (taken < 0) {
        this.status = taken
        break
      }
      written += taken
      retried = 0
      if (taken > 0) continue
      if (chunk > PAGE_SIZE) chunk /= 2
      retried = this.copied
      if (retried === 0 && this.source.isInjected && this.way.endsAtNothing) break
      if (retried === 0 && !this.mayGoOn(io, bytes)) {
        this.status = EFAULT
        break
      }
    } while (iter.countBytes > 0 && written < lengthBytes)
    return written
  }

  /** One attempt: bytes, 0 when they were not taken, or -errno. */
  private piece(io: Operation, file: WrittenFile, steps: WriteSteps, wanted: number): number {
    const { counts, cache } = this
    if (this.way.faultsInFirst && faultInReadable(io.iter, io.memory, wanted) === wanted) return EFAULT
    const head = steps.begin(io, file, wanted)
    if (head < 0) {
      counts[FAILED_BEGINS]++
      steps.failed(io, file, wanted)
      return head
    }
    counts[PAIRS]++
    const offset = file.positionBytes - cache.first * PAGE_SIZE
    const bytes = Math.min(wanted, cache.length * PAGE_SIZE - offset)
    this.copied = this.source.copyAtomic(io, head, offset, bytes)
    const taken = steps.end(io, file, bytes, this.copied)
    if (taken > 0) this.take(io, file, head, taken)
    cache.unlock(io, head)
    if (taken > 0) file.positionBytes += taken
    else this.giveBack(io, file, steps, bytes)
    return taken
  }

  /** The page is dirty, and the file may be longer. */
  private take(io: Operation, file: WrittenFile, head: number, bytes: number): void {
    const end = file.positionBytes + bytes
    this.counts[WRITTEN_BYTES] += bytes
    this.counts[CONVERTED_BLOCKS] += file.convert(file.positionBytes, bytes)
    this.leftBlocks.fill(file, file.positionBytes, bytes)
    if (io.audit !== null) {
      io.audit.space.copyIn(file.id, file.positionBytes, bytes)
      io.audit.folios.copyIn(head)
    }
    if (end <= file.sizeBytes) return
    file.sizeBytes = end
    io.audit?.space.extend(file.id, end)
  }

  private giveBack(io: Operation, file: WrittenFile, steps: WriteSteps, bytes: number): void {
    steps.failed(io, file, bytes)
    if (this.copied === 0) return
    this.counts[WASTED_BYTES] += this.copied
    this.counts[REVERTS]++
    io.iter.revert(this.copied)
  }

  /**
   * Nothing was copied. Where the source could be had it is worth another try. A kernel tries again for ever where memory of
   * its own cannot be read; here that is -EFAULT.
   */
  private mayGoOn(io: Operation, bytes: number): boolean {
    if (this.source.isInjected) return true
    if (this.way.faultsInFirst || !isUserBacked(io.iter.type)) return false
    return faultInReadable(io.iter, io.memory, bytes) !== bytes
  }
}
