import { type OperationShape, SHAPE_PAGES_MAX } from '../consumer/consumer.ts'
import { COLUMN_END, COLUMN_EVENT } from '../trace/columns.ts'
import { BATCH_ROWS_MAX, EVENT_IO, EVENT_MAP, type OpBatch } from '../trace/op-batch.ts'
import { PAGE_OFFSET_MASK, PAGE_SHIFT, PAGE_SIZE } from '../units.ts'
import type { Lane } from './lane.ts'
import { LaneFigures, LEVEL_PINS, LEVEL_REFS, LEVELS } from './lane-figures.ts'
import { HAS_END, HAS_FILE, NOT_PLAIN, ONE_MORE, PHASE_SHIFT, type PlainRows } from './plain-rows.ts'
import { orderOfClass, SettledPages } from './settled-pages.ts'
import { ShapeCounter } from './shape-counter.ts'
import { ShapeMeasure } from './shape-measure.ts'
import { hashOf, PARKS, Shapes, SLOT_MASK } from './shapes.ts'

// key 2: place in the page, or whether it is aligned, 0-11; whether the position is, 12; the class of the pages from 13 on.
const POSITION_OFF = 1 << 12
const CLASS_SHIFT = 13

/**
 * The same operation does the same work. Where a consumer says so (`operationShape`), a lane does an operation in full until its
 * pages are settled and its shape came before, then once more to see by how much every figure grows, and only counts
 * it from then on. The report comes out the same, digit by digit: what is left out is work, not figures.
 *
 * A shape is the length, the direction, the flags, the number of pages, the alignment in memory and in the file as far as the
 * consumer looks at it, the kind and order of the folios, and, where the operation reaches beyond one folio, the place in that.
 */
export class ShapeMemo {
  private readonly lane: Lane
  private readonly positionMask: number
  private readonly placeMask: number
  /** Of longer operations the place in the page matters. */
  private readonly alignedPagesMax: number
  private readonly isAloneOnly: boolean
  /** Bits of the keys of rows that are done in full. */
  private readonly refused: number
  /** There was a row that is neither an operation nor a mapping. */
  private sawOther = false
  private readonly settled: SettledPages
  private readonly figures: LaneFigures
  private readonly shapes: Shapes
  /** What was counted only of the consumer's own counters. */
  private readonly counters: Float64Array
  private readonly measure: ShapeMeasure
  readonly counter: ShapeCounter
  /** Of rows of the batch at work. */
  private readonly shapeOf = new Int32Array(BATCH_ROWS_MAX)
  /** The row that {@link run} stopped at: its keys, the first one 0 where it has none. */
  private key1 = 0
  private key2 = 0
  private key3 = 0
  /** Its pages are settled, and its shape is not known. */
  private isNew = false
  private isSettled = false
  private isLearning = false

  /** The second parameter: as the consumer has it. */
  constructor(lane: Lane, shape: OperationShape) {
    const { positionAlignmentBytes, addressAlignmentBytes, aloneOnly, alignedPagesMax } = shape
    this.lane = lane
    this.positionMask = positionAlignmentBytes - 1
    this.placeMask = addressAlignmentBytes - 1
    this.alignedPagesMax =
      addressAlignmentBytes === 0 ? 0 : Math.min(alignedPagesMax ?? SHAPE_PAGES_MAX, SHAPE_PAGES_MAX)
    this.isAloneOnly = aloneOnly === true
    this.refused = this.isAloneOnly ? NOT_PLAIN | HAS_END | HAS_FILE : NOT_PLAIN
    this.settled = new SettledPages(lane.memory)
    this.figures = new LaneFigures(lane)
    this.shapes = new Shapes(this.figures)
    this.counters = new Float64Array(this.figures.counters.length)
    this.measure = new ShapeMeasure(lane, this.figures)
    this.counter = new ShapeCounter(lane, this.figures, this.shapes)
  }

  /**
   * Counts rows of [from, end) whose shape is known, completing what is due before each. Returns the first row that has to
   * be done in full, with what is due before it complete; or `end`. `number`: of the operation before.
   */
  run(batch: OpBatch, rows: PlainRows, from: number, end: number, number: number): number {
    const { tsNs } = batch
    const { lane } = this
    if (this.isAloneOnly && !this.isAlone(batch, from)) {
      this.stop(0, 0, 0, false, false)
      return from
    }
    let row = from
    for (;;) {
      const first = row
      const isIdle = (batch.columns & (1 << COLUMN_END)) === 0 && this.counter.isIdle
      row = this.recognise(batch, rows, first, end, isIdle)
      if (row > first) {
        if (!isIdle) this.counter.count(batch, this.shapeOf, first, row, number + first - from)
        lane.lastNs[0] = Math.max(lane.lastNs[0], tsNs[row - 1])
      }
      if (row === end) return row
      const isDue = tsNs[row] >= lane.inFlight.order.nextNs[0]
      lane.completeDue(tsNs, row)
      if (!isDue) return row
    }
  }

