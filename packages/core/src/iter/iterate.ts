import { KERNEL_MM } from '../memory/address-spaces.ts'
import { FOLL_WRITE } from '../memory/foll.ts'
import type { Memory } from '../memory/memory.ts'
import { CACHE_HOLE, CACHE_VALUE } from '../memory/page-cache.ts'
import { KIND_HUGETLB } from '../memory/page-store.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE } from '../units.ts'
import { FOLIOQ_NO_FOLIO, FOLIOQ_SLOTS } from './folio-queue.ts'
import { enterSegment, nextSlot, slotSize } from './folioq-walk.ts'
import { USER_ADDRESS_END } from './import-iovec.ts'
import type { IovIter } from './iov-iter.ts'
import {
  ITER_BVEC,
  ITER_FOLIOQ,
  ITER_IOVEC,
  ITER_KVEC,
  ITER_MIXED,
  ITER_UBUF,
  ITER_XARRAY,
  isUserBacked,
} from './iter-type.ts'
import type { SegmentTable } from './segment-table.ts'

/**
 * What is done to each piece of an iterator's memory, in order. A piece lies in one page.
 * @kernel include/linux/iov_iter.h: iov_step_f, iov_ustep_f
 */
export interface IterStep {
  /** How a user page is reached: FOLL_WRITE to write into it, FOLL_NOFAULT where faults are disabled. */
  readonly foll: number
  /** A segment of user memory with a page that cannot be reached counts for nothing, instead of up to that page. */
  readonly allOrNothing: boolean
  /** `progressBytes`: bytes done before this piece. Returns the bytes of it that were not processed. */
  piece(page: number, offsetBytes: number, lengthBytes: number, progressBytes: number): number
}

/**
 * Calls a step for each piece of the next `bytes` of an iterator and advances it over what was processed, which is also
 * returned. It ends early at a user page that cannot be reached, at a step that leaves something, at the end of a folio
 * queue, and at a hole or a foreign entry of the page cache (but see the quirk `xarray-copy-hole`). A DISCARD takes
 * everything without a step. PIPE is no such iterator, nor is MIXED: it is walked part by part ({@link MixedParts}).
 *
 * It ends exactly at the byte reached. An empty segment that follows is not stepped over, as advance() would.
 *
 * @kernel include/linux/iov_iter.h: iterate_and_advance2; 6.1: lib/iov_iter.c: __iterate_and_advance
 */
export function iterateAndAdvance(iter: IovIter, memory: Memory, bytes: number, step: IterStep): number {
  const length = Math.min(bytes, iter.countBytes)
  if (length <= 0) return 0
  const done = iterate(iter, memory, length, step)
  iter.countBytes -= done
  return done
}

function iterate(iter: IovIter, memory: Memory, length: number, step: IterStep): number {
  switch (iter.type) {
    case ITER_UBUF: {
      const done = virtualPiece(iter, memory, iter.iovOffsetBytes, length, 0, step)
      iter.iovOffsetBytes += done
      return done
    }
    case ITER_IOVEC:
    case ITER_KVEC:
      return iterateVector(iter, memory, length, step)
    case ITER_BVEC:
      return iter.fixed ? iterateVector(iter, memory, length, step) : iterateBvec(iter, memory, length, step)
    case ITER_FOLIOQ:
      return iterateFolioq(iter, length, step)
    case ITER_XARRAY: {
      const done = iterateXarray(iter, memory, length, step)
      iter.iovOffsetBytes += done
      return done
    }
    case ITER_MIXED:
      return 0
    default:
      return length
  }
}

/** @kernel include/linux/iov_iter.h: iterate_iovec, iterate_kvec */
function iterateVector(iter: IovIter, memory: Memory, length: number, step: IterStep): number {
  const { lengthBytes } = iter.table
  let done = 0
  let skip = iter.iovOffsetBytes
  do {
    if (iter.segmentsLeft === 0) break
    const part = Math.min(length - done, lengthBytes[iter.segment] - skip)
    if (part > 0) {
      const consumed = virtualPiece(iter, memory, skip, part, done, step)
      done += consumed
      skip += consumed
      if (skip < lengthBytes[iter.segment]) break
    }
    iter.segment++
    iter.segmentsLeft--
    skip = 0
  } while (done < length)
  iter.iovOffsetBytes = skip
  return done
}

/** @kernel include/linux/iov_iter.h: iterate_bvec */
function iterateBvec(iter: IovIter, memory: Memory, length: number, step: IterStep): number {
  const { offsetBytes, lengthBytes } = iter.table
  let done = 0
  let skip = iter.iovOffsetBytes
  do {
    if (iter.segmentsLeft === 0) break
    const offset = offsetBytes[iter.segment] + skip
    const inPage = offset & PAGE_OFFSET_MASK
    const part = Math.min(length - done, lengthBytes[iter.segment] - skip, PAGE_SIZE - inPage)
    const page = bvecPage(iter, memory, iter.segment, Math.floor(offset / PAGE_SIZE))
    const remain = step.piece(page, inPage, part, done)
    done += part - remain
    skip += part - remain
    if (skip >= lengthBytes[iter.segment]) {
      skip = 0
      iter.segment++
      iter.segmentsLeft--
    }
    if (remain > 0) break
  } while (done < length)
  iter.iovOffsetBytes = skip
  return done
}

