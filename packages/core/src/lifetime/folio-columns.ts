import { grown } from '../grown.ts'
import type { MappingReferences } from '../ledger/mapping-references.ts'
import { KIND_FILE, KIND_SHMEM, type PageStore } from '../memory/page-store.ts'
import { checkPage } from './check-page.ts'
import { FolioContents } from './folio-contents.ts'
import { FOLIO_DETACHED, FOLIO_PASSED, FOLIO_PROTECTED, FOLIO_WRITEBACK } from './folio-flags.ts'
import { PageHistory } from './page-history.ts'

/** What is known of folios: by page, of which the head has it all. {@link Folios} changes it. */
export class FolioColumns {
  readonly history = new PageHistory()
  readonly contents = new FolioContents()
  /** Folios that some event was about; while there is none, nothing but files is of interest. */
  known = 0
  /** Stores to folios under writeback wait. @kernel AS_STABLE_WRITES (6.1: SB_I_STABLE_WRITES; bdi of the inode before 5.10) */
  stableWrites = false
  /** The same of the file of one page; undefined where nobody told. */
  stableOf: (page: number) => boolean | undefined = () => undefined
  readonly pages: PageStore
  /** On the head page: `FOLIO_*`. */
  private flags = new Int32Array(1024)
  private readonly mapped: MappingReferences

  constructor(pages: PageStore, mapped: MappingReferences) {
    this.pages = pages
    this.mapped = mapped
  }

  /** `FOLIO_*` of a page's folio. */
  flagsOf(page: number): number {
    const head = this.pages.headOf(page)
    return head < this.flags.length ? this.flags[head] : 0
  }

  /** Head page of a page's folio. */
  headOf(page: number): number {
    return this.pages.headOf(page)
  }

  /** Pages of a page's folio. @kernel include/linux/mm.h: folio_nr_pages */
  sizeOf(page: number): number {
    return 2 ** this.pages.orderOf(page)
  }

  has(page: number, flags: number): boolean {
    return (this.flagsOf(page) & flags) !== 0
  }

  isDirty(page: number): boolean {
    return this.pages.isDirty(page)
  }

  /**
   * There may be something to write back: it is dirty, or nothing that happened to it says that it is not. Known to be clean
   * is what was cleaned, or left its file, and was not made dirty since.
   * @kernel mm/page-writeback.c: folio_clear_dirty_for_io returns the former dirty bit, that of page table entries included
   */
  mayBeDirty(page: number): boolean {
    return this.isDirty(page) || !this.has(page, FOLIO_PROTECTED | FOLIO_DETACHED)
  }

  /** Stores to the page wait while it is under writeback. @kernel include/linux/pagemap.h: mapping_stable_writes */
  isStable(page: number): boolean {
    return this.stableOf(page) ?? this.stableWrites
  }

  /** A page of a file whose file system tracks what is dirty. @kernel mm/vma.c: vma_needs_dirty_tracking */
  isFile(page: number): boolean {
    return this.pages.kindOf(page) === KIND_FILE
  }

  /** A page of a file or of shared memory: others reach it by the file. @kernel include/linux/pagemap.h: address_space */
  isPageCache(page: number): boolean {
    return this.isFile(page) || this.pages.kindOf(page) === KIND_SHMEM
  }

  /** What is in memory is nowhere else: it is lost with the page. */
  isUnsaved(page: number): boolean {
    return this.contents.isUnsaved(this.pages.headOf(page))
  }

  /** What the count of a folio has beyond what mappings and its own existence have in it. */
  otherReferences(page: number): number {
    return this.mapped.others(this.pages.headOf(page))
  }

  /** Somebody besides mappings and the page cache has a reference: it can be neither moved nor freed. */
  isBusy(page: number): boolean {
    return this.mapped.hasOthers(this.pages.headOf(page))
  }

  /** The writeback that ends had passed the folio over: nothing of it ends here. */
  protected endPassedOver(page: number): boolean {
    if (!this.has(page, FOLIO_PASSED) || this.has(page, FOLIO_WRITEBACK)) return false
    this.set(page, 0, FOLIO_PASSED)
    return true
  }

  /** Adds and drops flags of a page's folio; returns its head. */
  protected set(page: number, add: number, drop: number): number {
    checkPage(this.pages, page)
    const head = this.pages.headOf(page)
    while (head >= this.flags.length) this.flags = grown(this.flags, this.flags.length * 2)
    this.flags[head] = (this.flags[head] & ~drop) | add
    this.known++
    return head
  }
}
