import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  ITER_DEST,
  type Operation,
  PageFrags,
} from '@pinscope/core'
import { OperationSkbs } from '../skb/operation-skbs.ts'
import { RECEIVED, SENDS, SKB_COUNTERS } from '../skb/skb-counters.ts'
import { NONE } from '../skb/skb-sizes.ts'
import { SkbSockets } from '../skb/skb-sockets.ts'
import { Skbs } from '../skb/skbs.ts'
import { UbufInfos, type UbufLimits } from '../skb/ubuf-infos.ts'
import { SOCKET_TCP, SOCKET_UDP, socketSettings, ubufLimits } from './settings.ts'
import { TcpSend } from './tcp-send.ts'
import { UdpSend } from './udp-send.ts'
import { VsockSend } from './vsock-send.ts'

/**
 * A socket: what is sent is copied into page frags, or with `zerocopy` lies in the pages of the iterator, each with a
 * reference until the row's `end`, when its skb is freed (TCP: the acknowledgement) and the program notified; with `splice`
 * the pages themselves are attached. With a registered buffer of io_uring (`fixed`) nothing is taken on its pages.
 *
 * An skb is freed when the last operation with data in it ends: what they share of a frag has one reference.
 *
 * Under get-pages, which is every kernel's way, an skb has references on all of its frags or on none, and the ones without
 * get theirs when something else comes into the skb (H13). Under the other policies each frag knows how it is held: pinned,
 * referenced or bare, and a frag is not grown by bytes that are held another way.
 *
 * What differs between versions: 6.1 attaches spliced pages one a call (sendpage), and loses their reference in an skb with
 * managed frags (quirk tcp-sendpage-managed); requests of io_uring share an skb since 6.10; vsock. 6.18 is taken as 6.12,
 * which is as 7.3 but for vsock.
 *
 * A `read` row is data copied to the reader; one without room for data reads the error queue.
 *
 * @kernel net/ipv4/tcp.c: tcp_sendmsg_locked; net/core/skbuff.c: skb_zerocopy_iter_stream, msg_zerocopy_realloc
 */
export class MsgZerocopyConsumer implements Consumer {
  private readonly counts = new Float64Array(SKB_COUNTERS.length)
  private readonly sockets = new SkbSockets()
  private readonly links = new OperationSkbs()
  private readonly pageFrags = new PageFrags()
  private readonly skbs: Skbs
  private readonly limits: UbufLimits
  private readonly protocol: number
  private readonly tcp: TcpSend
  private readonly udp: UdpSend
  private readonly vsock: VsockSend

  constructor(environment: ConsumerEnvironment) {
    const { kernel } = environment
    const { sockets, links, counts } = this
    const settings = socketSettings(environment)
    this.limits = ubufLimits(environment)
    this.skbs = new Skbs(this.pageFrags, new UbufInfos(this.limits, sockets, counts), counts)
    this.protocol = settings.protocol
    this.tcp = new TcpSend(kernel, settings, sockets, this.skbs, links, counts)
    this.udp = new UdpSend(kernel, settings, sockets, this.skbs, links, counts)
    this.vsock = new VsockSend(kernel, settings, this.skbs, links, counts)
  }

  submit(io: Operation): number {
    const socket = this.sockets.rowOf(io.file)
    io.scratch = 0
    if (io.iter.direction === ITER_DEST) return this.receive(io, socket)
    const { recordedResult, iter } = io
    // A call that failed had sent nothing, and but for memory that could not be had had taken nothing.
    if (recordedResult < 0 && recordedResult !== EFAULT) return recordedResult | 0
    if (recordedResult > 0 && recordedResult < iter.countBytes) iter.truncate(recordedResult)
    this.skbs.holds.begin()
    const sent = this.send(io, socket)
    if (sent > 0) this.counts[SENDS]++
    return sent
  }

  /** What the operation had was let go when it failed. */
  abort(): void {}

  complete(io: Operation): void {
    const { links, skbs, sockets } = this
    for (let skb = links.unlink(io); skb !== NONE; skb = links.unlink(io)) {
      if (!links.isDone(skb)) continue
      const socket = skbs.socket[skb]
      if (sockets.tail[socket] === skb) sockets.tail[socket] = NONE
      skbs.free(io, skb)
    }
  }

  /** Every socket is closed, and the task exits. @kernel net/ipv4/af_inet.c: inet_sock_destruct */
  close(io: Operation): void {
    this.sockets.releaseAll(io, this.limits.skbBytes, this.limits.truesize)
    this.pageFrags.dispose(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(SKB_COUNTERS, this.counts)
  }

  private send(io: Operation, socket: number): number {
    if (this.protocol === SOCKET_TCP) return this.tcp.send(io, socket)
    return this.protocol === SOCKET_UDP ? this.udp.send(io, socket) : this.vsock.send(io, socket)
  }

  /** Data that has come is copied to the reader: all of it or -EFAULT. @kernel net/core/datagram.c: skb_copy_datagram_iter; net/ipv4/tcp.c: tcp_recvmsg_locked */
  private receive(io: Operation, socket: number): number {
    const { recordedResult, iter } = io
    if (recordedResult < 0) return recordedResult | 0
    const bytes = recordedResult < iter.countBytes ? recordedResult | 0 : iter.countBytes
    if (bytes > 0) {
      io.isBounced = true
      if (io.copy(bytes) !== bytes) return EFAULT
      this.counts[RECEIVED]++
    } else if (iter.countBytes === 0) {
      this.sockets.reap(io, socket, this.limits.skbBytes, this.limits.truesize)
    }
    return bytes
  }
}
