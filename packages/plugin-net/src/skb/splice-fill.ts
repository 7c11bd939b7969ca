import {
  EIO,
  EMSGSIZE,
  EXTRACT,
  isHold,
  KIND_SLAB,
  type Operation,
  PAGE_SIZE,
  POINTER_BYTES,
  RETAIN_REF,
} from '@pinscope/core'
import { SLAB_PAGES, SPLICED_PAGES } from './skb-counters.ts'
import { MAX_SKB_FRAGS, NONE } from './skb-sizes.ts'
import type { Skbs } from './skbs.ts'

/** Pages that one extraction lists at most. @kernel net/core/skbuff.c: skb_splice_from_iter (pages[8]) */
const SPLICE_PAGES_MAX = 8

/** A page that a reference does not keep: whoever it belongs to is to be asked. */
export const SPLICE_REFUSED = 0

/**
 * Pages of an iterator attached to an skb as they are, with a reference of the skb's own on each frag. Nothing comes of the
 * extraction itself: kernel memory, listed and not held, whatever the lane's policy is.
 * @kernel net/core/skbuff.c: skb_splice_from_iter, skb_append_pagefrags (since 6.5); net/ipv4/tcp.c: tcp_build_frag (6.1)
 */
export class SpliceFill {
  private readonly skbs: Skbs
  /** Bytes that {@link appendList} attached. */
  private attachedBytes = 0

  constructor(skbs: Skbs) {
    this.skbs = skbs
  }

  /**
   * Up to `bytes` of the iterator: how many, or -errno when there are none. -EMSGSIZE: the skb is full. -EIO: a slab page,
   * which the iterator is moved over all the same, with what was listed behind it: bytes that are never sent.
   * @kernel net/core/skbuff.c: skb_splice_from_iter
   */
  append(io: Operation, skb: number, bytes: number): number {
    const { skbs } = this
    let attached = 0
    let error = 0
    while (error === 0 && attached < bytes && io.iter.countBytes > 0) {
      const space = Math.min(Math.max(MAX_SKB_FRAGS - skbs.fragCount[skb], 1), SPLICE_PAGES_MAX)
      const listed = io.extract(space, bytes - attached, 0, EXTRACT)
      if (listed <= 0) {
        error = listed === 0 ? EIO : listed
        break
      }
      io.ledger.bare(-io.list.pages)
      io.built(io.list.length, POINTER_BYTES)
      error = this.appendList(io, skb, listed)
      attached += this.attachedBytes
    }
    return attached > 0 ? attached : error
  }

  /**
   * One page, or the next `bytes` of it: as {@link append}, but {@link SPLICE_REFUSED} for one that cannot be attached, with
   * the iterator where it was: 6.1's callers look before they call.
   * @kernel net/ipv4/tcp.c: tcp_build_frag (6.1), do_tcp_sendpages
   */
  appendPage(io: Operation, skb: number, bytes: number): number {
    const { iter, ledger, list } = io
    const listed = io.extract(1, bytes, 0, EXTRACT)
    if (listed <= 0) return listed === 0 ? EIO : listed
    ledger.bare(-1)
    const isRefused = !this.isSendpageOk(io, list.page[0])
    if (!isRefused && this.attach(io, skb, list.page[0], list.offsetBytes[0], listed)) return listed
    iter.revert(listed)
    return isRefused ? SPLICE_REFUSED : EMSGSIZE
  }

  /** The pages of the last list, `listed` bytes: 0, -EIO or -EMSGSIZE. */
  private appendList(io: Operation, skb: number, listed: number): number {
    const { page, offsetBytes, lengthBytes, length } = io.list
    this.attachedBytes = 0
    for (let i = 0; i < length; i++) {
      if (!this.isSendpageOk(io, page[i])) return EIO
      if (!this.attach(io, skb, page[i], offsetBytes[i], lengthBytes[i])) {
        io.iter.revert(listed - this.attachedBytes)
        return EMSGSIZE
      }
      this.attachedBytes += lengthBytes[i]
    }
    return 0
  }

  /** Goes on with the last frag, or begins another one with a reference; false when none is left. @kernel net/core/skbuff.c: skb_append_pagefrags */
  private attach(io: Operation, skb: number, page: number, offsetBytes: number, bytes: number): boolean {
    const { skbs } = this
    // Adjacent is asked first, so that two kinds of reference side by side are seen; an skb with a ubuf_info never joins.
    if (skbs.goesOn(skb, page, offsetBytes, RETAIN_REF) && skbs.uarg[skb] === NONE) {
      skbs.extend(skb, bytes)
    } else {
      if (!io.fits(skbs.fragCount[skb] + 1, MAX_SKB_FRAGS)) return false
      if (!io.iter.kernel.quirks['tcp-sendpage-managed']) skbs.downgradeManaged(io, skb)
      const hold = io.referencePage(page)
      if (isHold(hold)) skbs.holds.push(skb, hold)
      skbs.addFrag(skb, page, offsetBytes, bytes, RETAIN_REF)
    }
    skbs.counts[SPLICED_PAGES]++
    return true
  }

  /** @kernel include/linux/net.h: sendpage_ok */
  private isSendpageOk({ pages }: Operation, page: number): boolean {
    if (pages.kindOf(page) !== KIND_SLAB && pages.refcountOf(page) >= 1) return true
    this.skbs.counts[SLAB_PAGES]++
    return false
  }
}

/** Bytes of the page that 6.1's next call is for. @kernel fs/splice.c: pipe_to_sendpage */
export function sendpageBytes({ iter }: Operation): number {
  iter.skipEmpty()
  return Math.min(PAGE_SIZE - iter.currentStartBytes(), iter.currentLengthBytes())
}
