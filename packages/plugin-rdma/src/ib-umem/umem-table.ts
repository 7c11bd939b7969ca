import { grown, type IovIter, PAGE_OFFSET_MASK, PAGE_SIZE, RowPool, SgAppendTable } from '@pinscope/core'
import { UMEM_PAGES_MAX } from './umem-sizes.ts'

/** No umem: row 0 is never used. */
export const UMEM_NONE = 0

/** `struct ib_umem` as columns, a row for each range of memory that is registered. @kernel include/rdma/ib_umem.h: struct ib_umem */
export class UmemTable {
  /** @kernel address */
  addressBytes = new Float64Array(16)
  /** @kernel length */
  lengthBytes = new Float64Array(16)
  /** Pages that the range touches; 0 for more than {@link UMEM_PAGES_MAX}. @kernel include/rdma/ib_umem.h: ib_umem_num_pages */
  pages = new Int32Array(16)
  /** @kernel owning_mm */
  mm = new Int32Array(16)
  /** @kernel writable */
  writable = new Uint8Array(16)
  /** Next range of the same row of the trace, or {@link UMEM_NONE}. */
  next = new Int32Array(16)
  private readonly tables: SgAppendTable[] = []
  private readonly rows = new RowPool(1)

  /**
   * A row for the iterator's segment, or for what is left of it; the iterator steps over it. Of an iterator at its end the
   * range has no bytes.
   */
  take(iter: IovIter, writable: boolean): number {
    const row = this.rows.take()
    if (row === this.next.length) this.grow()
    while (this.tables.length <= row) this.tables.push(new SgAppendTable())
    const { table } = iter
    let { segment } = iter
    let skip = iter.iovOffsetBytes
    while (iter.countBytes > 0 && skip >= table.lengthBytes[segment]) {
      segment++
      skip = 0
    }
    const address = table.addressBytes[segment] + skip
    const rest = table.lengthBytes[segment] - skip
    const bytes = rest < iter.countBytes ? rest : iter.countBytes
    this.addressBytes[row] = address
    this.lengthBytes[row] = bytes
    const pages = Math.ceil(((address & PAGE_OFFSET_MASK) + bytes) / PAGE_SIZE)
    this.pages[row] = pages > UMEM_PAGES_MAX ? 0 : pages
    this.mm[row] = iter.mm
    this.writable[row] = writable ? 1 : 0
    this.next[row] = UMEM_NONE
    iter.advance(bytes)
    return row
  }

  give(row: number): void {
    this.rows.give(row)
  }

  /** Its pages, contiguous ones merged. @kernel sgt_append */
  appendTable(row: number): SgAppendTable {
    return this.tables[row]
  }

  private grow(): void {
    const capacity = 2 * this.next.length
    this.addressBytes = grown(this.addressBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
    this.pages = grown(this.pages, capacity)
    this.mm = grown(this.mm, capacity)
    this.writable = grown(this.writable, capacity)
    this.next = grown(this.next, capacity)
  }
}
