import {
  FOLIOQ_SLOTS,
  type IovIter,
  ITER_BVEC,
  ITER_FOLIOQ,
  ITER_KVEC,
  KERNEL_MM,
  type Memory,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
} from '@pinscope/core'

/** The transport has a way to list that iterator's memory. @kernel fs/smb/client/smbdirect.c: smb_extract_iter_to_rdma (6.12); fs/smb/smbdirect/connection.c: smbdirect_map_sges_from_iter (mainline) */
export function isMappable({ type }: IovIter): boolean {
  return type === ITER_BVEC || type === ITER_KVEC || type === ITER_FOLIOQ
}

/**
 * Bytes from the iterator's position on that are one entry, at most `bytesMax`: the rest of a bvec, of a folio, of the page
 * of a kvec (and of a registered buffer, which has its pages one by one). Steps over segments that are used up; 0 where the
 * memory ends.
 * @kernel fs/smb/client/smbdirect.c: smb_extract_bvec_to_rdma, smb_extract_kvec_to_rdma, smb_extract_folioq_to_rdma
 */
export function contiguousBytes(iter: IovIter, bytesMax: number): number {
  const rest = iter.type === ITER_FOLIOQ ? restOfFolio(iter) : restOfSegment(iter)
  return rest < bytesMax ? rest : bytesMax
}

/** @kernel a WARN where the queue ends before the count does */
function restOfFolio(iter: IovIter): number {
  const { queue } = iter
  if (iter.slot >= FOLIOQ_SLOTS) {
    if (iter.queueSegment + 1 >= queue.segments) return 0
    iter.queueSegment++
    iter.slot = 0
  }
  const rest = queue.sizeBytes(iter.queueSegment, iter.slot) - iter.iovOffsetBytes
  return rest < iter.countBytes ? rest : iter.countBytes
}

function restOfSegment(iter: IovIter): number {
  iter.skipEmpty()
  const rest = iter.currentLengthBytes()
  if (iter.isByFrame()) return rest
  const inPage = PAGE_SIZE - iter.currentStartBytes()
  return rest < inPage ? rest : inPage
}

/**
 * Row of the page to which the offset of the next entry ({@link contiguousOffset}) belongs: of a folio its first one.
 * For who watches: an address is looked up.
 */
export function contiguousPage(iter: IovIter, memory: Memory): number {
  if (iter.type === ITER_FOLIOQ) return iter.queue.folioAt(iter.queueSegment, iter.slot)
  const { addressBytes } = iter.table
  if (iter.isByFrame()) {
    const first = addressBytes[iter.segment]
    return iter.byRow ? first : memory.pages.pageOfFrame(first)
  }
  const mm = iter.fixed ? iter.mm : KERNEL_MM
  memory.spaces.walk(mm, addressBytes, iter.segment, iter.iovOffsetBytes, 1, 0, memory.onePage)
  return memory.onePage[0]
}

/** Where the next entry begins in that page; in a folio or a bvec beyond it. */
export function contiguousOffset(iter: IovIter): number {
  if (iter.type === ITER_FOLIOQ) return iter.iovOffsetBytes
  if (iter.isByFrame()) return iter.table.offsetBytes[iter.segment] + iter.iovOffsetBytes
  return iter.currentStartBytes() & PAGE_OFFSET_MASK
}
