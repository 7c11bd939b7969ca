import type { Operation, PageStore } from '@pinscope/core'
import type { Counts } from './counts.ts'
import { FolioMarks, MARK_CLEAN, MARK_DIRTY, MARK_GONE, MARK_SHARED, MARK_WRITEBACK } from './folio-marks.ts'
import type { REFLINK_COUNTERS } from './reflink-counters.ts'

/** What a reflink model knows of the folios of files: which are dirty, under writeback, and whose blocks are shared. */
export class ReflinkFolios {
  private readonly marks = new FolioMarks()
  private readonly pages: PageStore
  private readonly counts: Counts<typeof REFLINK_COUNTERS>

  constructor(pages: PageStore, counts: Counts<typeof REFLINK_COUNTERS>) {
    this.pages = pages
    this.counts = counts
  }

  /** A fault for writing: page_mkwrite gives the file a block of its own. @kernel fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_begin */
  taken(page: number): void {
    const { marks } = this
    const head = this.pages.headOf(page)
    if (marks.has(head, MARK_CLEAN)) this.counts.mkwriteCalls++
    marks.drop(head, MARK_CLEAN | MARK_SHARED | MARK_GONE)
    marks.set(head, MARK_DIRTY)
  }

  /** A device, or the kernel, has stored: no fault, no page_mkwrite. */
  stored(page: number): void {
    if (this.marks.has(this.pages.headOf(page), MARK_SHARED)) this.counts.storesIntoShared++
  }

  /** Somebody makes it dirty, and asks nobody. @kernel mm/page-writeback.c: folio_mark_dirty */
  dirtied(page: number): void {
    this.marks.set(this.pages.headOf(page), MARK_DIRTY)
  }

  shared(page: number): void {
    this.marks.set(this.pages.headOf(page), MARK_SHARED)
  }

  /** @kernel mm/truncate.c: truncate_inode_folio */
  leave(page: number): void {
    const head = this.pages.headOf(page)
    this.marks.drop(head, -1)
    this.marks.set(head, MARK_GONE)
  }

  /**
   * Before its blocks are shared the folio is written, and waited for: a clean one needs nothing.
   * @kernel mm/filemap.c: filemap_write_and_wait_range
   */
  flush(io: Operation, head: number): void {
    this.endWriteback(io, head)
    if (!this.marks.mayBeDirty(head)) return
    this.counts.pagesFlushed += 2 ** this.pages.orderOf(head)
    this.clean(io, head)
    this.endWriteback(io, head)
  }

  /**
   * A `writeback` row comes to the folio. What was made dirty without a page_mkwrite has no block of its own.
   * @kernel mm/page-writeback.c: folio_prepare_writeback; fs/xfs/xfs_aops.c: xfs_map_blocks
   */
  writeBack(io: Operation, head: number): void {
    const { marks } = this
    if (marks.has(head, MARK_WRITEBACK) || !marks.mayBeDirty(head)) return
    if (marks.has(head, MARK_SHARED)) this.counts.sharedOverwritten += 2 ** this.pages.orderOf(head)
    this.clean(io, head)
  }

  /** @kernel mm/filemap.c: folio_end_writeback */
  endWriteback(io: Operation, head: number): void {
    if (!this.marks.has(head, MARK_WRITEBACK)) return
    io.audit?.folios.writebackEnd(head)
    this.marks.drop(head, MARK_WRITEBACK)
  }

  /** @kernel mm/page-writeback.c: folio_clear_dirty_for_io, __folio_start_writeback */
  private clean(io: Operation, head: number): void {
    io.audit?.folios.writeBack(head)
    this.marks.set(head, MARK_CLEAN | MARK_WRITEBACK)
    this.marks.drop(head, MARK_DIRTY)
  }
}
