import { ENOMEM, EOPNOTSUPP, isSince, type KernelVersion, type Operation } from '@pinscope/core'
import type { OperationSkbs } from '../skb/operation-skbs.ts'
import { ZEROCOPY_SENDS } from '../skb/skb-counters.ts'
import { SkbPart } from '../skb/skb-part.ts'
import { emptySkbBytes, linearSkbBytes, NONE } from '../skb/skb-sizes.ts'
import type { Skbs } from '../skb/skbs.ts'
import { ZerocopyFill } from '../skb/zerocopy-fill.ts'
import { asksZerocopy, isUringSend } from './send-modes.ts'
import type { SocketSettings } from './settings.ts'

/** Payload of a packet at most. @kernel include/linux/virtio_vsock.h: VIRTIO_VSOCK_MAX_PKT_BUF_SIZE */
const PACKET_BYTES_MAX = 65536
/** Payload that the peer has room for, by default. @kernel net/vmw_vsock/af_vsock.c: VSOCK_DEFAULT_BUFFER_SIZE */
const CREDIT_BYTES = 262144

/**
 * A vsock socket sends: packets of 64 KiB, copied into memory of their own. Since 6.7 zero-copy data is in frags, where the
 * peer has room for all that is left and the call stands at the beginning of its first segment; 6.1 copies it, and tells
 * nobody. The receiver, on this machine or on another one, reads the same pages.
 *
 * A packet whose frags do not suffice, or whose memory cannot be had, ends the call with -ENOMEM.
 *
 * In 6.12 SEND_ZC needs SO_ZEROCOPY, and a packet that fails has used up its part of the iterator; in 7.3 neither. 6.18 is
 * taken as 6.12. What 6.12 does when it goes on with the rest, which is too short, is not modelled: the call ends.
 *
 * @kernel net/vmw_vsock/virtio_transport_common.c: virtio_transport_send_pkt_info, virtio_transport_alloc_skb
 */
export class VsockSend {
  private readonly settings: SocketSettings
  private readonly skbs: Skbs
  private readonly links: OperationSkbs
  private readonly zerocopy: ZerocopyFill
  private readonly part: SkbPart
  private readonly counts: Float64Array
  private readonly skbBytes: number
  private readonly hasZerocopy: boolean
  /** io_uring needs no SO_ZEROCOPY here. */
  private readonly isUringFree: boolean
  /** A packet that fails leaves the iterator as it was. */
  private readonly restores: boolean

  // The call at work.
  private socket = 0
  /** The request's own, of io_uring. */
  private notif = NONE
  private isZerocopy = false

  constructor(kernel: KernelVersion, settings: SocketSettings, skbs: Skbs, links: OperationSkbs, counts: Float64Array) {
    this.settings = settings
    this.skbs = skbs
    this.links = links
    this.counts = counts
    this.zerocopy = new ZerocopyFill(skbs)
    this.part = new SkbPart(skbs)
    this.skbBytes = emptySkbBytes(kernel)
    this.hasZerocopy = isSince(kernel, '6.12')
    this.isUringFree = isSince(kernel, 'mainline')
    this.restores = isSince(kernel, 'mainline')
  }

