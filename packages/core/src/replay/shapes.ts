import { grown } from '../grown.ts'
import { type LaneFigures, LEVEL_PINS, LEVELS } from './lane-figures.ts'
import type { ShapeMeasure } from './shape-measure.ts'

/** Shapes kept at most; operations of further ones are done in full. */
export const SHAPES_MAX = 4096
const SLOTS = 4 * SHAPES_MAX
/** Of the index of an element: every fourth begins a slot. */
export const SLOT_MASK = 4 * SLOTS - 4
const SEEN_SLOTS = 4096

export const PARKS = 1
export const MOVES_OTHERS = 2
export const RISES_AT_END = 4

/**
 * What operations of one shape do to the figures of a lane: by how much each sum grows, and how each level moves, at
 * submission and at completion. A shape is three int32 keys, and its index a row of the columns here.
 */
export class Shapes {
  length = 0
  /** How often the shape came and was counted only. */
  readonly count = new Float64Array(SHAPES_MAX)
  /** {@link PARKS}: it is in flight between submission and completion; {@link MOVES_OTHERS} than pins; {@link RISES_AT_END}: pins do. */
  readonly kind = new Uint8Array(SHAPES_MAX)
  /** Pins: how far they rise above what is open, and how many more are open then; at submission, and at completion. */
  readonly pinsRise = new Float64Array(SHAPES_MAX)
  readonly pinsOpen = new Float64Array(SHAPES_MAX)
  readonly pinsRiseAtEnd = new Float64Array(SHAPES_MAX)
  readonly pinsOpenAtEnd = new Float64Array(SHAPES_MAX)
  /** Every level, {@link LEVELS} elements a shape. */
  readonly rise = new Float64Array(SHAPES_MAX * LEVELS)
  readonly open = new Float64Array(SHAPES_MAX * LEVELS)
  readonly riseAtEnd = new Float64Array(SHAPES_MAX * LEVELS)
  readonly openAtEnd = new Float64Array(SHAPES_MAX * LEVELS)
  private readonly slot = new Int32Array(SHAPES_MAX)
  private readonly figures: LaneFigures
  /** Sums of each shape; grows with them. */
  private sums: Float64Array<ArrayBuffer>

  /**
   * Three keys and a shape in four elements: open addressing, at most a quarter full; key 1 is 0 where there is none. The shape
   * is its index plus one, less than 0 while what it does is not known.
   */
  readonly table = new Int32Array(4 * SLOTS)
  /** Keys of shapes that came once, three for each slot; the newest stays. */
  private readonly seen = new Int32Array(3 * SEEN_SLOTS)

  constructor(figures: LaneFigures) {
    this.figures = figures
    this.sums = new Float64Array(64 * figures.length)
  }

  /** There is room for the shape, and it came before, with not too many others since. */
  isWanted(key1: number, key2: number, key3: number): boolean {
    if (this.length === SHAPES_MAX) return false
    const at = 3 * (hashOf(key1, key2, key3) & (SEEN_SLOTS - 1))
    const { seen } = this
    if (seen[at] === key1 && seen[at + 1] === key2 && seen[at + 2] === key3) return true
    seen[at] = key1
    seen[at + 1] = key2
    seen[at + 2] = key3
    return false
  }

  /** Adds a shape, with what its submission was measured to do. Returns its index. */
  add(key1: number, key2: number, key3: number, { deltas, rise, open }: ShapeMeasure): number {
    const at = this.length++
    if (deltas.length * this.length > this.sums.length) this.sums = grown(this.sums, this.sums.length * 2)
    this.sums.set(deltas, at * deltas.length)
    this.rise.set(rise, at * LEVELS)
    this.open.set(open, at * LEVELS)
    this.pinsRise[at] = rise[LEVEL_PINS]
    this.pinsOpen[at] = open[LEVEL_PINS]
    this.noteOthers(at, rise)
    const slot = this.slotOf(key1, key2, key3)
    this.table[slot] = key1
    this.table[slot + 1] = key2
    this.table[slot + 2] = key3
    this.table[slot + 3] = -(at + 1)
    this.slot[at] = slot
    return at
  }

  /** Adds what its completion was measured to do. */
  addEnd(at: number, { deltas, rise, open }: ShapeMeasure): void {
    const from = at * deltas.length
    for (let slot = 0; slot < deltas.length; slot++) this.sums[from + slot] += deltas[slot]
    this.riseAtEnd.set(rise, at * LEVELS)
    this.openAtEnd.set(open, at * LEVELS)
    this.pinsRiseAtEnd[at] = rise[LEVEL_PINS]
    this.pinsOpenAtEnd[at] = open[LEVEL_PINS]
    if (rise[LEVEL_PINS] > 0) this.kind[at] |= RISES_AT_END
    this.noteOthers(at, rise)
  }

  /** What the shape does is known from now on. */
  makeReady(at: number): void {
    this.table[this.slot[at] + 3] = at + 1
  }

  /** Where in {@link table} a shape stands, or may be put. */
  slotOf(key1: number, key2: number, key3: number): number {
    const { table } = this
    let slot = hashOf(key1, key2, key3) & SLOT_MASK
    while (table[slot] !== 0 && (table[slot] !== key1 || table[slot + 1] !== key2 || table[slot + 2] !== key3))
      slot = (slot + 4) & SLOT_MASK
    return slot
  }

  private noteOthers(at: number, rise: Float64Array): void {
    for (let level = LEVEL_PINS + 1; level < LEVELS; level++) if (rise[level] !== 0) this.kind[at] |= MOVES_OTHERS
  }

  /** Adds to every sum of the lane what the operations did that were counted only; `counters`: the consumer's own. */
  addUp(counters: Float64Array): void {
    const { figures, count, sums } = this
    for (let at = 0; at < this.length; at++) {
      if (count[at] === 0) continue
      figures.add(sums, at * figures.length, count[at]!, counters)
      count[at] = 0
    }
  }
}

export function hashOf(key1: number, key2: number, key3: number): number {
  return Math.imul(key1 ^ (key2 << 16) ^ (key3 << 8) ^ (key3 >>> 9), 0x9e3779b1) >>> 14
}
