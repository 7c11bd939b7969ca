import { EBADMSG, ENOMEM, holding, type Operation, PAGE_SIZE, SCATTERLIST_BYTES } from '@pinscope/core'
import { DecryptLists } from './decrypt-lists.ts'
import { DECRYPT_CTX_BYTES, SKB_BYTES, type TlsProtInfo } from './prot-info.ts'
import { copyOut, type RxSkbs } from './rx-skbs.ts'
import { DECRYPT_RETRIES, NO_PAD_VIOLATIONS } from './tls-counters.ts'
import { contentLength, openRecord, TLS_RECORD_TYPE_DATA, tlsKeys } from './tls-crypto.ts'
import { NONE, type TlsSockets } from './tls-sockets.ts'
import type { TlsWire } from './tls-wire.ts'

/**
 * Opens one record, into the memory of the reader or into a buffer of the socket.
 * @kernel net/tls/tls_sw.c: tls_decrypt_sw, tls_decrypt_sg, tls_decrypt_device
 */
export class TlsDecrypt {
  // What became of the record just opened. @kernel struct tls_decrypt_arg
  /** The buffer that it was opened into, NONE where it is the reader's memory. */
  skb = NONE
  /** Its content, without padding. */
  contentBytes = 0
  isInPlace = false
  isAsync = false
  /** Entries of the output lists of this call. */
  entries = 0

  private readonly info: TlsProtInfo
  private readonly paddingBytes: number
  private readonly sockets: TlsSockets
  private readonly skbs: RxSkbs
  private readonly wire: TlsWire
  private readonly counts: Float64Array
  private readonly lists = new DecryptLists()

  /** Requests with an asynchronous cipher: the bytes of each, and the received records kept for them. */
  private pending = new Int32Array(8)
  private pendingCount = 0
  private heldCount = 0
  private asyncError = 0
  private tail = 0

  constructor(
    info: TlsProtInfo,
    paddingBytes: number,
    sockets: TlsSockets,
    skbs: RxSkbs,
    wire: TlsWire,
    counts: Float64Array,
  ) {
    this.info = info
    this.paddingBytes = paddingBytes
    this.sockets = sockets
    this.skbs = skbs
    this.wire = wire
    this.counts = counts
  }

  /**
   * Opens the next record, of `payload` bytes with its padding; `inPlace` into the iterator's memory. A TLS 1.3 record
   * whose last byte tells that it has padding, or is no data, was opened there in vain: it is opened again, into a buffer.
   * 0 or -errno.
   */
  open(io: Operation, socket: number, payload: number, inPlace: boolean, isAsync: boolean): number {
    const error = this.decrypt(io, socket, payload, inPlace, isAsync)
    if (error < 0 || !inPlace || !this.info.isTls13 || this.tail === TLS_RECORD_TYPE_DATA) return error
    this.counts[DECRYPT_RETRIES]++
    if (this.tail === 0) this.counts[NO_PAD_VIOLATIONS]++
    if (io.observer !== null) io.observer.note('the record ends in padding: put, and opened again into own pages')
    if (!io.iter.kernel.quirks['tls-retry-no-revert']) io.iter.revert(payload)
    return this.decrypt(io, socket, payload, false, isAsync)
  }

  /** @kernel net/tls/tls_sw.c: tls_decrypt_sg */
  private decrypt(io: Operation, socket: number, payload: number, inPlace: boolean, isAsync: boolean): number {
    const { info, lists, skbs } = this
    this.isInPlace = inPlace
    this.isAsync = isAsync
    this.skb = NONE
    if (!inPlace) {
      this.skb = skbs.alloc(io, payload + info.overheadSize)
      if (this.skb === NONE) return ENOMEM
    }
    const sgout = 1 + (inPlace ? info.tailSize + io.iter.npagesOf(payload) : skbs.fragCount(this.skb))
    const bytes = DECRYPT_CTX_BYTES + SCATTERLIST_BYTES * (sgout + sginOf(payload + info.tailSize + info.tagSize))
    if (!io.allocate(bytes)) {
      this.dropSkb(io)
      return ENOMEM
    }
    lists.begin()
    let error = inPlace ? lists.setupFromIter(io, payload, sgout - 1 - info.tailSize) : 0
    if (error === 0) error = this.decipher(io, socket, payload)
    if (error < 0) {
      lists.putLast(io)
      io.free(bytes)
      this.dropSkb(io)
      return error
    }
    this.entries += sgout
    if (inPlace) lists.tell(io, payload)
    if (isAsync) return this.hold(io, bytes)
    lists.putLast(io)
    io.free(bytes)
    return 0
  }

