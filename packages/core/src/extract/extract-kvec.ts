import { ENOMEM } from '../errno.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import type { Memory } from '../memory/memory.ts'
import { PAGE_SIZE, pagesSpanned } from '../units.ts'
import { PAGE_LIST_MAX, type PageList } from './page-list.ts'

/**
 * KVEC: the first vector that is not empty; those before it are stepped over for good. Each page is looked up by itself,
 * in the vmalloc or the linear map.
 * @kernel lib/iov_iter.c: iov_iter_extract_kvec_pages (since 6.3)
 */
export function extractKvec(iter: IovIter, memory: Memory, out: PageList, pagesMax: number, bytesMax: number): number {
  iter.skipEmpty()
  if (iter.segmentsLeft === 0) return 0
  const bytes = Math.min(iter.currentLengthBytes(), bytesMax)
  const start = iter.currentStartBytes()
  const count = Math.min(pagesSpanned(start, bytes), pagesMax, PAGE_LIST_MAX)
  if (count === 0) return ENOMEM
  const { addressBytes } = iter.table
  const found = memory.spaces.walk(KERNEL_MM, addressBytes, iter.segment, iter.iovOffsetBytes, count, 0, out.page)
  if (found < 0) return found
  const listed = Math.min(bytes, found * PAGE_SIZE - start)
  out.describe(found, start, listed)
  out.isRun = memory.spaces.walkedRun
  iter.advance(listed)
  return listed
}
