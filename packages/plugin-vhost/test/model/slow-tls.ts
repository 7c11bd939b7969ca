import {
  EFAULT,
  EINVAL,
  EIO,
  ENOSPC,
  EOPNOTSUPP,
  extract,
  type Hold,
  type Iter,
  isUser,
  type Operation,
  PAGE,
  type Page,
  since,
  type Twin,
  type World,
} from './slow-common.ts'

const RECORD_MAX = 16_384
const FRAGS_MAX = 17
const FRAG_BYTES = 32_768
const EBADMSG = -74

/** Eight pages out of which encrypted forms come, with one reference count. */
interface Frag {
  references: number
}

interface Element {
  /** Null for memory of the iterator. */
  readonly frag: Frag | null
  /** What was taken on a page of the iterator. */
  readonly hold: Hold | null
  readonly offset: number
  length: number
}

/** struct sk_msg */
interface Message {
  readonly elements: Element[]
}

interface Record {
  readonly plain: Message
  readonly encrypted: Message
  /** Operation that closed it. */
  operation: number
}

interface Socket {
  open: Record | null
  /** Closed, and not taken by TCP. */
  queue: Record[]
  /** Bytes left of records that were received in part. */
  kept: number[]
  error: number
}

/** net/tls/tls_sw.c and net/core/skmsg.c: a socket in software, with a cipher that ends at once. consumers.md 6. */
export class SlowTls implements Twin {
  private readonly world: World
  private readonly sockets = new Map<string, Socket>()
  private frag: { frag: Frag; offset: number } | null = null

  constructor(world: World) {
    this.world = world
  }

  submit(op: Operation): number {
    const socket = this.socketOf(op.row.file ?? '')
    return op.iter.isDest ? this.receive(op, socket) : this.send(op, socket)
  }

  /** TCP takes what the operation sent, and what was closed before it. */
  complete({ row, number }: Operation): void {
    const socket = this.socketOf(row.file ?? '')
    this.transmit(socket, number)
  }

  close(): void {
    for (const { open, queue } of this.sockets.values()) {
      for (const record of [...queue, ...(open === null ? [] : [open])]) this.freeRecord(record)
    }
    if (this.frag !== null) this.putFrag(this.frag.frag)
    this.frag = null
  }

  private socketOf(name: string): Socket {
    const socket = this.sockets.get(name) ?? { open: null, queue: [], kept: [], error: 0 }
    this.sockets.set(name, socket)
    return socket
  }

  private get isVersion13(): boolean {
    return this.world.setup.options.version === 13
  }

  private get prepend(): number {
    return this.isVersion13 ? 5 : 13
  }

  private get overhead(): number {
    return this.isVersion13 ? 22 : 29
  }

  // --- sending

  private send(op: Operation, socket: Socket): number {
    const { iter, row } = op
    const { version, quirks } = this.world.setup
    const has = (flag: 'more' | 'eor' | 'splice') => row.flags?.includes(flag) === true
    const isNew = since(version, '6.12')
    // A send that failed: how far it had come, the trace does not tell.
    if ((row.result ?? 0) < 0) return row.result!
    if (has('eor') && !isNew) return EOPNOTSUPP
    if (has('eor') && has('more')) return EINVAL
    const splices = has('splice') && (isNew ? !isUser(iter.type) || quirks['tls-splice-user'] === true : iter.type === 'bvec')
    if (socket.error !== 0 && iter.count > 0) {
      // A connection that failed and yet sends is another one by now; rows without a file are of many.
      if (row.file !== undefined && (row.result ?? -1) < 0) return socket.error
      this.reset(socket)
    }
    // A short send took no more than this.
    if (row.result !== undefined && row.result >= 0) iter.end = Math.min(iter.end, row.result)
    if (splices && !isNew) return this.sendPages(op, socket, has('more'))
    return this.sendmsg(op, socket, !has('more'), splices)
  }

