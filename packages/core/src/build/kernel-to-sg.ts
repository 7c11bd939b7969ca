import { PAGE_LIST_MAX } from '../extract/page-list.ts'
import { FOLIOQ_NO_FOLIO, FOLIOQ_SLOTS } from '../iter/folio-queue.ts'
import { enterSegment, nextSlot, slotSize } from '../iter/folioq-walk.ts'
import type { IovIter } from '../iter/iov-iter.ts'
import { bvecPage } from '../iter/iterate.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import type { Memory } from '../memory/memory.ts'
import { CACHE_HOLE, CACHE_VALUE } from '../memory/page-cache.ts'
import { KIND_HUGETLB } from '../memory/page-store.ts'
import { PAGE_OFFSET_MASK, PAGE_SIZE, pagesSpanned } from '../units.ts'
import { type Scatterlists, SG_NO_PAGE, SG_PINNED } from './scatterlist.ts'
import type { SgReport } from './sg-report.ts'
import type { SgTable } from './sg-table.ts'

/**
 * Entries from iterators over kernel memory: nothing is taken on the pages, they are counted as bare. None of these looks
 * at the iterator's count: all of a segment, folio or file is there for the taking. Each appends behind `table.nents`, at
 * most `sgMax` entries and `sizeMax` bytes, and returns the bytes.
 * @kernel lib/scatterlist.c (6.12, 6.18, mainline; 6.1 has none of them)
 */
export class KernelToSg {
  private readonly memory: Memory
  private readonly ledger: Ledger
  private readonly lists: Scatterlists
  private readonly report: SgReport
  /** Pages of a kvec, some at a time. */
  private readonly walked = new Int32Array(PAGE_LIST_MAX)

  constructor(memory: Memory, ledger: Ledger, lists: Scatterlists, report: SgReport) {
    this.memory = memory
    this.ledger = ledger
    this.lists = lists
    this.report = report
  }

  /** An entry for each bvec, whatever number of pages it has. @kernel lib/scatterlist.c: extract_bvec_to_sg */
  bvec(iter: IovIter, table: SgTable, sizeMax: number, sgMax: number): number {
    const { offsetBytes, lengthBytes } = iter.table
    let skip = iter.iovOffsetBytes
    let done = 0
    let left = sgMax
    for (let s = iter.segment; s < iter.segment + iter.segmentsLeft; s++) {
      if (skip >= lengthBytes[s]) {
        skip -= lengthBytes[s]
        continue
      }
      const length = Math.min(sizeMax - done, lengthBytes[s] - skip)
      this.append(table, bvecPage(iter, this.memory, s, 0), length, offsetBytes[s] + skip)
      done += length
      left--
      if (done >= sizeMax || left === 0) break
      skip = 0
    }
    if (done > 0) iter.advance(done)
    return done
  }

  /**
   * An entry for each page of a kvec, or of a registered buffer (which has its pages one by one).
   *
   * Where sgMax ends the list inside a segment, the bytes returned and stepped over are those of the entries. With the
   * quirk `sg-kvec-length` they are all of the segment (as far as sizeMax goes), and each entry is as long as what was
   * left of the segment: it reaches beyond its page.
   * @kernel lib/scatterlist.c: extract_kvec_to_sg (the quirk: before 07b7d66e65d9 of 2026, reviewed for 6.12.88 and 6.18.30)
   */
  kvec(iter: IovIter, table: SgTable, sizeMax: number, sgMax: number): number {
    const { addressBytes, lengthBytes } = iter.table
    const isWrong = iter.kernel.quirks['sg-kvec-length']
    let skip = iter.iovOffsetBytes
    let done = 0
    let left = sgMax
    for (let s = iter.segment; s < iter.segment + iter.segmentsLeft; s++) {
      if (skip >= lengthBytes[s]) {
        skip -= lengthBytes[s]
        continue
      }
      const length = Math.min(sizeMax - done, lengthBytes[s] - skip)
      let rest = length
      while (rest > 0 && left > 0) {
        const from = skip + length - rest
        let offset = (addressBytes[s] + from) & PAGE_OFFSET_MASK
        const count = Math.min(pagesSpanned(offset, rest), left, PAGE_LIST_MAX)
        const found = this.walk(iter, s, from, count)
        for (let i = 0; i < count; i++) {
          const part = Math.min(rest, PAGE_SIZE - offset)
          this.append(table, i < found ? this.walked[i] : SG_NO_PAGE, isWrong ? rest : part, offset)
          rest -= part
          offset = 0
        }
        left -= count
      }
      done += isWrong ? length : length - rest
      if (done >= sizeMax || left === 0) break
      skip = 0
    }
    if (done > 0) iter.advance(done)
    return done
  }

