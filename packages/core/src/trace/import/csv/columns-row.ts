import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { FLAG_NAMES } from '../../../iter/row-flags.ts'
import { ERRNO_MAX, IMPORT_SEGMENTS_MAX, INTEGER_MAX, MM_MAX } from '../../limits.ts'
import { END_NEVER, NONE } from '../../op-batch.ts'
import { quoted } from '../../printable.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { CellCodes } from '../text/cell-codes.ts'
import { nsOf, timeText } from '../text/decimal-time.ts'
import { integerOf } from '../text/text.ts'
import { OP_SKIPPED, OP_UNKNOWN, type OpColumn, type UnitColumn } from './column-part.ts'
import type { ColumnsSpec } from './columns-spec.ts'
import type { CsvCells } from './csv-cells.ts'

const NS_PER_SECOND = 1_000_000_000
/** Between operations of a file that has no times. */
const STEP_NS = 1000
/** Instead of the bits of a flags cell: it has a word that is no flag. */
const FLAGS_UNKNOWN = -1

const TIME_HINT = 'Dates, exponents and signs are not read: write numbers.'
const EARLY_HINT = 'Is it how long the operation took? Then say latency=N:us.'
const UNIT_HINT = 'Is the unit of the column another? --columns says it: ts=1:s, offset=3:sector.'

/** Makes rows out of cells as `--columns` says. */
export class ColumnsRow {
  private readonly rows: ImportRows
  private readonly spec: ColumnsSpec
  private readonly cells: CsvCells
  private readonly ops: CellCodes
  private readonly files: CellCodes
  private readonly calls: CellCodes
  private readonly flags = new CellCodes(flagsOf)
  private readonly flagsOfAll: number
  /** The row's time, as `cells.clock` has it. */
  private readonly start = new Float64Array(2)
  private rowsTimed = 0

  constructor(rows: ImportRows, spec: ColumnsSpec, cells: CsvCells) {
    this.rows = rows
    this.spec = spec
    this.cells = cells
    const words = typeof spec.op === 'number' ? null : spec.op.words
    this.ops = new CellCodes((cell) => (words === null ? usualDirection(cell) : (words.get(cell) ?? OP_UNKNOWN)))
    this.files = new CellCodes((cell) => (cell === '' ? NONE : rows.fileName(cell)))
    this.calls = new CellCodes((cell) => (cell === '' ? NONE : rows.callName(cell)))
    this.flagsOfAll = spec.flags === null || typeof spec.flags === 'number' ? 0 : flagsOf(spec.flags.join(' '))
    const { ts } = spec
    if (ts !== null) rows.timeText = (seconds, ns) => timeText(seconds, ns, ts.unit)
  }

  /** Puts the row of the cells, which are enough of them. */
  put(): void {
    const { rows, spec } = this
    const direction = typeof spec.op === 'number' ? spec.op : this.direction(spec.op)
    if (direction === OP_SKIPPED) {
      rows.skip('rows whose op is one to skip')
      return
    }
    const row = rows.draft()
    row.direction = direction
    row.tsNs = this.time()
    this.complete(row)
    row.lengthBytes = this.bytes(spec.len, 'len')
    if (spec.offset !== null) row.offsetBytes = this.bytes(spec.offset, 'offset')
    if (spec.file !== null) row.file = this.code(this.files, spec.file)
    if (spec.call !== null) row.call = this.code(this.calls, spec.call)
    if (spec.mm !== null) row.mm = this.integer(spec.mm, 'mm', MM_MAX)
    this.addBuffer(row)
    this.addResult(row)
    row.flags = typeof spec.flags === 'number' ? this.flagsOfCell(spec.flags) : this.flagsOfAll
    rows.put(row)
  }

  private direction(op: OpColumn): number {
    const direction = this.code(this.ops, op.column)
    if (direction !== OP_UNKNOWN) return direction
    const shown = this.shown(op.column)
    const column = op.column + 1
    if (op.words !== null) {
      const hint = `To pass such rows over: --columns op=${column}:…/WORD=skip.`
      throw this.cells.refuse(op.column, `op is ${shown}, expected ${[...op.words.keys()].join(', ')}`, hint)
    }
    if (/^"-?\d+"$/.test(shown)) {
      const problem = `op is ${shown}, and a number does not tell which way the data goes`
      const words = `op=${column}:0=read/1=write, or op=${column}:0=write/1=read`
      throw this.cells.refuse(
        op.column,
        problem,
        `0 is a read in some formats and a write in others. Say it: ${words}.`,
      )
    }
    const hint = `Other words: --columns op=${column}:GET=read/PUT=write/DELETE=skip.`
    throw this.cells.refuse(op.column, `op is ${shown}, expected r, rd, read, w, wr or write`, hint)
  }

  private time(): number {
    const { rows, spec, cells, start } = this
    if (spec.ts === null) {
      start[0] = 0
      start[1] = STEP_NS * this.rowsTimed++
    } else {
      this.needTime(spec.ts, 'ts')
      start.set(cells.clock)
    }
    const tsNs = rows.time(start[0]!, start[1]!)
    if (Number.isSafeInteger(tsNs)) return tsNs
    const cell = spec.ts!.column
    throw this.cells.refuse(cell, `ts is ${this.shown(cell)}, more than 104 days from the first one`, UNIT_HINT)
  }