/** Page row of the `index`-th page after the first of a bvec. @kernel bv_page + index */
export function bvecPage(iter: IovIter, memory: Memory, segment: number, index: number): number {
  const first = iter.table.addressBytes[segment]
  return iter.byRow ? first + index : memory.pages.pageOfFrame(first + index)
}

/** @kernel include/linux/iov_iter.h: iterate_folioq */
function iterateFolioq(iter: IovIter, length: number, step: IterStep): number {
  let done = 0
  let skip = iter.iovOffsetBytes
  enterSegment(iter)
  do {
    if (iter.slot >= FOLIOQ_SLOTS) break
    const folio = iter.queue.folioAt(iter.queueSegment, iter.slot)
    if (folio === FOLIOQ_NO_FOLIO) break
    const size = slotSize(iter)
    let remain = 0
    if (skip < size) {
      const part = Math.min(length - done, PAGE_SIZE - (skip & PAGE_OFFSET_MASK))
      remain = step.piece(folio + Math.floor(skip / PAGE_SIZE), skip & PAGE_OFFSET_MASK, part, done)
      done += part - remain
      skip += part - remain
    }
    if (skip >= size) {
      skip = 0
      nextSlot(iter)
    }
    if (remain > 0) break
  } while (done < length)
  iter.iovOffsetBytes = skip
  return done
}

/** @kernel include/linux/iov_iter.h: iterate_xarray */
function iterateXarray(iter: IovIter, memory: Memory, length: number, step: IterStep): number {
  const { cache, pages } = memory
  const { addressBytes, offsetBytes } = iter.table
  const file = offsetBytes[iter.segment]
  const start = addressBytes[iter.segment] + iter.iovOffsetBytes
  const stepsOverHoles = iter.kernel.quirks['xarray-copy-hole']
  let done = 0
  let index = Math.floor(start / PAGE_SIZE)
  while (done < length) {
    if (stepsOverHoles) index = cache.next(file, index)
    if (index === CACHE_HOLE) break
    const page = cache.find(file, index)
    if (page === CACHE_HOLE || page === CACHE_VALUE || pages.kindOf(page) === KIND_HUGETLB) break
    // After a hole this is not the page that belongs to the position: its folio's offset is that of the position all the same.
    const head = pages.headOf(page)
    const folioBytes = PAGE_SIZE * 2 ** pages.orderOf(head)
    const offset = (start + done) % folioBytes
    const inPage = offset & PAGE_OFFSET_MASK
    const part = Math.min(length - done, PAGE_SIZE - inPage)
    const remain = step.piece(head + Math.floor(offset / PAGE_SIZE), inPage, part, done)
    done += part - remain
    if (remain > 0) break
    const next = offset + part
    index = next < folioBytes ? index : index + pagesToFolioEnd(page, head, folioBytes)
  }
  return done
}

/** Pages from a page to the end of its folio. */
function pagesToFolioEnd(page: number, head: number, folioBytes: number): number {
  return folioBytes / PAGE_SIZE - (page - head)
}

/** One piece of a segment named by address, page after page; returns the bytes processed. */
function virtualPiece(
  iter: IovIter,
  memory: Memory,
  skip: number,
  length: number,
  progress: number,
  step: IterStep,
): number {
  const isUser = isUserBacked(iter.type) || iter.fixed
  const mm = isUser ? iter.mm : KERNEL_MM
  const { foll } = step
  if (step.allOrNothing && isUser && isShort(iter, memory, mm, skip, length, foll)) return 0
  const address = iter.table.addressBytes[iter.segment] + skip
  // access_ok() looks at all of it first; a copy out of it in mainline (masked addresses) runs up to the end instead.
  const isChecked = (foll & FOLL_WRITE) !== 0 || !iter.kernel.copiesUpToUserEnd
  if (isUser && isChecked && address + length > USER_ADDRESS_END) return 0
  let done = 0
  while (done < length) {
    const found = memory.spaces.walk(mm, iter.table.addressBytes, iter.segment, skip + done, 1, foll, memory.onePage)
    if (found < 1) break
    const inPage = (address + done) & PAGE_OFFSET_MASK
    const part = Math.min(length - done, PAGE_SIZE - inPage)
    const remain = step.piece(memory.onePage[0], inPage, part, progress + done)
    done += part - remain
    if (remain > 0) break
  }
  return done
}

function isShort(iter: IovIter, memory: Memory, mm: number, skip: number, length: number, foll: number): boolean {
  return reachable(iter.table, iter.segment, memory, mm, skip, length, foll) < length
}

/**
 * Bytes of a user segment from `skip` on that can be reached, page after page, at most `length`; for reading none at all
 * when it reaches beyond user addresses.
 */
export function reachable(
  table: SegmentTable,
  segment: number,
  memory: Memory,
  mm: number,
  skip: number,
  length: number,
  foll: number,
): number {
  const { addressBytes } = table
  if ((foll & FOLL_WRITE) === 0 && addressBytes[segment] + skip + length > USER_ADDRESS_END) return 0
  let done = 0
  while (done < length) {
    if (memory.spaces.walk(mm, addressBytes, segment, skip + done, 1, foll, memory.onePage) < 1) break
    done += PAGE_SIZE - ((addressBytes[segment] + skip + done) & PAGE_OFFSET_MASK)
  }
  return Math.min(done, length)
}
