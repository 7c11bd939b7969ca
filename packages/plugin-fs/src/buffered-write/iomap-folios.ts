import { type Operation, PAGE_SIZE } from '@pinscope/core'
import type { WriteSteps } from './copy-loop.ts'
import type { FolioCache } from './folio-cache.ts'
import { MAX_PAGECACHE_ORDER, READ_BLOCKS } from './write-counters.ts'
import { DIRTY, MAPPED, UPTODATE, type WrittenFile, ZEROED } from './written-file.ts'

/** What differs between versions. */
export interface IomapWay {
  /** Folios are as large as the piece asks for; else pages. */
  readonly hasLargeFolios: boolean
  /** A folio that is written as a whole needs no look at its blocks: since 6.6. */
  readonly sparesWholeFolio: boolean
  /**
   * What write_begin zeroes around a write is uptodate at once, with the blocks in between that are yet to be copied; in 7.3
   * only once they are copied (read: 6.1, 6.12, 7.0). A short copy is taken then, and what was not copied is old memory.
   */
  readonly trustsZeroed: boolean
}

/**
 * Folios of iomap, with the state of each block of 4096 bytes.
 * @kernel fs/iomap/buffered-io.c: iomap_write_begin, __iomap_write_begin, __iomap_write_end
 */
export class IomapFolios implements WriteSteps {
  /** End of the bytes that were copied and taken last; 0: none were. */
  private copiedEnd = 0
  /** Where the last write_begin ended that said of blocks that they are uptodate before they were copied; 0: none has. */
  private trustedEnd = 0
  /** The first such block of the write. */
  private trustedFirst = 0
  private readonly cache: FolioCache
  private readonly counts: Float64Array
  private readonly way: IomapWay

  constructor(cache: FolioCache, counts: Float64Array, way: IomapWay) {
    this.cache = cache
    this.counts = counts
    this.way = way
  }

  begin(io: Operation, file: WrittenFile, bytes: number): number {
    const { cache, way } = this
    const order = way.hasLargeFolios ? orderOf(bytes) : 0
    const head = cache.lock(io, file, file.index, order)
    if (head < 0) return head
    const from = file.positionBytes
    const to = Math.min(from + bytes, (cache.first + cache.length) * PAGE_SIZE)
    const isWhole = from <= cache.first * PAGE_SIZE && to === (cache.first + cache.length) * PAGE_SIZE
    if (!(isWhole && way.sparesWholeFolio) && !cache.isUptodate(file)) this.prepareBlocks(file, from, to)
    return head
  }

  end(_io: Operation, file: WrittenFile, bytes: number, copied: number): number {
    const from = file.positionBytes
    const first = file.index
    const end = Math.ceil((from + bytes) / PAGE_SIZE)
    if (copied < bytes && !this.cache.isUptodate(file)) return 0
    if (copied > 0) this.copiedEnd = from + copied
    const dirtyEnd = Math.ceil((from + copied) / PAGE_SIZE)
    for (let index = first; index < end; index++) file.change(index, UPTODATE | (index < dirtyEnd ? DIRTY : 0))
    return copied
  }

  /** The write is over: what is stale stays so. Bytes of it inside the file that are neither written nor zeroed. */
  finish(io: Operation, file: WrittenFile): number {
    const { trustedEnd } = this
    const bytes = this.copiedEnd === 0 ? 0 : this.expose(io, file, this.copiedEnd)
    for (let index = this.trustedFirst; index * PAGE_SIZE < trustedEnd; index++) file.change(index, 0, ZEROED)
    this.copiedEnd = 0
    this.trustedEnd = 0
    return bytes
  }

  failed(io: Operation, file: WrittenFile, bytes: number): void {
    this.cache.writeFailed(io, file, bytes)
  }

  /** Reads or zeroes the blocks of [from, to) that are written in part, run by run of those that are not uptodate. */
  private prepareBlocks(file: WrittenFile, from: number, to: number): void {
    const end = Math.ceil(to / PAGE_SIZE)
    let at = Math.floor(from / PAGE_SIZE)
    while (at < end) {
      let first = at
      while (first < end && file.has(first, UPTODATE)) first++
      if (first === end) return
      let last = first
      while (last + 1 < end && !file.has(last + 1, UPTODATE)) last++
      last = this.cutAtEnd(file, at, first, last, end)
      this.prepareRun(file, first, last + 1, from, to)
      at = last + 1
    }
  }

  /**
   * What lies behind the end of the file is zeroed by itself, not read with what lies before it.
   * @kernel fs/iomap/buffered-io.c: iomap_adjust_read_range
   */
  private cutAtEnd({ sizeBytes }: WrittenFile, at: number, first: number, last: number, end: number): number {
    if (at * PAGE_SIZE > sizeBytes || end * PAGE_SIZE <= sizeBytes) return last
    // The block of the last byte, as an offset in the folio: of a file that ends where the folio begins it is its last block.
    const endBlock = Math.floor((sizeBytes - 1) / PAGE_SIZE)
    return endBlock >= this.cache.first && first <= endBlock && last > endBlock ? endBlock : last
  }

  private prepareRun(file: WrittenFile, first: number, end: number, from: number, to: number): void {
    if (from <= first * PAGE_SIZE && to >= end * PAGE_SIZE) return
    const isRead = file.space(first) === MAPPED && first * PAGE_SIZE < file.sizeBytes
    if (isRead) this.counts[READ_BLOCKS] += end - first
    else if (!this.way.trustsZeroed) return
    for (let index = first; index < end; index++) file.change(index, isRead ? UPTODATE : UPTODATE | ZEROED)
    if (isRead) return
    if (this.trustedEnd === 0) this.trustedFirst = first
    this.trustedEnd = to
  }

  /** Bytes from `from` on inside the file, in blocks that were said to be uptodate and were not copied: old memory. */
  private expose(io: Operation, file: WrittenFile, from: number): number {
    const to = Math.min(this.trustedEnd, file.sizeBytes)
    let stale = 0
    if (from >= to) return 0
    for (let index = Math.floor(from / PAGE_SIZE); index * PAGE_SIZE < to; index++) {
      if (!file.has(index, ZEROED)) continue
      const start = Math.max(index * PAGE_SIZE, from)
      const bytes = Math.min((index + 1) * PAGE_SIZE, to) - start
      stale += bytes
      io.audit?.space.expose(file.id, start, bytes)
    }
    return stale
  }
}

/** Of the largest folio that `bytes` bytes fill, at most that of the page cache. @kernel include/linux/pagemap.h: filemap_get_order */
function orderOf(bytes: number): number {
  let order = 0
  while (order < MAX_PAGECACHE_ORDER && bytes >= PAGE_SIZE * 2 ** (order + 1)) order++
  return order
}
