import { grown, RowPool } from '@pinscope/core'

/** No request. */
export const NO_REQUEST = 0

/** Requests that a driver has, a row each. @kernel include/linux/blk-mq.h: struct request */
export class RequestTable {
  /** How many there are. */
  outstanding = 0
  /** The next request of the same operation. */
  next = new Int32Array(64)
  /** Elements that its scatterlist has room for. @kernel nr_phys_segments */
  tableEntries = new Int32Array(64)
  /** Elements of it that are mapped. */
  mappedEntries = new Int32Array(64)
  private readonly rows = new RowPool(NO_REQUEST + 1)

  take(): number {
    const row = this.rows.take()
    if (row >= this.next.length) this.grow()
    this.outstanding++
    this.next[row] = NO_REQUEST
    this.tableEntries[row] = 0
    this.mappedEntries[row] = 0
    return row
  }

  give(row: number): void {
    this.outstanding--
    this.rows.give(row)
  }

  private grow(): void {
    const capacity = this.next.length * 2
    this.next = grown(this.next, capacity)
    this.tableEntries = grown(this.tableEntries, capacity)
    this.mappedEntries = grown(this.mappedEntries, capacity)
  }
}
