import {
  EAGAIN,
  FLAG_GIFT,
  FLAG_NOWAIT,
  HOLD_NONE,
  type Hold,
  isBorrowed,
  type Ledger,
  MAX_RW_COUNT,
  type Operation,
  POINTER_BYTES,
} from '@pinscope/core'
import { DROPPED_PAGES, GIFTED_PAGES, USER_PAGES } from './pipe-counters.ts'
import { BUF_GIFT, OPS_USER_PAGE } from './pipe-rings.ts'
import { VMSPLICE_BATCH } from './pipe-sizes.ts'
import type { Pipes } from './pipes.ts'

/**
 * vmsplice(2) into a pipe: 16 pages are taken at a time, each in a buffer of its own, with what was taken on it until the
 * buffer is used up. Where the pipe is full, the pages that are left of the batch are dropped again and the iterator goes
 * back to the first of them; a page further the call would wait no more: it returns what it has put in.
 *
 * It is iov_iter_get_pages2 with references in all versions. Nothing marks the pages: that the program leaves them alone is
 * its own business, and SPLICE_F_GIFT only says that it will.
 *
 * @kernel fs/splice.c: vmsplice_to_pipe, iter_to_pipe, add_to_pipe
 */
export class IterToPipe {
  private readonly pipes: Pipes
  private readonly ledger: Ledger

  constructor(pipes: Pipes, ledger: Ledger) {
    this.pipes = pipes
    this.ledger = ledger
  }

  /** Bytes, or an errno with nothing in the pipe. */
  fill(io: Operation, pipe: number): number {
    const { pipes } = this
    const { iter, recordedResult: recorded } = io
    const asked = iter.countBytes
    const isKnown = recorded >= 0
    const wanted = isKnown && recorded < asked ? recorded | 0 : asked
    if (wanted === 0) return 0
    const mayWait = isKnown || (io.flags & FLAG_NOWAIT) === 0
    if (!pipes.makeRoom(io, pipe, isKnown ? iter.npagesOf(wanted) : 1, isKnown, mayWait)) return EAGAIN
    let total = 0
    while (iter.countBytes > 0) {
      const bytes = io.extract(VMSPLICE_BATCH, MAX_RW_COUNT)
      if (bytes <= 0) {
        io.reachedInPlace(total)
        return total > 0 ? total : bytes
      }
      const added = this.addBatch(io, pipe, isKnown ? wanted - total : MAX_RW_COUNT, isKnown)
      total += added
      if (added < bytes) break
    }
    io.reachedInPlace(total)
    return total
  }

  /** Puts the pages of the last extraction in, as long as there is room for them, or at most `bytesMax`. Returns their bytes. */
  private addBatch(io: Operation, pipe: number, bytesMax: number, isKnown: boolean): number {
    const { list } = io
    const count = this.countThatFits(io, pipe, bytesMax, isKnown)
    let hold = io.hold
    io.built(list.length, POINTER_BYTES)
    if (count < list.length) hold = this.drop(io, hold, count)
    let bytes = 0
    for (let i = 0; i < count; i++) bytes += list.lengthBytes[i]
    this.tell(io, count, bytes)
    this.add(io, pipe, hold, count)
    return bytes
  }

  /** Where the trace says that they went in, a reader made the room. */
  private countThatFits(io: Operation, pipe: number, bytesMax: number, isKnown: boolean): number {
    const { pipes } = this
    const { list } = io
    const free = pipes.rings.free(pipe)
    if (!isKnown) {
      if (free < list.length) io.limitHit()
      return free < list.length ? free : list.length
    }
    let count = 0
    for (let bytes = 0; count < list.length && bytes < bytesMax; count++) bytes += list.lengthBytes[count]
    while (pipes.rings.free(pipe) < count && pipes.drainOne(io, pipe)) {}
    return count
  }

  /** All pages but the first `count` are dropped, the first of those by add_to_pipe itself, and the iterator goes back. */
  private drop(io: Operation, hold: Hold, count: number): Hold {
    const { ledger } = this
    const { list } = io
    let bytes = 0
    for (let i = count; i < list.length; i++) bytes += list.lengthBytes[i]
    io.iter.revert(bytes)
    this.pipes.counts[DROPPED_PAGES] += list.length - count
    if (isBorrowed(hold)) return hold
    if (count === 0) {
      ledger.letGo(hold)
      return HOLD_NONE
    }
    ledger.letGo(ledger.split(hold, list.length - count))
    return hold
  }

  /** The hold is cut up from its end: each buffer keeps what was taken on its page. */
  private add(io: Operation, pipe: number, hold: Hold, count: number): void {
    const { pipes, ledger } = this
    const { list } = io
    const { rings } = pipes
    const flags = (io.flags & FLAG_GIFT) !== 0 ? BUF_GIFT : 0
    const first = rings.head[pipe]
    for (let i = 0; i < count; i++) {
      const slot = pipes.lend(io, pipe, OPS_USER_PAGE, list.page[i], list.offsetBytes[i], list.lengthBytes[i], hold)
      rings.flags[slot] = flags
    }
    if (!isBorrowed(hold)) {
      for (let i = count - 1; i > 0; i--) rings.hold[rings.slotOf(pipe, first + i)] = ledger.split(hold, 1)
    }
    pipes.counts[USER_PAGES] += count
    if (flags !== 0) pipes.counts[GIFTED_PAGES] += count
  }

  private tell({ observer, list }: Operation, count: number, bytes: number): void {
    if (observer === null || count === 0) return
    observer.listBuilt(
      'pipe buffers',
      bytes,
      count,
      list.page.subarray(0, count),
      list.offsetBytes.subarray(0, count),
      list.lengthBytes.subarray(0, count),
      '',
    )
  }
}
