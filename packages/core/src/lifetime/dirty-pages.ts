import { PAGE_SIZE } from '../units.ts'
import type { Audit } from './audit.ts'
import type { BlockRun } from './block-runs.ts'

/**
 * Pages of a file in a run of blocks and in a range of bytes that are dirty: what the write copied in, and what others
 * stored through a mapping. A file system keeps the space under them. @kernel fs/iomap/buffered-io.c: iomap_write_delalloc_scan
 */
export function dirtyPages(audit: Audit, file: number, position: number, length: number, run: BlockRun): number {
  const first = Math.max(run.first, Math.floor(position / PAGE_SIZE))
  const end = Math.min(run.end, Math.ceil((position + length) / PAGE_SIZE))
  let dirty = 0
  audit.lane.memory.cache.visit(file, first, end, (page) => {
    if (audit.folios.isDirty(page)) dirty++
  })
  return dirty
}
