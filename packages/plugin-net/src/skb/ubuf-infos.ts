import { grown, type Operation, PAGE_SIZE, RowPool } from '@pinscope/core'
import {
  ACCOUNTED_PAGES,
  ACCOUNTED_PEAK,
  NOTIFICATIONS,
  NOTIFICATIONS_COPIED,
  NOTIFICATIONS_JOINED,
  UBUF_ABORTED,
  UBUF_JOINED,
  UBUFS,
} from './skb-counters.ts'
import { NONE, OMALLOC_TRUESIZE } from './skb-sizes.ts'
import type { SkbSockets } from './skb-sockets.ts'

/** Bytes of sends that share a notification, at most. @kernel net/core/skbuff.c: msg_zerocopy_realloc (byte_limit) */
export const UBUF_BYTES_MAX = 1 << 19
/** Sends that share one, at most. @kernel net/core/skbuff.c: msg_zerocopy_realloc (USHRT_MAX - 1) */
export const UBUF_CALLS_MAX = 0xfffe

/** A request of io_uring with its notification. @kernel include/linux/io_uring_types.h: struct io_kiocb, in whole cache lines */
const IO_KIOCB_BYTES = 256

const FIRST = 16

/** What a ubuf_info costs, by version and by what the user may have. */
export interface UbufLimits {
  /** Memory of the skb that it lives in. */
  readonly skbBytes: number
  /** What that charges to the socket. @kernel sk_buff.truesize */
  readonly truesize: number
  /** That may be charged so. @kernel sysctl_optmem_max */
  readonly optmemBytes: number
  /** RLIMIT_MEMLOCK in pages; 0: CAP_IPC_LOCK, nothing is charged. */
  readonly memlockPages: number
}

/**
 * Who is told when zero-copy data is sent and its pages may be written to again, as columns: one for a MSG_ZEROCOPY send
 * or several that follow each other, which ends in the socket's error queue; or one for a SEND_ZC of io_uring. The send
 * has a reference on it while it runs, and each skb with its data.
 * @kernel include/linux/skbuff.h: struct ubuf_info, struct ubuf_info_msgzc; io_uring/notif.h: struct io_notif_data
 */
export class UbufInfos {
  /** 1: of io_uring. */
  isNotif = new Uint8Array(FIRST)
  /** io_uring: the first of those that end together (itself while it is alone), and the next. @kernel io_notif_data.head, next */
  head = new Int32Array(FIRST)
  next = new Int32Array(FIRST)

  private refs = new Int32Array(FIRST)
  private socket = new Int32Array(FIRST)
  private id = new Float64Array(FIRST)
  private calls = new Int32Array(FIRST)
  private lengthBytes = new Int32Array(FIRST)
  private accounted = new Int32Array(FIRST)
  /** 0: some data was copied. */
  private isZerocopy = new Uint8Array(FIRST)
  /** 1: an skb that had it was sent. @kernel io_notif_data.zc_used */
  private isUsed = new Uint8Array(FIRST)
  private readonly rows = new RowPool(1)
  /** @kernel user_struct.locked_vm */
  private lockedPages = 0
  private readonly limits: UbufLimits
  private readonly sockets: SkbSockets
  private readonly counts: Float64Array

  constructor(limits: UbufLimits, sockets: SkbSockets, counts: Float64Array) {
    this.limits = limits
    this.sockets = sockets
    this.counts = counts
  }

  /** One for a send of `bytes`; NONE (-ENOBUFS) when the user or the socket may not have more. @kernel net/core/skbuff.c: msg_zerocopy_alloc */
  alloc(io: Operation, socket: number, bytes: number): number {
    const { sockets, limits } = this
    if (!io.fits(sockets.omemBytes[socket] + OMALLOC_TRUESIZE, limits.optmemBytes)) return NONE
    if (!io.allocate(limits.skbBytes)) return NONE
    const uarg = this.take(socket)
    if (!this.account(io, uarg, bytes)) {
      io.free(limits.skbBytes)
      this.rows.give(uarg)
      return NONE
    }
    sockets.omemBytes[socket] += limits.truesize
    this.isNotif[uarg] = 0
    this.id[uarg] = sockets.nextId[socket]++
    this.calls[uarg] = 1
    this.lengthBytes[uarg] = bytes
    return uarg
  }

