import { EFAULT } from '../errno.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { ITER_BVEC, ITER_FOLIOQ, ITER_IOVEC, ITER_KVEC, ITER_PIPE, ITER_UBUF, ITER_XARRAY } from '../iter/iter-type.ts'
import type { Memory } from '../memory/memory.ts'
import { MAX_RW_COUNT } from '../units.ts'
import { extractAddressed } from './extract-addressed.ts'
import { extractBvec, getBvec, joinBvecs } from './extract-bvec.ts'
import { extractFolioq } from './extract-folioq.ts'
import { extractPipe } from './extract-pipe.ts'
import { extractUser } from './extract-user.ts'
import { extractXarray } from './extract-xarray.ts'
import type { PageList } from './page-list.ts'
import type { ExtractionPolicy } from './policy.ts'
import type { Retention } from './retention.ts'

export { ITER_ALLOW_P2PDMA, TAKE_LONGTERM } from './extract-user.ts'

/**
 * Lists the pages of the next part of an iterator, at most `pagesMax` of them and `bytesMax` bytes, and advances it.
 * Counts nothing: the ledger takes what the list's retention says.
 *
 * Returns the bytes listed; 0 when nothing is left, or at a hole of the page cache; or a negative errno: -EFAULT when
 * the first page cannot be had or the type has no pages, -ENOMEM for `pagesMax` 0 (get_pages2: 0 bytes), -EIO for a
 * folio queue that was left beyond its end. A fault further on gives the pages before it; the next call reports it.
 *
 * What one call spans: a UBUF, all of it; IOVEC and KVEC, the first segment that is not empty, even where the next one
 * is adjacent; BVEC, one bvec, or since 6.16 several that meet at page ends; FOLIOQ and XARRAY, many folios. No call lists
 * more than PAGE_LIST_MAX pages.
 *
 * With 0 bytes returned and the list not empty, a reference was taken that nobody gets (quirk `get-pages-empty-bvec`).
 *
 * @kernel lib/iov_iter.c: iov_iter_get_pages2 (policy get-pages), iov_iter_extract_pages (the others; 6.1 has none).
 */
export function extractPages(
  iter: IovIter,
  policy: ExtractionPolicy,
  memory: Memory,
  out: PageList,
  pagesMax: number,
  bytesMax: number,
  flags = 0,
): number {
  out.clear()
  const bytes = Math.min(bytesMax, iter.countBytes, MAX_RW_COUNT)
  if (bytes <= 0 || (pagesMax === 0 && policy.isLegacy)) return 0
  const retention = policy.retention(iter.type, iter.direction)
  if (retention < 0) return retention
  out.retention = retention as Retention
  // Not one case of several below: by far the most calls are for user memory.
  const listed =
    iter.type === ITER_UBUF || iter.type === ITER_IOVEC
      ? extractUser(iter, memory, out, pagesMax, bytes, policy.isLegacy ? 0 : flags)
      : list(iter, policy, memory, out, pagesMax, bytes)
  if (policy.perFolio && listed > 0) out.joinRuns(memory.pages)
  return listed
}

function list(
  iter: IovIter,
  policy: ExtractionPolicy,
  memory: Memory,
  out: PageList,
  pagesMax: number,
  bytes: number,
): number {
  switch (iter.type) {
    case ITER_KVEC:
      return extractAddressed(iter, memory, out, pagesMax, bytes)
    case ITER_BVEC:
      return listBvec(iter, policy, memory, out, pagesMax, bytes)
    case ITER_FOLIOQ:
      return iter.kernel.hasFolioq ? extractFolioq(iter, policy.isLegacy, out, pagesMax, bytes) : EFAULT
    case ITER_XARRAY:
      return extractXarray(iter, policy.isLegacy, memory, out, pagesMax, bytes)
    case ITER_PIPE:
      return iter.kernel.hasPipe ? extractPipe(iter, out, pagesMax, bytes) : EFAULT
    default:
      return EFAULT
  }
}

function listBvec(
  iter: IovIter,
  policy: ExtractionPolicy,
  memory: Memory,
  out: PageList,
  pagesMax: number,
  bytes: number,
): number {
  if (iter.fixed) return extractAddressed(iter, memory, out, pagesMax, bytes)
  if (policy.isLegacy) return getBvec(iter, memory, out, pagesMax, bytes)
  return iter.kernel.joinsBvecs
    ? joinBvecs(iter, memory, out, pagesMax, bytes)
    : extractBvec(iter, memory, out, pagesMax, bytes)
}
