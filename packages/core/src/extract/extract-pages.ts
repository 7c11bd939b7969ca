import { EFAULT } from '../errno.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { ITER_BVEC, ITER_DEST, ITER_IOVEC, ITER_KVEC, ITER_UBUF } from '../iter/iter-type.ts'
import { type AddressSpaces, KERNEL_MM } from '../memory/address-spaces.ts'
import type { PageStore } from '../memory/page-store.ts'
import { MAX_RW_COUNT, PAGE_SIZE, pagesSpanned } from '../units.ts'
import { PAGE_LIST_MAX, type PageList } from './page-list.ts'
import type { ExtractionPolicy } from './policy.ts'
import type { Retention } from './retention.ts'

/**
 * Lists the pages of the next part of an iterator and advances it. Counts nothing: the ledger takes what the list's
 * retention says. One call never crosses a segment, even where two are adjacent.
 *
 * Returns the bytes listed (0 when nothing is left), or -EFAULT when the first page cannot be had or the policy refuses
 * the type. A fault further on gives the pages before it; the next call reports it.
 *
 * @kernel lib/iov_iter.c: iov_iter_get_pages2 (get-pages), iov_iter_extract_pages (the others).
 *   6.1 has only the first. A BVEC call lists one bvec in 6.1 and 6.12; later kernels may join page-aligned neighbours
 *   in one call, which changes the number of calls but not a page, a count or an entry, and is not modelled.
 */
export function extractPages(
  iter: IovIter,
  policy: ExtractionPolicy,
  spaces: AddressSpaces,
  store: PageStore,
  out: PageList,
  pagesMax: number,
  bytesMax: number,
): number {
  out.length = 0
  out.pages = 0
  if (iter.countBytes === 0 || pagesMax === 0) return 0
  const retention = policy.retention(iter.type, iter.direction)
  if (retention < 0) return retention
  out.retention = retention as Retention
  iter.skipEmpty()
  const wanted = Math.min(iter.currentLengthBytes(), bytesMax, MAX_RW_COUNT)
  if (wanted <= 0) return 0
  const start = iter.currentStartBytes()
  const count = Math.min(pagesSpanned(start, wanted), pagesMax, PAGE_LIST_MAX)
  const found = listPages(iter, spaces, store, out, count)
  if (found < 0) return found
  const bytes = Math.min(wanted, found * PAGE_SIZE - start)
  out.describe(found, start, bytes)
  out.isRun = !iter.isByFrame() && spaces.walkedRun
  if (policy.perFolio) out.joinRuns(store.head)
  iter.advance(bytes)
  return bytes
}

/** Fills `out.page`; returns how many of the `count` pages there are, or -EFAULT. */
function listPages(iter: IovIter, spaces: AddressSpaces, store: PageStore, out: PageList, count: number): number {
  const { segment, iovOffsetBytes } = iter
  const { addressBytes, offsetBytes } = iter.table
  switch (iter.type) {
    case ITER_UBUF:
    case ITER_IOVEC:
      return spaces.walk(iter.mm, addressBytes, segment, iovOffsetBytes, count, iter.direction === ITER_DEST, out.page)
    case ITER_KVEC:
      return spaces.walk(KERNEL_MM, addressBytes, segment, iovOffsetBytes, count, false, out.page)
    case ITER_BVEC: {
      // A registered buffer was faulted in for writing when it was registered: its pages are there.
      if (iter.fixed) return spaces.walk(iter.mm, addressBytes, segment, iovOffsetBytes, count, false, out.page)
      const frame = addressBytes[segment] + Math.floor((offsetBytes[segment] + iovOffsetBytes) / PAGE_SIZE)
      for (let i = 0; i < count; i++) out.page[i] = store.pageOfFrame(frame + i)
      return count
    }
    default:
      return EFAULT
  }
}
