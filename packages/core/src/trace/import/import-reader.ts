import { invariant } from '../../invariant.ts'
import { FLAG_ASSUMED } from '../../iter/row-flags.ts'
import type { ByteWindow } from '../byte-window.ts'
import type { Dictionary } from '../dictionary.ts'
import { LAYOUT_LEVELS, layoutOf } from '../header.ts'
import type { Layout } from '../layout/layout-policy.ts'
import { SgTally } from '../layout/sg-tally.ts'
import { BATCH_SEGMENTS_MAX, LINE_BYTES_MAX } from '../limits.ts'
import { BACKING_NAMES, BATCH_ROWS_MAX, EVENT_IO, EVENT_MAP, EVENT_NAMES, type OpBatch } from '../op-batch.ts'
import { CARRIAGE_RETURN, LINE_FEED } from '../text-cell.ts'
import { TraceError } from '../trace-error.ts'
import type { LayoutLevel, TraceHeader, TraceLayout, TraceReader } from '../trace-reader.ts'
import { BatchWriter } from './batch-writer.ts'
import type { ImportReport } from './import-report.ts'
import { type ImportRow, LEVEL_ADDRESSES } from './import-row.ts'
import type { ImportRows } from './import-rows.ts'
import type { Importer, LineImporter } from './trace-format.ts'

/** What makes a trace one of references (level R). */
const REFERENCE_EVENTS = ['pin', 'get', 'unpin', 'put', 'alloc', 'share', 'drop'].map((name) =>
  (EVENT_NAMES as readonly string[]).indexOf(name),
)
const BACKING_ANON = BACKING_NAMES.indexOf('anon')

/** Reads a file of a foreign format: bytes through its importer to rows, in order, with their buffers laid out. */
export class ImportReader implements TraceReader {
  readonly header: TraceHeader
  private readonly window: ByteWindow
  private readonly importer: Importer
  private readonly rows: ImportRows
  private readonly placing: Layout
  private readonly tally = new SgTally()
  private readonly writer: BatchWriter
  private originNs = Number.NaN
  private lines = 0
  private started = false
  private sawAssumed = false
  private sawReferences = false
  /** The row whose buffer is being laid out. */
  private placed: ImportRow | null = null
  /** Rows that wait for room in the batch: memory that the layout asked for, and the row that it is for. */
  private readonly waiting: ImportRow[] = []

  constructor(header: TraceHeader, window: ByteWindow, importer: Importer, rows: ImportRows, layout: Layout) {
    this.header = header
    this.window = window
    this.importer = importer
    this.rows = rows
    this.placing = layout
    this.writer = new BatchWriter(header.name, importer.kind === 'records')
  }

  get files(): Dictionary {
    return this.rows.fileNames.table
  }

  get calls(): Dictionary {
    return this.rows.callNames.table
  }

  get ids(): Dictionary {
    return this.rows.idNames.table
  }

  get consumers(): Dictionary {
    return this.rows.consumerNames.table
  }

  get stacks(): Dictionary {
    return this.rows.stackNames.table
  }

  get bytesRead(): number {
    return this.window.consumedBytes
  }

  get layout(): TraceLayout {
    if (this.header.attributes.has('layout')) return layoutOf(this.header)
    const found = LAYOUT_LEVELS.findIndex((_, level) => this.rows.operationsAt(level) > 0)
    if (found < 0) return { level: this.sawReferences ? 'R' : 'L3', assumed: null }
    const level: LayoutLevel = LAYOUT_LEVELS[found]!
    return { level, assumed: this.sawAssumed ? this.placing.name : null }
  }

  get imported(): ImportReport {
    const report = this.rows.report(this.lines)
    return { ...report, assumptions: [...report.assumptions, ...this.tally.sentences(this.placing.name)] }
  }

  async *batches(): AsyncGenerator<OpBatch> {
    invariant(!this.started, 'batches() of a trace is called once')
    this.started = true
    const { window, rows } = this
    const { batch } = this.writer
    try {
      for (;;) {
        while (this.importOne()) {
          if (!this.moveRows()) continue
          yield batch
          batch.reset(batch.firstRow + batch.length)
        }
        if (window.ended) break
        await window.fill()
      }
      this.importer.end()
      rows.finish()
      while (this.moveRows()) {
        yield batch
        batch.reset(batch.firstRow + batch.length)
      }
      if (batch.length > 0) yield batch
    } finally {
      await window.close()
    }
  }

