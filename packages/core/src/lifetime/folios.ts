import type { MappingReferences } from '../ledger/mapping-references.ts'
import type { PageStore } from '../memory/page-store.ts'
import { PAGE_SIZE } from '../units.ts'
import { checkPage } from './check-page.ts'
import type { EventBus } from './event-bus.ts'
import { FolioColumns } from './folio-columns.ts'
import {
  FOLIO_DETACHED,
  FOLIO_FAULTED,
  FOLIO_GONE,
  FOLIO_LOCKED,
  FOLIO_NOTIFIED,
  FOLIO_PASSED,
  FOLIO_PROTECTED,
  FOLIO_SHARED,
  FOLIO_TAKEN,
  FOLIO_WAITING,
  FOLIO_WRITEBACK,
} from './folio-flags.ts'
import { BY_CPU, BY_DEVICE, eventCode, type LifetimeEvent, type Writer } from './lifetime-event.ts'
import type { ToldEvent } from './page-history.ts'

const LOCK = eventCode('lock')
const UNLOCK = eventCode('unlock')
const STORE = eventCode('store')
const LOAD = eventCode('load')
const DIRTY = eventCode('dirty')
const CLEAN = eventCode('clean')
const WRITEBACK = eventCode('writeback')
const WRITEBACK_END = eventCode('writeback_end')
const MKWRITE = eventCode('mkwrite')
const STABLE = eventCode('stable')
const TRUNCATE = eventCode('truncate')
const INVALIDATE = eventCode('invalidate')
const RECLAIM = eventCode('reclaim')
const MIGRATE = eventCode('migrate')
const COMPARE = eventCode('compare')
const DEDUPE = eventCode('dedupe')
const REFLINK = eventCode('reflink')
const FREE = eventCode('free')

/**
 * The state of folios, and what happens to them: lifetime.md 1 to 6. Each method is one event: the rules hear it first,
 * then the state changes as in the kernel. Pages are named by row; a range of bytes may reach into the rows behind it.
 *
 * @kernel mm/page-writeback.c: folio_clear_dirty_for_io, __folio_start_writeback, folio_wait_stable; mm/rmap.c:
 *   folio_mkclean; mm/memory.c: do_page_mkwrite; mm/truncate.c: truncate_inode_folio, invalidate_complete_folio2;
 *   mm/vmscan.c: shrink_folio_list
 */
export class Folios extends FolioColumns {
  /** Who waited for the end of a writeback: stores for stable pages, truncation and invalidation always. */
  readonly waits = { store: 0, truncate: 0, invalidate: 0 }
  private readonly bus: EventBus

  constructor(bus: EventBus, pages: PageStore, mapped: MappingReferences) {
    super(pages, mapped)
    this.bus = bus
  }

  /** The lock of page `index` of `file`, where those are known; tasks call it. @kernel mm/filemap.c: folio_lock, folio_trylock */
  lock(page: number, file = -1, index = -1, waits = true): void {
    const event = this.about(page, 0, PAGE_SIZE)
    event.amount = waits ? 0 : 1
    event.file = file
    event.positionBytes = index * PAGE_SIZE
    this.bus.tell(LOCK)
    this.note('lock', this.set(page, FOLIO_LOCKED, 0))
  }

  /** @kernel mm/filemap.c: folio_unlock */
  unlock(page: number): void {
    this.change(UNLOCK, 'unlock', page, 0, FOLIO_LOCKED)
  }

  /**
   * `bytes` bytes are written. A CPU faults where the folio is write-protected: the file system is asked (page_mkwrite),
   * and where its mapping has stable pages the store waits until the writeback is over, unless `waits` says otherwise.
   */
  store(page: number, offsetBytes: number, bytes: number, by: Writer, waits = true): void {
    if (by === BY_CPU && waits && this.has(page, FOLIO_WRITEBACK) && this.isStable(page)) {
      this.waits.store++
      this.set(page, FOLIO_WAITING, 0)
      return
    }
    this.tell(STORE, page, offsetBytes, bytes, by)
    const last = page + Math.floor((offsetBytes + bytes - 1) / PAGE_SIZE)
    for (let at = page; at <= last; at = this.pages.headOf(at) + 2 ** this.pages.orderOf(at)) this.stored(at, by)
  }

  /** `bytes` bytes are read at once. */
  load(page: number, offsetBytes: number, bytes: number, by: Writer = BY_DEVICE): void {
    this.tell(LOAD, page, offsetBytes, bytes, by)
  }

