import {
  EAGAIN,
  EFAULT,
  ENOMEM,
  FLAG_DIRECT,
  FLAG_NOWAIT,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
  RETAIN_NONE,
  RETAIN_REF,
} from '@pinscope/core'
import { MERGED_WRITES, OVERWRITTEN_PAGES, UNSEEN_WRITTEN_BYTES, WAITS, WRITTEN_PAGES } from './pipe-counters.ts'
import { BUF_CAN_MERGE, BUF_PACKET, OPS_ANON, OPS_PAGE_CACHE } from './pipe-rings.ts'
import type { Pipes } from './pipes.ts'

/**
 * read(2) and write(2) of a pipe, and vmsplice(2) out of one: the CPU copies. A write of which a whole number of pages and
 * a rest is to be written puts the rest first, behind the last buffer's bytes where these were written, too, and there is
 * room for all of it; every further page gets a buffer of its own.
 *
 * A page is in the ring before it is filled in 6.1 and 6.12, where a copy that fails leaves a buffer without bytes; since
 * 6.15 after it.
 *
 * @kernel fs/pipe.c: pipe_read, pipe_write (7.3: anon_pipe_read, anon_pipe_write); fs/splice.c: vmsplice_to_user
 */
export class PipeTransfer {
  private readonly pipes: Pipes
  private readonly pushesFirst: boolean

  /** `pushesFirst`: a page is in the ring before it is filled. */
  constructor(pipes: Pipes, pushesFirst: boolean) {
    this.pipes = pipes
    this.pushesFirst = pushesFirst
  }

  /** write(2): bytes, or an errno with none written. */
  write(io: Operation, pipe: number): number {
    const { pages } = this.pipes
    const total = io.iter.countBytes
    const recorded = io.recordedResult
    const wanted = recorded >= 0 && recorded < total ? recorded | 0 : total
    if (wanted === 0) return 0
    pages.prefill(io, pipe, total)
    const merged = this.merge(io, pipe, total & PAGE_OFFSET_MASK, wanted)
    const written = merged < 0 ? merged : this.writePages(io, pipe, merged, wanted)
    pages.trim(io, pipe)
    return written
  }

  /** What is more than whole pages goes into the last buffer, where it fits there: its bytes, 0 or -EFAULT. */
  private merge(io: Operation, pipe: number, bytes: number, wanted: number): number {
    const { rings, counts } = this.pipes
    if (bytes === 0 || bytes > wanted || rings.isEmpty(pipe)) return 0
    const slot = rings.newest(pipe)
    const offset = rings.offsetBytes[slot] + rings.lengthBytes[slot]
    if ((rings.flags[slot] & BUF_CAN_MERGE) === 0 || offset + bytes > PAGE_SIZE) return 0
    if (io.copyPage(rings.page[slot], offset, bytes) !== bytes) return EFAULT
    rings.lengthBytes[slot] += bytes
    counts[MERGED_WRITES]++
    if (rings.ops[slot] === OPS_PAGE_CACHE) this.tellOverwritten(io, rings.borrowed[slot])
    return bytes
  }

  /** @kernel quirk pipe-stale-flags */
  private tellOverwritten({ ledger, borrows }: Operation, borrowed: number): void {
    this.pipes.counts[OVERWRITTEN_PAGES]++
    const detail = 'a write(2) went into a page of a file that splice(2) had put into the pipe'
    ledger.violate('modified-in-use', borrows.row[borrowed], RETAIN_REF, RETAIN_NONE, 1, detail)
  }

  private writePages(io: Operation, pipe: number, merged: number, wanted: number): number {
    const { pipes } = this
    let done = merged
    const mayWait = io.recordedResult >= 0 || (io.flags & FLAG_NOWAIT) === 0
    let hasWaited = false
    while (done < wanted) {
      if (pipes.rings.isFull(pipe)) {
        if (!hasWaited) io.limitHit()
        if (!mayWait) return done > 0 ? done : EAGAIN
        if (!hasWaited) pipes.counts[WAITS]++
        hasWaited = true
        pipes.drainOne(io, pipe)
      }
      const part = wanted - done < PAGE_SIZE ? wanted - done : PAGE_SIZE
      const error = this.writePage(io, pipe, part)
      if (error < 0) return done > 0 ? done : error
      done += part
    }
    return done
  }