  /** tls_sw_sendmsg_locked */
  private sendmsg(op: Operation, socket: Socket, isLast: boolean, splices: boolean): number {
    const { iter } = op
    const { world } = this
    const isNew = since(world.setup.version, '6.12')
    let sent = 0
    let error = 0
    while (iter.count > 0) {
      const { record, before, room } = this.begin(op, socket)
      const { plain, encrypted } = record
      let bytes = Math.min(iter.count, room)
      let isFull = iter.count >= room
      const required = before + bytes + this.overhead
      if (this.alloc(encrypted, required) === ENOSPC) {
        bytes -= required - sizeOf(encrypted)
        isFull = true
      }
      if (bytes > 0 && splices) {
        const got = this.splice(iter, plain, bytes)
        sent += got.bytes
        if (got.error < 0) {
          error = got.error
          break
        }
        if (plain.elements.length === FRAGS_MAX) {
          isFull = true
          world.entries.limitHits++
          this.trim(encrypted, sizeOf(plain) + this.overhead)
        }
        if (isFull || isLast) this.push(op, socket)
        continue
      }
      if (iter.type !== 'kvec' && (isFull || isLast)) {
        if (this.zeroCopy(iter, plain, bytes)) {
          sent += bytes
          world.data.zeroCopyBytes += bytes
          this.push(op, socket)
          continue
        }
        this.trim(plain, before)
      }
      const wanted = sizeOf(plain) + bytes
      const elements = plain.elements.length
      if (this.clone(plain, encrypted, this.prepend + sizeOf(plain), bytes) === ENOSPC) {
        world.entries.limitHits++
        bytes -= wanted - sizeOf(plain)
        isFull = true
        this.trim(encrypted, sizeOf(plain) + this.overhead)
      }
      if (bytes > 0 && iter.copy(bytes) < bytes) {
        this.trim(plain, before)
        this.trim(encrypted, before > 0 ? before + this.overhead : 0)
        error = EFAULT
        break
      }
      world.built(plain.elements.length - elements)
      if (isNew && plain.elements.length === FRAGS_MAX && !isFull) {
        isFull = true
        world.entries.limitHits++
        this.trim(encrypted, sizeOf(plain) + this.overhead)
      }
      sent += bytes
      if (isFull || isLast) this.push(op, socket)
    }
    return sent > 0 ? sent : error
  }

  /** 6.1: the sendpage callback once for each page, all but the last with more to come. */
  private sendPages(op: Operation, socket: Socket, _isMore: boolean): number {
    const { iter } = op
    let sent = 0
    while (iter.count > 0) {
      const [piece] = iter.segment()
      let left = piece!.length
      const follows = iter.count > left
      while (left > 0) {
        const { record, before, room } = this.begin(op, socket)
        const { plain, encrypted } = record
        const bytes = Math.min(left, room)
        const isFull = left >= room
        this.alloc(encrypted, before + bytes + this.overhead)
        const { page, offset } = iter.toEntry(iter.left()[0]!)
        this.attach(plain, page, offset, bytes)
        iter.position += bytes
        left -= bytes
        sent += bytes
        const isLong = plain.elements.length === FRAGS_MAX
        if (isLong && !isFull) this.world.entries.limitHits++
        if (isFull || !follows || isLong) this.push(op, socket)
      }
    }
    return sent
  }

  /** The open record, or a new one: then TCP has taken those that the operation closed before. */
  private begin(op: Operation, socket: Socket): { record: Record; before: number; room: number } {
    if (socket.open === null) {
      if (socket.queue.every(({ operation }) => operation === op.number)) this.transmit(socket, op.number)
      socket.open = { plain: { elements: [] }, encrypted: { elements: [] }, operation: 0 }
      this.world.allocate()
    }
    const before = sizeOf(socket.open.plain)
    return { record: socket.open, before, room: RECORD_MAX - before }
  }

  /** The record is sealed, and waits for TCP. */
  private push(op: Operation, socket: Socket): void {
    const record = socket.open!
    record.operation = op.number
    socket.queue.push(record)
    socket.open = null
    // A call that does not wait finds room in the socket.
    if (op.row.end === undefined) this.transmit(socket, op.number)
  }

  /** TCP takes the records of an operation, and those before them. */
  private transmit(socket: Socket, number: number): void {
    while (socket.queue.some(({ operation }) => operation === number)) this.freeRecord(socket.queue.shift()!)
  }

  private freeRecord({ plain, encrypted }: Record): void {
    this.trim(encrypted, 0)
    this.trim(plain, 0)
    this.world.free()
  }

