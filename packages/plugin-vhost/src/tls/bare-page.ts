import { EIO, EXTRACT, HOLD_NONE, type Hold, type Operation, PAGE_KINDS } from '@pinscope/core'

const KIND_SLAB = PAGE_KINDS.indexOf('slab')

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
  const part = io.extract(1, bytes, 0, EXTRACT)
  if (part <= 0) return part === 0 ? EIO : part
  if (io.hold !== HOLD_NONE) return part
  // Listed here with nothing taken, and not counted so: it gets a reference, or is given back.
  io.ledger.bare(-1)
  const page = io.list.page[0]
  if (io.pages.kindOf(page) !== KIND_SLAB && io.pages.refcountOf(page) >= 1) return part
  io.iter.revert(part)
  return EIO
}

/** The reference of whoever keeps the page. A count that would overflow takes nothing. @kernel include/linux/mm.h: get_page */
export function referenceBarePage(io: Operation): Hold {
  const hold = io.reference()
  return hold >= 0 ? (hold as Hold) : HOLD_NONE
}
