import { EBADMSG, ITER_KVEC, type Operation, SCATTERLIST_BYTES } from '@pinscope/core'
import type { RxSkbs } from './rx-skbs.ts'
import { ABORTS, COPIED_RECORDS, RECORDS_RECEIVED, RX_LIST_BYTES, ZERO_COPY_RECORDS } from './tls-counters.ts'
import type { TlsDecrypt } from './tls-decrypt.ts'
import { NONE, type TlsSockets } from './tls-sockets.ts'
import type { TlsWire } from './tls-wire.ts'

/** How records arrive, and what the socket was set to. */
export interface ReceiveOptions {
  /** Payload of each record that the peer sends, in bytes, with its padding. */
  readonly recordBytes: number
  /** Of that, padding: TLS 1.3. */
  readonly paddingBytes: number
  readonly isAsync: boolean
  readonly isDevice: boolean
  /** Records may be opened in the reader's memory: not in TLS 1.3, unless TLS_RX_EXPECT_NO_PAD is set. @kernel tls_sw_context_rx.zc_capable */
  readonly zcCapable: boolean
}

/**
 * Receiving: records that the read takes whole are opened in its memory, others in a buffer of the socket and copied; what
 * is left of one is kept for the next read. A read that is shorter than asked for tells where a record ended.
 * @kernel net/tls/tls_sw.c: tls_sw_recvmsg, process_rx_list
 */
export class TlsReceive {
  private readonly options: ReceiveOptions
  private readonly sockets: TlsSockets
  private readonly skbs: RxSkbs
  private readonly decrypt: TlsDecrypt
  private readonly wire: TlsWire
  private readonly counts: Float64Array

  // The call at work.
  private socket = 0
  /** Bytes asked for, and those that will come. */
  private length = 0
  private want = 0
  private zcCapable = false
  private done = 0
  /** Of these, bytes that are still to be copied when the asynchronous requests have ended. */
  private asyncBytes = 0
  private isAsync = false
  private error = 0

  constructor(
    options: ReceiveOptions,
    sockets: TlsSockets,
    skbs: RxSkbs,
    decrypt: TlsDecrypt,
    wire: TlsWire,
    counts: Float64Array,
  ) {
    this.options = options
    this.sockets = sockets
    this.skbs = skbs
    this.decrypt = decrypt
    this.wire = wire
    this.counts = counts
  }

  /** Fills the iterator. Bytes, or -errno when there are none. */
  receive(io: Operation, socket: number): number {
    if (this.sockets.asyncError[socket] < 0) return this.sockets.asyncError[socket]
    this.begin(io, socket)
    const isShort = this.want < this.length
    const kept = this.copyKept(io, this.want)
    if (isShort) this.skbs.dropAll(io, this.sockets, socket)
    if (kept < 0 || this.error < 0) return kept
    this.done = kept
    while (this.done < this.want && this.record(io)) {}
    if (this.isAsync) this.finishAsync(io, kept)
    io.built(this.decrypt.entries, SCATTERLIST_BYTES)
    return this.done > 0 ? this.done : this.error
  }

  private begin(io: Operation, socket: number): void {
    const { recordedResult } = io
    this.socket = socket
    this.length = io.iter.countBytes
    this.want = recordedResult < this.length ? recordedResult | 0 : this.length
    this.zcCapable = this.options.zcCapable && io.iter.type !== ITER_KVEC
    this.done = 0
    this.asyncBytes = 0
    this.isAsync = false
    this.error = 0
    this.decrypt.entries = 0
  }

  /**
   * Copies what the socket keeps: bytes, at most `bytes`, or -errno when there are none. {@link error} tells of one that
   * came later.
   * @kernel net/tls/tls_sw.c: process_rx_list
   */
  private copyKept(io: Operation, bytes: number): number {
    const { sockets, skbs, socket } = this
    let copied = 0
    while (copied < bytes && sockets.rxFirst[socket] !== NONE) {
      const skb = sockets.rxFirst[socket]
      const chunk = Math.min(bytes - copied, skbs.lengthBytes[skb])
      this.error = skbs.copyTo(io, skb, chunk)
      if (this.error < 0) break
      copied += chunk
      skbs.offsetBytes[skb] += chunk
      skbs.lengthBytes[skb] -= chunk
      if (skbs.lengthBytes[skb] > 0) break
      skbs.drop(io, sockets, socket)
    }
    return copied > 0 ? copied : this.error
  }

