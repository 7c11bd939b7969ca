import { quotedText } from '../../printable.ts'
import type { TraceError } from '../../trace-error.ts'
import type { ImportRows } from '../import-rows.ts'
import { cellColumn, cellsOfLine } from '../text/csv-line.ts'
import { RECORDING_COLUMNS } from './recording-head.ts'

/** The cells of one row of a recording, by the names of its columns. */
export class RecordingCells {
  private readonly rows: ImportRows
  private readonly names: readonly string[]
  private readonly places: ReadonlyMap<string, number>
  private cells: readonly string[] = []

  /** `names`: the column row. Throws where a column is missing. */
  constructor(rows: ImportRows, names: readonly string[], needed: readonly string[]) {
    this.rows = rows
    this.names = names
    this.places = new Map(names.map((name, place) => [name, place]))
    const missing = needed.find((name) => !this.places.has(name))
    if (missing !== undefined) {
      const hint = `A recording has at least the columns ${RECORDING_COLUMNS.join(',')}.`
      throw rows.fail(1, `the row of columns has no ${missing}`, hint)
    }
  }

  /** Takes the next row. */
  read(line: string): void {
    this.cells = cellsOfLine(line)
    const { length } = this.cells
    if (length === this.names.length) return
    throw this.rows.fail(1, `the row has ${length} cells, expected ${this.names.length}`, '')
  }

  /** A cell; empty where the recording has no such column. */
  text(name: string): string {
    const place = this.places.get(name)
    return place === undefined ? '' : this.cells[place]!
  }

  /** A whole number; `empty` where the cell is. */
  integer(name: string, empty: number): number {
    const text = this.text(name)
    if (text === '') return empty
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(value)) throw this.fail(name, 'a whole number')
    return value
  }

  /** Microseconds with decimals, as ns; `empty` where the cell is. */
  microseconds(name: string, empty: number): number {
    const text = this.text(name)
    if (text === '') return empty
    const match = /^(\d{1,13})(?:\.(\d{1,9}))?$/.exec(text)
    if (match === null) throw this.fail(name, 'microseconds')
    return Number(match[1]) * 1000 + Number((match[2] ?? '').slice(0, 3).padEnd(3, '0'))
  }

  /** The error for a cell that does not hold what it must. */
  fail(name: string, expected: string): TraceError {
    const column = cellColumn(this.cells, this.places.get(name) ?? 0)
    return this.rows.fail(column, `${name} is ${quotedText(this.text(name))}, expected ${expected}`, '')
  }
}
