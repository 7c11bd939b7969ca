import { CellReader } from '../cells.ts'
import { COLUMN_NAMES, COLUMN_SEGS } from '../columns.ts'
import { explain } from '../explain.ts'
import { FAULT_FORM, FAULT_SEGMENT } from '../faults.ts'
import { BATCH_ROWS_MAX, type OpBatch } from '../op-batch.ts'
import { RowRules } from '../row-rules.ts'
import { checkText, LINE_FEED } from '../text-cell.ts'
import { TraceError } from '../trace-error.ts'

/** The batch that columns of Arrow are copied into, with the rules that hold for every trace. */
export class RowSink {
  readonly cells = new CellReader()
  readonly batch: OpBatch = this.cells.batch
  /** Mask of the columns that are not empty, by row. */
  readonly present = new Int32Array(BATCH_ROWS_MAX)
  private readonly rules = new RowRules(this.batch, this.cells.segments.sumBytes, this.cells.calls)
  private readonly file: string
  /** One cell and a line feed. */
  private scratch = new Uint8Array(4096)

  constructor(file: string) {
    this.file = file
  }

  /** `ts` of the last row that is complete. */
  get lastTsNs(): number {
    return this.rules.lastTsNs
  }

  /** A cell that is text, as in pinscope's own format; an empty one is no cell. */
  readCell(code: number, row: number, text: Uint8Array): void {
    const { length } = text
    if (length === 0) {
      this.cells.clear(code, row)
      return
    }
    if (length >= this.scratch.length) this.scratch = new Uint8Array(length * 2)
    this.scratch.set(text)
    this.scratch[length] = LINE_FEED
    const faulty = checkText(this.scratch, 0, length)
    const end = faulty < 0 ? faulty : this.cells.read(code, row, this.scratch, 0, length)
    this.cells.forgetLastNames()
    if (end < 0) throw this.fail(row, end, code, text)
    if (end < length) throw this.fail(row, code === COLUMN_SEGS ? FAULT_SEGMENT : FAULT_FORM, code, text)
    this.present[row]! |= 1 << code
  }

  /** The row is complete: its segments are the last ones of the table, and are `sumBytes` long. */
  finish(row: number, sumBytes: number): void {
    this.cells.segments.sumBytes[0] = sumBytes
    const fault = this.rules.finish(row, this.present[row]!)
    if (fault < 0) throw this.fail(row, fault, this.rules.faultColumn, this.valueOf(row))
    this.batch.length = row + 1
  }

  /** The error for a cell of the row. `cell`: what stands there, as text. */
  fail(row: number, code: number, column: number, cell: Uint8Array): TraceError {
    const { batch } = this
    const { problem, hint } = explain({
      code,
      column: COLUMN_NAMES[column]!,
      columnInFile: true,
      cell,
      part: cell,
      event: batch.event[row]!,
      iterType: batch.iterType[row]!,
      lastTsNs: this.rules.lastTsNs,
      sumBytes: this.cells.segments.sumBytes[0]!,
      cellCount: 0,
      columnCount: 0,
    })
    return this.error(row, problem, hint)
  }

  error(row: number, problem: string, hint: string): TraceError {
    const where = `row ${this.batch.firstRow + row}: ${problem}`
    return new TraceError({ file: this.file, line: 0, column: 0, problem: where, hint })
  }

  /** What the column at fault holds, where it is a number. */
  private valueOf(row: number): Uint8Array {
    const value = this.cells.integersOf(this.rules.faultColumn)?.[row]
    return Buffer.from(value === undefined ? '' : String(value))
  }
}
