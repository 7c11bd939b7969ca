import { grown } from '../grown.ts'
import type { MappingReferences } from '../ledger/mapping-references.ts'
import { KIND_FILE, KIND_SHMEM, type PageStore } from '../memory/page-store.ts'
import { FolioContents } from './folio-contents.ts'

/** What is known of each folio: its flags and contents by head page, and what the page store and the ledger say of it. */
export class FolioColumns {
  /** Folios that some event was about; while there is none, nothing but files is of interest. */
  known = 0
  readonly contents = new FolioContents()
  protected readonly pages: PageStore
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

  /** The page's folio has others. */
  isLarge(page: number): boolean {
    return this.pages.orderOf(page) > 0
  }

  /** Head page of a page's folio. */
  headOf(page: number): number {
    return this.pages.headOf(page)
  }

  has(page: number, flags: number): boolean {
    return (this.flagsOf(page) & flags) !== 0
  }

  isDirty(page: number): boolean {
    return this.pages.isDirty(page)
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

  /** Sets and drops `FOLIO_*` of a page's folio. Returns its head page. */
  protected set(page: number, add: number, drop: number): number {
    const head = this.pages.headOf(page)
    while (head >= this.flags.length) this.flags = grown(this.flags, this.flags.length * 2)
    this.flags[head] = (this.flags[head] & ~drop) | add
    this.known++
    return head
  }
}
