import { type CellReader, END_UNKNOWN } from '../cells.ts'
import { COLUMN_FLAGS } from '../columns.ts'
import { FLAG_FIXED, NONE } from '../op-batch.ts'
import { type RowScanner, TEXT_EMPTY } from './row-scanner.ts'

/** Reads the names and flags of rows that a scanner has added, column by column. */
export class TextCells {
  private readonly codes: readonly number[]
  private readonly cells: CellReader
  private readonly hasFlags: boolean

  constructor(codes: readonly number[], cells: CellReader) {
    this.codes = codes
    this.cells = cells
    this.hasFlags = codes.includes(COLUMN_FLAGS)
  }

  /** Reads those of the rows from `first` on. Returns the first row that is not of the common form, or the batch's length. */
  read(bytes: Uint8Array, first: number, scanner: RowScanner): number {
    let end = this.cells.batch.length
    for (let text = 0; text < this.codes.length; text++) {
      end = this.readColumn(this.codes[text]!, bytes, scanner.textAt[text]!, first, end)
    }
    return this.hasFlags ? this.checkFlags(first, end) : end
  }

  private readColumn(code: number, bytes: Uint8Array, at: Int32Array, first: number, end: number): number {
    for (let row = first; row < end; row++) {
      if (at[row] === TEXT_EMPTY) this.cells.clear(code, row)
      else if (this.cells.read(code, row, bytes, at[row]!, END_UNKNOWN) < 0) return row
    }
    return end
  }

  /** What RowRules checks of an operation's flags. */
  private checkFlags(first: number, end: number): number {
    const { flags, id, order } = this.cells.batch
    for (let row = first; row < end; row++) {
      if (order[row]! >= 0 || ((flags[row]! & FLAG_FIXED) !== 0 && id[row] === NONE)) return row
    }
    return end
  }
}