  /**
   * Marks a folio dirty; `asked`: the file system was asked first, as page_mkwrite does; `token`: whose release does it.
   * @kernel mm/page-writeback.c: folio_mark_dirty
   */
  dirty(page: number, asked = false, token = 0): void {
    const event = this.about(page, 0, PAGE_SIZE)
    event.token = token
    event.amount = asked ? 1 : 0
    this.bus.tell(DIRTY)
    const head = this.set(page, asked ? FOLIO_NOTIFIED : 0, asked ? FOLIO_SHARED : 0)
    this.pages.setDirty(head, true)
    this.note('dirty', head)
  }

  /**
   * write(2) has copied into the folio, locked: the file system was asked for it before, no page table entry becomes
   * writable. Whoever had to wait for stable pages did so before.
   * @kernel mm/filemap.c: generic_perform_write (write_begin, write_end); fs/iomap/buffered-io.c: iomap_write_end
   */
  copyIn(page: number): void {
    const head = this.pages.headOf(page)
    this.contents.store(head)
    this.note('store', head)
    this.dirty(page, true)
  }

  /**
   * The folio's mappings are write-protected, the dirty bit is cleared; false, and nothing happens, where it is known to be
   * clean. @kernel mm/page-writeback.c: folio_clear_dirty_for_io; mm/rmap.c: folio_mkclean
   */
  clean(page: number): boolean {
    if (!this.mayBeDirty(page)) return false
    this.tell(CLEAN, page, 0, PAGE_SIZE)
    const head = this.set(page, FOLIO_PROTECTED | FOLIO_TAKEN, FOLIO_NOTIFIED)
    this.pages.setDirty(head, false)
    this.contents.capture(head)
    this.note('clean', head)
    return true
  }

  /** @kernel mm/page-writeback.c: __folio_start_writeback */
  writeback(page: number): void {
    this.change(WRITEBACK, 'writeback', page, FOLIO_WRITEBACK, FOLIO_TAKEN)
  }

  /** Cleans the folio and begins its writeback; one with nothing to write is passed over. @kernel mm/page-writeback.c: folio_prepare_writeback */
  writeBack(page: number): void {
    if (this.clean(page) || this.has(page, FOLIO_TAKEN)) this.writeback(page)
    else this.set(page, FOLIO_PASSED, 0)
  }

  /**
   * What waited for it goes on. With a negative `result` nothing arrived: fsync(2) gets the error, and the folio is clean.
   * @kernel mm/filemap.c: folio_end_writeback, mapping_set_error
   */
  writebackEnd(page: number, result = 0): void {
    if (this.endPassedOver(page)) return
    this.tell(WRITEBACK_END, page, 0, PAGE_SIZE)
    const isAwaited = this.has(page, FOLIO_WAITING)
    const head = this.set(page, 0, FOLIO_WRITEBACK | FOLIO_WAITING | FOLIO_FAULTED | FOLIO_PASSED)
    if (result < 0) this.contents.fail(head)
    else this.contents.save(head)
    this.note(result < 0 ? 'writeback_error' : 'writeback_end', head)
    if (isAwaited) this.store(page, 0, PAGE_SIZE, BY_CPU)
  }

  /** The file system prepares the folio: it is dirty, and writable by CPUs. @kernel mm/memory.c: do_page_mkwrite */
  mkwrite(page: number): void {
    this.tell(MKWRITE, page, 0, PAGE_SIZE)
    this.note('mkwrite', this.fault(page))
  }

  /** @kernel mm/page-writeback.c: folio_wait_stable */
  stable(page: number): void {
    if (this.has(page, FOLIO_WRITEBACK) && this.isStable(page)) this.waits.store++
    this.tell(STABLE, page, 0, PAGE_SIZE)
  }

  /** Waits for a writeback first. @kernel mm/truncate.c: truncate_inode_pages_range (folio_wait_writeback), truncate_inode_folio */
  truncate(page: number): void {
    if (this.has(page, FOLIO_WRITEBACK)) this.waits.truncate++
    this.tell(TRUNCATE, page, 0, PAGE_SIZE)
    this.note('truncate', this.leaveFile(page))
  }

  /**
   * Waits for a writeback, then unmaps the folio. Whether it left its file: a dirty one stays, mapped nowhere.
   * @kernel mm/truncate.c: invalidate_inode_pages2_range (folio_wait_writeback, unmap_mapping_folio), invalidate_complete_folio2
   */
  invalidate(page: number): boolean {
    if (this.has(page, FOLIO_WRITEBACK)) this.waits.invalidate++
    this.tell(INVALIDATE, page, 0, PAGE_SIZE)
    if (this.isDirty(page)) this.set(page, FOLIO_PROTECTED, 0)
    else this.note('invalidate', this.leaveFile(page))
    return !this.isDirty(page)
  }

