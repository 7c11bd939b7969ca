import { grown, type Operation } from '@pinscope/core'
import { COOKIE_ENTRIES, COOKIES, COOKIES_REAPED } from './rds-counters.ts'
import { RDS_MAX_ZCOOKIES, ZCOPY_INFO_BYTES } from './rds-sizes.ts'

/**
 * What a socket keeps from one operation to the next, as columns; a row is a socket, which the `file` of an operation
 * names. Row 0 is that of the operations without one.
 *
 * Its notifications are a list of elements with room for eight cookies each. A cookie goes into the first element where
 * that has room, else into a new one at the end: never into any other. So those after the first have one cookie each.
 *
 * @kernel net/rds/rds.h: struct rds_sock, rds_msg_zcopy_queue
 */
export class RdsSockets {
  /** Payload that is queued and not acknowledged. @kernel rs_snd_bytes */
  sndBytes = new Float64Array(8)
  /** Cookies in the first element; 0: the list is empty. */
  private firstCookies = new Int32Array(8)
  /** Elements after the first. */
  private laterEntries = new Int32Array(8)
  private length = 0
  private readonly counts: Float64Array

  constructor(counts: Float64Array) {
    this.counts = counts
  }

  /** Row of the socket with that file id. */
  rowOf(file: number): number {
    const row = file + 1
    if (row >= this.length) {
      this.length = row + 1
      while (row >= this.sndBytes.length) this.grow()
    }
    return row
  }

  /** A message is acknowledged: its notifier becomes an element of the list, or is freed. @kernel net/rds/message.c: rds_rm_zerocopy_callback */
  notify(io: Operation, socket: number): void {
    const cookies = this.firstCookies[socket]
    this.counts[COOKIES]++
    if (cookies > 0 && cookies < RDS_MAX_ZCOOKIES) {
      this.firstCookies[socket] = cookies + 1
      io.free(ZCOPY_INFO_BYTES)
      return
    }
    this.counts[COOKIE_ENTRIES]++
    if (cookies === 0) this.firstCookies[socket] = 1
    else this.laterEntries[socket]++
  }

  /**
   * The reader gets the cookies of the first element. That it has room for them is taken for granted, of a program that
   * sends so. @kernel net/rds/recv.c: rds_recvmsg_zcookie
   */
  reap(io: Operation, socket: number): void {
    this.counts[COOKIES_REAPED] += this.firstCookies[socket]
    this.dropFirst(io, socket)
  }

  /** Every socket is closed. @kernel net/rds/af_rds.c: rds_release; net/rds/message.c: rds_notify_msg_zcopy_purge */
  releaseAll(io: Operation): void {
    for (let socket = 0; socket < this.length; socket++) {
      while (this.firstCookies[socket] > 0) this.dropFirst(io, socket)
    }
  }

  private dropFirst(io: Operation, socket: number): void {
    if (this.firstCookies[socket] === 0) return
    io.free(ZCOPY_INFO_BYTES)
    const hasMore = this.laterEntries[socket] > 0
    this.firstCookies[socket] = hasMore ? 1 : 0
    if (hasMore) this.laterEntries[socket]--
  }

  private grow(): void {
    const capacity = 2 * this.sndBytes.length
    this.sndBytes = grown(this.sndBytes, capacity)
    this.firstCookies = grown(this.firstCookies, capacity)
    this.laterEntries = grown(this.laterEntries, capacity)
  }
}
