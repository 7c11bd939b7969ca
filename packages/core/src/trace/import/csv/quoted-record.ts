import { LINE_BYTES_MAX } from '../../limits.ts'
import { LINE_FEED, QUOTE } from '../../text-cell.ts'
import type { TraceError } from '../../trace-error.ts'
import type { ImportRows } from '../import-rows.ts'
import type { LineCells } from '../text/line-cells.ts'

/** Cells of CSV records out of their quotes, as csv-parse finds them; null when a quote stands where none may. */
export type ParseRecords = (bytes: Uint8Array, delimiter: string) => Uint8Array[][] | null

/** A record whose quotes are more than a pair around a cell, gathered line by line, as it may go on over several. */
export class QuotedRecord {
  /** The lines so far end inside quotes: the next one belongs to the record. */
  isOpen = false
  /** Line that the record begins at. */
  firstLine = 0
  private readonly rows: ImportRows
  private readonly delimiter: number
  private readonly parse: ParseRecords
  private bytes = new Uint8Array(1024)
  private length = 0
  private lastLine = 0
  private cellBytes = new Uint8Array(1024)

  constructor(rows: ImportRows, delimiter: number, parse: ParseRecords) {
    this.rows = rows
    this.delimiter = delimiter
    this.parse = parse
  }

  /** Adds a line; true when the record is whole: {@link into} takes its cells. */
  add(bytes: Uint8Array, from: number, to: number): boolean {
    const { rows } = this
    if (this.isOpen) this.addLineFeeds(rows.line - this.lastLine)
    else {
      this.length = 0
      this.firstLine = rows.line
    }
    this.lastLine = rows.line
    this.hold(to - from + 1)
    for (let at = from; at < to; at++) {
      this.bytes[this.length++] = bytes[at]!
      if (bytes[at] === QUOTE) this.isOpen = !this.isOpen
    }
    return !this.isOpen
  }

  /** Takes the first `cellsMax` cells out of the record. Throws where a quote stands that may not. */
  into(cells: LineCells, cellsMax: number): void {
    this.rows.line = this.firstLine
    const text = this.bytes.subarray(0, this.length)
    const record = this.parse(text, String.fromCharCode(this.delimiter))?.[0]?.slice(0, cellsMax)
    if (record === undefined)
      throw this.fail('a quote stands where none may', 'A quote inside a quoted cell is doubled: "".')
    // One behind the other, each with a byte behind it that is none of a number.
    const size = record.reduce((sum, cell) => sum + cell.length + 1, 0)
    if (this.cellBytes.length < size) this.cellBytes = new Uint8Array(2 * size)
    const ends: number[] = []
    let at = 0
    for (const cell of record) {
      this.cellBytes.set(cell, at)
      at += cell.length
      ends.push(at)
      this.cellBytes[at++] = LINE_FEED
    }
    cells.takeCells(this.cellBytes, ends)
  }

  /** Line and column at which a cell begins. */
  placeOf(cell: number): { line: number; column: number } {
    let line = this.firstLine
    let lineFrom = 0
    let inQuotes = false
    let left = cell
    let at = 0
    for (; at < this.length && left > 0; at++) {
      const byte = this.bytes[at]
      if (byte === QUOTE) inQuotes = !inQuotes
      else if (byte === LINE_FEED) {
        line++
        lineFrom = at + 1
      } else if (byte === this.delimiter && !inQuotes) left--
    }
    return { line, column: at - lineFrom + 1 }
  }

  /** The file is at its end. */
  end(): void {
    if (!this.isOpen) return
    this.rows.line = this.firstLine
    // One line alone may have been cut; a quote that swallowed lines was not closed by whoever wrote it.
    if (this.lastLine === this.firstLine) this.rows.skip('lines at the end of the file that are cut short')
    else throw this.fail('a quote in this line is never closed', 'The record would go on to the end of the file.')
  }

  private addLineFeeds(count: number): void {
    this.hold(count)
    for (let i = 0; i < count; i++) this.bytes[this.length++] = LINE_FEED
  }

  private hold(more: number): void {
    const needed = this.length + more
    if (needed > LINE_BYTES_MAX) {
      this.rows.line = this.firstLine
      throw this.fail(`the quoted record has more than ${LINE_BYTES_MAX} bytes`, 'Is a quote in it never closed?')
    }
    if (needed <= this.bytes.length) return
    const bytes = new Uint8Array(2 * needed)
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
  }

  /** The first quote is where to begin to look. */
  private fail(problem: string, hint: string): TraceError {
    return this.rows.fail(this.bytes.indexOf(QUOTE) + 1, problem, hint)
  }
}
