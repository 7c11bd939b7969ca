import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { quoted } from '../../printable.ts'
import { COMMA, QUOTE } from '../../text-cell.ts'
import type { TraceError } from '../../trace-error.ts'
import type { ImportRows } from '../import-rows.ts'
import type { CellCodes } from './cell-codes.ts'
import { timeText } from './decimal-time.ts'
import { LineCells } from './line-cells.ts'

/** What the cells of a data set are. */
export interface DataSetCells {
  /** In the order of the file. */
  readonly names: readonly string[]
  /** Further cells may follow. */
  readonly hasMore?: boolean
  /** Blanks may stand around a cell. */
  readonly hasBlanks?: boolean
  /** What its times count in, `TIME_*`. */
  readonly timeUnit: number
  /** How `--columns` would read the same. */
  readonly columns: string
  /** What its times are exact to, ns, where the rest of their digits means nothing. */
  readonly timeStepNs?: number
}

/** More than 2^53 ns lie between the time and the first. */
const FAR_HINT = 'It is more than 104 days from the first time of the file.'

const QUOTE_HINT = 'In this format a cell may stand in quotes, and has none in it.'

const LETTER_R = 0x72
const LETTER_W = 0x77

/** One line of a data set: comma-separated, without quotes, every cell of every line there. The faults name the cell. */
export class DataSetLine extends LineCells {
  private readonly rows: ImportRows
  private readonly cells: DataSetCells
  private readonly cellsMax: number
  private readonly timeStepNs: number
  private lineFrom = 0

  constructor(rows: ImportRows, cells: DataSetCells) {
    super()
    this.rows = rows
    this.cells = cells
    this.cellsMax = cells.names.length + 1
    this.timeStepNs = cells.timeStepNs ?? 1
    rows.doubts.mayBeMisread(cells.columns)
    rows.timeText = (seconds, ns) => timeText(seconds, ns, cells.timeUnit)
  }

  /** Takes `bytes[from..to)`. Throws when it has more or fewer cells. */
  take(bytes: Uint8Array, from: number, to: number): void {
    this.lineFrom = from
    const { names, hasMore, hasBlanks } = this.cells
    const isWhole = this.split(bytes, from, to, COMMA, this.cellsMax)
    if (!isWhole) throw this.strayQuote(to)
    const isRight = this.count === names.length || (hasMore === true && this.count > names.length)
    if (!isRight) throw this.wrongCount(to)
    if (hasBlanks === true) this.trim()
  }

  /** The cell's number in {@link value}; throws when it is none. `expected`: what it counts, for the message. */
  needInteger(cell: number, expected: string): void {
    if (!this.integer(cell)) throw this.refuse(cell, expected, '')
  }

  /** Time of the row, ns since the first of the file. */
  needTime(cell: number, expected: string): number {
    if (!this.time(cell, this.cells.timeUnit)) throw this.refuse(cell, expected, '')
    const ns = this.clock[1]!
    const tsNs = this.rows.time(this.clock[0]!, ns - (ns % this.timeStepNs))
    if (!Number.isSafeInteger(tsNs)) throw this.refuse(cell, expected, FAR_HINT)
    return tsNs
  }

  /** Direction that an R or a W stands for. */
  needLetter(cell: number, expected: string): number {
    const letter = this.letter(cell)
    if (letter === LETTER_R) return ITER_DEST
    if (letter === LETTER_W) return ITER_SOURCE
    throw this.refuse(cell, expected, '')
  }

  /** Id of the file that the cell, a number, stands for, or FILE_UNWANTED. */
  needFile(cell: number, files: CellCodes, expected: string): number {
    this.needInteger(cell, expected)
    return files.of(this.bytes, this.from[cell]!, this.to[cell]!)
  }

  /** The error for a cell that is not what it should be. */
  refuse(cell: number, expected: string, hint: string): TraceError {
    const text = this.bytes.subarray(this.from[cell], this.to[cell])
    const column = this.from[cell]! - this.lineFrom + 1
    return this.rows.fail(column, `${this.cells.names[cell]} is ${quoted(text)}, expected ${expected}`, hint)
  }

  private strayQuote(to: number): TraceError {
    const quote = this.bytes.subarray(this.lineFrom, to).indexOf(QUOTE)
    return this.rows.fail(quote + 1, 'a quote stands where none may', QUOTE_HINT)
  }

  private wrongCount(to: number): TraceError {
    const line = this.bytes.subarray(this.lineFrom, to)
    const count = line.reduce((commas, byte) => (byte === COMMA ? commas + 1 : commas), 1)
    const { names, hasMore } = this.cells
    const expected = `${names.length}${hasMore === true ? ' or more' : ''}: ${names.join(',')}`
    const quote = line.indexOf(0x22)
    if (quote >= 0)
      return this.rows.fail(quote + 1, 'a quote, which this format does not have', `Cells: ${names.join(',')}.`)
    const hint = `Is this ${this.rows.format.title}? Other columns: --columns tells any CSV.`
    return this.rows.fail(1, `the line has ${count} cell${count === 1 ? '' : 's'}, expected ${expected}`, hint)
  }
}
