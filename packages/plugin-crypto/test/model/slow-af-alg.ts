import {
  EAGAIN,
  EBUSY,
  EFAULT,
  EINVAL,
  ENOMEM,
  extract,
  type Hold,
  type Iter,
  type Operation,
  PAGE,
  type Page,
  type Row,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { extractToSg, type Sg } from './slow-sg.ts'

const MAX_PAGES = 16
const BLOCK_ENTRIES = 126
const SG_BYTES = 32
const BLOCK_BYTES = 24 + (BLOCK_ENTRIES + 1) * SG_BYTES

/** sizeof, 64-bit: struct af_alg_async_req, struct af_alg_rsgl, struct af_alg_ctx with an IV of 16 bytes. */
const SIZES = {
  '6.1': { areq: 848, rsgl: 704, ctx: 112, optmem: 20_480 },
  '6.12': { areq: 736, rsgl: 592, ctx: 120, optmem: 131_072 },
  '6.18': { areq: 736, rsgl: 592, ctx: 120, optmem: 131_072 },
  mainline: { areq: 728, rsgl: 592, ctx: 120, optmem: 131_072 },
} as const

interface TxEntry {
  page: Page | null
  /** The page is one of the iterator, with a reference, and not one of the socket's own. */
  readonly isSpliced: boolean
  offset: number
  length: number
}

interface Request {
  readonly socket: Socket
  /** Bytes charged to the socket for it. */
  omem: number
  readonly holds: Hold[]
  rsgls: number
  rxEntries: number
  rxBytes: number
  readonly tsgl: { page: Page; isSpliced: boolean }[]
  hasTsgl: boolean
}

interface Socket {
  blocks: TxEntry[][]
  used: number
  /** Bytes at the front that a send which waited took as received. */
  overtaken: number
  overtakenBlocks: number
  merge: boolean
  more: boolean
  init: boolean
  isEncrypting: boolean
  /** Requests that are not freed. */
  readonly requests: Set<Request>
}

/** The two kinds of cipher sockets. */
interface Cipher {
  mustWait(socket: Socket): boolean
  /** Bytes sent for that many to be received. */
  bytesToSend(socket: Socket, bytes: number): number
  check(socket: Socket): number
  receive(op: Operation, request: Request): number
  readonly isAsync: boolean
}

/** crypto/af_alg.c, algif_skcipher.c, algif_aead.c. consumers.md 2.1, 2.2. */
export class SlowCipherSocket implements Twin {
  private readonly world: World
  private readonly sockets = new Map<string, Socket>()
  private readonly inFlight = new Map<number, Request>()
  private readonly cipher: Cipher

  constructor(world: World, kind: 'skcipher' | 'aead') {
    this.world = world
    this.cipher = kind === 'skcipher' ? skcipher(this, world) : aead(this, world)
  }

  submit(op: Operation): number {
    const socket = this.socketOf(op.row)
    return op.iter.isDest ? this.recvmsg(op, socket) : this.sendmsg(op, socket)
  }

  complete({ number }: Operation): void {
    const request = this.inFlight.get(number)
    if (request === undefined) return
    this.inFlight.delete(number)
    this.freeResources(request)
  }

  close(): void {
    for (const socket of this.sockets.values()) this.pull(socket, socket.used, null)
  }

  private socketOf(row: Row): Socket {
    const name = row.file ?? ''
    const known = this.sockets.get(name)
    if (known !== undefined) return known
    const socket: Socket = {
      blocks: [],
      used: 0,
      overtaken: 0,
      overtakenBlocks: 0,
      merge: false,
      more: false,
      init: false,
      isEncrypting: this.world.setup.options.decrypt !== 1,
      requests: new Set(),
    }
    this.sockets.set(name, socket)
    return socket
  }

  // --- af_alg_sendmsg

  private sendmsg({ iter, row }: Operation, socket: Socket): number {
    const { world } = this
    const { quirks } = world.setup
    const isMore = row.flags?.includes('more') === true
    const isSplice = row.flags?.includes('splice') === true
    if (isSplice && quirks['alg-tx-sendpage'] === true && iter.type === 'bvec')
      return this.sendpages({ iter, row }, socket)
    const isListed = isSplice && quirks['alg-tx-splice'] === true
    if (isListed && iter.type !== 'bvec') return EINVAL
    if (socket.init && !socket.more && socket.used > 0) {
      if ((row.result ?? -1) < 0) return EINVAL
      this.pull(socket, socket.used, null)
    }
    socket.init = true
    // Every message has its control data, with ALG_SET_OP.
    socket.isEncrypting = world.setup.options.decrypt !== 1
    let copied = 0
    let error = 0
    let entries = 0
    while (iter.count > 0 && error === 0) {
      if (socket.merge && !isListed) {
        const entry = lastEntry(socket)!
        const bytes = Math.min(iter.count, PAGE - entry.offset - entry.length)
        if (!copyFull(iter, bytes)) error = EFAULT
        else {
          entry.length += bytes
          socket.merge = (entry.offset + entry.length) % PAGE !== 0
          socket.used += bytes
          copied += bytes
        }
        continue
      }
      socket.merge = false
      if (this.room(socket) < PAGE) {
        error = this.waitForRoom(row, socket, copied)
        if (error !== 0) break
      }
      let bytes = Math.min(iter.count, this.room(socket))
      if (!this.allocBlock(socket)) {
        error = ENOMEM
        break
      }
      const block = socket.blocks.at(-1)!
      if (isListed) {
        const listed = extractToSg(world, iter, bytes, BLOCK_ENTRIES - block.length) as Sg
        for (const { page, offset, length } of listed.entries) this.list(socket, page, offset, length)
        copied += listed.bytes
        entries += listed.entries.length
        continue
      }
      let part = 0
      do {
        part = Math.min(bytes, PAGE)
        const page = world.allocPage()
        if (!copyFull(iter, part)) {
          world.putOwn(page)
          error = EFAULT
          break
        }
        block.push({ page, isSpliced: false, offset: 0, length: part })
        entries++
        bytes -= part
        socket.used += part
        copied += part
      } while (bytes > 0 && block.length < BLOCK_ENTRIES)
      if (error === 0) socket.merge = part % PAGE !== 0
    }
    if (error === 0) socket.more = isMore
    world.built(entries)
    return copied > 0 ? copied : error === WAITED ? 0 : error
  }

  /** Before 6.5: af_alg_sendpage() for each bvec, in the quirk's words; it does not look at `init`. */
  private sendpages({ iter, row }: { iter: Iter; row: Row }, socket: Socket): number {
    const { world } = this
    const isMore = row.flags?.includes('more') === true
    let sent = 0
    while (iter.count > 0) {
      if (!socket.more && socket.used > 0) {
        if ((row.result ?? -1) < 0) return sent > 0 ? sent : EINVAL
        this.pull(socket, socket.used, null)
      }
      if (this.room(socket) < PAGE) {
        const error = this.waitForRoom(row, socket, sent)
        if (error !== 0) return sent > 0 ? sent : error === WAITED ? 0 : error
      }
      if (!this.allocBlock(socket)) return sent > 0 ? sent : ENOMEM
      socket.merge = false
      const pieces = iter.segment()
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
      this.list(socket, iter.toEntry(pieces[0]!).page, pieces[0]!.offset, length)
      world.bare += pieces.length
      world.built(1)
      iter.position += length
      sent += length
      socket.more = isMore || iter.count > 0
    }
    return sent
  }

  /** An entry for bytes where they are: of many pages only the first has the reference; those behind it are bare. */
  private list(socket: Socket, page: Page, offset: number, length: number): void {
    this.world.take('ref', [page])
    this.world.bare--
    this.world.data.zeroCopyBytes += length
    socket.blocks.at(-1)!.push({ page, isSpliced: true, offset, length })
    socket.used += length
  }

  /** A send that waits goes on: what is queued is received later in the trace. */
  private waitForRoom(row: Row, socket: Socket, copied: number): number {
    const { result } = row
    this.world.entries.limitHits++
    if (result !== undefined && result >= 0 && copied >= result) return WAITED
    if (result !== undefined && result < 0) return result
    if (result === undefined && row.flags?.includes('nowait') === true) return EAGAIN
    socket.overtaken = socket.used
    socket.overtakenBlocks = socket.blocks.length
    return 0
  }

  /** af_alg_sndbuf */
  private room(socket: Socket): number {
    return bufferBytes(this.world.setup.options.sndbuf) - (socket.used - socket.overtaken)
  }

  /** af_alg_rcvbuf, with nothing in flight */
  private rcvbuf(): number {
    return bufferBytes(this.world.setup.options.rcvbuf)
  }

  private allocBlock(socket: Socket): boolean {
    const last = socket.blocks.at(-1)
    if (last !== undefined && last.length < BLOCK_ENTRIES) return true
    if (last !== undefined) this.world.entries.limitHits++
    const others = [...socket.requests].reduce((sum, { omem }) => sum + omem, 0)
    if (!this.charge(socket, others, BLOCK_BYTES)) return false
    socket.blocks.push([])
    return true
  }

  /** sock_kmalloc: the socket itself, its blocks and what requests have may not be more than optmem_max. */
  private charge(socket: Socket, ofRequests: number, bytes: number): boolean {
    const { ctx, optmem } = SIZES[this.world.setup.version]
    const max = this.world.setup.options['optmem-max'] || optmem
    const held = ctx + (socket.blocks.length - socket.overtakenBlocks) * BLOCK_BYTES + ofRequests
    if (bytes > max || held + bytes >= max) {
      this.world.entries.limitHits++
      return false
    }
    this.world.allocate()
    return true
  }

  private chargeRequest(request: Request, bytes: number): boolean {
    if (!this.charge(request.socket, request.omem, bytes)) return false
    request.omem += bytes
    return true
  }

  /** Queues bytes that a send put there which the trace does not show, and ends that message. */
  private queueUnseen(socket: Socket, bytes: number): void {
    socket.init = true
    let left = bytes
    while (left > 0) {
      const last = lastEntry(socket)
      if (socket.merge && last !== undefined) {
        const part = Math.min(left, PAGE - last.offset - last.length)
        last.length += part
        socket.used += part
        left -= part
        socket.merge = (last.offset + last.length) % PAGE !== 0
        continue
      }
      if (!this.allocBlock(socket)) return
      const part = Math.min(left, PAGE)
      socket.blocks.at(-1)!.push({ page: this.world.allocPage(), isSpliced: false, offset: 0, length: part })
      socket.used += part
      left -= part
      socket.merge = part % PAGE !== 0
    }
    socket.more = false
  }

  // --- skcipher_recvmsg, aead_recvmsg

  private recvmsg(op: Operation, socket: Socket): number {
    let received = 0
    while (op.iter.count > 0) {
      const bytes = this.receiveOnce(op, socket, received)
      if (bytes <= 0) return received > 0 ? received : bytes === WAITED ? 0 : bytes
      received += bytes
    }
    return received
  }

  private receiveOnce(op: Operation, socket: Socket, received: number): number {
    if (this.cipher.mustWait(socket)) {
      const error = this.waitForData(op, socket, received)
      if (error !== 0) return error
    }
    const checked = this.cipher.check(socket)
    if (checked !== 0) return checked
    // The one before, of the same call, has ended: this call makes a further one.
    const before = this.inFlight.get(op.number)
    if (before !== undefined) {
      this.inFlight.delete(op.number)
      this.freeResources(before)
    }
    // One whose result tells that it was not refused was of another socket.
    if (socket.requests.size > 0 && (op.row.result ?? -1) < 0) return EBUSY
    const request: Request = {
      socket,
      omem: 0,
      holds: [],
      rsgls: 0,
      rxEntries: 0,
      rxBytes: 0,
      tsgl: [],
      hasTsgl: false,
    }
    if (!this.chargeRequest(request, SIZES[this.world.setup.version].areq)) return ENOMEM
    socket.requests.add(request)
    const bytes = this.cipher.receive(op, request)
    if (bytes >= 0 && this.cipher.isAsync) this.inFlight.set(op.number, request)
    else this.freeResources(request)
    return bytes
  }

  private waitForData({ row, iter }: Operation, socket: Socket, received: number): number {
    const { result } = row
    if (result !== undefined) {
      if (result < 0) return received > 0 ? WAITED : result
      if (received >= result) return WAITED
    } else if (row.flags?.includes('nowait') === true) return EAGAIN
    else if (received > 0) return WAITED
    // No more than one request is sure to receive, and a socket queues.
    const asked = result === undefined ? iter.count : Math.min(result - received, iter.count)
    const wanted = Math.min(asked, this.rcvbuf())
    const total = this.cipher.bytesToSend(socket, wanted)
    const queued = Math.min(total, bufferBytes(this.world.setup.options.sndbuf))
    this.queueUnseen(socket, Math.max(queued - socket.used, 0))
    return 0
  }

  /** af_alg_get_rsgl: bytes listed, or an errno; what is listed is freed with the request. */
  getRsgl({ iter }: Operation, request: Request, bytesMax: number): number {
    const { world } = this
    const { version, policy } = world.setup
    let isFull = false
    while (bytesMax > request.rxBytes && iter.count > 0) {
      const room = this.rcvbuf() - request.rxBytes
      if (room < PAGE) {
        world.entries.limitHits++
        break
      }
      const wanted = Math.min(bytesMax - request.rxBytes, iter.count)
      const seglen = since(version, '6.12') ? Math.min(wanted, room) : wanted
      if (isFull) world.entries.limitHits++
      if (request.rsgls > 0 && !this.chargeRequest(request, SIZES[version].rsgl)) return ENOMEM
      request.rsgls++
      const got =
        policy === 'get-pages' ? extract(world, iter, MAX_PAGES, seglen) : extractToSg(world, iter, seglen, MAX_PAGES)
      if (typeof got === 'number') return got
      request.holds.push(...('holds' in got ? got.holds : got.hold === null ? [] : [got.hold]))
      request.rxEntries += got.entries.length
      request.rxBytes += got.bytes
      isFull = got.entries.length === MAX_PAGES
    }
    return request.rxBytes
  }

  /** The request's own array of transmit entries, filled from the front of the list. */
  pullTx(request: Request, bytes: number, offset?: number): number {
    const { socket } = request
    const entries = Math.max(this.countTsgl(socket, bytes, offset), 1)
    if (!this.chargeRequest(request, entries * SG_BYTES)) return ENOMEM
    request.hasTsgl = true
    this.pull(socket, bytes, request.tsgl, offset)
    this.world.built(request.rxEntries + entries)
    return 0
  }

  /** Entries that were taken whole and have no page any more count too, with no bytes; not so where an offset was asked for. */
  private countTsgl(socket: Socket, bytes: number, offset?: number): number {
    if (bytes === 0) return 0
    let count = 0
    let left = bytes
    let skipped = offset ?? 0
    for (const entry of socket.blocks.flat()) {
      if (offset !== undefined && skipped >= entry.length) {
        skipped -= entry.length
        left -= entry.length
        continue
      }
      // Where the offset is, too few bytes are counted: the array may be an entry longer than needed.
      const after = entry.length - skipped
      skipped = 0
      count++
      if (after >= left) return count
      left -= after
    }
    return count
  }

  /** Takes bytes off the front; `into` gets those from an offset on, with a reference of its own. */
  pull(socket: Socket, bytes: number, into: Request['tsgl'] | null, offset = 0): void {
    let left = bytes
    let skipped = offset
    socket.overtaken = Math.max(socket.overtaken - bytes, 0)
    while (socket.blocks.length > 0) {
      for (const entry of socket.blocks[0]!) {
        const { page, isSpliced } = entry
        if (page === null) continue
        const part = Math.min(left, entry.length)
        if (into !== null && skipped >= part) skipped -= part
        else if (into !== null) {
          skipped = 0
          if (isSpliced) this.world.take('ref', [page])
          else page.held++
          into.push({ page, isSpliced })
        }
        entry.length -= part
        entry.offset += part
        left -= part
        socket.used -= part
        if (entry.length > 0) return
        this.putPage(page, isSpliced)
        entry.page = null
      }
      socket.blocks.shift()
      this.world.free()
      socket.overtakenBlocks = Math.max(socket.overtakenBlocks - 1, 0)
    }
    if (socket.used === 0) socket.merge = false
    socket.init = socket.more
  }

  private putPage(page: Page, isSpliced: boolean): void {
    if (isSpliced) this.world.drop({ kind: 'ref', pages: [page] })
    else this.world.putOwn(page)
  }

  /** af_alg_free_resources */
  private freeResources(request: Request): void {
    const { socket } = request
    for (const hold of request.holds) this.world.drop(hold)
    for (const { page, isSpliced } of request.tsgl) this.putPage(page, isSpliced)
    if (request.hasTsgl) this.world.free()
    // The request itself, and every receive list but the first, which is part of it.
    this.world.free()
    for (let i = 1; i < request.rsgls; i++) this.world.free()
    socket.requests.delete(request)
  }
}

/** A wait that ends with what the call has. */
const WAITED = Number.NEGATIVE_INFINITY

/** Whole pages, and one at least. */
function bufferBytes(bytes = 212_992): number {
  return Math.max(bytes - (bytes % PAGE), PAGE)
}

function lastEntry(socket: Socket): TxEntry | undefined {
  return socket.blocks.at(-1)?.at(-1)
}

/** memcpy_from_msg: all of it, or the iterator goes back. */
export function copyFull(iter: Iter, bytes: number): boolean {
  const start = iter.position
  if (iter.copy(bytes) === bytes) return true
  iter.position = start
  return false
}

function skcipher(all: SlowCipherSocket, world: World): Cipher {
  const { version, options } = world.setup
  const chunk = options['chunk-size'] ?? 16
  return {
    isAsync: version === '6.1',
    mustWait: (socket) => !socket.init || (socket.more && socket.used < chunk),
    bytesToSend: (_, bytes) => bytes,
    check: () => 0,
    receive(op, request) {
      const { socket } = request
      const { used } = socket
      let bytes = all.getRsgl(op, request, used)
      if (bytes < 0) return bytes
      if (socket.more || bytes < used) {
        const excess = bytes % chunk
        bytes -= excess
        if (since(version, '6.12')) {
          op.iter.position -= excess
          if (bytes === 0) return EINVAL
        }
      }
      const error = all.pullTx(request, bytes)
      if (error !== 0) return error
      world.data.zeroCopyBytes += bytes
      return bytes
    },
  }
}

function aead(all: SlowCipherSocket, world: World): Cipher {
  const { version, options } = world.setup
  const assoclen = options.assoclen ?? 0
  const authsize = options.authsize ?? 16
  const tagIn = (socket: Socket) => (socket.isEncrypting ? 0 : authsize)
  /** Before 2026: all is copied into the receive list, and the cipher works there. */
  const encryptInPlace = (request: Request, processed: number, out: number) => {
    all.pull(request.socket, processed, null)
    world.built(request.rxEntries)
    world.data.copiedBytes += processed
    world.data.zeroCopyBytes += out - processed
    return out
  }
  /** The tag stays where it was sent to, chained behind the receive list. */
  const decryptInPlace = (request: Request, processed: number, out: number) => {
    const error = all.pullTx(request, processed, processed - authsize)
    if (error !== 0) return error
    world.data.copiedBytes += out
    return out
  }
  return {
    isAsync: version !== 'mainline',
    mustWait: (socket) => !socket.init || socket.more,
    bytesToSend(socket, bytes) {
      socket.isEncrypting = options.decrypt !== 1 && bytes >= assoclen + authsize
      return socket.isEncrypting ? bytes - authsize : Math.max(bytes, assoclen) + authsize
    },
    check: (socket) => (socket.used >= assoclen + tagIn(socket) ? 0 : EINVAL),
    receive(op, request) {
      const { socket } = request
      let out = socket.used + (socket.isEncrypting ? authsize : -authsize)
      let text = socket.used - assoclen
      const listed = all.getRsgl(op, request, out)
      if (listed < 0) return listed
      if (listed < out) {
        const less = out - listed
        const isInPlace = world.setup.quirks['alg-aead-in-place'] === true
        if (text < less + (isInPlace ? 0 : tagIn(socket))) return EINVAL
        text -= less
        out -= less
      }
      const processed = text + assoclen
      if (world.setup.quirks['alg-aead-in-place'] === true) {
        return socket.isEncrypting ? encryptInPlace(request, processed, out) : decryptInPlace(request, processed, out)
      }
      const error = all.pullTx(request, processed)
      if (error !== 0) return error
      world.data.copiedBytes += assoclen
      world.data.zeroCopyBytes += out - assoclen
      return out
    },
  }
}
