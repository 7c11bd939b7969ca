import { BIO_VEC_BYTES, EAGAIN, ENOMEM, ESERVERFAULT, ITER_MIXED, MixedParts, type Operation } from '@pinscope/core'
import { BYTES_COPIED, CALLS, ELEMENTS, ITERATORS, KMAPS, KMAPS_PEAK, MESSAGES, SOCKETS_CLOSED } from './counters.ts'
import type { MessageParts } from './message-parts.ts'
import { type HeadSizes, hasNoPages, isWhole, MessageShape } from './message-shape.ts'
import type { OwnMemory } from './own-memory.ts'
import type { RequestTable } from './request-table.ts'
import { MARKER_BYTES } from './sizes.ts'
import { MARKER_PAGE, OF_NOBODY, type TcpFrags } from './tcp-frags.ts'
import type { Way } from './way.ts'

/** What the messages of one lane have in common. */
export interface SendSettings extends HeadSizes {
  readonly way: Way
  readonly isServer: boolean
  /** Data of a message at most. */
  readonly blockBytes: number
  /** Elements of a message at most, where its list is the socket's; the marker's is not among them. */
  readonly elementsMax: number
}

/**
 * Sends messages: marker, head, pages, tail. One that goes in part is the last on its connection, which is shut down.
 *
 * @kernel net/sunrpc/svcsock.c: svc_tcp_sendto, svc_tcp_sendmsg; net/sunrpc/xprtsock.c: xs_tcp_send_request;
 *   net/sunrpc/socklib.c: xprt_sock_sendmsg
 */
export class MessageSender {
  private readonly settings: SendSettings
  private readonly requests: RequestTable
  private readonly tcp: TcpFrags
  private readonly parts: MessageParts
  private readonly own: OwnMemory
  private readonly counts: Float64Array
  private readonly shape = new MessageShape()
  private readonly mixed = new MixedParts()

  constructor(
    settings: SendSettings,
    requests: RequestTable,
    tcp: TcpFrags,
    parts: MessageParts,
    own: OwnMemory,
    counts: Float64Array,
  ) {
    this.settings = settings
    this.requests = requests
    this.tcp = tcp
    this.parts = parts
    this.own = own
    this.counts = counts
  }

  /**
   * Sends all of the row, in as many messages as its data takes. Returns the bytes of the row that went, or the errno that
   * let none go. What `request` was given is kept until the operation is over, whatever became of it.
   */
  send(io: Operation, request: number): number {
    const { settings, shape, own } = this
    const { iter } = io
    const isMessage = isWhole(iter.type)
    if (!isMessage && iter.countBytes > settings.blockBytes) io.limitHit()
    let sent = 0
    for (let left = iter.countBytes; left > 0; left -= shape.rowBytes) {
      if (isMessage) shape.measureWhole(iter)
      else shape.measureData(iter, Math.min(left, settings.blockBytes), settings)
      iter.truncate(shape.rowBytes)
      const bytes = this.sendOne(io, request)
      own.end(io, request)
      if (bytes < 0) return sent > 0 ? sent : bytes
      sent += bytes
      if (bytes < shape.rowBytes) return sent > 0 ? sent : this.parts.error < 0 ? this.parts.error : EAGAIN
      iter.reexpand(left - shape.rowBytes)
    }
    return sent
  }

  /** One message: the bytes of the row that went, or why nothing did. */
  private sendOne(io: Operation, request: number): number {
    const { settings, shape, counts, own } = this
    const filled = hasNoPages(io.iter.type) ? own.fill(io) : 0
    if (filled < 0) return filled
    const headBytes = shape.headBytes + shape.tailBytes
    if (headBytes > 0 && !own.makeHead(io, request, headBytes)) return ENOMEM
    const arrayBytes = settings.way.isOneCall ? 0 : shape.pages * BIO_VEC_BYTES
    const error = this.makeLists(io, request, arrayBytes)
    if (error < 0) {
      if (settings.isServer) counts[SOCKETS_CLOSED]++
      return error
    }
    const bytes = this.transmit(io)
    if (arrayBytes > 0) io.free(arrayBytes)
    if (bytes < shape.rowBytes) counts[SOCKETS_CLOSED]++
    return bytes
  }

  /**
   * The marker's memory, the list, and memory for TCP to copy into: 0, or -errno with no array left.
   * @kernel net/sunrpc/xdr.c: xdr_alloc_bvec, xdr_buf_to_bvec (-ESERVERFAULT beyond its array)
   */
  private makeLists(io: Operation, request: number, arrayBytes: number): number {
    const { settings, shape, requests } = this
    const { way } = settings
    if (way.hasMarkerFrag) {
      if (!io.allocate(MARKER_BYTES)) return ENOMEM
      requests.addMemory(request, MARKER_BYTES)
    }
    if (way.isOneCall && !io.fits(shape.kvecs + shape.pages, settings.elementsMax)) return ESERVERFAULT
    if (arrayBytes > 0 && !io.allocate(arrayBytes)) return ENOMEM
    const copiedBytes = shape.copiedBytes(way)
    if (copiedBytes === 0 || this.own.waitFor(io, request, copiedBytes)) return 0
    if (arrayBytes > 0) io.free(arrayBytes)
    return ENOMEM
  }

  /** Marker, head, pages, tail, in this order: the bytes of the row that went. */
  private transmit(io: Operation): number {
    const { shape, tcp, parts, own } = this
    this.count(io)
    parts.error = 0
    tcp.beginMessage()
    this.sendMarker(io)
    own.sendHead(io, 0, shape.headBytes)
    const bytes = this.sendRow(io)
    if (parts.error === 0) own.sendHead(io, shape.headBytes, shape.tailBytes)
    return bytes
  }

  /** Copied either way: into a page fragment, which TCP then refers to, or by TCP. @kernel mm/page_frag_cache.c: page_frag_alloc (6.1, 6.12: mm/page_alloc.c) */
  private sendMarker(io: Operation): void {
    const { hasMarkerFrag, refersHeads } = this.settings.way
    this.counts[BYTES_COPIED] += MARKER_BYTES
    if (hasMarkerFrag && refersHeads) this.tcp.append(io, MARKER_PAGE, 0, MARKER_BYTES, OF_NOBODY)
    else this.tcp.appendCopied(MARKER_BYTES)
  }

  private sendRow(io: Operation): number {
    const { iter } = io
    const { mixed, parts } = this
    if (hasNoPages(iter.type)) return this.own.sendData(io)
    if (iter.type !== ITER_MIXED) return parts.send(io)
    let bytes = 0
    mixed.start(iter)
    while (parts.error === 0 && mixed.next(iter)) bytes += parts.send(io)
    return bytes
  }

  private count(io: Operation): void {
    const { counts, shape } = this
    const { way } = this.settings
    const calls = shape.calls(way)
    const elements = shape.elements(way)
    counts[MESSAGES]++
    counts[CALLS] += calls
    // kernel_sendpage() has none: only the marker goes by sendmsg().
    counts[ITERATORS] += way.isCallPerPage ? 1 : calls
    counts[ELEMENTS] += elements
    io.built(elements, BIO_VEC_BYTES)
    if (way.kmapsParts) this.countKmaps(shape.kvecs + shape.pages, 1)
    if (way.kmapsPages) this.countKmaps(shape.pages, shape.pages)
  }

  private countKmaps(pages: number, atOnce: number): void {
    const { counts } = this
    counts[KMAPS] += pages
    if (atOnce > counts[KMAPS_PEAK]) counts[KMAPS_PEAK] = atOnce
  }
}
