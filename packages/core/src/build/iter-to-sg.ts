import { EIO } from '../errno.ts'
import type { PageList } from '../extract/page-list.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import {
  ITER_BVEC,
  ITER_DISCARD,
  ITER_FOLIOQ,
  ITER_IOVEC,
  ITER_KVEC,
  ITER_UBUF,
  ITER_XARRAY,
  isUserBacked,
} from '../iter/iter-type.ts'
import { HOLD_NONE, type Hold, isBorrowed } from '../ledger/hold.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Memory } from '../memory/memory.ts'
import { KernelToSg } from './kernel-to-sg.ts'
import { type Scatterlists, SG_NO_PAGE, SG_PINNED } from './scatterlist.ts'
import type { SgReport } from './sg-report.ts'
import type { SgTable } from './sg-table.ts'

/** Pointers that a `struct scatterlist` has room for: the temporary page array lies over entries. */
const POINTERS_PER_SG = 4

/** Takes the next pages of an iterator, and what is held on them, through the ledger: an operation does. */
export interface PageTaker {
  readonly iter: IovIter
  /** What the last {@link extract} listed. */
  readonly list: PageList
  /** What it took; one hold entry for each entry of the list. */
  readonly hold: Hold
  /** Bytes, 0 when nothing is left, or -errno; advances the iterator by the bytes. @kernel lib/iov_iter.c: iov_iter_extract_pages */
  extract(pagesMax: number, bytesMax: number, flags: number): number
}

/**
 * Makes entries of the next part of an iterator.
 * @kernel lib/scatterlist.c: extract_iter_to_sg. 6.12, 6.18, mainline; 6.1 has none (it came with 6.3 as
 *   netfs_extract_iter_to_sg and moved to lib/ with 6.5), and no consumer of 6.1 calls it.
 */
export class IterToSg {
  private readonly ledger: Ledger
  private readonly lists: Scatterlists
  private readonly report: SgReport
  private readonly kernelToSg: KernelToSg
  private isOverwriting = false

  constructor(memory: Memory, ledger: Ledger, lists: Scatterlists, report: SgReport) {
    this.ledger = ledger
    this.lists = lists
    this.report = report
    this.kernelToSg = new KernelToSg(memory, ledger, lists, report)
  }

  /**
   * Appends at most `sgMax` entries and `sizeMax` bytes behind the `table.nents` in use, which must be one array, and
   * advances the iterator. The end is never marked, and `origNents` never changed.
   *
   * UBUF, IOVEC: an entry a page, never merged, and a pin each, in `table.hold`; goes on until sizeMax or sgMax is used
   * up. Should the iterator end before, or a page not be had, then everything above `table.origNents` is let go, entries
   * of earlier calls too, and the result is 0 or the -errno; the iterator is not rewound.
   *
   * BVEC, KVEC, FOLIOQ, XARRAY: {@link KernelToSg}. Nothing is taken, and the iterator's count is not looked at.
   *
   * Returns the bytes; 0 for sizeMax or sgMax 0; -EIO for another type (a WARN). With the quirk `sg-kvec-length` sgMax 0 is
   * not looked at: for user memory the extraction refuses, for kernel memory the kernel writes behind the table, which is
   * a `past-table` violation here, and 0.
   *
   * `flags`: ITER_ALLOW_P2PDMA, for user memory.
   */
  extract(taker: PageTaker, table: SgTable, sizeMax: number, sgMax: number, flags = 0): number {
    const { iter } = taker
    const isSgMaxChecked = !iter.kernel.quirks['sg-kvec-length']
    if (sizeMax === 0 || (sgMax === 0 && isSgMaxChecked)) return 0
    if (sgMax === 0 && !isUserBacked(iter.type) && iter.type !== ITER_DISCARD) {
      this.report.sgViolation('past-table')
      return 0
    }
    switch (iter.type) {
      case ITER_UBUF:
      case ITER_IOVEC:
        return this.user(taker, table, sizeMax, sgMax, flags)
      case ITER_BVEC:
        return iter.fixed
          ? this.kernelToSg.kvec(iter, table, sizeMax, sgMax)
          : this.kernelToSg.bvec(iter, table, sizeMax, sgMax)
      case ITER_KVEC:
        return this.kernelToSg.kvec(iter, table, sizeMax, sgMax)
      case ITER_FOLIOQ:
        return this.kernelToSg.folioq(iter, table, sizeMax, sgMax)
      case ITER_XARRAY:
        return this.kernelToSg.xarray(iter, table, sizeMax, sgMax)
      default:
        return EIO
    }
  }

