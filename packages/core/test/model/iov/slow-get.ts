import {
  bvecAt,
  folioFilePage,
  hasNext,
  offsetInPage,
  pageNumber,
  pagesFor,
  queueFolio,
  rangeAt,
} from './slow-memory.ts'
import { advance } from './slow-move.ts'
import { type SlowPages, slowPages } from './slow-pages.ts'
import { pipeGetPages } from './slow-pipe.ts'
import { has } from './slow-quirks.ts'
import {
  EFAULT,
  EIO,
  ENOMEM,
  FOLIOQ_SLOTS,
  MAX_RW_COUNT,
  PAGE,
  type SlowIov,
  SlowViolation,
  type SlowWorld,
} from './slow-types.ts'

/** @kernel lib/iov_iter.c: iov_iter_get_pages2; with maxpages 2^32 - 1: iov_iter_get_pages_alloc2 */
export function getPages(world: SlowWorld, iter: SlowIov, wanted: number, maxpages: number): SlowPages {
  if (maxpages === 0) return slowPages(0, 0)
  const maxsize = Math.min(wanted, iter.count, MAX_RW_COUNT)
  if (maxsize === 0) return slowPages(0, 0)
  switch (iter.type) {
    case 'ubuf':
    case 'iovec':
      return userPages(world, iter, maxsize, maxpages, 'ref')
    case 'bvec':
      return getBvecPages(world, iter, maxsize, maxpages)
    case 'folioq':
      return folioqPages(iter, maxsize, maxpages, 'ref')
    case 'xarray':
      return getXarrayPages(iter, maxsize, maxpages)
    case 'pipe':
      return pipeGetPages(iter, maxsize, maxpages)
    case 'kvec':
    case 'discard':
      return slowPages(EFAULT, 0)
  }
}

/** Address and length of the first segment with something in it. @kernel lib/iov_iter.c: first_iovec_segment */
function firstIovecSegment(iter: SlowIov, maxsize: number): { address: number; size: number } {
  if (iter.type === 'ubuf') return { address: rangeAt(iter, 0).base + iter.iovOffset, size: maxsize }
  let skip = iter.iovOffset
  for (let k = 0; k < iter.nrSegs; k++, skip = 0) {
    const { base, len } = rangeAt(iter, iter.index + k)
    if (len - skip > 0) return { address: base + skip, size: Math.min(maxsize, len - skip) }
  }
  throw new SlowViolation('bug')
}

/** Pages from an address on, up to the first that cannot be had. @kernel mm/gup.c: gup_fast_fallback */
function gup(world: SlowWorld, address: number, n: number, write: boolean): string[] {
  if (world.userEnd !== undefined && address + n * PAGE > world.userEnd) return []
  const pages: string[] = []
  for (let k = 0; k < n; k++) {
    const page = world.userPage(pageNumber(address) + k, write)
    if (page === null) break
    pages.push(page)
  }
  return pages
}

/** @kernel lib/iov_iter.c: __iov_iter_get_pages_alloc, the part for users; iov_iter_extract_user_pages */
export function userPages(
  world: SlowWorld,
  iter: SlowIov,
  maxsize: number,
  maxpages: number,
  kind: 'ref' | 'pin',
): SlowPages {
  const { address, size } = firstIovecSegment(iter, maxsize)
  const start = offsetInPage(address)
  const n = Math.min(pagesFor(size + start), maxpages)
  if (n === 0) return slowPages(ENOMEM, start)
  const pages = gup(world, address - start, n, iter.direction === 'dest')
  if (pages.length === 0) return slowPages(EFAULT, start)
  const bytes = Math.min(size, pages.length * PAGE - start)
  advance(iter, bytes)
  return slowPages(bytes, start, pages, kind, pages)
}

