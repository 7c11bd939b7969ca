import { holding, type Operation, PageFrags, RowPool } from '@pinscope/core'
import { TLS_REC_BYTES, TLS_RECORD_INFO_BYTES } from './prot-info.ts'
import { SkMsgs } from './sk-msgs.ts'
import { NONE, type TlsSockets } from './tls-sockets.ts'

/**
 * Records being sent, as columns. One of the software path has two messages, its plaintext and its encrypted form; one
 * of the device path has its frags as the first of them.
 * @kernel net/tls/tls.h: struct tls_rec; include/net/tls.h: struct tls_record_info
 */
export class TlsRecords {
  readonly frags = new PageFrags()
  readonly msgs = new SkMsgs(this.frags)
  /** The record behind it in the socket's list. */
  next = new Int32Array(8)
  /** Number of the operation that closed it. */
  operation = new Float64Array(8)

  private readonly recordBytes: number
  private readonly rows = new RowPool()

  constructor(isDevice: boolean) {
    this.recordBytes = isDevice ? TLS_RECORD_INFO_BYTES : TLS_REC_BYTES
  }

  /** The message of the record's plaintext; of a device record, its frags. @kernel tls_rec.msg_plaintext, tls_record_info.frags */
  plaintext(record: number): number {
    return 2 * record
  }

  /** @kernel tls_rec.msg_encrypted */
  encrypted(record: number): number {
    return 2 * record + 1
  }

  /** A new record, or NONE when there is no memory. @kernel net/tls/tls_sw.c: tls_get_rec; tls_device.c: tls_create_new_record */
  take(io: Operation): number {
    if (!io.allocate(this.recordBytes)) return NONE
    const record = this.rows.take()
    this.next = holding(this.next, record)
    this.operation = holding(this.operation, record)
    this.msgs.init(this.plaintext(record))
    this.msgs.init(this.encrypted(record))
    return record
  }

  /** Frees a record and what is left in its messages. @kernel net/tls/tls_sw.c: tls_free_rec; tls_device.c: destroy_record */
  give(io: Operation, record: number): void {
    this.msgs.free(io, this.encrypted(record))
    this.msgs.free(io, this.plaintext(record))
    io.free(this.recordBytes)
    this.rows.give(record)
  }

  /** Appends a closed record to the socket's list. */
  queue(io: Operation, sockets: TlsSockets, socket: number, record: number): void {
    this.next[record] = NONE
    this.operation[record] = io.number
    if (sockets.txFirst[socket] === NONE) sockets.txFirst[socket] = record
    else this.next[sockets.txLast[socket]] = record
    sockets.txLast[socket] = record
  }

  /** Takes the oldest record out of the socket's list. */
  dequeue(sockets: TlsSockets, socket: number): number {
    const record = sockets.txFirst[socket]
    sockets.txFirst[socket] = this.next[record]
    if (sockets.txFirst[socket] === NONE) sockets.txLast[socket] = NONE
    return record
  }

  /** Tells whoever watches the operation which of the iterator's pages a record got: elements from `first` on. */
  tell(io: Operation, msg: number, first: number, bytes: number, list: string): void {
    const { observer } = io
    if (observer === null || bytes === 0) return
    const { msgs } = this
    const from = msgs.slot(msg, first)
    const to = msgs.slot(msg, msgs.used[msg])
    const { page, offsetBytes, lengthBytes } = msgs
    observer.listBuilt(
      list,
      bytes,
      to - from,
      page.subarray(from, to),
      offsetBytes.subarray(from, to),
      lengthBytes.subarray(from, to),
      '',
    )
  }
}
