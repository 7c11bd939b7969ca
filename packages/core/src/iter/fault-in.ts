import { FOLL_WRITE } from '../memory/foll.ts'
import type { Memory } from '../memory/memory.ts'
import type { IovIter } from './iov-iter.ts'
import { ITER_IOVEC, ITER_UBUF } from './iter-type.ts'
import { reachable } from './iterate.ts'

/**
 * Faults in the pages of the next `bytes` for reading, and takes nothing on them. Returns the bytes *not* faulted in;
 * those beyond the count are among them. 0 for every iterator that is not user-backed.
 * @kernel lib/iov_iter.c: fault_in_iov_iter_readable; mm/gup.c: fault_in_readable
 */
export function faultInReadable(iter: IovIter, memory: Memory, bytes: number): number {
  return faultIn(iter, memory, bytes, 0)
}

/** {@link faultInReadable} for writing; nothing is written. @kernel lib/iov_iter.c: fault_in_iov_iter_writeable; mm/gup.c: fault_in_safe_writeable */
export function faultInWriteable(iter: IovIter, memory: Memory, bytes: number): number {
  return faultIn(iter, memory, bytes, FOLL_WRITE)
}

function faultIn(iter: IovIter, memory: Memory, bytes: number, foll: number): number {
  if (iter.type === ITER_UBUF) {
    const wanted = Math.min(bytes, iter.countBytes)
    return bytes - reachable(iter.table, iter.segment, memory, iter.mm, iter.iovOffsetBytes, wanted, foll)
  }
  if (iter.type !== ITER_IOVEC) return 0
  const { lengthBytes } = iter.table
  let left = Math.min(bytes, iter.countBytes)
  const beyond = bytes - left
  let skip = iter.iovOffsetBytes
  for (let s = iter.segment; left > 0 && s < iter.segment + iter.segmentsLeft; s++) {
    const length = Math.min(left, lengthBytes[s] - skip)
    const done = reachable(iter.table, s, memory, iter.mm, skip, length, foll)
    left -= done
    if (done < length) break
    skip = 0
  }
  return left + beyond
}