  /**
   * The unsent skb's own (`uarg`) goes on for this send too, of a stream with one reference more, or a new one begins. NONE
   * also where that skb has a notification of io_uring, or where a datagram can have no other.
   * @kernel net/core/skbuff.c: msg_zerocopy_realloc
   */
  realloc(io: Operation, socket: number, bytes: number, uarg: number, isStream: boolean): number {
    if (uarg === NONE) return this.alloc(io, socket, bytes)
    if (this.isNotif[uarg] === 1) return NONE
    const isFull = this.calls[uarg] === UBUF_CALLS_MAX || !io.fits(this.lengthBytes[uarg] + bytes, UBUF_BYTES_MAX)
    if (isFull && !isStream) return NONE
    if (isFull || this.id[uarg] + this.calls[uarg] !== this.sockets.nextId[socket]) return this.alloc(io, socket, bytes)
    if (!this.account(io, uarg, bytes)) return NONE
    this.calls[uarg]++
    this.lengthBytes[uarg] += bytes
    this.sockets.nextId[socket]++
    if (isStream) this.refs[uarg]++
    this.counts[UBUF_JOINED]++
    return uarg
  }

  /** One for a request of io_uring; `bytes` of user memory are charged, 0 for a registered buffer. NONE: -ENOMEM, with the notification given all the same where it could be made. @kernel io_uring/notif.c: io_alloc_notif, io_notif_account_mem; io_uring/net.c: io_send_zc_cleanup */
  allocNotif(io: Operation, socket: number, bytes: number): number {
    if (!io.allocate(IO_KIOCB_BYTES)) return NONE
    const uarg = this.take(socket)
    this.isNotif[uarg] = 1
    if (this.account(io, uarg, bytes)) return uarg
    this.put(io, uarg, true, false)
    return NONE
  }

  /** @kernel include/linux/skbuff.h: net_zcopy_get */
  get(uarg: number): void {
    this.refs[uarg]++
  }

  /** Drops a reference, an skb's where `bySkb`; the last one ends it. @kernel net/core/skbuff.c: msg_zerocopy_complete; io_uring/notif.c: io_tx_ubuf_complete (6.1: the callbacks) */
  put(io: Operation, uarg: number, success: boolean, bySkb: boolean): void {
    if (!success) this.isZerocopy[uarg] = 0
    else if (bySkb) this.isUsed[uarg] = 1
    if (--this.refs[uarg] > 0) return
    if (this.isNotif[uarg] === 0) this.complete(io, uarg)
    else if (this.head[uarg] !== uarg) this.put(io, this.head[uarg], success, bySkb)
    else this.completeNotifs(io, uarg)
  }

  /** Data of it was copied. */
  markCopied(uarg: number): void {
    this.isZerocopy[uarg] = 0
  }

  /**
   * The send failed: its number is given again. What was charged for it stays until all is done. `hasReference`: the call
   * still has its own. A request of io_uring is notified all the same. @kernel net/core/skbuff.c: msg_zerocopy_put_abort
   */
  abort(io: Operation, uarg: number, hasReference: boolean): void {
    if (this.isNotif[uarg] === 0) {
      this.counts[UBUF_ABORTED]++
      this.sockets.nextId[this.socket[uarg]]--
      this.calls[uarg]--
    }
    if (hasReference) this.put(io, uarg, true, false)
  }

