import {
  EFAULT,
  EINVAL,
  EIO,
  ENOSPC,
  EOPNOTSUPP,
  type Iter,
  isUser,
  type Operation,
  type Page,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { FRAGS_MAX, type Message, SlowSkMsg, sizeOf } from './slow-sk-msg.ts'
import { type DeviceRecord, SlowTlsDevice } from './slow-tls-device.ts'
import { type ReceivingSocket, SlowTlsReceive } from './slow-tls-receive.ts'

const RECORD_MAX = 16_384

interface Record {
  readonly plain: Message
  readonly encrypted: Message
  /** What a device seals has this, and no plaintext of its own. */
  readonly device: DeviceRecord | null
  /** Operation that closed it. */
  operation: number
}

interface Socket extends ReceivingSocket {
  open: Record | null
  /** Closed, and not taken by TCP. */
  queue: Record[]
  /** An encryption did not end at once: nothing is sent from where it is any more. */
  isAsync: boolean
}

/** net/tls/tls_sw.c, tls_device.c: kTLS sockets. consumers.md 6. */
export class SlowTls implements Twin {
  private readonly world: World
  private readonly messages: SlowSkMsg
  private readonly receiver: SlowTlsReceive
  private readonly device: SlowTlsDevice
  private readonly sockets = new Map<string, Socket>()

  constructor(world: World) {
    this.world = world
    this.messages = new SlowSkMsg(world)
    this.receiver = new SlowTlsReceive(world)
    this.device = new SlowTlsDevice(world, this.messages)
  }

  submit(op: Operation): number {
    const socket = this.socketOf(op.row.file ?? '')
    return op.iter.isDest ? this.receiver.receive(op, socket) : this.send(op, socket)
  }

  /** TCP takes what the operation sent, and what was closed before it. */
  complete({ row, number }: Operation): void {
    this.transmit(this.socketOf(row.file ?? ''), number)
  }

  close(): void {
    for (const socket of this.sockets.values()) this.freeRecords(socket)
    this.messages.dispose()
  }

  private socketOf(name: string): Socket {
    const known = this.sockets.get(name)
    const socket = known ?? { open: null, queue: [], kept: [], error: 0, isAsync: false }
    this.sockets.set(name, socket)
    return socket
  }

  private get prepend(): number {
    return this.world.setup.options.version === 13 ? 5 : 13
  }

  private get overhead(): number {
    return this.world.setup.options.version === 13 ? 22 : 29
  }

  // --- sending

  private send(op: Operation, socket: Socket): number {
    const { iter, row } = op
    const { version, quirks } = this.world.setup
    const has = (flag: 'more' | 'eor' | 'splice') => row.flags?.includes(flag) === true
    const isNew = since(version, '6.12')
    // A send that failed: how far it had come, the trace does not tell.
    if ((row.result ?? 0) < 0) return row.result!
    // A short send took no more than this.
    if (row.result !== undefined) iter.end = Math.min(iter.end, row.result)
    if (iter.count === 0) return 0
    if (has('eor') && !isNew) return EOPNOTSUPP
    if (has('eor') && has('more')) return EINVAL
    // sendmsg(2) drops the flag: it comes with kernel memory only, before 6.5 with pages out of a pipe.
    const canSplice = isNew ? !isUser(iter.type) || quirks['tls-splice-user'] === true : iter.type === 'bvec'
    if (socket.error !== 0) {
      // A connection that failed and yet sends is another one by now; rows without a file are of many.
      if (row.file !== undefined && row.result === undefined) return socket.error
      this.freeRecords(socket)
      Object.assign(socket, { kept: [], error: 0, isAsync: false })
    }
    if (this.isDevice) {
      const splices = has('splice') && canSplice && this.world.setup.options['zerocopy-sendfile'] === 1
      const records = { open: () => this.begin(op, socket).device!, push: () => this.push(op, socket) }
      return this.device.send(iter, records, has('more'), splices)
    }
    if (!has('splice') || !canSplice) return this.sendmsg(op, socket, !has('more'), false)
    return isNew ? this.sendmsg(op, socket, !has('more'), true) : this.sendPages(op, socket)
  }

  /** tls_sw_sendmsg_locked */
  private sendmsg(op: Operation, socket: Socket, isLast: boolean, splices: boolean): number {
    const { iter } = op
    const { world, messages } = this
    const isNew = since(world.setup.version, '6.12')
    // Read once: what the first record finds out counts for the next call.
    const canZeroCopy = iter.type !== 'kvec' && !socket.isAsync
    let sent = 0
    let error = 0
    while (iter.count > 0) {
      const { plain, encrypted } = this.begin(op, socket)
      const before = sizeOf(plain)
      let bytes = Math.min(iter.count, RECORD_MAX - before)
      let isFull = iter.count >= RECORD_MAX - before
      const required = before + bytes + this.overhead
      if (messages.alloc(encrypted, required) === ENOSPC) {
        world.entries.limitHits++
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
        if (plain.length === FRAGS_MAX) {
          isFull = true
          world.entries.limitHits++
          messages.trim(encrypted, sizeOf(plain) + this.overhead)
        }
        if (isFull || isLast) this.push(op, socket)
        continue
      }
      const elements = plain.length
      if (canZeroCopy && (isFull || isLast)) {
        if (messages.zeroCopy(plain, iter, bytes)) {
          world.built(plain.length - elements)
          sent += bytes
          world.data.zeroCopyBytes += bytes
          this.push(op, socket)
          continue
        }
        messages.trim(plain, before)
      }
      if (messages.clone(plain, encrypted, this.prepend + before, bytes) === ENOSPC) {
        world.entries.limitHits++
        bytes = sizeOf(plain) - before
        isFull = true
        messages.trim(encrypted, sizeOf(plain) + this.overhead)
      }
      if (bytes > 0 && iter.copy(bytes) < bytes) {
        messages.trim(plain, before)
        messages.trim(encrypted, before > 0 ? before + this.overhead : 0)
        error = EFAULT
        break
      }
      world.built(plain.length - elements)
      if (isNew && plain.length === FRAGS_MAX && !isFull) {
        isFull = true
        world.entries.limitHits++
        messages.trim(encrypted, sizeOf(plain) + this.overhead)
      }
      sent += bytes
      if (isFull || isLast) this.push(op, socket)
    }
    return sent > 0 ? sent : error
  }

  /**
   * 6.1, tls_sw_do_sendpage: a call for each page, all but the last with MSG_SENDPAGE_NOTLAST. It alone keeps the record
   * open: MSG_MORE is not looked at.
   */
  private sendPages(op: Operation, socket: Socket): number {
    const { iter } = op
    let sent = 0
    while (iter.count > 0) {
      const [piece] = iter.segment()
      let left = piece!.length
      const follows = iter.count > left
      while (left > 0) {
        const { plain, encrypted } = this.begin(op, socket)
        const before = sizeOf(plain)
        const bytes = Math.min(left, RECORD_MAX - before)
        const isFull = left >= RECORD_MAX - before
        this.messages.alloc(encrypted, before + bytes + this.overhead)
        const { page, offset } = iter.toEntry(iter.left()[0]!)
        this.attach(plain, page, offset, bytes)
        iter.position += bytes
        left -= bytes
        sent += bytes
        const isLong = plain.length === FRAGS_MAX
        if (isLong && !isFull) this.world.entries.limitHits++
        if (isFull || !follows || isLong) this.push(op, socket)
      }
    }
    return sent
  }

  /** One page at a time, with a reference each, until the record is full. */
  private splice(iter: Iter, plain: Message, bytes: number): { bytes: number; error: number } {
    let done = 0
    while (done < bytes && plain.length < FRAGS_MAX) {
      // Kernel memory that no row maps is slab: sendpage_ok refuses it.
      if (iter.type === 'kvec') return { bytes: done, error: EIO }
      const { page, offset, length } = iter.toEntry(iter.segment(bytes - done)[0]!)
      iter.position += length
      this.attach(plain, page, offset, length)
      done += length
    }
    return { bytes: done, error: 0 }
  }

  private attach(plain: Message, page: Page, offset: number, length: number): void {
    plain.push({ frag: null, hold: this.world.take('ref', [page]), offset, length })
    this.world.built(1)
    this.world.data.zeroCopyBytes += length
  }

  // --- records

  /** The open record, or a new one: then TCP has taken those that the operation closed before. */
  private begin(op: Operation, socket: Socket): Record {
    if (socket.open === null) {
      const waits = this.isAsync || socket.queue.some(({ operation }) => operation !== op.number)
      if (!waits) this.transmit(socket, op.number)
      socket.open = this.create()
    }
    return socket.open
  }

  private create(): Record {
    if (this.isDevice) {
      const device = this.device.create()
      return { plain: device.frags, encrypted: [], device, operation: 0 }
    }
    this.world.allocate()
    return { plain: [], encrypted: [], device: null, operation: 0 }
  }

  private get isDevice(): boolean {
    return this.world.setup.options.device === 1 && this.world.setup.options.version !== 13
  }

  private get isAsync(): boolean {
    return this.world.setup.options.async === 1
  }

  /** The record is sealed, and waits for TCP. */
  private push(op: Operation, socket: Socket): void {
    const record = socket.open!
    record.operation = op.number
    socket.queue.push(record)
    socket.open = null
    if (this.isAsync) socket.isAsync = true
    // A call that does not wait finds room in the socket.
    else if (op.row.end === undefined) this.transmit(socket, op.number)
  }

  /** TCP takes the records of an operation, and those before them. */
  private transmit(socket: Socket, number: number): void {
    while (socket.queue.some(({ operation }) => operation === number)) this.freeRecord(socket.queue.shift()!)
  }

  private freeRecords(socket: Socket): void {
    for (const record of socket.queue) this.freeRecord(record)
    if (socket.open !== null) this.freeRecord(socket.open)
    socket.queue = []
    socket.open = null
  }

  private freeRecord({ plain, encrypted, device }: Record): void {
    for (const hold of device?.ofTcp ?? []) this.world.drop(hold)
    this.messages.trim(encrypted, 0)
    this.messages.trim(plain, 0)
    this.world.free()
  }
}
