import { ENOMEM } from '../errno.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import type { Memory } from '../memory/memory.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE, pagesSpanned } from '../units.ts'
import { PAGE_LIST_MAX, type PageList } from './page-list.ts'

/**
 * XARRAY: the pages of consecutive indices from the position on, up to the first hole. Both families alike, but for a
 * hole right at the start: 0 bytes, and see the quirk `xarray-hole-wrap` for iov_iter_extract_pages().
 * @kernel lib/iov_iter.c: iov_iter_extract_xarray_pages; iter_xarray_get_pages, iter_xarray_populate_pages
 */
export function extractXarray(
  iter: IovIter,
  isLegacy: boolean,
  memory: Memory,
  out: PageList,
  pagesMax: number,
  bytesMax: number,
): number {
  const { addressBytes, offsetBytes } = iter.table
  const file = offsetBytes[iter.segment]
  const position = addressBytes[iter.segment] + iter.iovOffsetBytes
  const first = Math.floor(position / PAGE_SIZE)
  const start = position & PAGE_OFFSET_MASK
  const entriesMax = Math.min(pagesSpanned(start, bytesMax), pagesMax, PAGE_LIST_MAX)
  if (entriesMax === 0) return ENOMEM
  let entries = 0
  while (entries < entriesMax) {
    const page = memory.cache.find(file, first + entries)
    if (page < 0) break
    out.page[entries++] = page
  }
  if (entries === 0) {
    // 0 pages less the offset wraps to more than anybody asked for.
    const made = start > 0 && !isLegacy && iter.kernel.quirks['xarray-hole-wrap'] ? bytesMax : 0
    iter.advance(made)
    return made
  }
  const listed = Math.min(entries * PAGE_SIZE - start, bytesMax)
  out.describe(entries, start, listed)
  iter.advance(listed)
  return listed
}