  /**
   * Lets go of what the entries of a table hold; the entries stay. What a consumer that asks iov_iter_extract_will_pin()
   * does once for each entry. @kernel crypto/af_alg.c: af_alg_free_sg
   */
  letGo(table: SgTable): void {
    this.ledger.letGo(table.hold)
    table.hold = HOLD_NONE
  }

  /**
   * The pages are listed in an array that lies over the unused tail of the table, and whose elements are cleared as they
   * become entries: marks that were there are lost. It begins 24 bytes for each entry allowed behind the first unused
   * entry; with the quirk `sg-temp-array`, behind the first entry of all.
   * @kernel lib/scatterlist.c: extract_user_to_sg (the quirk: before 118cf3f55975 of 2026, reviewed for 6.12.88 and 6.18.30)
   */
  private user(taker: PageTaker, table: SgTable, sizeMax: number, sgMax: number, flags: number): number {
    const { list } = taker
    const first = taker.iter.kernel.quirks['sg-temp-array'] ? 0 : table.nents
    let pointer = (first + sgMax) * POINTERS_PER_SG - sgMax
    let done = 0
    let left = sgMax
    this.isOverwriting = false
    do {
      const bytes = taker.extract(left, sizeMax - done, flags)
      if (bytes <= 0) {
        this.letGoAbove(table)
        return bytes
      }
      table.hold = this.ledger.join(table.hold, taker.hold)
      const listedFrom = table.nents
      const mark = isBorrowed(taker.hold) ? 0 : SG_PINNED
      for (let i = 0; i < list.length; i++) {
        const page = this.takeListed(table, pointer, listedFrom, list.page[i])
        pointer++
        const sg = table.sgl + table.nents++
        this.lists.setPage(sg, page, list.lengthBytes[i], list.offsetBytes[i])
        this.lists.bits[sg] = (this.lists.bits[sg] & ~SG_PINNED) | mark
      }
      done += bytes
      left -= list.pages
    } while (done < sizeMax && left > 0)
    return done
  }

  /**
   * Reads and clears the array's element that is pointer `pointer` of the table, where `page` was listed. An entry made since then
   * (from `listedFrom` on) has overwritten it: the page is that entry's, or nonsense.
   */
  private takeListed(table: SgTable, pointer: number, listedFrom: number, page: number): number {
    const { lists } = this
    const field = pointer % POINTERS_PER_SG
    const entry = (pointer - field) / POINTERS_PER_SG
    // The upper half of an entry is for DMA: nothing of it is modelled.
    if (field > 1) return page
    const sg = table.sgl + entry
    let found = page
    if (entry < table.nents) {
      if (!this.isOverwriting) this.report.sgViolation('entry-overwritten')
      this.isOverwriting = true
      if (entry >= listedFrom) found = field === 0 ? lists.page[sg] : SG_NO_PAGE
    }
    if (field === 0) {
      lists.page[sg] = SG_NO_PAGE
      lists.bits[sg] = 0
    } else {
      lists.offsetBytes[sg] = 0
      lists.lengthBytes[sg] = 0
    }
    return found
  }

  /** Removes the entries above `origNents`, and what is held on their pages. */
  private letGoAbove(table: SgTable): void {
    const { ledger, lists } = this
    let held = 0
    while (table.nents > table.origNents) {
      const sg = table.sgl + --table.nents
      if ((lists.bits[sg] & SG_PINNED) !== 0) held++
      else this.report.sgViolation('unpin-unpinned')
      lists.bits[sg] &= ~SG_PINNED
    }
    if (held === 0) return
    if (held === ledger.entriesHeld(table.hold)) this.letGo(table)
    else ledger.letGo(ledger.split(table.hold, held))
  }
}
