import { PAGE_SIZE } from '../units.ts'

/** Bytes from `offsetBytes` of a page on, as far as they reach into the rows behind it: an entry of a list, what a device works on. */
export interface PageRange {
  /** Page row; -1: not known. */
  readonly page: number
  readonly offsetBytes: number
  readonly bytes: number
}

/** First page row that a range has bytes of. */
export function firstPageOf({ page, offsetBytes }: PageRange): number {
  return page + Math.floor(offsetBytes / PAGE_SIZE)
}

/** The row behind the last one that it has bytes of. */
export function endPageOf({ page, offsetBytes, bytes }: PageRange): number {
  return page + Math.ceil((offsetBytes + bytes) / PAGE_SIZE)
}

/** The range has bytes of the page. */
export function covers(range: PageRange, page: number): boolean {
  return range.page >= 0 && page >= firstPageOf(range) && page < endPageOf(range)
}

/** Two ranges have bytes in common. */
export function overlaps(a: PageRange, b: PageRange): boolean {
  if (a.page < 0 || b.page < 0) return false
  const from = a.page * PAGE_SIZE + a.offsetBytes
  const to = b.page * PAGE_SIZE + b.offsetBytes
  return from < to + b.bytes && to < from + a.bytes
}
