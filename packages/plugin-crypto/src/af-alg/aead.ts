import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerEnvironment,
  type ConsumerOption,
  defineConsumer,
  EINVAL,
  flagOption,
  isSince,
  KERNEL_ITER_TYPE_NAMES,
  numberOption,
  type Operation,
  SCATTERLIST_BYTES,
  SG_NONE,
} from '@pinscope/core'
import { CipherSocket, type CipherType } from './cipher-socket.ts'
import { CIPHER_COUNTERS } from './counters.ts'
import { CIPHER_LIMITS, CIPHER_OPTIONS, MAX_SGL_ENTS } from './limits.ts'

const OPTIONS: readonly ConsumerOption[] = [
  ...CIPHER_OPTIONS,
  numberOption(
    'assoclen',
    'ALG_SET_AEAD_ASSOCLEN: bytes at the start of each message that are authenticated only',
    'bytes',
    0,
    0,
    65_536,
  ),
  numberOption('authsize', 'ALG_SET_AEAD_AUTHSIZE: bytes of the tag', 'bytes', 16, 0, 64),
  flagOption('decrypt', 'ALG_SET_OP: 1 decrypts, 0 encrypts'),
]

/**
 * Receives of an AF_ALG aead socket. A message is AAD || text to encrypt, or AAD || text || tag to decrypt, and is whole
 * before it is received; what comes out is AAD || text || tag, or AAD || text. A buffer that is shorter takes a shorter part
 * of the text; one that has no room for the AAD and tag alone is -EINVAL.
 *
 * The AAD is copied by the CPU, the rest goes from the transmit entries into the receive lists through the cipher. Before
 * 2026 (quirk `alg-aead-in-place`, in no modelled version) everything but the tag of a message to decrypt was copied into
 * the receive lists first, and the cipher worked on them in place; the tag's pages were chained behind them.
 *
 * 6.1 and 6.12 complete requests of asynchronous I/O later, mainline always waits (6.18 is taken as 6.12).
 * @kernel crypto/algif_aead.c: _aead_recvmsg, aead_sufficient_data
 */
class Aead implements CipherType {
  readonly isAsync: boolean
  private readonly isInPlace: boolean
  private readonly assocBytes: number
  private readonly authBytes: number
  private readonly isDecrypting: boolean
  private readonly all: CipherSocket

  constructor(all: CipherSocket, { kernel, options, traits }: ConsumerEnvironment) {
    this.all = all
    this.isAsync = !isSince(kernel, 'mainline')
    this.isInPlace = traits.quirks['alg-aead-in-place']
    this.assocBytes = options.assoclen
    this.authBytes = options.authsize
    this.isDecrypting = options.decrypt === 1
  }

  mustWait(socket: number): boolean {
    const { sockets } = this.all
    return sockets.init[socket] === 0 || sockets.more[socket] !== 0
  }

  /** An unseen message for a buffer without room for a tag was one to decrypt. */
  bytesToSend(socket: number, bytes: number): number {
    const { assocBytes, authBytes } = this
    const isEncrypting = !this.isDecrypting && bytes >= assocBytes + authBytes
    this.all.sockets.isEncrypting[socket] = isEncrypting ? 1 : 0
    if (isEncrypting) return bytes - authBytes
    return (bytes > assocBytes ? bytes : assocBytes) + authBytes
  }

  check(socket: number): number {
    const { sockets } = this.all
    return sockets.used[socket] < this.assocBytes + this.tagSent(socket) ? EINVAL : 0
  }

  run(io: Operation, socket: number, request: number): number {
    const { requests, rx, sockets } = this.all
    const tagSent = this.tagSent(socket)
    const queued = sockets.used[socket]
    let outBytes = sockets.isEncrypting[socket] !== 0 ? queued + this.authBytes : queued - this.authBytes
    let used = queued - this.assocBytes
    const listed = rx.get(io, request, outBytes)
    if (listed < 0) return listed
    if (listed < outBytes) {
      const less = outBytes - listed
      // Looked at without the tag while the cipher worked in place.
      if (used < less + (this.isInPlace ? 0 : tagSent)) return EINVAL
      used -= less
      outBytes -= less
    }
    const copied = this.pull(io, socket, request, used + this.assocBytes, outBytes)
    if (copied < 0) return copied
    io.built(requests.entries[request] + requests.tsglEntries[request], SCATTERLIST_BYTES)
    io.copied(copied)
    io.reachedInPlace(outBytes - copied)
    rx.tell(io, request, outBytes)
    return outBytes
  }

  /** Takes the message's bytes out of the transmit list: how many of them the CPU copied, or -ENOMEM. */
  private pull(io: Operation, socket: number, request: number, bytes: number, outBytes: number): number {
    const { passThrough, requests, tx } = this.all
    if (this.isInPlace) return this.pullInPlace(io, socket, request, bytes, outBytes)
    const error = requests.pullTx(io, request, tx.countTsgl(socket, bytes), bytes)
    if (error !== 0) return error
    const text = bytes < outBytes ? bytes : outBytes
    passThrough.run(io, requests.tsgl[request], requests.rxSgl(request), text)
    return this.assocBytes
  }

  /** @kernel crypto/algif_aead.c: crypto_aead_copy_sgl (before 2026) */
  private pullInPlace(io: Operation, socket: number, request: number, bytes: number, outBytes: number): number {
    const { requests, sockets, tx } = this.all
    if (sockets.isEncrypting[socket] !== 0) {
      tx.pull(io, socket, bytes, SG_NONE)
      return bytes
    }
    const tag = bytes - this.authBytes
    const error = requests.pullTx(io, request, tx.countTsglFrom(socket, bytes, tag), bytes, tag)
    return error !== 0 ? error : outBytes
  }

  /** Bytes of the tag in what was sent. */
  private tagSent(socket: number): number {
    return this.all.sockets.isEncrypting[socket] !== 0 ? 0 : this.authBytes
  }
}

function create(environment: ConsumerEnvironment): Consumer {
  return new CipherSocket(environment, (all) => new Aead(all, environment))
}

/** AF_ALG sockets of type aead. */
export const afAlgAead = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'af-alg-aead',
  summary: 'AF_ALG aead sockets: as skcipher, with associated data that is copied and a tag that is made or checked',
  kernel: 'crypto/algif_aead.c: _aead_recvmsg; crypto/af_alg.c: af_alg_sendmsg, af_alg_get_rsgl',
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: MAX_SGL_ENTS,
  avoided:
    'copyBytes: bytes received, less the associated data, which the CPU copies. entries: elements of page arrays that kernel ' +
    'memory does not need since 6.3. allocations: none.',
  options: OPTIONS,
  limits: CIPHER_LIMITS,
  counters: CIPHER_COUNTERS,
  kernelPolicy: (kernel) => (isSince(kernel, '6.12') ? 'extract' : 'get-pages'),
  create,
})
