import { grown, RowPool } from '@pinscope/core'

/** Most pages that can be counted: no limit. */
export const PAGES_UNLIMITED = 2 ** 31 - 1

/** Pages accounted to each address space. @kernel include/linux/mm_types.h: mm_struct.pinned_vm */
export class PinnedVm {
  /** Most pages of one address space so far. */
  peak = 0
  private readonly rowOf = new Map<number, number>()
  private readonly rows = new RowPool()
  private pages = new Int32Array(16)

  /** Pages of an address space. */
  of(mm: number): number {
    const row = this.rowOf.get(mm)
    return row === undefined ? 0 : this.pages[row]
  }

  add(mm: number, pages: number): void {
    const row = this.rowOf.get(mm) ?? this.newRow(mm)
    this.pages[row] += pages
    if (this.pages[row] > this.peak) this.peak = this.pages[row]
  }

  sub(mm: number, pages: number): void {
    const row = this.rowOf.get(mm)
    if (row !== undefined) this.pages[row] -= pages
  }

  private newRow(mm: number): number {
    const row = this.rows.take()
    if (row === this.pages.length) this.pages = grown(this.pages, 2 * row)
    this.rowOf.set(mm, row)
    return row
  }
}
