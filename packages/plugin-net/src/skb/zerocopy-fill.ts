import {
  EFAULT,
  EMSGSIZE,
  EXTRACT,
  type Hold,
  isBorrowed,
  isSince,
  KIND_SLAB,
  type Operation,
  PAGE_LIST_MAX,
  PAGE_SIZE,
  POINTER_BYTES,
  RETAIN_NONE,
  retentionOf,
} from '@pinscope/core'
import { MANAGED_FRAGS, PAGES_JOINED } from './skb-counters.ts'
import { MAX_SKB_FRAGS } from './skb-sizes.ts'
import { SKB_MANAGED, type Skbs } from './skbs.ts'

/**
 * Zero-copy data of an iterator, as frags. Pages of one compound page that follow each other are one frag, with one
 * reference: the others are dropped at once. A registered buffer of io_uring gives managed frags, with none.
 *
 * The reference is what the lane's policy takes: all versions call iov_iter_get_pages2 here, which gives plain references.
 *
 * @kernel net/core/datagram.c: __zerocopy_sg_from_iter, zerocopy_fill_skb_from_iter (6.1: in one function)
 */
export class ZerocopyFill {
  private readonly skbs: Skbs
  /** By page of the last list that a hold has: 1 where the frag before went on with it. */
  private readonly isJoined = new Uint8Array(PAGE_LIST_MAX)

  constructor(skbs: Skbs) {
    this.skbs = skbs
  }

  /**
   * Up to `bytes` more in an skb. Returns how many, fewer when its frags are full; -EFAULT, or -EMSGSIZE when nothing fits,
   * with the skb and the iterator as before. The frags of a full skb are not: what was put there stays.
   * @kernel net/core/skbuff.c: skb_zerocopy_iter_stream
   */
  append(io: Operation, skb: number, bytes: number): number {
    const { skbs } = this
    if (!io.iter.fixed) skbs.downgradeManaged(io, skb)
    const length = skbs.lengthBytes[skb]
    const frags = skbs.fragCount[skb]
    const lastBytes = skbs.lastFragBytes(skb)
    const mark = skbs.holds.mark(skb)
    const error = this.fill(io, skb, bytes)
    const added = skbs.lengthBytes[skb] - length
    if (error !== EFAULT && (error === 0 || added > 0)) return added
    io.iter.revert(added)
    skbs.trim(io, skb, frags, lastBytes, length, mark)
    return error
  }

  /** All of `bytes` in an skb, or an errno with what was put there in it. @kernel __zerocopy_sg_from_iter; io_uring/net.c: io_sg_from_iter */
  fill(io: Operation, skb: number, bytes: number): number {
    const { flags, fragCount } = this.skbs
    if (!io.iter.fixed) return this.fillFromIter(io, skb, bytes)
    if (fragCount[skb] === 0) flags[skb] |= SKB_MANAGED
    return (flags[skb] & SKB_MANAGED) !== 0 ? this.fillManaged(io, skb, bytes) : this.fillFromIter(io, skb, bytes)
  }

  /** 0, -EMSGSIZE, or -EFAULT; a hole of the page cache, where the kernel would go round for ever, is one too. */
  private fillFromIter(io: Operation, skb: number, bytes: number): number {
    const { skbs } = this
    for (let left = bytes; left > 0 && io.iter.countBytes > 0; ) {
      const frags = skbs.fragCount[skb]
      if (!io.fits(frags + 1, MAX_SKB_FRAGS)) return EMSGSIZE
      const got = io.extract(MAX_SKB_FRAGS - frags, left)
      if (got <= 0) return EFAULT
      io.built(io.list.length, POINTER_BYTES)
      left -= got
      this.addPages(io, skb)
    }
    return 0
  }

  /** Frags of the last list, each on the head of its compound page. */
  private addPages(io: Operation, skb: number): void {
    const { skbs, isJoined } = this
    const { list, hold, pages } = io
    const { page, offsetBytes, lengthBytes, length } = list
    const retention = retentionOf(hold)
    let entries = 0
    for (let i = 0; i < length; i++) {
      const head = pages.headOf(page[i])
      const offset = offsetBytes[i] + (page[i] - head) * PAGE_SIZE
      // Since 6.16 no reference is taken on a slab page; the kernel drops one all the same.
      const isSpared = list.sparesSlab && pages.kindOf(page[i]) === KIND_SLAB
      const kind = isSpared ? RETAIN_NONE : retention
      const goesOn = skbs.goesOn(skb, head, offset, kind)
      if (goesOn) skbs.extend(skb, lengthBytes[i])
      else skbs.addFrag(skb, head, offset, lengthBytes[i], kind)
      if (!isSpared) isJoined[entries++] = goesOn ? 1 : 0
    }
    if (!isBorrowed(hold)) this.splitHold(io, skb, hold, entries)
  }

  /** Drops what is surplus of a hold, and gives the rest to the skb: run by run, from the end. @kernel page_ref_sub */
  private splitHold(io: Operation, skb: number, hold: Hold, entries: number): void {
    const { isJoined, skbs } = this
    const { ledger } = io
    if (entries === 0) ledger.letGo(hold)
    for (let end = entries; end > 0; ) {
      const joined = isJoined[end - 1]
      let first = end - 1
      while (first > 0 && isJoined[first - 1] === joined) first--
      const part = first === 0 ? hold : ledger.split(hold, end - first)
      if (joined === 1) {
        skbs.counts[PAGES_JOINED] += end - first
        ledger.letGo(part)
      } else skbs.holds.push(skb, part)
      end = first
    }
  }

  /** A frag for each bvec of the registered buffer, nothing taken: 0, -EMSGSIZE or -EFAULT. @kernel io_uring/net.c: io_sg_from_iter */
  private fillManaged(io: Operation, skb: number, bytes: number): number {
    const { iter, ledger, list } = io
    for (let left = Math.min(bytes, iter.countBytes); left > 0; ) {
      const got = io.extract(PAGE_LIST_MAX, left, 0, EXTRACT)
      if (got <= 0) return EFAULT
      const added = this.addBvecs(io, skb)
      left -= added
      if (added === got) continue
      const { pages } = list
      iter.revert(got - added)
      list.trim(got - added)
      ledger.bare(list.pages - pages)
      return EMSGSIZE
    }
    return 0
  }

  /**
   * Frags of the last list, as far as there is room: bytes. Since 6.12 the bvecs of a registered buffer are folios, where
   * all are of one size; that is taken for granted here. 6.1 has pages.
   * @kernel io_uring/rsrc.c: io_try_coalesce_buffer; io_check_coalesce_buffer
   */
  private addBvecs(io: Operation, skb: number): number {
    const { list, pages, iter } = io
    const { page, offsetBytes, lengthBytes, length } = list
    const joinsFolios = isSince(iter.kernel.version, '6.12')
    let added = 0
    for (let i = 0; i < length; i++) {
      const isSame =
        joinsFolios && i > 0 && page[i] === page[i - 1] + 1 && pages.headOf(page[i]) === pages.headOf(page[i - 1])
      if (isSame) this.skbs.extend(skb, lengthBytes[i])
      else {
        if (!io.fits(this.skbs.fragCount[skb] + 1, MAX_SKB_FRAGS)) return added
        const head = joinsFolios ? pages.headOf(page[i]) : page[i]
        this.skbs.counts[MANAGED_FRAGS]++
        this.skbs.addFrag(skb, head, offsetBytes[i] + (page[i] - head) * PAGE_SIZE, lengthBytes[i], RETAIN_NONE)
      }
      added += lengthBytes[i]
    }
    return added
  }
}
