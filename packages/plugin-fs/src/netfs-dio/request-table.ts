import { grown, RowPool } from '@pinscope/core'

const FIRST_CAPACITY = 64

/** Requests that are under way, as columns. Row 0 is never used. @kernel include/linux/netfs.h: struct netfs_io_request */
export class RequestTable {
  /** 1 for a read. */
  isRead = new Uint8Array(FIRST_CAPACITY)
  /** Bvecs over user memory, and bytes of their array; 0 for none. @kernel direct_bv_count, direct_bv */
  bvecs = new Int32Array(FIRST_CAPACITY)
  arrayBytes = new Int32Array(FIRST_CAPACITY)
  /** Of the bvecs, those that the data of a read does not reach. */
  unreadBvecs = new Int32Array(FIRST_CAPACITY)
  /** Segments of the rolling buffer. @kernel buffer */
  folioQueues = new Int32Array(FIRST_CAPACITY)
  /** Subrequests that are allocated. */
  subrequests = new Int32Array(FIRST_CAPACITY)
  private readonly rows = new RowPool(1)

  /** A row with nothing in it. */
  take(isRead: boolean): number {
    const row = this.rows.take()
    if (row === this.isRead.length) this.grow()
    this.isRead[row] = isRead ? 1 : 0
    this.bvecs[row] = 0
    this.arrayBytes[row] = 0
    this.unreadBvecs[row] = 0
    this.folioQueues[row] = 0
    this.subrequests[row] = 0
    return row
  }

  give(row: number): void {
    this.rows.give(row)
  }

  private grow(): void {
    const capacity = 2 * this.isRead.length
    this.isRead = grown(this.isRead, capacity)
    this.bvecs = grown(this.bvecs, capacity)
    this.arrayBytes = grown(this.arrayBytes, capacity)
    this.unreadBvecs = grown(this.unreadBvecs, capacity)
    this.folioQueues = grown(this.folioQueues, capacity)
    this.subrequests = grown(this.subrequests, capacity)
  }
}
