import type { CellReader } from '../cells.ts'
import {
  COLUMN_CALL,
  COLUMN_CONSUMER,
  COLUMN_END,
  COLUMN_EVENT,
  COLUMN_EXTRA,
  COLUMN_FILE,
  COLUMN_FLAGS,
  COLUMN_ID,
  COLUMN_ITER,
  COLUMN_LEN,
  COLUMN_MM,
  COLUMN_OFFSET,
  COLUMN_OP,
  COLUMN_PINS_ACQUIRED,
  COLUMN_PINS_RELEASED,
  COLUMN_RESULT,
  COLUMN_SEGS,
  COLUMN_STACK,
  COLUMN_TS,
} from '../columns.ts'
import { NONE } from '../op-batch.ts'

/** How a line scanner reads a cell of the common form; the values are the same in packages/scan/assembly. */
export const CELL_NUMBER = 0
export const CELL_SMALL = 1
export const CELL_OP = 2
export const CELL_SEGMENT = 3
/** Empty, or the word that stands for nothing else: `io` of `event`, `ubuf` of `iter`, none of `backing`. */
export const CELL_DEFAULT = 4
/** A name or flags: where it begins is noted, and TextCells reads it. */
export const CELL_TEXT = 5
/** Of a column of somebody's own: checked for form. */
export const CELL_EXTRA = 6

/** Lines of this many columns at most are scanned. */
export const SCAN_COLUMNS_MAX = 32

const NUMBERS: readonly number[] = [COLUMN_TS, COLUMN_END, COLUMN_OFFSET, COLUMN_LEN, COLUMN_RESULT]
const SMALL_NUMBERS: readonly number[] = [COLUMN_MM, COLUMN_PINS_ACQUIRED, COLUMN_PINS_RELEASED]
const TEXTS: readonly number[] = [COLUMN_ID, COLUMN_CALL, COLUMN_FILE, COLUMN_FLAGS, COLUMN_CONSUMER, COLUMN_STACK]

/** What a line of the common form looks like in a file with certain columns. */
export interface ScanPlan {
  /** Column code of each cell, in the file's order. */
  readonly codes: readonly number[]
  /** `CELL_*` of each cell. */
  readonly kinds: readonly number[]
  /** Column codes of the cells that are {@link CELL_TEXT}, in the file's order. */
  readonly texts: readonly number[]
}

/** The plan for a header row; null where no row can be of the common form, or there are too many columns. */
export function scanPlan(codes: readonly number[]): ScanPlan | null {
  const hasAll = [COLUMN_TS, COLUMN_OP, COLUMN_SEGS].every((code) => codes.includes(code))
  if (!hasAll || codes.length > SCAN_COLUMNS_MAX) return null
  return { codes, kinds: codes.map(kindOf), texts: codes.filter((code) => TEXTS.includes(code)) }
}

function kindOf(code: number): number {
  if (NUMBERS.includes(code)) return CELL_NUMBER
  if (SMALL_NUMBERS.includes(code)) return CELL_SMALL
  if (TEXTS.includes(code)) return CELL_TEXT
  if (code === COLUMN_OP) return CELL_OP
  if (code === COLUMN_SEGS) return CELL_SEGMENT
  return code === COLUMN_EXTRA ? CELL_EXTRA : CELL_DEFAULT
}

/** Of a {@link CELL_DEFAULT} cell: what it may hold besides nothing. */
export function defaultWord(code: number): string {
  return code === COLUMN_ITER ? 'ubuf' : code === COLUMN_EVENT ? 'io' : ''
}

/** The column of a {@link CELL_NUMBER} or {@link CELL_SMALL} cell; null for others. */
export function numberColumn(code: number, cells: CellReader): Float64Array | Int32Array | null {
  return cells.integersOf(code) ?? smallsOf(code, cells)
}

function smallsOf(code: number, { batch }: CellReader): Int32Array | null {
  if (code === COLUMN_MM) return batch.mm
  if (code === COLUMN_PINS_ACQUIRED) return batch.pinsAcquired
  return code === COLUMN_PINS_RELEASED ? batch.pinsReleased : null
}

/** What an empty cell stands for. Nothing does for `ts`: what is not a number is no time. */
export function emptyOf(code: number): number {
  if (code === COLUMN_TS || code === COLUMN_RESULT) return Number.NaN
  return code === COLUMN_MM ? 0 : NONE
}
