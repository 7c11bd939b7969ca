import {
  EAGAIN,
  EFAULT,
  ENOMEM,
  FLAG_MORE,
  FLAG_NOWAIT,
  FRAG_NONE,
  type Operation,
  PAGE_FRAG_BYTES,
} from '@pinscope/core'
import { listBarePage, referenceBarePage } from './bare-page.ts'
import { DEVICE_FRAGS_MAX, TLS_MAX_PAYLOAD_SIZE, type TlsProtInfo } from './prot-info.ts'
import { COPIED_RECORDS, MEMORY_WAITS, SPLICED_PAGES, ZERO_COPY_RECORDS } from './tls-counters.ts'
import { isSplice, sendpageBytes } from './tls-flags.ts'
import type { TlsRecords } from './tls-records.ts'
import { NONE, type TlsSockets } from './tls-sockets.ts'
import type { TlsTransmit } from './tls-transmit.ts'

const REFILL_BYTES = 32
/** @kernel include/linux/skbuff.h: skb_frag_t (a struct bio_vec in 6.1) */
const SKB_FRAG_BYTES = 16

/**
 * Sending through a device that seals the records: header, data and room for the tag are frags of one record, at most 16
 * KiB of data or 16 frags before the tag. Data is copied into page frags of the socket, one frag while it is contiguous;
 * with `zerocopy-sendfile`, spliced pages are attached.
 *
 * 6.1 calls once for each spliced page, all but the last with more to come. Since 6.5 one call takes them all, and a record
 * with 16 frags is closed whatever follows: 6.1 goes on there, beyond the end of the record's array. The model closes it.
 *
 * @kernel net/tls/tls_device.c: tls_push_data, tls_append_frag, tls_device_record_close
 */
export class TlsDeviceSend {
  private readonly info: TlsProtInfo
  private readonly isZeroCopy: boolean
  private readonly hasSendpage: boolean
  private readonly sockets: TlsSockets
  private readonly records: TlsRecords
  private readonly transmit: TlsTransmit
  private readonly counts: Float64Array

  // The call at work.
  private socket = 0
  private attaches = false
  private entries = 0
  private left = 0
  /** The open record got bytes of this call. */
  private hasAdded = false

  constructor(
    info: TlsProtInfo,
    isZeroCopy: boolean,
    hasSendpage: boolean,
    sockets: TlsSockets,
    records: TlsRecords,
    transmit: TlsTransmit,
    counts: Float64Array,
  ) {
    this.info = info
    this.isZeroCopy = isZeroCopy
    this.hasSendpage = hasSendpage
    this.sockets = sockets
    this.records = records
    this.transmit = transmit
    this.counts = counts
  }

  /** Sends all that the iterator has left. Bytes, or -errno when there are none. */
  send(io: Operation, socket: number): number {
    this.socket = socket
    this.entries = 0
    this.attaches = this.isZeroCopy && isSplice(io)
    const more = (io.flags & FLAG_MORE) !== 0
    const isSendpage = this.attaches && this.hasSendpage
    const result = isSendpage ? this.sendPages(io, more) : this.push(io, io.iter.countBytes, more)
    io.built(this.entries, SKB_FRAG_BYTES)
    return result
  }

  /** A call for each page, all but the last with more to come. @kernel net/tls/tls_device.c: tls_device_sendpage (6.1) */
  private sendPages(io: Operation, more: boolean): number {
    let sent = 0
    while (io.iter.countBytes > 0) {
      const bytes = sendpageBytes(io)
      const isLast = bytes === io.iter.countBytes
      const pushed = bytes === 0 ? EFAULT : this.push(io, bytes, more || !isLast)
      if (pushed < bytes) return sent > 0 ? sent : pushed
      sent += pushed
    }
    return sent
  }

  /** Puts `bytes` bytes into records; with `more` the last one stays open. @kernel net/tls/tls_device.c: tls_push_data */
  private push(io: Operation, bytes: number, more: boolean): number {
    const { records, sockets, socket, info } = this
    const { msgs } = records
    this.left = bytes
    let error = 0
    for (let isDone = false; !isDone; ) {
      error = this.alloc(io)
      if (error < 0) {
        this.counts[MEMORY_WAITS]++
        if ((io.flags & FLAG_NOWAIT) === 0) continue
        error = EAGAIN
      } else error = this.fill(io)
      const record = sockets.openRecord[socket]
      if (error < 0 && (record === NONE || msgs.sizeBytes[records.plaintext(record)] <= info.prependSize)) break
      const msg = records.plaintext(record)
      if (error < 0 || this.left === 0) {
        if (more && msgs.used[msg] < DEVICE_FRAGS_MAX) break
        isDone = true
      }
      if (isDone || this.isFull(msg) || !io.fits(msgs.used[msg] + 1, DEVICE_FRAGS_MAX)) {
        this.close(io, msg)
        // The error of what came before is lost here: what is told is whether the record was pushed.
        error = 0
      }
    }
    this.countPart()
    return bytes > this.left ? bytes - this.left : error
  }

