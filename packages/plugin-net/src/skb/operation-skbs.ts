import { grown, holding, type Operation, RowPool } from '@pinscope/core'

/**
 * Which skbs an operation in flight has data in, as a ring whose last one is its `scratch`, and of how many operations an
 * skb has data: it is freed, as when its acknowledgement comes, with the last of them, the first skb first.
 */
export class OperationSkbs {
  private skb = new Int32Array(64)
  private next = new Int32Array(64)
  private readonly rows = new RowPool(1)
  /** By skb: operations. */
  private pending = new Int32Array(16)

  /** The operation at work has data in that skb, the one it had data in last or a new one. */
  link(io: Operation, skb: number): void {
    if (io.scratch !== 0 && this.skb[io.scratch] === skb) return
    const row = this.rows.take()
    if (row >= this.skb.length) {
      this.skb = grown(this.skb, 2 * row)
      this.next = grown(this.next, 2 * row)
    }
    this.pending = holding(this.pending, skb)
    this.pending[skb]++
    this.skb[row] = skb
    this.next[row] = row
    if (io.scratch !== 0) {
      this.next[row] = this.next[io.scratch]
      this.next[io.scratch] = row
    }
    io.scratch = row
  }

  /** Takes the first of the operation's skbs off: its row, 0 when there is none left. */
  unlink(io: Operation): number {
    const last = io.scratch
    if (last === 0) return 0
    const row = this.next[last]
    if (row === last) io.scratch = 0
    else this.next[last] = this.next[row]
    this.rows.give(row)
    const skb = this.skb[row]
    this.pending[skb]--
    return skb
  }

  /** No operation in flight has data in it. */
  isDone(skb: number): boolean {
    return skb >= this.pending.length || this.pending[skb] === 0
  }
}
