import { accessOk, offsetInPage, pageNumber, rangeAt } from './slow-memory.ts'
import { PAGE, type SlowIov, type SlowWorld } from './slow-types.ts'

/** Bytes not faulted in. @kernel lib/iov_iter.c: fault_in_iov_iter_readable */
export function faultInReadable(world: SlowWorld, iter: SlowIov, size: number): number {
  return faultIn(world, iter, size, false)
}

/** Bytes not faulted in. @kernel lib/iov_iter.c: fault_in_iov_iter_writeable */
export function faultInWriteable(world: SlowWorld, iter: SlowIov, size: number): number {
  return faultIn(world, iter, size, true)
}

function faultIn(world: SlowWorld, iter: SlowIov, size: number, write: boolean): number {
  let count = Math.min(size, iter.count)
  if (iter.type === 'ubuf') {
    const left = faultInRange(world, rangeAt(iter, 0).base + iter.iovOffset, count, write)
    return size - (count - left)
  }
  if (iter.type !== 'iovec') return 0
  const beyond = size - count
  let skip = iter.iovOffset
  for (let at = iter.index; count > 0; at++, skip = 0) {
    const seg = rangeAt(iter, at)
    const len = Math.min(count, seg.len - skip)
    if (len === 0) continue
    const left = faultInRange(world, seg.base + skip, len, write)
    count -= len - left
    if (left > 0) break
  }
  return count + beyond
}

/** @kernel mm/gup.c: fault_in_readable, fault_in_safe_writeable */
function faultInRange(world: SlowWorld, base: number, size: number, write: boolean): number {
  if (size === 0) return 0
  if (!accessOk(world, base, size)) return size
  let at = base
  while (at < base + size && world.userPage(pageNumber(at), write) !== null) at += PAGE - offsetInPage(at)
  return Math.max(size - (at - base), 0)
}
