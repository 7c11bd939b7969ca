import type { Operation } from '@pinscope/core'
import { msgBytes, writeMsg } from './msg-bytes.ts'
import type { TlsProtInfo } from './prot-info.ts'
import { DEVICE_RECORDS, ELEMENTS_MAX, ENCRYPTED_ELEMENTS_MAX, RECORDS_SENT } from './tls-counters.ts'
import { sealRecord, tlsKeys } from './tls-crypto.ts'
import type { TlsRecords } from './tls-records.ts'
import { NONE, type TlsSockets } from './tls-sockets.ts'
import type { TlsWire } from './tls-wire.ts'

/**
 * Closes records, and lets them go when TCP has them. The last record of an operation that has an `end` waits for it, as in
 * a socket whose send buffer is full; other records are sent at once. Records leave in the order in which they were closed,
 * so what comes behind a record that waits, waits too.
 * @kernel net/tls/tls_sw.c: tls_push_record, tls_tx_records; net/tls/tls_main.c: tls_push_sg
 */
export class TlsTransmit {
  private readonly info: TlsProtInfo
  private readonly isDevice: boolean
  private readonly sockets: TlsSockets
  private readonly records: TlsRecords
  private readonly wire: TlsWire
  private readonly counts: Float64Array

  constructor(
    info: TlsProtInfo,
    isDevice: boolean,
    sockets: TlsSockets,
    records: TlsRecords,
    wire: TlsWire,
    counts: Float64Array,
  ) {
    this.info = info
    this.isDevice = isDevice
    this.sockets = sockets
    this.records = records
    this.wire = wire
    this.counts = counts
  }

  /** Closes the open record of the socket: it is sealed, and waits to be sent. @kernel net/tls/tls_sw.c: tls_push_record; tls_device.c: tls_push_record */
  close(io: Operation, socket: number): void {
    const { sockets, records, counts } = this
    const { msgs } = records
    const record = sockets.openRecord[socket]
    sockets.openRecord[socket] = NONE
    const elements = msgs.used[records.plaintext(record)]
    counts[RECORDS_SENT]++
    counts[ELEMENTS_MAX] = Math.max(counts[ELEMENTS_MAX], elements)
    if (this.isDevice) {
      counts[DEVICE_RECORDS]++
      msgs.getPages(io, records.plaintext(record))
    } else {
      const encrypted = msgs.used[records.encrypted(record)]
      counts[ENCRYPTED_ELEMENTS_MAX] = Math.max(counts[ENCRYPTED_ELEMENTS_MAX], encrypted)
    }
    if (io.memory.bytes !== null) this.seal(io, socket, record)
    sockets.txSequence[socket]++
    records.queue(io, sockets, socket, record)
  }

  /** The socket has room now: every closed record goes. @kernel net/tls/tls_sw.c: tls_tx_records */
  sendNow(io: Operation, socket: number): void {
    if (io.hasEnd) return
    while (this.sockets.txFirst[socket] !== NONE) this.send(io, socket)
  }

  /** A further record of the operation begins: TCP has taken those before it, unless an earlier operation still waits. */
  sendBefore(io: Operation, socket: number): void {
    const { sockets, records } = this
    const first = sockets.txFirst[socket]
    if (first === NONE || records.operation[first] !== io.number) return
    while (sockets.txFirst[socket] !== NONE) this.send(io, socket)
  }

  /** The operation ends: its records go, and those before them. */
  sendOf(io: Operation, socket: number): void {
    const { sockets, records } = this
    let last = NONE
    for (let record = sockets.txFirst[socket]; record !== NONE; record = records.next[record]) {
      if (records.operation[record] === io.number) last = record
    }
    if (last === NONE) return
    while (sockets.txFirst[socket] !== last) this.send(io, socket)
    this.send(io, socket)
  }

  /** The operation closed records that were not sent yet. */
  isWaiting(io: Operation, socket: number): boolean {
    const { sockets, records } = this
    for (let record = sockets.txFirst[socket]; record !== NONE; record = records.next[record]) {
      if (records.operation[record] === io.number) return true
    }
    return false
  }

  /** The socket is closed: what was not sent is freed. @kernel net/tls/tls_sw.c: tls_sw_release_resources_tx; tls_device.c: tls_device_sk_destruct */
  release(io: Operation, socket: number): void {
    const { sockets, records } = this
    while (sockets.txFirst[socket] !== NONE) {
      const record = records.dequeue(sockets, socket)
      if (this.isDevice) records.msgs.putPages(io, records.plaintext(record))
      records.give(io, record)
    }
    if (sockets.openRecord[socket] !== NONE) records.give(io, sockets.openRecord[socket])
    sockets.openRecord[socket] = NONE
  }

  /**
   * TCP takes the oldest record: the pages of its encrypted form are put, then those of its plaintext. A device record
   * is kept until the peer has acknowledged it, which is the same moment here.
   * @kernel net/tls/tls_main.c: tls_push_sg; net/tls/tls_device.c: tls_icsk_clean_acked (mainline: tls_tcp_clean_acked)
   */
  private send(io: Operation, socket: number): void {
    const { records, wire } = this
    const record = records.dequeue(this.sockets, socket)
    if (io.memory.bytes !== null) wire.send(socket - 1, this.onTheWire(io, record))
    if (this.isDevice) records.msgs.putPages(io, records.plaintext(record))
    records.give(io, record)
  }

  /** The sealed record: what its encrypted pages hold, or what the device makes of its frags. */
  private onTheWire(io: Operation, record: number): Uint8Array {
    const { records, wire, info } = this
    if (this.isDevice) return wire.take(record)
    const { msgs, frags } = records
    const bytes = msgs.sizeBytes[records.plaintext(record)] + info.overheadSize
    return msgBytes(io, msgs, frags, records.encrypted(record)).subarray(0, bytes)
  }

  /** @kernel net/tls/tls_sw.c: tls_do_encryption */
  private seal(io: Operation, socket: number, record: number): void {
    const { info, records, wire } = this
    const { msgs, frags } = records
    const held = msgBytes(io, msgs, frags, records.plaintext(record))
    const plaintext = this.isDevice ? held.subarray(info.prependSize, held.length - info.tagSize) : held
    const sealed = sealRecord(info, tlsKeys(socket - 1, 'tx'), this.sockets.txSequence[socket], plaintext)
    if (this.isDevice) wire.keep(record, sealed)
    else writeMsg(io, msgs, frags, records.encrypted(record), sealed)
  }
}
