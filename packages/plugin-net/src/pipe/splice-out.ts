import {
  BIO_VEC_BYTES,
  type ConsumerEnvironment,
  EINVAL,
  ENOMEM,
  ERESTARTSYS,
  FLAG_DIRECT,
  FLAG_MOVE,
  HOLD_NONE,
  type Hold,
  isHold,
  isSince,
  type Operation,
} from '@pinscope/core'
import { MOVED_NONE, MovedPages } from './moved-pages.ts'
import { PageStealer } from './page-stealer.ts'
import { HANDED_ON, NOT_STOLEN_PAGES, STOLEN_PAGES } from './pipe-counters.ts'
import { OPS_ANON, OPS_DEFAULT } from './pipe-rings.ts'
import { PIPE_BUFFER_BYTES } from './pipe-sizes.ts'
import type { PipeTransfer } from './pipe-transfer.ts'
import type { Pipes } from './pipes.ts'

/** Values of the option `out`. */
export const OUT_WORDS = ['socket', 'file'] as const
const OUT_FILE = OUT_WORDS.indexOf('file')
/** Values of the option `move-to`. */
export const MOVE_TO_WORDS = ['fuse', 'virtio-console'] as const
const TO_CONSOLE = MOVE_TO_WORDS.indexOf('virtio-console')

/**
 * splice(2) out of a pipe: the buffers' pages go along, until the row ends.
 *
 * - A socket takes a reference of its own on each piece, and has it until the data is acknowledged; the pipe's goes with the
 *   buffer. 6.1 calls the socket for each buffer (sendpage), later versions for 16 at a time, as a bvec.
 * - A file gets a bvec over the buffers, with nothing taken, and they stay what they are until it is written. Unless it is
 *   open for direct I/O, that is a copy into its page cache.
 * - With SPLICE_F_MOVE the receiver is one that takes pages over, where it can ({@link PageStealer}); it copies the rest.
 *
 * @kernel fs/splice.c: splice_from_pipe; 6.1: generic_splice_sendpage, pipe_to_sendpage; since 6.5: splice_to_socket;
 *   iter_file_splice_write; fs/fuse/dev.c: fuse_dev_splice_write; drivers/char/virtio_console.c: port_fops_splice_write.
 *   6.18: as 6.12 and 7.3, which are the same.
 */
export class SpliceOut {
  private readonly pipes: Pipes
  private readonly transfer: PipeTransfer
  private readonly stealer: PageStealer
  private readonly moved = new MovedPages()
  private readonly isFile: boolean
  private readonly isConsole: boolean
  private readonly hasSendpage: boolean
  /** A socket is given what has bytes; the rest stays until what lies behind it is sent. @kernel fs/splice.c: splice_to_socket */
  private readonly skipsEmpty: boolean

  constructor({ kernel, ledger, memory, options }: ConsumerEnvironment, pipes: Pipes, transfer: PipeTransfer) {
    this.pipes = pipes
    this.transfer = transfer
    this.stealer = new PageStealer(pipes.rings, ledger, memory)
    this.isFile = options.out === OUT_FILE
    this.isConsole = options['move-to'] === TO_CONSOLE
    this.hasSendpage = !isSince(kernel, '6.12')
    this.skipsEmpty = !this.hasSendpage && !this.isFile
  }

  /** Bytes, or an errno with everything left in the pipe. What was passed on is chained at `io.scratch`. */
  passOn(io: Operation, pipe: number): number {
    io.scratch = MOVED_NONE
    const isMove = (io.flags & FLAG_MOVE) !== 0
    // FUSE takes an answer whole. @kernel fs/fuse/dev.c: fuse_dev_splice_write
    if (isMove && !this.isConsole && this.isTooShort(io, pipe)) return EINVAL
    const listBytes = this.listBytes(pipe, isMove)
    if (listBytes > 0 && !io.allocate(listBytes)) return ENOMEM
    const done = this.passAll(io, pipe, isMove)
    if (listBytes > 0) io.free(listBytes)
    return done
  }

  private passAll(io: Operation, pipe: number, isMove: boolean): number {
    if (this.skipsEmpty && !isMove) {
      // It finds nothing to send, and returns what its result was preset with.
      if (Number.isNaN(io.recordedResult) && this.hasOnlyEmpty(pipe)) return ERESTARTSYS
    } else this.pipes.dropEmpty(io, pipe)
    const wanted = this.transfer.readable(io, pipe)
    return wanted <= 0 ? wanted : this.passBuffers(io, pipe, wanted, isMove)
  }

  private hasOnlyEmpty(pipe: number): boolean {
    const { rings } = this.pipes
    return !rings.isEmpty(pipe) && rings.bytesIn(pipe) === 0
  }

