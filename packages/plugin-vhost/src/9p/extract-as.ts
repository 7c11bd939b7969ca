import {
  EFAULT,
  type ExtractionPolicy,
  extractPages,
  FAULT_NAMES,
  findPolicy,
  HOLD_NONE,
  ITER_BVEC,
  isHold,
  type Operation,
} from '@pinscope/core'

const FAULT_PAGE = FAULT_NAMES.indexOf('page')

/** What iov_iter_extract_pages() does, whatever the lane's policy is. */
export const EXTRACT = findPolicy('extract') as ExtractionPolicy

/**
 * `io.extract()` with another policy than the lane's: for kernel code that calls iov_iter_extract_pages() on its way to a
 * transport that calls iov_iter_get_pages_alloc2(). Empty segments have been stepped over.
 * @kernel lib/iov_iter.c: iov_iter_extract_pages
 */
export function extractAs(io: Operation, policy: ExtractionPolicy, pagesMax: number, bytesMax: number): number {
  const { iter, list } = io
  iter.skipEmpty()
  const { segment, iovOffsetBytes } = iter
  io.hold = HOLD_NONE
  const bytes = io.faults.isPageNext ? failPage(io) : listPages(io, policy, pagesMax, bytesMax)
  if (bytes <= 0) return bytes
  const hold = io.ledger.acquire(list)
  if (!isHold(hold)) {
    iter.revert(bytes)
    return hold
  }
  io.hold = hold
  if (io.observer !== null) {
    const isByAddress = iter.type !== ITER_BVEC || iter.fixed
    io.observer.extracted(io, segment, isByAddress ? iter.table.addressBytes[segment] + iovOffsetBytes : -1, bytes)
  }
  return bytes
}

/** Lists the next pages, those before a page that was made to fail: bytes, or -EFAULT when it is the first. */
function listPages(io: Operation, policy: ExtractionPolicy, pagesMax: number, bytesMax: number): number {
  const { iter, list, faults } = io
  const listed = extractPages(iter, policy, io.memory, list, pagesMax, bytesMax)
  if (listed <= 0) return listed
  const passed = faults.passed(FAULT_PAGE, list.length)
  if (passed === list.length) return listed
  let bytes = 0
  for (let i = 0; i < passed; i++) bytes += list.lengthBytes[i]
  iter.revert(listed - bytes)
  list.trim(listed - bytes)
  faults.isPageNext = passed > 0
  return passed === 0 ? EFAULT : bytes
}

function failPage({ list, faults }: Operation): number {
  faults.isPageNext = false
  list.clear()
  return EFAULT
}
