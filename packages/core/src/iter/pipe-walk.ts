import { invariant } from '../invariant.ts'
import { PAGE_SIZE } from '../units.ts'
import type { IovIter } from './iov-iter.ts'
import type { PipeRing } from './pipe-ring.ts'

/** The walk of ITER_PIPE, which exists in 6.1 only. */

/** The ring of a PIPE iterator. */
export function ringOf(iter: IovIter): PipeRing {
  invariant(iter.pipe !== null, 'a pipe iterator without a pipe')
  return iter.pipe
}

/** The iterator is where the ring ends; the kernel warns where not, and the operation does nothing. @kernel lib/iov_iter.c: sanity */
export function isSane(iter: IovIter): boolean {
  const ring = ringOf(iter)
  if (iter.lastOffset === 0) return iter.pipeHead === ring.head
  if (ring.isEmpty || iter.pipeHead !== ring.head - 1) return false
  const at = ring.at(iter.pipeHead)
  return ring.offsetBytes[at] + ring.lengthBytes[at] === Math.abs(iter.lastOffset)
}

/** Bytes used of the last buffer, where it is the ring's own and has room; else 0. */
export function partialOffset(iter: IovIter): number {
  return iter.lastOffset > 0 && iter.lastOffset < PAGE_SIZE ? iter.lastOffset : 0
}

/** Buffers that may still be filled, a partly filled one included. @kernel lib/iov_iter.c: pipe_npages */
export function pipeFreeSlots(iter: IovIter): number {
  const ring = ringOf(iter)
  return Math.max(ring.maxUsage - (ring.head - ring.tail), 0) + (partialOffset(iter) > 0 ? 1 : 0)
}

/**
 * Room for at most `size` bytes, in the last buffer or a new one; advances the iterator over them. Returns the page,
 * or -1 when the ring is full. The offset in it is {@link partialOffset} of before.
 * @kernel lib/iov_iter.c: append_pipe
 */
export function appendPipe(iter: IovIter, size: number): number {
  const ring = ringOf(iter)
  const offset = partialOffset(iter)
  if (offset > 0) {
    const at = ring.at(ring.head - 1)
    const part = Math.min(size, PAGE_SIZE - offset)
    ring.lengthBytes[at] += part
    iter.lastOffset += part
    iter.countBytes -= part
    return ring.page[at]
  }
  if (ring.isFull) return -1
  const part = Math.min(size, PAGE_SIZE)
  const page = ring.pushOwn(part)
  iter.pipeHead = ring.head - 1
  iter.lastOffset = part
  iter.countBytes -= part
  return page
}

/**
 * Links a part of a page into the ring, without a copy; the bytes linked, 0 when the ring is full.
 * @kernel lib/iov_iter.c: copy_page_to_iter_pipe
 */
export function linkPage(iter: IovIter, page: number, offset: number, bytesMax: number): number {
  const ring = ringOf(iter)
  const bytes = Math.min(bytesMax, iter.countBytes)
  if (bytes === 0 || !isSane(iter)) return 0
  const last = ring.at(ring.head - 1)
  if (offset > 0 && iter.lastOffset === -offset && ring.page[last] === page) {
    ring.lengthBytes[last] += bytes
    iter.lastOffset -= bytes
    iter.countBytes -= bytes
    return bytes
  }
  if (ring.isFull) return 0
  iter.pipeHead = ring.head
  ring.pushBorrowed(page, offset, bytes)
  iter.lastOffset = -(offset + bytes)
  iter.countBytes -= bytes
  return bytes
}

/**
 * Keeps the next `bytes` that were put into the ring and releases what lies behind them. Nothing put in and nothing kept:
 * everything since the iterator's start is released. More than was put in is an `advance-past-pipe` violation, and the
 * iterator stays: the kernel walks stale buffers.
 * @kernel lib/iov_iter.c: pipe_advance
 */
export function advancePipe(iter: IovIter, bytes: number): void {
  const ring = ringOf(iter)
  if (iter.lastOffset === 0 && bytes === 0) {
    ring.discardFrom(iter.pipeStartHead)
    return
  }
  let size = bytes
  let off = iter.lastOffset
  for (let buffer = iter.pipeHead; buffer < ring.head; buffer++) {
    const at = ring.at(buffer)
    if (off !== 0) size += Math.abs(off) - ring.offsetBytes[at]
    if (size <= ring.lengthBytes[at]) {
      ring.lengthBytes[at] = size
      iter.lastOffset = ring.lastOffset(buffer)
      iter.pipeHead = buffer
      iter.countBytes -= bytes
      ring.discardFrom(buffer + 1)
      return
    }
    size -= ring.lengthBytes[at]
    off = 0
  }
  iter.violate('advance-past-pipe')
}

/** Takes bytes out of the ring again, at most back to the iterator's start. @kernel lib/iov_iter.c: iov_iter_revert */
export function revertPipe(iter: IovIter, bytes: number): void {
  const ring = ringOf(iter)
  iter.countBytes += bytes
  let left = bytes
  while (ring.head > iter.pipeStartHead) {
    const buffer = ring.head - 1
    const at = ring.at(buffer)
    if (left < ring.lengthBytes[at]) {
      ring.lengthBytes[at] -= left
      iter.lastOffset = ring.lastOffset(buffer)
      iter.pipeHead = buffer
      return
    }
    left -= ring.lengthBytes[at]
    ring.discardFrom(buffer)
  }
  iter.lastOffset = 0
  iter.pipeHead = ring.head
}
