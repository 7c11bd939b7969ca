import { ENOMEM } from '../errno.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { bvecPage } from '../iter/iterate.ts'
import type { Memory } from '../memory/memory.ts'
import { KIND_SLAB } from '../memory/page-store.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE, pagesSpanned } from '../units.ts'
import { PAGE_LIST_MAX, type PageList } from './page-list.ts'

/**
 * One bvec a call, after the empty ones.
 * @kernel lib/iov_iter.c: iov_iter_extract_bvec_pages (6.3 to 6.15)
 */
export function extractBvec(iter: IovIter, memory: Memory, out: PageList, pagesMax: number, bytesMax: number): number {
  iter.skipEmpty()
  if (iter.segmentsLeft === 0) return 0
  const listed = listOne(iter, memory, out, pagesMax, Math.min(iter.currentLengthBytes(), bytesMax))
  if (listed > 0) iter.advance(listed)
  return listed
}

/**
 * The current bvec, with a reference on each page, but since 6.16 none on a slab page. It moves to the next bvec when
 * this one is used up, and over no empty one.
 * @kernel lib/iov_iter.c: __iov_iter_get_pages_alloc, first_bvec_segment
 */
export function getBvec(iter: IovIter, memory: Memory, out: PageList, pagesMax: number, bytesMax: number): number {
  if (!iter.kernel.quirks['get-pages-empty-bvec']) iter.skipEmpty()
  if (iter.segmentsLeft === 0) return 0
  const length = iter.table.lengthBytes[iter.segment]
  const bytes = Math.min(length - iter.iovOffsetBytes, bytesMax)
  const listed = listOne(iter, memory, out, pagesMax, bytes)
  if (listed < 0) return listed
  out.sparesSlab = iter.kernel.sparesSlab && hasSlab(out, memory)
  iter.countBytes -= listed
  iter.iovOffsetBytes += listed
  if (iter.iovOffsetBytes === length) {
    iter.iovOffsetBytes = 0
    iter.segment++
    iter.segmentsLeft--
  }
  return listed
}

/** Lists `bytes` bytes of the current bvec, as far as `pagesMax` pages go; the iterator stays. */
function listOne(iter: IovIter, memory: Memory, out: PageList, pagesMax: number, bytes: number): number {
  const { segment } = iter
  const offset = iter.table.offsetBytes[segment] + iter.iovOffsetBytes
  const start = offset & PAGE_OFFSET_MASK
  const count = Math.min(pagesSpanned(start, bytes), pagesMax, PAGE_LIST_MAX)
  if (count === 0) return ENOMEM
  const first = Math.floor(offset / PAGE_SIZE)
  for (let i = 0; i < count; i++) out.page[i] = bvecPage(iter, memory, segment, first + i)
  const listed = Math.min(bytes, count * PAGE_SIZE - start)
  out.describe(count, start, listed)
  return listed
}

/**
 * Several bvecs in one call, as long as a piece ends with its page and the next begins at one; they need not be
 * adjacent. An empty bvec is looked at like any other: see the quirks `bvec-one-empty-skipped`, `bvec-entries-short` and
 * `bvec-no-entry-check`.
 * @kernel lib/iov_iter.c: iov_iter_extract_bvec_pages (since 6.16)
 */
export function joinBvecs(iter: IovIter, memory: Memory, out: PageList, pagesMax: number, bytesMax: number): number {
  const { quirks } = iter.kernel
  if (iter.segmentsLeft === 0) return 0
  const skipsOne = quirks['bvec-one-empty-skipped']
  if (skipsOne) skipOne(iter)
  else iter.skipEmpty()
  // Where one is stepped over, the pages allowed are looked at before it shows that none is left.
  if (iter.segmentsLeft === 0) return skipsOne && pagesMax === 0 && !quirks['bvec-no-entry-check'] ? ENOMEM : 0
  const { offsetBytes, lengthBytes } = iter.table
  const end = iter.segment + iter.segmentsLeft
  let { segment } = iter
  let skip = iter.iovOffsetBytes
  const wantedFrom = quirks['bvec-entries-short'] ? skip : (offsetBytes[segment] + skip) & PAGE_OFFSET_MASK
  const entriesMax = Math.min(pagesSpanned(wantedFrom, bytesMax), pagesMax, PAGE_LIST_MAX)
  if (entriesMax === 0 && !quirks['bvec-no-entry-check']) return ENOMEM
  let entries = 0
  let bytes = 0
  let start = 0
  while (bytes < bytesMax && segment < end) {
    if (lengthBytes[segment] === 0 && !skipsOne) {
      segment++
      continue
    }
    const offset = offsetBytes[segment] + skip
    const inPage = offset & PAGE_OFFSET_MASK
    if (entries === 0) start = inPage
    else if (inPage !== 0) break
    const part = Math.min(bytesMax - bytes, lengthBytes[segment] - skip, PAGE_SIZE - inPage)
    out.page[entries++] = bvecPage(iter, memory, segment, Math.floor(offset / PAGE_SIZE))
    bytes += part
    if (entries >= entriesMax || inPage + part !== PAGE_SIZE) break
    skip += part
    if (skip === lengthBytes[segment]) {
      segment++
      skip = 0
    }
  }
  // Of an empty bvec there is an entry that means nothing.
  if (bytes > 0) out.describe(pagesSpanned(start, bytes), start, bytes)
  iter.advance(bytes)
  return bytes
}

/** Steps over one bvec that is used up, or empty. */
function skipOne(iter: IovIter): void {
  if (iter.iovOffsetBytes !== iter.table.lengthBytes[iter.segment]) return
  iter.iovOffsetBytes = 0
  iter.segment++
  iter.segmentsLeft--
}

function hasSlab(out: PageList, memory: Memory): boolean {
  for (let i = 0; i < out.length; i++) if (memory.pages.kindOf(out.page[i]) === KIND_SLAB) return true
  return false
}
