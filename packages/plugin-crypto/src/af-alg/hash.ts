import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerCounter,
  type ConsumerEnvironment,
  type ConsumerOption,
  countersOf,
  defineConsumer,
  EFAULT,
  EIO,
  ENOMEM,
  FLAG_MORE,
  FLAG_SPLICE,
  ITER_BVEC,
  ITER_SOURCE,
  isSince,
  KERNEL_ITER_TYPE_NAMES,
  MAX_RW_COUNT,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'
import { HashChunk } from './hash-chunk.ts'
import { HashSockets } from './hash-sockets.ts'
import { ALG_MAX_PAGES, MAX_PAGES_LIMIT, SNDBUF_OPTION, SOCKET_BUFFER_BYTES } from './limits.ts'

const MESSAGES = 0
const UPDATES = 1
const DIGESTS = 2
const RESULTS = 3

const COUNTERS: readonly ConsumerCounter[] = [
  { name: 'messages', summary: 'hashes begun' },
  { name: 'updates', summary: 'chunks hashed, those of one-shot digests not included' },
  { name: 'digests', summary: 'one-shot digests: a whole message in one chunk (since 6.5)' },
  { name: 'results', summary: 'buffers allocated for a digest' },
]

const OPTIONS: readonly ConsumerOption[] = [
  SNDBUF_OPTION,
  {
    name: 'digest-size',
    summary: 'bytes of a digest: what a receive returns at most',
    unit: 'bytes',
    default: 32,
    min: 1,
    max: 64,
    powerOfTwo: false,
    header: null,
  },
]

/**
 * AF_ALG hash sockets: what is sent is hashed at once, in chunks of at most 16 pages, and no page outlives the call. A receive
 * copies the digest.
 *
 * 6.1 takes a segment of the iterator at a time, at most 64 KiB and at most the send buffer, and finishes with a call of its
 * own; a spliced page is hashed where it is, with nothing taken on it (hash_sendpage). Since 6.5 a chunk spans segments, and
 * a message of one chunk is one digest. What was hashed before a failure is the result of the call; 6.1 then carries on with
 * a new message, and since 6.5 the digest's buffer is freed as well.
 *
 * The hash itself is not modelled.
 * @kernel crypto/algif_hash.c: hash_sendmsg, hash_sendpage (6.1), hash_recvmsg
 */
class AlgHash implements Consumer {
  private readonly sockets = new HashSockets()
  private readonly chunk: HashChunk
  private readonly counts = new Float64Array(COUNTERS.length)
  private readonly isOld: boolean
  private readonly sndbufBytes: number
  private readonly digestBytes: number

  constructor({ kernel, ledger, memory, options }: ConsumerEnvironment) {
    this.chunk = new HashChunk(memory, ledger)
    this.isOld = !isSince(kernel, '6.12')
    this.sndbufBytes = options.sndbuf
    this.digestBytes = options['digest-size']
  }

  submit(io: Operation): number {
    const socket = this.sockets.rowOf(io.file)
    if (io.iter.direction !== ITER_SOURCE) return this.recvmsg(io, socket)
    if (!this.isOld) return this.sendmsg(io, socket)
    const isSpliced = (io.flags & FLAG_SPLICE) !== 0 && io.iter.type === ITER_BVEC
    return isSpliced ? this.sendPages(io, socket) : this.sendmsgOld(io, socket)
  }

  /** A call that failed has let go of what it had. */
  abort(): void {}

  complete(): void {}

  /** @kernel crypto/algif_hash.c: hash_sock_destruct */
  close(io: Operation): void {
    for (let socket = 0; socket < this.sockets.length; socket++) this.freeResult(io, socket)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(COUNTERS, this.counts)
  }

  /** @kernel crypto/algif_hash.c: hash_sendmsg (since 6.5) */
  private sendmsg(io: Operation, socket: number): number {
    const { sockets } = this
    const isMore = (io.flags & FLAG_MORE) !== 0
    if (sockets.more[socket] === 0) {
      this.freeResult(io, socket)
      if (io.iter.countBytes === 0) return 0
      this.counts[MESSAGES]++
    } else if (io.iter.countBytes === 0 && !isMore && !this.allocResult(io, socket)) {
      return this.fail(io, socket, ENOMEM)
    }
    let isContinuing = sockets.more[socket] !== 0
    let hashed = 0
    while (io.iter.countBytes > 0) {
      const bytes = this.takeChunk(io, socket)
      if (bytes < 0) {
        const error = this.fail(io, socket, bytes)
        return hashed > 0 ? hashed : error
      }
      if (io.iter.countBytes === 0 && !isContinuing && !isMore) this.counts[DIGESTS]++
      else this.counts[UPDATES]++
      isContinuing = true
      hashed += bytes
      this.chunk.letGo(io.ledger)
    }
    sockets.more[socket] = isMore ? 1 : 0
    return hashed
  }

