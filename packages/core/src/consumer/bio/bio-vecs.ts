import type { PageList } from '../../extract/page-list.ts'
import { HOLD_NONE, type Hold } from '../../ledger/hold.ts'
import { REASON_ABANDONED } from '../../ledger/hold-table.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { PageStore } from '../../memory/page-store.ts'
import { PAGE_OFFSET_MASK, PAGE_SHIFT, PAGE_SIZE, pagesSpanned } from '../../units.ts'
import type { OperationObserver } from '../operation.ts'

/**
 * One bio under construction: its bvecs as columns, and the hold of every page in it. Reused from bio to bio.
 * @kernel include/linux/blk_types.h: struct bio; include/linux/bvec.h: struct bio_vec
 */
export class BioVecs {
  /** First page's row, offset in it and length: bv_page, bv_offset, bv_len. */
  readonly page: Int32Array<ArrayBuffer>
  readonly offsetBytes: Int32Array<ArrayBuffer>
  readonly lengthBytes: Int32Array<ArrayBuffer>
  /** bi_vcnt */
  length = 0
  /** bi_iter.bi_size */
  sizeBytes = 0
  /** Pages that a merge within one page took twice and dropped again. */
  duplicates = 0
  /** Pages in the bvecs' byte ranges: what __bio_release_pages() releases. */
  pages = 0
  /** OR of the offsets of all bvecs, and of the lengths of all pieces added: shows at once that all are aligned. */
  offsetBits = 0
  lengthBits = 0
  hold: Hold = HOLD_NONE

  /** Frame and offset of the byte after the last bvec. */
  private endFrame = 0
  private endOffset = 0
  /** The bvecs that are other than one whole page: all others need no writing but their page. */
  private readonly partial: Int32Array<ArrayBuffer>
  private partials = 0
  /** Under the folio policy, where an entry of {@link hold} is a run: the byte of the bio at which each one begins. */
  private runStart = new Int32Array(256)
  private runs = 0
  private joined = false

  constructor(vecsMax: number) {
    this.page = new Int32Array(vecsMax)
    this.offsetBytes = new Int32Array(vecsMax)
    this.lengthBytes = new Int32Array(vecsMax).fill(PAGE_SIZE)
    this.partial = new Int32Array(vecsMax + 1)
  }

  /** Begins an empty bio. @kernel block/bio.c: bio_init */
  reset(): void {
    for (let i = 0; i < this.partials; i++) {
      this.offsetBytes[this.partial[i]] = 0
      this.lengthBytes[this.partial[i]] = PAGE_SIZE
    }
    this.partials = 0
    this.runs = 0
    this.length = 0
    this.sizeBytes = 0
    this.duplicates = 0
    this.pages = 0
    this.offsetBits = 0
    this.lengthBits = 0
    this.hold = HOLD_NONE
  }

  /**
   * Adds what one extraction listed, `bytes` in all. With `mergeAcross` a piece that is physically adjacent to the last
   * bvec extends it, whatever call or folio it came from, and a page that is thereby in the bvec twice gives one of its
   * references back. Without, only pages of one folio and of this call share a bvec.
   * @kernel block/bio.c: bio_iov_add_folio, bvec_try_merge_page (6.1 to 6.18); lib/iov_iter.c: iov_iter_extract_bvecs (mainline)
   */
  add(list: PageList, hold: Hold, bytes: number, store: PageStore, ledger: Ledger, mergeAcross: boolean): void {
    const isDuplicate = mergeAcross && this.continuesPage(list, store)
    const mergeFrom = mergeAcross ? 0 : this.length
    const last = list.length - 1
    this.joined = list.joined
    if (list.joined) this.noteRuns(list, isDuplicate ? 1 : 0)
    this.addPiece(list, 0, store, mergeFrom, mergeAcross)
    // A run of a folio may be of any length; otherwise all between the ends are whole pages.
    if (list.length === list.pages) this.addWholePages(list, last, store, mergeAcross)
    else for (let i = 1; i < last; i++) this.addPiece(list, i, store, mergeFrom, mergeAcross)
    if (last > 0) this.addPiece(list, last, store, mergeFrom, mergeAcross)
    this.sizeBytes += bytes
    this.pages += list.pages
    this.hold = ledger.join(this.hold, isDuplicate ? this.dropDuplicate(hold, ledger) : hold)
  }

  /** Entry `i` of the list: extends the last bvec, where that is from `mergeFrom` on and adjacent, or begins another. */
  private addPiece(list: PageList, i: number, store: PageStore, mergeFrom: number, mergeAcross: boolean): void {
    const row = list.pageAt(i)
    const offset = list.offsetBytes[i]
    const length = list.lengthBytes[i]
    const frame = store.frameOf(row)
    const vec = this.length - 1
    this.lengthBits |= length
    const isAdjacent = frame === this.endFrame && offset === this.endOffset && vec >= mergeFrom
    if (isAdjacent && (mergeAcross || store.headOf(row) === store.headOf(this.page[vec]))) {
      this.extend(vec, length)
    } else {
      this.page[vec + 1] = row
      this.length = vec + 2
      if (offset !== 0 || length !== PAGE_SIZE) this.setPartial(vec + 1, offset, length)
    }
    this.endFrame = frame + ((offset + length) >> PAGE_SHIFT)
    this.endOffset = (offset + length) & PAGE_OFFSET_MASK
  }

