import { PAGE_OFFSET_MASK, PAGE_SIZE, pagesSpanned } from '../units.ts'
import { FOLIOQ_SLOTS } from './folio-queue.ts'
import type { IovIter } from './iov-iter.ts'
import {
  ITER_BVEC,
  ITER_DISCARD,
  ITER_FOLIOQ,
  ITER_IOVEC,
  ITER_KVEC,
  ITER_MIXED,
  ITER_PIPE,
  ITER_UBUF,
  isVector,
} from './iter-type.ts'
import { isSane, pipeFreeSlots } from './pipe-walk.ts'

/**
 * Pages of the bytes left, a page shared by two segments counted twice, at most `pagesMax`. An empty bvec that does not
 * begin at a page counts one. PIPE (6.1): the room in the ring, whatever the count.
 * @kernel lib/iov_iter.c: iov_iter_npages, iov_npages, bvec_npages; 6.1: pipe_npages
 */
export function npages(iter: IovIter, pagesMax: number): number {
  const { type, countBytes } = iter
  if (countBytes === 0) return 0
  const pages = type === ITER_UBUF ? pagesSpanned(ubufStart(iter), countBytes) : npagesByType(iter, pagesMax)
  return pages < pagesMax ? pages : pagesMax
}

function ubufStart(iter: IovIter): number {
  return (iter.table.addressBytes[iter.segment] + iter.iovOffsetBytes) & PAGE_OFFSET_MASK
}

function npagesByType(iter: IovIter, pagesMax: number): number {
  switch (iter.type) {
    case ITER_IOVEC:
    case ITER_KVEC:
    case ITER_BVEC:
      return npagesOfSegments(iter, pagesMax)
    case ITER_PIPE:
      return isSane(iter) ? pipeFreeSlots(iter) : 0
    case ITER_DISCARD:
    case ITER_MIXED:
      return 0
    default:
      return pagesSpanned(iter.currentStartBytes(), iter.countBytes)
  }
}

function npagesOfSegments(iter: IovIter, pagesMax: number): number {
  const { addressBytes, offsetBytes, lengthBytes } = iter.table
  const column = iter.isByFrame() ? offsetBytes : addressBytes
  const countsEmpty = iter.isByFrame()
  const end = iter.segment + iter.segmentsLeft
  let left = iter.countBytes
  let skip = iter.iovOffsetBytes
  let pages = 0
  for (let s = iter.segment; left > 0 && s < end && pages < pagesMax; s++) {
    const rest = lengthBytes[s] - skip
    const length = rest < left ? rest : left
    if (length > 0 || countsEmpty) pages += pagesSpanned((column[s] + skip) & PAGE_OFFSET_MASK, length)
    left -= length
    skip = 0
  }
  return pages
}

/**
 * Bytes left in the current segment, where there are more segments than one; else the count. Of a FOLIOQ the whole size
 * of the current folio, the part consumed included, at most the count.
 * @kernel lib/iov_iter.c: iov_iter_single_seg_count
 */
export function singleSegCount(iter: IovIter): number {
  const { type } = iter
  if (type === ITER_FOLIOQ) {
    if (iter.countBytes === 0) return 0
    // One past the last slot is read as it lies there: as an empty one.
    const size = iter.slot < FOLIOQ_SLOTS ? iter.queue.sizeBytes(iter.queueSegment, iter.slot) : PAGE_SIZE
    return Math.min(size, iter.countBytes)
  }
  return isVector(type) && iter.segmentsLeft > 1 ? iter.currentLengthBytes() : iter.countBytes
}

/**
 * Bytes left of the current iovec, not clipped to the count, but in 6.1. For a UBUF the count, except where the quirk
 * `iov-len-ubuf` takes what was advanced off once more.
 * @kernel include/linux/uio.h: iter_iov_len; 6.1: iov_iter_iovec
 */
export function iovLength(iter: IovIter): number {
  if (iter.type === ITER_UBUF) {
    return iter.kernel.quirks['iov-len-ubuf'] ? iter.countBytes - iter.iovOffsetBytes : iter.countBytes
  }
  const rest = iter.table.lengthBytes[iter.segment] - iter.iovOffsetBytes
  return iter.kernel.clipsIovLength && iter.countBytes < rest ? iter.countBytes : rest
}
