import { PAGE_SIZE } from '../units.ts'
import type { Audit } from './audit.ts'
import type { BlockRun } from './block-runs.ts'

/**
 * Pages of a file in a run of blocks, and in a range of bytes, that are dirty by another's doing: a store through a
 * mapping. A file system keeps the space under them. A large folio is dirty as a whole: where data was copied into any
 * block of it, that says nothing of the others. @kernel fs/iomap/buffered-io.c: iomap_write_delalloc_scan, iomap_dirty_folio
 */
export function dirtyPages(audit: Audit, file: number, position: number, length: number, run: BlockRun): number {
  const first = Math.max(run.first, Math.floor(position / PAGE_SIZE))
  const end = Math.min(run.end, Math.ceil((position + length) / PAGE_SIZE))
  let dirty = 0
  audit.lane.visitFile(file, first, end, (page, index) => {
    if (audit.folios.isDirty(page) && !isCopiedInto(audit, file, page, index)) dirty++
  })
  return dirty
}

/** Data was copied into some block of the folio of a page. */
function isCopiedInto(audit: Audit, file: number, page: number, index: number): boolean {
  const order = audit.lane.memory.pages.orderOf(page)
  if (order === 0) return false
  const first = index - (page - audit.folios.headOf(page))
  let isCopied = false
  audit.space.eachRun(file, first * PAGE_SIZE, 2 ** order * PAGE_SIZE, (run) => {
    if (run.isCopied) isCopied = true
  })
  return isCopied
}
