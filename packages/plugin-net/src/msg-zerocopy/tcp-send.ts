import {
  EAGAIN,
  EMSGSIZE,
  ENOMEM,
  FLAG_EOR,
  FLAG_MORE,
  FLAG_NOWAIT,
  isSince,
  type KernelVersion,
  type Operation,
} from '@pinscope/core'
import { appendCopied } from '../skb/copy-fill.ts'
import type { OperationSkbs } from '../skb/operation-skbs.ts'
import { orphanFrags } from '../skb/orphan-frags.ts'
import { MEMORY_WAITS, PURE_SKBS, UBUF_MISMATCHES, ZEROCOPY_SENDS } from '../skb/skb-counters.ts'
import { NONE, tcpSkbBytes } from '../skb/skb-sizes.ts'
import type { SkbSockets } from '../skb/skb-sockets.ts'
import { SKB_EOR, SKB_PURE, type Skbs } from '../skb/skbs.ts'
import { SPLICE_REFUSED, sendpageBytes } from '../skb/splice-fill.ts'
import { EEXIST, ENOBUFS } from './errno.ts'
import {
  asksZerocopy,
  isUringSend,
  MODE_COPY,
  MODE_SENDPAGE,
  MODE_SPLICE,
  MODE_ZEROCOPY,
  spliceMode,
} from './send-modes.ts'
import type { SocketSettings } from './settings.ts'
import { SkbSender } from './skb-sender.ts'

/**
 * A TCP socket sends. Data goes behind the last skb that is not sent yet, up to the size goal, and then into new ones; an
 * skb without room for another frag is left, and so is one with somebody else's notification. At the end of the call what
 * is there is sent, unless more is to come and the skb is not full. (A kernel sends whole segments of it even then; over
 * loopback, where a segment is the size goal, that is the same.)
 *
 * Waiting is not simulated: memory that is not there is asked for again, which is counted.
 *
 * @kernel net/ipv4/tcp.c: tcp_sendmsg_locked; 6.1: do_tcp_sendpages, tcp_build_frag for pages that are handed over
 */
export class TcpSend extends SkbSender {
  /** Requests of io_uring may share an skb. @kernel io_uring/notif.c: io_link_skb (since 6.10) */
  private readonly linksNotifs: boolean

  // The call at work.
  private socket = 0
  /** The part at work is read where it lies. */
  private borrows = false

  constructor(
    kernel: KernelVersion,
    settings: SocketSettings,
    sockets: SkbSockets,
    skbs: Skbs,
    links: OperationSkbs,
    counts: Float64Array,
  ) {
    super(settings, sockets, skbs, links, counts, tcpSkbBytes(kernel))
    this.linksNotifs = isSince(kernel, '6.12')
  }

  /** Sends all that the iterator has. Bytes, or -errno when there are none. */
  send(io: Operation, socket: number): number {
    this.socket = socket
    const refused = this.choose(io)
    if (refused < 0) return refused
    let sent = 0
    let error = 0
    let isFull = false
    while (io.iter.countBytes > 0) {
      const skb = this.tailWithRoom(io, isFull)
      if (skb === NONE) {
        error = EAGAIN
        break
      }
      const bytes = this.append(io, skb)
      isFull = bytes === EMSGSIZE || bytes === EEXIST
      if (isFull) continue
      if (bytes < 0) {
        error = bytes
        break
      }
      this.links.link(io, skb)
      sent += bytes
    }
    return this.finish(io, sent, error)
  }

  /** How the data goes, and whom to tell: 0, or -errno. */
  private choose(io: Operation): number {
    const { settings, skbs, sockets, socket } = this
    const { ubufs } = skbs
    const size = io.iter.countBytes
    this.uarg = NONE
    this.mode = MODE_COPY
    if (!asksZerocopy(io)) {
      if (settings.hasSg) this.mode = spliceMode(io)
    } else if (isUringSend(io, settings)) {
      this.uarg = ubufs.allocNotif(io, socket, io.iter.fixed ? 0 : size)
      if (this.uarg === NONE) return ENOMEM
    } else if (settings.hasZerocopy) {
      const tail = sockets.tail[socket]
      this.uarg = ubufs.realloc(io, socket, size, tail === NONE ? NONE : skbs.uarg[tail], true)
      if (this.uarg === NONE) return ENOBUFS
      if (!settings.hasSg) ubufs.markCopied(this.uarg)
    }
    if (this.uarg !== NONE && settings.hasSg) this.mode = MODE_ZEROCOPY
    this.borrows = this.mode !== MODE_COPY && (this.mode !== MODE_ZEROCOPY || !settings.isLoopback)
    return 0
  }

  /** The unsent skb, or a new one where it has no room; NONE when there is no memory and the call may not wait. */
  private tailWithRoom(io: Operation, isFull: boolean): number {
    const { skbs, sockets, socket, settings, part } = this
    let skb = sockets.tail[socket]
    const hasRoom =
      skb !== NONE && (skbs.flags[skb] & SKB_EOR) === 0 && skbs.lengthBytes[skb] < settings.sizeGoalBytes && !isFull
    if (!hasRoom) {
      this.leaveTail(io)
      skb = skbs.alloc(io, socket, this.skbBytes)
      while (skb === NONE && this.waits(io)) skb = skbs.alloc(io, socket, this.skbBytes)
      if (skb === NONE) return NONE
      sockets.tail[socket] = skb
    }
    if (part.skb !== skb) part.begin(skb)
    return skb
  }