  /** Sends all that the iterator has, as far as the peer has room each time. Bytes, or -errno when there are none. */
  send(io: Operation, socket: number): number {
    const { settings, hasZerocopy, skbs } = this
    const asks = asksZerocopy(io)
    const isUring = asks && isUringSend(io, settings)
    // @kernel io_uring/net.c: io_send_zc (SOCK_SUPPORT_ZC)
    if (isUring && !hasZerocopy) {
      const notif = skbs.ubufs.allocNotif(io, socket, 0)
      if (notif !== NONE) skbs.ubufs.put(io, notif, true, false)
      return EOPNOTSUPP
    }
    this.socket = socket
    this.isZerocopy = asks && hasZerocopy && (settings.hasZerocopy || (isUring && this.isUringFree))
    const total = io.iter.countBytes
    if (isUring) {
      this.notif = skbs.ubufs.allocNotif(io, socket, io.iter.fixed ? 0 : total)
      if (this.notif === NONE) return ENOMEM
    }
    let sent = 0
    let error = 0
    // What a packet that failed had taken off the iterator is not sent: the next one would be too short.
    while (error === 0 && io.iter.countBytes > 0 && sent + io.iter.countBytes === total) {
      const got = this.sendSome(io)
      if (got < 0) error = got
      else sent += got
    }
    if (this.notif !== NONE) skbs.ubufs.put(io, this.notif, true, false)
    this.notif = NONE
    if (sent > 0) {
      skbs.holds.keepTaken(io)
      if (this.isZerocopy) this.counts[ZEROCOPY_SENDS]++
    }
    return sent > 0 ? sent : error
  }

  /** What the peer has room for, in packets: bytes, or -ENOMEM when there are none. @kernel virtio_transport_send_pkt_info */
  private sendSome(io: Operation): number {
    const { skbs, isZerocopy, notif } = this
    const { ubufs } = skbs
    const { iter } = io
    // 6.1 sends a packet a call.
    const wanted = Math.min(iter.countBytes, this.hasZerocopy ? CREDIT_BYTES : PACKET_BYTES_MAX)
    const isInPlace = isZerocopy && iter.iovOffsetBytes === 0 && iter.countBytes <= wanted
    let uarg = isZerocopy ? notif : NONE
    if (isZerocopy && notif === NONE) {
      uarg = ubufs.alloc(io, this.socket, wanted)
      if (uarg === NONE) return ENOMEM
      if (!isInPlace) ubufs.markCopied(uarg)
    }
    let sent = 0
    for (let isSent = true; isSent && sent < wanted; ) {
      const bytes = Math.min(PACKET_BYTES_MAX, wanted - sent)
      isSent = this.sendPacket(io, bytes, uarg, isInPlace)
      if (isSent) sent += bytes
    }
    if (uarg !== NONE && uarg !== notif) {
      if (sent === 0) ubufs.abort(io, uarg, true)
      else ubufs.put(io, uarg, true, false)
    }
    return sent === 0 ? ENOMEM : sent
  }

  /** A packet with the next `bytes`; false where it cannot be made. @kernel virtio_transport_alloc_skb */
  private sendPacket(io: Operation, bytes: number, uarg: number, isInPlace: boolean): boolean {
    const { skbs, links, part } = this
    const skb = skbs.alloc(io, this.socket, isInPlace ? this.skbBytes : linearSkbBytes(bytes))
    if (skb === NONE) return false
    if (uarg !== NONE) {
      skbs.ubufs.get(uarg)
      skbs.uarg[skb] = uarg
    }
    const isFilled = isInPlace ? this.fillInPlace(io, skb, bytes) : this.copy(io, skb, bytes)
    if (!isFilled) {
      skbs.free(io, skb)
      return false
    }
    links.link(io, skb)
    part.end(io, isInPlace)
    return true
  }

  /** In 6.12 the iterator stays where it failed. @kernel net/core/datagram.c: __zerocopy_sg_from_iter */
  private fillInPlace(io: Operation, skb: number, bytes: number): boolean {
    const { skbs, part, zerocopy } = this
    part.begin(skb)
    if (zerocopy.fill(io, skb, bytes) === 0) {
      io.reachedInPlace(bytes)
      return true
    }
    if (this.restores) io.iter.revert(skbs.lengthBytes[skb])
    part.skb = NONE
    return false
  }

  /** @kernel net/core/datagram.c: skb_copy_datagram_from_iter_full (6.1: memcpy_from_msg) */
  private copy(io: Operation, skb: number, bytes: number): boolean {
    io.isBounced = true
    const copied = io.copy(bytes)
    if (copied !== bytes) io.iter.revert(copied)
    this.skbs.lengthBytes[skb] = copied
    return copied === bytes
  }
}
