import type { TlsProtInfo } from './prot-info.ts'
import { sealRecord, tlsKeys } from './tls-crypto.ts'

/** Records of a socket that are kept to be looked at: the last ones. */
const SENT_MAX = 1024

/**
 * What goes over the wire of each socket, where pages hold bytes: the sealed records that were sent, and those that the
 * peer sent. Where nobody queued any for a socket, its peer sends as much as is read, of {@link peerBytes}.
 */
export class TlsWire {
  private readonly info: TlsProtInfo
  private readonly sentByFile = new Map<number, Uint8Array[]>()
  private readonly queued = new Map<number, Uint8Array[]>()
  /** By row of the record: sealed by the device, sent when its turn comes. */
  private readonly sealed = new Map<number, Uint8Array>()

  constructor(info: TlsProtInfo) {
    this.info = info
  }

  /** The last sealed records that a socket (id of the file, -1 the anonymous one) gave to TCP, at most 1024, oldest first. */
  sent(file: number): readonly Uint8Array[] {
    return this.sentByFile.get(file) ?? []
  }

  /** Sealed records that a socket is to receive next. */
  queue(file: number, records: readonly Uint8Array[]): void {
    const queue = this.queued.get(file) ?? []
    queue.push(...records)
    this.queued.set(file, queue)
  }

  /** Gives a record to TCP. */
  send(file: number, record: Uint8Array): void {
    const sent = this.sentByFile.get(file) ?? []
    sent.push(record)
    if (sent.length > SENT_MAX) sent.shift()
    this.sentByFile.set(file, sent)
  }

  /** Keeps what the device seals until it is sent. */
  keep(record: number, bytes: Uint8Array): void {
    this.sealed.set(record, bytes)
  }

  /** Takes out what {@link keep} kept. */
  take(record: number): Uint8Array {
    const bytes = this.sealed.get(record) ?? new Uint8Array(0)
    this.sealed.delete(record)
    return bytes
  }

  /** Somebody queued records for the socket: it receives those and no others. */
  isKnown(file: number): boolean {
    return this.queued.has(file)
  }

  /** Payload of the next queued record, in TLS 1.3 with padding; 0 when there is none. */
  nextLength(file: number): number {
    const next = this.queued.get(file)?.[0]
    return next === undefined ? 0 : next.length - this.info.overheadSize
  }

  /** The next record: the queued one, or one that the peer seals. `position`: bytes that the peer has sent. */
  next(file: number, sequence: number, position: number, bytes: number, paddingBytes: number): Uint8Array {
    const next = this.queued.get(file)?.[0]
    if (next !== undefined) return next
    return sealRecord(this.info, tlsKeys(file, 'rx'), sequence, peerBytes(position, bytes), paddingBytes)
  }

  /** The next record has been opened. */
  consume(file: number): void {
    this.queued.get(file)?.shift()
  }
}

/** `length` bytes of the endless stream that a peer sends, from byte `position` on. */
export function peerBytes(position: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.imul(position + i + 1, 0x9e3779b1) >>> 24)
}
