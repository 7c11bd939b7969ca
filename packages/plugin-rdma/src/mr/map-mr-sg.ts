import { EINVAL, ENOMEM, EOPNOTSUPP } from '@pinscope/core'
import type { DmaEntries } from './dma-entries.ts'
import { type MemoryRegion, MR_END, MR_IOVA, MR_LENGTH } from './memory-region.ts'

/** The list has no room for a page of the entry. */
export const MR_FULL = -1
/** There is a gap between this entry and the one before. */
export const MR_GAP = 0
/** The entry is part of the region. */
export const MR_TAKEN = 1

/**
 * Maps the longest prefix of `nents` mapped entries, from entry `first` on, that one memory region can show as one range;
 * of the first entry, the bytes from `sgOffsetBytes` on. `pageSizeBytes`: any power of two, PAGE_SIZE in most callers.
 *
 * Returns the entries that are in it whole. `mr` then has the list, the iova and the length, and `sgOffsetBytes`: 0 after
 * whole entries, and after a full list where to go on in the next one. -EOPNOTSUPP where the device cannot; -EINVAL for
 * no entries or an offset beyond the first; -ENOMEM for a list without room for even one page.
 *
 * @kernel drivers/infiniband/core/verbs.c: ib_map_mr_sg. The same in 6.1, 6.12 and mainline (and so, taken to be, in 6.18).
 */
export function mapMrSg(
  mr: MemoryRegion,
  sg: DmaEntries,
  first: number,
  nents: number,
  sgOffsetBytes: number,
  pageSizeBytes: number,
): number {
  if (!mr.isMappable) return EOPNOTSUPP
  mr.pageSizeBytes = pageSizeBytes
  mr.entries = 0
  return mr.hasGaps ? sgToKlms(mr, sg, first, nents, sgOffsetBytes) : sgToPages(mr, sg, first, nents, sgOffsetBytes)
}

/**
 * A page list, which only the first entry may begin inside a page and only the last may end inside one: between two
 * entries there is a page boundary, or they are contiguous.
 * @kernel drivers/infiniband/core/verbs.c: ib_sg_to_pages
 */
function sgToPages(mr: MemoryRegion, sg: DmaEntries, first: number, nents: number, sgOffsetBytes: number): number {
  if (nents <= 0 || sgOffsetBytes > sg.lengthBytes[first]) return EINVAL
  for (let i = 0; i < nents; i++) {
    const taken = addMrEntry(mr, sg, first + i, i === 0 ? sgOffsetBytes : 0, i === 0)
    if (taken === MR_GAP) return i
    if (taken === MR_FULL) return i === 0 && mr.sgOffsetBytes === 0 ? ENOMEM : i
  }
  return nents
}

/**
 * Lists the pages of entry `i` behind those before it: {@link MR_TAKEN}, {@link MR_GAP}, {@link MR_FULL}. Pages it shares
 * with the entry before are not listed again.
 *
 * When the list is full, the region ends where the last page begins that was listed of this entry, although that page is
 * in the list: `sgOffsetBytes` and the length say so. Of an only entry that begins inside its page, that is before its
 * first byte: both wrap around.
 * @kernel drivers/infiniband/core/verbs.c: ib_sg_to_pages (the body of its loop)
 */
export function addMrEntry(mr: MemoryRegion, sg: DmaEntries, i: number, skipBytes: number, isFirst: boolean): number {
  const { figures, pageSizeBytes, entriesMax } = mr
  const start = sg.addressBytes[i] + skipBytes
  const end = sg.addressBytes[i] + sg.lengthBytes[i]
  let page = Math.floor(start / pageSizeBytes) * pageSizeBytes
  let listedAt = start
  let isListing = true
  mr.sgOffsetBytes = 0
  if (isFirst) {
    figures[MR_IOVA] = start
    figures[MR_LENGTH] = 0
  } else if (page !== start || figures[MR_END] !== Math.floor(figures[MR_END] / pageSizeBytes) * pageSizeBytes) {
    if (figures[MR_END] !== start) return MR_GAP
    page += pageSizeBytes
    isListing = page < end
  }
  while (isListing) {
    if (mr.entries === entriesMax) {
      figures[MR_LENGTH] += listedAt - start
      mr.sgOffsetBytes = (listedAt - sg.addressBytes[i]) >>> 0
      return MR_FULL
    }
    mr.reserve()
    mr.addressBytes[mr.entries++] = page
    listedAt = page
    page += pageSizeBytes
    isListing = page < end
  }
  figures[MR_LENGTH] += end - start
  figures[MR_END] = end
  return MR_TAKEN
}

/**
 * A list in which each entry stands for itself, wherever it begins and ends. Nothing is checked, and the number of
 * entries is 16 bits wide. @kernel drivers/infiniband/hw/mlx5/mr.c: mlx5_ib_sg_to_klms
 */
function sgToKlms(mr: MemoryRegion, sg: DmaEntries, first: number, nents: number, sgOffsetBytes: number): number {
  mr.figures[MR_IOVA] = sg.addressBytes[first] + sgOffsetBytes
  mr.figures[MR_LENGTH] = 0
  mr.sgOffsetBytes = sgOffsetBytes
  const wanted = nents & 0xffff
  for (let i = 0; i < wanted; i++) {
    if (addMrKlm(mr, sg, first + i, i === 0 ? sgOffsetBytes : 0, i === 0) === MR_FULL) return i
    mr.sgOffsetBytes = 0
  }
  return wanted
}

/** {@link addMrEntry} for a list with gaps: an element for entry `i`, {@link MR_TAKEN} or {@link MR_FULL}. */
export function addMrKlm(mr: MemoryRegion, sg: DmaEntries, i: number, skipBytes: number, isFirst: boolean): number {
  const { figures } = mr
  if (mr.entries === mr.entriesMax) return MR_FULL
  mr.reserve()
  const start = sg.addressBytes[i] + skipBytes
  const length = sg.lengthBytes[i] - skipBytes
  if (isFirst) {
    figures[MR_IOVA] = start
    figures[MR_LENGTH] = 0
  }
  mr.addressBytes[mr.entries] = start
  mr.lengthBytes[mr.entries++] = length
  figures[MR_LENGTH] += length
  return MR_TAKEN
}
