import { GUARD_COUNT, grown, HOLD_NONE, type Hold, ITER_SOURCE, type Operation, RowPool } from '@pinscope/core'
import { OPS_ANON, OPS_DEFAULT } from './pipe-rings.ts'

/** No row: the chain of an operation that passed nothing on. */
export const MOVED_NONE = 0

/**
 * What operations took out of pipes and have until they are over, as columns: a row is a page, or a piece of one, chained
 * by operation.
 */
export class MovedPages {
  private next = new Int32Array(64)
  private page = new Int32Array(64)
  private ops = new Uint8Array(64)
  private hold = new Int32Array(64)
  private borrowed = new Int32Array(64)
  private readonly rows = new RowPool(1)

  /**
   * A piece more in front of the chain `first`, which is returned. `ops`: whose page it is; `hold`: what the buffer had
   * on it, which goes in the end (what the operation took itself, it keeps). A page of the pipe's own is put.
   */
  add(io: Operation, first: number, ops: number, page: number, offsetBytes: number, bytes: number, hold: Hold): number {
    const row = this.rows.take()
    if (row >= this.next.length) this.grow()
    this.next[row] = first
    this.page[row] = page
    this.ops[row] = ops
    this.hold[row] = hold
    this.borrowed[row] = isOwn(ops) ? 0 : io.borrows.add(0, io.row, page, offsetBytes, bytes, GUARD_COUNT, ITER_SOURCE)
    return row
  }

  /** The operation is over: lets go of a whole chain. */
  letGoAll(io: Operation, first: number): void {
    for (let row = first; row !== MOVED_NONE; row = this.next[row]) {
      if (this.borrowed[row] !== 0) io.borrows.giveBack(this.borrowed[row])
      if (isOwn(this.ops[row])) io.owned.put(this.page[row])
      else if (this.hold[row] !== HOLD_NONE) io.ledger.letGo(this.hold[row] as Hold)
      this.rows.give(row)
    }
  }

  private grow(): void {
    const capacity = 2 * this.next.length
    this.next = grown(this.next, capacity)
    this.page = grown(this.page, capacity)
    this.ops = grown(this.ops, capacity)
    this.hold = grown(this.hold, capacity)
    this.borrowed = grown(this.borrowed, capacity)
  }
}

/** The page was allocated for the pipe: it is in no sum of references. */
function isOwn(ops: number): boolean {
  return ops === OPS_ANON || ops === OPS_DEFAULT
}
