import { grown, RowPool } from '@pinscope/core'

/** Arrays that requests in flight have, as a chain for each operation. Row 0 is none. @kernel drivers/block/loop.c: struct loop_cmd.bvec */
export class BvecArrays {
  bytes = new Int32Array(64)
  next = new Int32Array(64)
  private readonly rows = new RowPool(1)

  /** An array before those from `next` on. */
  add(next: number, bytes: number): number {
    const row = this.rows.take()
    if (row === this.bytes.length) {
      this.bytes = grown(this.bytes, 2 * row)
      this.next = grown(this.next, 2 * row)
    }
    this.bytes[row] = bytes
    this.next[row] = next
    return row
  }

  give(row: number): void {
    this.rows.give(row)
  }
}
