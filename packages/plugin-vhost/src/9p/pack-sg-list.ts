import { PAGE_OFFSET_MASK, PAGE_SIZE, type PageList, type Scatterlists, SG_NO_PAGE } from '@pinscope/core'
import { VIRTQUEUE_NUM } from './p9-sizes.ts'

/**
 * Packs a buffer of the kernel's into the entries from `start` on, one for each page that it touches, and marks the last
 * as the end. The buffer's pages are none of the model's. Returns the entries.
 * @kernel net/9p/trans_virtio.c: pack_sg_list (a BUG beyond the table)
 */
export function packSgList(
  lists: Scatterlists,
  sgl: number,
  start: number,
  offsetBytes: number,
  bytes: number,
): number {
  let index = start
  let offset = offsetBytes & PAGE_OFFSET_MASK
  for (let left = bytes; left > 0; ) {
    const part = left < PAGE_SIZE - offset ? left : PAGE_SIZE - offset
    put(lists, sgl, index++, SG_NO_PAGE, part, offset)
    offset = 0
    left -= part
  }
  if (index > start) lists.markEnd(sgl + index - 1)
  return index - start
}

/**
 * Packs listed pages into the entries from `start` on, one each, and marks the last as the end. Returns the entries.
 * @kernel net/9p/trans_virtio.c: pack_sg_list_p (a BUG beyond the table)
 */
export function packSgListP(lists: Scatterlists, sgl: number, start: number, list: PageList): number {
  for (let i = 0; i < list.length; i++)
    put(lists, sgl, start + i, list.page[i], list.lengthBytes[i], list.offsetBytes[i])
  if (list.length > 0) lists.markEnd(sgl + start + list.length - 1)
  return list.length
}

function put(lists: Scatterlists, sgl: number, index: number, page: number, bytes: number, offset: number): void {
  if (index >= VIRTQUEUE_NUM) throw new RangeError('a 9p request needs more entries than VIRTQUEUE_NUM')
  lists.unmarkEnd(sgl + index)
  lists.setPage(sgl + index, page, bytes, offset)
}