/** The current bvec only, empty or not. @kernel lib/iov_iter.c: __iov_iter_get_pages_alloc, first_bvec_segment */
function getBvecPages(world: SlowWorld, iter: SlowIov, maxsize: number, maxpages: number): SlowPages {
  if (!has(iter, 'get-pages-empty-bvec') && !stepOverEmptyBvecs(iter)) return slowPages(0, 0)
  const bvec = bvecAt(iter, iter.index)
  const size = Math.min(maxsize, bvec.len - iter.iovOffset)
  const skip = iter.iovOffset + bvec.offset
  const start = offsetInPage(skip)
  const n = Math.min(pagesFor(size + start), maxpages)
  if (n === 0) return slowPages(ENOMEM, start)
  const pages = Array.from({ length: n }, (_, k) => world.framePage(bvec.pfn + pageNumber(skip) + k))
  const skipsSlab = iter.kernel === '6.18' || iter.kernel === 'mainline'
  const taken = pages.filter((page) => !(skipsSlab && world.isSlab(page)))
  const bytes = Math.min(size, n * PAGE - start)
  iter.count -= bytes
  iter.iovOffset += bytes
  if (iter.iovOffset === bvec.len) nextSeg(iter)
  return slowPages(bytes, start, pages, 'ref', taken)
}

/** False: none is left. */
export function stepOverEmptyBvecs(iter: SlowIov): boolean {
  while (iter.nrSegs > 0 && bvecAt(iter, iter.index).len === iter.iovOffset) nextSeg(iter)
  return iter.nrSegs > 0
}

export function nextSeg(iter: SlowIov): void {
  iter.iovOffset = 0
  iter.index++
  iter.nrSegs--
}

/**
 * A request that ends with a folio leaves the iterator at the end of it; with `folioq-eager-roll` get_pages2 goes on to
 * the next.
 *
 * @kernel lib/iov_iter.c: iter_folioq_get_pages, iov_iter_extract_folioq_pages
 */
export function folioqPages(iter: SlowIov, maxsize: number, maxpages: number, kind: 'ref' | 'none'): SlowPages {
  let { queueSegment, slot, iovOffset } = iter
  if (slot >= FOLIOQ_SLOTS) {
    queueSegment++
    slot = 0
    if (iovOffset !== 0) return slowPages(EIO, 0)
  }
  const start = offsetInPage(iovOffset)
  const n = Math.min(pagesFor(maxsize + start), maxpages)
  if (n === 0) return slowPages(ENOMEM, kind === 'ref' ? 0 : start)
  const isEager = kind === 'ref' && has(iter, 'folioq-eager-roll')
  const pages: string[] = []
  let extracted = 0
  for (;;) {
    const folio = queueFolio(iter, queueSegment, slot)
    if (folio === null) throw new SlowViolation('null-folio')
    const fsize = folio.length * PAGE
    if (iovOffset < fsize) {
      const part = Math.min(PAGE - offsetInPage(iovOffset), maxsize - extracted, fsize - iovOffset)
      pages.push(folio[pageNumber(iovOffset)]!)
      iovOffset += part
      extracted += part
    }
    const isDone = pages.length >= n || extracted >= maxsize
    if (isDone && !isEager) break
    if (iovOffset >= fsize) {
      iovOffset = 0
      slot++
      if (slot === FOLIOQ_SLOTS && hasNext(iter, queueSegment)) {
        queueSegment++
        slot = 0
      }
    }
    if (isDone) break
  }
  Object.assign(iter, { queueSegment, slot, iovOffset, count: iter.count - extracted })
  return slowPages(extracted, start, pages, kind, kind === 'ref' ? pages : [])
}

/** The pages at `n` indices, up to the first hole. @kernel lib/iov_iter.c: iter_xarray_populate_pages */
export function presentPages(iter: SlowIov, index: number, n: number): string[] {
  const pages: string[] = []
  for (let k = 0; k < n; k++) {
    const folio = iter.folios.get(index + k)
    if (folio === undefined) break
    pages.push(folioFilePage(iter, folio, index + k))
  }
  return pages
}

/** @kernel lib/iov_iter.c: iter_xarray_get_pages */
function getXarrayPages(iter: SlowIov, maxsize: number, maxpages: number): SlowPages {
  const position = iter.xarrayStart + iter.iovOffset
  const offset = offsetInPage(position)
  const n = Math.min(pagesFor(maxsize + offset), maxpages)
  const pages = presentPages(iter, pageNumber(position), n)
  if (pages.length === 0) return slowPages(0, offset)
  const bytes = Math.min(pages.length * PAGE - offset, maxsize)
  iter.iovOffset += bytes
  iter.count -= bytes
  return slowPages(bytes, offset, pages, 'ref', pages)
}
