import { hasFlag, numberOf } from '../calls/call-arguments.ts'
import {
  ARGUMENT_BUFFER,
  ARGUMENT_COUNT,
  type IoCall,
  positionOf,
  RWF_NOWAIT,
  rowFlagsOfRwf,
} from '../calls/io-calls.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { fault, readBuffer, readVector } from './buffer.ts'
import type { CallFault, StraceCall } from './call-line.ts'

/** Why a call whose memory no program can have makes no row. */
const LARGE_COUNT = /^(\d{16,20}|0x[0-9a-f]{14,16})$/
export const IMPOSSIBLE = 'calls with an address or a length that no memory has'

const CUT_ASSUMED =
  'of vectors of which strace did not print every element, only the bytes that were moved are known: each is taken as one buffer of them'
const CUT_DOUBT =
  'strace cut arrays of segments short: record with -v (strace -f -ttt -T -yy -v -s 0), since -s limits their elements too'
const RAW_VECTOR =
  'of vectors that -e raw prints as an address, only the bytes that were moved are known: leave readv, writev and their kin out of it'

/** Fills in the cells of an operation that follow from its arguments and its result. Returns why it makes no row, or what is wrong. */
export function fillIoRow(
  rows: ImportRows,
  row: ImportRow,
  line: string,
  call: IoCall,
  made: StraceCall,
): string | CallFault | null {
  const { args, result } = made
  const least = Math.min(call.argumentNames.length, call.isVector && call.position >= 0 ? 4 : call.argumentNames.length)
  if (args.length < least) {
    if (Number.isNaN(result.value)) return 'calls that the program did not live to see the end of'
    const problem = `${made.name} has ${args.length} arguments, expected ${least}`
    return { at: made.name.length + 1, problem, hint: '' }
  }
  row.resultBytes = result.value
  const memory = args[ARGUMENT_BUFFER]!
  const countPiece = args[ARGUMENT_COUNT]!
  const count = numberOf(countPiece.text)
  // Above 2^53: read(2) takes it (SSIZE_MAX) and moves less, which is not told here.
  if (count === null && LARGE_COUNT.test(countPiece.text)) return IMPOSSIBLE
  if (count === null) return fault(countPiece, call.isVector ? 'the number of segments' : 'the count', 'a number')
  const told = call.isVector ? readVector(row, line, memory, count) : readBuffer(row, memory, count)
  if (typeof told === 'object') return told
  if (told === 'impossible') return IMPOSSIBLE
  if (told === 'cut') takeResult(rows, row, memory.text.startsWith('['))
  return readPlace(row, call, made)
}

/** What is left to know of a vector whose elements were not printed. */
function takeResult(rows: ImportRows, row: ImportRow, isArray: boolean): void {
  const moved = row.resultBytes > 0
  row.lengthBytes = moved ? row.resultBytes : 0
  rows.assume(CUT_ASSUMED)
  if (moved) rows.doubt(isArray ? CUT_DOUBT : RAW_VECTOR)
}

/** Position and flags. strace joins the two words of a position into one argument, but not under -e raw. */
function readPlace(row: ImportRow, call: IoCall, { args }: StraceCall): CallFault | null {
  if (call.position < 0) return null
  const place = args[call.position]!
  const position = numberOf(place.text)
  if (position === null && !/^\d{16,20}$|^0x[0-9a-f]{14,16}$/.test(place.text))
    return fault(place, 'the position', 'bytes')
  row.offsetBytes = positionOf(position ?? Number.NaN)
  if (call.flags < 0) return null
  const flags = args.length > call.flags ? args[call.flags] : args[call.flags - 1]
  if (flags !== undefined && hasFlag(flags.text, 'RWF_', 'NOWAIT', RWF_NOWAIT) === true) {
    row.flags |= rowFlagsOfRwf(RWF_NOWAIT)
  }
  return null
}
