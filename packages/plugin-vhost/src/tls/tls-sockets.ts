import { holding } from '@pinscope/core'

/** No record, no skb. */
export const NONE = -1

/**
 * What a socket keeps from one operation to the next, as columns; a row is a socket, which the `file` of an operation
 * names. Row 0 is the anonymous one.
 * @kernel include/net/tls.h: struct tls_context, tls_sw_context_tx, tls_sw_context_rx, tls_offload_context_tx
 */
export class TlsSockets {
  /** The record that is not closed yet. @kernel tls_sw_context_tx.open_rec, tls_offload_context_tx.open_record */
  openRecord = new Int32Array(8).fill(NONE)
  /** Records that are closed and not transmitted, oldest first. @kernel tls_sw_context_tx.tx_list */
  txFirst = new Int32Array(8).fill(NONE)
  txLast = new Int32Array(8).fill(NONE)
  /** An encryption did not end at once: nothing is sent from where it is any more. @kernel tls_sw_context_tx.async_capable */
  asyncCapable = new Uint8Array(8)
  /** Decrypted records, or what is left of one. @kernel tls_sw_context_rx.rx_list */
  rxFirst = new Int32Array(8).fill(NONE)
  rxLast = new Int32Array(8).fill(NONE)
  /** 0, or the -errno that the next send gives. @kernel struct sock.sk_err */
  error = new Int32Array(8)
  /** 0, or the -errno with which a decryption ended that nobody waited for. @kernel tls_sw_context_rx.async_wait.err */
  asyncError = new Int32Array(8)
  /** Records sealed and opened: their numbers. @kernel struct cipher_context.rec_seq */
  txSequence = new Float64Array(8)
  rxSequence = new Float64Array(8)
  /** Payload that the peer has sent. */
  rxPosition = new Float64Array(8)
  /** Rows in use. */
  length = 0

  /** Row of the socket with that file id. */
  rowOf(file: number): number {
    const row = file + 1
    while (this.length <= row) this.reset(this.length++)
    return row
  }

  /** Makes a row that of a new connection, with nothing sent and nothing kept. */
  reset(row: number): void {
    this.grow(row)
    this.openRecord[row] = NONE
    this.txFirst[row] = NONE
    this.txLast[row] = NONE
    this.asyncCapable[row] = 0
    this.rxFirst[row] = NONE
    this.rxLast[row] = NONE
    this.error[row] = 0
    this.asyncError[row] = 0
    this.txSequence[row] = 0
    this.rxSequence[row] = 0
    this.rxPosition[row] = 0
  }

  private grow(row: number): void {
    this.openRecord = holding(this.openRecord, row)
    this.txFirst = holding(this.txFirst, row)
    this.txLast = holding(this.txLast, row)
    this.asyncCapable = holding(this.asyncCapable, row)
    this.rxFirst = holding(this.rxFirst, row)
    this.rxLast = holding(this.rxLast, row)
    this.error = holding(this.error, row)
    this.asyncError = holding(this.asyncError, row)
    this.txSequence = holding(this.txSequence, row)
    this.rxSequence = holding(this.rxSequence, row)
    this.rxPosition = holding(this.rxPosition, row)
  }
}
