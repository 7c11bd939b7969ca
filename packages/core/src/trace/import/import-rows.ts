import { FLAG_DIRECT } from '../../iter/row-flags.ts'
import {
  IMPORT_SEGMENTS_MAX,
  NAME_BYTES_MAX,
  PENDING_MAX,
  PENDING_ROWS_MAX,
  REORDER_ROWS_MAX,
  WAITING_SEGMENTS_MAX,
} from '../limits.ts'
import { END_NEVER, EVENT_IO, NONE } from '../op-batch.ts'
import { printableMessage } from '../printable.ts'
import { TraceError } from '../trace-error.ts'
import { Clock } from './clock.ts'
import { Doubts } from './doubts.ts'
import { ImportNames } from './import-names.ts'
import type { ImportReport } from './import-report.ts'
import type { ImportRow } from './import-row.ts'
import { Notes } from './notes.ts'
import { Pending } from './pending.ts'
import { Reorder } from './reorder.ts'
import type { TraceFormat } from './trace-format.ts'

/** Reason of {@link ImportRows.open}: a second operation under the same key. */
const OVERTAKEN = 'operations without a recorded completion: another one began in their place'
const HALF = 'calls whose second half was not recorded'
const SECTOR_BYTES = 512
const NOT_DIRECT =
  'operations that succeeded, although their position, length or address is no multiple of 512 as direct I/O asks, are taken as buffered where the file tells nothing'
const AWAITED_LONG = 'operations without a recorded completion: none came in the rows that followed'

/**
 * Where an importer puts its rows. They may come in any order within a window; they leave sorted by time. An operation that
 * is not complete yet waits here too ({@link open}), and holds back the rows behind it.
 */
export class ImportRows {
  readonly format: TraceFormat
  readonly file: string
  /** `# key value` lines of the trace: set them in `open` of the format. Those that core knows: kernel, filesystem, logical-block-size, dma-alignment. */
  readonly attributes = new Map<string, string>()
  /** What the times count from and in, for the report; the format's own unless the file tells better. */
  clockName: string
  /** A time as the file has it, for the report: set it in `open` where it is not seconds and nanoseconds. */
  timeText: (seconds: number, ns: number) => string = secondsText
  /** Time that the trace counts from; null: its first row. */
  originNs: number | null = null
  /**
   * Set by importers of system calls: an operation that succeeded, of which it is not known whether it was direct, and that direct
   * I/O refuses (no whole sectors), was buffered.
   */
  takesRefusedAsBuffered = false
  /** Where an importer says how sure its directions and units are. */
  readonly doubts = new Doubts()
  /** Line, or record, at work: from 1. */
  line = 0
  /** Bytes of the file before the record at work; -1 for a text. */
  byte = -1

  readonly fileNames = new ImportNames()
  readonly callNames = new ImportNames()
  readonly idNames = new ImportNames()
  readonly consumerNames = new ImportNames()
  readonly stackNames = new ImportNames()

  private readonly clock = new Clock()
  private readonly notes = new Notes()
  private readonly pending = new Pending()
  private readonly reorder = new Reorder()
  private readonly windowRows: number
  private readonly levels = new Float64Array(4)
  private sequence = 0
  private lastTakenNs = Number.NEGATIVE_INFINITY
  private rowsPut = 0
  /** Segments of the rows that wait to be put in order. */
  private segmentsWaiting = 0
  private isEnded = false

  constructor(format: TraceFormat, file: string, windowRows = REORDER_ROWS_MAX) {
    this.format = format
    this.file = file
    this.clockName = format.clock
    this.windowRows = windowRows
  }

  /** An empty row for the line at work. {@link put}, {@link open} or {@link cancel} it. */
  draft(): ImportRow {
    const row = this.reorder.draft()
    row.line = this.line
    return row
  }

  /** ns since the first time of the file, for `tsNs` and `endAt`. */
  time(seconds: number, ns: number): number {
    return this.clock.at(seconds, ns)
  }