  /** Whether the call waits for memory. @kernel net/core/stream.c: sk_stream_wait_memory */
  private waits(io: Operation): boolean {
    this.counts[MEMORY_WAITS]++
    return (io.flags & FLAG_NOWAIT) === 0
  }

  /** More of the iterator behind an skb's data: bytes, or -errno with nothing moved. */
  private append(io: Operation, skb: number): number {
    const { skbs, settings, mode } = this
    const bytes = Math.min(settings.sizeGoalBytes - skbs.lengthBytes[skb], io.iter.countBytes)
    if (mode === MODE_ZEROCOPY) return this.appendZerocopy(io, skb, bytes)
    if (mode === MODE_SENDPAGE) return this.appendPage(io, skb, bytes)
    if (mode !== MODE_SPLICE) return this.appendCopy(io, skb, bytes)
    skbs.downgradePure(skb)
    const spliced = this.splice.append(io, skb, bytes)
    if (spliced > 0) skbs.sentInPlace(io, skb, spliced)
    return spliced
  }

  private appendCopy(io: Operation, skb: number, bytes: number): number {
    let copied = appendCopied(io, this.skbs, skb, bytes)
    while (copied === ENOMEM && this.waits(io)) copied = appendCopied(io, this.skbs, skb, bytes)
    return copied === ENOMEM ? EAGAIN : copied
  }

  /** The next page of a pipe, or a part of it; memory that a reference does not keep is sent by its callers as data. @kernel net/ipv4/tcp.c: tcp_build_frag (6.1) */
  private appendPage(io: Operation, skb: number, bytes: number): number {
    const part = Math.min(sendpageBytes(io), bytes)
    this.skbs.downgradePure(skb)
    const attached = this.splice.appendPage(io, skb, part)
    if (attached === SPLICE_REFUSED) return this.appendCopy(io, skb, part)
    if (attached > 0) this.skbs.sentInPlace(io, skb, attached)
    return attached
  }

  private appendZerocopy(io: Operation, skb: number, bytes: number): number {
    const { skbs, counts } = this
    if (skbs.lengthBytes[skb] === 0) {
      skbs.flags[skb] |= SKB_PURE
      counts[PURE_SKBS]++
    }
    if (!this.canHave(skb)) {
      counts[UBUF_MISMATCHES]++
      return EEXIST
    }
    const added = this.zerocopy.append(io, skb, bytes)
    if (added < 0) return added
    this.attach(skb)
    skbs.sentInPlace(io, skb, added)
    return added
  }

  /**
   * The skb can have this send's notification, besides what it has. Since 6.10 one of io_uring is the skb's from then on,
   * whether data of it comes into the skb or not.
   * @kernel net/core/skbuff.c: skb_zerocopy_iter_stream (-EEXIST); io_uring/notif.c: io_link_skb
   */
  private canHave(skb: number): boolean {
    const { skbs, uarg } = this
    const has = skbs.uarg[skb]
    const links = this.linksNotifs && skbs.ubufs.isNotif[uarg] === 1
    if (has === NONE && links) this.attach(skb)
    return has === NONE || has === uarg || (links && skbs.ubufs.linkNotifs(uarg, has))
  }

  /** @kernel include/linux/skbuff.h: skb_zcopy_set */
  private attach(skb: number): void {
    const { skbs, uarg } = this
    if (skbs.uarg[skb] !== NONE) return
    skbs.ubufs.get(uarg)
    skbs.uarg[skb] = uarg
  }

  /** The call is over: what it returns. */
  private finish(io: Operation, sent: number, error: number): number {
    const { skbs, sockets, socket, settings, uarg } = this
    const tail = sockets.tail[socket]
    if (tail !== NONE && sent > 0 && error === 0 && (io.flags & FLAG_EOR) !== 0) skbs.flags[tail] |= SKB_EOR
    const length = tail === NONE ? 0 : skbs.lengthBytes[tail]
    const waits = (settings.isCorked || (io.flags & FLAG_MORE) !== 0) && length < settings.sizeGoalBytes
    if (tail !== NONE && (length === 0 || (sent > 0 && !waits))) this.leaveTail(io)
    else this.part.end(io, this.borrows)
    if (uarg !== NONE) {
      if (sent > 0) this.counts[ZEROCOPY_SENDS]++
      if (sent === 0 && error < 0) skbs.ubufs.abort(io, uarg, true)
      else skbs.ubufs.put(io, uarg, true, false)
    }
    if (sent > 0) skbs.holds.keepTaken(io)
    return sent > 0 ? sent : error
  }

  /** The last skb is sent, or freed when there is nothing in it. @kernel net/ipv4/tcp.c: tcp_push, tcp_remove_empty_skb */
  private leaveTail(io: Operation): void {
    const { skbs, sockets, socket, settings, part } = this
    const skb = sockets.tail[socket]
    if (skb === NONE) return
    if (part.skb === skb) part.end(io, this.borrows)
    sockets.tail[socket] = NONE
    if (skbs.lengthBytes[skb] === 0) skbs.free(io, skb)
    else if (settings.isLoopback) orphanFrags(io, skbs, skb, true)
  }
}