  /** Whether it was freed: a folio that is dirty, under writeback or referenced stays. @kernel mm/vmscan.c: shrink_folio_list, __remove_mapping */
  reclaim(page: number): boolean {
    this.tell(RECLAIM, page, 0, PAGE_SIZE)
    if (this.isDirty(page) || this.has(page, FOLIO_WRITEBACK) || this.isBusy(page)) return false
    const head = this.set(page, FOLIO_GONE, 0)
    this.contents.lose(head)
    this.note('reclaim', head)
    return true
  }

  /** A referenced folio stays. The state goes with the contents: the row of the page stands for the new place. @kernel mm/migrate.c: folio_migrate_mapping (-EAGAIN), folio_migrate_flags */
  migrate(page: number): void {
    this.tell(MIGRATE, page, 0, PAGE_SIZE)
    if (this.isBusy(page)) return
    this.note('migrate', this.set(page, FOLIO_GONE, 0))
  }

  /** @kernel fs/remap_range.c: vfs_dedupe_file_range_compare */
  compare(page: number): void {
    this.change(COMPARE, 'compare', page, 0, 0)
  }

  /** `isReplaced`: the page is of the file whose blocks go. @kernel fs/remap_range.c: vfs_dedupe_file_range_one */
  dedupe(page: number, isReplaced = false): void {
    this.share(DEDUPE, 'dedupe', page, isReplaced)
  }

  /** `isReplaced`: the page is of the file whose blocks go. @kernel fs/remap_range.c: vfs_clone_file_range */
  reflink(page: number, isReplaced = false): void {
    this.share(REFLINK, 'reflink', page, isReplaced)
  }

  /** The owner of the memory, or of an object in it, frees it. @kernel mm/slub.c: kfree; mm/page_alloc.c: __free_pages */
  free(page: number, offsetBytes = 0, bytes: number = PAGE_SIZE): void {
    this.tell(FREE, page, offsetBytes, bytes)
    this.note('free', this.set(page, 0, 0))
  }

  /**
   * A fault for writing: what FOLL_WRITE does first where no entry is writable. The folio is dirty at once; where its
   * mapping has stable pages the fault returns when the writeback is over, and what comes by it comes after that.
   * @kernel mm/memory.c: do_shared_fault, do_page_mkwrite; mm/filemap.c: filemap_page_mkwrite
   */
  fault(page: number): number {
    const waits = this.has(page, FOLIO_WRITEBACK) && this.has(page, FOLIO_PROTECTED) && this.isStable(page)
    if (waits && !this.has(page, FOLIO_DETACHED)) {
      this.waits.store++
      this.set(page, FOLIO_FAULTED, 0)
    }
    return this.makeWritable(page)
  }

  /**
   * The file system gives the folio blocks of its own. A truncated folio is mapped nowhere.
   * @kernel fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_begin (IOMAP_F_SHARED)
   */
  private makeWritable(page: number): number {
    if (this.has(page, FOLIO_DETACHED)) return this.pages.headOf(page)
    const head = this.set(page, FOLIO_NOTIFIED, FOLIO_PROTECTED | FOLIO_SHARED)
    this.pages.setDirty(head, true)
    return head
  }

  private share(code: number, name: ToldEvent, page: number, isReplaced: boolean): void {
    this.about(page, 0, PAGE_SIZE).amount = isReplaced ? 1 : 0
    this.bus.tell(code)
    this.note(name, this.set(page, FOLIO_SHARED, 0))
  }

  private stored(page: number, by: Writer): void {
    const head = this.set(page, 0, 0)
    this.contents.store(head)
    this.note('store', head)
    if (by === BY_CPU && this.isFile(page)) this.makeWritable(page)
    // No file system is asked, but the page table entry is dirty: reclaim finds that.
    else if (by === BY_CPU && this.isPageCache(page)) this.pages.setDirty(head, true)
  }

  private leaveFile(page: number): number {
    const head = this.set(page, FOLIO_DETACHED, FOLIO_NOTIFIED | FOLIO_TAKEN)
    this.pages.setDirty(head, false)
    return head
  }

  private change(code: number, name: ToldEvent, page: number, add: number, drop: number): void {
    this.tell(code, page, 0, PAGE_SIZE)
    this.note(name, this.set(page, add, drop))
  }

  private note(event: ToldEvent, head: number): void {
    this.history.note(event, head, this.bus.row)
  }

  private tell(code: number, page: number, offsetBytes: number, bytes: number, by: Writer = BY_CPU): void {
    if (!this.bus.hears(code)) return
    this.about(page, offsetBytes, bytes).by = by
    this.bus.tell(code)
  }

  private about(page: number, offsetBytes: number, bytes: number): LifetimeEvent {
    checkPage(this.pages, page)
    const event = this.bus.next()
    event.page = page
    event.pages = Math.floor((offsetBytes + bytes - 1) / PAGE_SIZE) + 1
    event.offsetBytes = offsetBytes
    event.bytes = bytes
    return event
  }
}