  /** The row is done. */
  put(row: ImportRow): void {
    if (row.segmentCount > IMPORT_SEGMENTS_MAX) {
      throw this.fail(0, `the operation has more than ${IMPORT_SEGMENTS_MAX} segments`, '')
    }
    row.sequence = this.sequence++
    this.rowsPut++
    if (row.event === EVENT_IO) {
      if (this.takesRefusedAsBuffered) this.settleConsumer(row)
      this.levels[row.level]! += 1
      this.doubts.add(row)
    }
    this.segmentsWaiting += row.segmentCount
    this.reorder.push(row)
  }

  /** The row is not wanted after all. */
  cancel(row: ImportRow): void {
    this.reorder.recycle(row)
  }

  /** The operation is under way: {@link close} takes it back by the same key. */
  open(key: string | number, row: ImportRow): void {
    const before = this.pending.take(key)
    if (before !== undefined) this.giveUp(before, OVERTAKEN)
    this.pending.open(key, row)
    if (this.pending.size > PENDING_MAX) this.giveUp(this.pending.takeOldest()!, AWAITED_LONG)
  }

  /** The operation that was opened under the key; it stays open. */
  peek(key: string | number): ImportRow | undefined {
    return this.pending.peek(key)
  }

  /** Takes the operation that was opened under the key, to be put or canceled. */
  close(key: string | number): ImportRow | undefined {
    return this.pending.take(key)
  }

  /** A line or record that makes no row. `reason`: what such lines are, in the plural: `signals`, `lines of an exit`. */
  skip(reason: string): void {
    this.notes.skip(reason, this.line)
  }

  /** Something that the file does not tell was taken for granted: one sentence. */
  assume(sentence: string): void {
    this.notes.assume(sentence)
  }

  /** Something looks wrong: one sentence, with what to do. */
  doubt(sentence: string): void {
    this.notes.doubt(sentence)
  }

  /** Makes the error for the line at work, to be thrown. `column` from 1, in bytes; 0: the whole line. */
  fail(column: number, what: string, hint: string): TraceError {
    const problem = printableMessage(what)
    const { file, line, byte } = this
    if (byte < 0) return new TraceError({ file, line, column, problem, hint })
    return new TraceError({ file, line: 0, column: 0, problem: `record ${line} at byte ${byte}: ${problem}`, hint })
  }

  /** Id of a file's name, from latin-1 text. Throws a TraceError where it is too long, or there are too many; so do the others. */
  fileName(latin1: string): number {
    return this.name(this.fileNames, latin1, 'files')
  }

  /** Id of the name of a call. */
  callName(latin1: string): number {
    return this.name(this.callNames, latin1, 'calls')
  }

  /** Id of the name of an id that other rows refer to. */
  idName(latin1: string): number {
    return this.name(this.idNames, latin1, 'ids')
  }

  /** Id of the name of a consumer. */
  consumerName(latin1: string): number {
    return this.name(this.consumerNames, latin1, 'consumers')
  }

  /** Id of the name of a stack: frames from the outermost on, joined by `;`. */
  stackName(latin1: string): number {
    return this.name(this.stackNames, latin1, 'stacks')
  }

  /** No more lines will come: what is under way has no completion. */
  finish(): void {
    this.isEnded = true
    for (let row = this.pending.takeOldest(); row !== undefined; row = this.pending.takeOldest()) {
      if (row.isHalf) this.notes.skip(HALF, row.line)
      this.leaveOpen(row)
    }
  }

  /** The next row in order, or null when a later line may still have an earlier one. {@link recycle} it. */
  next(): ImportRow | null {
    const { reorder, pending } = this
    while (!this.isEnded && this.isCrowded() && pending.size > 0 && this.isHeldBack()) {
      this.giveUp(pending.takeOldest()!, AWAITED_LONG)
    }
    if (reorder.size === 0) return null
    const isFull = reorder.size > this.windowRows || this.segmentsWaiting > WAITING_SEGMENTS_MAX
    if (!this.isEnded && (!isFull || this.isHeldBack())) return null
    const row = reorder.pop()
    this.segmentsWaiting -= row.segmentCount
    if (row.tsNs < this.lastTakenNs) throw this.outOfOrder(row)
    this.lastTakenNs = row.tsNs
    return row
  }

