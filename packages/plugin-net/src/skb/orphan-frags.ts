import { type Operation, PAGE_SIZE } from '@pinscope/core'
import { RX_DROPS } from './skb-counters.ts'
import { MAX_SKB_FRAGS, NONE } from './skb-sizes.ts'
import type { Skbs } from './skbs.ts'

/**
 * An skb with a ubuf_info comes to where packets are received, as over loopback: its data is copied into pages of the
 * receiver's, and its sender told so. The pages have the smallest order of which 17 are enough.
 *
 * A TCP socket keeps the skb until it is acknowledged, and the copy is of a clone: the frags stay held until then, those of
 * a managed skb with a reference each. (Those of the clone itself, taken and dropped here, are not modelled.) A datagram is
 * the only one: its frags go here.
 *
 * Without memory the packet is dropped.
 * @kernel include/linux/skbuff.h: skb_orphan_frags_rx; net/core/skbuff.c: skb_copy_ubufs, pskb_expand_head (of a clone)
 */
export function orphanFrags(io: Operation, skbs: Skbs, skb: number, isClone: boolean): boolean {
  const { uarg, ubufs, counts } = skbs
  if (uarg[skb] === NONE) return true
  if (isClone) skbs.downgradeManaged(io, skb)
  const bytes = skbs.pagedBytes(skb)
  if (skbs.fragCount[skb] > 0 && !allocCopies(io, skbs, skb, bytes)) {
    counts[RX_DROPS]++
    return false
  }
  if (skbs.fragCount[skb] > 0) {
    io.copied(bytes)
    // Pages handed over came into it, and are not sent from where they lie after all.
    io.reachedInPlace(-skbs.inPlaceBytes[skb])
    skbs.inPlaceBytes[skb] = 0
  }
  if (isClone) {
    ubufs.markCopied(uarg[skb])
    return true
  }
  skbs.putFrags(io, skb)
  ubufs.put(io, uarg[skb], false, true)
  uarg[skb] = NONE
  return true
}

function allocCopies(io: Operation, skbs: Skbs, skb: number, bytes: number): boolean {
  let pages = 1
  while (pages * PAGE_SIZE * MAX_SKB_FRAGS < bytes) pages *= 2
  const all = pages * Math.ceil(bytes / (pages * PAGE_SIZE))
  for (let i = 0; i < all; i++) {
    const page = io.owned.alloc()
    if (page < 0) {
      skbs.putCopies(io, skb)
      return false
    }
    skbs.addCopy(skb, page)
  }
  return true
}