  private complete(row: ImportRow): void {
    const { end, latency } = this.spec
    const column = end ?? latency
    if (column === null || this.cells.isEmpty(column.column)) return
    if (this.cells.isWord(column.column, 'never')) {
      row.endNs = END_NEVER
      return
    }
    const name = end === null ? 'latency' : 'end'
    this.needTime(column, name)
    const { clock } = this.cells
    const lastsNs = end === null ? nsOf(clock) : nsBetween(this.start, clock)
    const shown = this.shown(column.column)
    if (lastsNs < 0) throw this.cells.refuse(column.column, `end is ${shown}, before its ts`, EARLY_HINT)
    if (!Number.isSafeInteger(row.tsNs + lastsNs)) {
      throw this.cells.refuse(column.column, `${name} is ${shown}, more than 104 days from the first ts`, UNIT_HINT)
    }
    row.endAt(row.tsNs + lastsNs)
  }

  private needTime(column: UnitColumn, name: string): void {
    if (this.cells.time(column.column, column.unit)) return
    const problem = `${name} is ${this.shown(column.column)}, expected a number of ${column.unitName}`
    throw this.cells.refuse(column.column, problem, TIME_HINT)
  }

  /** Bytes that the cell tells. */
  private bytes(column: UnitColumn, name: string): number {
    const { cells } = this
    const cell = column.column
    if (!cells.integer(cell)) {
      throw this.cells.refuse(cell, `${name} is ${this.shown(cell)}, expected a whole number of ${column.unitName}`, '')
    }
    const bytes = cells.value[cell]! * column.unit
    if (bytes <= INTEGER_MAX) return bytes
    throw this.cells.refuse(
      cell,
      `${name} is ${this.shown(cell)}, in ${column.unitName} more than 2^53 - 1 bytes`,
      UNIT_HINT,
    )
  }

  private integer(cell: number, name: string, max: number): number {
    if (this.cells.integer(cell) && this.cells.value[cell]! <= max) return this.cells.value[cell]!
    throw this.cells.refuse(cell, `${name} is ${this.shown(cell)}, expected a whole number up to ${max}`, '')
  }

  private code(codes: CellCodes, cell: number): number {
    const { bytes, from, to } = this.cells
    return codes.of(bytes, from[cell]!, to[cell]!)
  }

  /** An address makes it one segment that is known, a number of elements a list of which only that is. */
  private addBuffer(row: ImportRow): void {
    const { addr, nsg } = this.spec
    if (row.lengthBytes === 0) return
    if (addr !== null) {
      const address = integerOf(this.cells.text(addr))
      if (address === null) {
        const problem = `addr is ${this.shown(addr)}, expected an address below 2^53, decimal or with 0x`
        throw this.cells.refuse(addr, problem, 'Without addr the buffers are laid out as --layout says.')
      }
      row.addSegment(address, row.lengthBytes)
    } else if (nsg !== null) row.sgElements = this.integer(nsg, 'nsg', IMPORT_SEGMENTS_MAX)
  }

  private addResult(row: ImportRow): void {
    const { result } = this.spec
    if (result === null || this.cells.isEmpty(result)) return
    const text = this.cells.text(result)
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(value) || value < -ERRNO_MAX) {
      throw this.cells.refuse(
        result,
        `result is ${this.shown(result)}, expected bytes, or -1 to -${ERRNO_MAX} for an error`,
        '',
      )
    }
    row.resultBytes = value
  }

  private flagsOfCell(cell: number): number {
    const bits = this.code(this.flags, cell)
    if (bits !== FLAGS_UNKNOWN) return bits
    throw this.cells.refuse(
      cell,
      `flags is ${this.shown(cell)}, expected words with blanks`,
      `Words: ${FLAG_NAMES.join(' ')}.`,
    )
  }

  private shown(cell: number): string {
    return quoted(this.cells.bytes.subarray(this.cells.from[cell], this.cells.to[cell]))
  }
}

/** ns from one time to another, each as `cells.clock` has it. */
function nsBetween(from: Float64Array, to: Float64Array): number {
  return (to[0]! - from[0]!) * NS_PER_SECOND + (to[1]! - from[1]!)
}

/** Direction of a word that nearly everyone uses. */
function usualDirection(cell: string): number {
  const word = cell.toLowerCase()
  if (word === 'r' || word === 'rd' || word === 'read') return ITER_DEST
  return word === 'w' || word === 'wr' || word === 'write' ? ITER_SOURCE : OP_UNKNOWN
}

/** Bits of the words; FLAGS_UNKNOWN when one is no flag. */
function flagsOf(cell: string): number {
  const words = cell.split(/[ |]/).filter((word) => word !== '')
  const flags = words.map((word) => (FLAG_NAMES as readonly string[]).indexOf(word))
  return flags.includes(-1) ? FLAGS_UNKNOWN : flags.reduce((bits, flag) => bits | (1 << flag), 0)
}