  /** One record; false when the call ends with it. */
  private record(io: Operation): boolean {
    const { options, decrypt, counts } = this
    const payload = this.nextPayload()
    if (payload === 0) return false
    const isWhole = this.zcCapable && payload <= this.length - this.done
    const error = options.isDevice
      ? decrypt.openByDevice(io, this.socket, payload, isWhole)
      : decrypt.open(io, this.socket, payload, isWhole, options.isAsync)
    if (error < 0) {
      this.abort(EBADMSG)
      this.error = error
      return false
    }
    this.consume()
    if (decrypt.isAsync) this.isAsync = true
    counts[RECORDS_RECEIVED]++
    const isCopied = !decrypt.isInPlace || options.isDevice
    counts[isCopied ? COPIED_RECORDS : ZERO_COPY_RECORDS]++
    if (!isCopied) io.reachedInPlace(decrypt.contentBytes)
    if (!decrypt.isInPlace) return this.deliver(io)
    this.done += decrypt.contentBytes
    return true
  }

  /** Payload of the next record, with its padding; 0 when none comes. */
  private nextPayload(): number {
    const { options, want, length, done } = this
    const file = this.socket - 1
    if (this.wire.isKnown(file)) return this.wire.nextLength(file)
    const isShort = want < length
    const content = options.recordBytes - options.paddingBytes
    return (isShort ? Math.min(content, want - done) : content) + options.paddingBytes
  }

  /** @kernel net/tls/tls.h: tls_advance_record_sn; net/tls/tls_sw.c: tls_rx_rec_done */
  private consume(): void {
    const { sockets, socket, decrypt } = this
    sockets.rxSequence[socket]++
    sockets.rxPosition[socket] += decrypt.contentBytes
    this.wire.consume(socket - 1)
  }

  /** Copies a record out of its buffer as far as it is asked for; the rest is kept. False when the call ends with it. */
  private deliver(io: Operation): boolean {
    const { sockets, skbs, socket, counts } = this
    const { skb } = this.decrypt
    const content = skbs.lengthBytes[skb]
    const chunk = Math.min(content, this.length - this.done)
    if (this.isAsync) {
      this.asyncBytes += chunk
      this.done += chunk
      skbs.keep(sockets, socket, skb)
      counts[RX_LIST_BYTES] += content - chunk
      return true
    }
    this.error = skbs.copyTo(io, skb, chunk)
    if (this.error < 0) {
      skbs.keep(sockets, socket, skb)
      return false
    }
    this.done += chunk
    if (chunk === content) {
      skbs.give(io, skb)
      return true
    }
    counts[RX_LIST_BYTES] += content - chunk
    skbs.offsetBytes[skb] += chunk
    skbs.lengthBytes[skb] -= chunk
    skbs.keep(sockets, socket, skb)
    return true
  }

  /** Waits for the requests, and copies what they opened into buffers. `kept`: what was copied before them. */
  private finishAsync(io: Operation, kept: number): void {
    const error = this.decrypt.wait(io)
    if (error < 0) {
      this.sockets.asyncError[this.socket] = error
      this.abort(error)
      this.error = error
      this.done = kept
      return
    }
    if (this.asyncBytes === 0) return
    const copied = this.copyKept(io, this.asyncBytes)
    this.done += Math.max(copied, 0) - this.asyncBytes
  }

  /** @kernel net/tls/tls_sw.c: tls_err_abort */
  private abort(error: number): void {
    this.sockets.error[this.socket] = error
    this.counts[ABORTS]++
  }
}
