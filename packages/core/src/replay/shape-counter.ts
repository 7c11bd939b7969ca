import { PINS_OPEN, PINS_PEAK } from '../ledger/totals.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { HeldShapes } from './held-shapes.ts'
import type { Lane } from './lane.ts'
import { type LaneFigures, LEVELS } from './lane-figures.ts'
import { MOVES_OTHERS, PARKS, type Shapes } from './shapes.ts'

/** Counts operations whose shapes are known: levels move as the shape has it, at submission and at completion. */
export class ShapeCounter {
  private readonly lane: Lane
  private readonly figures: LaneFigures
  private readonly shapes: Shapes
  /** Operations in flight that complete in order, and of which nothing but pins is open. */
  private readonly held = new HeldShapes()

  constructor(lane: Lane, figures: LaneFigures, shapes: Shapes) {
    this.lane = lane
    this.figures = figures
    this.shapes = shapes
  }

  /** Nothing is in flight. */
  get isIdle(): boolean {
    return this.lane.inFlight.size === 0 && this.held.length === 0
  }

  /** Pins that may still be taken before there are more than ever. */
  get headroom(): number {
    const { totals } = this.lane.ledger
    return totals[PINS_PEAK] - totals[PINS_OPEN]
  }

  /** Counts an operation that is over at once, while nothing is in flight. Returns the {@link headroom} then. */
  countAlone(shape: number): number {
    this.begin(shape)
    return this.headroom
  }

  /**
   * Counts rows of [from, end), completing before each what was only counted and is due. `shapeOf`: the shape of each row;
   * `number`: of the operation before.
   */
  count(batch: OpBatch, shapeOf: Int32Array, from: number, end: number, number: number): void {
    const before = number - from
    for (let row = from; row < end; row++) {
      row = this.countInOrder(batch, shapeOf, row, end, before)
      if (row === end) return
      this.lane.completeDue(batch.tsNs, row)
      this.submit(shapeOf[row], batch, row, before + row + 1)
    }
  }

  /**
   * {@link count} as long as operations complete in the order in which they were submitted. Returns the first row that needs
   * more, with part of what is due before it complete; or `end`. All that it changes is in local variables until then.
   */
  private countInOrder(
    { tsNs, endNs }: OpBatch,
    shapeOf: Int32Array,
    from: number,
    end: number,
    before: number,
  ): number {
    const { lane, shapes, held } = this
    const { count, pinsRise, pinsOpen, pinsOpenAtEnd, kind } = shapes
    const { shape, number, endNs: heldNs } = held
    const { totals } = lane.ledger
    const mask = heldNs.length - 1
    const dueNs = lane.inFlight.order.nextNs[0]
    let { first, length } = held
    let open = totals[PINS_OPEN]
    let peak = totals[PINS_PEAK]
    let doneNs = lane.lastNs[0]
    let row = from
    for (; row < end && tsNs[row] < dueNs; row++) {
      while (length > 0 && heldNs[first] <= tsNs[row]) {
        open += pinsOpenAtEnd[shape[first]]
        if (heldNs[first] > doneNs) doneNs = heldNs[first]
        first = (first + 1) & mask
        length--
      }
      const at = shapeOf[row]
      const sort = kind[at]
      if ((sort & PARKS) !== 0) {
        if (sort !== PARKS || length > mask || (length > 0 && endNs[row] < heldNs[(first + length - 1) & mask])) break
        const last = (first + length++) & mask
        shape[last] = at
        number[last] = before + row + 1
        heldNs[last] = endNs[row]
      }
      count[at]++
      if (open + pinsRise[at] > peak) peak = open + pinsRise[at]
      open += pinsOpen[at]
      if ((sort & MOVES_OTHERS) !== 0) this.figures.moveOthers(shapes.rise, shapes.open, at * LEVELS)
    }
    held.first = first
    held.length = length
    lane.lastNs[0] = doneNs
    totals[PINS_OPEN] = open
    totals[PINS_PEAK] = peak
    return row
  }

  /** An operation that was only counted completes. */
  complete(shape: number): void {
    const { shapes } = this
    const { totals } = this.lane.ledger
    const top = totals[PINS_OPEN] + shapes.pinsRiseAtEnd[shape]
    if (top > totals[PINS_PEAK]) totals[PINS_PEAK] = top
    totals[PINS_OPEN] += shapes.pinsOpenAtEnd[shape]
    if ((shapes.kind[shape] & MOVES_OTHERS) !== 0)
      this.figures.moveOthers(shapes.riseAtEnd, shapes.openAtEnd, shape * LEVELS)
  }

  /** Completes what was only counted and is due by `times[index]` ns. */
  completeHeld(times: Float64Array, index: number): void {
    const { held, lane } = this
    while (held.isDue(times, index)) this.complete(held.shift(lane.lastNs))
  }

  /** Completes what was only counted and completes before the operation in flight in `slot`. */
  completeHeldBefore(slot: number): void {
    const { held, lane } = this
    const { order, number } = lane.inFlight
    while (held.isBefore(order.completionNs, number, slot)) this.complete(held.shift(lane.lastNs))
  }

  /** Levels move as its submission has it. */
  private begin(shape: number): void {
    const { shapes } = this
    const { totals } = this.lane.ledger
    shapes.count[shape]++
    const top = totals[PINS_OPEN] + shapes.pinsRise[shape]
    if (top > totals[PINS_PEAK]) totals[PINS_PEAK] = top
    totals[PINS_OPEN] += shapes.pinsOpen[shape]
    if ((shapes.kind[shape] & MOVES_OTHERS) !== 0) this.figures.moveOthers(shapes.rise, shapes.open, shape * LEVELS)
  }

  /** Operation `number` is submitted: in flight then, where it is one that waits for its completion. */
  private submit(shape: number, { endNs }: OpBatch, row: number, number: number): void {
    const { shapes, lane } = this
    const { inFlight } = lane
    this.begin(shape)
    if ((shapes.kind[shape] & PARKS) === 0) return
    if (shapes.kind[shape] === PARKS && this.held.isLast(endNs, row)) {
      this.held.push(shape, number, endNs, row)
      return
    }
    const slot = inFlight.take()
    inFlight.number[slot] = number
    inFlight.shape[slot] = shape + 1
    inFlight.order.schedule(slot, inFlight.number, endNs, row)
  }
}
