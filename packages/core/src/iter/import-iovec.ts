import { EFAULT, EINVAL } from '../errno.ts'
import { USER_PAGES_END } from '../memory/address-spaces.ts'
import { MAX_RW_COUNT, PAGE_SIZE } from '../units.ts'
import type { IovIter } from './iov-iter.ts'
import { type Direction, ITER_IOVEC, ITER_UBUF } from './iter-type.ts'
import type { SegmentTable } from './segment-table.ts'

/** Most vectors of one call. @kernel include/uapi/linux/uio.h: UIO_MAXIOV */
export const UIO_MAXIOV = 1024
/** Vectors that fit on the stack of the system call; more are allocated. @kernel UIO_FASTIOV */
export const UIO_FASTIOV = 8

/** One past the last address of a process, x86-64 with four levels. @kernel arch/x86/include/asm/page_64_types.h: TASK_SIZE_MAX */
export const USER_ADDRESS_END = USER_PAGES_END * PAGE_SIZE

/**
 * Makes an iterator of the vectors that a system call was given: `vectors` segments of `table` from `first` on, whose
 * lengths are clipped in place to MAX_RW_COUNT in all. Returns the bytes in all, -EINVAL for more than 1,024 vectors or
 * a negative length, -EFAULT for a vector that reaches beyond user addresses.
 *
 * No vector gives an IOVEC of nothing. A single one gives a UBUF, clipped before its address is looked at; in 6.1 an IOVEC.
 * @kernel lib/iov_iter.c: __import_iovec, iovec_from_user, __import_iovec_ubuf
 */
export function importIovec(
  iter: IovIter,
  direction: Direction,
  table: SegmentTable,
  first: number,
  vectors: number,
): number {
  if (vectors > UIO_MAXIOV) return EINVAL
  for (let s = first; s < first + vectors; s++) if (table.lengthBytes[s] < 0) return EINVAL
  if (vectors === 1 && iter.kernel.importsUbuf) return importUbuf(iter, direction, table, first)
  let total = 0
  for (let s = first; s < first + vectors; s++) {
    if (!isAccessible(table.addressBytes[s], table.lengthBytes[s])) return EFAULT
    if (table.lengthBytes[s] > MAX_RW_COUNT - total) table.lengthBytes[s] = MAX_RW_COUNT - total
    total += table.lengthBytes[s]
  }
  iter.reset(ITER_IOVEC, direction, table, first, vectors, total)
  return total
}

/** Makes a UBUF of one buffer. Returns its bytes, clipped, or -EFAULT. @kernel lib/iov_iter.c: import_ubuf (it returns 0) */
export function importUbuf(iter: IovIter, direction: Direction, table: SegmentTable, first: number): number {
  if (table.lengthBytes[first] > MAX_RW_COUNT) table.lengthBytes[first] = MAX_RW_COUNT
  if (!isAccessible(table.addressBytes[first], table.lengthBytes[first])) return EFAULT
  iter.reset(ITER_UBUF, direction, table, first, 1, table.lengthBytes[first])
  return table.lengthBytes[first]
}

/** Vectors that need an allocation. @kernel lib/iov_iter.c: iovec_from_user */
export function needsArray(vectors: number): boolean {
  return vectors > UIO_FASTIOV
}

/** @kernel include/asm-generic/access_ok.h: __access_ok */
function isAccessible(address: number, length: number): boolean {
  return length <= USER_ADDRESS_END && address <= USER_ADDRESS_END - length
}
