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
  ITER_XARRAY,
} from './iter-type.ts'

/** All ones, 32 bits: what the kernel returns beside a WARN. */
const ALL_BITS = 0xffffffff

/**
 * Every address and every length left, ORed: the low 32 bits, unsigned. An IOVEC or KVEC passes over empty pieces; a
 * BVEC does not, and has offsets for addresses.
 * @kernel lib/iov_iter.c: iov_iter_alignment
 */
export function alignment(iter: IovIter): number {
  const { type, countBytes } = iter
  if (countBytes === 0 && iter.kernel.zeroCountIsAligned) return 0
  switch (type) {
    case ITER_UBUF:
      return countBytes === 0
        ? 0
        : (low(iter.table.addressBytes[iter.segment] + iter.iovOffsetBytes) | low(countBytes)) >>> 0
    case ITER_IOVEC:
    case ITER_KVEC:
    case ITER_BVEC:
      return alignmentOfSegments(iter) >>> 0
    case ITER_FOLIOQ:
      return (low(iter.iovOffsetBytes) | low(countBytes)) >>> 0
    case ITER_XARRAY:
      return (low(iter.table.addressBytes[iter.segment] + iter.iovOffsetBytes) | low(countBytes)) >>> 0
    case ITER_PIPE:
      return (low(countBytes) | (countBytes > 0 && iter.lastOffset > 0 ? iter.lastOffset : 0)) >>> 0
    case ITER_DISCARD:
      return 0
    case ITER_MIXED:
      return ALL_BITS
  }
}

function alignmentOfSegments(iter: IovIter): number {
  const { addressBytes, offsetBytes, lengthBytes } = iter.table
  const isBvec = iter.isByFrame()
  const end = iter.segment + iter.segmentsLeft
  let left = iter.countBytes
  let skip = iter.iovOffsetBytes
  let bits = 0
  for (let s = iter.segment; s < end; s++) {
    const rest = lengthBytes[s] - skip
    if (rest > 0 || isBvec) {
      const length = rest < left ? rest : left
      bits |= low((isBvec ? offsetBytes[s] : addressBytes[s]) + skip) | low(length)
      left -= length
      if (left === 0) break
    } else if (left === 0 && iter.kernel.emptyEndsAlignment) break
    skip = 0
  }
  return bits
}

/**
 * True when every address left is a multiple of the DMA alignment and every length one of the block size, both given
 * as masks. An empty segment has its address tested.
 * @kernel lib/iov_iter.c: iov_iter_is_aligned (gone in mainline, where extraction looks at alignment)
 */
export function isAligned(iter: IovIter, addressMask: number, lengthMask: number): boolean {
  const { type, countBytes } = iter
  switch (type) {
    case ITER_DISCARD:
      return true
    case ITER_IOVEC:
    case ITER_KVEC:
    case ITER_BVEC:
      return areSegmentsAligned(iter, addressMask, lengthMask)
    case ITER_PIPE:
      if ((countBytes & lengthMask) !== 0) return false
      return countBytes === 0 || iter.lastOffset <= 0 || (iter.lastOffset & addressMask) === 0
    case ITER_FOLIOQ:
      return (countBytes & lengthMask) === 0 && (iter.iovOffsetBytes & addressMask) === 0
    case ITER_MIXED:
      return false
    case ITER_UBUF:
    case ITER_XARRAY: {
      const start = iter.table.addressBytes[iter.segment] + iter.iovOffsetBytes
      return (countBytes & lengthMask) === 0 && (start & addressMask) === 0
    }
  }
}

function areSegmentsAligned(iter: IovIter, addressMask: number, lengthMask: number): boolean {
  const { addressBytes, offsetBytes, lengthBytes } = iter.table
  const isBvec = iter.isByFrame()
  const takesWhole = isBvec && iter.kernel.quirks['is-aligned-first-bvec']
  const end = iter.segment + iter.segmentsLeft
  let left = iter.countBytes
  let skip = iter.iovOffsetBytes
  for (let s = iter.segment; s < end; s++) {
    const rest = takesWhole ? lengthBytes[s] : lengthBytes[s] - skip
    const length = rest < left ? rest : left
    if ((length & lengthMask) !== 0) return false
    if ((((isBvec ? offsetBytes[s] : addressBytes[s]) + skip) & addressMask) !== 0) return false
    left -= length
    if (left === 0) break
    skip = 0
  }
  return true
}

/**
 * Where neighbouring segments meet: each start but the first, and each end but the last, ORed; to be ANDed with a
 * device's virt boundary. The low 32 bits, unsigned. IOVEC only: 0 for a UBUF, all ones (and a WARN) for every other type.
 * @kernel lib/iov_iter.c: iov_iter_gap_alignment (it does not look at iov_offset)
 */
export function gapAlignment(iter: IovIter): number {
  if (iter.type === ITER_UBUF) return 0
  if (iter.type !== ITER_IOVEC) return ALL_BITS
  const { addressBytes, lengthBytes } = iter.table
  let left = iter.countBytes
  let end = 0
  let bits = 0
  for (let s = iter.segment; s < iter.segment + iter.segmentsLeft; s++) {
    if (lengthBytes[s] === 0) continue
    if (end !== 0) bits |= low(addressBytes[s]) | low(end)
    end = addressBytes[s] + lengthBytes[s]
    if (left <= lengthBytes[s]) break
    left -= lengthBytes[s]
  }
  return bits >>> 0
}

/** The low 32 bits of an integral double, as an int32. */
function low(value: number): number {
  return value | 0
}