  /** The header is not counted, and the tag has room behind. */
  private isFull(msg: number): boolean {
    return this.records.msgs.sizeBytes[msg] >= TLS_MAX_PAYLOAD_SIZE + this.info.prependSize
  }

  /** An open record and room in the task's frag: 0 or -ENOMEM. @kernel net/tls/tls_device.c: tls_do_allocation, tls_create_new_record */
  private alloc(io: Operation): number {
    const { sockets, records, socket, info } = this
    const { frags, msgs } = records
    if (sockets.openRecord[socket] === NONE) {
      this.transmit.sendBefore(io, socket)
      if (!frags.refill(io, info.prependSize)) return ENOMEM
      const record = records.take(io)
      if (record === NONE) return ENOMEM
      sockets.openRecord[socket] = record
      msgs.addFrag(io, records.plaintext(record), frags.frag, frags.offsetBytes, info.prependSize)
      frags.offsetBytes += info.prependSize
      if (frags.offsetBytes < PAGE_FRAG_BYTES) return 0
    }
    return frags.refill(io, REFILL_BYTES) ? 0 : ENOMEM
  }

  /** One more piece of data into the record: 0 or -errno. */
  private fill(io: Operation): number {
    const { records, sockets, socket, info } = this
    const { msgs, frags } = records
    const msg = records.plaintext(sockets.openRecord[socket])
    const room = TLS_MAX_PAYLOAD_SIZE + info.prependSize - msgs.sizeBytes[msg]
    let bytes = Math.min(this.left, room)
    if (bytes === 0) return 0
    if (this.attaches) {
      bytes = listBarePage(io, bytes)
      if (bytes < 0) return bytes
      this.attach(io, msg, bytes)
    } else {
      bytes = Math.min(bytes, PAGE_FRAG_BYTES - frags.offsetBytes)
      if (this.copy(io, bytes) !== bytes) return EFAULT
      this.appendFrag(io, msg, bytes)
    }
    this.hasAdded = true
    this.left -= bytes
    return 0
  }

  /** The page just listed: no new reference where it goes on where the last frag ends. @kernel net/tls/tls_device.c: tls_append_frag */
  private attach(io: Operation, msg: number, bytes: number): void {
    const { records, counts } = this
    const { msgs } = records
    const { page, offsetBytes } = io.list
    counts[SPLICED_PAGES]++
    io.reachedInPlace(bytes)
    if (!msgs.extend(msg, page[0], offsetBytes[0], bytes, 0)) {
      msgs.addPage(msg, page[0], offsetBytes[0], bytes, referenceBarePage(io))
      this.entries++
    }
    if (io.observer !== null) io.observer.listBuilt('frags', bytes, 1, page, offsetBytes, Int32Array.of(bytes), '')
  }

  /** The next `bytes` of the task's frag. */
  private appendFrag(io: Operation, msg: number, bytes: number): void {
    const { msgs, frags } = this.records
    if (!msgs.extend(msg, frags.frag, frags.offsetBytes, bytes, 1)) {
      msgs.addFrag(io, msg, frags.frag, frags.offsetBytes, bytes)
      this.entries++
    }
    frags.offsetBytes += bytes
  }

  /** @kernel net/tls/tls_device.c: tls_device_copy_data */
  private copy(io: Operation, bytes: number): number {
    if (io.memory.bytes === null) return io.copy(bytes)
    const { frags } = this.records
    const buffer = new Uint8Array(bytes)
    const copied = io.copy(bytes, buffer)
    frags.write(io, frags.frag, frags.offsetBytes, buffer.subarray(0, copied))
    return copied
  }

  /** Room for the tag, in a dummy page where there is no memory, and then the record goes. @kernel net/tls/tls_device.c: tls_device_record_close */
  private close(io: Operation, msg: number): void {
    const { records, transmit, info, socket } = this
    const { msgs, frags } = records
    const hasRoom = frags.frag !== FRAG_NONE && frags.offsetBytes + info.tagSize <= PAGE_FRAG_BYTES
    if (hasRoom || frags.refill(io, info.tagSize)) this.appendFrag(io, msg, info.tagSize)
    else msgs.addFrag(io, msg, FRAG_NONE, 0, info.tagSize)
    this.countPart()
    transmit.close(io, socket)
    transmit.sendNow(io, socket)
  }

  /** What this call added to one record. */
  private countPart(): void {
    if (this.hasAdded) this.counts[this.attaches ? ZERO_COPY_RECORDS : COPIED_RECORDS]++
    this.hasAdded = false
  }
}
