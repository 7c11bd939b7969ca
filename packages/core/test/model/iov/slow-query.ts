import { bvecAt, offsetInPage, pagesFor, queueFolioSize, rangeAt, segLenAt } from './slow-memory.ts'
import { pipeNpages } from './slow-pipe.ts'
import { type SlowIov, SlowViolation } from './slow-types.ts'

/** @kernel lib/iov_iter.c: iov_iter_npages */
export function npages(iter: SlowIov, maxpages: number): number {
  return iter.count === 0 ? 0 : Math.min(pagesBefore(iter, maxpages), maxpages)
}

/** Before the cap. The vectors stop as soon as they are over it, and so do not look at what is behind. */
function pagesBefore(iter: SlowIov, maxpages: number): number {
  const { type, count } = iter
  switch (type) {
    case 'ubuf':
      return pagesFor(offsetInPage(rangeAt(iter, 0).base + iter.iovOffset) + count)
    case 'iovec':
    case 'kvec':
      return iovNpages(iter, maxpages)
    case 'bvec':
      return bvecNpages(iter, maxpages)
    case 'folioq':
      return pagesFor(offsetInPage(iter.iovOffset) + count)
    case 'xarray':
      return pagesFor(offsetInPage(iter.xarrayStart + iter.iovOffset) + count)
    case 'pipe':
      return pipeNpages(iter)
    case 'discard':
      return 0
  }
}

/** @kernel lib/iov_iter.c: iov_npages */
function iovNpages(iter: SlowIov, maxpages: number): number {
  let skip = iter.iovOffset
  let size = iter.count
  let pages = 0
  for (let at = iter.index; size > 0 && pages <= maxpages; at++, skip = 0) {
    const { base, len: segLen } = rangeAt(iter, at)
    const len = Math.min(segLen - skip, size)
    if (len === 0) continue
    size -= len
    pages += pagesFor(offsetInPage(base + skip) + len)
  }
  return pages
}

/** @kernel lib/iov_iter.c: bvec_npages: an empty one at an odd offset counts. */
function bvecNpages(iter: SlowIov, maxpages: number): number {
  let skip = iter.iovOffset
  let size = iter.count
  let pages = 0
  for (let at = iter.index; size > 0 && pages <= maxpages; at++, skip = 0) {
    const { offset, len: segLen } = bvecAt(iter, at)
    const len = Math.min(segLen - skip, size)
    size -= len
    pages += pagesFor(offsetInPage(offset + skip) + len)
  }
  return pages
}

/** @kernel lib/iov_iter.c: iov_iter_single_seg_count */
export function singleSegCount(iter: SlowIov): number {
  const { type, count } = iter
  if (iter.nrSegs > 1 && (type === 'iovec' || type === 'kvec' || type === 'bvec')) {
    return Math.min(count, segLenAt(iter, iter.index) - iter.iovOffset)
  }
  if (type !== 'folioq') return count
  return count === 0 ? 0 : Math.min(queueFolioSize(iter, iter.queueSegment, iter.slot), count)
}

/**
 * Bytes left in the current iovec. A ubuf's `count` is its length too, so that 6.12 subtracts what has been taken a
 * second time; the kernel's result wraps where this one is negative.
 *
 * @kernel include/linux/uio.h: iter_iov_len; 6.1: iov_iter_iovec
 */
export function iovLen(iter: SlowIov): number {
  if (iter.type === 'ubuf') return iter.quirks.has('iov-len-ubuf') ? iter.count - iter.iovOffset : iter.count
  if (iter.type !== 'iovec' && iter.type !== 'kvec') throw new SlowViolation('wrong-type')
  const left = rangeAt(iter, iter.index).len - iter.iovOffset
  return iter.kernel === '6.1' ? Math.min(iter.count, left) : left
}
