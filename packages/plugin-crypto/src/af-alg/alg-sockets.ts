import { grown, PAGE_OFFSET_MASK, PAGE_SIZE } from '@pinscope/core'

/**
 * The sockets of a lane, one for each file of the trace, as columns. A row is {@link rowOf} its file; rows without a
 * `file` cell share one socket, row 0.
 *
 * @kernel include/crypto/if_alg.h: struct af_alg_ctx. `rcvused` is no column: only one request of a socket is in flight,
 *   so it is the bytes of that request. `write` is none either: no two sends of a trace run at once.
 */
export class AlgSockets {
  /** Bytes in the transmit list. @kernel af_alg_ctx.used */
  used = new Int32Array(16)
  /** Of these, bytes that a send which waited took as received: the receive stands later in the trace. */
  overtaken = new Int32Array(16)
  /** More data of the message is to come. @kernel af_alg_ctx.more */
  more = new Uint8Array(16)
  /** The last page of the transmit list has room. @kernel af_alg_ctx.merge */
  merge = new Uint8Array(16)
  /** A message was begun and not yet taken whole. @kernel af_alg_ctx.init */
  init = new Uint8Array(16)
  /** @kernel af_alg_ctx.enc */
  isEncrypting = new Uint8Array(16)
  /** Requests in flight: 1 at most, unless the trace's results tell that they were of several sockets. @kernel af_alg_ctx.inflight */
  inflight = new Int32Array(16)
  /** Blocks of the transmit list, 0 for none. @kernel af_alg_ctx.tsgl_list */
  firstBlock = new Int32Array(16)
  lastBlock = new Int32Array(16)
  blocks = new Int32Array(16)
  /** Blocks that hold nothing but {@link overtaken} bytes, and are no longer charged to the socket. */
  blocksOvertaken = new Int32Array(16)
  /** Rows in use: every one below this. */
  length = 0

  private readonly roomBytes: number

  /** `sndbufBytes`: SO_SNDBUF. */
  constructor(sndbufBytes: number) {
    this.roomBytes = bufferBytes(sndbufBytes)
  }

  /** Most bytes that a socket queues. */
  get sndbufBytes(): number {
    return this.roomBytes
  }

  /** Row of the socket with that file id, -1 included. */
  rowOf(file: number): number {
    const row = file + 1
    while (row >= this.used.length) this.grow()
    if (row >= this.length) this.length = row + 1
    return row
  }

  /** Bytes that are still counted against {@link sndbufBytes}. */
  queued(socket: number): number {
    return this.used[socket] - this.overtaken[socket]
  }

  /** Bytes that can still be queued. @kernel include/crypto/if_alg.h: af_alg_sndbuf */
  room(socket: number): number {
    const room = this.roomBytes - this.queued(socket)
    return room > 0 ? room : 0
  }

  /** Takes everything queued as received by now. */
  overtake(socket: number): void {
    this.overtaken[socket] = this.used[socket]
    this.blocksOvertaken[socket] = this.blocks[socket]
  }

  private grow(): void {
    const capacity = this.used.length * 2
    this.used = grown(this.used, capacity)
    this.overtaken = grown(this.overtaken, capacity)
    this.more = grown(this.more, capacity)
    this.merge = grown(this.merge, capacity)
    this.init = grown(this.init, capacity)
    this.isEncrypting = grown(this.isEncrypting, capacity)
    this.inflight = grown(this.inflight, capacity)
    this.firstBlock = grown(this.firstBlock, capacity)
    this.lastBlock = grown(this.lastBlock, capacity)
    this.blocks = grown(this.blocks, capacity)
    this.blocksOvertaken = grown(this.blocksOvertaken, capacity)
  }
}

/** What a socket buffer of that size holds: whole pages, and one at least. @kernel include/crypto/if_alg.h: af_alg_sndbuf, af_alg_rcvbuf */
export function bufferBytes(bytes: number): number {
  const whole = bytes - (bytes & PAGE_OFFSET_MASK)
  return whole > PAGE_SIZE ? whole : PAGE_SIZE
}
