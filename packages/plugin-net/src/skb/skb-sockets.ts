import { grown, type Operation } from '@pinscope/core'
import { NONE } from './skb-sizes.ts'

const FIRST = 8

/**
 * What a socket keeps from one operation to the next, as columns; a row is a socket, which the `file` of an operation
 * names. Row 0 is that of the operations without one.
 * @kernel include/net/sock.h: struct sock
 */
export class SkbSockets {
  /** The skb that is not sent yet, NONE when there is none. @kernel net/ipv4/tcp.h: tcp_write_queue_tail; UDP: the corked one */
  tail = new Int32Array(FIRST)
  /** Number of the next zero-copy send. @kernel sk_zckey */
  nextId = new Float64Array(FIRST)
  /** Memory for options and notifications. @kernel sk_omem_alloc */
  omemBytes = new Int32Array(FIRST)
  /** Notifications in the error queue, and the last number that the last of them is about. @kernel sk_error_queue, sock_extended_err.ee_data */
  private queued = new Int32Array(FIRST)
  private lastId = new Float64Array(FIRST)
  /** Rows in use. */
  private length = 0

  /** Row of the socket with that file id. */
  rowOf(file: number): number {
    const row = file + 1
    while (this.length <= row) this.open(this.length++)
    return row
  }

  /**
   * Sends `id` to `id + calls - 1` are done: one more in the error queue; true where they follow what its last one is about,
   * which goes on then, whatever either says of copies.
   * @kernel net/core/skbuff.c: __msg_zerocopy_callback, skb_zerocopy_notify_extend
   */
  notify(socket: number, id: number, calls: number): boolean {
    const isNext = this.queued[socket] > 0 && id === this.lastId[socket] + 1
    this.lastId[socket] = id + calls - 1
    if (!isNext) this.queued[socket]++
    return isNext
  }

  /** A read of the error queue takes its first one, of `bytes` that charge `truesize`. @kernel net/ipv4/ip_sockglue.c: ip_recv_error */
  reap(io: Operation, socket: number, bytes: number, truesize: number): void {
    if (this.queued[socket] === 0) return
    this.queued[socket]--
    this.omemBytes[socket] -= truesize
    io.free(bytes)
  }

  /** Every socket is closed. @kernel net/ipv4/af_inet.c: inet_sock_destruct (sk_error_queue) */
  releaseAll(io: Operation, bytes: number, truesize: number): void {
    for (let socket = 0; socket < this.length; socket++) {
      while (this.queued[socket] > 0) this.reap(io, socket, bytes, truesize)
    }
  }

  private open(row: number): void {
    if (row >= this.tail.length) this.grow()
    this.tail[row] = NONE
    this.nextId[row] = 0
    this.omemBytes[row] = 0
    this.queued[row] = 0
  }

  private grow(): void {
    const capacity = 2 * this.tail.length
    this.tail = grown(this.tail, capacity)
    this.nextId = grown(this.nextId, capacity)
    this.omemBytes = grown(this.omemBytes, capacity)
    this.queued = grown(this.queued, capacity)
    this.lastId = grown(this.lastId, capacity)
  }
}
