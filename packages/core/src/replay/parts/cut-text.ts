import { LINE_BYTES_MAX } from '../../trace/limits.ts'
import { NATIVE_FORMAT } from '../../trace/open-trace.ts'
import { CARRIAGE_RETURN, hasQuote, LINE_FEED } from '../../trace/text-cell.ts'
import type { ByteFile } from './byte-file.ts'
import type { TraceCut } from './cut-trace.ts'
import { readHeadRows } from './head-rows.ts'
import { partsOf } from './part-ranges.ts'

/** The header, the map rows and the first operations must stand in so many bytes. */
const HEAD_BYTES_MAX = 1 << 18
const SEARCH_BYTES = 1 << 16
/** First bytes of such a trace: `#`, or those of a byte order mark. */
const BEGINNINGS = [0x23, 0xef]

/**
 * Cuts a trace in pinscope's own text format between two lines. Records with quotes may span lines: a part with a
 * quote in it may begin or end inside of one, and such a trace is not replayed in parts ({@link hasQuote}).
 */
export async function cutText(
  file: ByteFile,
  name: string,
  count: number,
  headStartBytes: number,
): Promise<TraceCut | null> {
  const beginning = file.read(0, HEAD_BYTES_MAX)
  const head = beginning.subarray(0, beginning.lastIndexOf(LINE_FEED) + 1)
  if (!BEGINNINGS.includes(head[0]) || hasQuote(head)) return null
  const found = await readHeadRows(head, name, NATIVE_FORMAT)
  if (found === null) return null
  const { mapRows, firstLine } = found
  const lines = firstLine - 1
  const headBytes = lineStart(head, lines)
  const parts = partsOf(headBytes, file.sizeBytes, count, headStartBytes, (at) => lineEndAfter(file, at))
  return { mapRows, rows: mapRows, lines, headBytes, isText: true, shared: [], parts }
}

/** Where the line behind `lines` lines begins. */
function lineStart(bytes: Uint8Array, lines: number): number {
  let at = 0
  for (let line = 0; line < lines; line++) at = bytes.indexOf(LINE_FEED, at) + 1
  return at
}

/**
 * Position behind the first line that ends at or behind `at` and is not blank, -1 where none is near: the line of the last
 * row then tells how many lines there are.
 */
function lineEndAfter(file: ByteFile, at: number): number {
  for (let from = at; from < Math.min(at + LINE_BYTES_MAX, file.sizeBytes); from += SEARCH_BYTES) {
    // Two bytes before tell whether the line is blank.
    const bytes = file.read(from - 2, SEARCH_BYTES + 2)
    for (let end = bytes.indexOf(LINE_FEED, 2); end >= 0; end = bytes.indexOf(LINE_FEED, end + 1)) {
      const last = bytes[end - 1] === CARRIAGE_RETURN ? end - 2 : end - 1
      if (bytes[last] !== LINE_FEED) return from - 2 + end + 1
    }
  }
  return -1
}
