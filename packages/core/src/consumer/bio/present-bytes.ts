import type { IovIter } from '../../iter/iov-iter.ts'
import { ITER_DEST, ITER_IOVEC, ITER_UBUF } from '../../iter/iter-type.ts'
import { reachable } from '../../iter/iterate.ts'
import { FOLL_NOFAULT, FOLL_WRITE } from '../../memory/foll.ts'
import type { Memory } from '../../memory/memory.ts'

/**
 * Bytes of the next `bytes` that the CPU can copy with page faults disabled, up to the first page that is not there (or,
 * for a data destination, not writable). All of them where the memory is not the user's.
 * @kernel include/linux/uaccess.h: pagefault_disable; lib/iov_iter.c: copy_folio_from_iter_atomic, iov_iter_zero
 */
export function presentBytes(iter: IovIter, memory: Memory, bytes: number): number {
  const { type, table, mm } = iter
  if (type !== ITER_UBUF && type !== ITER_IOVEC) return bytes
  const foll = FOLL_NOFAULT | (iter.direction === ITER_DEST ? FOLL_WRITE : 0)
  if (type === ITER_UBUF) return reachable(table, iter.segment, memory, mm, iter.iovOffsetBytes, bytes, foll)
  const end = iter.segment + iter.segmentsLeft
  let left = bytes
  let skip = iter.iovOffsetBytes
  for (let s = iter.segment; left > 0 && s < end; s++) {
    const rest = table.lengthBytes[s] - skip
    const wanted = rest < left ? rest : left
    const done = reachable(table, s, memory, mm, skip, wanted, foll)
    left -= done
    if (done < wanted) break
    skip = 0
  }
  return bytes - left
}
