import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  ENOMEM,
  HOLD_NONE,
  ITER_DEST,
  type Operation,
  type OperationShape,
} from '@pinscope/core'
import { SUNRPC_COUNTERS } from './counters.ts'
import { MessageParts } from './message-parts.ts'
import { MessageReceiver } from './message-receiver.ts'
import { MessageSender, type SendSettings } from './message-sender.ts'
import { OwnMemory } from './own-memory.ts'
import { RequestTable } from './request-table.ts'
import {
  blockBytesOf,
  entriesMax,
  READ_REPLY_HEAD_BYTES,
  SKB_FRAG_BYTES,
  WRITE_REQUEST_HEAD_BYTES,
  WRITE_REQUEST_TAIL_BYTES,
} from './sizes.ts'
import { SocketArrays } from './socket-arrays.ts'
import { TcpFrags } from './tcp-frags.ts'
import { SIDE_SERVER, WAY_NAMES, type WayName, wayOf, withoutGathering } from './way.ts'

/**
 * RPC messages of NFS over TCP. A `write` row sends: a mixed iterator is a message with its head and tail (a KVEC one is a
 * head alone), any other is the data of messages whose head and tail the options tell. Until its `end` the other side has
 * not acknowledged it: TCP keeps its references. A `read` row receives. The row's `file` is the connection.
 *
 * The data of a reply is in pages that nfsd has: those of a BVEC, of a file's page cache or of a folio queue are sent as
 * they are. User memory nfsd never sees; it is copied into pages first, and those are sent.
 *
 * What TCP holds does not depend on the lane's policy: pages are listed with nothing taken, and get a reference for each
 * fragment.
 *
 * @kernel net/sunrpc/svcsock.c: svc_tcp_sendmsg, svc_tcp_recvfrom; net/sunrpc/socklib.c: xprt_sock_sendmsg
 */
export class SunrpcConsumer implements Consumer {
  /** Alone only: the first message of a connection makes the array of its socket. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1, aloneOnly: true }
  private readonly counts = new Float64Array(SUNRPC_COUNTERS.length)
  private readonly requests = new RequestTable()
  private readonly tcp: TcpFrags
  private readonly parts: MessageParts
  private readonly sender: MessageSender
  private readonly receiver: MessageReceiver
  /** Where a whole message is listed at once. */
  private readonly arrays: SocketArrays | null

  /** `way`: null for the one that the option tells. */
  constructor({ kernel, options, ledger, memory }: ConsumerEnvironment, way: WayName | null) {
    const { counts, requests } = this
    const isServer = options.side === SIDE_SERVER
    const blockBytes = blockBytesOf(kernel, options['max-block'])
    const elementsMax = entriesMax(kernel, blockBytes)
    const gathering = wayOf(way ?? WAY_NAMES[options.way], options.side, kernel)
    const resolved = options.sg === 1 ? gathering : withoutGathering(gathering)
    const sizes = (isReply: boolean) => ({
      headBytes: options.head > 0 ? options.head : isReply ? READ_REPLY_HEAD_BYTES : WRITE_REQUEST_HEAD_BYTES,
      tailBytes: options.tail > 0 ? options.tail : isReply ? 0 : WRITE_REQUEST_TAIL_BYTES,
    })
    const settings: SendSettings = { ...sizes(isServer), way: resolved, isServer, blockBytes, elementsMax }
    const tcp = new TcpFrags(ledger, counts, options['size-goal'])
    const parts = new MessageParts(memory, tcp, counts, resolved)
    const own = new OwnMemory(requests, tcp, counts, resolved, isServer, blockBytes)
    this.tcp = tcp
    this.parts = parts
    this.sender = new MessageSender(settings, requests, tcp, parts, own, counts)
    const receiving = { ...sizes(!isServer), isServer, blockBytes, isSparse: options.sparse === 1 }
    this.receiver = new MessageReceiver(receiving, requests, counts)
    this.arrays = resolved.isOneCall ? new SocketArrays((elementsMax + 1) * BIO_VEC_BYTES) : null
  }

  submit(io: Operation): number {
    const { recordedResult, iter } = io
    io.scratch = 0
    if (recordedResult < 0) return recordedResult | 0
    if (recordedResult < iter.countBytes) iter.truncate(recordedResult | 0)
    if (iter.countBytes === 0) return 0
    if (iter.direction === ITER_DEST) {
      io.scratch = this.requests.take()
      return this.receiver.receive(io, io.scratch)
    }
    if (this.arrays !== null && !this.arrays.ensure(io)) return ENOMEM
    io.scratch = this.requests.take()
    return this.send(io)
  }

  abort(io: Operation): void {
    this.letGo(io)
  }

  /** The other side has it: TCP drops the skbs. A client has its answer. @kernel net/core/skbuff.c: skb_release_data */
  complete(io: Operation): void {
    this.letGo(io)
  }

  close(io: Operation): void {
    this.arrays?.freeAll(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(SUNRPC_COUNTERS, this.counts)
  }

  private send(io: Operation): number {
    const { tcp, parts } = this
    tcp.begin()
    parts.referencedBytes = 0
    const result = this.sender.send(io, io.scratch)
    if (tcp.hold !== HOLD_NONE) io.keep(tcp.hold)
    if (tcp.frags > 0) io.built(tcp.frags, SKB_FRAG_BYTES)
    if (parts.referencedBytes > 0) io.reachedInPlace(parts.referencedBytes)
    this.tellFrags(io, result)
    return result
  }

  private letGo(io: Operation): void {
    if (io.scratch === 0) return
    io.letGoOfKept()
    this.requests.release(io, io.scratch)
    io.scratch = 0
  }

  private tellFrags(io: Operation, bytes: number): void {
    const { told } = this.tcp
    if (io.observer === null || told.length === 0) return
    const count = told.length / 3
    const column = (at: number) => Int32Array.from({ length: count }, (_, i) => told[3 * i + at])
    io.observer.listBuilt('skb fragments', bytes, count, column(0), column(1), column(2), '')
  }
}
