import { ENOMEM } from '../errno.ts'
import { invariant } from '../invariant.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { ITER_DEST, ITER_IOVEC } from '../iter/iter-type.ts'
import { FOLL_GET, FOLL_LONGTERM, FOLL_NOFAULT, FOLL_PCI_P2PDMA, FOLL_PIN, FOLL_WRITE } from '../memory/foll.ts'
import type { Memory } from '../memory/memory.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE, pagesSpanned } from '../units.ts'
import { PAGE_LIST_MAX, type PageList } from './page-list.ts'
import type { Retention } from './retention.ts'

/** Peer-to-peer memory may be extracted: user-backed iterators only, no other type looks at it. @kernel include/linux/uio.h: ITER_ALLOW_P2PDMA */
export const ITER_ALLOW_P2PDMA = 1 << 0
/** Not of extraction, which never asks for it: a recorded reference that is to stay. @kernel include/linux/mm_types.h: FOLL_LONGTERM */
export const TAKE_LONGTERM = 1 << 1

/**
 * UBUF: from where it stands to its end; IOVEC: the first vector that is not empty. Both families alike, but for what
 * they take. The iterator moves only by what is returned.
 * @kernel lib/iov_iter.c: iov_iter_extract_user_pages; __iov_iter_get_pages_alloc, first_iovec_segment
 */
export function extractUser(
  iter: IovIter,
  memory: Memory,
  out: PageList,
  pagesMax: number,
  bytesMax: number,
  flags: number,
): number {
  const { addressBytes, lengthBytes } = iter.table
  let { segment } = iter
  let skip = iter.iovOffsetBytes
  let bytes = bytesMax
  if (iter.type === ITER_IOVEC) {
    const end = segment + iter.segmentsLeft
    for (;;) {
      invariant(segment < end, 'first_iovec_segment: bytes left, and no vector that has them')
      if (skip < lengthBytes[segment]) break
      segment++
      skip = 0
    }
    const rest = lengthBytes[segment] - skip
    if (rest < bytes) bytes = rest
  }
  const start = (addressBytes[segment] + skip) & PAGE_OFFSET_MASK
  const count = Math.min(pagesSpanned(start, bytes), pagesMax, PAGE_LIST_MAX)
  if (count === 0) return ENOMEM
  const foll = follOf(iter, out.retention, flags)
  const { spaces } = memory
  const run = spaces.walkRun(iter.mm, addressBytes, segment, skip, count, foll)
  const found = run >= 0 ? count : spaces.walk(iter.mm, addressBytes, segment, skip, count, foll, out.page)
  if (found < 0) return found
  const listed = Math.min(bytes, found * PAGE_SIZE - start)
  out.describe(found, start, listed)
  if (run >= 0) out.setRun(run, found)
  else out.isRun = spaces.walkedRun
  iter.advance(listed)
  return listed
}

/** What get_user_pages is asked for. */
function follOf(iter: IovIter, retention: Retention, flags: number): number {
  let foll = FOLL_OF_RETENTION[retention]
  if (iter.direction === ITER_DEST) foll |= FOLL_WRITE
  if (iter.nofault) foll |= FOLL_NOFAULT
  if ((flags & ITER_ALLOW_P2PDMA) !== 0) foll |= FOLL_PCI_P2PDMA
  if ((flags & TAKE_LONGTERM) !== 0) foll |= FOLL_LONGTERM
  return foll
}

/** By `RETAIN_*`. */
const FOLL_OF_RETENTION = [0, FOLL_GET, FOLL_PIN] as const