  /**
   * A second request's data comes into an skb: both are told together. False where that cannot be.
   * @kernel io_uring/notif.c: io_link_skb (since 6.10)
   */
  linkNotifs(uarg: number, before: number): boolean {
    if (uarg === before) return true
    if (this.head[uarg] !== uarg || this.next[uarg] !== NONE || this.isNotif[before] === 0) return false
    this.head[uarg] = this.head[before]
    this.next[uarg] = this.next[before]
    this.next[before] = uarg
    this.refs[this.head[uarg]]++
    return true
  }

  /** @kernel net/core/skbuff.c: __msg_zerocopy_callback */
  private complete(io: Operation, uarg: number): void {
    const { counts, sockets, limits } = this
    const socket = this.socket[uarg]
    this.unaccount(uarg)
    const calls = this.calls[uarg]
    const isJoined = calls > 0 && sockets.notify(socket, this.id[uarg], calls)
    if (calls > 0) {
      counts[NOTIFICATIONS]++
      if (isJoined) counts[NOTIFICATIONS_JOINED]++
      if (this.isZerocopy[uarg] === 0) counts[NOTIFICATIONS_COPIED]++
    }
    // Else the skb that it lives in is the notification, until somebody reads it.
    if (calls === 0 || isJoined) {
      sockets.omemBytes[socket] -= limits.truesize
      io.free(limits.skbBytes)
    }
    this.rows.give(uarg)
  }

  /**
   * All that are linked to it. What is told of copies is each one's own: an skb tells only the one that it had first, so
   * those linked to it say that they were copied. @kernel io_uring/notif.c: io_notif_tw_complete (zc_copied, zc_used)
   */
  private completeNotifs(io: Operation, head: number): void {
    for (let uarg = head; uarg !== NONE; uarg = this.next[uarg]) {
      this.counts[NOTIFICATIONS]++
      if (this.isZerocopy[uarg] === 0 || this.isUsed[uarg] === 0) this.counts[NOTIFICATIONS_COPIED]++
      this.unaccount(uarg)
      io.free(IO_KIOCB_BYTES)
      this.rows.give(uarg)
    }
  }

  private take(socket: number): number {
    const uarg = this.rows.take()
    if (uarg >= this.refs.length) this.grow()
    this.counts[UBUFS]++
    this.refs[uarg] = 1
    this.socket[uarg] = socket
    this.accounted[uarg] = 0
    this.isZerocopy[uarg] = 1
    this.isUsed[uarg] = 0
    this.head[uarg] = uarg
    this.next[uarg] = NONE
    return uarg
  }

  /** Charges a send of `bytes`, wherever it lies in its pages. @kernel net/core/skbuff.c: mm_account_pinned_pages (-ENOBUFS) */
  private account(io: Operation, uarg: number, bytes: number): boolean {
    const { counts, limits } = this
    if (limits.memlockPages === 0 || bytes === 0) return true
    const pages = Math.floor(bytes / PAGE_SIZE) + 2
    if (!io.fits(this.lockedPages + pages, limits.memlockPages)) return false
    this.lockedPages += pages
    this.accounted[uarg] += pages
    counts[ACCOUNTED_PAGES] += pages
    if (this.lockedPages > counts[ACCOUNTED_PEAK]) counts[ACCOUNTED_PEAK] = this.lockedPages
    return true
  }

  private unaccount(uarg: number): void {
    this.lockedPages -= this.accounted[uarg]
    this.accounted[uarg] = 0
  }

  private grow(): void {
    const capacity = 2 * this.refs.length
    this.isNotif = grown(this.isNotif, capacity)
    this.head = grown(this.head, capacity)
    this.next = grown(this.next, capacity)
    this.refs = grown(this.refs, capacity)
    this.socket = grown(this.socket, capacity)
    this.id = grown(this.id, capacity)
    this.calls = grown(this.calls, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
    this.accounted = grown(this.accounted, capacity)
    this.isZerocopy = grown(this.isZerocopy, capacity)
    this.isUsed = grown(this.isUsed, capacity)
  }
}
