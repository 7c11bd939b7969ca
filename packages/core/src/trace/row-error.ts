import { COLUMN_FLAGS, COLUMN_NAMES, COLUMN_SEGS } from './columns.ts'
import { explain } from './explain.ts'
import type { Fault } from './fault.ts'
import {
  FAULT_CARRIAGE_RETURN,
  FAULT_CELLS_FEW,
  FAULT_CELLS_MANY,
  FAULT_LINE_LONG,
  FAULT_NUL,
  FAULT_QUOTE,
  FAULT_QUOTE_OPEN,
  FAULT_SEGMENT_ONE,
  FAULT_SEGMENTS_SUM,
} from './faults.ts'
import { type CellPlace, cellsOf } from './locate.ts'
import { CELL_NONE, type RowReader } from './row-reader.ts'
import { badByteOf, COMMA, QUOTE } from './text-cell.ts'
import { TraceError } from './trace-error.ts'

const SPACE = 32
const SEMICOLON = 59

/** The record that a row was read from. */
export interface RecordPlace {
  readonly file: string
  /** Line of its first byte, from 1. */
  readonly line: number
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
  /** csv-parse read it: positions inside a cell are not those of the file. */
  readonly viaQuotes: boolean
}

/** The error for a fault that `rows` has found in a record. */
export function rowError(found: number, record: RecordPlace, rows: RowReader, columns: readonly string[]): TraceError {
  const places = cellsOf(record.bytes, record.from, record.to)
  const code = worstOf(found, record, places, rows, columns)
  const { index, column } = faultyCell(code, record, places, rows, columns)
  const place = places[index]
  const shown = code === FAULT_CELLS_FEW ? places[0] : place
  const raw = shown === undefined ? new Uint8Array(0) : record.bytes.subarray(shown.from, shown.to)
  const cell = unquoted(raw)
  const bad = code === FAULT_CELLS_FEW || code === FAULT_CELLS_MANY ? -1 : badByteOf(cell, 0, cell.length)
  const told = bad < 0 ? code : cell[bad] === 0 ? FAULT_NUL : FAULT_CARRIAGE_RETURN
  const partAt = bad >= 0 ? bad : partOffset(code, column, record, place, rows)
  const { problem, hint } = explain({
    ...rowContext(rows),
    code: told,
    column,
    columnInFile: columns.includes(column),
    cell,
    part: partOf(cell, partAt, column),
    cellCount: places.length,
    columnCount: columns.length,
  })
  const { line, column: byteColumn } = position(code, record, places, index)
  const inCell = cell.length === raw.length ? partAt : 0
  return new TraceError({ file: record.file, line, column: byteColumn + inCell, problem, hint })
}

/** The fault to tell: where the cells are not as many as the columns, a wrong cell is only what follows from that. */
function worstOf(
  code: number,
  record: RecordPlace,
  places: readonly CellPlace[],
  rows: RowReader,
  columns: readonly string[],
): number {
  if (code === FAULT_QUOTE_OPEN) {
    const open = places.find(({ from, to }) => !isWellQuoted(record.bytes.subarray(from, to)))
    return open !== undefined && record.bytes[open.from] !== QUOTE ? FAULT_QUOTE : code
  }
  const inCell = code !== FAULT_QUOTE && code !== FAULT_LINE_LONG && rows.faultCell !== CELL_NONE
  if (!inCell || places.length === columns.length) return code
  return places.length < columns.length ? FAULT_CELLS_FEW : FAULT_CELLS_MANY
}

function rowContext(rows: RowReader): Pick<Fault, 'event' | 'iterType' | 'lastTsNs' | 'sumBytes'> {
  const batch = rows.cells.batch
  const row = batch.length
  return {
    event: batch.event[row]!,
    iterType: batch.iterType[row]!,
    lastTsNs: rows.rules.lastTsNs,
    sumBytes: rows.cells.segments.sumBytes[0]!,
  }
}

/** Index of the cell that a fault is about, -1 when the file does not have it, and the name of its column. */
function faultyCell(
  code: number,
  record: RecordPlace,
  places: readonly CellPlace[],
  rows: RowReader,
  columns: readonly string[],
): { index: number; column: string } {
  if (code === FAULT_CELLS_FEW || code === FAULT_LINE_LONG) return { index: -1, column: 'a cell' }
  if (code === FAULT_CELLS_MANY) return { index: columns.length, column: 'a cell' }
  if (code === FAULT_QUOTE || code === FAULT_QUOTE_OPEN) {
    const index = places.findIndex(({ from, to }) => !isWellQuoted(record.bytes.subarray(from, to)))
    return { index, column: columns[index] ?? 'a cell' }
  }
  if (rows.faultCell !== CELL_NONE) return { index: rows.faultCell, column: columns[rows.faultCell]! }
  const column = COLUMN_NAMES[rows.rules.faultColumn]!
  return { index: columns.indexOf(column), column }
}

/** Where the message points: at the cell, behind a row that is too short, at the first cell too many, else at the row. */
function position(
  code: number,
  record: RecordPlace,
  places: readonly CellPlace[],
  index: number,
): { line: number; column: number } {
  const last = places.at(-1)!
  if (code === FAULT_CELLS_FEW) {
    return { line: record.line + last.lineInRecord, column: last.column + last.to - last.from }
  }
  const place = places[index]
  if (place === undefined) return { line: record.line, column: 1 }
  return { line: record.line + place.lineInRecord, column: place.column }
}

/** Where in its cell the faulty segment or flag begins. */
function partOffset(
  code: number,
  column: string,
  record: RecordPlace,
  place: CellPlace | undefined,
  rows: RowReader,
): number {
  // Of quotes, the cell as a whole is told: what was found in it before lies where it stood then.
  if (code === FAULT_QUOTE || code === FAULT_QUOTE_OPEN) return 0
  if (rows.faultCell === CELL_NONE || code === FAULT_SEGMENTS_SUM || code === FAULT_SEGMENT_ONE) return 0
  const base = record.viaQuotes ? 0 : (place?.from ?? 0)
  if (column === COLUMN_NAMES[COLUMN_SEGS]) return Math.max(0, rows.cells.segments.faultAt - base)
  if (column === COLUMN_NAMES[COLUMN_FLAGS]) return Math.max(0, rows.cells.flags.faultAt - base)
  return 0
}

function partOf(cell: Uint8Array, at: number, column: string): Uint8Array {
  const ofFlags = column === COLUMN_NAMES[COLUMN_FLAGS]
  if (!ofFlags && column !== COLUMN_NAMES[COLUMN_SEGS]) return cell
  let end = at
  while (end < cell.length && !(ofFlags ? cell[end] === SPACE || cell[end] === COMMA : cell[end] === SEMICOLON)) end++
  return cell.subarray(at, end)
}

/** No quote, or one at each end and only doubled ones between. */
function isWellQuoted(raw: Uint8Array): boolean {
  if (!raw.includes(QUOTE)) return true
  if (raw.length < 2 || raw[0] !== QUOTE || raw.at(-1) !== QUOTE) return false
  for (let at = 1; at < raw.length - 1; at++)
    if (raw[at] === QUOTE && (at === raw.length - 2 || raw[++at] !== QUOTE)) return false
  return true
}

/** The content of a cell that may be quoted. */
function unquoted(raw: Uint8Array): Uint8Array {
  if (raw[0] !== QUOTE || !isWellQuoted(raw)) return raw
  const content: number[] = []
  for (let at = 1; at < raw.length - 1; at++) {
    if (raw[at] === QUOTE) at++
    content.push(raw[at]!)
  }
  return Uint8Array.from(content)
}
