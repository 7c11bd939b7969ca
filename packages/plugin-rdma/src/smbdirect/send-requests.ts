import { grown, type Operation, RowPool } from '@pinscope/core'

const FIRST_CAPACITY = 64

/**
 * Packets that are made or on their way, as columns, in the order in which they are sent. A packet's memory comes from a
 * pool of slab objects: the one given back last comes first, with what was in it before.
 * @kernel fs/smb/client/smbdirect.h: struct smbd_request (6.1, 6.12); smbdirect_send_io (6.18, mainline)
 */
export class SendRequests {
  /** Entries of the packet, that of its header included; of one just taken, what the last user left. @kernel num_sge */
  sges = new Int32Array(FIRST_CAPACITY)
  /** Packets posted that were not yet completed. @kernel send_pending */
  posted = 0

  private readonly rows = new RowPool()
  /** A ring of the rows that are posted. */
  private ring = new Int32Array(FIRST_CAPACITY)
  private first = 0

  /** @kernel mempool_alloc: it waits, and has it */
  take(): number {
    const row = this.rows.take()
    if (row === this.sges.length) this.sges = grown(this.sges, 2 * this.sges.length)
    return row
  }

  give(row: number): void {
    this.rows.give(row)
  }

  /** @kernel ib_post_send */
  post(row: number): void {
    if (this.posted === this.ring.length) this.growRing()
    this.ring[(this.first + this.posted++) % this.ring.length] = row
  }

  /** The packet posted first is sent: every entry of it is unmapped. @kernel fs/smb/client/smbdirect.c: send_done; mainline: smbdirect_connection_send_io_done */
  completeFirst(io: Operation): void {
    const row = this.ring[this.first]
    this.first = (this.first + 1) % this.ring.length
    this.posted--
    for (let i = this.sges[row]; i > 0; i--) io.unmapDma(1)
    this.give(row)
  }

  private growRing(): void {
    const ring = new Int32Array(2 * this.ring.length)
    for (let i = 0; i < this.posted; i++) ring[i] = this.ring[(this.first + i) % this.ring.length]
    this.ring = ring
    this.first = 0
  }
}
