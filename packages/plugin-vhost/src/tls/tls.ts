import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerEnvironment,
  type ConsumerLimit,
  type ConsumerOption,
  countersOf,
  defineConsumer,
  flagOption,
  ITER_DEST,
  isSince,
  type Operation,
} from '@pinscope/core'
import { DEVICE_FRAGS_MAX, MAX_MSG_FRAGS, TLS_MAX_PAYLOAD_SIZE, tlsProtInfo } from './prot-info.ts'
import { RxSkbs } from './rx-skbs.ts'
import { ABORTS, TLS_COUNTERS } from './tls-counters.ts'
import { TlsDecrypt } from './tls-decrypt.ts'
import { TlsDeviceSend } from './tls-device.ts'
import { flagsError } from './tls-flags.ts'
import { TlsReceive } from './tls-receive.ts'
import { TlsRecords } from './tls-records.ts'
import { TlsSend } from './tls-send.ts'
import { TlsSockets } from './tls-sockets.ts'
import { TlsTransmit } from './tls-transmit.ts'
import { TlsWire } from './tls-wire.ts'

const OPTIONS: readonly ConsumerOption[] = [
  {
    name: 'version',
    summary: 'TLS version, 12 or 13',
    unit: '12 or 13',
    default: 12,
    min: 12,
    max: 13,
    powerOfTwo: false,
    header: 'tls-version',
  },
  {
    name: 'record-size',
    summary: 'payload of the records that are received, padding included',
    unit: 'bytes',
    default: TLS_MAX_PAYLOAD_SIZE,
    min: 64,
    max: TLS_MAX_PAYLOAD_SIZE,
    powerOfTwo: false,
    header: 'tls-record-size',
  },
  flagOption(
    'expect-no-pad',
    'the reader asked for TLS 1.3 records in its memory (TLS_RX_EXPECT_NO_PAD); a new socket: 0',
    1,
  ),
  flagOption('padded', 'TLS 1.3 records that are received end in a byte of padding'),
  flagOption('async', 'the cipher works asynchronously'),
  flagOption('device', 'a device seals and opens the records; TLS 1.2 only'),
  flagOption('zerocopy-sendfile', 'the device sends spliced pages from where they are (TLS_TX_ZEROCOPY_RO)'),
]

const LIMITS: readonly ConsumerLimit[] = [
  {
    name: 'MAX_MSG_FRAGS',
    max: MAX_MSG_FRAGS,
    unit: 'elements',
    summary: 'of a record: zero copy gives up, a splice or a copy closes the record early',
    kernel: 'include/linux/skmsg.h: MAX_MSG_FRAGS (MAX_SKB_FRAGS)',
  },
  {
    name: 'MAX_SKB_FRAGS - 1',
    max: DEVICE_FRAGS_MAX,
    unit: 'frags',
    summary: 'of a record that the device seals, before its tag: it is closed',
    kernel: 'net/tls/tls_device.c: tls_push_data',
  },
]

/**
 * A kTLS socket: sendmsg() and recvmsg() of a connection with AES-GCM-128. What a record takes out of the iterator is
 * referenced until the record is sent, or opened; what does not fit a record's rules is copied.
 *
 * Records stay open across calls, and what is left of a received one is kept: by socket, which the `file` cell of a row
 * names. Closing the socket frees both.
 *
 * @kernel net/tls/tls_sw.c: tls_sw_sendmsg, tls_sw_recvmsg; net/tls/tls_device.c: tls_push_data
 */
export class TlsConsumer implements Consumer {
  /** The sealed records, where pages hold bytes. */
  readonly wire: TlsWire

  private readonly counts = new Float64Array(TLS_COUNTERS.length)
  private readonly sockets = new TlsSockets()
  private readonly skbs = new RxSkbs()
  private readonly records: TlsRecords
  private readonly transmit: TlsTransmit
  private readonly sender: TlsSend | TlsDeviceSend
  private readonly receiver: TlsReceive