  private reset(socket: Socket): void {
    for (const record of [...socket.queue, ...(socket.open === null ? [] : [socket.open])]) this.freeRecord(record)
    Object.assign(socket, { open: null, queue: [], kept: [], error: 0 })
  }

  /** One page at a time, with a reference each, until the record is full. */
  private splice(iter: Iter, plain: Message, bytes: number): { bytes: number; error: number } {
    let done = 0
    while (done < bytes && plain.elements.length < FRAGS_MAX) {
      // Kernel memory that no row maps is slab: sendpage_ok refuses it.
      if (iter.type === 'kvec') return { bytes: done, error: EIO }
      const entry = iter.toEntry(iter.segment(bytes - done)[0]!)
      iter.position += entry.length
      this.attach(plain, entry.page, entry.offset, entry.length)
      done += entry.length
    }
    return { bytes: done, error: 0 }
  }

  private attach(plain: Message, page: Page, offset: number, length: number): void {
    plain.elements.push({ frag: null, hold: this.world.take('ref', [page]), offset, length })
    this.world.built(1)
    this.world.data.zeroCopyBytes += length
  }

  /** sk_msg_zerocopy_from_iter: an element a page, none merged; what was added before a failure stays. */
  private zeroCopy(iter: Iter, plain: Message, bytes: number): boolean {
    const { world } = this
    const start = iter.position
    const elements = plain.elements.length
    while (iter.position - start < bytes) {
      const room = FRAGS_MAX - plain.elements.length
      if (room === 0) world.entries.limitHits++
      const got = room === 0 ? EFAULT : extract(world, iter, room, bytes - (iter.position - start))
      if (typeof got === 'number') {
        iter.position = start
        return false
      }
      got.entries.forEach(({ page, offset, length }) => {
        const hold = got.hold === null ? null : { kind: got.hold.kind, pages: [page] }
        plain.elements.push({ frag: null, hold, offset, length })
      })
    }
    world.built(plain.elements.length - elements)
    return true
  }

  // --- struct sk_msg

  /** sk_msg_alloc: out of the task's frag, growing the last element where that goes on. */
  private alloc(message: Message, size: number): number {
    let left = size - sizeOf(message)
    while (left > 0) {
      const pool = this.refill()
      const use = Math.min(left, FRAG_BYTES - pool.offset)
      const last = message.elements.at(-1)
      if (last !== undefined && last.frag === pool.frag && last.offset + last.length === pool.offset) last.length += use
      else {
        if (message.elements.length === FRAGS_MAX) return ENOSPC
        pool.frag.references++
        message.elements.push({ frag: pool.frag, hold: null, offset: pool.offset, length: use })
      }
      pool.offset += use
      left -= use
    }
    return 0
  }

  /** skb_page_frag_refill: 32 bytes of room do; one that nobody else refers to begins anew. */
  private refill(): { frag: Frag; offset: number } {
    const { frag } = this
    if (frag !== null) {
      if (frag.frag.references === 1) frag.offset = 0
      if (frag.offset + 32 <= FRAG_BYTES) return frag
      this.putFrag(frag.frag)
    }
    this.world.allocate()
    this.frag = { frag: { references: 1 }, offset: 0 }
    return this.frag
  }

  private putFrag(frag: Frag): void {
    if (--frag.references === 0) this.world.free()
  }

  /** sk_msg_clone: names `bytes` bytes of the frags of another message, from byte `skip` on. */
  private clone(to: Message, from: Message, skip: number, bytes: number): number {
    let off = skip
    let left = bytes
    for (const element of from.elements) {
      if (left === 0) break
      if (off >= element.length) {
        off -= element.length
        continue
      }
      const part = Math.min(element.length - off, left)
      const at = element.offset + off
      const last = to.elements.at(-1)
      if (last !== undefined && last.frag === element.frag && last.offset + last.length === at) last.length += part
      else {
        if (to.elements.length === FRAGS_MAX) return ENOSPC
        element.frag!.references++
        to.elements.push({ frag: element.frag, hold: null, offset: at, length: part })
      }
      off = 0
      left -= part
    }
    return left > 0 ? ENOSPC : 0
  }

