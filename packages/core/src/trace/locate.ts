import { CARRIAGE_RETURN, COMMA, LINE_FEED, QUOTE } from './text-cell.ts'

/** Where a cell stands: its bytes with any quotes, and its line and column. */
export interface CellPlace {
  readonly from: number
  readonly to: number
  /** Line of its first byte, counted from the first line of the record, which is 0. */
  readonly lineInRecord: number
  /** Byte column of its first byte, from 1. */
  readonly column: number
}

/** The cells of the record at `bytes[from..to)`, in or out of quotes, without its line end. Slow: for messages. */
export function cellsOf(bytes: Uint8Array, from: number, to: number): CellPlace[] {
  const places: CellPlace[] = []
  const end = lineEndOf(bytes, from, to)
  let cellFrom = from
  let lineFrom = from
  let line = 0
  let place = { lineInRecord: 0, column: 1 }
  let inQuotes = false
  for (let at = from; at <= end; at++) {
    const byte = bytes[at]
    if (at < end && byte === QUOTE) inQuotes = !inQuotes
    if (at === end || (byte === COMMA && !inQuotes)) {
      places.push({ from: cellFrom, to: at, ...place })
      cellFrom = at + 1
      place = { lineInRecord: line, column: cellFrom - lineFrom + 1 }
    } else if (byte === LINE_FEED) {
      line++
      lineFrom = at + 1
    }
  }
  return places
}

/** The end of `bytes[from..to)` without a line feed and the carriage return before it. */
function lineEndOf(bytes: Uint8Array, from: number, to: number): number {
  if (to === from || bytes[to - 1] !== LINE_FEED) return to
  return to - 1 > from && bytes[to - 2] === CARRIAGE_RETURN ? to - 2 : to - 1
}

/** Position behind the record that begins at `from`, its line feed included, or -1 when `bytes[from..to)` does not hold its end. */
export function recordEnd(bytes: Uint8Array, from: number, to: number): number {
  let inQuotes = false
  for (let at = from; at < to; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) inQuotes = !inQuotes
    else if (byte === LINE_FEED && !inQuotes) return at + 1
  }
  return -1
}

/** Line feeds in `bytes[from..to)`. */
export function linesIn(bytes: Uint8Array, from: number, to: number): number {
  let lines = 0
  for (let at = from; at < to; at++) if (bytes[at] === LINE_FEED) lines++
  return lines
}
