import { BLOCK_MASK, BLOCK_PAGES, BlockCells } from './page-blocks.ts'

/** A 32-bit number for each page row, 0 until it is set. Blocks of rows in which none was set take no memory. */
export class PageColumn {
  private readonly blocks = new BlockCells(BLOCK_PAGES)

  get(row: number): number {
    const start = this.blocks.find(row)
    return start === 0 ? 0 : this.blocks.cells[start + (row & BLOCK_MASK)]
  }

  set(row: number, value: number): void {
    const start = this.blocks.make(row)
    this.blocks.cells[start + (row & BLOCK_MASK)] = value
  }

  /** Some page of the block of that row was set. */
  hasBlock(row: number): boolean {
    return this.blocks.find(row) !== 0
  }

  /** Bytes of memory. */
  get byteLength(): number {
    return this.blocks.byteLength
  }
}