  /**
   * Finds the shapes of rows of [from, end), into {@link shapeOf}; where nothing is in flight (`isIdle`) they are counted at
   * once. Returns the first row whose shape is not known, or before which an operation completes that was done in full; or
   * `end`.
   */
  private recognise(batch: OpBatch, rows: PlainRows, from: number, end: number, isIdle: boolean): number {
    const { tsNs, mm, direction, offsetBytes, segmentFirst } = batch
    const { addressBytes, lengthBytes } = batch.segments
    const { lane, settled, shapes, shapeOf, refused, positionMask, placeMask, alignedPagesMax } = this
    const { key } = rows
    const { table, count, pinsRise, kind } = shapes
    const dueNs = lane.inFlight.order.nextNs[0]
    const isBounded = dueNs < Number.POSITIVE_INFINITY
    let headroom = isIdle ? this.counter.headroom : 0
    let { plainMm, plainFirst, plainEnd, plainClass } = settled
    this.stop(0, 0, 0, false, false)
    for (let row = from; row < end; row++) {
      let key3 = key[row]
      if ((key3 & refused) !== 0 || (isBounded && tsNs[row] >= dueNs)) return row
      const segment = segmentFirst[row]
      const bytes = lengthBytes[segment] | 0
      const address = addressBytes[segment]
      let found = plainClass
      if (mm[row] !== plainMm || address < plainFirst || address + bytes > plainEnd) {
        found = settled.classAt(mm[row], addressBytes, segment, bytes)
        ;({ plainMm, plainFirst, plainEnd, plainClass } = settled)
      }
      const place = address & PAGE_OFFSET_MASK
      const pages = (place + bytes + PAGE_OFFSET_MASK) >> PAGE_SHIFT
      let key2 = found << CLASS_SHIFT
      if (positionMask !== 0 && (offsetBytes[row] & positionMask) !== 0) key2 |= POSITION_OFF
      if (pages > alignedPagesMax) key2 |= place
      else if ((place & placeMask) !== 0) key2 |= 1
      if (pages << PAGE_SHIFT >= bytes + PAGE_SIZE) key3 |= ONE_MORE
      if (orderOfClass(found) > 0) key3 |= phaseOf(orderOfClass(found), address & 0x7fffffff, bytes)
      const key1 = (bytes << 1) | direction[row]
      let slot = hashOf(key1, key2, key3) & SLOT_MASK
      if (table[slot] !== key1 || table[slot + 1] !== key2 || table[slot + 2] !== key3) {
        slot = shapes.slotOf(key1, key2, key3)
      }
      const at = table[slot + 3] - 1
      if (at < 0 || found === 0) {
        this.stop(key1, key2, key3, found !== 0, table[slot] === 0)
        return row
      }
      if (!isIdle) shapeOf[row] = at
      else if (pinsRise[at] <= headroom && kind[at] === 0) count[at]++
      else headroom = this.counter.countAlone(at)
    }
    return end
  }

  /** The row that {@link run} stopped at is about to be done. */
  begin(batch: OpBatch): void {
    const { key1, key2, key3 } = this
    // While an operation that was only counted is in flight no other row may look at what it holds.
    const mayLearn = this.isNew && ((key3 & HAS_END) === 0 || (batch.columns & (1 << COLUMN_EVENT)) === 0)
    this.isLearning = mayLearn && this.shapes.isWanted(key1, key2, key3)
    if (this.isLearning) this.measure.begin()
  }

  /** It was done: its pages are settled if it went over all of them, and it may have shown what its shape does. */
  end(batch: OpBatch, row: number): void {
    const { key1 } = this
    if (key1 === 0) {
      const event = batch.event[row]
      if (event !== EVENT_IO) this.settled.forget()
      if (event !== EVENT_IO && event !== EVENT_MAP) this.sawOther = true
      return
    }
    if (this.isLearning) this.learn()
    else if (!this.isSettled && this.lane.io.result === key1 >>> 1) {
      const address = batch.segments.addressBytes[batch.segmentFirst[row]]
      this.settled.settle(batch.mm[row], address, key1 >>> 1)
    }
  }

  /** Before and after the completion of an operation in flight that shows what its shape does. */
  beginEnd(): void {
    this.measure.begin()
  }

  endEnd(shape: number): void {
    const { measure, shapes } = this
    measure.end()
    shapes.addEnd(shape, measure)
    const keepsPages = [LEVEL_PINS, LEVEL_REFS].some(
      (level) => shapes.open[shape * LEVELS + level] + measure.open[level] !== 0,
    )
    if (!keepsPages && !measure.sawViolation) shapes.makeReady(shape)
  }

  /** The trace is over: every sum of the lane gets what was counted only. */
  addUp(): void {
    this.shapes.addUp(this.counters)
  }

  /** The consumer's own counters, with what was counted only. */
  withCounted(counters: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
    return Object.fromEntries(this.figures.counters.map((name, slot) => [name, counters[name] + this.counters[slot]]))
  }

  /** Nothing but operations and mappings came, and nothing is in flight before the row. */
  private isAlone(batch: OpBatch, row: number): boolean {
    if (this.sawOther) return false
    this.lane.completeDue(batch.tsNs, row)
    return this.lane.inFlight.size === 0
  }

  private stop(key1: number, key2: number, key3: number, isSettled: boolean, isNew: boolean): void {
    this.key1 = key1
    this.key2 = key2
    this.key3 = key3
    this.isSettled = isSettled
    this.isNew = isSettled && isNew
  }

  private learn(): void {
    const { measure, shapes, lane } = this
    measure.end()
    const at = shapes.add(this.key1, this.key2, this.key3, measure)
    if (measure.sawViolation) return
    const isParked = (this.key3 & HAS_END) !== 0 && lane.io.result >= 0
    if (isParked) {
      shapes.kind[at] |= PARKS
      lane.inFlight.shape[lane.inFlight.lastTaken] = -(at + 1)
    } else if (!measure.keepsPages) shapes.makeReady(at)
  }
}

/**
 * Where in its folio an operation begins that reaches beyond it, in pages and plus one; 0 within one folio. `address`: its
 * low 31 bits, which a folio never exceeds.
 */
function phaseOf(order: number, address: number, bytes: number): number {
  const folioBytes = PAGE_SIZE << order
  const place = address & (folioBytes - 1)
  return place + bytes > folioBytes ? ((place >> PAGE_SHIFT) + 1) << PHASE_SHIFT : 0
}
