import { ENOMEM } from '../errno.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import type { Memory } from '../memory/memory.ts'
import { PAGE_SIZE, pagesSpanned } from '../units.ts'
import { PAGE_LIST_MAX, type PageList } from './page-list.ts'

/**
 * Segments that are addresses, with nothing taken: the first one that is not empty; those before it are stepped over for
 * good.
 *
 * KVEC: each page is looked up by itself, in the vmalloc or the linear map. A bvec iterator inside a registered buffer:
 * user addresses, whose pages were faulted in for writing when it was registered.
 * @kernel lib/iov_iter.c: iov_iter_extract_kvec_pages (since 6.3); io_uring/rsrc.c: io_import_fixed
 */
export function extractAddressed(
  iter: IovIter,
  memory: Memory,
  out: PageList,
  pagesMax: number,
  bytesMax: number,
): number {
  iter.skipEmpty()
  if (iter.segmentsLeft === 0) return 0
  const bytes = Math.min(iter.currentLengthBytes(), bytesMax)
  const start = iter.currentStartBytes()
  const count = Math.min(pagesSpanned(start, bytes), pagesMax, PAGE_LIST_MAX)
  if (count === 0) return ENOMEM
  const mm = iter.fixed ? iter.mm : KERNEL_MM
  const { spaces } = memory
  const { addressBytes } = iter.table
  const run = spaces.walkRun(mm, addressBytes, iter.segment, iter.iovOffsetBytes, count, 0)
  const found = run >= 0 ? count : spaces.walk(mm, addressBytes, iter.segment, iter.iovOffsetBytes, count, 0, out.page)
  if (found < 0) return found
  const listed = Math.min(bytes, found * PAGE_SIZE - start)
  out.describe(found, start, listed)
  if (run >= 0) out.setRun(run, found)
  else out.isRun = spaces.walkedRun
  iter.advance(listed)
  return listed
}