  /**
   * The request goes on alone; the received record is kept for it. Without memory for that all requests are awaited. 0, or
   * -EBADMSG where one of them failed.
   * @kernel net/tls/tls_strp.c: tls_strp_msg_hold
   */
  private hold(io: Operation, bytes: number): number {
    this.pending = holding(this.pending, this.pendingCount)
    this.pending[this.pendingCount++] = bytes
    if (io.allocate(SKB_BYTES)) {
      this.heldCount++
      return 0
    }
    this.isAsync = false
    const error = this.wait(io)
    if (error < 0) this.dropSkb(io)
    return error
  }

  /** Every request has ended: pages are put, requests freed. 0, or -EBADMSG where one failed. @kernel net/tls/tls_sw.c: tls_decrypt_async_wait, tls_decrypt_done */
  wait(io: Operation): number {
    this.lists.putAll(io)
    for (let i = 0; i < this.pendingCount; i++) io.free(this.pending[i])
    for (let i = 0; i < this.heldCount; i++) io.free(SKB_BYTES)
    this.pendingCount = 0
    this.heldCount = 0
    const error = this.asyncError
    this.asyncError = 0
    return error
  }

  /**
   * A record that the device has opened: copied to the iterator where it wants all of it, else put into a buffer. 0 or
   * -errno.
   * @kernel net/tls/tls_sw.c: tls_decrypt_device; net/tls/tls_strp.c: tls_strp_msg_detach
   */
  openByDevice(io: Operation, socket: number, payload: number, isWhole: boolean): number {
    this.isInPlace = isWhole
    this.isAsync = false
    this.skb = NONE
    this.contentBytes = payload
    if (isWhole && io.memory.bytes === null) return copyOut(io, payload, null)
    const inner = io.memory.bytes === null ? null : this.innerBytes(io, socket, payload)
    if (inner === EBADMSG) return EBADMSG
    if (isWhole) return copyOut(io, payload, inner)
    this.skb = this.skbs.alloc(io, payload + this.info.overheadSize)
    if (this.skb === NONE) return ENOMEM
    this.fillSkb(io, inner)
    return 0
  }

  /** Opens the record, as far as pages hold bytes: 0 or -EBADMSG. @kernel net/tls/tls_sw.c: tls_do_decryption, tls_padding_length */
  private decipher(io: Operation, socket: number, payload: number): number {
    this.contentBytes = payload - this.paddingBytes
    this.tail = this.paddingBytes > 0 ? 0 : TLS_RECORD_TYPE_DATA
    const inner = io.memory.bytes === null ? null : this.innerBytes(io, socket, payload)
    if (inner === EBADMSG) {
      if (!this.isAsync) return EBADMSG
      this.asyncError = EBADMSG
      return 0
    }
    if (inner !== null) {
      this.contentBytes = contentLength(this.info, inner)
      this.tail = this.info.isTls13 ? inner[payload] : TLS_RECORD_TYPE_DATA
    }
    if (this.skb !== NONE) this.fillSkb(io, inner)
    else if (inner !== null) this.lists.write(io, inner)
    return 0
  }

  /** The buffer holds the record's content, behind room for the header. */
  private fillSkb(io: Operation, inner: Uint8Array | null): void {
    const { skbs, skb, contentBytes } = this
    skbs.offsetBytes[skb] = this.info.prependSize
    skbs.lengthBytes[skb] = contentBytes
    if (inner !== null) skbs.write(io, skb, inner.subarray(0, contentBytes))
  }

  private innerBytes(io: Operation, socket: number, payload: number): Uint8Array | typeof EBADMSG {
    const { info, sockets, paddingBytes } = this
    const file = socket - 1
    const sequence = sockets.rxSequence[socket]
    const content = payload - paddingBytes
    const record = this.wire.next(file, sequence, sockets.rxPosition[socket], content, paddingBytes)
    if (io.observer !== null) io.observer.note(`record ${sequence}: ${record.length} bytes`)
    return openRecord(info, tlsKeys(file, 'rx'), sequence, record)
  }

  private dropSkb(io: Operation): void {
    if (this.skb !== NONE) this.skbs.give(io, this.skb)
    this.skb = NONE
  }
}

/** Entries of the input list: the AAD, and what was received as far as whole pages hold it. */
function sginOf(bytes: number): number {
  return 1 + Math.ceil(bytes / PAGE_SIZE)
}
