import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOMEM,
  type Entry,
  EOPNOTSUPP,
  extract,
  type Hold,
  type Iter,
  isUser,
  type Operation,
  PAGE,
  type Page,
  type Registration,
  type Row,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const EMSGSIZE = -90
const MESSAGE_MAX = 1 << 20
const SNDBUF = 212_992
const COOKIES_MAX = 8
const SGE_BYTES = 16
const POINTER_BYTES = 8

/** struct rds_message, between its queueing and its acknowledgement. */
interface Message {
  readonly socket: Socket
  readonly bytes: number
  /** Pages that it was copied into. */
  readonly copies: Page[]
  /** References on the caller's pages, one for each entry. */
  readonly holds: Hold[]
  isZcopy: boolean
  charged: number
  mapped: number
}

interface Socket {
  queued: number
  /** Elements of the queue of notifications: cookies in each. */
  notifications: number[]
}

/** net/rds/send.c: rds_sendmsg(); message.c; page.c; recv.c: rds_recvmsg(). consumers.md 3.8. */
export class SlowRds implements Twin {
  private readonly world: World
  private readonly sockets = new Map<string, Socket>()
  private readonly sent = new Map<number, Message>()
  /** struct rds_page_remainder */
  private remainder: { page: Page; offset: number } | null = null
  private charged = 0
  private readonly counts = {
    messages: 0,
    zeroCopyMessages: 0,
    accountedPages: 0,
    accountedPagesPeak: 0,
    cookies: 0,
    cookieEntries: 0,
    cookiesReaped: 0,
    remainderHits: 0,
    remainderMisses: 0,
    queueFull: 0,
    dropped: 0,
    received: 0,
    workRequests: 0,
    mappingFailures: 0,
    memoryRegions: 0,
    memoryRegionsRefused: 0,
  }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit(op: Operation): number {
    const { row } = op
    const socket = this.socketOf(row.file ?? '')
    if (op.iter.isDest) return this.receive(op, socket)
    // A message is sent whole or not at all: a short one was another program's.
    if (row.result !== undefined && row.result > 0) op.iter.end = Math.min(op.iter.end, row.result)
    return this.send(op, socket)
  }

  complete({ number }: Operation): void {
    const message = this.sent.get(number)
    if (message === undefined) return
    this.sent.delete(number)
    const { socket } = message
    socket.queued -= message.bytes
    if (message.mapped > 0) this.world.unmapDma(message.mapped)
    if (message.isZcopy) this.notify(message)
    this.freePages(message)
    this.world.free()
  }

  close(): void {
    for (const { notifications } of this.sockets.values()) for (const _ of notifications) this.world.free()
    if (this.remainder !== null) this.world.putOwn(this.remainder.page)
  }

  private option(name: string, fallback: number): number {
    return this.world.setup.options[name] ?? fallback
  }

  private socketOf(name: string): Socket {
    const known = this.sockets.get(name)
    const socket = known ?? { queued: 0, notifications: [] }
    this.sockets.set(name, socket)
    return socket
  }

  // --- sending