  /** sk_msg_trim */
  private trim({ elements }: Message, size: number): void {
    let excess = elements.reduce((sum, { length }) => sum + length, 0) - size
    while (excess > 0) {
      const last = elements.at(-1)!
      if (excess < last.length) {
        last.length -= excess
        return
      }
      excess -= last.length
      elements.pop()
      if (last.frag !== null) this.putFrag(last.frag)
      if (last.hold !== null) this.world.drop(last.hold)
    }
  }

  // --- receiving

  /** tls_sw_recvmsg */
  private receive({ iter, row }: Operation, socket: Socket): number {
    const { world } = this
    const length = iter.count
    const { result = length } = row
    if (result < 0) return result
    // A read that is shorter than asked for tells where a record ended.
    const coming = result < length ? result : Number.POSITIVE_INFINITY
    let copied = 0
    let error = 0
    while (copied < Math.min(length, coming) && socket.kept.length > 0) {
      const bytes = Math.min(socket.kept[0]!, Math.min(length, coming) - copied)
      if (!this.copyOut(iter, bytes)) return copied > 0 ? copied : EFAULT
      copied += bytes
      socket.kept[0]! -= bytes
      if (socket.kept[0] === 0) socket.kept.shift()
    }
    // What was taken for more of a record than there was.
    if (copied === coming) socket.kept = []
    while (copied < length && error === 0) {
      const payload = this.nextPayload(coming - copied)
      if (payload === 0) break
      const content = payload - this.padding
      const canPlace = iter.type !== 'kvec' && (!this.isVersion13 || world.setup.options['expect-no-pad'] !== 0)
      if (canPlace && payload <= length - copied) {
        if (!this.place(iter, payload)) {
          error = EFAULT
          socket.error = EBADMSG
          break
        }
        if (this.padding === 0) {
          copied += payload
          world.data.zeroCopyBytes += payload
          continue
        }
        // Opened in vain: the last byte is padding.
        if (!(world.setup.quirks['tls-retry-no-revert'] ?? world.setup.version === '6.1')) iter.position -= payload
      }
      world.built(1 + fragsOf(payload + this.overhead))
      const bytes = Math.min(content, length - copied)
      if (!this.copyOut(iter, bytes)) {
        socket.kept.push(content)
        error = EFAULT
        break
      }
      copied += bytes
      if (bytes < content) socket.kept.push(content - bytes)
    }
    return copied > 0 ? copied : error
  }

  private get padding(): number {
    return this.isVersion13 && this.world.setup.options.padded === 1 ? 1 : 0
  }

  /** Payload of the next record with its padding; 0 when none comes. */
  private nextPayload(coming: number): number {
    if (coming <= 0) return 0
    return Math.min(this.world.setup.options['record-size'] ?? RECORD_MAX, coming + this.padding)
  }

  /** tls_setup_from_iter: the reader's pages, put as soon as the record is opened. */
  private place(iter: Iter, payload: number): boolean {
    const { world } = this
    const pagesMax = iter.npages(payload)
    const start = iter.position
    const holds: Hold[] = []
    let entries = 0
    let isDone = true
    while (isDone && iter.position - start < payload) {
      if (entries === pagesMax) world.entries.limitHits++
      const got = entries === pagesMax ? EFAULT : extract(world, iter, pagesMax - entries, payload - (iter.position - start))
      if (typeof got === 'number') isDone = false
      else {
        entries += got.entries.length
        if (got.hold !== null) holds.push(got.hold)
      }
    }
    for (const hold of holds) world.drop(hold)
    if (!isDone) {
      iter.position = start
      return false
    }
    world.built(1 + entries + (this.isVersion13 ? 1 : 0))
    return true
  }

  /** skb_copy_datagram_iter: all, or the iterator goes back; one that ends before is no error. */
  private copyOut(iter: Iter, bytes: number): boolean {
    const start = iter.position
    const copied = iter.copy(bytes)
    if (copied === bytes || iter.count === 0) return true
    iter.position = start
    return false
  }
}

function sizeOf({ elements }: Message): number {
  return elements.reduce((sum, { length }) => sum + length, 0)
}

/** alloc_skb_with_frags, order 3 at most: pages in powers of two, the largest first. */
function fragsOf(bytes: number): number {
  let pages = Math.ceil(bytes / PAGE)
  let frags = 0
  for (let order = 3; order >= 0; order--) {
    for (; pages >= 2 ** order; pages -= 2 ** order) frags++
  }
  return frags
}
