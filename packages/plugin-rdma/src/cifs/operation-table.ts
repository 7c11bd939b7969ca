import { grown, RowPool } from '@pinscope/core'

const FIRST_CAPACITY = 64

/** Operations that are under way, as columns. Row 0 is never used. @kernel include/linux/netfs.h: struct netfs_io_request */
export class OperationTable {
  /** Bvecs over user memory, and bytes of their array; 0 for none. @kernel direct_bv_count, direct_bv */
  bvecs = new Int32Array(FIRST_CAPACITY)
  arrayBytes = new Int32Array(FIRST_CAPACITY)
  /** 1 for a read. */
  isRead = new Uint8Array(FIRST_CAPACITY)
  private readonly rows = new RowPool(1)

  /** A row with nothing in it. */
  take(isRead: boolean): number {
    const row = this.rows.take()
    if (row === this.bvecs.length) this.grow()
    this.bvecs[row] = 0
    this.arrayBytes[row] = 0
    this.isRead[row] = isRead ? 1 : 0
    return row
  }

  give(row: number): void {
    this.rows.give(row)
  }

  private grow(): void {
    const capacity = 2 * this.bvecs.length
    this.bvecs = grown(this.bvecs, capacity)
    this.arrayBytes = grown(this.arrayBytes, capacity)
    this.isRead = grown(this.isRead, capacity)
  }
}
