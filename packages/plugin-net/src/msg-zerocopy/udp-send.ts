import {
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOMEM,
  FLAG_MORE,
  isSince,
  type KernelVersion,
  type Operation,
} from '@pinscope/core'
import { appendCopied } from '../skb/copy-fill.ts'
import type { OperationSkbs } from '../skb/operation-skbs.ts'
import { orphanFrags } from '../skb/orphan-frags.ts'
import { ZEROCOPY_SENDS } from '../skb/skb-counters.ts'
import { emptySkbBytes, NONE } from '../skb/skb-sizes.ts'
import type { SkbSockets } from '../skb/skb-sockets.ts'
import type { Skbs } from '../skb/skbs.ts'
import { sendpageBytes } from '../skb/splice-fill.ts'
import { ENOBUFS } from './errno.ts'
import { asksZerocopy, isUringSend, MODE_COPY, MODE_SENDPAGE, MODE_ZEROCOPY, spliceMode } from './send-modes.ts'
import type { SocketSettings } from './settings.ts'
import { SkbSender } from './skb-sender.ts'

/** IPv4 without options, and UDP. @kernel struct iphdr, struct udphdr */
const HEADER_BYTES = 28
/** @kernel include/linux/udp.h: struct udphdr */
const UDP_HEADER_BYTES = 8
/** Payload of a datagram at most: an IP packet is 65535 bytes. */
const DATAGRAM_BYTES_MAX = 65535 - HEADER_BYTES
/** Bytes of a call at most. @kernel net/ipv4/udp.c: udp_sendmsg */
const MSG_BYTES_MAX = 0xffff
/** Packets of less are one piece of memory. @kernel include/linux/skbuff.h: SKB_MAX_ALLOC, and what ip_output.c adds */
const LINEAR_BYTES_MAX = 16000

/**
 * A UDP socket sends: a datagram in one skb, or with `more` a part of one. Zero-copy is a whole datagram that fits a packet
 * and whose sum the device makes; what is not is copied, and notified so. One with more than 17 frags is refused.
 *
 * A datagram that takes several packets is counted as one skb: how it is cut up does not concern its pages, which are copies.
 *
 * Pages that are handed over are attached in 6.12 and later, but for those of a datagram that takes several packets, which
 * are copied here and attached packet by packet there; 6.1.176 copies them, a call a page: its udp_sendpage asks for it with
 * a flag (MSG_SPLICE_PAGES, out of 6.5) that nothing below it knows.
 *
 * @kernel net/ipv4/udp.c: udp_sendmsg, udp_sendpage (6.1); net/ipv4/ip_output.c: __ip_append_data
 */
export class UdpSend extends SkbSender {
  private readonly hasSplice: boolean

  constructor(
    kernel: KernelVersion,
    settings: SocketSettings,
    sockets: SkbSockets,
    skbs: Skbs,
    links: OperationSkbs,
    counts: Float64Array,
  ) {
    super(settings, sockets, skbs, links, counts, emptySkbBytes(kernel))
    this.hasSplice = isSince(kernel, '6.12')
  }

  /** Sends all that the iterator has, or appends it. Bytes, or -errno, with the datagram that was begun dropped. */
  send(io: Operation, socket: number): number {
    const { sockets, skbs } = this
    const bytes = io.iter.countBytes
    const corked = sockets.tail[socket]
    const isUring = asksZerocopy(io) && isUringSend(io, this.settings)
    // A request of io_uring has its notification before it sends anything.
    this.uarg = isUring ? skbs.ubufs.allocNotif(io, socket, io.iter.fixed ? 0 : bytes) : NONE
    if (isUring && this.uarg === NONE) return ENOMEM
    let error = this.choose(io, socket, corked)
    let skb = corked
    if (error === 0) {
      if (skb === NONE) skb = skbs.alloc(io, socket, this.skbBytes + this.linearBytes(io, true))
      error = skb === NONE ? ENOBUFS : this.fill(io, skb, corked === NONE)
    }
    if (error === 0) return this.push(io, socket, skb, bytes)
    return this.drop(io, socket, bytes > MSG_BYTES_MAX ? NONE : skb, error)
  }

  /**
   * How much of the data is copied behind the headers, in one piece of memory: all, where the device does not gather or
   * packets are small; of what 6.1 hands over, a page a call, the first page; or none.
   * @kernel __ip_append_data (alloclen)
   */
  private linearBytes(io: Operation, isNew: boolean): number {
    const { settings, mode } = this
    const bytes = io.iter.countBytes
    if (mode !== MODE_COPY) return 0
    if (!settings.hasSg) return bytes
    if (!isNew) return 0
    if (bytes > 0 && spliceMode(io) === MODE_SENDPAGE) return Math.min(sendpageBytes(io), bytes)
    return Math.min(bytes, settings.mtuBytes) < LINEAR_BYTES_MAX ? bytes : 0
  }

