import { FOLIOQ_SLOTS } from './folio-queue.ts'
import type { IovIter } from './iov-iter.ts'

/**
 * Moves on in a folio queue; the count is the caller's. At the end of the last segment it rests one past the last slot,
 * and goes on from there once the queue was extended.
 * @kernel lib/iov_iter.c: iov_iter_folioq_advance (since 6.12)
 */
export function advanceFolioq(iter: IovIter, bytes: number): void {
  enterSegment(iter)
  let offset = iter.iovOffsetBytes + bytes
  // One past the last slot the kernel would read what lies behind the segment.
  while (iter.slot < FOLIOQ_SLOTS) {
    const size = slotSize(iter)
    if (offset < size) break
    offset -= size
    nextSlot(iter)
    if (offset === 0) break
  }
  iter.iovOffsetBytes = offset
}

/**
 * Moves back beyond the current folio's start. False, and nothing changed, when that goes before the queue.
 * @kernel lib/iov_iter.c: iov_iter_folioq_revert (since 6.12)
 */
export function revertFolioq(iter: IovIter, bytes: number): boolean {
  const { queue } = iter
  let { queueSegment, slot } = iter
  let left = bytes - iter.iovOffsetBytes
  for (;;) {
    if (slot === 0) {
      if (queueSegment === 0) return false
      queueSegment--
      slot = FOLIOQ_SLOTS
    }
    slot--
    const size = queue.sizeBytes(queueSegment, slot)
    if (left <= size) {
      iter.iovOffsetBytes = size - left
      break
    }
    left -= size
  }
  iter.queueSegment = queueSegment
  iter.slot = slot
  return true
}

/** From one past the last slot into the next segment, where there is one by now. */
export function enterSegment(iter: IovIter): void {
  if (iter.slot < FOLIOQ_SLOTS || iter.queueSegment + 1 >= iter.queue.segments) return
  iter.queueSegment++
  iter.slot = 0
}

/** To the next slot, or one past the last of the last segment. */
export function nextSlot(iter: IovIter): void {
  iter.slot++
  enterSegment(iter)
}

/** Bytes of the folio in the current slot. */
export function slotSize(iter: IovIter): number {
  return iter.queue.sizeBytes(iter.queueSegment, iter.slot)
}
