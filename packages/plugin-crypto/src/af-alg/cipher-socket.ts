import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  ENOMEM,
  ITER_SOURCE,
  isSince,
  type Operation,
  Scatterlists,
  SG_NONE,
} from '@pinscope/core'
import { AlgRequests, REQUEST_NONE } from './alg-requests.ts'
import { AlgSend } from './alg-send.ts'
import { AlgSockets } from './alg-sockets.ts'
import { CIPHER_COUNTERS } from './counters.ts'
import { ALG_SIZES, type AlgSizes } from './limits.ts'
import { PassThrough } from './pass-through.ts'
import { RxLists } from './rx-lists.ts'
import { TxLists } from './tx-lists.ts'
import { GOES_ON, waitEnds } from './unseen.ts'

/** What skcipher and aead sockets differ in: how one receive is made. */
export interface CipherType {
  /** A request may be in flight when the call returns: its memory is held until it completes. */
  readonly isAsync: boolean
  /** What is queued does not do: the receive waits. */
  mustWait(socket: number): boolean
  /** Bytes to be queued so that `bytes` bytes are received; `socket` gets what the unseen message is for. */
  bytesToSend(socket: number, bytes: number): number
  /** 0, or an errno before anything is allocated. */
  check(socket: number): number
  /** Fills the request, and runs it: bytes received, or an errno. The caller frees it. */
  run(io: Operation, socket: number, request: number): number
}

/**
 * The sockets of one cipher consumer. Sends queue data, a receive makes requests of it, one after the other, as long as its
 * buffer lasts: each is freed before the next begins. The last one is freed in `complete` where the version completes
 * requests asynchronously, and before the call returns where it does not.
 *
 * @kernel crypto/algif_skcipher.c: skcipher_recvmsg; crypto/algif_aead.c: aead_recvmsg; crypto/af_alg.c: af_alg_async_cb
 */
export class CipherSocket implements Consumer {
  readonly lists = new Scatterlists()
  readonly sockets: AlgSockets
  readonly tx: TxLists
  readonly requests: AlgRequests
  readonly rx: RxLists
  readonly send: AlgSend
  readonly passThrough: PassThrough
  readonly counts = new Float64Array(CIPHER_COUNTERS.length)
  private readonly type: CipherType
  /** The request of the receive at work. */
  private request = REQUEST_NONE

  constructor(environment: ConsumerEnvironment, makeType: (sockets: CipherSocket) => CipherType) {
    const { kernel, ledger, memory, options } = environment
    const sizes = sizesOf(environment)
    this.sockets = new AlgSockets(options.sndbuf)
    this.tx = new TxLists(this.lists, this.sockets, sizes, this.counts)
    this.requests = new AlgRequests(this.lists, sizes, this.sockets, this.tx, this.counts)
    this.rx = new RxLists(memory, ledger, this.requests, options.rcvbuf, isSince(kernel, '6.12'))
    this.send = new AlgSend(memory, ledger, this.sockets, this.tx, this.counts, options.decrypt !== 1)
    this.passThrough = new PassThrough(this.lists)
    this.type = makeType(this)
  }

  submit(io: Operation): number {
    const socket = this.sockets.rowOf(io.file)
    return io.iter.direction === ITER_SOURCE ? this.send.sendmsg(io, socket) : this.recvmsg(io, socket)
  }

  /** A call that failed has freed what it had. */
  abort(): void {}

  complete(io: Operation): void {
    if (io.scratch === REQUEST_NONE) return
    io.letGoOfKept()
    this.requests.freeResources(io, io.scratch)
    io.scratch = REQUEST_NONE
  }

  /** Every socket is closed: what is queued goes. @kernel crypto/algif_skcipher.c: skcipher_sock_destruct */
  close(io: Operation): void {
    const { sockets } = this
    for (let socket = 0; socket < sockets.length; socket++) {
      this.tx.pull(io, socket, sockets.used[socket], SG_NONE)
    }
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(CIPHER_COUNTERS, this.counts)
  }

  private recvmsg(io: Operation, socket: number): number {
    this.request = REQUEST_NONE
    let done = 0
    let end = 0
    while (io.iter.countBytes > 0) {
      end = this.receive(io, socket, done)
      if (end <= 0) break
      done += end
    }
    if (this.request !== REQUEST_NONE) {
      this.requests.keep(io, this.request)
      io.scratch = this.request
    }
    return done > 0 ? done : end
  }

  /** One request: bytes received, 0 when there are no more, or an errno. @kernel _skcipher_recvmsg, _aead_recvmsg */
  private receive(io: Operation, socket: number, doneBytes: number): number {
    const { requests, type } = this
    if (type.mustWait(socket)) {
      const end = this.waitForData(io, socket, doneBytes)
      if (end !== GOES_ON) return end
    }
    this.freeRequest(io)
    const refused = type.check(socket)
    if (refused !== 0) return refused
    const request = requests.alloc(io, socket)
    if (request < 0) return request
    this.request = request
    const bytes = type.run(io, socket, request)
    if (bytes < 0 || !type.isAsync) this.freeRequest(io)
    return bytes
  }

  /**
   * Data comes, or the call ends: {@link GOES_ON}, 0 or an errno. Without a result a call waits only while it has nothing.
   * @kernel crypto/af_alg.c: af_alg_wait_for_data
   */
  private waitForData(io: Operation, socket: number, doneBytes: number): number {
    const { rx, sockets, type } = this
    const { recordedResult } = io
    const isTold = recordedResult >= 0
    if (!isTold && doneBytes > 0) return 0
    const end = waitEnds(io, doneBytes)
    if (end !== GOES_ON) return end
    let wanted = io.iter.countBytes
    if (isTold && recordedResult - doneBytes < wanted) wanted = recordedResult - doneBytes
    if (rx.budgetBytes < wanted) wanted = rx.budgetBytes
    let bytes = type.bytesToSend(socket, wanted)
    if (sockets.sndbufBytes < bytes) bytes = sockets.sndbufBytes
    const missing = bytes - sockets.used[socket]
    const sent = this.send.queueUnseen(io, socket, missing > 0 ? missing : 0)
    return sent === 0 && missing > 0 ? ENOMEM : GOES_ON
  }

  private freeRequest(io: Operation): void {
    if (this.request !== REQUEST_NONE) this.requests.freeResources(io, this.request)
    this.request = REQUEST_NONE
  }
}

function sizesOf({ kernel, options }: ConsumerEnvironment): AlgSizes {
  const sizes = ALG_SIZES[kernel]
  const optmem = options['optmem-max']
  return optmem > 0 ? { ...sizes, optmemBytes: optmem } : sizes
}
