import { ENOMEM, EOPNOTSUPP, type Iter, type Operation, since } from '../../../core/test/consumer-twin/slow-common.ts'
import { copyAll, type Skb } from './slow-skb.ts'
import type { SocketWorld } from './slow-sockets.ts'
import type { SlowSocket, Ubuf } from './slow-ubuf.ts'

const PACKET_MAX = 65_536
const CREDIT = 262_144

/** net/vmw_vsock/virtio_transport_common.c */
export class SlowVsock {
  private readonly common: SocketWorld

  constructor(common: SocketWorld) {
    this.common = common
  }

  /** vsock_connectible_sendmsg */
  send(op: Operation, socket: SlowSocket<Skb>): number {
    const { common } = this
    const { iter, row } = op
    const { version } = common.world.setup
    if (iter.count === 0) return 0
    const asks = row.flags?.includes('zerocopy') === true
    const isUring = asks && common.isUring(op)
    if (isUring && version === '6.1') {
      // Before anything is charged; the notification comes all the same.
      common.ubufs.put(common.ubufs.allocNotif(socket, 0)!, true, false)
      return EOPNOTSUPP
    }
    const notif = isUring ? common.notif(op, socket) : null
    if (isUring && notif === null) return ENOMEM
    const isMainline = version === 'mainline'
    const hasOption = common.option('so-zerocopy', 1) === 1
    const isZerocopy = asks && since(version, '6.12') && (hasOption || (isUring && isMainline))
    const total = iter.count
    let sent = 0
    let error = 0
    while (sent < total && error === 0 && iter.count === total - sent) {
      const got = this.sendPackets(op, socket, isZerocopy, notif)
      if (got < 0) error = got
      else sent += got
    }
    if (notif !== null) common.ubufs.put(notif, true, false)
    if (sent > 0 && isZerocopy) common.counts.zeroCopySends++
    return sent > 0 ? sent : error
  }

  /** virtio_transport_send_pkt_info */
  private sendPackets(op: Operation, socket: SlowSocket<Skb>, isZerocopy: boolean, notif: Ubuf | null): number {
    const { common } = this
    const { ubufs, world } = common
    const { iter } = op
    const { version } = world.setup
    const length = Math.min(iter.count, version === '6.1' ? PACKET_MAX : CREDIT)
    const isInPlace = isZerocopy && iovOffset(iter) === 0 && iter.count <= length
    let ubuf = isZerocopy ? notif : null
    if (isZerocopy && notif === null) {
      ubuf = ubufs.alloc(socket, length)
      if (ubuf === null) return ENOMEM
      if (!isInPlace) ubuf.isZerocopy = false
    }
    let rest = length
    while (rest > 0) {
      const bytes = Math.min(rest, PACKET_MAX)
      const { position } = iter
      if (!this.sendPacket(op, bytes, ubuf, isInPlace)) {
        if (version === 'mainline') iter.position = position
        break
      }
      rest -= bytes
    }
    if (ubuf !== null && notif === null) {
      if (rest === length) ubufs.abort(ubuf, true)
      else ubufs.put(ubuf, true, false)
    }
    return rest === length ? ENOMEM : length - rest
  }

  /** virtio_transport_alloc_skb */
  private sendPacket(op: Operation, bytes: number, ubuf: Ubuf | null, isInPlace: boolean): boolean {
    const { skbs, world } = this.common
    const { iter } = op
    const skb = skbs.alloc()
    skbs.begin(skb)
    if (ubuf !== null) skbs.attach(skb, ubuf)
    const listed = skbs.inPlace.length
    const isMade = isInPlace ? skbs.fill(skb, iter, bytes, this.common.source(op)) === 0 : copyAll(iter, bytes)
    if (!isMade) {
      skbs.inPlace.length = listed
      skbs.free(skb)
      return false
    }
    skb.operations.add(op.number)
    if (isInPlace) world.reachedInPlace(bytes)
    return true
  }
}

/** iov_iter.iov_offset: of a folio queue it is where the first folio begins. */
function iovOffset(iter: Iter): number {
  return iter.type === 'folioq' ? (iter.left()[0]?.offset ?? 0) : iter.skip()
}
