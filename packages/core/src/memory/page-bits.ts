import { clearBits, hasBit, setBits } from './bit-runs.ts'
import { BLOCK_MASK, BLOCK_PAGES, BLOCK_WORDS, BlockCells } from './page-blocks.ts'

/** A bit for each page row, clear until it is set. Blocks of rows in which none was set take no memory. */
export class PageBits {
  private readonly blocks = new BlockCells(BLOCK_WORDS)

  has(row: number): boolean {
    const start = this.blocks.find(row)
    return start !== 0 && hasBit(this.blocks.cells, start * 32 + (row & BLOCK_MASK))
  }

  /** Sets the bits of `count` following rows; returns how many were clear. */
  set(row: number, count = 1): number {
    const end = row + count
    let added = 0
    for (let at = row; at < end; ) {
      const pages = Math.min(end - at, BLOCK_PAGES - (at & BLOCK_MASK))
      const start = this.blocks.make(at)
      added += setBits(this.blocks.cells, start * 32 + (at & BLOCK_MASK), pages)
      at += pages
    }
    return added
  }

  /** Clears the bits of `count` following rows. */
  clear(row: number, count = 1): void {
    const end = row + count
    for (let at = row; at < end; ) {
      const pages = Math.min(end - at, BLOCK_PAGES - (at & BLOCK_MASK))
      const start = this.blocks.find(at)
      if (start !== 0) clearBits(this.blocks.cells, start * 32 + (at & BLOCK_MASK), pages)
      at += pages
    }
  }

  /** Bytes of memory. */
  get byteLength(): number {
    return this.blocks.byteLength
  }
}
