import { grown, isHold, type Operation, type PageFrags, RETAIN_REF, RowPool } from '@pinscope/core'
import { DOWNGRADE_REFS, DOWNGRADES, MERGES_REFUSED, PURE_DOWNGRADES, SKBS } from './skb-counters.ts'
import { SkbHolds } from './skb-holds.ts'
import { MAX_SKB_FRAGS, NONE } from './skb-sizes.ts'
import type { UbufInfos } from './ubuf-infos.ts'

/** Nothing of it is charged to the socket: its pages are the user's. @kernel SKBFL_PURE_ZEROCOPY */
export const SKB_PURE = 1 << 0
/** No frag has a reference: the ubuf_info keeps the pages. @kernel SKBFL_MANAGED_FRAG_REFS */
export const SKB_MANAGED = 1 << 1
/** A message ends here: nothing is appended. @kernel TCP_SKB_CB(skb)->eor */
export const SKB_EOR = 1 << 2

/** A frag in a page frag of the socket's: {@link Skbs.fragPage} is a row of PageFrags. The others are `RETAIN_*`. */
export const FRAG_OWN = 3

const FIRST = 16

/**
 * Socket buffers and their frags, as columns. Each frag knows by which kind of reference its page is held: a frag grows
 * only by bytes that are held the same way, or the one reference that is left would be the wrong one to drop. In the kernel
 * all are references, or none is.
 * @kernel include/linux/skbuff.h: struct sk_buff, struct skb_shared_info, skb_frag_t
 */
export class Skbs {
  /** Payload. @kernel sk_buff.len */
  lengthBytes = new Int32Array(FIRST)
  /** @kernel skb_shared_info.nr_frags */
  fragCount = new Int32Array(FIRST)
  /** `SKB_*`. */
  flags = new Uint8Array(FIRST)
  /** NONE, or whom to tell when the skb is freed. @kernel skb_uarg */
  uarg = new Int32Array(FIRST)
  socket = new Int32Array(FIRST)
  /** Bytes that are sent from where they lie. */
  inPlaceBytes = new Int32Array(FIRST)
  /** By skb * MAX_SKB_FRAGS + frag. @kernel skb_frag_page, skb_frag_off, skb_frag_size */
  fragPage = new Int32Array(FIRST * MAX_SKB_FRAGS)
  fragOffsetBytes = new Int32Array(FIRST * MAX_SKB_FRAGS)
  fragBytes = new Int32Array(FIRST * MAX_SKB_FRAGS)
  fragKind = new Uint8Array(FIRST * MAX_SKB_FRAGS)
  readonly holds = new SkbHolds()
  readonly pageFrags: PageFrags
  readonly ubufs: UbufInfos
  readonly counts: Float64Array

  private bytes = new Int32Array(FIRST)
  /** Copies of its frags, one of them: pages of the receiver. */
  private copyFirst = new Int32Array(FIRST)
  private copyPage = new Int32Array(FIRST)
  private copyNext = new Int32Array(FIRST)
  private readonly copies = new RowPool(1)
  private readonly rows = new RowPool(1)

  constructor(pageFrags: PageFrags, ubufs: UbufInfos, counts: Float64Array) {
    this.pageFrags = pageFrags
    this.ubufs = ubufs
    this.counts = counts
  }

  /** An skb of `bytes` bytes without frags; NONE when there is no memory. @kernel net/core/skbuff.c: __alloc_skb */
  alloc(io: Operation, socket: number, bytes: number): number {
    if (!io.allocate(bytes)) return NONE
    const skb = this.rows.take()
    if (skb >= this.bytes.length) this.grow()
    this.counts[SKBS]++
    this.bytes[skb] = bytes
    this.socket[skb] = socket
    this.lengthBytes[skb] = 0
    this.inPlaceBytes[skb] = 0
    this.fragCount[skb] = 0
    this.flags[skb] = 0
    this.uarg[skb] = NONE
    this.copyFirst[skb] = 0
    this.holds.open(skb)
    return skb
  }

  /** A frag behind the others. @kernel include/linux/skbuff.h: skb_fill_page_desc_noacc */
  addFrag(skb: number, page: number, offsetBytes: number, bytes: number, kind: number): void {
    const frag = skb * MAX_SKB_FRAGS + this.fragCount[skb]++
    this.fragPage[frag] = page
    this.fragOffsetBytes[frag] = offsetBytes
    this.fragBytes[frag] = bytes
    this.fragKind[frag] = kind
    this.lengthBytes[skb] += bytes
  }

  /**
   * These bytes go on where the last frag ends, and are held as it is. Where only that differs it is counted, and false.
   * @kernel net/core/datagram.c: zerocopy_fill_skb_from_iter; include/linux/skbuff.h: skb_can_coalesce
   */
  goesOn(skb: number, page: number, offsetBytes: number, kind: number): boolean {
    const count = this.fragCount[skb]
    const last = skb * MAX_SKB_FRAGS + count - 1
    if (count === 0 || this.fragPage[last] !== page || (this.fragKind[last] === FRAG_OWN) !== (kind === FRAG_OWN))
      return false
    if (this.fragOffsetBytes[last] + this.fragBytes[last] !== offsetBytes) return false
    if (this.fragKind[last] === kind) return true
    this.counts[MERGES_REFUSED]++
    return false
  }

  /** The last frag grows. @kernel include/linux/skbuff.h: skb_frag_size_add */
  extend(skb: number, bytes: number): void {
    this.fragBytes[skb * MAX_SKB_FRAGS + this.fragCount[skb] - 1] += bytes
    this.lengthBytes[skb] += bytes
  }

