import { invariant } from '../invariant.ts'
import type { Memory } from '../memory/memory.ts'
import type { PageBytes } from '../memory/page-bytes.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE } from '../units.ts'
import { CopyIn, CopyOut, CopyOutToFolio, Zero } from './copy-steps.ts'
import type { IovIter } from './iov-iter.ts'
import { ITER_DEST, ITER_DISCARD, ITER_PIPE, ITER_SOURCE } from './iter-type.ts'
import { type IterStep, iterateAndAdvance } from './iterate.ts'
import { appendPipe, isSane, linkPage, partialOffset } from './pipe-walk.ts'

/** Most bytes of one copy. @kernel include/linux/thread_info.h: check_copy_size (INT_MAX, and a WARN) */
export const COPY_BYTES_MAX = 0x7fffffff

/**
 * Copies from a buffer into the iterator's memory. Returns the bytes copied: fewer at a page that cannot be reached, or
 * where a pipe is full. Into a data source it is a `wrong-direction` violation: since 6.12 refused with 0, in 6.1 done.
 * @kernel lib/iov_iter.c: _copy_to_iter
 */
export function copyToIter(iter: IovIter, memory: Memory, from: Uint8Array, bytes = from.length): number {
  if (bytes > COPY_BYTES_MAX || bytes > from.length) return 0
  if (iter.direction === ITER_SOURCE && isRefused(iter)) return 0
  const step = new CopyIn(contents(memory), from)
  if (iter.type === ITER_PIPE) return fillPipe(iter, bytes, step)
  return iterateAndAdvance(iter, memory, bytes, step)
}

/**
 * Copies from the iterator's memory into a buffer. Returns the bytes copied. Out of a data destination it is a
 * `wrong-direction` violation: since 6.12 refused with 0, in 6.1 done, save for PIPE (0); a DISCARD there is used up
 * and leaves the buffer as it was.
 * @kernel lib/iov_iter.c: _copy_from_iter
 */
export function copyFromIter(iter: IovIter, memory: Memory, to: Uint8Array, bytes = to.length): number {
  if (bytes > COPY_BYTES_MAX || bytes > to.length) return 0
  if (iter.direction === ITER_DEST && isRefused(iter)) return 0
  if (iter.type === ITER_PIPE) return 0
  return iterateAndAdvance(iter, memory, bytes, new CopyOut(contents(memory), to))
}

/** All of it or nothing: a short copy is reverted. @kernel include/linux/uio.h: copy_to_iter_full */
export function copyToIterFull(iter: IovIter, memory: Memory, from: Uint8Array, bytes = from.length): boolean {
  return isWhole(iter, copyToIter(iter, memory, from, bytes), bytes)
}

/** All of it or nothing: a short copy is reverted. @kernel include/linux/uio.h: copy_from_iter_full */
export function copyFromIterFull(iter: IovIter, memory: Memory, to: Uint8Array, bytes = to.length): boolean {
  return isWhole(iter, copyFromIter(iter, memory, to, bytes), bytes)
}

/**
 * Zeroes the iterator's memory. Returns the bytes zeroed. No version refuses a data source: its memory is overwritten,
 * a `wrong-direction` violation.
 * @kernel lib/iov_iter.c: iov_iter_zero; 6.1: pipe_zero
 */
export function zeroIter(iter: IovIter, memory: Memory, bytes: number): number {
  if (iter.direction === ITER_SOURCE) iter.violate('wrong-direction')
  const step = new Zero(contents(memory))
  if (iter.type === ITER_PIPE) return fillPipe(iter, bytes, step)
  return iterateAndAdvance(iter, memory, bytes, step)
}

/**
 * Copies a part of a page, or of the folio it lies in, into the iterator's memory. Returns the bytes copied; 0 for a
 * part that is not inside the folio. Into a PIPE (6.1) nothing is copied: the page is linked, with one reference.
 * @kernel lib/iov_iter.c: copy_page_to_iter, copy_page_to_iter_nofault
 */
export function copyPageToIter(iter: IovIter, memory: Memory, page: number, offset: number, bytes: number): number {
  if (!isInFolio(memory, page, offset, bytes)) return 0
  if (iter.type === ITER_PIPE) return linkPage(iter, page, offset, bytes)
  if (iter.direction === ITER_SOURCE && isRefused(iter)) return 0
  return eachPage(page, offset, bytes, (row, at, length) => {
    const from = contents(memory).piece(row, at, length)
    return iterateAndAdvance(iter, memory, length, new CopyIn(contents(memory), from))
  })
}

