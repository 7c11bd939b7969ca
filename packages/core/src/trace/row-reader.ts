import { CellReader, END_UNKNOWN } from './cells.ts'
import { COLUMN_EXTRA, COLUMN_ITER, COLUMN_SEGS } from './columns.ts'
import { FAULT_CELLS_FEW, FAULT_CELLS_MANY, FAULT_FORM, FAULT_SEGMENT } from './faults.ts'
import { decimalInto } from './numbers.ts'
import { OpBatch } from './op-batch.ts'
import { RowRules } from './row-rules.ts'
import { CARRIAGE_RETURN, COMMA, checkText, LINE_FEED } from './text-cell.ts'

const MINUS = 45
const LETTER_N = 110

/** {@link RowReader.faultCell}: the fault is about several cells; its column is `rules.faultColumn`. */
export const CELL_NONE = -1

/** Reads one row into the batch: from a line of bytes, or from cells that csv-parse has taken out of their quotes. */
export class RowReader {
  readonly cells: CellReader
  readonly rules: RowRules
  /** After a fault: index of the cell that has it, or {@link CELL_NONE}. */
  faultCell = CELL_NONE
  /** Column code of each cell, in the file's order. */
  private readonly codes: Int32Array
  /** Cell of the segments where `iter`, which says how to read them, stands to its right; else {@link CELL_NONE}. */
  private readonly deferredCell: number
  /** Where the integers of each cell go, for cells that hold nothing else: the shortest way for most of a line. */
  private readonly integers: readonly (Float64Array | null)[]
  /** One unquoted cell and a line feed. */
  private unquoted = new Uint8Array(4096)

  constructor(codes: readonly number[], batch = new OpBatch()) {
    this.cells = new CellReader(batch)
    this.rules = new RowRules(batch, this.cells.segments.sumBytes, this.cells.calls)
    this.codes = Int32Array.from(codes)
    this.integers = codes.map((code) => this.cells.integersOf(code))
    const segs = codes.indexOf(COLUMN_SEGS)
    this.deferredCell = codes.indexOf(COLUMN_ITER) > segs ? segs : CELL_NONE
  }

  /** Reads the line at `at`, which a line feed ends, into the next row; the position behind it, or a fault. */
  readLine(bytes: Uint8Array, at: number): number {
    const cells = this.cells
    const codes = this.codes
    const last = codes.length - 1
    const row = cells.batch.length
    let present = 0
    let segmentsAt = -1
    let next = at
    cells.begin(row)
    for (let cell = 0; cell <= last; cell++) {
      const code = codes[cell]!
      const byte = bytes[next]!
      if (byte === COMMA || byte === LINE_FEED || (byte === CARRIAGE_RETURN && bytes[next + 1] === LINE_FEED)) {
        cells.clear(code, row)
      } else {
        this.faultCell = cell
        present |= 1 << code
        if (cell === this.deferredCell) segmentsAt = next
        const integers = this.integers[cell]!
        if (integers !== null && byte !== MINUS && byte !== LETTER_N) next = decimalInto(bytes, next, integers, row)
        else next = cells.read(cell === this.deferredCell ? COLUMN_EXTRA : code, row, bytes, next, END_UNKNOWN)
        if (next < 0) return next
      }
      if (cell < last) {
        if (bytes[next] !== COMMA) return this.badEnd(cell, bytes, next)
        next++
      }
    }
    if (bytes[next] === CARRIAGE_RETURN && bytes[next + 1] === LINE_FEED) next++
    if (bytes[next] !== LINE_FEED) return this.badEnd(last, bytes, next)
    if (segmentsAt >= 0) {
      const fault = this.readDeferred(row, bytes, segmentsAt, END_UNKNOWN)
      if (fault < 0) return fault
    }
    const fault = this.finish(row, present)
    return fault < 0 ? fault : next + 1
  }

  /** Reads the cells of one record into the next row; 0, or a fault. */
  readRecord(record: readonly Uint8Array[]): number {
    const row = this.cells.batch.length
    this.faultCell = CELL_NONE
    if (record.length < this.codes.length) return FAULT_CELLS_FEW
    if (record.length > this.codes.length) return FAULT_CELLS_MANY
    let present = 0
    this.cells.begin(row)
    for (let cell = 0; cell < record.length; cell++) {
      const code = this.codes[cell]!
      if (record[cell]!.length === 0) this.cells.clear(code, row)
      else {
        present |= 1 << code
        const fault = this.readUnquoted(row, cell, cell === this.deferredCell ? COLUMN_EXTRA : code, record[cell]!)
        if (fault < 0) return fault
      }
    }
    if (this.deferredCell >= 0 && (present & (1 << COLUMN_SEGS)) !== 0) {
      const fault = this.readUnquoted(row, this.deferredCell, COLUMN_SEGS, record[this.deferredCell]!)
      if (fault < 0) return fault
    }
    return this.finish(row, present)
  }

  /** Forgets what a faulty row has left behind. */
  drop(): void {
    const batch = this.cells.batch
    batch.segments.length = batch.segmentFirst[batch.length]!
  }

  private readUnquoted(row: number, cell: number, code: number, content: Uint8Array): number {
    const length = content.length
    if (length >= this.unquoted.length) this.unquoted = new Uint8Array(length * 2)
    this.unquoted.set(content)
    this.unquoted[length] = LINE_FEED
    this.faultCell = cell
    const text = checkText(this.unquoted, 0, length)
    if (text < 0) return text
    const end = this.cells.read(code, row, this.unquoted, 0, length)
    this.cells.forgetLastNames()
    if (end < 0 || end === length) return end
    return code === COLUMN_SEGS ? FAULT_SEGMENT : FAULT_FORM
  }

  private readDeferred(row: number, bytes: Uint8Array, at: number, to: number): number {
    this.faultCell = this.deferredCell
    const end = this.cells.read(COLUMN_SEGS, row, bytes, at, to)
    if (end < 0) return end
    const byte = bytes[end]!
    if (byte === COMMA || byte === LINE_FEED || (byte === CARRIAGE_RETURN && bytes[end + 1] === LINE_FEED)) return 0
    return FAULT_SEGMENT
  }

  private finish(row: number, present: number): number {
    this.faultCell = CELL_NONE
    const fault = this.rules.finish(row, present)
    if (fault < 0) return fault
    this.cells.batch.length = row + 1
    return 0
  }

  /** A cell goes on where it should end: too many cells, too few, or something behind it. */
  private badEnd(cell: number, bytes: Uint8Array, at: number): number {
    const byte = bytes[at]!
    if (byte === COMMA || byte === LINE_FEED || (byte === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED)) {
      this.faultCell = CELL_NONE
      return byte === COMMA ? FAULT_CELLS_MANY : FAULT_CELLS_FEW
    }
    this.faultCell = cell
    return this.codes[cell] === COLUMN_SEGS ? FAULT_SEGMENT : FAULT_FORM
  }
}
