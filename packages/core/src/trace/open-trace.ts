import { isArrow } from './arrow/arrow-marks.ts'
import { type ByteSource, ResumedSource } from './byte-source.ts'
import { ByteWindow } from './byte-window.ts'
import { PinscopeCsvReader } from './formats/pinscope-csv.ts'
import { checkFirstLine, columnCodes, type HeaderCell, readAttribute, traceHeader } from './header.ts'
import type { TraceFormat } from './import/trace-format.ts'
import { HEADER_LINES_MAX, LINE_BYTES_MAX } from './limits.ts'
import { cellsOf } from './locate.ts'
import { loadScanMemory, type ScanMemory } from './scan/scan-memory.ts'
import { scanPlan } from './scan/scan-plan.ts'
import { CARRIAGE_RETURN, LINE_FEED, QUOTE } from './text-cell.ts'
import { TraceError } from './trace-error.ts'
import type { TraceReader } from './trace-reader.ts'

const HASH = 35
const GZIP_MAGIC = [0x1f, 0x8b]
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd]
/** A zstd file may begin with a skippable frame: 0x184d2a5? in little endian. */
const ZSTD_SKIPPABLE_MAGIC = [0x2a, 0x4d, 0x18]
/** Enough to tell the carriers apart. */
const MAGIC_BYTES = 4

/** How a file is to be read; what is left out is found out. */
export interface OpenOptions {
  /** Name of the format: `pinscope`, or one of TRACE_FORMATS. */
  readonly format?: string | undefined
  /** How buffers are laid out where the file has no addresses, as `--layout` takes it: `aligned` when left out. */
  readonly layout?: string | undefined
  /** Settings of the format by name. */
  readonly formatOptions?: Readonly<Record<string, string>> | undefined
  /** Puts rows in order however far they are from it, with all of them in memory. Of foreign formats only. */
  readonly sort?: boolean | undefined
  /** Formats of plugins, besides those that core has. */
  readonly formats?: readonly TraceFormat[] | undefined
  /** How lines of pinscope's own format are read: all alike to see. The fastest that there is when left out; tests compare. */
  readonly scanner?: ScannerName | undefined
}

/** Readers of lines: in WebAssembly, its twin in TypeScript, and the one that reads what is beyond both. */
export type ScannerName = 'wasm' | 'script' | 'exact'

/** A trace that is smaller is read before the scanner in WebAssembly is loaded. */
const WASM_BYTES_MIN = 1 << 16

/** Name of pinscope's own format. */
export const NATIVE_FORMAT = 'pinscope'
const NATIVE_HEAD = /^(\xef\xbb\xbf)?# ?pinscope-trace/
const NATIVE_HEAD_BYTES = 32

/**
 * Opens a trace, plain, gzip or zstd, from its bytes: in pinscope's own text format, whose lines above the rows are read, or
 * in any other that TRACE_FORMATS has, found by content or named. `name` is what messages call it. Throws a {@link TraceError} when it is not such a trace. The stream is closed when
 * this throws, and when the iteration of `batches()` ends, by whatever way.
 */
export async function openTrace(bytes: ByteSource, name: string, options: OpenOptions = {}): Promise<TraceReader> {
  const window = new ByteWindow(await textOf(bytes, name))
  try {
    const form = await formOf(window, options)
    // The formats of others take longer to load than many a trace to read.
    if (form === 'arrow') return await (await import('./arrow/arrow-reader.ts')).ArrowReader.open(window.rest(), name)
    if (form === 'foreign') {
      const { openForeign } = await import('./import/open-foreign.ts')
      const reader = await openForeign(window, name, options)
      if (reader !== null) return reader
    }
    return await readHeader(window, name, options)
  } catch (error) {
    await window.close()
    throw error
  }
}

/** What the first bytes are, or the caller says: pinscope's own text, an Arrow table, or one of many others. */
async function formOf(window: ByteWindow, { format }: OpenOptions): Promise<'own' | 'arrow' | 'foreign'> {
  if (format !== undefined) return format === NATIVE_FORMAT ? 'own' : 'foreign'
  while (!window.ended && window.end - window.start < NATIVE_HEAD_BYTES) await window.fill()
  const head = Buffer.from(window.bytes.subarray(window.start, window.end))
    .subarray(0, NATIVE_HEAD_BYTES)
    .toString('latin1')
  if (window.dataEnd === window.start || NATIVE_HEAD.test(head)) return 'own'
  return isArrow(head) ? 'arrow' : 'foreign'
}

/** The text behind the carrier, which its first bytes tell. */
async function textOf(bytes: ByteSource, name: string): Promise<ByteSource> {
  const source = bytes[Symbol.asyncIterator]()
  try {
    let head = new Uint8Array(0)
    while (head.length < MAGIC_BYTES) {
      const next = await source.next()
      if (next.done === true) break
      head = joined(head, next.value)
    }
    return await decoded(head, new ResumedSource([head], source, bytes), name)
  } catch (error) {
    await source.return?.()
    throw error
  }
}