/**
 * Copies from the iterator's memory into a part of a page, or of the folio it lies in. Returns the bytes copied.
 * @kernel lib/iov_iter.c: copy_page_from_iter
 */
export function copyPageFromIter(iter: IovIter, memory: Memory, page: number, offset: number, bytes: number): number {
  if (!isInFolio(memory, page, offset, bytes)) return 0
  if (iter.direction === ITER_DEST && isRefused(iter)) return 0
  if (iter.type === ITER_PIPE) return 0
  return eachPage(page, offset, bytes, (row, at, length) => {
    const to = contents(memory).piece(row, at, length)
    return iterateAndAdvance(iter, memory, length, new CopyOut(contents(memory), to))
  })
}

/**
 * {@link copyPageFromIter} with page faults disabled, and all of it in one attempt; mainline makes further ones from where
 * it ended, until one copies nothing. In 6.1 neither a PIPE nor a DISCARD may be copied from (0, and a WARN).
 * @kernel lib/iov_iter.c: copy_page_from_iter_atomic (64-bit, no highmem); mainline: copy_folio_from_iter_atomic
 */
export function copyPageFromIterAtomic(
  iter: IovIter,
  memory: Memory,
  page: number,
  offset: number,
  bytes: number,
): number {
  if (!isInFolio(memory, page, offset, bytes)) return 0
  if (iter.direction === ITER_DEST && (isRefused(iter) || iter.type === ITER_DISCARD)) return 0
  if (iter.type === ITER_PIPE) return 0
  let done = 0
  for (;;) {
    const step = new CopyOutToFolio(contents(memory), page, offset + done)
    const copied = iterateAndAdvance(iter, memory, bytes - done, step)
    done += copied
    if (copied === 0 || done === bytes || !iter.kernel.retriesAtomicCopy) return done
  }
}

/** Records a `wrong-direction` violation; true where the version refuses such a copy. */
export function isRefused(iter: IovIter): boolean {
  iter.violate('wrong-direction')
  return iter.kernel.guardsDirection
}

function isWhole(iter: IovIter, copied: number, bytes: number): boolean {
  if (copied === bytes) return true
  iter.revert(copied)
  return false
}

/** The bytes of a memory that holds them. */
export function contents(memory: Memory): PageBytes {
  invariant(memory.bytes !== null, 'a copy needs memory that holds bytes: memory.holdBytes()')
  return memory.bytes
}

/** The part lies inside the folio of the page. @kernel lib/iov_iter.c: page_copy_sane */
function isInFolio(memory: Memory, page: number, offset: number, bytes: number): boolean {
  const folio = memory.pages.headOf(page)
  return (
    offset >= 0 &&
    bytes >= 0 &&
    (page - folio) * PAGE_SIZE + offset + bytes <= PAGE_SIZE * 2 ** memory.pages.orderOf(folio)
  )
}

/** Page after page until one is not copied at all; a page copied in part is tried once more from there. */
function eachPage(
  page: number,
  offset: number,
  bytes: number,
  copy: (row: number, at: number, length: number) => number,
): number {
  // An offset at the folio's end names no page any more.
  if (bytes === 0) return 0
  let done = 0
  for (;;) {
    const at = offset + done
    const copied = copy(
      page + Math.floor(at / PAGE_SIZE),
      at & PAGE_OFFSET_MASK,
      Math.min(bytes - done, PAGE_SIZE - (at & PAGE_OFFSET_MASK)),
    )
    done += copied
    if (done === bytes || copied === 0) return done
  }
}

/** @kernel lib/iov_iter.c: copy_pipe_to_iter, pipe_zero (6.1) */
export function fillPipe(iter: IovIter, bytes: number, step: IterStep): number {
  const wanted = Math.min(bytes, iter.countBytes)
  if (wanted === 0 || !isSane(iter)) return 0
  let done = 0
  while (done < wanted) {
    const offset = partialOffset(iter)
    const page = appendPipe(iter, wanted - done)
    if (page < 0) break
    const part = Math.min(wanted - done, PAGE_SIZE - offset)
    step.piece(page, offset, part, done)
    done += part
  }
  return done
}
