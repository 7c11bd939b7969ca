import {
  type IovIter,
  ITER_IOVEC,
  ITER_PIPE,
  isVector,
  type Operation,
  PAGE_LIST_MAX,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
} from '@pinscope/core'
import type { Pieces } from '../payload/pieces.ts'

/** Appends what the last extraction listed: an element a page, also where it listed runs of a folio. */
export function addListed(io: Operation, array: Pieces): void {
  const { page, offsetBytes, lengthBytes, length } = io.list
  for (let i = 0; i < length; i++) {
    let row = page[i]
    let offset = offsetBytes[i]
    let left = lengthBytes[i]
    while (left > 0) {
      const part = left < PAGE_SIZE - offset ? left : PAGE_SIZE - offset
      array.add(row++, offset, part)
      offset = 0
      left -= part
    }
  }
}

/**
 * Pages that the next call may list, at most `bytesMax` bytes: to the end of the first segment that is not empty, where
 * there are segments. @kernel lib/iov_iter.c: __iov_iter_get_pages_alloc, want_pages_array
 */
export function pagesOfNextCall(iter: IovIter, bytesMax: number): number {
  if (iter.type === ITER_IOVEC) iter.skipEmpty()
  const rest = isVector(iter.type) ? iter.currentLengthBytes() : iter.countBytes
  const bytes = rest < bytesMax ? rest : bytesMax
  const pages = Math.min(iter.npagesOf(bytes), PAGE_LIST_MAX)
  // Of a pipe that is the room in its ring.
  return iter.type === ITER_PIPE ? Math.min(pages, Math.ceil(bytes / PAGE_SIZE)) : pages
}

/** The next page can follow in the same array: it has an offset in its first page, and an end in its last one. */
export function joins(iter: IovIter, array: Pieces): boolean {
  if (array.length === 0) return true
  const last = array.length - 1
  const endsPage = array.offsetBytes[last] + array.lengthBytes[last] === PAGE_SIZE
  return endsPage && (iter.currentStartBytes() & PAGE_OFFSET_MASK) === 0
}
