import { EFAULT, EINVAL, ENOMEM, type Operation, since } from '../../../core/test/consumer-twin/slow-common.ts'
import { copyAll, EMSGSIZE, type Skb } from './slow-skb.ts'
import { ENOBUFS, type Mode, type SocketWorld } from './slow-sockets.ts'
import type { SlowSocket, Ubuf } from './slow-ubuf.ts'

const MTU = 65_536
const IP_HEADER = 20
const UDP_HEADER = 8
const DATAGRAM_MAX = 65_535 - IP_HEADER - UDP_HEADER
/** Where a packet is no longer one piece of memory: SKB_MAX_ALLOC less what is added to it. */
const LINEAR_MAX = 16_000

interface UdpMode extends Mode {
  /** The call still has a reference of its own. */
  hasReference: boolean
}

/** net/ipv4/udp.c: udp_sendmsg, net/ipv4/ip_output.c: __ip_append_data. A datagram is one skb, however many packets. */
export class SlowUdp {
  private readonly common: SocketWorld

  constructor(common: SocketWorld) {
    this.common = common
  }

  send(op: Operation, socket: SlowSocket<Skb>): number {
    const { common } = this
    const { skbs, ubufs } = common
    const { iter } = op
    const pending = socket.tail
    const bytes = iter.count
    // A request of io_uring has its notification before it sends anything, and after it failed.
    const asksUring = op.row.flags?.includes('zerocopy') === true && bytes > 0 && common.isUring(op)
    const notif = asksUring ? common.notif(op, socket) : null
    if (asksUring && notif === null) return ENOMEM
    const mode = this.mode(op, socket, notif)
    if (typeof mode === 'number') {
      if (notif !== null) ubufs.abort(notif, true)
      // One that is longer than any packet is refused before what is pending is looked at.
      if (pending !== null && bytes <= 0xffff) this.drop(socket, pending)
      return mode
    }
    const skb = pending ?? skbs.alloc()
    skbs.begin(skb)
    if (mode.ubuf !== null) this.attach(skb, mode)
    const error = this.fill(op, skb, pending === null, mode)
    if (error < 0) {
      if (mode.ubuf !== null) ubufs.abort(mode.ubuf, mode.hasReference)
      this.drop(socket, skb)
      return error
    }
    skb.operations.add(op.number)
    socket.tail = op.row.flags?.includes('more') === true ? skb : null
    skbs.endParts()
    if (socket.tail === null) this.push(skb)
    if (mode.ubuf !== null) {
      common.counts.zeroCopySends++
      if (mode.hasReference) ubufs.put(mode.ubuf, true, false)
    }
    return bytes
  }

  private mode(op: Operation, socket: SlowSocket<Skb>, notif: Ubuf | null): UdpMode | number {
    const { common } = this
    const { iter, row } = op
    const pending = socket.tail
    if ((pending?.len ?? 0) + iter.count > DATAGRAM_MAX) return EMSGSIZE
    const headers = pending === null ? UDP_HEADER : 0
    const length = iter.count + headers
    const hasSg = common.option('sg-route', 1) === 1
    const hasMore = row.flags?.includes('more') === true
    const isSummed = pending === null && length + IP_HEADER <= common.option('mtu', MTU) && hasSg && !hasMore
    if (row.flags?.includes('zerocopy') === true && iter.count > 0) {
      if (notif !== null) {
        if (pending?.ubuf != null) return EINVAL
        return { way: isSummed ? 'zerocopy' : 'copy', ubuf: notif, hasReference: true }
      }
      if (common.option('so-zerocopy', 1) === 1) {
        const ubuf = common.ubufs.realloc(socket, length, pending?.ubuf ?? null, false)
        if (ubuf === null) return ENOBUFS
        if (!isSummed) ubuf.isZerocopy = false
        return { way: isSummed ? 'zerocopy' : 'copy', ubuf, hasReference: pending?.ubuf == null }
      }
    }
    const way = hasSg && since(common.world.setup.version, '6.12') ? common.splices(op) : 'copy'
    return { way, ubuf: null, hasReference: false }
  }

  /** skb_zcopy_set: of io_uring only where the data is not copied, and with a reference more. */
  private attach(skb: Skb, mode: UdpMode): void {
    const ubuf = mode.ubuf!
    if (skb.ubuf !== null || (ubuf.isNotif && mode.way === 'copy')) return
    if (ubuf.isNotif) ubuf.refs++
    else mode.hasReference = false
    skb.ubuf = ubuf
  }

  private fill(op: Operation, skb: Skb, isNew: boolean, { way }: UdpMode): number {
    const { skbs } = this.common
    const { iter } = op
    const bytes = iter.count
    if (way === 'zerocopy') {
      const error = skbs.fill(skb, iter, bytes, this.common.source(op))
      if (error === 0) skbs.sentInPlace(skb, bytes)
      return error
    }
    if (way === 'splice') {
      while (iter.count > 0) {
        const got = skbs.splice(skb, iter, iter.count)
        if (got < 0) return got
      }
      skbs.sentInPlace(skb, bytes)
      return 0
    }
    const packet = Math.min(bytes, this.common.option('mtu', MTU))
    // 6.1 hands a page at a time over: udp_sendpage.
    const first = this.common.splices(op) === 'sendpage' ? iter.left()[0]!.length : packet
    const hasSg = this.common.option('sg-route', 1) === 1
    if (!hasSg || (isNew && first < LINEAR_MAX)) {
      const linear = hasSg && this.common.splices(op) === 'sendpage' ? first : bytes
      skb.linear += linear
      skb.len += linear
      if (!copyAll(iter, linear)) return EFAULT
    }
    while (iter.count > 0) {
      const got = skbs.appendCopied(skb, iter, iter.count)
      if (got < 0) return got
    }
    return 0
  }

  /** Over loopback the datagram itself is received. */
  private push(skb: Skb): void {
    const { skbs, ubufs, option } = this.common
    if (skb.ubuf === null || option.call(this.common, 'loopback', 0) === 0) return
    const { ubuf } = skb
    skbs.copyUbufs(skb)
    skbs.putFrags(skb)
    skb.ubuf = null
    ubufs.put(ubuf as Ubuf, false, true)
  }

  /** udp_flush_pending_frames: what was begun goes, with what calls before had appended. */
  private drop(socket: SlowSocket<Skb>, skb: Skb): void {
    socket.tail = null
    skb.operations.clear()
    this.common.skbs.free(skb)
  }
}