  private send(op: Operation, socket: Socket): number {
    const { iter, row } = op
    const { world } = this
    const bytes = iter.count
    const has = (flag: 'more' | 'eor' | 'splice' | 'zerocopy') => row.flags?.includes(flag) === true
    if (row.result !== undefined && row.result < 0 && row.result !== EAGAIN) return row.result
    if (has('more') || has('eor')) return EOPNOTSUPP
    // sendmsg(2) drops the flag: user memory is never spliced.
    const splices = has('splice') && !isUser(iter.type)
    if (splices && (since(world.setup.version, '6.12') || iter.npages() > 1)) return EOPNOTSUPP
    if (bytes > MESSAGE_MAX || bytes > Math.floor(this.option('sndbuf', SNDBUF) / 2)) {
      world.entries.limitHits++
      return EMSGSIZE
    }
    const zcopy = has('zerocopy') && this.option('so-zerocopy', 1) === 1
    const cookie = has('zerocopy') && this.option('cookie', 1) === 1
    if (zcopy && this.option('transport', 0) !== 0) return EOPNOTSUPP
    if (has('zerocopy') && !cookie) return EINVAL
    world.allocate()
    const message: Message = { socket, bytes, copies: [], holds: [], isZcopy: false, charged: 0, mapped: 0 }
    const error = bytes === 0 ? 0 : zcopy ? this.zcopyFromUser(op, message) : this.copyFromUser(op, message)
    if (error < 0) return this.purge(message, error)
    // rds_cmsg_zcopy: a cookie, and no notifier that could have it.
    if (cookie && !message.isZcopy) return this.drop(message, EINVAL)
    if (row.result === EAGAIN) return this.drop(message, EAGAIN)
    if (socket.queued >= Math.floor(this.option('sndbuf', SNDBUF) / 2)) {
      this.counts.queueFull++
      world.entries.limitHits++
      if (row.flags?.includes('nowait') === true) return this.drop(message, EAGAIN)
    }
    socket.queued += bytes
    this.counts.messages++
    if (message.isZcopy) this.counts.zeroCopyMessages++
    if (message.isZcopy) world.reachedInPlace(bytes)
    if (this.option('transport', 0) === 1) this.transmit(message)
    this.sent.set(op.number, message)
    return bytes
  }

  /** One call of get_pages2 for a page at a time. */
  private zcopyFromUser({ iter }: Operation, message: Message): number {
    const { world } = this
    const memlock = this.option('memlock', 0)
    world.allocate()
    const pages = memlock === 0 ? 0 : Math.floor(iter.count / PAGE) + 2
    if (this.charged + pages > Math.floor(memlock / PAGE)) {
      world.entries.limitHits++
      world.free()
      return ENOMEM
    }
    this.charged += pages
    this.counts.accountedPages += pages
    this.counts.accountedPagesPeak = Math.max(this.counts.accountedPagesPeak, this.charged)
    message.charged = pages
    let entries = 0
    while (iter.count > 0) {
      const got = extract(world, iter, 1, PAGE)
      if (typeof got === 'number') {
        this.charged -= message.charged
        world.free()
        return EFAULT
      }
      entries++
      if (got.hold !== null) message.holds.push(got.hold)
    }
    world.built(entries)
    message.isZcopy = true
    return 0
  }

  private copyFromUser({ iter }: Operation, message: Message): number {
    while (iter.count > 0) {
      const { page, length } = this.pageFor(iter.count)
      message.copies.push(page)
      const bytes = Math.min(iter.count, length)
      if (iter.copy(bytes) < bytes) return EFAULT
    }
    this.world.built(message.copies.length)
    return 0
  }

  /** rds_page_remainder_alloc: whole pages, and for the last part of a message the next part of a page that is shared. */
  private pageFor(bytes: number): Omit<Entry, 'offset'> {
    const { world, counts } = this
    if (bytes >= PAGE) return { page: world.allocPage(), length: PAGE }
    if (this.remainder !== null && bytes > PAGE - this.remainder.offset) {
      counts.remainderMisses++
      world.putOwn(this.remainder.page)
      this.remainder = null
    }
    this.remainder ??= { page: world.allocPage(), offset: 0 }
    const { page, offset } = this.remainder
    page.held++
    if (offset > 0) counts.remainderHits++
    this.remainder.offset += Math.ceil(bytes / 8) * 8
    if (this.remainder.offset >= PAGE) {
      world.putOwn(page)
      this.remainder = null
    }
    return { page, length: bytes }
  }

  /** rds_ib_xmit: the list is mapped with one call, and there is a work request with a header for each entry. */
  private transmit(message: Message): void {
    const { world } = this
    const entries = message.copies.length
    if (entries > 0) world.mapDma(entries)
    message.mapped = entries
    this.counts.workRequests += Math.max(entries, 1)
    world.built(entries === 0 ? 1 : 2 * entries, SGE_BYTES)
  }

