import { PAGE_SIZE } from '../units.ts'
import type { Audit } from './audit.ts'
import type { BlockRun } from './block-runs.ts'
import { FOLIO_LOCKED } from './folio-flags.ts'

/**
 * Pages of a file in a run of blocks, and in a range of bytes, that are dirty by another's doing: a store through a
 * mapping. A large folio is dirty as a whole: where data was copied into any block of it, that says nothing of the others.
 * @kernel fs/iomap/buffered-io.c: iomap_write_delalloc_scan, iomap_dirty_folio
 */
export function dirtyPages(audit: Audit, file: number, position: number, length: number, run: BlockRun): number {
  const { folios } = audit
  return countPages(audit, file, position, length, run, (page) => folios.isDirty(page))
}

/**
 * The same, with those that were made dirty since the space of the run was taken, and written back: a file system keeps the
 * space under dirty pages, and by then it has turned it into blocks.
 */
export function pagesWithData(audit: Audit, file: number, position: number, length: number, run: BlockRun): number {
  const { folios } = audit
  return countPages(
    audit,
    file,
    position,
    length,
    run,
    (page) => folios.isDirty(page) || wasDirty(audit, page, run.row),
  )
}

/** The same, with those that a reader waits for: their folios are locked. @kernel mm/filemap.c: filemap_update_page */
export function pagesForReader(audit: Audit, file: number, position: number, length: number, run: BlockRun): number {
  const { folios } = audit
  return countPages(audit, file, position, length, run, (page) => {
    return folios.isDirty(page) || folios.has(page, FOLIO_LOCKED) || wasDirty(audit, page, run.row)
  })
}

/** Data was copied into some block of the large folio of a page. */
export function isCopiedInto(audit: Audit, file: number, page: number, index: number): boolean {
  const order = audit.lane.memory.pages.orderOf(page)
  if (order === 0) return false
  const first = index - (page - audit.folios.headOf(page))
  let isCopied = false
  audit.space.eachRun(file, first * PAGE_SIZE, 2 ** order * PAGE_SIZE, (run) => {
    if (run.isCopied) isCopied = true
  })
  return isCopied
}

/** The folio of a page was made dirty in a row behind this one. */
export function wasDirty({ folios }: Audit, page: number, row: number): boolean {
  const head = folios.headOf(page)
  const { history } = folios
  return Math.max(history.rowOf('dirty', head), history.rowOf('mkwrite', head), history.rowOf('store', head)) > row
}

/** Pages of a file in a run of blocks, and in a range of bytes, that `counts`; a block of a large folio that data was copied into says nothing of the others. */
export function countPages(
  audit: Audit,
  file: number,
  position: number,
  length: number,
  run: BlockRun,
  counts: (page: number) => boolean,
): number {
  const first = Math.max(run.first, Math.floor(position / PAGE_SIZE))
  const end = Math.min(run.end, Math.ceil((position + length) / PAGE_SIZE))
  let pages = 0
  audit.lane.visitFile(file, first, end, (page, index) => {
    if (counts(page) && !isCopiedInto(audit, file, page, index)) pages++
  })
  return pages
}
