import {
  accessOk,
  bvecAt,
  folioSize,
  foliosFrom,
  hasNext,
  offsetInFolio,
  offsetInPage,
  pageNumber,
  queueFolio,
  rangeAt,
} from './slow-memory.ts'
import { has } from './slow-quirks.ts'
import { FOLIOQ_SLOTS, PAGE, type SlowFolio, type SlowIov, type SlowWorld } from './slow-types.ts'

/** Does what is to be done to `len` bytes of a page; `progress` bytes came before them. Returns how many of them it left. */
export type SlowStep = (page: string, offset: number, progress: number, len: number) => number

/** `write`: user pages must be writable. `isWhole`: a user range with a page that cannot be had counts for nothing. */
export interface SlowAccess {
  readonly write: boolean
  readonly isWhole?: boolean
}

/**
 * Walks at most `wanted` bytes and returns how many were. The kernel's step functions see a whole user or kernel range;
 * here each page of it is one step.
 *
 * @kernel include/linux/iov_iter.h: iterate_and_advance2; 6.1: __iterate_and_advance
 */
export function walk(world: SlowWorld, iter: SlowIov, wanted: number, access: SlowAccess, step: SlowStep): number {
  const len = Math.min(wanted, iter.count)
  if (len === 0) return 0
  const progress = walkType(world, iter, len, access, step)
  iter.count -= progress
  return progress
}

function walkType(world: SlowWorld, iter: SlowIov, len: number, access: SlowAccess, step: SlowStep): number {
  switch (iter.type) {
    case 'ubuf':
      return walkUbuf(world, iter, len, access, step)
    case 'iovec':
    case 'kvec':
      return walkRanges(world, iter, len, access, step)
    case 'bvec':
      return walkBvec(world, iter, len, step)
    case 'folioq':
      return walkFolioq(iter, len, step)
    case 'xarray':
      return walkXarray(iter, len, step)
    default:
      return len
  }
}

/** Bytes of a user range that were not walked: those from the first page on that cannot be had. */
function userStep(
  world: SlowWorld,
  base: number,
  progress: number,
  len: number,
  { write, isWhole = false }: SlowAccess,
  step: SlowStep,
): number {
  if (!accessOk(world, base, len)) return len
  const pageAt = (address: number) => world.userPage(pageNumber(address), write)
  if (isWhole && !rangeStep(base, progress, len, pageAt, () => 0).isAll) return len
  return len - rangeStep(base, progress, len, pageAt, step).done
}

function kernelStep(world: SlowWorld, base: number, progress: number, len: number, step: SlowStep): number {
  return len - rangeStep(base, progress, len, (address) => world.kernelPage(pageNumber(address)), step).done
}

/** Goes over a range page by page, until a page is not there or something of it is left. */
function rangeStep(
  base: number,
  progress: number,
  len: number,
  pageAt: (address: number) => string | null,
  step: SlowStep,
): { done: number; isAll: boolean } {
  let done = 0
  while (done < len) {
    const page = pageAt(base + done)
    if (page === null) return { done, isAll: false }
    const part = Math.min(len - done, PAGE - offsetInPage(base + done))
    const remain = step(page, offsetInPage(base + done), progress + done, part)
    done += part - remain
    if (remain > 0) return { done, isAll: false }
  }
  return { done, isAll: true }
}

/** @kernel include/linux/iov_iter.h: iterate_ubuf */
function walkUbuf(world: SlowWorld, iter: SlowIov, len: number, access: SlowAccess, step: SlowStep): number {
  const progress = len - userStep(world, rangeAt(iter, 0).base + iter.iovOffset, 0, len, access, step)
  iter.iovOffset += progress
  return progress
}

