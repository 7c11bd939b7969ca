import { FOLIOQ_SLOTS } from '../iter/folio-queue.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { ITER_BVEC, ITER_FOLIOQ, ITER_KVEC, ITER_XARRAY } from '../iter/iter-type.ts'
import type { Memory } from '../memory/memory.ts'
import { CACHE_HOLE, CACHE_VALUE } from '../memory/page-cache.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE } from '../units.ts'

/**
 * Bytes of an iterator from `startBytes` on that are in at most `sizeMax` bytes and `segsMax` segments: bvecs, kvecs,
 * folios (and, for a registered buffer, which has its pages one by one, pages). Of an iterator without segments, 0.
 *
 * The kernel's own are kept: the count left of a BVEC or KVEC iterator does not fall by a start within its first segment,
 * and an XARRAY's offset in every folio is that of the iterator's position, wherever the start is.
 * @kernel fs/netfs/iterator.c: netfs_limit_iter (6.12, mainline; a BUG for a type without segments)
 */
export function limitIter(iter: IovIter, memory: Memory, startBytes: number, sizeMax: number, segsMax: number): number {
  if (iter.countBytes === 0) return 0
  if (iter.type === ITER_XARRAY) return limitXarray(iter, memory, startBytes, sizeMax, segsMax)
  if (iter.type === ITER_FOLIOQ) return limitFolioq(iter, startBytes, sizeMax, segsMax)
  if (iter.fixed) return limitPages(iter, startBytes, sizeMax, segsMax)
  if (iter.type === ITER_BVEC || iter.type === ITER_KVEC) return limitVector(iter, startBytes, sizeMax, segsMax)
  return 0
}

/** @kernel fs/netfs/iterator.c: netfs_limit_bvec, netfs_limit_kvec */
function limitVector(iter: IovIter, startBytes: number, sizeMax: number, segsMax: number): number {
  const { lengthBytes } = iter.table
  const end = iter.segment + iter.segmentsLeft
  let skip = iter.iovOffsetBytes + startBytes
  let left = iter.countBytes
  let s = iter.segment
  while (left > 0 && s < end && skip > 0 && skip >= lengthBytes[s]) {
    skip -= lengthBytes[s]
    left -= lengthBytes[s]
    s++
  }
  let span = 0
  let segs = 0
  while (left > 0 && s < end) {
    const length = Math.min(left, lengthBytes[s] - skip, sizeMax)
    span += length
    segs++
    s++
    if (span >= sizeMax || segs >= segsMax) break
    skip = 0
    left -= length
  }
  return Math.min(span, sizeMax)
}

/** A registered buffer: the kernel has bvecs of whole pages there, or of folios. */
function limitPages(iter: IovIter, startBytes: number, sizeMax: number, segsMax: number): number {
  const first = (iter.table.addressBytes[iter.segment] + iter.iovOffsetBytes + startBytes) & PAGE_OFFSET_MASK
  return Math.min(iter.countBytes - startBytes, sizeMax, segsMax * PAGE_SIZE - first)
}

/** @kernel fs/netfs/iterator.c: netfs_limit_xarray */
function limitXarray(iter: IovIter, memory: Memory, startBytes: number, sizeMax: number, segsMax: number): number {
  const { cache, pages } = memory
  const file = iter.table.offsetBytes[iter.segment]
  const position = iter.table.addressBytes[iter.segment] + iter.iovOffsetBytes
  const bytesMax = Math.min(sizeMax, iter.countBytes - startBytes)
  let span = 0
  let segs = 0
  let index = cache.next(file, Math.floor(position / PAGE_SIZE))
  while (index !== CACHE_HOLE) {
    const page = cache.find(file, index)
    if (page === CACHE_VALUE) break
    const head = pages.headOf(page)
    const folioPages = 2 ** pages.orderOf(head)
    span += Math.min(bytesMax, folioPages * PAGE_SIZE - (position % (folioPages * PAGE_SIZE)))
    segs++
    if (span >= bytesMax || segs >= segsMax) break
    index = cache.next(file, index + folioPages - (page - head))
  }
  return Math.min(span, bytesMax)
}

/** @kernel fs/netfs/iterator.c: netfs_limit_folioq */
function limitFolioq(iter: IovIter, startBytes: number, sizeMax: number, segsMax: number): number {
  const { queue } = iter
  const slots = queue.count
  const bytesMax = Math.min(sizeMax, iter.countBytes - startBytes)
  let skip = startBytes + iter.iovOffsetBytes
  let span = 0
  let segs = 0
  for (let at = iter.queueSegment * FOLIOQ_SLOTS + iter.slot; at < slots; at++) {
    const folioBytes = PAGE_SIZE << queue.order[at]
    if (skip < folioBytes) {
      span += folioBytes - skip
      segs++
      skip = 0
    } else skip -= folioBytes
    if (span >= bytesMax || segs >= segsMax) break
  }
  return Math.min(span, bytesMax)
}