  /** The next chunk, and a buffer for the digest with the last one: bytes, or an errno. */
  private takeChunk(io: Operation, socket: number): number {
    const pagesMax = Math.min(ALG_MAX_PAGES, Math.ceil(this.sndbufBytes / PAGE_SIZE))
    const pages = io.iter.npages(pagesMax)
    if (pages === 0) return EIO
    const bytes = this.chunk.take(io, pages, MAX_RW_COUNT)
    if (bytes < 0) return bytes
    if (io.iter.countBytes === 0) return this.allocResult(io, socket) ? bytes : ENOMEM
    if (this.chunk.nents === pages) io.limitHit()
    return bytes
  }

  private fail(io: Operation, socket: number, error: number): number {
    this.chunk.letGo(io.ledger)
    this.freeResult(io, socket)
    this.sockets.more[socket] = 0
    return error
  }

  /** @kernel crypto/algif_hash.c: hash_sendmsg (6.1) */
  private sendmsgOld(io: Operation, socket: number): number {
    const { chunk, sockets } = this
    const isMore = (io.flags & FLAG_MORE) !== 0
    const limit = Math.min(ALG_MAX_PAGES * PAGE_SIZE, this.sndbufBytes)
    if (sockets.more[socket] === 0) this.begin(io, socket, isMore)
    sockets.more[socket] = 0
    let hashed = 0
    while (io.iter.countBytes > 0) {
      const bytes = chunk.take(io, ALG_MAX_PAGES, Math.min(io.iter.countBytes, limit))
      if (bytes < 0) return hashed > 0 ? hashed : bytes
      this.counts[UPDATES]++
      chunk.letGo(io.ledger)
      if (chunk.nents === ALG_MAX_PAGES && io.iter.countBytes > 0) io.limitHit()
      hashed += bytes
    }
    sockets.more[socket] = isMore ? 1 : 0
    return isMore || this.allocResult(io, socket) ? hashed : ENOMEM
  }

  /** A call for each page: all but the last say that more follows. @kernel crypto/algif_hash.c: hash_sendpage (6.1) */
  private sendPages(io: Operation, socket: number): number {
    const { chunk, sockets } = this
    const isMore = (io.flags & FLAG_MORE) !== 0
    let hashed = 0
    while (io.iter.countBytes > 0) {
      const bytes = chunk.takePage(io)
      if (bytes < 0) return hashed > 0 ? hashed : bytes
      const isLast = io.iter.countBytes === 0 && !isMore
      if (isLast && !this.allocResult(io, socket)) return hashed > 0 ? hashed : ENOMEM
      const isNew = sockets.more[socket] === 0
      if (isNew) this.begin(io, socket, !isLast)
      this.counts[isLast && isNew ? DIGESTS : UPDATES]++
      sockets.more[socket] = isLast ? 0 : 1
      hashed += bytes
    }
    return hashed
  }

  /** Begins a message; a digest that was not fetched is thrown away when more is to come. */
  private begin(io: Operation, socket: number, isMore: boolean): void {
    if (isMore) this.freeResult(io, socket)
    this.counts[MESSAGES]++
  }

  /** @kernel crypto/algif_hash.c: hash_recvmsg */
  private recvmsg(io: Operation, socket: number): number {
    const { sockets } = this
    const bytes = Math.min(io.iter.countBytes, this.digestBytes)
    const isFinal = sockets.hasResult[socket] === 0 || sockets.more[socket] !== 0
    if (!this.allocResult(io, socket)) return ENOMEM
    if (isFinal) sockets.more[socket] = 0
    const copied = io.copy(bytes)
    this.freeResult(io, socket)
    return copied === bytes ? bytes : EFAULT
  }

  /** @kernel crypto/algif_hash.c: hash_alloc_result */
  private allocResult(io: Operation, socket: number): boolean {
    if (this.sockets.hasResult[socket] !== 0) return true
    if (!io.allocate(this.digestBytes)) return false
    this.sockets.hasResult[socket] = 1
    this.counts[RESULTS]++
    return true
  }

  /** @kernel crypto/algif_hash.c: hash_free_result */
  private freeResult(io: Operation, socket: number): void {
    if (this.sockets.hasResult[socket] === 0) return
    this.sockets.hasResult[socket] = 0
    io.free(this.digestBytes)
  }
}

/** AF_ALG sockets of type hash. */
export const afAlgHash = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'af-alg-hash',
  summary: 'AF_ALG hash sockets: what is sent is hashed where it is, in chunks of 16 pages, and let go at once',
  kernel: 'crypto/algif_hash.c: hash_sendmsg, hash_recvmsg',
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: ALG_MAX_PAGES,
  avoided:
    'copyBytes: bytes sent, which are hashed where they are; the digest is copied. entries and allocations: none, since a ' +
    'chunk has one list, which is part of the socket.',
  options: OPTIONS,
  limits: [
    MAX_PAGES_LIMIT,
    {
      name: 'sk_sndbuf',
      max: SOCKET_BUFFER_BYTES,
      unit: 'bytes',
      summary: 'bytes of one chunk, where that is less than 16 pages (since 6.5 rounded up to pages)',
      kernel: 'crypto/algif_hash.c: hash_sendmsg',
    },
  ],
  counters: COUNTERS,
  kernelPolicy: (kernel) => (isSince(kernel, '6.12') ? 'extract' : 'get-pages'),
  create: (environment) => new AlgHash(environment),
})
