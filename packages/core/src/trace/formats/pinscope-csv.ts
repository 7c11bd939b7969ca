import { invariant } from '../../invariant.ts'
import type { ByteWindow } from '../byte-window.ts'
import type { Dictionary } from '../dictionary.ts'
import { FAULT_LINE_LONG, FAULT_QUOTE, FAULT_QUOTE_OPEN } from '../faults.ts'
import { layoutOf } from '../header.ts'
import { BATCH_SEGMENTS_MAX, LINE_BYTES_MAX } from '../limits.ts'
import { linesIn, recordEnd } from '../locate.ts'
import { BATCH_ROWS_MAX, type OpBatch } from '../op-batch.ts'
import { rowError } from '../row-error.ts'
import { RowReader } from '../row-reader.ts'
import { CommonRows } from '../scan/common-rows.ts'
import type { ScanMemory } from '../scan/scan-memory.ts'
import { scanPlan } from '../scan/scan-plan.ts'
import { CARRIAGE_RETURN, hasQuote, LINE_FEED, QUOTE } from '../text-cell.ts'
import type { TraceError } from '../trace-error.ts'
import type { TraceHeader, TraceLayout, TraceReader } from '../trace-reader.ts'

/** Why {@link PinscopeCsvReader} stopped scanning. */
const BATCH_FULL = 0
const LINES_WANTED = 1
const QUOTES_AHEAD = 2

/** The native reader: lines of bytes to columns, with csv-parse for the records that have quotes. */
export class PinscopeCsvReader implements TraceReader {
  readonly header: TraceHeader
  readonly layout: TraceLayout
  readonly imported = null
  private readonly window: ByteWindow
  private readonly rows: RowReader
  private readonly common: CommonRows | null
  /** Line of `window.start`. */
  private line: number
  private started = false

  /** `scanning`: whether rows of the common form are scanned, and in which memory, where there is one for it. */
  constructor(
    header: TraceHeader,
    codes: readonly number[],
    window: ByteWindow,
    line: number,
    scanning: { readonly memory: ScanMemory | null } | null,
  ) {
    const memory = scanning?.memory ?? null
    const plan = scanning === null ? null : scanPlan(codes)
    this.header = header
    this.layout = layoutOf(header)
    this.window = window
    if (memory !== null) window.moveTo(memory.window)
    this.rows = new RowReader(codes, memory?.batch)
    this.common = plan === null ? null : new CommonRows(plan, this.rows, memory)
    this.batch.columns = codes.reduce((mask, code) => mask | (1 << code), 0)
    this.line = line
  }

  get files(): Dictionary {
    return this.rows.cells.files
  }

  get calls(): Dictionary {
    return this.rows.cells.calls
  }

  get ids(): Dictionary {
    return this.rows.cells.ids
  }

  get consumers(): Dictionary {
    return this.rows.cells.consumers
  }

  get stacks(): Dictionary {
    return this.rows.cells.stacks
  }

  get bytesRead(): number {
    return this.window.consumedBytes
  }

  async *batches(): AsyncGenerator<OpBatch> {
    invariant(!this.started, 'batches() of a trace is called once')
    this.started = true
    const { window, batch } = this
    try {
      for (;;) {
        const why = this.scan()
        if (why === QUOTES_AHEAD) await this.readQuoted()
        else if (why === LINES_WANTED) {
          if (window.ended) break
          await window.fill()
        } else {
          yield batch
          batch.reset(batch.firstRow + batch.length)
        }
      }
      if (batch.length > 0) yield batch
    } finally {
      await window.close()
    }
  }

  private get batch(): OpBatch {
    return this.rows.cells.batch
  }

  /** Reads whole lines until the batch is full, the lines run out, or one has quotes. */
  private scan(): number {
    const { window, rows, batch } = this
    const bytes = window.bytes
    const end = window.linesEnd
    while (window.start < end) {
      if (batch.length === BATCH_ROWS_MAX || batch.segments.length >= BATCH_SEGMENTS_MAX) return BATCH_FULL
      const common = this.common?.read(window, this.line) ?? 0
      if (common > 0) {
        this.line += common
        continue
      }
      const at = window.start
      const blank = blankLineLength(bytes, at)
      if (blank === 0) {
        batch.line[batch.length] = this.line
        const next = rows.readLine(bytes, at)
        if (next < 0) return this.stop(next)
        if (next - at > LINE_BYTES_MAX) throw this.tooLong()
        window.start = next
      } else window.start = at + blank
      this.line++
    }
    if (window.end - window.start > LINE_BYTES_MAX) throw this.tooLong()
    return LINES_WANTED
  }

