import { CacheLibColumns, OP_DELETE, OP_UNKNOWN } from '../import/cache/cachelib-columns.ts'
import { CsvCells } from '../import/csv/csv-cells.ts'
import type { ParseRecords } from '../import/csv/quoted-record.ts'
import type { ImportRow } from '../import/import-row.ts'
import type { ImportRows } from '../import/import-rows.ts'
import { TIME_SECONDS, timeText } from '../import/text/decimal-time.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { COLUMNS_MAX, NAMES_MAX, REPEAT_ROWS_MAX, REPEAT_ROWS_MEAN_MAX } from '../limits.ts'
import { NONE } from '../op-batch.ts'
import { quoted } from '../printable.ts'
import { COMMA } from '../text-cell.ts'
import { TraceError } from '../trace-error.ts'

/** Between operations of a file that has no times. */
const STEP_NS = 1000
const REPEAT_WORDS = ['auto', 'yes', 'no']

/**
 * Traces of Meta's caches as CacheBench replays them: of blocks of the storage system Tectonic, with positions that are not aligned,
 * and of the key-value cache, with sizes only. Columns are found by their names in the header, in any order, as releases differ.
 * `op_count` stands for that many operations in key-value traces; of block traces CacheBench passes it over, and so it is here
 * (`repeat`). A block is told by `block_id` and `rs_shard_id` together. The first key-value traces have no times. All are samples:
 * one request of thousands.
 */
export const cachelib: ImportFormat = {
  name: 'cachelib',
  title: 'a CacheLib trace (CacheBench)',
  level: 'L0',
  record: 's3://cachelib-workload-sharing, as CacheLib describes in Cachebench_FB_HW_eval',
  clock: 'seconds, from when is not told',
  options: [
    {
      name: 'repeat',
      summary: 'a line is op_count operations (auto: of key-value traces)',
      words: REPEAT_WORDS,
      default: 'auto',
    },
    { name: 'file', summary: 'column that names the file of an operation, or none', words: null, default: '' },
  ],
  detect: ({ lines }) => lines.length > 0 && CacheLibColumns.isHeader(lines[0]!),
  async open(context) {
    const { parseRecords } = await import('./quoted-csv.ts')
    return new CacheLibImporter(context, parseRecords)
  },
}

class CacheLibImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportRows
  private readonly cells: CsvCells
  private readonly option: ImportContext['option']
  private readonly consumer: number
  private columns: CacheLibColumns | null = null
  private isRepeated = false
  private rowsTimed = 0
  /** Operations that the lines so far stand for. */
  private repeated = 0

  constructor({ rows, option }: ImportContext, parse: ParseRecords) {
    this.rows = rows
    this.option = option
    this.cells = new CsvCells(rows, COMMA, parse)
    rows.attributes.set('dma-alignment', '1')
    rows.timeText = (seconds, ns) => timeText(seconds, ns, TIME_SECONDS)
    rows.assume('each operation of the cache is taken as one read or write of the whole size, whether it hit or not')
    rows.assume('no completion is recorded: each operation is over when it begins, and none is in flight')
    rows.assume('operations are taken as buffered I/O: their sizes are no whole sectors, which direct I/O would refuse')
    this.consumer = rows.consumerName('buffered')
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const { cells, rows } = this
    if (!cells.read(bytes, from, to, COLUMNS_MAX)) return
    if (this.columns === null) {
      this.readHeader()
      return
    }
    const { columns } = this
    if (cells.count < columns.cellsMin) throw this.tooFew(columns)
    const op = columns.op(cells)
    const reason = this.whyNot(op, columns)
    if (reason !== null) {
      rows.skip(reason)
      return
    }
    this.need(columns.size, 'bytes')
    if (cells.value[columns.size] === 0) rows.skip('operations of size 0, which move nothing')
    else this.putAll(op, columns)
  }

  end(): void {
    this.cells.end()
  }

  private readHeader(): void {
    const { cells, rows, option } = this
    const names = Array.from({ length: cells.count }, (_, cell) => cells.text(cell))
    this.columns = new CacheLibColumns(names, option('file'), rows)
    const repeat = option('repeat')
    this.isRepeated = repeat === 'yes' || (repeat === 'auto' && !this.columns.isOfBlocks)
    if (!this.columns.isOfBlocks) rows.assume('the values of the cache have no positions')
    if (this.columns.time === NONE) {
      rows.assume('the file has no times: each operation begins 1 us after the one before')
    }
  }

  /** Why the line makes no row; null when it may make one. */
  private whyNot(op: number, columns: CacheLibColumns): string | null {
    if (op === OP_DELETE) return 'deletions, which move nothing'
    if (op !== OP_UNKNOWN) return null
    return columns.isHeaderAgain(this.cells) ? 'header lines' : 'operations of other kinds than read and write'
  }

  private putAll(op: number, columns: CacheLibColumns): void {
    const { rows, cells } = this
    const count = this.countOf(columns)
    if (count === 0) rows.skip('lines whose op_count is 0')
    for (let i = 0; i < count; i++) {
      const row = rows.draft()
      row.direction = op
      row.consumer = this.consumer
      row.lengthBytes = cells.value[columns.size]!
      this.place(row, columns)
      row.tsNs = this.time(columns)
      rows.put(row)
    }
  }

  private place(row: ImportRow, columns: CacheLibColumns): void {
    if (columns.offset !== NONE) {
      this.need(columns.offset, 'bytes')
      row.offsetBytes = this.cells.value[columns.offset]!
    }
    const name = columns.fileOf(this.cells)
    if (name !== '') row.file = this.fileId(name)
  }

  private fileId(name: string): number {
    try {
      return this.rows.fileName(name)
    } catch (error) {
      if (!(error instanceof TraceError) || this.rows.fileNames.table.size < NAMES_MAX) throw error
      throw this.rows.fail(
        0,
        error.detail.problem,
        'Another column as the file: --input-option file=user_namespace, or file=none.',
      )
    }
  }

  private time(columns: CacheLibColumns): number {
    const { cells, rows } = this
    if (columns.time === NONE) return rows.time(0, STEP_NS * this.rowsTimed++)
    if (!cells.time(columns.time, TIME_SECONDS)) throw this.bad(columns.time, 'seconds')
    const tsNs = rows.time(cells.clock[0]!, cells.clock[1]!)
    if (Number.isSafeInteger(tsNs)) return tsNs
    throw this.bad(columns.time, 'seconds within 104 days of the first')
  }

  /** How many operations the line stands for. */
  private countOf(columns: CacheLibColumns): number {
    if (!this.isRepeated || columns.opCount === NONE) return 1
    this.need(columns.opCount, 'a number of operations')
    const count = this.cells.value[columns.opCount]!
    this.repeated += count
    const isTooOften = this.repeated > REPEAT_ROWS_MAX + REPEAT_ROWS_MEAN_MAX * this.rows.line
    if (count <= REPEAT_ROWS_MAX && !isTooOften) return count
    const expected = isTooOften
      ? `at most ${REPEAT_ROWS_MEAN_MAX} operations a line on average`
      : `at most ${REPEAT_ROWS_MAX} operations`
    throw this.bad(columns.opCount, expected, 'With --input-option repeat=no every line is one operation.')
  }

  private need(cell: number, expected: string): void {
    if (!this.cells.integer(cell)) throw this.bad(cell, expected)
  }

  private bad(cell: number, expected: string, hint = ''): TraceError {
    const { bytes, from, to } = this.cells
    const shown = quoted(bytes.subarray(from[cell], to[cell]))
    return this.cells.refuse(cell, `${this.columns!.names[cell]} is ${shown}, expected ${expected}`, hint)
  }

  private tooFew({ cellsMin, names }: CacheLibColumns): TraceError {
    const { count } = this.cells
    const problem = `the line has ${count} cell${count === 1 ? '' : 's'}, expected ${cellsMin} or more`
    return this.rows.fail(1, problem, `The header names ${names.length}.`)
  }
}
