import {
  BIO_VEC_BYTES,
  EAGAIN,
  EFAULT,
  ENOMEM,
  ITER_MIXED,
  MixedParts,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'
import { BYTES_COPIED, CALLS, ELEMENTS, ITERATORS, MESSAGES, SOCKETS_CLOSED, SPARSE_PAGES } from './counters.ts'
import { type HeadSizes, hasNoPages, isWhole, MessageShape } from './message-shape.ts'
import type { RequestTable } from './request-table.ts'
import { MARKER_BYTES, messageBytesMax, STREAM_HEADER_BYTES } from './sizes.ts'

/** What the messages that arrive have in common. */
export interface ReceiveSettings extends HeadSizes {
  readonly isServer: boolean
  readonly blockBytes: number
  /** The client's reply buffer has no pages before data comes. @kernel include/linux/sunrpc/xdr.h: XDRBUF_SPARSE_PAGES */
  readonly isSparse: boolean
}

/** Bytes of a message that the client has read with the marker. @kernel net/sunrpc/xprtsock.c: xs_read_header */
const READ_AHEAD_BYTES = STREAM_HEADER_BYTES - MARKER_BYTES

/**
 * Receives messages: TCP copies them out of its skbs, and nothing is held. The server reads the marker, then the whole
 * message into its pages; the client the marker with the first eight bytes, then head, pages and tail, a call each.
 * Memory that a row names takes the place of those pages, user memory too.
 *
 * @kernel net/sunrpc/svcsock.c: svc_tcp_recvfrom, svc_tcp_read_msg; net/sunrpc/xprtsock.c: xs_read_stream,
 *   xs_read_xdr_buf. The same in 6.1, 6.12 and 7.3.
 */
export class MessageReceiver {
  private readonly settings: ReceiveSettings
  private readonly requests: RequestTable
  private readonly counts: Float64Array
  private readonly shape = new MessageShape()
  private readonly mixed = new MixedParts()

  constructor(settings: ReceiveSettings, requests: RequestTable, counts: Float64Array) {
    this.settings = settings
    this.requests = requests
    this.counts = counts
  }

  /** Fills the row from as many messages as its data takes: the bytes of the row that arrived, or -errno. */
  receive(io: Operation, request: number): number {
    const { settings, shape } = this
    const { iter } = io
    io.isBounced = true
    const isMessage = isWhole(iter.type)
    // A client has no limit for a whole message.
    const messageMax = settings.isServer ? messageBytesMax(settings.blockBytes) : iter.countBytes
    if (iter.countBytes > (isMessage ? messageMax : settings.blockBytes)) {
      io.limitHit()
      if (isMessage) return this.shut(EAGAIN)
    }
    let received = 0
    for (let left = iter.countBytes; left > 0; left -= shape.rowBytes) {
      if (isMessage) shape.measureWhole(iter)
      else shape.measureData(iter, Math.min(left, settings.blockBytes), settings)
      iter.truncate(shape.rowBytes)
      const bytes = this.receiveOne(io, request)
      if (bytes < 0) return received > 0 ? received : bytes
      received += bytes
      if (bytes < shape.rowBytes) return received > 0 ? received : this.shut(EFAULT)
      iter.reexpand(left - shape.rowBytes)
    }
    return received
  }

  private shut(errno: number): number {
    this.counts[SOCKETS_CLOSED]++
    return errno
  }

  private receiveOne(io: Operation, request: number): number {
    const { shape, settings, counts } = this
    // The client's array is the request's; the server's threads have theirs for good.
    const arrayBytes = settings.isServer ? 0 : shape.pages * BIO_VEC_BYTES
    if (arrayBytes > 0 && !io.allocate(arrayBytes)) return ENOMEM
    const { rowBytes } = shape
    if (settings.isSparse && !settings.isServer) io.iter.truncate(rowBytes - this.lackingBytes(io, request))
    counts[MESSAGES]++
    if (settings.isServer) this.count(io, 2, 1 + Math.ceil((shape.wireBytes - MARKER_BYTES) / PAGE_SIZE))
    else this.countClient(io)
    const bytes = this.copy(io)
    counts[BYTES_COPIED] += bytes + shape.wireBytes - rowBytes
    if (arrayBytes > 0) io.free(arrayBytes)
    return bytes
  }

  /** Header, then a call for each part that is not in it. @kernel net/sunrpc/xprtsock.c: xs_read_xdr_buf (seek) */
  private countClient(io: Operation): void {
    const { firstKvecBytes, sends, kvecs, pages } = this.shape
    const read = firstKvecBytes > 0 && firstKvecBytes <= READ_AHEAD_BYTES ? 1 : 0
    this.count(io, 1 + sends - read, 1 + kvecs - read + pages)
  }

  private count(io: Operation, calls: number, elements: number): void {
    const { counts } = this
    counts[CALLS] += calls
    counts[ITERATORS] += calls
    counts[ELEMENTS] += elements
    io.built(elements, BIO_VEC_BYTES)
  }

  private copy(io: Operation): number {
    const { iter } = io
    const { mixed } = this
    if (iter.type !== ITER_MIXED) return io.copy(iter.countBytes)
    let bytes = 0
    mixed.start(iter)
    while (mixed.next(iter)) {
      const wanted = iter.countBytes
      const copied = io.copy(wanted)
      bytes += copied
      if (copied < wanted) break
    }
    return bytes
  }

  /** Makes the pages; returns the bytes that there is no room for where one cannot be had. @kernel net/sunrpc/xprtsock.c: xs_alloc_sparse_pages */
  private lackingBytes(io: Operation, request: number): number {
    const { iter } = io
    const { pages, rowBytes, kvecBytes } = this.shape
    const startBytes = iter.type === ITER_MIXED || hasNoPages(iter.type) ? 0 : iter.currentStartBytes()
    for (let i = 0; i < pages; i++) {
      const page = io.owned.alloc()
      if (page < 0) return rowBytes - kvecBytes - Math.max(0, i * PAGE_SIZE - startBytes)
      this.counts[SPARSE_PAGES]++
      this.requests.addPage(request, page, 1)
    }
    return 0
  }
}
