import {
  type IovIter,
  ITER_KVEC,
  ITER_MIXED,
  type IterType,
  isUserBacked,
  KVEC_OFFSET,
  PAGE_SIZE,
  pageOffsetOf,
  pagesSpanned,
} from '@pinscope/core'
import { MARKER_BYTES, padBytes } from './sizes.ts'
import type { Way } from './way.ts'

/** What heads and tails have where the row does not bring them, in bytes; the padding is not in `tailBytes`. */
export interface HeadSizes {
  readonly headBytes: number
  readonly tailBytes: number
}

/** A row that brings head and tail: mixed, or kernel memory alone. Any other is the data of messages. */
export function isWhole(type: IterType): boolean {
  return type === ITER_MIXED || type === ITER_KVEC
}

/** The data of the row is in no pages that sunrpc could be given: user memory. */
export function hasNoPages(type: IterType): boolean {
  return isUserBacked(type)
}

/** One message, counted before it is sent: what lists it takes. One object is used for every message. */
export class MessageShape {
  /** Bytes of the row in it. */
  rowBytes = 0
  /** Head and tail that are not the row's, the padding included. */
  headBytes = 0
  tailBytes = 0
  /** Parts that kvecs name, head and tail not of the row included; pages, or parts of them. */
  kvecs = 0
  pages = 0
  /** Bytes of the row that kvecs name; a message without such parts has none. */
  kvecBytes = 0
  /** Sends that it takes part by part: head and tail one each, be they side by side, and a run of pages one. @kernel net/sunrpc/socklib.c: xprt_sock_sendmsg */
  sends = 0
  /** Bytes of its first part, where a kvec names it; 0 where it begins with pages. */
  firstKvecBytes = 0

  /** Bytes on the wire. */
  get wireBytes(): number {
    return MARKER_BYTES + this.headBytes + this.rowBytes + this.tailBytes
  }

  /** A row that is a message, with head and tail in it. */
  measureWhole(iter: IovIter): void {
    const { table, segment, segmentsLeft, type } = iter
    const { offsetBytes, lengthBytes } = table
    this.clear(iter.countBytes)
    let left = iter.countBytes
    let wasKvec = false
    for (let s = segment; s < segment + segmentsLeft && left > 0; s++) {
      const bytes = lengthBytes[s] < left ? lengthBytes[s] : left
      if (bytes === 0) continue
      const isKvec = type === ITER_KVEC || offsetBytes[s] === KVEC_OFFSET
      if (this.sends === 0 && isKvec) this.firstKvecBytes = bytes
      if (this.sends === 0 || isKvec || wasKvec) this.sends++
      if (isKvec) {
        this.kvecs++
        this.kvecBytes += bytes
      } else {
        this.pages += pagesSpanned(pageOffsetOf(offsetBytes[s]), bytes)
      }
      wasKvec = isKvec
      left -= bytes
    }
  }

  /** The next `bytes` bytes of a row as data, with head and tail of these sizes. */
  measureData(iter: IovIter, bytes: number, { headBytes, tailBytes }: HeadSizes): void {
    this.clear(bytes)
    this.headBytes = headBytes
    this.tailBytes = tailBytes + padBytes(bytes)
    this.pages = hasNoPages(iter.type) ? Math.ceil(bytes / PAGE_SIZE) : iter.npagesOf(bytes)
    this.firstKvecBytes = headBytes
    this.kvecs = (headBytes > 0 ? 1 : 0) + (this.tailBytes > 0 ? 1 : 0)
    // What is discarded has no pages, and arrives all the same.
    this.sends = this.kvecs + 1
  }

  /** Calls of the socket that send it. */
  calls(way: Way): number {
    if (way.isOneCall) return 1
    if (way.isCallPerPage) return 1 + this.kvecs + this.pages
    // The marker goes with the head.
    return this.firstKvecBytes > 0 ? this.sends : this.sends + 1
  }

  /** Elements of the lists that it is sent from, the marker's included; kernel_sendpage() takes head and tail without one. */
  elements(way: Way): number {
    return way.isCallPerPage ? 1 + this.pages : 1 + this.kvecs + this.pages
  }

  /** Bytes that TCP copies out of it. */
  copiedBytes(way: Way): number {
    let bytes = way.hasMarkerFrag && way.refersHeads ? 0 : MARKER_BYTES
    if (!way.refersHeads) bytes += this.headBytes + this.kvecBytes + this.tailBytes
    if (!way.refersPages) bytes += this.rowBytes - this.kvecBytes
    return bytes
  }

  private clear(rowBytes: number): void {
    this.rowBytes = rowBytes
    this.headBytes = 0
    this.tailBytes = 0
    this.kvecs = 0
    this.pages = 0
    this.kvecBytes = 0
    this.sends = 0
    this.firstKvecBytes = 0
  }
}
