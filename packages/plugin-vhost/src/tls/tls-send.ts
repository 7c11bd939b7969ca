import {
  EAGAIN,
  EFAULT,
  ENOMEM,
  FLAG_MORE,
  FLAG_NOWAIT,
  ITER_KVEC,
  type Operation,
  SCATTERLIST_BYTES,
} from '@pinscope/core'
import { listBarePage, referenceBarePage } from './bare-page.ts'
import { MAX_MSG_FRAGS, TLS_MAX_PAYLOAD_SIZE, type TlsProtInfo } from './prot-info.ts'
import { COPIED_RECORDS, MEMORY_WAITS, SPLICED_PAGES, ZERO_COPY_FALLBACKS, ZERO_COPY_RECORDS } from './tls-counters.ts'
import { isSplice, sendpageBytes } from './tls-flags.ts'
import type { TlsRecords } from './tls-records.ts'
import { NONE, type TlsSockets } from './tls-sockets.ts'
import type { TlsTransmit } from './tls-transmit.ts'

/**
 * Sending in software: the data of one sendmsg() becomes records of at most 16 KiB. What fills a record, or ends the
 * message, is encrypted from where it is; what leaves a record open is copied into the pages of its encrypted form, which
 * the plaintext then names.
 *
 * 6.1 leaves a record open whose plaintext has 17 copied elements; later versions close it at once.
 *
 * @kernel net/tls/tls_sw.c: tls_sw_sendmsg_locked (6.1: tls_sw_sendmsg)
 */
export class TlsSend {
  private readonly info: TlsProtInfo
  private readonly sockets: TlsSockets
  private readonly records: TlsRecords
  private readonly transmit: TlsTransmit
  private readonly counts: Float64Array
  private readonly isAsync: boolean
  private readonly closesFull: boolean

  // The call at work.
  private socket = 0
  private isCopying = false
  /** The message ends with this call. */
  private isLast = false
  /** Pages are attached as they are; in 6.1 by one call of the sendpage callback a page. */
  private splices = false
  private isSendpage = false
  private copied = 0
  /** 0, or the -errno that ends the call. */
  private status = 0
  private zeroCopied = false
  private started = 0
  private entries = 0

  // The part of a record at work.
  private record = NONE
  private plain = 0
  private encrypted = 0
  private sizeBefore = 0
  private tryBytes = 0
  private fills = false

  constructor(
    info: TlsProtInfo,
    isAsync: boolean,
    closesFull: boolean,
    sockets: TlsSockets,
    records: TlsRecords,
    transmit: TlsTransmit,
    counts: Float64Array,
  ) {
    this.info = info
    this.isAsync = isAsync
    this.closesFull = closesFull
    this.sockets = sockets
    this.records = records
    this.transmit = transmit
    this.counts = counts
  }

  /** Sends all that the iterator has left. Bytes, or -errno when there are none. */
  send(io: Operation, socket: number): number {
    this.begin(io, socket)
    while (io.iter.countBytes > 0 && this.status === 0) this.part(io)
    return this.end(io)
  }

  private begin(io: Operation, socket: number): void {
    this.socket = socket
    this.isCopying = io.iter.type === ITER_KVEC || this.sockets.asyncCapable[socket] === 1
    this.isLast = (io.flags & FLAG_MORE) === 0
    this.splices = isSplice(io)
    this.isSendpage = this.splices && !this.closesFull
    this.copied = 0
    this.status = 0
    this.zeroCopied = false
    this.started = 0
    this.entries = 0
  }

  /** One turn: as much as the open record takes. */
  private part(io: Operation): void {
    const { msgs } = this.records
    const left = this.isSendpage ? sendpageBytes(io) : io.iter.countBytes
    // Its calls but the last say that more follows (MSG_SENDPAGE_NOTLAST), and nothing else is asked: not MSG_MORE.
    if (this.isSendpage) this.isLast = left === io.iter.countBytes
    if (left === 0) this.status = EFAULT
    if (left === 0 || !this.open(io)) return
    this.measure(left)
    if (this.closesFull && msgs.isFull(this.plain)) {
      this.trimFull(io)
      this.close(io)
      return
    }
    if (!this.allocEncrypted(io)) return
    if (this.splices && this.tryBytes > 0) {
      this.splice(io)
      return
    }
    const isInPlace = !this.isCopying && (this.fills || this.isLast)
    if (!isInPlace || !this.zeroCopy(io)) this.copy(io)
  }

  /** The open record of the socket, or a new one. */
  private open(io: Operation): boolean {
    const { sockets, records, socket } = this
    if (sockets.openRecord[socket] === NONE) {
      if (!this.isAsync) this.transmit.sendBefore(io, socket)
      sockets.openRecord[socket] = records.take(io)
    }
    this.record = sockets.openRecord[socket]
    if (this.record === NONE) {
      this.status = ENOMEM
      return false
    }
    this.plain = records.plaintext(this.record)
    this.encrypted = records.encrypted(this.record)
    return true
  }

  /** How much of `left` bytes goes into the record, and whether they fill it. */
  private measure(left: number): void {
    this.sizeBefore = this.records.msgs.sizeBytes[this.plain]
    const room = TLS_MAX_PAYLOAD_SIZE - this.sizeBefore
    this.fills = left >= room
    this.tryBytes = this.fills ? room : left
  }