  private setPartial(vec: number, offset: number, length: number): void {
    this.offsetBytes[vec] = offset
    this.lengthBytes[vec] = length
    this.offsetBits |= offset
    this.partial[this.partials++] = vec
  }

  private extend(vec: number, length: number): void {
    if (this.partials === 0 || this.partial[this.partials - 1] !== vec) this.partial[this.partials++] = vec
    this.lengthBytes[vec] += length
  }

  /** Entries 1 … end - 1, each a whole page: {@link addPiece} without what cannot happen there. */
  private addWholePages(list: PageList, end: number, store: PageStore, mergeAcross: boolean): void {
    if (end <= 1) return
    if (list.isRun && store.areApart(list.firstPage, end)) {
      this.addApart(list.firstPage, end)
      return
    }
    const { page } = this
    const rows = list.page
    let vec = this.length - 1
    let { endFrame } = this
    for (let i = 1; i < end; i++) {
      const row = rows[i]
      const at = store.frameOf(row)
      if (at === endFrame && (mergeAcross || store.headOf(row) === store.headOf(page[vec]))) {
        this.extend(vec, PAGE_SIZE)
      } else {
        vec++
        page[vec] = row
      }
      endFrame = at + 1
    }
    this.length = vec + 1
    this.endFrame = endFrame
    this.lengthBits |= PAGE_SIZE
  }

  /** The pages that follow row `first`, up to `end` rows behind it: a bvec each, since each was allocated by itself. */
  private addApart(first: number, end: number): void {
    const { page, length } = this
    for (let i = 1; i < end; i++) page[length + i - 1] = first + i
    this.length = length + end - 1
    // The frame behind the first page, where endFrame still is, is no page's either.
    this.lengthBits |= PAGE_SIZE
  }

  /** The list goes on inside the page with which the last bvec ends. */
  private continuesPage(list: PageList, store: PageStore): boolean {
    if (this.length === 0 || this.endOffset === 0) return false
    return store.frameOf(list.pageAt(0)) === this.endFrame && list.offsetBytes[0] === this.endOffset
  }

  private dropDuplicate(hold: Hold, ledger: Ledger): Hold {
    this.pages--
    // Bare pages are in the bvec once, and nothing was taken twice.
    if (hold === HOLD_NONE) return hold
    this.duplicates++
    ledger.releaseFirst(hold)
    if (ledger.entriesHeld(hold) > 0) return hold
    ledger.letGo(hold)
    return HOLD_NONE
  }

  /**
   * Shortens the bio by `bytes`. With `leaks`, as the kernel does it since 6.18: a bvec that goes whole has one reference
   * dropped, and one that is shortened none; references to further pages are lost. Without, each page cut off is let go.
   * @kernel block/bio.c: bio_iov_iter_align_down; quirk bio-align-down-leak
   */
  alignDown(bytes: number, ledger: Ledger, leaks: boolean): void {
    let left = bytes
    while (left > 0) {
      const vec = this.length - 1
      const before = this.lengthBytes[vec]
      const offset = this.offsetBytes[vec]
      const pages = pagesSpanned(offset, before)
      if (left < before) {
        this.extend(vec, -left)
        this.lengthBits |= before - left
        this.sizeBytes -= left
        const cut = pages - pagesSpanned(offset, before - left)
        this.pages -= cut
        this.lose(this.entriesFrom(this.sizeBytes, cut), ledger, leaks)
        return
      }
      this.sizeBytes -= before
      this.dropVec(this.entriesFrom(this.sizeBytes, pages), ledger, leaks)
      this.pages -= pages
      left -= before
      this.length--
    }
  }

  /** Entries of the hold for the last `pages` pages, which begin at byte `from` of the bio: as many, or runs of a folio. */
  private entriesFrom(from: number, pages: number): number {
    if (!this.joined) return pages
    const before = this.runs
    while (this.runs > 0 && this.runStart[this.runs - 1] >= from) this.runs--
    return before - this.runs
  }

  /** A whole bvec goes: its first page is released, the others are lost. */
  private dropVec(entries: number, ledger: Ledger, leaks: boolean): void {
    if (this.hold === HOLD_NONE || entries === 0) return
    const vec = ledger.split(this.hold, entries)
    if (leaks) ledger.releaseFirst(vec)
    if (leaks && ledger.entriesHeld(vec) > 0) ledger.mark(vec, REASON_ABANDONED)
    else ledger.letGo(vec)
  }

  private lose(entries: number, ledger: Ledger, leaks: boolean): void {
    if (this.hold === HOLD_NONE || entries === 0) return
    const tail = ledger.split(this.hold, entries)
    if (leaks) ledger.mark(tail, REASON_ABANDONED)
    else ledger.letGo(tail)
  }

  /** Where the list's runs begin, from entry `first` on. */
  private noteRuns(list: PageList, first: number): void {
    if (this.runs + list.length > this.runStart.length) this.growRuns(list.length)
    let at = this.sizeBytes
    for (let i = 0; i < list.length; i++) {
      if (i >= first) this.runStart[this.runs++] = at
      at += list.lengthBytes[i]
    }
  }

  private growRuns(more: number): void {
    const next = new Int32Array(2 * (this.runs + more))
    next.set(this.runStart)
    this.runStart = next
  }

  /** Tells an observer of the finished bio. */
  tell(observer: OperationObserver): void {
    const note = this.duplicates > 0 ? `${this.duplicates} duplicate references dropped while merging` : ''
    observer.listBuilt('bio', this.sizeBytes, this.length, this.page, this.offsetBytes, this.lengthBytes, note)
  }
}
