import type { PageStore } from '@pinscope/core'

/** Folios of a buffer. @kernel io_uring/rsrc.h: struct io_imu_folio_data */
export interface BufferFolios {
  /** Row of the head of the first folio, and of the first page of each other. */
  readonly page: Int32Array
  /** Pages of the buffer in each. */
  readonly pages: Int32Array
  /** log2 of their size in bytes. */
  readonly folioShift: number
  /** Place of the first page in its folio. */
  readonly firstIndex: number
}

const PAGE_SHIFT = 12

/**
 * The folios in which the pages of a buffer lie, where all are large, of one size, and every one but the first and the last
 * is wholly in it, in order. Null where a bvec a page is needed, and for a single page.
 * @kernel io_uring/rsrc.c: io_check_coalesce_buffer (6.12: io_try_coalesce_buffer)
 */
export function foliosOf(pages: PageStore, rows: Int32Array): BufferFolios | null {
  const size = 2 ** pages.orderOf(rows[0])
  if (rows.length <= 1 || size === 1) return null
  const starts = [0]
  for (let i = 1; i < rows.length; i++) {
    const row = rows[i]
    if (pages.headOf(row) === pages.headOf(rows[i - 1]) && row === rows[i - 1] + 1) continue
    const isLastOfFolio = rows[i - 1] - pages.headOf(rows[i - 1]) === size - 1
    const isWhole = starts.length === 1 || i - starts[starts.length - 1] === size
    if (!isLastOfFolio || !isWhole || pages.orderOf(row) !== pages.orderOf(rows[0]) || pages.headOf(row) !== row)
      return null
    starts.push(i)
  }
  const ends = [...starts.slice(1), rows.length]
  return {
    page: Int32Array.from(starts, (start) => pages.headOf(rows[start])),
    pages: Int32Array.from(starts, (start, i) => ends[i] - start),
    folioShift: PAGE_SHIFT + pages.orderOf(rows[0]),
    firstIndex: rows[0] - pages.headOf(rows[0]),
  }
}