  constructor({ kernel, options }: ConsumerEnvironment) {
    const { sockets, skbs, counts } = this
    const info = tlsProtInfo(options.version)
    const isOn = (name: string) => options[name] === 1
    // No version of the kernel offloads TLS 1.3.
    const isDevice = isOn('device') && !info.isTls13
    const closesFull = isSince(kernel, '6.12')
    const paddingBytes = isOn('padded') && info.isTls13 ? 1 : 0
    this.wire = new TlsWire(info)
    this.records = new TlsRecords(isDevice)
    const { records, wire } = this
    this.transmit = new TlsTransmit(info, isDevice, sockets, records, wire, counts)
    const { transmit } = this
    this.sender = isDevice
      ? new TlsDeviceSend(info, isOn('zerocopy-sendfile'), !closesFull, sockets, records, transmit, counts)
      : new TlsSend(info, isOn('async'), closesFull, sockets, records, transmit, counts)
    const receiving = {
      recordBytes: options['record-size'],
      paddingBytes,
      isAsync: isOn('async') && !info.isTls13,
      isDevice,
      zcCapable: !info.isTls13 || isOn('expect-no-pad'),
    }
    const decrypt = new TlsDecrypt(info, paddingBytes, sockets, skbs, wire, counts)
    this.receiver = new TlsReceive(receiving, sockets, skbs, decrypt, wire, counts)
  }

  submit(io: Operation): number {
    const socket = this.sockets.rowOf(io.file)
    // What failed, or found nothing to read, took no page.
    if (io.recordedResult <= 0) return io.recordedResult | 0
    if (io.iter.direction === ITER_DEST) return this.receiver.receive(io, socket)
    const error = this.sendError(io, socket)
    if (error < 0) return error
    if (io.recordedResult < io.iter.countBytes) io.iter.truncate(io.recordedResult | 0)
    return this.sender.send(io, socket)
  }

  /** Nothing to do: a call that fails leaves what the socket keeps in order. */
  abort(): void {}

  /** TCP has taken what the operation sent. Where it failed the connection is aborted, and its records stay until it is closed. @kernel net/tls/tls_sw.c: tx_work_handler, tls_tx_records */
  complete(io: Operation): void {
    const socket = this.sockets.rowOf(io.file)
    if (io.completion === 0) this.transmit.sendOf(io, socket)
    else if (this.transmit.isWaiting(io, socket)) {
      this.sockets.error[socket] = io.completion
      this.counts[ABORTS]++
    }
  }

  /** Every socket is closed, and the task exits. @kernel net/tls/tls_main.c: tls_sk_proto_close */
  close(io: Operation): void {
    for (let socket = 0; socket < this.sockets.length; socket++) this.release(io, socket)
    this.records.frags.dispose(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(TLS_COUNTERS, this.counts)
  }

  /**
   * 0, or why nothing can be sent. A connection that failed and yet sends, as the trace has it, is another one by now; rows
   * without a file are of many connections.
   */
  private sendError(io: Operation, socket: number): number {
    const refused = flagsError(io)
    if (refused < 0) return refused
    const { sockets } = this
    const error = sockets.error[socket]
    if (error < 0) {
      if (io.file >= 0 && !(io.recordedResult > 0)) return error
      this.release(io, socket)
    }
    return 0
  }

  private release(io: Operation, socket: number): void {
    this.transmit.release(io, socket)
    this.skbs.dropAll(io, this.sockets, socket)
    this.sockets.reset(socket)
  }
}

/** kTLS. */
export const tls = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'tls',
  summary: 'kernel TLS: records of 16 KiB, sealed from the memory of the caller and opened into it, or copied',
  kernel: 'net/tls/tls_sw.c: tls_sw_sendmsg, tls_sw_recvmsg; net/core/skmsg.c: sk_msg_zerocopy_from_iter',
  accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'folioq', 'xarray', 'discard'],
  // A record opened in the memory of a reader with a byte in each segment, its AAD and its tail.
  entriesMax: TLS_MAX_PAYLOAD_SIZE + 2,
  dirtiesDest: false,
  avoided:
    'copyBytes: payload that is sealed from, or opened into, the memory of the iterator. Sealing writes another buffer ' +
    'all the same. entries and allocations: none, a record is the only list.',
  options: OPTIONS,
  limits: LIMITS,
  counters: TLS_COUNTERS,
  kernelPolicy: () => 'get-pages',
  create: (environment) => new TlsConsumer(environment),
})
