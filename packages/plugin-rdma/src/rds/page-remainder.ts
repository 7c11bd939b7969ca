import { type Operation, PAGE_SIZE } from '@pinscope/core'
import { REMAINDER_HITS, REMAINDER_MISSES } from './rds-counters.ts'

const PAGE_NONE = -1
/** Parts of a page begin at multiples of this. */
const PART_ALIGN_BYTES = 8

/**
 * Where the copying path gets its memory: whole pages, and for what is less than a page the next part of a page that
 * messages share. Every part is a reference on it, and so is the remainder itself, until it is used up or too small.
 *
 * The kernel has one for each CPU. A trace does not tell on which CPU a call ran: here there is one.
 *
 * @kernel net/rds/page.c: rds_page_remainder_alloc, struct rds_page_remainder
 */
export class PageRemainder {
  /** Where in its page the part begins that {@link alloc} gave last, and its length. */
  partOffsetBytes = 0
  partLengthBytes = 0

  private page = PAGE_NONE
  private usedBytes = 0
  private readonly counts: Float64Array

  constructor(counts: Float64Array) {
    this.counts = counts
  }

  /** Page with memory for the next of `bytes` bytes, at most a page of it; -1 when there is none. */
  alloc(io: Operation, bytes: number): number {
    if (bytes >= PAGE_SIZE) {
      this.partOffsetBytes = 0
      this.partLengthBytes = PAGE_SIZE
      return io.owned.alloc()
    }
    if (this.page !== PAGE_NONE && bytes > PAGE_SIZE - this.usedBytes) {
      this.counts[REMAINDER_MISSES]++
      this.dispose(io)
    }
    if (this.page === PAGE_NONE) {
      this.page = io.owned.alloc()
      this.usedBytes = 0
      if (this.page === PAGE_NONE) return PAGE_NONE
    }
    return this.takePart(io, bytes)
  }

  /** The module goes. @kernel net/rds/page.c: rds_page_exit */
  dispose(io: Operation): void {
    if (this.page !== PAGE_NONE) io.owned.put(this.page)
    this.page = PAGE_NONE
  }

  private takePart(io: Operation, bytes: number): number {
    const { page } = this
    io.owned.get(page)
    if (this.usedBytes !== 0) this.counts[REMAINDER_HITS]++
    this.partOffsetBytes = this.usedBytes
    this.partLengthBytes = bytes
    this.usedBytes += Math.ceil(bytes / PART_ALIGN_BYTES) * PART_ALIGN_BYTES
    if (this.usedBytes >= PAGE_SIZE) this.dispose(io)
    return page
  }
}
