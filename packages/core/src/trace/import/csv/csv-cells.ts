import { QUOTE } from '../../text-cell.ts'
import type { ImportRows } from '../import-rows.ts'
import { LineCells } from '../text/line-cells.ts'
import { type ParseRecords, QuotedRecord } from './quoted-record.ts'

const SPACE = 32

/** Where a cell begins. */
export interface CellPlace {
  readonly line: number
  /** From 1, in bytes. */
  readonly column: number
}

/** The cells of a CSV file, record by record: found by a scanner, or by csv-parse where quotes are more than a pair around a cell. */
export class CsvCells extends LineCells {
  private readonly rows: ImportRows
  private readonly separator: number
  private readonly record: QuotedRecord
  private lineFrom = 0
  private isFromRecord = false

  /** `separator`: a byte; a space stands for any number of blanks, and quotes mean nothing between them. */
  constructor(rows: ImportRows, separator: number, parse: ParseRecords) {
    super()
    this.rows = rows
    this.separator = separator
    this.record = new QuotedRecord(rows, separator, parse)
  }

  /** The record goes on in the next line. */
  get isOpen(): boolean {
    return this.record.isOpen
  }

  /** Finds the first `cellsMax` cells, blanks around them left out; false when the record goes on in the next line. */
  read(bytes: Uint8Array, from: number, to: number, cellsMax: number): boolean {
    this.lineFrom = from
    this.isFromRecord = false
    if (this.separator === SPACE) this.splitBlanks(bytes, from, to, cellsMax)
    else if (this.isOpen || !this.split(bytes, from, to, this.separator, cellsMax)) {
      this.isFromRecord = true
      if (!this.record.add(bytes, from, to)) return false
      this.record.into(this, cellsMax)
    }
    this.trim()
    return true
  }

  /** The file is at its end. Throws when a quote is open. */
  end(): void {
    this.record.end()
  }

  /** The error for a cell. */
  refuse(cell: number, problem: string, hint: string) {
    const { line, column } = this.placeOf(cell)
    this.rows.line = line
    return this.rows.fail(column, problem, hint)
  }

  private placeOf(cell: number): CellPlace {
    if (this.isFromRecord) return this.record.placeOf(cell)
    const from = this.from[cell]!
    const isInQuotes = from > this.lineFrom && this.bytes[from - 1] === QUOTE
    return { line: this.rows.line, column: from - this.lineFrom + (isInQuotes ? 0 : 1) }
  }
}
