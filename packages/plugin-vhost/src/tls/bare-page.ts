import {
  EFAULT,
  EIO,
  type ExtractionPolicy,
  extractPages,
  FAULT_NAMES,
  HOLD_NONE,
  type Hold,
  isUserBacked,
  type Operation,
  PAGE_KINDS,
  RETAIN_NONE,
  RETAIN_PIN,
} from '@pinscope/core'

const KIND_SLAB = PAGE_KINDS.indexOf('slab')
const FAULT_PAGE = FAULT_NAMES.indexOf('page')

/** What iov_iter_extract_pages() takes, in every lane: nothing on the pages of kernel memory. */
const EXTRACT: ExtractionPolicy = {
  name: 'extract',
  summary: 'a pin on user pages, else nothing',
  source: 'lib/iov_iter.c: iov_iter_extract_pages',
  perFolio: false,
  isLegacy: false,
  retention: (type) => (isUserBacked(type) ? RETAIN_PIN : RETAIN_NONE),
}

/**
 * Lists the iterator's next page, at most `bytes` bytes of it, with nothing taken: a splice attaches pages as they are,
 * whatever the lane's policy, and takes its own reference with {@link referenceBarePage}. Returns the bytes, or -errno
 * with the iterator where it was: -EIO for a slab page, which cannot be referenced, and for the end of the data.
 *
 * The pages of a user-backed iterator are pinned, and stay so: quirk `tls-splice-user`.
 *
 * @kernel lib/iov_iter.c: iov_iter_extract_pages; include/linux/net.h: sendpage_ok
 */
export function listBarePage(io: Operation, bytes: number): number {
  if (io.faults.fails(FAULT_PAGE)) return EFAULT
  const part = extractPages(io.iter, EXTRACT, io.memory, io.list, 1, bytes)
  if (part <= 0) return part === 0 ? EIO : part
  const page = io.list.page[0]
  if (io.pages.kind[page] === KIND_SLAB || io.pages.refcount[io.pages.head[page]] < 1) {
    io.iter.revert(part)
    return EIO
  }
  // The pin that nobody will drop.
  if (isUserBacked(io.iter.type)) io.ledger.acquire(io.list)
  return part
}

/** The reference of whoever keeps the page. A count that would overflow takes nothing. @kernel include/linux/mm.h: get_page */
export function referenceBarePage(io: Operation): Hold {
  const hold = io.reference()
  return hold >= 0 ? (hold as Hold) : HOLD_NONE
}
