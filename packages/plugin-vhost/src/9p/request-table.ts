import { grown, HOLD_NONE, type Hold, RowPool } from '@pinscope/core'

const FIRST_CAPACITY = 64

/**
 * Requests that have no answer yet, as columns. Row 0 is never used. What the operation of a request has of netfs is kept
 * with its last request.
 * @kernel include/net/9p/client.h: struct p9_req_t; include/linux/netfs.h: struct netfs_io_request
 */
export class RequestTable {
  /** What is held on the pages of the data; a `Hold`. */
  hold = new Int32Array(FIRST_CAPACITY)
  /** Pages of the data. @kernel in_nr_pages, out_nr_pages */
  pages = new Int32Array(FIRST_CAPACITY)
  /** Those of them that are in the pool's count. @kernel vp_pinned */
  poolPages = new Int32Array(FIRST_CAPACITY)
  /** Bytes of the page array; 0 for none. @kernel in_pages, out_pages */
  arrayBytes = new Int32Array(FIRST_CAPACITY)
  /** Bytes of the two messages. @kernel tc.capacity, rc.capacity */
  tcBytes = new Int32Array(FIRST_CAPACITY)
  rcBytes = new Int32Array(FIRST_CAPACITY)
  /** Entries of the ring, and bytes of an indirect table; 0 for none. */
  slots = new Int32Array(FIRST_CAPACITY)
  indirectBytes = new Int32Array(FIRST_CAPACITY)
  /** 1 for a read. */
  isRead = new Uint8Array(FIRST_CAPACITY)
  /** 1 when the operation has a netfs request, with `bvecs` bvecs in an array of `bvecBytes` bytes. */
  isNetfs = new Uint8Array(FIRST_CAPACITY)
  bvecs = new Int32Array(FIRST_CAPACITY)
  bvecBytes = new Int32Array(FIRST_CAPACITY)

  private readonly rows = new RowPool(1)

  /** A row with nothing in it. */
  take(): number {
    const row = this.rows.take()
    if (row === this.hold.length) this.grow()
    this.hold[row] = HOLD_NONE
    this.pages[row] = 0
    this.poolPages[row] = 0
    this.arrayBytes[row] = 0
    this.slots[row] = 0
    this.indirectBytes[row] = 0
    this.isNetfs[row] = 0
    return row
  }

  give(row: number): void {
    this.rows.give(row)
  }

  holdOf(row: number): Hold {
    return this.hold[row] as Hold
  }

  private grow(): void {
    const capacity = 2 * this.hold.length
    this.hold = grown(this.hold, capacity)
    this.pages = grown(this.pages, capacity)
    this.poolPages = grown(this.poolPages, capacity)
    this.arrayBytes = grown(this.arrayBytes, capacity)
    this.tcBytes = grown(this.tcBytes, capacity)
    this.rcBytes = grown(this.rcBytes, capacity)
    this.slots = grown(this.slots, capacity)
    this.indirectBytes = grown(this.indirectBytes, capacity)
    this.bvecs = grown(this.bvecs, capacity)
    this.bvecBytes = grown(this.bvecBytes, capacity)
    this.isRead = grown(this.isRead, capacity)
    this.isNetfs = grown(this.isNetfs, capacity)
  }
}
