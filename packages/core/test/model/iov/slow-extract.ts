import { folioqPages, nextSeg, presentPages, stepOverEmptyBvecs, userPages } from './slow-get.ts'
import { bvecAt, offsetInPage, pageNumber, pagesFor, rangeAt } from './slow-memory.ts'
import { advance } from './slow-move.ts'
import { type SlowPages, slowPages } from './slow-pages.ts'
import { has } from './slow-quirks.ts'
import { EFAULT, ENOMEM, MAX_RW_COUNT, PAGE, type SlowIov, SlowViolation, type SlowWorld } from './slow-types.ts'

/** @kernel lib/iov_iter.c: iov_iter_extract_pages (not in 6.1) */
export function extractPages(world: SlowWorld, iter: SlowIov, wanted: number, maxpages: number): SlowPages {
  if (iter.kernel === '6.1') throw new SlowViolation('not-in-this-kernel')
  const maxsize = Math.min(wanted, iter.count, MAX_RW_COUNT)
  if (maxsize === 0) return slowPages(0, 0)
  switch (iter.type) {
    case 'ubuf':
    case 'iovec':
      return userPages(world, iter, maxsize, maxpages, 'pin')
    case 'kvec':
      return extractKvecPages(world, iter, maxsize, maxpages)
    case 'bvec':
      if (iter.kernel === '6.12') return extractBvecPages(world, iter, maxsize, maxpages)
      return extractBvecPagesJoined(world, iter, maxsize, maxpages)
    case 'folioq':
      return folioqPages(iter, maxsize, maxpages, 'none')
    case 'xarray':
      return extractXarrayPages(iter, maxsize, maxpages)
    default:
      return slowPages(EFAULT, 0)
  }
}

/** @kernel include/linux/uio.h: iov_iter_extract_will_pin */
export function extractWillPin({ type }: SlowIov): boolean {
  return type === 'ubuf' || type === 'iovec'
}

/** @kernel lib/iov_iter.c: iov_iter_extract_kvec_pages */
function extractKvecPages(world: SlowWorld, iter: SlowIov, maxsize: number, maxpages: number): SlowPages {
  while (iter.nrSegs > 0 && rangeAt(iter, iter.index).len === iter.iovOffset) nextSeg(iter)
  if (iter.nrSegs === 0) return slowPages(0, 0)
  const { base, len } = rangeAt(iter, iter.index)
  const size = Math.min(maxsize, len - iter.iovOffset)
  const address = base + iter.iovOffset
  const offset = offsetInPage(address)
  const n = Math.min(pagesFor(size + offset), maxpages)
  if (n === 0) return slowPages(ENOMEM, offset)
  const pages = Array.from({ length: n }, (_, k) => world.kernelPage(pageNumber(address) + k))
  const bytes = Math.min(size, n * PAGE - offset)
  advance(iter, bytes)
  return slowPages(bytes, offset, pages)
}

/** The first bvec with something in it. @kernel lib/iov_iter.c of 6.12: iov_iter_extract_bvec_pages */
function extractBvecPages(world: SlowWorld, iter: SlowIov, maxsize: number, maxpages: number): SlowPages {
  if (!stepOverEmptyBvecs(iter)) return slowPages(0, 0)
  const bvec = bvecAt(iter, iter.index)
  const size = Math.min(maxsize, bvec.len - iter.iovOffset)
  const skip = iter.iovOffset + bvec.offset
  const offset = offsetInPage(skip)
  const n = Math.min(pagesFor(size + offset), maxpages)
  if (n === 0) return slowPages(ENOMEM, offset)
  const pages = Array.from({ length: n }, (_, k) => world.framePage(bvec.pfn + pageNumber(skip) + k))
  const bytes = Math.min(size, n * PAGE - offset)
  advance(iter, bytes)
  return slowPages(bytes, offset, pages)
}

/** Bvecs that meet at page ends, page by page. @kernel lib/iov_iter.c since 6.16: iov_iter_extract_bvec_pages */
function extractBvecPagesJoined(world: SlowWorld, iter: SlowIov, maxsize: number, maxpages: number): SlowPages {
  if (iter.nrSegs === 0) return slowPages(0, 0)
  if (!has(iter, 'bvec-one-empty-skipped')) {
    if (!stepOverEmptyBvecs(iter)) return slowPages(0, 0)
  } else if (bvecAt(iter, iter.index).len === iter.iovOffset) nextSeg(iter)
  const n = Math.min(pagesFor(maxsize + startOf(iter)), maxpages)
  if (n === 0 && !has(iter, 'bvec-no-entry-check')) return slowPages(ENOMEM, 0)
  const { pages, offset0, bytes } = joinBvecs(world, iter, maxsize, n)
  advance(iter, bytes)
  return slowPages(bytes, offset0, pages)
}

/** Bytes before the data in the first page; by mistake, those before it in the bvec. */
function startOf(iter: SlowIov): number {
  if (has(iter, 'bvec-entries-short') || iter.nrSegs === 0) return iter.iovOffset
  return offsetInPage(bvecAt(iter, iter.index).offset + iter.iovOffset)
}

/** Nothing of the iterator is changed. @kernel include/linux/bvec.h: bvec_iter_bvec, bvec_iter_advance_single */
function joinBvecs(
  world: SlowWorld,
  iter: SlowIov,
  maxsize: number,
  n: number,
): { pages: string[]; offset0: number; bytes: number } {
  const pages: string[] = []
  let offset0 = 0
  let bytes = 0
  let idx = 0
  let done = iter.iovOffset
  while (bytes < maxsize && idx < iter.nrSegs) {
    const bvec = bvecAt(iter, iter.index + idx)
    if (bvec.len === done && !has(iter, 'bvec-one-empty-skipped')) {
      idx++
      continue
    }
    const offset = offsetInPage(bvec.offset + done)
    const len = Math.min(maxsize - bytes, bvec.len - done, PAGE - offset)
    if (pages.length > 0 && offset > 0) break
    if (pages.length === 0) offset0 = offset
    pages.push(world.framePage(bvec.pfn + pageNumber(bvec.offset + done)))
    bytes += len
    if (pages.length >= n) break
    if (offset + len !== PAGE) break
    done += len
    if (done === bvec.len) {
      done = 0
      idx++
    }
  }
  return { pages, offset0, bytes }
}

/** @kernel lib/iov_iter.c: iov_iter_extract_xarray_pages */
function extractXarrayPages(iter: SlowIov, maxsize: number, maxpages: number): SlowPages {
  const position = iter.xarrayStart + iter.iovOffset
  const offset = offsetInPage(position)
  const n = Math.min(pagesFor(maxsize + offset), maxpages)
  if (n === 0) return slowPages(ENOMEM, offset)
  const pages = presentPages(iter, pageNumber(position), n)
  const room = pages.length * PAGE - offset
  if (room < 0 && !has(iter, 'xarray-hole-wrap')) return slowPages(0, offset)
  // Less than nothing is a lot, unsigned.
  const bytes = room < 0 ? maxsize : Math.min(room, maxsize)
  advance(iter, bytes)
  return slowPages(bytes, offset, pages)
}