  /**
   * Room for the encrypted form. Where its 17 elements are too few the record takes less, and is closed. A call that may
   * wait waits for memory and tries again.
   */
  private allocEncrypted(io: Operation): boolean {
    const { msgs } = this.records
    const required = this.sizeBefore + this.tryBytes + this.info.overheadSize
    for (;;) {
      const error = msgs.alloc(io, this.encrypted, required)
      if (error === ENOMEM) {
        this.counts[MEMORY_WAITS]++
        if ((io.flags & FLAG_NOWAIT) === 0) continue
        this.fail(io, EAGAIN)
        return false
      }
      if (error < 0) {
        this.tryBytes -= required - msgs.sizeBytes[this.encrypted]
        this.fills = true
      }
      return true
    }
  }

  /** Attaches pages as they are, one after the other, until the record is full. @kernel net/tls/tls_sw.c: tls_sw_sendmsg_splice; 6.1: tls_sw_do_sendpage */
  private splice(io: Operation): void {
    const { records, plain } = this
    const { msgs } = records
    const first = msgs.used[plain]
    let left = this.tryBytes
    do {
      const part = listBarePage(io, left)
      if (part < 0) this.status = part
      else left -= this.attach(io, plain, part)
    } while (this.status === 0 && left > 0 && io.fits(msgs.used[plain] + 1, MAX_MSG_FRAGS))
    records.tell(io, plain, first, this.tryBytes - left, 'plaintext')
    if (left < this.tryBytes) this.counts[ZERO_COPY_RECORDS]++
    if (this.status !== 0) return
    if (left > 0 || msgs.isFull(plain)) this.trimFull(io)
    if (this.fills || this.isLast) this.close(io)
  }

  /** The page just listed becomes an element, with a reference. */
  private attach(io: Operation, plain: number, bytes: number): number {
    const { msgs } = this.records
    const { page, offsetBytes } = io.list
    msgs.addPage(plain, page[0], offsetBytes[0], bytes, referenceBarePage(io))
    msgs.copybreak[plain] = 0
    msgs.curr[plain] = msgs.used[plain]
    this.counts[SPLICED_PAGES]++
    this.entries++
    this.copied += bytes
    io.reachedInPlace(bytes)
    return bytes
  }

  /** The encrypted form is as long as the plaintext needs it, when that has no element left. */
  private trimFull(io: Operation): void {
    const { msgs } = this.records
    this.fills = true
    msgs.trim(io, this.encrypted, msgs.sizeBytes[this.plain] + this.info.overheadSize)
  }

  /** Takes the pages of the iterator into the plaintext; false when that failed, with nothing kept: it is copied then. */
  private zeroCopy(io: Operation): boolean {
    const { records, plain, tryBytes, counts } = this
    const { msgs } = records
    const first = msgs.used[plain]
    if (msgs.zerocopyFromIter(io, plain, tryBytes) < 0) {
      counts[ZERO_COPY_FALLBACKS]++
      if (io.observer !== null) io.observer.note('no zero copy: the pages taken are put, and the data is copied')
      msgs.trim(io, plain, this.sizeBefore)
      return false
    }
    this.zeroCopied = true
    this.copied += tryBytes
    this.entries += msgs.used[plain] - first
    if (tryBytes > 0) counts[ZERO_COPY_RECORDS]++
    io.reachedInPlace(tryBytes)
    records.tell(io, plain, first, tryBytes, 'plaintext')
    this.close(io)
    return true
  }

  /** Copies into the pages of the encrypted form, which the plaintext names from then on. */
  private copy(io: Operation): void {
    const { records, plain, encrypted, info } = this
    const { msgs } = records
    const first = msgs.used[plain]
    const wanted = msgs.sizeBytes[plain] + this.tryBytes
    if (msgs.clone(io, plain, encrypted, info.prependSize + msgs.sizeBytes[plain], this.tryBytes) < 0) {
      this.tryBytes -= wanted - msgs.sizeBytes[plain]
      this.fills = true
      msgs.trim(io, encrypted, msgs.sizeBytes[plain] + info.overheadSize)
    }
    if (this.tryBytes > 0) {
      const error = msgs.memcopyFromIter(io, plain, this.tryBytes)
      if (error < 0) {
        this.fail(io, error)
        return
      }
      if (this.closesFull && msgs.isFull(plain)) this.trimFull(io)
      this.counts[COPIED_RECORDS]++
    }
    this.copied += this.tryBytes
    this.entries += msgs.used[plain] - first
    if (this.fills || this.isLast) this.close(io)
  }

  /** The call ends here; both messages are what they were before this part. @kernel net/tls/tls_sw.c: tls_trim_both_msgs */
  private fail(io: Operation, error: number): void {
    const { msgs } = this.records
    const { sizeBefore } = this
    this.status = error
    msgs.trim(io, this.plain, sizeBefore)
    msgs.trim(io, this.encrypted, sizeBefore > 0 ? sizeBefore + this.info.overheadSize : 0)
  }

  /** Encrypts the record and sends it; an asynchronous cipher ends later. @kernel net/tls/tls_sw.c: tls_push_record */
  private close(io: Operation): void {
    const { socket } = this
    this.transmit.close(io, socket)
    if (this.isAsync) {
      this.sockets.asyncCapable[socket] = 1
      this.started++
    } else this.transmit.sendNow(io, socket)
  }

  /**
   * Waits for encryptions, where pages of the iterator are among them or the message ends; the sendpage callback never
   * does. The others are sent when they have ended, which is when the operation has.
   * @kernel net/tls/tls_sw.c: tls_encrypt_async_wait, tx_work_handler
   */
  private end(io: Operation): number {
    const waits = !this.isSendpage && (this.zeroCopied || this.isLast)
    if (this.started > 0 && waits) this.transmit.sendNow(io, this.socket)
    io.built(this.entries, SCATTERLIST_BYTES)
    return this.copied > 0 ? this.copied : this.status
  }
}
