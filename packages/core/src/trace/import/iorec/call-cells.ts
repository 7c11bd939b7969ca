import { MM_MAX, PINS_MAX, SEGMENTS_PAGES_MAX } from '../../limits.ts'
import { NONE } from '../../op-batch.ts'
import type { Segments } from './call.ts'
import type { RecordingCells } from './recording-cells.ts'

/** io_uring's "at the file's position" as an unsigned number. */
const POSITION_CURRENT = '18446744073709551615'
const OP = /^[a-z0-9_]{1,32}(:[A-Za-z0-9_?]{1,32})?$/
const PAGES = /^(?:[A-Za-z?-](?:\d{1,2}\.)?\d{1,10})*(?:\|(?:[A-Za-z?-](?:\d{1,2}\.)?\d{1,10})*)?$/
const SEGMENT_EXPECTED = 'segments such as 7f1572c01c00:4096 joined by ";"'
const HEX_DIGITS_MAX = 16
const DIGITS_MAX = 20

const NO_SEGMENTS: Segments = []
const NO_ARGUMENTS: ReadonlyMap<string, string> = new Map()

/** A number of a process or a thread. */
export function readPid(cells: RecordingCells, name: string): number {
  const pid = cells.integer(name, Number.NaN)
  if (pid >= 0 && pid <= MM_MAX) return pid
  throw cells.fail(name, `a number from 0 to ${MM_MAX}`)
}

export function readOp(cells: RecordingCells): string {
  const op = cells.text('op')
  if (!OP.test(op)) throw cells.fail('op', 'a call such as pread64 or aio:PWRITE')
  return op
}

/** A file descriptor; a call that takes something else (an address) in its place shows that. */
export function readFd(cells: RecordingCells): number {
  const fd = cells.integer('fd', NONE)
  return fd < 0 ? NONE : fd
}

/** Position in the file, bytes; {@link NONE}: it has none, or one that no trace can have. */
export function readPosition(cells: RecordingCells): number {
  const text = cells.text('off')
  if (text === '' || text === POSITION_CURRENT || text.startsWith('-')) return NONE
  if (!/^\d{1,20}$/.test(text)) throw cells.fail('off', 'a position in bytes')
  const position = Number(text)
  return Number.isSafeInteger(position) ? position : NONE
}

/** A change of a counter; {@link NONE}: it was not read. */
export function readPins(cells: RecordingCells, name: string): number {
  const pins = cells.integer(name, NONE)
  if (pins > PINS_MAX) throw cells.fail(name, `at most ${PINS_MAX} pins`)
  return Math.max(pins, NONE)
}

export function readPages(cells: RecordingCells): string {
  const pages = cells.text('pages')
  if (pages !== '' && !PAGES.test(pages)) throw cells.fail('pages', 'runs of pages: A16-2')
  return pages
}

export function readArguments(cells: RecordingCells): ReadonlyMap<string, string> {
  const text = cells.text('arg')
  if (text === '') return NO_ARGUMENTS
  const args = new Map<string, string>()
  for (const part of text.split(' ')) {
    const equals = part.indexOf('=')
    if (equals > 0) args.set(part.slice(0, equals), part.slice(equals + 1))
  }
  return args
}

/** The segments on one side of a bar: of process_vm_* the other process's stand behind it. */
export function readSegments(cells: RecordingCells, side: 'local' | 'remote'): Segments {
  const text = cells.text('segs')
  const bar = text.indexOf('|')
  const from = side === 'local' ? 0 : bar + 1
  const to = side === 'local' && bar >= 0 ? bar : text.length
  if (from === to || (side === 'remote' && bar < 0)) return NO_SEGMENTS
  const segments: number[] = []
  for (let at = from; at < to; ) {
    const colon = text.indexOf(':', at)
    const next = text.indexOf(';', at)
    const end = next < 0 || next > to ? to : next
    const address = numberIn(text, at, colon, 16)
    const length = numberIn(text, colon + 1, end, 10)
    if (colon < 0 || Number.isNaN(address) || Number.isNaN(length) || end === to - 1) {
      throw cells.fail('segs', SEGMENT_EXPECTED)
    }
    segments.push(address, length)
    if (segments.length > 2 * SEGMENTS_PAGES_MAX) throw cells.fail('segs', `at most ${SEGMENTS_PAGES_MAX} segments`)
    at = end + 1
  }
  return segments
}

/** The number `text[from..to)`; NaN when it is none, or has too many digits. */
function numberIn(text: string, from: number, to: number, base: 10 | 16): number {
  if (from >= to || to - from > (base === 16 ? HEX_DIGITS_MAX : DIGITS_MAX)) return Number.NaN
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = digitOf(text.charCodeAt(at))
    if (digit >= base) return Number.NaN
    value = value * base + digit
  }
  return value
}

/** Value of a hexadecimal digit, by its code; above 15: it is none. */
function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = (code | 32) - 97
  return letter >= 0 && letter < 6 ? letter + 10 : 16
}
