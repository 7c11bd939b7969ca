import { grown, holding } from '../grown.ts'

/** log2 of {@link BLOCK_PAGES}. */
export const BLOCK_SHIFT = 9
/** Page rows of a block: what one leaf of a page table maps. */
export const BLOCK_PAGES = 1 << BLOCK_SHIFT
/** Mask of a row's place in its block. */
export const BLOCK_MASK = BLOCK_PAGES - 1

/** Words that hold one bit for each page of a block. */
export const BLOCK_WORDS = BLOCK_PAGES / 32

/**
 * Where the pages of each block have their cells in a column that most blocks have none in: `size` cells for each block
 * that was ever written to. Cell 0 … size - 1 belong to no block and are 0.
 */
export class BlockCells {
  /** Cells of every block that has some. Replaced when it grows. */
  cells: Int32Array<ArrayBuffer>
  private starts = new Int32Array(16)
  private used: number
  private readonly size: number

  constructor(size: number) {
    this.size = size
    this.used = size
    this.cells = new Int32Array(4 * size)
  }

  /** First cell of the block of a row, 0 where it has none. */
  find(row: number): number {
    const block = row >>> BLOCK_SHIFT
    return block < this.starts.length ? this.starts[block] : 0
  }

  /** As {@link find}, and gives the block cells where it has none: zeroes. */
  make(row: number): number {
    const block = row >>> BLOCK_SHIFT
    this.starts = holding(this.starts, block)
    if (this.starts[block] === 0) {
      if (this.used === this.cells.length) this.cells = grown(this.cells, this.used * 2)
      this.starts[block] = this.used
      this.used += this.size
    }
    return this.starts[block]
  }

  /** Bytes of memory. */
  get byteLength(): number {
    return this.cells.byteLength + this.starts.byteLength
  }
}