  /** The operation is over. */
  complete(io: Operation): void {
    if (io.scratch !== MOVED_NONE) this.moved.letGoAll(io, io.scratch)
    io.scratch = MOVED_NONE
  }

  private isTooShort(io: Operation, pipe: number): boolean {
    return Number.isNaN(io.recordedResult) && this.pipes.available(pipe) < io.iter.countBytes
  }

  /** Bytes of the list that a call allocates. */
  private listBytes(pipe: number, isMove: boolean): number {
    const { rings } = this.pipes
    if (isMove) return this.isConsole ? 0 : rings.occupancy(pipe) * PIPE_BUFFER_BYTES
    return this.isFile ? rings.slots * BIO_VEC_BYTES : 0
  }

  private passBuffers(io: Operation, pipe: number, wanted: number, isMove: boolean): number {
    const { pipes, transfer } = this
    const { rings } = pipes
    let done = transfer.skipAhead(pipe, wanted)
    while (done < wanted && !rings.isEmpty(pipe)) {
      const left = wanted - done
      const slot = rings.oldest(pipe)
      const bytes = rings.lengthBytes[slot] < left ? rings.lengthBytes[slot] : left
      // sendpage of no bytes: as at the end.
      if (bytes === 0 && done > 0 && this.hasSendpage && !this.isFile && !isMove) return done
      const error = bytes === 0 ? 0 : isMove ? this.move(io, pipe, slot, bytes) : this.give(io, pipe, slot, bytes)
      if (error < 0) return done > 0 ? done : error
      if (bytes === 0) pipes.consume(io, pipe)
      else pipes.counts[HANDED_ON]++
      done += bytes
    }
    if (this.isFile && done < io.iter.countBytes) pipes.dropEmpty(io, pipe)
    if (done < wanted) transfer.owe(pipe, wanted - done)
    return wanted
  }

  /** A piece for a socket or a file. */
  private give(io: Operation, pipe: number, slot: number, bytes: number): number {
    io.built(1, BIO_VEC_BYTES)
    if (!this.isFile) {
      // The socket's own list, and since 6.5 the one that leads to it. @kernel include/linux/skbuff.h: skb_frag_t
      if (!this.hasSendpage) io.built(1, BIO_VEC_BYTES)
      io.reachedInPlace(bytes)
      return this.share(io, pipe, slot, bytes)
    }
    if ((io.flags & FLAG_DIRECT) !== 0) io.reachedInPlace(bytes)
    else io.copied(bytes)
    this.takeOut(io, pipe, slot, bytes)
    return 0
  }

  /** A piece for who takes pages over. */
  private move(io: Operation, pipe: number, slot: number, bytes: number): number {
    const { stealer, pipes } = this
    const isWhole = bytes === this.pipes.rings.lengthBytes[slot]
    const isStolen = this.isConsole ? stealer.trySteal(io, slot) : isWhole && stealer.stealForFuse(io, slot)
    pipes.counts[isStolen ? STOLEN_PAGES : NOT_STOLEN_PAGES]++
    if (isStolen) io.reachedInPlace(bytes)
    else io.copied(bytes)
    if (isWhole) {
      this.takeOut(io, pipe, slot, bytes)
      return 0
    }
    return this.share(io, pipe, slot, bytes)
  }

  /** A reference more on the page of a piece; the buffer goes when it is used up. */
  private share(io: Operation, pipe: number, slot: number, bytes: number): number {
    const { pipes } = this
    const { rings } = pipes
    const ops = rings.ops[slot]
    const page = rings.page[slot]
    let hold: Hold | number = HOLD_NONE
    if (ops === OPS_ANON || ops === OPS_DEFAULT) io.owned.get(page)
    else hold = io.referencePage(page)
    if (!isHold(hold)) return hold
    io.keep(hold)
    io.scratch = this.moved.add(io, io.scratch, ops, page, rings.offsetBytes[slot], bytes, HOLD_NONE)
    pipes.advance(io, pipe, bytes)
    if (rings.lengthBytes[slot] === 0) pipes.consume(io, pipe)
    return 0
  }

  /** What the buffer has on its page goes with it, and is let go when the row ends; of a part of it nothing is taken. */
  private takeOut(io: Operation, pipe: number, slot: number, bytes: number): void {
    const { pipes } = this
    const { rings } = pipes
    if (bytes < rings.lengthBytes[slot]) {
      pipes.advance(io, pipe, bytes)
      return
    }
    const { page, offsetBytes, ops } = rings
    pipes.giveBack(io, slot)
    io.scratch = this.moved.add(
      io,
      io.scratch,
      ops[slot],
      page[slot],
      offsetBytes[slot],
      bytes,
      rings.hold[slot] as Hold,
    )
    rings.shift(pipe)
  }
}
