import type { IovIter } from './iov-iter.ts'

/**
 * IOVEC, KVEC, BVEC: moves back beyond the current segment's start; the count is the caller's. False, and nothing
 * changed, when that goes before the first segment.
 * @kernel lib/iov_iter.c: iov_iter_revert
 */
export function revertSegments(iter: IovIter, bytes: number): boolean {
  const { lengthBytes } = iter.table
  let { segment } = iter
  let left = bytes - iter.iovOffsetBytes
  for (;;) {
    if (segment === iter.segmentFirst) return false
    segment--
    if (left <= lengthBytes[segment]) break
    left -= lengthBytes[segment]
  }
  iter.segmentsLeft += iter.segment - segment
  iter.segment = segment
  iter.iovOffsetBytes = lengthBytes[segment] - left
  return true
}