  /** Hands the importer its next line or record; false when the window does not hold one. */
  private importOne(): boolean {
    return this.importer.kind === 'lines' ? this.importLine() : this.importRecord()
  }

  private importLine(): boolean {
    const { window, importer } = this
    invariant(importer.kind === 'lines', 'lines go to an importer of lines')
    while (window.start < window.linesEnd) {
      const from = window.start
      const lineFeed = window.bytes.indexOf(LINE_FEED, from)
      if (lineFeed - from > LINE_BYTES_MAX) throw this.tooLong()
      window.start = lineFeed + 1
      this.rows.line = ++this.lines
      const end = lineFeed > from && window.bytes[lineFeed - 1] === CARRIAGE_RETURN ? lineFeed - 1 : lineFeed
      if (end === from) continue
      this.importLineOrCut(importer, from, end, lineFeed + 1 > window.dataEnd)
      return true
    }
    if (window.end - window.start > LINE_BYTES_MAX) throw this.tooLong()
    return false
  }

  /** A recorder that was killed leaves half a line at the end of its file. */
  private importLineOrCut(importer: LineImporter, from: number, end: number, isUnended: boolean): void {
    try {
      importer.line(this.window.bytes, from, end)
    } catch (error) {
      if (!isUnended || this.lines === 1 || !(error instanceof TraceError)) throw error
      this.rows.skip('lines at the end of the file that are cut short')
    }
  }

  private importRecord(): boolean {
    const { window, importer } = this
    invariant(importer.kind === 'records', 'records go to an importer of records')
    const end = window.dataEnd
    if (window.start >= end) return false
    this.rows.line = this.lines + 1
    this.rows.byte = window.consumedBytes
    const next = importer.record(window.bytes, window.start, end, window.ended)
    if (next === 0) {
      if (end - window.start > LINE_BYTES_MAX) throw this.tooLong()
      invariant(!window.ended, 'an importer leaves bytes at the end of a file without a word')
      return false
    }
    this.lines++
    window.start = next
    return true
  }

  private tooLong() {
    this.rows.line = this.lines + 1
    const what = this.importer.kind === 'lines' ? 'line' : 'record'
    return this.rows.fail(1, `the ${what} has more than ${LINE_BYTES_MAX} bytes`, `Is this ${this.rows.format.title}?`)
  }

  /** Moves rows that are in order into the batch; true when it is full. */
  private moveRows(): boolean {
    const { batch } = this.writer
    for (;;) {
      while (this.waiting.length > 0) {
        if (batch.length === BATCH_ROWS_MAX || batch.segments.length >= BATCH_SEGMENTS_MAX) return true
        const row = this.waiting.shift()!
        this.writer.write(row, this.originNs)
        this.rows.recycle(row)
      }
      const row = this.rows.next()
      if (row === null) return false
      if (Number.isNaN(this.originNs)) this.originNs = this.rows.originNs ?? row.tsNs
      this.place(row)
      this.waiting.push(row)
    }
  }

  private place(row: ImportRow): void {
    if (REFERENCE_EVENTS.includes(row.event)) this.sawReferences = true
    if (row.event !== EVENT_IO || row.level === LEVEL_ADDRESSES) return
    this.sawAssumed = true
    row.flags |= FLAG_ASSUMED
    this.placed = row
    this.tally.add(row, this.placing.place(row, this.map))
  }

  /** A `map` row before the one that is being placed. */
  private readonly map = (addressBytes: number, lengthBytes: number, order: number): void => {
    const before = this.placed
    invariant(before !== null, 'memory is mapped for a row')
    const row = this.rows.draft()
    row.line = before.line
    row.tsNs = before.tsNs
    row.event = EVENT_MAP
    row.mm = before.mm
    row.backing = BACKING_ANON
    row.hasBacking = true
    row.order = order
    row.addSegment(addressBytes, lengthBytes)
    this.waiting.push(row)
  }
}
