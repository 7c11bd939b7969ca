import { PAGE_SIZE, pagesSpanned } from '../../units.ts'
import type { ImportRow } from '../import/import-row.ts'

/** Where assumed buffers begin: user memory in which no program of a recording lies next to them. */
export const BUFFERS_BASE = 0x7000_0000_0000
/** Buffers follow each other through this much memory, and begin again: page tables stay small however long the trace is. */
export const BUFFERS_BYTES = 1 << 28

/**
 * Memory that assumed buffers are taken from, one after the other, each on pages of its own. One longer than the ring has
 * more of it, at the same place.
 */
export class Buffers {
  private next = 0

  /** Start of a buffer that begins `offsetBytes` into its first page, bytes. */
  take(offsetBytes: number, lengthBytes: number): number {
    const pages = pagesSpanned(offsetBytes, lengthBytes)
    if (this.next + pages * PAGE_SIZE > BUFFERS_BYTES) this.next = 0
    const start = BUFFERS_BASE + this.next
    this.next += pages * PAGE_SIZE
    return start + offsetBytes
  }
}

/**
 * Gives every segment of the row a buffer that begins `offsetOf(length)` bytes into a page; one segment where none is known.
 * Returns the pages touched, each segment by itself: none of them lies next to another in memory.
 */
export function placeEach(row: ImportRow, buffers: Buffers, offsetOf: (lengthBytes: number) => number): number {
  if (row.segmentCount === 0 && row.lengthBytes > 0) row.addLength(row.lengthBytes)
  let pages = 0
  for (let i = 0; i < row.segmentCount; i++) {
    const length = row.segmentLength[i]!
    const offset = length === 0 ? 0 : offsetOf(length)
    row.segmentAddress[i] = buffers.take(offset, length)
    pages += pagesSpanned(offset, length)
  }
  return pages
}
