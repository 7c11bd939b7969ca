import { clockDoubt } from '../import/csv/clock-doubt.ts'
import { ColumnsFault } from '../import/csv/column-part.ts'
import { ColumnsRow } from '../import/csv/columns-row.ts'
import { type ColumnsSpec, columnsSpec } from '../import/csv/columns-spec.ts'
import { CsvCells } from '../import/csv/csv-cells.ts'
import type { ParseRecords } from '../import/csv/quoted-record.ts'
import type { ImportRows } from '../import/import-rows.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { COLUMNS_MAX } from '../limits.ts'
import { quotedText } from '../printable.ts'
import { COMMA } from '../text-cell.ts'

const HASH = 35
const SPACE = 32
const ZERO = 48
const NINE = 57

const SEPARATORS: ReadonlyMap<string, number> = new Map([
  ['comma', COMMA],
  ['semicolon', 59],
  ['tab', 9],
  ['space', SPACE],
  ['pipe', 124],
])

/** Any CSV: `--columns` says which column is what, in which unit. Never found by content: that would be a guess. */
export const csv: ImportFormat = {
  name: 'csv',
  title: 'a CSV whose columns are named',
  level: 'L0; L1 with nsg, L3 with addr',
  record: 'any file with an operation a line: --columns ts=1:us,op=2,offset=3:sector,len=4',
  clock: 'as --columns says',
  options: [
    { name: 'columns', summary: 'which column is what: ts=1:us,op=2,offset=3:sector,len=4', words: null, default: '' },
    {
      name: 'sep',
      summary: `between cells: a character, or ${[...SEPARATORS.keys()].join(', ')}`,
      words: null,
      default: 'comma',
    },
    { name: 'header', summary: 'the first line names the columns', words: ['auto', 'yes', 'no'], default: 'auto' },
  ],
  detect: () => false,
  async open(context) {
    const separator = separatorOf(context)
    const spec = specOf(context, separator)
    // It takes longer to load than most files to read, but a record with quotes in its quotes may come at any line.
    const { parseRecords } = await import('./quoted-csv.ts')
    return new CsvImporter(context, spec, separator, parseRecords)
  },
}

function specOf(context: ImportContext, separator: number): ColumnsSpec {
  const { rows, option } = context
  const text = option('columns')
  if (text === '') {
    const hint = 'Say it with --columns, as in --columns ts=1:us,op=2,offset=3:sector,len=4 (columns from 1).'
    throw rows.fail(0, 'a CSV does not tell which column is what', hint)
  }
  try {
    return columnsSpec(text, option('header') === 'no' ? [] : headerNames(context, separator))
  } catch (error) {
    if (!(error instanceof ColumnsFault)) throw error
    const mark = text.length <= MARKED_LENGTH_MAX ? `  ${text}\n  ${' '.repeat(error.at)}^\n` : ''
    throw rows.fail(0, `columns, character ${error.at + 1}: ${error.message}`, `${mark}${error.hint}`)
  }
}

/** The cells of the first line, when they may be names. */
function headerNames({ head }: ImportContext, separator: number): string[] {
  const line = head.lines.find((one) => one.charCodeAt(0) !== HASH) ?? ''
  const cells = separator === SPACE ? line.trim().split(/[ \t]+/) : line.split(String.fromCharCode(separator))
  const names = cells.slice(0, COLUMNS_MAX).map((cell) => cell.trim().replace(/^"|"$/g, ''))
  // A line with a number in it is no header.
  if (names.some((name) => /^-?[\d.]+$/.test(name))) return []
  return names.map((name) => Buffer.from(name, 'latin1').toString())
}

/** Longest text that a message repeats, with a mark below. */
const MARKED_LENGTH_MAX = 100

function separatorOf({ rows, option }: ImportContext): number {
  const text = option('sep')
  const named = SEPARATORS.get(text)
  if (named !== undefined) return named
  const byte = text.length === 1 ? text.charCodeAt(0) : 0
  if (byte > 0 && byte < 0x80 && !/[\r\n"0-9A-Za-z.-]/.test(text)) return byte
  const problem = `input option sep is ${quotedText(text)}, expected a character that is in no cell`
  throw rows.fail(0, problem, `Or one of ${[...SEPARATORS.keys()].join(', ')}.`)
}

class CsvImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportRows
  private readonly spec: ColumnsSpec
  private readonly cells: CsvCells
  private readonly columns: ColumnsRow
  private header: string
  private isClockSeen = false

  constructor({ rows, option }: ImportContext, spec: ColumnsSpec, separator: number, parse: ParseRecords) {
    this.rows = rows
    this.spec = spec
    this.cells = new CsvCells(rows, separator, parse)
    this.columns = new ColumnsRow(rows, spec, this.cells)
    this.header = spec.hasNames ? 'yes' : option('header')
    rows.doubts.mayBeMisread(option('columns'))
    describe(rows, spec)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    if (!this.cells.isOpen && bytes[from] === HASH) {
      this.rows.skip('comment lines')
      return
    }
    if (!this.cells.read(bytes, from, to, this.spec.cellsMin)) return
    if (this.header !== 'no' && this.isHeader()) {
      this.rows.skip('header lines')
      return
    }
    if (this.cells.count < this.spec.cellsMin) throw this.tooFew()
    if (!this.isClockSeen) this.seeClock()
    this.columns.put()
  }

  end(): void {
    this.cells.end()
  }

  /** The first line is a header, unless a number stands where numbers belong. */
  private isHeader(): boolean {
    const isForced = this.header === 'yes'
    this.header = 'no'
    const { from, bytes, count } = this.cells
    const numeric = (this.spec.ts ?? this.spec.len).column
    const first = numeric < count ? bytes[from[numeric]!]! : 0
    return isForced || first < ZERO || first > NINE
  }

  private seeClock(): void {
    this.isClockSeen = true
    const { ts } = this.spec
    const doubt = ts === null ? null : clockDoubt(this.cells.text(ts.column), ts)
    if (doubt !== null) this.rows.doubt(doubt)
  }

  private tooFew() {
    const { count } = this.cells
    const problem = `the line has ${count} cell${count === 1 ? '' : 's'}, and --columns names column ${this.spec.cellsMin}`
    const separators = [...SEPARATORS.keys()].join(', ')
    return this.rows.fail(1, problem, `Is the separator another? --input-option sep=semicolon (${separators}).`)
  }
}

/** What the file leaves open, and what may be wrong. */
function describe(rows: ImportRows, spec: ColumnsSpec): void {
  const { ts, end, latency, addr, flags } = spec
  if (addr === null) rows.attributes.set('dma-alignment', '1')
  if (ts !== null) rows.clockName = `${ts.unitName} (column ${ts.column + 1})`
  else rows.assume('the file has no times: each operation begins 1 us after the one before')
  if (end === null && latency === null) {
    rows.assume('no completion is recorded: each operation is over when it begins, and none is in flight')
  }
  if (flags === null) rows.assume('whether an operation was direct is not recorded: flags=direct says that all were')
}
