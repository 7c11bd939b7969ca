import {
  type ConsumerEnvironment,
  ENOMEM,
  FAULT_NAMES,
  KIND_FILE,
  type Operation,
  PAGE_SIZE,
  type PageCache,
  type PageStore,
} from '@pinscope/core'
import { FOLIO_LOCKS, FOLIOS, LOCKS_HELD_MAX } from './write-counters.ts'
import { CACHED, DIRTY, UPTODATE, type WrittenFile } from './written-file.ts'

const FAULT_ALLOC = FAULT_NAMES.indexOf('alloc')

/**
 * The folios of files: found or made, locked and unlocked, and taken out again where a write beyond the end of its file
 * failed. References of the write itself, which it has for as long as the lock, are not counted.
 * @kernel mm/filemap.c: __filemap_get_folio (7.3: __filemap_get_folio_mpol)
 */
export class FolioCache {
  /** The folio locked last: index of its first page, and its pages. */
  first = 0
  length = 1
  /** It was made by that call. */
  isMade = false

  private readonly cache: PageCache
  private readonly pages: PageStore
  private readonly counts: Float64Array
  /** Memory for a folio may come from writing back: not under GFP_NOFS. */
  private readonly mayEnterFs: boolean
  private held = 0

  constructor({ memory, pages }: ConsumerEnvironment, counts: Float64Array, mayEnterFs: boolean) {
    this.cache = memory.cache
    this.pages = pages
    this.counts = counts
    this.mayEnterFs = mayEnterFs
  }

  /**
   * Row of the first page of the folio at an index, locked; one that is made has 2^order pages at most. -ENOMEM. Where it
   * is and how large: {@link first}, {@link length}.
   */
  lock(io: Operation, file: WrittenFile, index: number, order: number): number {
    const found = this.cache.find(file.id, index)
    this.isMade = found < 0
    const page = found >= 0 ? found : this.make(io, file, index, order)
    if (page < 0) return ENOMEM
    const head = this.pages.headOf(page)
    this.first = index - (page - head)
    this.length = 2 ** this.pages.orderOf(head)
    if (found >= 0 && !file.has(index, CACHED)) this.adopt(file)
    this.counts[FOLIO_LOCKS]++
    if (++this.held > this.counts[LOCKS_HELD_MAX]) this.counts[LOCKS_HELD_MAX] = this.held
    if (io.audit !== null) {
      io.audit.tasks.lock(head, file.id, this.first)
      io.audit.folios.stable(head)
    }
    return head
  }

  unlock(io: Operation, head: number): void {
    this.held--
    io.audit?.tasks.unlock(head)
  }

  /**
   * The write of `bytes` bytes at the file's position failed: what it made beyond the end of the file leaves the cache.
   * @kernel fs/iomap/buffered-io.c: iomap_write_failed; mm/truncate.c: truncate_inode_pages_range
   */
  writeFailed(io: Operation, file: WrittenFile, bytes: number): void {
    const to = file.positionBytes + bytes
    if (to <= file.sizeBytes) return
    const from = Math.max(file.positionBytes, file.sizeBytes)
    const first = Math.ceil(from / PAGE_SIZE)
    const end = Math.floor(to / PAGE_SIZE)
    for (let index = Math.floor(from / PAGE_SIZE); index * PAGE_SIZE < to; index++) {
      const page = this.cache.find(file.id, index)
      if (page < 0) continue
      const head = this.pages.headOf(page)
      const folio = index - (page - head)
      const pages = 2 ** this.pages.orderOf(head)
      if (folio >= first && folio + pages <= end) this.remove(io, file, folio, pages)
      else if (pages > 1 && !this.isDirty(file, folio, pages)) this.split(io, file, folio, pages, first, end)
      index = folio + pages - 1
    }
  }

  /** A folio that no write is to be had of: out of the cache without a word to the file system. */
  drop(io: Operation, file: WrittenFile, index: number): void {
    this.remove(io, file, index, 1)
  }

  /** Every block of the folio locked last is uptodate. @kernel fs/iomap/buffered-io.c: ifs_is_fully_uptodate */
  isUptodate(file: WrittenFile): boolean {
    for (let i = 0; i < this.length; i++) if (!file.has(this.first + i, UPTODATE)) return false
    return true
  }

  /** A folio of at most 2^order pages at an index: lower orders where it does not lie at a multiple, or something is there. */
  private make(io: Operation, file: WrittenFile, index: number, order: number): number {
    let fits = order
    while (index % 2 ** fits !== 0) fits--
    for (; fits >= 0; fits--) {
      io.audit?.tasks.allocate(this.mayEnterFs)
      if (io.faults.fails(FAULT_ALLOC) || !this.isEmpty(file, index, 2 ** fits)) continue
      const head = this.pages.allocateFolio(fits, KIND_FILE)
      this.cache.add(file.id, index, head)
      for (let i = 0; i < 2 ** fits; i++) {
        file.forget(index + i)
        file.change(index + i, CACHED)
      }
      this.counts[FOLIOS + fits]++
      return head
    }
    return -1
  }

  private isEmpty(file: WrittenFile, index: number, pages: number): boolean {
    for (let i = 0; i < pages; i++) if (this.cache.find(file.id, index + i) >= 0) return false
    return true
  }

  /** A folio that was there before: the trace has it as read. */
  private adopt(file: WrittenFile): void {
    for (let i = 0; i < this.length; i++) file.change(this.first + i, CACHED | UPTODATE)
  }

  private isDirty(file: WrittenFile, first: number, pages: number): boolean {
    for (let i = 0; i < pages; i++) if (file.has(first + i, DIRTY)) return true
    return false
  }

  private remove(io: Operation, file: WrittenFile, first: number, pages: number): void {
    io.audit?.folios.truncate(this.cache.find(file.id, first))
    io.memory.spaces.files.remove(file.id, first, () => {})
    for (let i = 0; i < pages; i++) file.forget(first + i)
  }

  /**
   * A folio that only a part of goes of: split into pages; those of [first, end) leave. What is known of the others goes
   * with the state of the folio, unless all of it was uptodate.
   * @kernel mm/truncate.c: truncate_inode_partial_folio
   */
  private split(io: Operation, file: WrittenFile, folio: number, pages: number, first: number, end: number): void {
    let kept = UPTODATE
    for (let i = 0; i < pages; i++) kept &= file.state(folio + i)
    this.remove(io, file, folio, pages)
    for (let index = folio; index < folio + pages; index++) {
      if (index >= first && index < end) continue
      this.cache.add(file.id, index, this.pages.allocateFolio(0, KIND_FILE))
      file.change(index, CACHED | kept)
    }
  }
}
