import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerEnvironment,
  type ConsumerOption,
  defineConsumer,
  EINVAL,
  isSince,
  KERNEL_ITER_TYPE_NAMES,
  type Operation,
  SCATTERLIST_BYTES,
} from '@pinscope/core'
import { CipherSocket, type CipherType } from './cipher-socket.ts'
import { BYTES_CUT, CIPHER_COUNTERS } from './counters.ts'
import { CIPHER_LIMITS, CIPHER_OPTIONS, MAX_SGL_ENTS } from './limits.ts'

const OPTIONS: readonly ConsumerOption[] = [
  ...CIPHER_OPTIONS,
  {
    name: 'chunk-size',
    summary:
      'bytes that the cipher works on at once: a request that is not the last of its message ends on a whole chunk',
    unit: 'bytes',
    default: 16,
    min: 1,
    max: 4096,
    powerOfTwo: true,
    header: null,
  },
]

/**
 * Receives of an AF_ALG skcipher socket: data out of the transmit list, through the cipher, into the receive lists.
 *
 * Where more data is to come, or the receive lists are shorter than what is queued, the request ends on a whole chunk. The
 * iterator goes back over the rest, and with no chunk at all it is -EINVAL. 6.1 stays behind the rest (quirk
 * `alg-excess-skipped`), so that the next request of the call leaves a gap in the buffer, and no chunk is 0 bytes.
 *
 * 6.1 completes requests of asynchronous I/O later; 6.12.117 and mainline always wait (6.18 is taken as 6.12).
 *
 * The cipher is not modelled: no length is refused that is not whole blocks, and it carries no state from request to
 * request (`ctx->state` has a size for arc4 alone).
 *
 * @kernel crypto/algif_skcipher.c: _skcipher_recvmsg
 */
class Skcipher implements CipherType {
  readonly isAsync: boolean
  private readonly skipsExcess: boolean
  private readonly refusesNothing: boolean
  private readonly chunkBytes: number
  private readonly all: CipherSocket

  constructor(all: CipherSocket, { kernel, options, traits }: ConsumerEnvironment) {
    this.all = all
    this.isAsync = !isSince(kernel, '6.12')
    this.skipsExcess = traits.quirks['alg-excess-skipped']
    this.refusesNothing = isSince(kernel, '6.12')
    this.chunkBytes = options['chunk-size']
  }

  mustWait(socket: number): boolean {
    const { sockets } = this.all
    if (sockets.init[socket] === 0) return true
    return sockets.more[socket] !== 0 && sockets.used[socket] < this.chunkBytes
  }

  bytesToSend(_socket: number, bytes: number): number {
    return bytes
  }

  check(): number {
    return 0
  }

  run(io: Operation, socket: number, request: number): number {
    const { counts, passThrough, requests, rx, sockets, tx } = this.all
    const used = sockets.used[socket]
    let bytes = rx.get(io, request, used)
    if (bytes < 0) return bytes
    if (sockets.more[socket] !== 0 || bytes < used) {
      const excess = bytes % this.chunkBytes
      bytes -= excess
      counts[BYTES_CUT] += excess
      if (!this.skipsExcess) io.iter.revert(excess)
      if (bytes === 0 && this.refusesNothing) return EINVAL
    }
    const error = requests.pullTx(io, request, tx.countTsgl(socket, bytes), bytes)
    if (error !== 0) return error
    io.built(requests.entries[request] + requests.tsglEntries[request], SCATTERLIST_BYTES)
    io.reachedInPlace(bytes)
    rx.tell(io, request, bytes)
    passThrough.run(io, requests.tsgl[request], requests.rxSgl(request), bytes)
    return bytes
  }
}

function create(environment: ConsumerEnvironment): Consumer {
  return new CipherSocket(environment, (all) => new Skcipher(all, environment))
}

/** AF_ALG sockets of type skcipher. */
export const afAlgSkcipher = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'af-alg-skcipher',
  summary:
    'AF_ALG skcipher sockets: sends are copied into a transmit list, receives reach user memory through lists of 16 entries',
  kernel: 'crypto/algif_skcipher.c: _skcipher_recvmsg; crypto/af_alg.c: af_alg_sendmsg, af_alg_get_rsgl',
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: MAX_SGL_ENTS,
  avoided:
    'copyBytes: bytes received, which the cipher writes where they belong and no copy_to_user has to; sent bytes are copied ' +
    '(with the quirks alg-tx-sendpage and alg-tx-splice spliced ones are not). entries: elements of page arrays that kernel ' +
    'memory does not need since 6.3. allocations: none.',
  options: OPTIONS,
  limits: CIPHER_LIMITS,
  counters: CIPHER_COUNTERS,
  kernelPolicy: (kernel) => (isSince(kernel, '6.12') ? 'extract' : 'get-pages'),
  create,
})
