import {
  type ConsumerEnvironment,
  GUARD_COUNT,
  type Hold,
  ITER_SOURCE,
  type Ledger,
  MAX_RW_COUNT,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'
import { BUFFERS_MAX, UNSEEN_READ_BYTES, WAITS } from './pipe-counters.ts'
import { PipePages } from './pipe-pages.ts'
import { OPS_ANON, OPS_DEFAULT, OPS_PAGE_CACHE, OPS_USER_PAGE, PipeRings } from './pipe-rings.ts'
import { PIPE_BUFFER_BYTES } from './pipe-sizes.ts'

/**
 * Every pipe of a lane: its ring, the pages that it has put aside, and who comes before his row.
 *
 * A trace has the rows in the order in which they began, and nobody waits in a replay. Where a pipe is full and the caller
 * would wait, a reader takes what is in the way, and the rows that read it find that it is gone; where it is empty and the
 * caller gets data all the same, a writer put it there, and what he writes in his row has been read.
 */
export class Pipes {
  readonly rings: PipeRings
  readonly pages: PipePages
  readonly counts: Float64Array
  private readonly ledger: Ledger

  /** `slots`: buffers of each pipe. `counts`: slots of PIPE_COUNTERS. */
  constructor({ kernel, ledger }: ConsumerEnvironment, slots: number, counts: Float64Array) {
    this.rings = new PipeRings(slots)
    this.pages = new PipePages(kernel)
    this.ledger = ledger
    this.counts = counts
  }

  /** A buffer more, over `bytes` bytes of page row `page`; the pipe has room. Returns its slot. */
  push(io: Operation, pipe: number, ops: number, page: number, offsetBytes: number, bytes: number): number {
    const { rings, counts } = this
    const slot = rings.push(pipe, ops, page, offsetBytes, bytes)
    const used = rings.occupancy(pipe)
    if (used > counts[BUFFERS_MAX]) counts[BUFFERS_MAX] = used
    io.built(1, PIPE_BUFFER_BYTES)
    return slot
  }

  /**
   * {@link push} of a page of somebody else's, which `hold` keeps. Until it is out of the pipe its bytes are what a reader
   * will get: whoever writes to them changes that.
   */
  lend(io: Operation, pipe: number, ops: number, page: number, offsetBytes: number, bytes: number, hold: Hold): number {
    const slot = this.push(io, pipe, ops, page, offsetBytes, bytes)
    this.rings.hold[slot] = hold
    this.rings.borrowed[slot] = io.borrows.add(0, io.row, page, offsetBytes, bytes, GUARD_COUNT, ITER_SOURCE)
    return slot
  }

  /** The oldest buffer is used up. @kernel include/linux/pipe_fs_i.h: pipe_buf_release */
  consume(io: Operation, pipe: number): void {
    const { rings } = this
    const slot = rings.oldest(pipe)
    rings.shift(pipe)
    this.giveBack(io, slot)
    const ops = rings.ops[slot]
    if (ops === OPS_ANON) this.pages.give(io, pipe, rings.page[slot])
    else if (ops === OPS_DEFAULT) io.owned.put(rings.page[slot])
    else if (ops === OPS_USER_PAGE || ops === OPS_PAGE_CACHE) this.ledger.letGo(rings.hold[slot] as Hold)
  }

  /** The buffer's bytes are nobody's source any more. */
  giveBack(io: Operation, slot: number): void {
    const { rings } = this
    if (rings.borrowed[slot] === 0) return
    io.borrows.giveBack(rings.borrowed[slot])
    rings.borrowed[slot] = 0
  }

  /** Bytes that a reader finds, at most what one call moves. */
  available(pipe: number): number {
    const { rings } = this
    const before = rings.ahead[pipe] > 0 ? rings.ahead[pipe] : 0
    const bytes = before + rings.bytesIn(pipe)
    return bytes > MAX_RW_COUNT ? MAX_RW_COUNT : bytes | 0
  }

  /** Somebody who has the caller wait reads the oldest buffer; false when there is none. */
  drainOne(io: Operation, pipe: number): boolean {
    const { rings, counts } = this
    if (rings.isEmpty(pipe)) return false
    const bytes = rings.lengthBytes[rings.oldest(pipe)]
    rings.ahead[pipe] += bytes
    const unseen = rings.ahead[pipe]
    // A reader whose row came before was waiting for the rest.
    if (unseen > 0) counts[UNSEEN_READ_BYTES] += unseen < bytes ? unseen : bytes
    this.consume(io, pipe)
    return true
  }

  /**
   * Makes room for a call that puts `pages` pages or more into the pipe, `isKnown` where the trace says how many. Only as
   * many buffers go as are needed for what is known to fit; else a reader takes all there is, once the pipe is full. False
   * when the caller does not wait. @kernel fs/splice.c: wait_for_space
   */
  makeRoom(io: Operation, pipe: number, pages: number, isKnown: boolean, mayWait: boolean): boolean {
    const { rings, counts } = this
    const fits = io.fits(rings.occupancy(pipe) + pages, rings.slots)
    if (fits || (!isKnown && !rings.isFull(pipe))) return true
    if (!mayWait) return !rings.isFull(pipe)
    counts[WAITS]++
    const wanted = isKnown && pages < rings.slots ? pages : rings.slots
    while (rings.free(pipe) < wanted && this.drainOne(io, pipe)) {}
    return true
  }

  /** Readers whose rows came before get what was put into the pipe. */
  settle(io: Operation, pipe: number): void {
    const { rings } = this
    while (rings.ahead[pipe] < 0 && !rings.isEmpty(pipe)) {
      const slot = rings.oldest(pipe)
      const bytes = rings.lengthBytes[slot]
      const due = -rings.ahead[pipe]
      if (due < bytes) {
        this.advance(io, pipe, due)
        rings.ahead[pipe] = 0
        return
      }
      rings.ahead[pipe] += bytes
      this.consume(io, pipe)
    }
  }

  /** The read end is closed: what nobody read goes. @kernel fs/pipe.c: free_pipe_info */
  closeAll(io: Operation): void {
    const { rings, pages } = this
    for (let pipe = 0; pipe < rings.length; pipe++) {
      while (!rings.isEmpty(pipe)) this.consume(io, pipe)
      pages.freeAll(io, pipe)
    }
  }

  /** The CPU copies `bytes` bytes of a buffer, from its beginning, to the reader; false where his memory cannot be had. */
  copyOut(io: Operation, slot: number, bytes: number): boolean {
    const { rings } = this
    for (let done = 0; done < bytes; ) {
      const offset = (rings.offsetBytes[slot] + done) % PAGE_SIZE
      const part = bytes - done < PAGE_SIZE - offset ? bytes - done : PAGE_SIZE - offset
      if (io.copyPage(rings.pageAt(slot, done), offset, part) !== part) return false
      done += part
    }
    return true
  }

  /** The first `bytes` bytes of the oldest buffer are read: nobody minds any more what becomes of them. */
  advance(io: Operation, pipe: number, bytes: number): void {
    const { rings } = this
    const slot = rings.oldest(pipe)
    rings.offsetBytes[slot] += bytes
    rings.lengthBytes[slot] -= bytes
    const { page, offsetBytes, lengthBytes, borrowed } = rings
    if (borrowed[slot] === 0) return
    const row = io.borrows.row[borrowed[slot]]
    this.giveBack(io, slot)
    borrowed[slot] = io.borrows.add(0, row, page[slot], offsetBytes[slot], lengthBytes[slot], GUARD_COUNT, ITER_SOURCE)
  }

  /** Buffers without bytes, which a write that failed has left. @kernel fs/splice.c: eat_empty_buffer; fs/pipe.c: pipe_read */
  dropEmpty(io: Operation, pipe: number): void {
    const { rings } = this
    while (!rings.isEmpty(pipe) && rings.lengthBytes[rings.oldest(pipe)] === 0) this.consume(io, pipe)
  }
}
