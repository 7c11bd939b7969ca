import {
  COLUMN_BACKING,
  COLUMN_CALL,
  COLUMN_EVENT,
  COLUMN_FILE,
  COLUMN_FLAGS,
  COLUMN_ID,
  COLUMN_ITER,
  COLUMN_LEN,
  COLUMN_OFFSET,
  COLUMN_OP,
  COLUMN_SEGS,
  COLUMN_TS,
} from '../columns.ts'
import { BATCH_SEGMENTS_MAX } from '../limits.ts'
import { BATCH_ROWS_MAX, EVENT_IO, FLAG_FIXED, NONE, OP_NONE, type OpBatch } from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'
import type { Texts } from './dictionaries.ts'
import type { ArrowMessage } from './message-reader.ts'
import { PlainBatch } from './plain-batch.ts'
import { BACKING_NONE, type PlainFile, type PlainFiller, plainFiller, UNSORTED } from './plain-fillers.ts'
import { BAD, SOME_EMPTY, SOME_THERE } from './plain-indices.ts'
import { isBelow52 } from './plain-numbers.ts'
import type { PlainSchema } from './plain-schema.ts'
import { PlainSegments } from './plain-segments.ts'
import { finishSingles } from './plain-singles.ts'
import { plainTexts } from './plain-texts.ts'
import type { RowSink } from './row-sink.ts'

const OP = 1 << COLUMN_OP
const SEGS = 1 << COLUMN_SEGS

/**
 * Reads the columns of record batches at their places in memory, a loop a column; rows that are alike are checked in one go,
 * others one by one. What it does not know, or what is wrong, it leaves to {@link ExactColumns}.
 */
export class PlainColumns {
  /** Mask of the columns that a trace has, without those that have no values. */
  readonly mask: number
  private readonly sink: RowSink
  private readonly batch: PlainBatch
  private readonly fillers: readonly PlainFiller[]
  private readonly segments: PlainSegments | null
  /** Numbers of the dictionaries of the schema. */
  private readonly dictionaries: ReadonlySet<number>
  private rows = 0
  /** Others wrote into the batch. */
  private isForeign = false

  constructor(schema: PlainSchema, sink: RowSink, dictionaries: PlainFile['dictionaries']) {
    this.sink = sink
    this.dictionaries = schema.dictionaries
    this.batch = new PlainBatch(schema.nodes, schema.buffers)
    const file = { batch: this.batch, sink, dictionaries }
    const segs = schema.columns.find(({ code }) => code === COLUMN_SEGS)
    this.segments = segs === undefined ? null : new PlainSegments(this.batch, segs, sink, dictionaries)
    this.fillers = schema.columns.filter((column) => column !== segs).map((column) => plainFiller(file, column))
    this.mask = schema.columns.reduce((mask, { code }) => mask | (1 << code), 0)
  }

  /** Takes a record batch apart; false where it is none of those that are read here. */
  open(message: ArrowMessage): boolean {
    const { batch } = this
    this.rows = message.facts.rows
    if (!batch.open(message)) return false
    for (const { column } of this.fillers) {
      if (!batch.holds(column.node, column.buffer, this.rows, column.bits >> 3)) return false
      if (column.code === COLUMN_TS && batch.hasNulls(column.node, column.buffer)) return false
    }
    return this.segments?.holds(this.rows) ?? true
  }

  /** The texts that a dictionary message brings; null where that is for others to say. */
  textsOf(message: ArrowMessage): Texts | null {
    return this.dictionaries.has(message.facts.id) ? plainTexts(message) : null
  }

  /** Copies rows from `from` of the record batch on into the batch, as many as fit; false where that is for others to do. */
  fill(from: number): boolean {
    const { sink, segments } = this
    let count = Math.min(BATCH_ROWS_MAX, this.rows - from)
    if (segments !== null) count = segments.rowsThatFit(from, count)
    const { batch } = sink
    if (this.isForeign) this.clear()
    if (!this.has(COLUMN_ITER)) batch.iterType.fill(ITER_UNSET, 0, count)
    if (!this.has(COLUMN_LEN)) batch.lengthBytes.fill(NONE, 0, count)
    let alike = segments !== null && this.has(COLUMN_OP)
    for (const filler of this.fillers) {
      const all = filler.fill(from, count)
      if (all === BAD) return false
      alike &&= isUsual(filler.column.code, all)
    }
    if (alike && segments!.copyOneEach(from, count)) {
      if (!segments!.knowsFiles()) return false
      if (finishSingles(sink, count, this.mask)) return true
    }
    return this.finishEach(from, count)
  }

  /** Others write into the batch. */
  forget(): void {
    this.isForeign = true
  }

  /** What no column is copied to. */
  private clear(): void {
    const { batch } = this.sink
    this.isForeign = false
    batch.order.fill(NONE)
    batch.holeOffsetBytes.fill(0)
    batch.holeLengthBytes.fill(NONE)
  }

  private finishEach(from: number, count: number): boolean {
    const { sink, segments } = this
    const { batch } = sink
    if (segments !== null && !segments.prepare(from, count)) return false
    const hasBacking = this.has(COLUMN_BACKING)
    for (let row = 0; row < count && batch.segments.length < BATCH_SEGMENTS_MAX; row++) {
      const first = batch.segments.length
      batch.line[row] = batch.firstRow + row
      batch.segmentFirst[row] = first
      const sumBytes = segments === null ? 0 : segments.add(row, from)
      let present = presentOf(batch, row) | (batch.segments.length > first ? SEGS : 0)
      if (hasBacking) {
        if (batch.backing[row] === BACKING_NONE) batch.backing[row] = 0
        else present |= 1 << COLUMN_BACKING
      }
      sink.present[row] = present
      sink.finish(row, sumBytes)
    }
    return true
  }

  private has(code: number): boolean {
    return (this.mask & (1 << code)) !== 0
  }
}

/** The columns that rules ask for and that are not empty; those of segments and of backings are known elsewhere. */
function presentOf(batch: OpBatch, row: number): number {
  let present = 1 << COLUMN_TS
  if (batch.direction[row] !== OP_NONE) present |= OP
  if (batch.lengthBytes[row]! >= 0) present |= 1 << COLUMN_LEN
  if (batch.id[row] !== NONE) present |= 1 << COLUMN_ID
  if (batch.call[row] !== NONE) present |= 1 << COLUMN_CALL
  if (batch.file[row] !== NONE) present |= 1 << COLUMN_FILE
  return present
}

/** Nothing in the column asks for a look at each row: operations in order, without backings or registered buffers. */
function isUsual(code: number, all: number): boolean {
  switch (code) {
    case COLUMN_TS:
      return all !== UNSORTED
    case COLUMN_OFFSET:
      return isBelow52(all)
    case COLUMN_OP:
      return (all & SOME_EMPTY) === 0
    case COLUMN_EVENT:
      return (all & ~(SOME_EMPTY | SOME_THERE)) === EVENT_IO
    case COLUMN_BACKING:
      return (all & SOME_THERE) === 0
    case COLUMN_FLAGS:
      return (all & FLAG_FIXED) === 0
    default:
      return true
  }
}
