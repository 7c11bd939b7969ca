import { type ConsumerEnvironment, type Operation, PAGE_SIZE } from '@pinscope/core'
import { BufferedWrite } from './buffered-write.ts'
import { FolioCache } from './folio-cache.ts'
import { SourceCopy } from './source-copy.ts'
import {
  CONVERTED_BLOCKS,
  FAILED_BEGINS,
  FS_CALLS,
  FS_LOCK_TRIPS,
  MAPPINGS,
  PAIRS,
  READ_BLOCKS,
  WASTED_BYTES,
  WRITTEN_BYTES,
} from './write-counters.ts'
import { DIRTY, HOLE, MAPPED, READ, UNWRITTEN, UPTODATE, type WrittenFile } from './written-file.ts'

/** Pages that are prepared, and locked, at once. */
export const BATCH_PAGES_MAX = 32
/** How long recvmsg waits for the network. */
export const RECEIVE_TIMEOUT_NS = 8e9

/**
 * recvfile as it was posted in 2013, and not merged: up to 32 pages of the file are locked and get their blocks, then a
 * socket receives into them. The row's memory stands for what arrives; a recorded result that is shorter, or memory that
 * cannot be read, for a socket that has no more.
 *
 * What was prepared and not received is let go without a word to the file system: its blocks stay allocated.
 */
export class Recvfile extends BufferedWrite {
  private readonly cache: FolioCache
  private readonly source = new SourceCopy()
  /** Pages of the batch: row, whether its block was a hole. */
  private readonly head = new Int32Array(BATCH_PAGES_MAX)
  private readonly wasHole = new Uint8Array(BATCH_PAGES_MAX)
  private prepared = 0
  /** Bytes that arrive for the operation. */
  private arriving = Number.POSITIVE_INFINITY

  constructor(environment: ConsumerEnvironment) {
    super(environment)
    this.cache = new FolioCache(environment, this.counts, true)
  }

  protected override expect(_io: Operation, bytes: number): void {
    this.arriving = bytes
  }

  protected write(io: Operation, file: WrittenFile): number {
    let left = io.iter.countBytes
    let written = 0
    io.audit?.tasks.files.lock(file.id, file.positionBytes, left)
    while (left > 0) {
      const wanted = Math.min(left, BATCH_PAGES_MAX * PAGE_SIZE - (file.positionBytes % PAGE_SIZE))
      if (!this.prepare(io, file, wanted)) break
      this.wait(io)
      const received = this.receive(io, file, wanted)
      written += received
      left -= received
      if (received < wanted) break
    }
    this.arriving = Number.POSITIVE_INFINITY
    io.audit?.tasks.files.unlock(file.id)
    return written
  }

  /** Locks the pages of the next bytes, and allocates their blocks; false, with all pages let go, where one cannot be had. */
  private prepare(io: Operation, file: WrittenFile, bytes: number): boolean {
    const { counts } = this
    const { index } = file
    const end = Math.ceil((file.positionBytes + bytes) / PAGE_SIZE)
    counts[FS_LOCK_TRIPS]++
    this.prepared = 0
    while (index + this.prepared < end) {
      if (this.preparePage(io, file, index + this.prepared, bytes)) continue
      counts[FAILED_BEGINS]++
      for (let i = 0; i < this.prepared; i++) this.leave(io, file, index + i, i)
      return false
    }
    return true
  }

  private preparePage(io: Operation, file: WrittenFile, index: number, bytes: number): boolean {
    const { cache, counts, prepared } = this
    const head = cache.lock(io, file, index, 0)
    if (head < 0) return false
    this.head[prepared] = head
    this.wasHole[prepared] = file.space(index) === HOLE ? 1 : 0
    counts[FS_CALLS]++
    if (!this.space.allocate(io, file, index, 1)) {
      cache.unlock(io, head)
      if (!file.has(index, UPTODATE)) cache.drop(io, file, index)
      return false
    }
    counts[MAPPINGS]++
    this.prepared++
    this.readPart(file, index, bytes)
    return true
  }

  private readPart(file: WrittenFile, index: number, bytes: number): void {
    const start = index * PAGE_SIZE
    const isWhole = file.positionBytes <= start && file.positionBytes + bytes >= start + PAGE_SIZE
    if (isWhole || this.wasHole[this.prepared - 1] === 1 || file.has(index, UPTODATE | READ)) return
    if (file.space(index) !== MAPPED) return
    file.change(index, READ)
    this.counts[READ_BLOCKS]++
  }

  /** The network is waited for, and memory allocated as for any recvmsg. */
  private wait(io: Operation): void {
    io.audit?.tasks.allocate(true)
    io.audit?.tasks.wait('network', RECEIVE_TIMEOUT_NS)
  }

  /** Bytes that arrived and were taken. */
  private receive(io: Operation, file: WrittenFile, wanted: number): number {
    const { index: first } = file
    let written = 0
    let isOver = false
    for (let i = 0; i < this.prepared; i++) {
      const offset = file.positionBytes % PAGE_SIZE
      const bytes = Math.min(PAGE_SIZE - offset, wanted - written)
      const copied: number = isOver ? 0 : this.copyPage(io, i, offset, bytes)
      isOver = copied < bytes
      this.counts[PAIRS]++
      if (copied > 0) written += this.endPage(io, file, first + i, i, bytes, copied)
      else this.leave(io, file, first + i, i)
    }
    return written
  }

  private copyPage(io: Operation, i: number, offset: number, bytes: number): number {
    const copied = this.source.copyFaulting(io, this.head[i], offset, Math.min(bytes, this.arriving))
    this.arriving -= copied
    return copied
  }

  /** Bytes taken of what was copied: none where a page that is not uptodate was not filled. @kernel fs/buffer.c: block_write_end */
  private endPage(io: Operation, file: WrittenFile, index: number, i: number, bytes: number, copied: number): number {
    const { counts } = this
    const isTaken = copied === bytes || file.has(index, UPTODATE)
    if (isTaken) {
      this.take(io, file, index, i, copied)
    } else {
      counts[WASTED_BYTES] += copied
      if (this.wasHole[i] === 1 || file.space(index) === UNWRITTEN) {
        counts[CONVERTED_BLOCKS] += file.convert(index * PAGE_SIZE, PAGE_SIZE)
        file.change(index, UPTODATE | DIRTY)
        io.audit?.space.zero(file.id, index * PAGE_SIZE, PAGE_SIZE)
      }
    }
    this.cache.unlock(io, this.head[i])
    return isTaken ? copied : 0
  }

  private take(io: Operation, file: WrittenFile, index: number, i: number, bytes: number): void {
    const from = file.positionBytes
    this.counts[CONVERTED_BLOCKS] += file.convert(from, bytes)
    this.leftBlocks.fill(file, from, bytes)
    file.change(index, UPTODATE | DIRTY)
    this.counts[WRITTEN_BYTES] += bytes
    if (io.audit !== null) {
      io.audit.space.copyIn(file.id, from, bytes)
      io.audit.folios.copyIn(this.head[i])
    }
    file.positionBytes += bytes
    this.leftBlocks.grow(io, file, file.positionBytes, from)
  }

  /** A page that nothing was received into. The file system is not told: its block stays. */
  private leave(io: Operation, file: WrittenFile, index: number, i: number): void {
    this.cache.unlock(io, this.head[i])
    if (file.has(index, UPTODATE)) return
    this.cache.drop(io, file, index)
    if (this.wasHole[i] === 1) this.leftBlocks.leave(file, index)
  }
}