  /** Takes back a row that {@link next} gave. */
  recycle(row: ImportRow): void {
    this.reorder.recycle(row)
  }

  /** Operations so far by level of what was recorded of their buffers. */
  operationsAt(level: number): number {
    return this.levels[level]!
  }

  /** What was made of the file so far. */
  report(lines: number): ImportReport {
    const levels = Array.from(this.levels, (count, level) => [`L${level}`, count] as const)
    return {
      format: this.format.name,
      title: this.format.title,
      lines,
      rows: this.rowsPut,
      skipped: this.notes.skippedLines(),
      clock: this.clockName,
      firstTime: this.clock.firstTime(this.timeText),
      lastTime: this.clock.lastTime(this.timeText),
      reordered: this.clock.backwards,
      levels: Object.fromEntries(levels.filter(([, count]) => count > 0)),
      assumptions: this.notes.allAssumptions(),
      doubts: this.allDoubts(lines),
    }
  }

  private settleConsumer(row: ImportRow): void {
    if (row.consumer !== NONE || (row.flags & FLAG_DIRECT) !== 0 || !(row.resultBytes > 0) || isOfSectors(row)) return
    row.consumer = this.consumerName('buffered')
    this.assume(NOT_DIRECT)
  }

  /** More waits than a completion may hold back. */
  private isCrowded(): boolean {
    return this.reorder.size > PENDING_ROWS_MAX || this.segmentsWaiting > 2 * WAITING_SEGMENTS_MAX
  }

  private allDoubts(lines: number): string[] {
    const doubts = [...this.notes.allDoubts(), ...this.doubts.sentences()]
    if (doubts.length > 0 || this.rowsPut > 0 || lines === 0 || !this.isEnded) return doubts
    return [`no row came of this file: is it ${this.format.title}? --input-format insists on another`]
  }

  /** An operation under way began before the earliest row that waits. */
  private isHeldBack(): boolean {
    const oldest = this.pending.oldest
    return oldest !== undefined && oldest.tsNs <= this.reorder.first!.tsNs
  }

  private giveUp(row: ImportRow, why: string): void {
    this.notes.skip(row.isHalf ? HALF : why, row.line)
    this.leaveOpen(row)
  }

  private leaveOpen(row: ImportRow): void {
    if (row.isHalf) {
      this.reorder.recycle(row)
      return
    }
    row.endNs = END_NEVER
    row.hasEnd = false
    this.put(row)
  }

  private outOfOrder(row: ImportRow): TraceError {
    const seconds = (this.lastTakenNs - row.tsNs) / 1e9
    const problem = `the time is ${seconds} s earlier than that of a row ${this.windowRows} rows before`
    const hint = 'Sort it into a trace first: pinscope trace convert --sort FILE -o SORTED.csv'
    return new TraceError({ file: this.file, line: this.byte < 0 ? row.line : 0, column: 0, problem, hint })
  }

  private name(names: ImportNames, latin1: string, what: string): number {
    const id = names.intern(latin1)
    if (id >= 0) return id
    if (names.isTooLong(id)) throw this.fail(0, `a name has more than ${NAME_BYTES_MAX} bytes`, '')
    throw this.fail(0, `more different names of ${what} than a trace can have`, 'Split the file.')
  }
}

/** What direct I/O takes on any disk: positions, lengths and addresses that are multiples of a sector. */
function isOfSectors(row: ImportRow): boolean {
  const parts = [Math.max(0, row.offsetBytes), Math.max(0, row.lengthBytes)]
  for (let i = 0; i < row.segmentCount; i++) parts.push(row.segmentAddress[i]!, row.segmentLength[i]!)
  return parts.every((bytes) => bytes % SECTOR_BYTES === 0)
}

function secondsText(seconds: number, ns: number): string {
  return `${seconds}.${String(ns).padStart(9, '0')}`
}
