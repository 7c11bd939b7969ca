import { bvecAt, rangeAt } from './slow-memory.ts'
import { has } from './slow-quirks.ts'
import type { SlowIov } from './slow-types.ts'

const U32 = 2 ** 32

/** Bitwise or of integers below 2^53. */
function or(a: number, b: number): number {
  const high = (Math.floor(a / U32) | Math.floor(b / U32)) >>> 0
  return high * U32 + ((a | b) >>> 0)
}

/** Whether a u32 mask and a number have a bit in common. */
function meets(value: number, mask: number): boolean {
  return (value & mask) !== 0
}

/** One segment from what has been taken of it on: its address (of a bvec: its offset), and its length. */
function rest(iter: SlowIov, at: number, skip: number): { address: number; len: number } {
  if (iter.type === 'bvec') {
    const { offset, len } = bvecAt(iter, at)
    return { address: offset + skip, len: len - skip }
  }
  const { base, len } = rangeAt(iter, at)
  return { address: base + skip, len: len - skip }
}

/** 6.1 looks at no segment where none is left; later loops look at the first in any case. */
function isPastEnd(iter: SlowIov, at: number): boolean {
  return iter.kernel === '6.1' && at >= iter.index + iter.nrSegs
}

/** @kernel lib/iov_iter.c: iov_iter_alignment */
export function alignment(iter: SlowIov): number {
  const { type, count } = iter
  if (count === 0 && iter.kernel === 'mainline') return 0
  switch (type) {
    case 'ubuf':
      return count === 0 ? 0 : or(rangeAt(iter, 0).base + iter.iovOffset, count)
    case 'iovec':
    case 'kvec':
      return alignmentIovec(iter)
    case 'bvec':
      return alignmentBvec(iter)
    case 'folioq':
      return or(iter.iovOffset, count)
    case 'xarray':
      return or(iter.xarrayStart + iter.iovOffset, count)
    case 'pipe':
      return count > 0 && iter.lastOffset > 0 ? or(count, iter.lastOffset) : count
    case 'discard':
      return 0
  }
}

/** @kernel lib/iov_iter.c: iov_iter_alignment_iovec. With nothing left, 6.1 goes on over empty entries. */
function alignmentIovec(iter: SlowIov): number {
  let size = iter.count
  let skip = iter.iovOffset
  let res = 0
  for (let at = iter.index; !isPastEnd(iter, at); at++, skip = 0) {
    const { address, len } = rest(iter, at, skip)
    if (len > 0) {
      res = or(or(res, address), Math.min(len, size))
      size -= Math.min(len, size)
    }
    if (size === 0 && (len > 0 || iter.kernel !== '6.1')) break
  }
  return res
}

/** @kernel lib/iov_iter.c: iov_iter_alignment_bvec */
function alignmentBvec(iter: SlowIov): number {
  let size = iter.count
  let skip = iter.iovOffset
  let res = 0
  for (let at = iter.index; !isPastEnd(iter, at); at++, skip = 0) {
    const { address, len } = rest(iter, at, skip)
    res = or(or(res, address), Math.min(len, size))
    size -= Math.min(len, size)
    if (size === 0) break
  }
  return res
}

/** Mainline has no such function any more; what it gives here is the answer of 6.12. @kernel iov_iter_is_aligned */
export function isAligned(iter: SlowIov, addrMask: number, lenMask: number): boolean {
  const { type, count } = iter
  switch (type) {
    case 'ubuf':
      return !meets(count, lenMask) && !meets(rangeAt(iter, 0).base + iter.iovOffset, addrMask)
    case 'iovec':
    case 'kvec':
    case 'bvec':
      return alignedSegs(iter, addrMask, lenMask)
    case 'folioq':
      return !meets(count, lenMask) && !meets(iter.iovOffset, addrMask)
    case 'xarray':
      return !meets(count, lenMask) && !meets(iter.xarrayStart + iter.iovOffset, addrMask)
    case 'pipe':
      return !meets(count, lenMask) && !(count > 0 && iter.lastOffset > 0 && meets(iter.lastOffset, addrMask))
    case 'discard':
      return true
  }
}

/** @kernel lib/iov_iter.c: iov_iter_aligned_iovec, iov_iter_aligned_bvec */
function alignedSegs(iter: SlowIov, addrMask: number, lenMask: number): boolean {
  const wholeFirst = iter.type === 'bvec' && has(iter, 'is-aligned-first-bvec')
  let size = iter.count
  let skip = iter.iovOffset
  for (let at = iter.index; !isPastEnd(iter, at); at++, skip = 0) {
    const { address, len: left } = rest(iter, at, skip)
    const len = Math.min(wholeFirst ? left + skip : left, size)
    if (meets(len, lenMask)) return false
    if (meets(address, addrMask)) return false
    size -= len
    if (size === 0) break
  }
  return true
}

/** @kernel lib/iov_iter.c: iov_iter_gap_alignment */
export function gapAlignment(iter: SlowIov): number {
  if (iter.type === 'ubuf') return 0
  if (iter.type !== 'iovec') {
    iter.warnings.push('gap-alignment')
    return 0xffffffff
  }
  let res = 0
  let previousEnd = 0
  let size = iter.count
  for (let k = 0; k < iter.nrSegs; k++) {
    const { base, len } = rangeAt(iter, iter.index + k)
    if (len === 0) continue
    if (previousEnd !== 0) res = or(res, or(base, previousEnd))
    previousEnd = base + len
    if (size <= len) break
    size -= len
  }
  return res
}
