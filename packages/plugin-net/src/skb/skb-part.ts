import { GUARD_COUNT, GUARD_NONE, type Operation, RETAIN_NONE } from '@pinscope/core'
import { MAX_SKB_FRAGS, NONE, SKB_FRAG_BYTES } from './skb-sizes.ts'
import { FRAG_OWN, type Skbs } from './skbs.ts'

/**
 * What the operation at work adds to one skb: frags of its own, and what the last frag before it grew by. Told and borrowed
 * when it goes on to another skb, or is over.
 */
export class SkbPart {
  /** The skb; NONE: none yet. */
  skb = NONE

  private readonly skbs: Skbs
  private firstFrag = 0
  /** Of that frag, what was there before. */
  private skipBytes = 0
  private readonly page = new Int32Array(MAX_SKB_FRAGS)
  private readonly offsetBytes = new Int32Array(MAX_SKB_FRAGS)
  private readonly lengthBytes = new Int32Array(MAX_SKB_FRAGS)

  constructor(skbs: Skbs) {
    this.skbs = skbs
  }

  /** It begins with an skb as it is. */
  begin(skb: number): void {
    this.skb = skb
    this.firstFrag = Math.max(this.skbs.fragCount[skb] - 1, 0)
    this.skipBytes = this.skbs.lastFragBytes(skb)
  }

  /** It goes on elsewhere. `borrows`: the data is read where it lies until the operation is over. */
  end(io: Operation, borrows: boolean): void {
    const { skb, skbs, page, offsetBytes, lengthBytes } = this
    if (skb === NONE) return
    this.skb = NONE
    const first = skb * MAX_SKB_FRAGS
    let count = 0
    let built = 0
    let bytes = 0
    let skip = this.skipBytes
    for (let frag = first + this.firstFrag; frag < first + skbs.fragCount[skb]; frag++) {
      const length = skbs.fragBytes[frag] - skip
      const from = skbs.fragOffsetBytes[frag] + skip
      skip = 0
      if (length === 0) continue
      built++
      if (skbs.fragKind[frag] === FRAG_OWN) continue
      // A registered buffer is pinned.
      const isBare = skbs.fragKind[frag] === RETAIN_NONE && !io.iter.fixed
      if (borrows) io.borrow(skbs.fragPage[frag], from, length, isBare ? GUARD_NONE : GUARD_COUNT)
      page[count] = skbs.fragPage[frag]
      offsetBytes[count] = from
      lengthBytes[count++] = length
      bytes += length
    }
    io.built(built, SKB_FRAG_BYTES)
    if (io.observer !== null && count > 0) {
      io.observer.listBuilt('frags', bytes, count, page, offsetBytes, lengthBytes, '')
    }
  }
}