  /** How the data goes, and whom to tell: 0, or -errno. */
  private choose(io: Operation, socket: number, corked: number): number {
    const { settings, skbs } = this
    const { ubufs } = skbs
    const bytes = io.iter.countBytes
    const before = corked === NONE ? 0 : skbs.lengthBytes[corked]
    const has = corked === NONE ? NONE : skbs.uarg[corked]
    this.mode = MODE_COPY
    if (before + bytes > DATAGRAM_BYTES_MAX) return EMSGSIZE
    const fits = settings.hasSg && before + bytes + HEADER_BYTES <= settings.mtuBytes
    if (!asksZerocopy(io)) {
      if (fits && this.hasSplice) this.mode = spliceMode(io)
      return 0
    }
    const isZerocopy = fits && corked === NONE && (io.flags & FLAG_MORE) === 0
    if (this.uarg !== NONE) {
      if (has !== NONE) return EINVAL
    } else if (settings.hasZerocopy) {
      this.uarg = ubufs.realloc(io, socket, bytes + (corked === NONE ? UDP_HEADER_BYTES : 0), has, false)
      if (this.uarg === NONE) return ENOBUFS
      if (!isZerocopy) ubufs.markCopied(this.uarg)
    }
    if (this.uarg !== NONE && isZerocopy) this.mode = MODE_ZEROCOPY
    return 0
  }

  /** The data of the call: 0, or -errno. */
  private fill(io: Operation, skb: number, isNew: boolean): number {
    const { part, mode, uarg, skbs } = this
    const bytes = io.iter.countBytes
    part.begin(skb)
    if (uarg !== NONE) this.attachUbuf(skb)
    if (mode === MODE_ZEROCOPY) {
      const error = this.zerocopy.fill(io, skb, bytes)
      if (error === 0) skbs.sentInPlace(io, skb, bytes)
      return error
    }
    if (mode !== MODE_COPY) return this.fillPages(io, skb)
    return this.copy(io, skb, this.linearBytes(io, isNew))
  }

  /** The skb takes the call's reference over; a request of io_uring keeps its own, and is told only of what is not copied. @kernel include/linux/skbuff.h: skb_zcopy_set (have_ref) */
  private attachUbuf(skb: number): void {
    const { skbs, uarg, mode } = this
    const isNotif = skbs.ubufs.isNotif[uarg] === 1
    if (skbs.uarg[skb] !== NONE || (isNotif && mode !== MODE_ZEROCOPY)) return
    if (isNotif) skbs.ubufs.get(uarg)
    skbs.uarg[skb] = uarg
  }

  /** The pages themselves: 0, or -errno. @kernel __ip_append_data (MSG_SPLICE_PAGES) */
  private fillPages(io: Operation, skb: number): number {
    const bytes = io.iter.countBytes
    while (io.iter.countBytes > 0) {
      const added = this.splice.append(io, skb, io.iter.countBytes)
      if (added < 0) return added
    }
    this.skbs.sentInPlace(io, skb, bytes)
    return 0
  }

  /** Behind the headers, in the skb's own memory, and what is not there in page frags. */
  private copy(io: Operation, skb: number, linearBytes: number): number {
    io.isBounced = true
    this.skbs.lengthBytes[skb] += linearBytes
    if (io.copy(linearBytes) !== linearBytes) return EFAULT
    while (io.iter.countBytes > 0) {
      const copied = appendCopied(io, this.skbs, skb, io.iter.countBytes)
      if (copied < 0) return copied
    }
    return 0
  }

  /** All is there: it is sent, or waits for more. */
  private push(io: Operation, socket: number, skb: number, bytes: number): number {
    const { skbs, sockets, settings, mode, uarg, part } = this
    this.links.link(io, skb)
    part.end(io, mode !== MODE_COPY && (mode !== MODE_ZEROCOPY || !settings.isLoopback))
    skbs.holds.keepTaken(io)
    if (uarg !== NONE) this.counts[ZEROCOPY_SENDS]++
    if (uarg !== NONE && skbs.ubufs.isNotif[uarg] === 1) skbs.ubufs.put(io, uarg, true, false)
    if ((io.flags & FLAG_MORE) !== 0) {
      sockets.tail[socket] = skb
      return bytes
    }
    sockets.tail[socket] = NONE
    if (settings.isLoopback) orphanFrags(io, skbs, skb, false)
    return bytes
  }

  /**
   * The call failed: what was begun is dropped, with what calls before it had appended. Not so where it is refused before
   * that is looked at (`skb` NONE).
   * @kernel net/ipv4/udp.c: udp_flush_pending_frames, udp_sendmsg
   */
  private drop(io: Operation, socket: number, skb: number, error: number): number {
    const { skbs, sockets, links, uarg, part } = this
    part.skb = NONE
    if (skb !== NONE) sockets.tail[socket] = NONE
    if (uarg !== NONE)
      skbs.ubufs.abort(io, uarg, skb === NONE || skbs.uarg[skb] !== uarg || skbs.ubufs.isNotif[uarg] === 1)
    if (skb === NONE) return error
    // Operations in flight may have data in it: its row is theirs until they are over.
    if (links.isDone(skb)) skbs.free(io, skb)
    else skbs.release(io, skb)
    return error
  }
}
