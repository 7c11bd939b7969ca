import { EIO, ENOMEM } from '../errno.ts'
import { FOLIOQ_NO_FOLIO, FOLIOQ_SLOTS } from '../iter/folio-queue.ts'
import { enterSegment, nextSlot, slotSize } from '../iter/folioq-walk.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE, pagesSpanned } from '../units.ts'
import { PAGE_LIST_MAX, type PageList } from './page-list.ts'

/**
 * FOLIOQ: page after page, over folios and segments of the queue. Both families alike: a call that ends with a folio
 * leaves the iterator at that folio's end, and the next one steps on (but see the quirk `folioq-eager-roll`). A slot
 * without a folio ends the call; the kernel would read through a null pointer.
 * @kernel lib/iov_iter.c: iov_iter_extract_folioq_pages, iter_folioq_get_pages (since 6.12)
 */
export function extractFolioq(
  iter: IovIter,
  isLegacy: boolean,
  out: PageList,
  pagesMax: number,
  bytesMax: number,
): number {
  if (iter.slot >= FOLIOQ_SLOTS) {
    if (iter.iovOffsetBytes !== 0) return EIO
    enterSegment(iter)
  }
  const start = iter.iovOffsetBytes & PAGE_OFFSET_MASK
  const entriesMax = Math.min(pagesSpanned(start, bytesMax), pagesMax, PAGE_LIST_MAX)
  if (entriesMax === 0) return ENOMEM
  const rollsEarly = isLegacy && iter.kernel.quirks['folioq-eager-roll']
  let entries = 0
  let bytes = 0
  while (iter.slot < FOLIOQ_SLOTS) {
    const folio = iter.queue.folioAt(iter.queueSegment, iter.slot)
    if (folio === FOLIOQ_NO_FOLIO) break
    const size = slotSize(iter)
    const offset = iter.iovOffsetBytes
    if (offset < size) {
      const part = Math.min(PAGE_SIZE - (offset & PAGE_OFFSET_MASK), bytesMax - bytes, size - offset)
      out.page[entries++] = folio + Math.floor(offset / PAGE_SIZE)
      bytes += part
      iter.iovOffsetBytes += part
    }
    const isDone = entries >= entriesMax || bytes >= bytesMax
    if (isDone && !rollsEarly) break
    if (iter.iovOffsetBytes >= size) {
      iter.iovOffsetBytes = 0
      nextSlot(iter)
    }
    if (isDone) break
  }
  iter.countBytes -= bytes
  if (bytes > 0) out.describe(entries, start, bytes)
  return bytes
}
