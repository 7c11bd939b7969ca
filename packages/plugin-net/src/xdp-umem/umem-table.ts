import { grown, RowPool } from '@pinscope/core'

/** No umem: row 0 is never used. */
export const UMEM_NONE = 0

const NO_PAGES = new Int32Array(0)

/** `struct xdp_umem` as columns, a row for each area that is registered. @kernel include/net/xdp_sock.h: struct xdp_umem */
export class UmemTable {
  /** Address of the area, and its bytes. */
  addressBytes = new Float64Array(16)
  lengthBytes = new Float64Array(16)
  /** @kernel npgs */
  npgs = new Int32Array(16)
  /** Next area of the same row of the trace, or {@link UMEM_NONE}. */
  next = new Int32Array(16)
  /** Page rows. @kernel pgs */
  readonly pgs: Int32Array<ArrayBuffer>[] = []
  private readonly rows = new RowPool(1)

  /** A row for an area of `pages` pages. */
  take(pages: number): number {
    const row = this.rows.take()
    if (row === this.npgs.length) {
      this.addressBytes = grown(this.addressBytes, 2 * row)
      this.lengthBytes = grown(this.lengthBytes, 2 * row)
      this.npgs = grown(this.npgs, 2 * row)
      this.next = grown(this.next, 2 * row)
    }
    this.npgs[row] = pages
    this.next[row] = UMEM_NONE
    return row
  }

  give(row: number): void {
    this.pgs[row] = NO_PAGES
    this.rows.give(row)
  }
}