  /**
   * An entry for each folio: its first page, and an offset that may lie beyond it. The iterator ends exactly where the
   * list does, and its count falls by the result: below zero (in the kernel it wraps) is `count-wrapped`, and leaves 0.
   * @kernel lib/scatterlist.c: extract_folioq_to_sg (since 6.12)
   */
  folioq(iter: IovIter, table: SgTable, sizeMax: number, sgMax: number): number {
    enterSegment(iter)
    if (iter.slot >= FOLIOQ_SLOTS) {
      this.report.sgViolation('queue-end')
      return 0
    }
    let offset = iter.iovOffsetBytes
    let done = 0
    let left = sgMax
    do {
      const size = slotSize(iter)
      if (offset < size) {
        const part = Math.min(sizeMax - done, size - offset)
        const folio = iter.queue.folioAt(iter.queueSegment, iter.slot)
        this.append(table, folio === FOLIOQ_NO_FOLIO ? SG_NO_PAGE : folio, part, offset)
        left--
        offset += part
        done += part
      }
      if (offset >= size) {
        offset = 0
        nextSlot(iter)
        if (iter.slot >= FOLIOQ_SLOTS) {
          if (done < iter.countBytes) this.report.sgViolation('queue-end')
          break
        }
      }
    } while (left > 0 && done < sizeMax)
    iter.iovOffsetBytes = offset
    if (done > iter.countBytes) iter.violate('count-wrapped')
    iter.countBytes = Math.max(iter.countBytes - done, 0)
    return done
  }

  /**
   * An entry for each folio that is present from the iterator's position on: holes are passed over without a trace. Ends
   * at a value entry and at a hugetlb folio.
   *
   * The offset in a folio is that of the bytes so far, so after a hole it may be wrong. With the quirk `sg-xarray-start`
   * it is that of the first folio in every folio.
   * @kernel lib/scatterlist.c: extract_xarray_to_sg (the quirk: until "Fix offset in folio calc", June 2026)
   */
  xarray(iter: IovIter, table: SgTable, sizeMax: number, sgMax: number): number {
    const { cache, pages } = this.memory
    const file = iter.table.offsetBytes[iter.segment]
    const isStuck = iter.kernel.quirks['sg-xarray-start']
    let position = iter.table.addressBytes[iter.segment] + iter.iovOffsetBytes
    let index = cache.next(file, Math.floor(position / PAGE_SIZE))
    let done = 0
    let left = sgMax
    while (index !== CACHE_HOLE) {
      const page = cache.find(file, index)
      if (page === CACHE_VALUE || pages.kindOf(page) === KIND_HUGETLB) {
        this.report.sgViolation('foreign-entry')
        break
      }
      const head = pages.headOf(page)
      const size = PAGE_SIZE * 2 ** pages.orderOf(head)
      const offset = position % size
      const length = Math.min(sizeMax - done, size - offset)
      this.append(table, head, length, offset)
      left--
      done += length
      if (!isStuck) position += length
      if (done >= sizeMax || left === 0) break
      index = cache.next(file, index + size / PAGE_SIZE - (page - head))
    }
    if (done > 0) iter.advance(done)
    return done
  }

  private append(table: SgTable, page: number, lengthBytes: number, offsetBytes: number): void {
    const sg = table.sgl + table.nents++
    this.lists.setPage(sg, page, lengthBytes, offsetBytes)
    this.lists.bits[sg] &= ~SG_PINNED
    if (page === SG_NO_PAGE) this.report.sgViolation('no-page')
    else this.ledger.bare(pagesSpanned(offsetBytes & PAGE_OFFSET_MASK, lengthBytes))
  }

  private walk(iter: IovIter, segment: number, skip: number, count: number): number {
    const mm = iter.fixed ? iter.mm : KERNEL_MM
    return this.memory.spaces.walk(mm, iter.table.addressBytes, segment, skip, count, 0, this.walked)
  }
}