  /** A line that the scanner cannot read: quotes are for csv-parse, anything else is an error. */
  private stop(fault: number): number {
    const { bytes, start, linesEnd } = this.window
    const end = bytes.subarray(0, linesEnd).indexOf(LINE_FEED, start) + 1
    if (end - start > LINE_BYTES_MAX) throw this.tooLong()
    if (!hasQuote(bytes.subarray(start, end))) throw this.error(fault, end, false)
    this.rows.drop()
    return QUOTES_AHEAD
  }

  /** Reads the records that have quotes, from here to the next that has none. */
  private async readQuoted(): Promise<void> {
    await this.fillRecord()
    const { rows, batch, window } = this
    // Most traces have no quotes, and csv-parse takes longer to load than they take to read.
    const { parseRecords } = await import('./quoted-csv.ts')
    const bounds = quotedRun(window, BATCH_ROWS_MAX - batch.length)
    const run = parseRecords(window.bytes.subarray(bounds[0], bounds.at(-1)))
    for (let index = 0; index + 1 < bounds.length; index++) {
      const end = bounds[index + 1]!
      // A run with a fault in it is parsed again record by record, to find it.
      const record = run?.[index] ?? parseRecords(window.bytes.subarray(window.start, end))?.[0]
      if (record === undefined) throw this.error(FAULT_QUOTE, end, true)
      batch.line[batch.length] = this.line
      const fault = rows.readRecord(record)
      if (fault < 0) throw this.error(fault, end, true)
      this.line += linesIn(window.bytes, window.start, end)
      window.start = end
    }
  }

  /** Fills the window until it holds the whole record at its start, which may go on over several lines. */
  private async fillRecord(): Promise<void> {
    const window = this.window
    let end = recordEnd(window.bytes, window.start, window.end)
    while (end < 0 && !window.ended && window.end - window.start <= LINE_BYTES_MAX) {
      // Twice as much each time: the record is searched from its beginning.
      const enough = (window.end - window.start) * 2
      while (!window.ended && window.end - window.start < enough) await window.fill()
      end = recordEnd(window.bytes, window.start, window.end)
    }
    if (end < 0 || end - window.start > LINE_BYTES_MAX) throw this.tooLong()
  }

  /** The record at the start of the window has no end in sight. */
  private tooLong(): TraceError {
    const { bytes, start, end } = this.window
    const shown = Math.min(end, start + LINE_BYTES_MAX)
    return this.error(quotesIn(bytes, start, shown) % 2 === 1 ? FAULT_QUOTE_OPEN : FAULT_LINE_LONG, shown, true)
  }

  private error(fault: number, end: number, viaQuotes: boolean): TraceError {
    const { bytes, start } = this.window
    const place = { file: this.header.name, line: this.line, bytes, from: start, to: end, viaQuotes }
    return rowError(fault, place, this.rows, this.header.columns)
  }
}

/** Ends of the records at the start of the window that have quotes, behind its start: `n + 1` numbers for `n` records. */
function quotedRun(window: ByteWindow, recordsMax: number): number[] {
  const bounds = [window.start]
  while (bounds.length <= recordsMax) {
    const from = bounds.at(-1)!
    const end = recordEnd(window.bytes, from, window.end)
    if (end < 0 || end - from > LINE_BYTES_MAX || !hasQuote(window.bytes.subarray(from, end))) break
    bounds.push(end)
  }
  return bounds
}

function quotesIn(bytes: Uint8Array, from: number, to: number): number {
  let quotes = 0
  for (let at = from; at < to; at++) if (bytes[at] === QUOTE) quotes++
  return quotes
}

/** Bytes of the blank line at `at`, its end included; 0 when it is not blank. */
function blankLineLength(bytes: Uint8Array, at: number): number {
  if (bytes[at] === LINE_FEED) return 1
  return bytes[at] === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED ? 2 : 0
}
