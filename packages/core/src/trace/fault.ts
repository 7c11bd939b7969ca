import { ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import { EVENT_NAMES } from './op-batch.ts'

/** A fault of one row, with what its message needs. */
export interface Fault {
  /** One of `FAULT_*`. */
  readonly code: number
  /** Name of the column it is about. */
  readonly column: string
  /** The header has that column. */
  readonly columnInFile: boolean
  /** The cell; empty when the file does not have it. The first one when the row has too few. */
  readonly cell: Uint8Array
  /** The part of the cell that has the fault: a segment, a flag, or all of it. */
  readonly part: Uint8Array
  /** Code of the row's event; 0 when that cell was not reached. */
  readonly event: number
  /** Code of the row's iterator type; `ITER_UNSET` when it is left to the segments. */
  readonly iterType: number
  /** `ts` of the row above. */
  readonly lastTsNs: number
  /** Bytes of the row's segments. */
  readonly sumBytes: number
  /** Cells that the row has, and columns that the header has. */
  readonly cellCount: number
  readonly columnCount: number
}

/** What is wrong, in one clause, and what to do about it. */
export interface Explanation {
  readonly problem: string
  readonly hint: string
}

export type Explain = (fault: Fault) => Explanation

/** `an io row`, `a map row`. */
export function aRow(fault: Fault): string {
  const event = EVENT_NAMES[fault.event]!
  return `${/^[aeiou]/.test(event) ? 'an' : 'a'} ${event} row`
}

/** `a ubuf iterator`, `an iovec iterator`; iovec where several segments make it one. */
export function anIterator(fault: Fault): string {
  const name = ITER_TYPE_NAMES[fault.iterType] ?? 'iovec'
  return `${name === 'iovec' || name === 'xarray' ? 'an' : 'a'} ${name} iterator`
}