  /** It had its data, and was not queued. */
  private drop(message: Message, error: number): number {
    this.counts.dropped++
    return this.purge(message, error)
  }

  private purge(message: Message, error: number): number {
    if (message.isZcopy) {
      this.charged -= message.charged
      this.world.free()
    }
    this.freePages(message)
    this.world.free()
    return error
  }

  private freePages({ copies, holds }: Message): void {
    for (const page of copies) this.world.putOwn(page)
    for (const hold of holds) this.world.drop(hold)
  }

  /** rds_rm_zerocopy_callback: the first element of the queue has room, or the message's notifier becomes the last one. */
  private notify(message: Message): void {
    const { notifications } = message.socket
    this.charged -= message.charged
    this.counts.cookies++
    if (notifications.length > 0 && notifications[0]! < COOKIES_MAX) {
      notifications[0]!++
      this.world.free()
      return
    }
    if (notifications.length > 0) this.world.entries.limitHits++
    notifications.push(1)
    this.counts.cookieEntries++
  }

  // --- memory that the peer may reach

  /** __rds_rdma_map, and rds_ib_get_mr below it: pinned in one call, all of it or none. */
  register({ row, iter }: Registration): readonly Hold[] | number {
    const result = this.option('transport', 0) === 1 ? this.map(row, iter) : EOPNOTSUPP
    if (typeof result === 'number') this.counts.memoryRegionsRefused++
    else this.counts.memoryRegions++
    return result
  }

  private map(row: Row, iter: Iter): readonly Hold[] | number {
    const { world } = this
    const pieces = iter.left()
    if (row.segs.length !== 1) return EINVAL
    if (pieces.length - 1 > MESSAGE_MAX / PAGE) {
      world.entries.limitHits++
      return EMSGSIZE
    }
    world.allocate()
    world.allocate()
    const bad = pieces.findIndex((piece) => world.accessOf(piece.key) !== 'write')
    const had = bad < 0 ? pieces : pieces.slice(0, bad)
    const free = (allocations: number, error: number) => {
      for (let i = 0; i < allocations; i++) world.free()
      return error
    }
    if (bad === 0) return free(2, EFAULT)
    const hold = world.take(
      'pin',
      had.map((piece) => iter.toEntry(piece).page),
    )
    if (bad > 0) {
      world.drop(hold)
      return free(2, EFAULT)
    }
    world.allocate()
    world.built(pieces.length, POINTER_BYTES)
    world.built(pieces.length)
    if (this.option('rdma-map', 0) === 0) {
      world.drop(hold)
      return free(3, EOPNOTSUPP)
    }
    world.mapDma(pieces.length)
    world.built(pieces.length, POINTER_BYTES)
    world.free()
    return [hold]
  }

  /** __rds_ib_teardown_mr: 6.1 puts what it had pinned. */
  unregister(_: Registration, holds: readonly Hold[]): void {
    const { world } = this
    for (const hold of holds) {
      world.unmapDma(hold.pages.length)
      if (world.setup.quirks['rds-mr-put-page'] ?? world.setup.version === '6.1')
        world.violations.push('wrong-kind-release')
      else world.drop(hold)
    }
    world.free()
    world.free()
  }

  // --- receiving

  private receive({ iter, row }: Operation, socket: Socket): number {
    const { result = iter.count } = row
    if (result < 0) return result
    if (result > 0) {
      const bytes = Math.min(result, iter.count)
      if (iter.copy(bytes) < bytes) return EFAULT
      this.counts.received++
    }
    const cookies = this.option('so-zerocopy', 1) === 1 ? socket.notifications.shift() : undefined
    if (cookies !== undefined) {
      this.counts.cookiesReaped += cookies
      this.world.free()
    }
    return result
  }
}