async function decoded(head: Uint8Array, source: ByteSource, name: string): Promise<ByteSource> {
  if (begins(head, GZIP_MAGIC)) return (await import('./carrier.ts')).gunzip(source, name)
  const skippable = (head[0]! & 0xf0) === 0x50 && begins(head.subarray(1), ZSTD_SKIPPABLE_MAGIC)
  if (begins(head, ZSTD_MAGIC) || skippable) return (await import('./carrier.ts')).unzstd(source, name)
  return source
}

/** Reads up to the header row and leaves the window at the first row. */
async function readHeader(window: ByteWindow, file: string, { scanner }: OpenOptions): Promise<TraceReader> {
  await fillLine(window, file, 1)
  window.passByteOrderMark()
  if (window.start === window.end) {
    throw new TraceError({ file, line: 1, column: 1, problem: 'the trace is empty', hint: EMPTY_HINT })
  }
  checkFirstLine(takeLine(window), file)
  const attributes = new Map<string, string>()
  for (let line = 2; ; line++) {
    await fillLine(window, file, line)
    if (window.start === window.end) throw noHeaderRow(file, line)
    const content = takeLine(window)
    if (content.length === 0) continue
    if (content.includes(0)) {
      const column = content.indexOf(0) + 1
      const hint = 'A trace is UTF-8 text: the file may be damaged, UTF-16, or in another format.'
      throw new TraceError({ file, line, column, problem: 'the header has a NUL byte', hint })
    }
    if (content[0] !== HASH) {
      const cells = await headerCells(content, file, line)
      const codes = columnCodes(cells, file)
      const columns = cells.map(({ name }) => name)
      const scanning = await scanningOf(window, codes, scanner)
      return new PinscopeCsvReader(traceHeader(file, attributes, columns), codes, window, line + 1, scanning)
    }
    if (line > HEADER_LINES_MAX) {
      const problem = `more than ${HEADER_LINES_MAX} lines stand above the header row`
      throw new TraceError({
        file,
        line,
        column: 1,
        problem,
        hint: 'Rows follow the header row, the first line without #.',
      })
    }
    readAttribute(new TextDecoder().decode(content), file, line, attributes)
  }
}

/** How the rows behind the header are scanned; null: each by the exact reader. */
async function scanningOf(
  window: ByteWindow,
  codes: readonly number[],
  scanner: ScannerName | undefined,
): Promise<{ memory: ScanMemory | null } | null> {
  if (scanner === 'exact' || scanPlan(codes) === null) return null
  const isLarge = window.end - window.start >= WASM_BYTES_MIN
  const inWasm = scanner === 'wasm' || (scanner === undefined && isLarge)
  return { memory: inWasm ? await loadScanMemory() : null }
}

const EMPTY_HINT = 'Did the program that wrote it fail? pinscope formats lists what is read.'

function noHeaderRow(file: string, line: number): TraceError {
  const problem = 'the trace ends above its header row'
  return new TraceError({ file, line, column: 1, problem, hint: 'Name the columns: ts,op,segs for example.' })
}

/** Fills the window until it holds a whole line, or nothing at the end. */
async function fillLine(window: ByteWindow, file: string, line: number): Promise<void> {
  while (window.linesEnd <= window.start && !window.ended) {
    if (window.end - window.start > LINE_BYTES_MAX) {
      // Binary files come here too: their first bytes tell more than their length.
      if (line === 1) checkFirstLine(window.bytes.subarray(window.start, window.end), file)
      const problem = `the line has more than ${LINE_BYTES_MAX} bytes`
      throw new TraceError({ file, line, column: 1, problem, hint: '' })
    }
    await window.fill()
  }
}

/** Takes the line at the start of the window, without its end. */
function takeLine(window: ByteWindow): Uint8Array {
  const from = window.start
  const lineFeed = window.bytes.indexOf(LINE_FEED, from)
  window.start = lineFeed + 1
  const end = lineFeed > from && window.bytes[lineFeed - 1] === CARRIAGE_RETURN ? lineFeed - 1 : lineFeed
  return window.bytes.slice(from, end)
}

/** The cells of the header row. Names are short and hold no line feed; quotes, where there are some, are csv-parse's. */
async function headerCells(content: Uint8Array, file: string, line: number): Promise<HeaderCell[]> {
  const places = cellsOf(content, 0, content.length)
  if (!content.includes(QUOTE)) {
    const decoder = new TextDecoder()
    return places.map(({ from, to, column }) => ({ name: decoder.decode(content.subarray(from, to)), line, column }))
  }
  const { parseRecords } = await import('./formats/quoted-csv.ts')
  const record = parseRecords(content)?.[0]
  if (record === undefined || record.length !== places.length) {
    const hint = 'A quoted name ends with a quote in the same line.'
    throw new TraceError({
      file,
      line,
      column: content.indexOf(QUOTE) + 1,
      problem: 'the header row has a stray quote',
      hint,
    })
  }
  return record.map((cell, index) => ({ name: new TextDecoder().decode(cell), line, column: places[index]!.column }))
}

function begins(bytes: Uint8Array, magic: readonly number[]): boolean {
  return bytes.length >= magic.length && magic.every((byte, index) => bytes[index] === byte)
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(head.length + tail.length)
  whole.set(head)
  whole.set(tail, head.length)
  return whole
}