/** @kernel include/linux/iov_iter.h: iterate_iovec, iterate_kvec */
function walkRanges(world: SlowWorld, iter: SlowIov, wanted: number, access: SlowAccess, step: SlowStep): number {
  let len = wanted
  let progress = 0
  let skip = iter.iovOffset
  let at = iter.index
  do {
    const seg = rangeAt(iter, at)
    const part = Math.min(len, seg.len - skip)
    if (part > 0) {
      const base = seg.base + skip
      const remain =
        iter.type === 'iovec'
          ? userStep(world, base, progress, part, access, step)
          : kernelStep(world, base, progress, part, step)
      progress += part - remain
      skip += part - remain
      len -= part - remain
      if (skip < seg.len) break
    }
    at++
    skip = 0
  } while (len > 0)
  iter.nrSegs -= at - iter.index
  iter.index = at
  iter.iovOffset = skip
  return progress
}

/** @kernel include/linux/iov_iter.h: iterate_bvec */
function walkBvec(world: SlowWorld, iter: SlowIov, wanted: number, step: SlowStep): number {
  let len = wanted
  let progress = 0
  let skip = iter.iovOffset
  let at = iter.index
  do {
    const bvec = bvecAt(iter, at)
    const offset = bvec.offset + skip
    const part = Math.min(len, bvec.len - skip, PAGE - offsetInPage(offset))
    const page = part > 0 ? world.framePage(bvec.pfn + pageNumber(offset)) : null
    const remain = page === null ? 0 : step(page, offsetInPage(offset), progress, part)
    len -= part - remain
    progress += part - remain
    skip += part - remain
    if (skip >= bvec.len) {
      skip = 0
      at++
    }
    if (remain > 0) break
  } while (len > 0)
  iter.nrSegs -= at - iter.index
  iter.index = at
  iter.iovOffset = skip
  return progress
}

/** @kernel include/linux/iov_iter.h: iterate_folioq */
function walkFolioq(iter: SlowIov, wanted: number, step: SlowStep): number {
  let len = wanted
  let progress = 0
  let skip = iter.iovOffset
  let { queueSegment, slot } = iter
  if (slot === FOLIOQ_SLOTS) {
    queueSegment++
    slot = 0
  }
  do {
    const folio = queueFolio(iter, queueSegment, slot)
    if (folio === null) break
    const fsize = folio.length * PAGE
    let remain = 0
    if (skip < fsize) {
      const part = Math.min(len, PAGE - offsetInPage(skip))
      remain = step(folio[pageNumber(skip)]!, offsetInPage(skip), progress, part)
      len -= part - remain
      progress += part - remain
      skip += part - remain
    }
    if (skip >= fsize) {
      skip = 0
      slot++
      if (slot === FOLIOQ_SLOTS && hasNext(iter, queueSegment)) {
        queueSegment++
        slot = 0
      }
    }
    if (remain > 0) break
  } while (len > 0)
  Object.assign(iter, { queueSegment, slot, iovOffset: skip })
  return progress
}

/** @kernel include/linux/iov_iter.h: iterate_xarray */
function walkXarray(iter: SlowIov, wanted: number, step: SlowStep): number {
  const start = iter.xarrayStart + iter.iovOffset
  let progress = 0
  for (const folio of foliosFrom(iter, pageNumber(start))) {
    if (progress === wanted || !mayWalk(iter, folio, start + progress)) break
    const offset = offsetInFolio(folio, start + progress)
    const flen = Math.min(folioSize(folio) - offset, wanted - progress)
    const pageAt = (at: number) => folio.pages[pageNumber(at)]!
    const { done, isAll } = rangeStep(offset, progress, flen, pageAt, step)
    progress += done
    if (!isAll) break
  }
  iter.iovOffset += progress
  return progress
}

function mayWalk(iter: SlowIov, folio: SlowFolio, position: number): boolean {
  if (folio.kind !== 'folio') {
    iter.warnings.push(`xarray-${folio.kind}`)
    return false
  }
  return has(iter, 'xarray-copy-hole') || iter.folios.get(pageNumber(position)) === folio
}
