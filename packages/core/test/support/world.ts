import { extractPages } from '../../src/extract/extract-pages.ts'
import { PageList } from '../../src/extract/page-list.ts'
import { findPolicy, type PolicyName } from '../../src/extract/policy.ts'
import { RETENTION_NAMES } from '../../src/extract/retention.ts'
import { IovIter } from '../../src/iter/iov-iter.ts'
import { ITER_DEST, ITER_KVEC, ITER_SOURCE, ITER_TYPE_NAMES, type IterType } from '../../src/iter/iter-type.ts'
import { SegmentTable } from '../../src/iter/segment-table.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { AddressSpaces, KERNEL_MM } from '../../src/memory/address-spaces.ts'
import { MAPPING_NO_ACCESS, MAPPING_UNTOUCHED } from '../../src/memory/mapping.ts'
import { PAGE_KINDS, PageStore } from '../../src/memory/page-store.ts'

type TypeName = (typeof ITER_TYPE_NAMES)[number]

/** Pages, address spaces, a ledger and one iterator: what an extraction needs, without a replay. */
export class World {
  readonly pages = new PageStore()
  readonly spaces = new AddressSpaces(this.pages)
  readonly ledger = new Ledger(this.pages)
  readonly list = new PageList()
  readonly iter = new IovIter()

  /** Maps pages of address space 0. */
  map(firstPage: number, endPage: number, order = 0, flags = 0): void {
    this.spaces.map(0, firstPage, endPage, PAGE_KINDS.indexOf('anon'), order, flags)
  }

  untouched(firstPage: number, endPage: number): void {
    this.map(firstPage, endPage, 0, MAPPING_UNTOUCHED)
  }

  refuse(firstPage: number, endPage: number): void {
    this.map(firstPage, endPage, 0, MAPPING_NO_ACCESS)
  }

  /** Starts the iterator over segments {address, length} or, for bvec, {page, offset, length}. */
  start(name: TypeName, segs: readonly (readonly number[])[], count?: number, write = false): IovIter {
    const table = new SegmentTable()
    for (const seg of segs) table.push(seg[0]!, seg.length === 3 ? seg[1]! : 0, seg.at(-1)!)
    const total = segs.reduce((sum, seg) => sum + seg.at(-1)!, 0)
    const type = ITER_TYPE_NAMES.indexOf(name) as IterType
    this.iter.reset(type, write ? ITER_SOURCE : ITER_DEST, table, 0, segs.length, count ?? total)
    this.iter.mm = type === ITER_KVEC ? KERNEL_MM : 0
    return this.iter
  }

  /** One extraction: what it listed, with pages told apart by their row. */
  extract(pagesMax = 16, policy: PolicyName = 'extract', bytesMax = 2 ** 40) {
    const { iter, list } = this
    const bytes = extractPages(iter, findPolicy(policy)!, this.spaces, this.pages, list, pagesMax, bytesMax)
    const rows = bytes > 0 ? [...list.page.subarray(0, list.length)] : []
    const lengths = [...list.lengthBytes.subarray(0, rows.length)]
    const retention = bytes > 0 ? RETENTION_NAMES[list.retention] : 'nothing'
    return { bytes, pages: rows.length, rows, offset: rows.length > 0 ? list.offsetBytes[0] : 0, lengths, retention }
  }

  /** Virtual page numbers of address space 0 (or of kernel memory) as page rows. */
  rowsOf(firstPage: number, count: number, mm = 0): number[] {
    const out = new Int32Array(count)
    this.spaces.walkPages(mm, firstPage, count, false, out)
    return [...out]
  }

  frames(): number[] {
    return [...this.list.page.subarray(0, this.list.length)].map((row) => this.pages.frame[row]!)
  }

  refcount(row: number): number {
    return this.pages.refcount[this.pages.head[row]!]!
  }

  pincount(row: number): number {
    return this.pages.pincount[this.pages.head[row]!]!
  }
}
