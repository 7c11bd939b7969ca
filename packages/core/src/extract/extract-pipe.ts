import { EFAULT, ENOMEM } from '../errno.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { appendPipe, isSane, partialOffset, pipeFreeSlots } from '../iter/pipe-walk.ts'
import { pagesSpanned } from '../units.ts'
import { PAGE_LIST_MAX, type PageList } from './page-list.ts'

/**
 * PIPE: puts fresh pages into the ring and lists them; the first may be the rest of the last buffer. -EFAULT where the
 * ring has no room, or does not stand where the iterator left it.
 * @kernel lib/iov_iter.c: pipe_get_pages (6.1). A policy other than get-pages takes nothing, as the October 2022 draft did.
 */
export function extractPipe(iter: IovIter, out: PageList, pagesMax: number, bytesMax: number): number {
  if (!isSane(iter)) return EFAULT
  const slots = pipeFreeSlots(iter)
  if (slots === 0) return EFAULT
  const start = partialOffset(iter)
  const count = Math.min(pagesSpanned(start, bytesMax), slots, pagesMax, PAGE_LIST_MAX)
  if (count === 0) return ENOMEM
  const before = iter.countBytes
  let entries = 0
  while (entries < count) {
    const page = appendPipe(iter, bytesMax - (before - iter.countBytes))
    if (page < 0) break
    out.page[entries++] = page
  }
  if (entries === 0) return EFAULT
  const listed = before - iter.countBytes
  out.describe(entries, start, listed)
  return listed
}
