import { PAGE_SIZE, type PageList } from '@pinscope/core'
import { SECTOR_SIZE } from './scsi-limits.ts'

/** A piece of the list is not whole sectors. @kernel drivers/vhost/scsi.c: vhost_scsi_map_to_sgl */
export function isMisaligned({ length, offsetBytes, lengthBytes }: PageList): boolean {
  let bits = 0
  for (let i = 0; i < length; i++) bits |= offsetBytes[i] | lengthBytes[i]
  return (bits & (SECTOR_SIZE - 1)) !== 0
}

/**
 * Pages of a misaligned extraction that nobody puts, 0 or 1. Those from the misaligned piece on are counted by their
 * bytes alone: where that piece begins inside a page, they may span one page more.
 * @kernel drivers/vhost/scsi.c: vhost_scsi_map_to_sgl (7.3; 6.12 remembers the offset)
 */
export function pagesNotPut(list: PageList): number {
  if (list.joined) return 0
  const { length, offsetBytes, lengthBytes } = list
  let first = 0
  while (((offsetBytes[first] | lengthBytes[first]) & (SECTOR_SIZE - 1)) === 0) first++
  let bytes = 0
  for (let i = first; i < length; i++) bytes += lengthBytes[i]
  return length - first - Math.ceil(bytes / PAGE_SIZE)
}