  /** Bytes of the last frag; 0 when there is none. */
  lastFragBytes(skb: number): number {
    const count = this.fragCount[skb]
    return count === 0 ? 0 : this.fragBytes[skb * MAX_SKB_FRAGS + count - 1]
  }

  /** Back to so many frags, the last of them with so many bytes, and to the holds at `mark`. @kernel net/core/skbuff.c: ___pskb_trim */
  trim(io: Operation, skb: number, frags: number, lastBytes: number, length: number, mark: number): void {
    this.fragCount[skb] = frags
    if (frags > 0) this.fragBytes[skb * MAX_SKB_FRAGS + frags - 1] = lastBytes
    this.lengthBytes[skb] = length
    this.holds.trimTo(io, skb, mark)
  }

  /**
   * Something else comes into an skb whose frags the ubuf_info keeps: each of them gets a reference. Where frags know how
   * they are held (every policy but get-pages) nothing is to do. One that has a reference already, since whoever attached it
   * did not see that the skb is managed, gets another one, and one is never dropped.
   * @kernel net/core/skbuff.c: __skb_zcopy_downgrade_managed
   */
  downgradeManaged(io: Operation, skb: number): void {
    if ((this.flags[skb] & SKB_MANAGED) === 0 || !io.policy.isLegacy) return
    this.flags[skb] &= ~SKB_MANAGED
    this.counts[DOWNGRADES]++
    this.holds.forget(io, skb)
    const first = skb * MAX_SKB_FRAGS
    for (let frag = first; frag < first + this.fragCount[skb]; frag++) {
      const hold = io.referencePage(this.fragPage[frag])
      if (!isHold(hold)) continue
      this.fragKind[frag] = RETAIN_REF
      this.holds.push(skb, hold)
      this.counts[DOWNGRADE_REFS]++
    }
  }

  /** Its memory is charged to the socket from now on. @kernel net/ipv4/tcp.c: tcp_downgrade_zcopy_pure */
  downgradePure(skb: number): void {
    if ((this.flags[skb] & SKB_PURE) === 0) return
    this.flags[skb] &= ~SKB_PURE
    this.counts[PURE_DOWNGRADES]++
  }

  /** Data of it lies in frags of its own pages. */
  sentInPlace(io: Operation, skb: number, bytes: number): void {
    this.inPlaceBytes[skb] += bytes
    io.reachedInPlace(bytes)
  }

  /** Bytes in frags. @kernel include/linux/skbuff.h: __skb_pagelen */
  pagedBytes(skb: number): number {
    const first = skb * MAX_SKB_FRAGS
    let bytes = 0
    for (let frag = first; frag < first + this.fragCount[skb]; frag++) bytes += this.fragBytes[frag]
    return bytes
  }

  /** A page into which its data was copied. */
  addCopy(skb: number, page: number): void {
    const row = this.copies.take()
    if (row >= this.copyPage.length) {
      this.copyPage = grown(this.copyPage, 2 * row)
      this.copyNext = grown(this.copyNext, 2 * row)
    }
    this.copyPage[row] = page
    this.copyNext[row] = this.copyFirst[skb]
    this.copyFirst[skb] = row
  }

  /** Drops them. */
  putCopies(io: Operation, skb: number): void {
    for (let row = this.copyFirst[skb]; row !== 0; row = this.copyNext[row]) {
      io.owned.put(this.copyPage[row])
      this.copies.give(row)
    }
    this.copyFirst[skb] = 0
  }

  /** The frags go, those of a managed skb without a reference. @kernel net/core/skbuff.c: skb_release_data (skip_unref) */
  putFrags(io: Operation, skb: number): void {
    // What is held here all the same was taken by somebody who did not see that it is managed.
    if ((this.flags[skb] & SKB_MANAGED) !== 0 && io.policy.isLegacy) this.holds.forget(io, skb)
    else this.holds.letGo(io, skb)
    const first = skb * MAX_SKB_FRAGS
    for (let frag = first; frag < first + this.fragCount[skb]; frag++) {
      if (this.fragKind[frag] === FRAG_OWN) this.pageFrags.put(io, this.fragPage[frag])
    }
    this.fragCount[skb] = 0
  }

  /** Whoever waits for the pages is told first, then the frags go, and the memory. Once. @kernel net/core/skbuff.c: skb_release_data, kfree_skbmem */
  release(io: Operation, skb: number): void {
    const uarg = this.uarg[skb]
    this.uarg[skb] = NONE
    if (uarg !== NONE) this.ubufs.put(io, uarg, true, true)
    this.putFrags(io, skb)
    this.putCopies(io, skb)
    if (this.bytes[skb] > 0) io.free(this.bytes[skb])
    this.bytes[skb] = 0
  }

  /** @kernel net/core/skbuff.c: kfree_skb */
  free(io: Operation, skb: number): void {
    this.release(io, skb)
    this.rows.give(skb)
  }

  private grow(): void {
    const capacity = 2 * this.bytes.length
    this.bytes = grown(this.bytes, capacity)
    this.socket = grown(this.socket, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
    this.inPlaceBytes = grown(this.inPlaceBytes, capacity)
    this.fragCount = grown(this.fragCount, capacity)
    this.flags = grown(this.flags, capacity)
    this.uarg = grown(this.uarg, capacity)
    this.copyFirst = grown(this.copyFirst, capacity)
    this.fragPage = grown(this.fragPage, capacity * MAX_SKB_FRAGS)
    this.fragOffsetBytes = grown(this.fragOffsetBytes, capacity * MAX_SKB_FRAGS)
    this.fragBytes = grown(this.fragBytes, capacity * MAX_SKB_FRAGS)
    this.fragKind = grown(this.fragKind, capacity * MAX_SKB_FRAGS)
  }
}