  /** 0, or -ENOMEM or -EFAULT. */
  private writePage(io: Operation, pipe: number, bytes: number): number {
    const { pipes } = this
    const page = pipes.pages.take(io, pipe)
    if (page < 0) return ENOMEM
    if (this.pushesFirst) {
      const slot = this.pushOwn(io, pipe, page, 0)
      if (io.copyPage(page, 0, bytes) !== bytes) return EFAULT
      pipes.rings.lengthBytes[slot] = bytes
    } else {
      if (io.copyPage(page, 0, bytes) !== bytes) {
        pipes.pages.give(io, pipe, page)
        return EFAULT
      }
      this.pushOwn(io, pipe, page, bytes)
    }
    pipes.counts[WRITTEN_PAGES]++
    return 0
  }

  private pushOwn(io: Operation, pipe: number, page: number, bytes: number): number {
    const { pipes } = this
    const slot = pipes.push(io, pipe, OPS_ANON, page, 0, bytes)
    // Packet mode: O_DIRECT of the pipe's write end.
    pipes.rings.flags[slot] = (io.flags & FLAG_DIRECT) !== 0 ? BUF_PACKET : BUF_CAN_MERGE
    return slot
  }

  /** read(2), or vmsplice(2) with `isSplice`, which knows no packets: bytes, or an errno with none read. */
  read(io: Operation, pipe: number, isSplice: boolean): number {
    this.pipes.dropEmpty(io, pipe)
    const wanted = this.readable(io, pipe)
    const read = wanted <= 0 ? wanted : this.readBuffers(io, pipe, wanted, isSplice)
    // vmsplice(2) leaves the pool of pages as it is.
    if (!isSplice) this.pipes.pages.trim(io, pipe)
    return read
  }

  /**
   * Bytes that a call gets that takes data out of the pipe: what is recorded, else what is there. An empty pipe has the
   * caller wait, and he gets all that he asked for, or -EAGAIN.
   */
  readable(io: Operation, pipe: number): number {
    const { pipes } = this
    const asked = io.iter.countBytes
    const recorded = io.recordedResult
    if (recorded >= 0) return recorded < asked ? recorded | 0 : asked
    const there = pipes.available(pipe)
    if (there > 0) return there < asked ? there : asked
    if ((io.flags & FLAG_NOWAIT) !== 0) return EAGAIN
    pipes.counts[WAITS]++
    return asked
  }

  private readBuffers(io: Operation, pipe: number, wanted: number, isSplice: boolean): number {
    const { pipes } = this
    const { rings } = pipes
    let done = this.readAhead(io, pipe, wanted)
    if (done < 0) return done
    while (done < wanted && !rings.isEmpty(pipe)) {
      const slot = rings.oldest(pipe)
      const left = wanted - done
      const chars = rings.lengthBytes[slot] < left ? rings.lengthBytes[slot] : left
      // @kernel fs/splice.c: splice_from_pipe_feed ends where its actor has nothing to do
      if (isSplice && chars === 0 && done > 0) return done
      if (!pipes.copyOut(io, slot, chars)) return done > 0 ? done : EFAULT
      done += chars
      pipes.advance(io, pipe, chars)
      const isPacket = !isSplice && (rings.flags[slot] & BUF_PACKET) !== 0
      if (isPacket || rings.lengthBytes[slot] === 0) pipes.consume(io, pipe)
      if (isPacket && Number.isNaN(io.recordedResult)) return done
    }
    // It looks for more.
    if (!isSplice && io.iter.countBytes > 0) pipes.dropEmpty(io, pipe)
    return this.readUnseen(io, pipe, done, wanted)
  }

  /** Bytes that left the ring before: their number, or -EFAULT. */
  private readAhead(io: Operation, pipe: number, wanted: number): number {
    const { ahead } = this.pipes.rings
    if (ahead[pipe] <= 0) return 0
    const bytes = ahead[pipe] < wanted ? ahead[pipe] | 0 : wanted
    if (io.copy(bytes) !== bytes) return EFAULT
    ahead[pipe] -= bytes
    return bytes
  }

  /** As {@link readAhead}, of a call that passes pages on: their bytes went before. */
  skipAhead(pipe: number, wanted: number): number {
    const { ahead } = this.pipes.rings
    if (ahead[pipe] <= 0) return 0
    const bytes = ahead[pipe] < wanted ? ahead[pipe] | 0 : wanted
    ahead[pipe] -= bytes
    return bytes
  }

  /** The rest comes from a writer whose row is not there yet. */
  private readUnseen(io: Operation, pipe: number, done: number, wanted: number): number {
    const left = wanted - done
    if (left === 0) return done
    if (io.copy(left) !== left) return done > 0 ? done : EFAULT
    this.owe(pipe, left)
    return wanted
  }

  /** A reader got bytes that no row has written yet. */
  owe(pipe: number, bytes: number): void {
    const { rings, counts } = this.pipes
    rings.ahead[pipe] -= bytes
    counts[UNSEEN_WRITTEN_BYTES] += bytes
  }
}
