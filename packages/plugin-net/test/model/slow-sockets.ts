import {
  EFAULT,
  ENOMEM,
  type Hold,
  type Iter,
  isUser,
  type Operation,
  type Registration,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { EMSGSIZE, type Skb, SlowSkbs } from './slow-skb.ts'
import { SlowSocket, SlowUbufs, type Ubuf } from './slow-ubuf.ts'
import { SlowUdp } from './slow-udp.ts'
import { SlowVsock } from './slow-vsock.ts'

const EEXIST = -17
export const ENOBUFS = -105
const SIZE_GOAL = 65_483

/** Whom a send tells, and how it goes. */
export interface Mode {
  readonly way: 'copy' | 'zerocopy' | 'splice' | 'sendpage'
  readonly ubuf: Ubuf | null
}

/** What the protocols have in common. */
export class SocketWorld {
  readonly world: World
  readonly counts = {
    sends: 0,
    zeroCopySends: 0,
    skbs: 0,
    pureSkbs: 0,
    pureDowngrades: 0,
    pagesJoined: 0,
    mergesRefused: 0,
    managedFrags: 0,
    downgrades: 0,
    downgradeRefs: 0,
    splicedPages: 0,
    slabPages: 0,
    ubufs: 0,
    ubufsJoined: 0,
    ubufMismatches: 0,
    ubufsAborted: 0,
    notifications: 0,
    notificationsJoined: 0,
    notificationsCopied: 0,
    accountedPages: 0,
    accountedPagesPeak: 0,
    memoryWaits: 0,
    rxDrops: 0,
    received: 0,
  }
  readonly ubufs: SlowUbufs
  readonly skbs: SlowSkbs

  constructor(world: World) {
    this.world = world
    this.ubufs = new SlowUbufs(world, this.counts)
    this.skbs = new SlowSkbs(world, this.ubufs, this.counts)
  }

  option(name: string, byDefault: number): number {
    return this.world.setup.options[name] ?? byDefault
  }

  isUring({ row }: Operation): boolean {
    return this.option('uring', 0) === 1 || row.flags?.includes('fixed') === true
  }

  /** Which of io_uring's functions fills an skb, if one does. */
  source(op: Operation): 'msg' | 'fixed' | 'user' {
    if (!this.isUring(op)) return 'msg'
    return op.row.flags?.includes('fixed') === true ? 'fixed' : 'user'
  }

  /** io_uring alone: the request's own notification, its user memory charged. */
  notif(op: Operation, socket: SlowSocket<Skb>): Ubuf | null {
    return this.ubufs.allocNotif(socket, op.row.flags?.includes('fixed') === true ? 0 : op.iter.count)
  }

  /** Pages that are handed over; sendmsg(2) drops the flag, so they are the kernel's. */
  splices({ row, iter }: Operation): Mode['way'] {
    if (row.flags?.includes('splice') !== true || isUser(iter.type)) return 'copy'
    if (since(this.world.setup.version, '6.12')) return 'splice'
    return iter.type === 'bvec' || iter.type === 'xarray' ? 'sendpage' : 'copy'
  }
}

/** net/ipv4/tcp.c, net/ipv4/udp.c, net/vmw_vsock; consumers.md 7. */
export class SlowSockets implements Twin {
  private readonly common: SocketWorld
  private readonly sockets = new Map<string, SlowSocket<Skb>>()
  private readonly udp: SlowUdp
  private readonly vsock: SlowVsock

  constructor(world: World) {
    this.common = new SocketWorld(world)
    this.udp = new SlowUdp(this.common)
    this.vsock = new SlowVsock(this.common)
  }

  counters() {
    return this.common.counts
  }

  submit(op: Operation): number {
    const { common } = this
    const { iter, row } = op
    const socket = this.socket(row.file ?? '')
    const { result } = row
    if (iter.isDest) return this.receive(iter, socket, result)
    if (result !== undefined && result < 0 && result !== EFAULT) return result
    if (result !== undefined && result > 0) iter.end = Math.min(iter.end, iter.position + result)
    common.skbs.inPlace = []
    const sent = this.send(op, socket)
    if (sent > 0) common.counts.sends++
    const isReceivedHere = common.option('loopback', 0) === 1 && common.option('socket', 0) !== 2
    const isCopied = isReceivedHere && row.flags?.includes('zerocopy') === true
    if (sent > 0 && !isCopied) common.skbs.borrowAll()
    if (sent > 0) common.skbs.endParts()
    else common.skbs.forgetParts()
    return sent
  }

  private send(op: Operation, socket: SlowSocket<Skb>): number {
    const protocol = this.common.option('socket', 0)
    if (protocol === 1) return this.udp.send(op, socket)
    return protocol === 2 ? this.vsock.send(op, socket) : this.sendTcp(op, socket)
  }

  private receive(iter: Iter, socket: SlowSocket<Skb>, result?: number): number {
    const { common } = this
    if (result !== undefined && result < 0) return result
    if (iter.count === 0) common.ubufs.reap(socket)
    const bytes = Math.min(result ?? iter.count, iter.count)
    if (bytes === 0) return 0
    if (iter.copy(bytes) < bytes) return EFAULT
    common.counts.received++
    return bytes
  }

  /** tcp_sendmsg_locked; 6.1 also do_tcp_sendpages */
  private sendTcp(op: Operation, socket: SlowSocket<Skb>): number {
    const { common } = this
    const { counts, ubufs } = common
    const { iter } = op
    if (iter.count === 0) return 0
    const mode = this.tcpMode(op, socket)
    if (typeof mode === 'number') return mode
    const { way, ubuf } = mode
    let copied = 0
    let error = 0
    let isFull = false
    while (iter.count > 0) {
      const skb = this.tailWithRoom(socket, isFull)
      isFull = false
      const bytes = Math.min(this.sizeGoal - skb.len, iter.count)
      common.skbs.begin(skb)
      const got = this.append(op, skb, bytes, mode)
      if (got === EMSGSIZE || got === EEXIST) {
        if (got === EEXIST) counts.ubufMismatches++
        isFull = true
        continue
      }
      if (got < 0) {
        error = got
        break
      }
      copied += got
      skb.operations.add(op.number)
      if (way !== 'copy') common.skbs.sentInPlace(skb, got)
      if (iter.count === 0) skb.isEor = op.row.flags?.includes('eor') === true
    }
    this.removeEmpty(socket)
    if (copied === 0) {
      if (ubuf !== null) ubufs.abort(ubuf, true)
      return error
    }
    const waits = op.row.flags?.includes('more') === true || common.option('corked', 0) === 1
    if (!waits || (socket.tail?.len ?? 0) >= this.sizeGoal) this.leave(socket)
    if (ubuf !== null) {
      counts.zeroCopySends++
      ubufs.put(ubuf, true, false)
    }
    return copied
  }

  private get sizeGoal(): number {
    return this.common.option('size-goal', SIZE_GOAL)
  }

  private tcpMode(op: Operation, socket: SlowSocket<Skb>): Mode | number {
    const { common } = this
    const hasSg = common.option('sg-route', 1) === 1
    if (op.row.flags?.includes('zerocopy') === true) {
      const isUring = common.isUring(op)
      if (!isUring && common.option('so-zerocopy', 1) === 0) return { way: 'copy', ubuf: null }
      const ubuf = isUring
        ? common.notif(op, socket)
        : common.ubufs.realloc(socket, op.iter.count, socket.tail?.ubuf ?? null, true)
      if (ubuf === null) return isUring ? ENOMEM : ENOBUFS
      if (!hasSg) ubuf.isZerocopy = false
      return { way: hasSg ? 'zerocopy' : 'copy', ubuf }
    }
    return { way: hasSg ? common.splices(op) : 'copy', ubuf: null }
  }

  private tailWithRoom(socket: SlowSocket<Skb>, isFull: boolean): Skb {
    const { tail } = socket
    if (tail !== null && !isFull && tail.len < this.sizeGoal && !tail.isEor) return tail
    this.leave(socket)
    socket.tail = this.common.skbs.alloc()
    return socket.tail
  }

  private append(op: Operation, skb: Skb, bytes: number, { way, ubuf }: Mode): number {
    const { skbs } = this.common
    const { iter } = op
    if (way === 'copy') return skbs.appendCopied(skb, iter, bytes)
    if (way === 'zerocopy') return this.zerocopyStream(op, skb, bytes, ubuf!)
    skbs.downgradePure(skb)
    if (way === 'splice') return skbs.splice(skb, iter, bytes)
    const piece = iter.left(iter.position + bytes)[0]!
    if (!skbs.attachPage(skb, iter.toEntry(piece))) return EMSGSIZE
    iter.position += piece.length
    return piece.length
  }

  /** skb_zerocopy_iter_stream */
  private zerocopyStream(op: Operation, skb: Skb, bytes: number, ubuf: Ubuf): number {
    const { skbs, ubufs, counts, world } = this.common
    const { iter } = op
    if (skb.len === 0 && !skb.isPure) {
      skb.isPure = true
      counts.pureSkbs++
    }
    if (ubuf.isNotif && since(world.setup.version, '6.12')) {
      // io_link_skb
      if (skb.ubuf === null) skbs.attach(skb, ubuf)
      else if (!ubufs.link(ubuf, skb.ubuf)) return EEXIST
    } else if (skb.ubuf !== null && skb.ubuf !== ubuf) return EEXIST
    const before = { frags: skb.frags.length, lastSize: skb.frags.at(-1)?.size ?? 0, len: skb.len }
    const { position } = iter
    const listed = skbs.inPlace.length
    const error = skbs.fill(skb, iter, bytes, this.common.source(op))
    if (error === EFAULT || (error === EMSGSIZE && skb.len === before.len)) {
      iter.position = position
      skbs.trim(skb, before)
      skbs.inPlace.length = listed
      return error
    }
    skbs.attach(skb, ubuf)
    return skb.len - before.len
  }

  /** tcp_remove_empty_skb */
  private removeEmpty(socket: SlowSocket<Skb>): void {
    const { tail } = socket
    if (tail === null || tail.len > 0) return
    socket.tail = null
    this.common.skbs.free(tail)
  }

  /** The unsent skb is sent. Over loopback whoever receives it copies what somebody waits for. */
  private leave(socket: SlowSocket<Skb>): void {
    this.removeEmpty(socket)
    const { tail } = socket
    socket.tail = null
    if (tail === null || tail.ubuf === null || this.common.option('loopback', 0) === 0) return
    this.common.skbs.downgradeManaged(tail)
    this.common.skbs.copyUbufs(tail)
    tail.ubuf.isZerocopy = false
  }

  complete({ number }: Operation): void {
    const { skbs } = this.common
    for (const skb of [...skbs.live].filter(({ operations }) => operations.delete(number))) {
      if (skb.operations.size > 0) continue
      for (const socket of this.sockets.values()) if (socket.tail === skb) socket.tail = null
      skbs.free(skb)
    }
  }

  close(): void {
    const { common } = this
    for (const socket of this.sockets.values()) while (socket.errorQueue.length > 0) common.ubufs.reap(socket)
    common.skbs.close()
  }

  register({ iter }: Registration): readonly Hold[] | number {
    const pieces = iter.left()
    if (!pieces.every((piece) => iter.canHave(piece))) return EFAULT
    const { world } = this.common
    const pages = pieces.map((piece) => iter.toEntry(piece).page)
    const isFolio = pages[0]?.head !== undefined && since(world.setup.version, '6.12')
    if (!isFolio) return [world.take('pin', pages)]
    // io_coalesce_buffer: one pin for the folio.
    world.take('pin', pages)
    world.drop({ kind: 'pin', pages: pages.slice(1) })
    return [{ kind: 'pin', pages: pages.slice(0, 1) }]
  }

  unregister(_registration: Registration, holds: readonly Hold[]): void {
    for (const hold of holds) this.common.world.drop(hold)
  }

  private socket(file: string): SlowSocket<Skb> {
    const known = this.sockets.get(file)
    if (known !== undefined) return known
    const socket = new SlowSocket<Skb>()
    this.sockets.set(file, socket)
    return socket
  }
}
