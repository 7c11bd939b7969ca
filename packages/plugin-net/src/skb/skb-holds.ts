import { grown, type Hold, holding, type Operation, REASON_MANAGED_SKB, RowPool } from '@pinscope/core'

/** End of a chain. */
const END = -1

/**
 * The holds behind the frags of skbs, chained for each skb: they go when the skb is freed, which is when the last operation
 * with data in it is done. Those that the operation at work took are its own until then, for whoever asks what it holds.
 * @kernel what net/core/skbuff.c: skb_release_data drops with skb_frag_unref
 */
export class SkbHolds {
  private hold = new Int32Array(64)
  private next = new Int32Array(64)
  private readonly rows = new RowPool()
  /** By skb. */
  private first = new Int32Array(16)
  private last = new Int32Array(16)
  /** What the operation at work took. */
  private taken = new Int32Array(64)
  private takenCount = 0

  /** Another operation is at work. */
  begin(): void {
    this.takenCount = 0
  }

  /** A new skb: it has none. */
  open(skb: number): void {
    this.first = holding(this.first, skb)
    this.last = holding(this.last, skb)
    this.first[skb] = END
    this.last[skb] = END
  }

  push(skb: number, hold: Hold): void {
    const row = this.rows.take()
    this.hold = holding(this.hold, row)
    this.next = holding(this.next, row)
    this.hold[row] = hold
    this.next[row] = END
    if (this.first[skb] === END) this.first[skb] = row
    else this.next[this.last[skb]] = row
    this.last[skb] = row
    if (this.takenCount === this.taken.length) this.taken = grown(this.taken, 2 * this.takenCount)
    this.taken[this.takenCount++] = hold
  }

  /** Where {@link trimTo} goes back to. */
  mark(skb: number): number {
    return this.last[skb]
  }

  /** Lets go of what came behind the mark, all of it the work of this operation. */
  trimTo(io: Operation, skb: number, mark: number): void {
    const from = mark === END ? this.first[skb] : this.next[mark]
    this.takenCount -= this.drop(io, from, true)
    if (mark === END) this.first[skb] = END
    else this.next[mark] = END
    this.last[skb] = mark
  }

  /** Lets go of all that an skb has. */
  letGo(io: Operation, skb: number): void {
    this.drop(io, this.first[skb], true)
    this.open(skb)
  }

  /** Forgets them, still held. @kernel net/core/skbuff.c: skb_release_data (skip_unref) */
  forget(io: Operation, skb: number): void {
    this.drop(io, this.first[skb], false)
    this.open(skb)
  }

  /** The operation went well: what it took and still has is what it holds. */
  keepTaken(io: Operation): void {
    for (let i = 0; i < this.takenCount; i++) {
      const hold = this.taken[i] as Hold
      if (io.ledger.isOpen(hold)) io.keep(hold)
    }
  }

  /** Gives the rows of a chain back; returns how many. A hold that a recorded event let go is closed already. */
  private drop(io: Operation, first: number, letsGo: boolean): number {
    let count = 0
    for (let row = first; row !== END; count++) {
      const hold = this.hold[row] as Hold
      if (io.ledger.isOpen(hold)) {
        if (letsGo) io.ledger.letGo(hold)
        else io.ledger.mark(hold, REASON_MANAGED_SKB)
      }
      const next = this.next[row]
      this.rows.give(row)
      row = next
    }
    return count
  }
}
