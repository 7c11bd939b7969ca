import { PINS_OPEN, PINS_PEAK, REFS_OPEN, REFS_PEAK } from '../ledger/totals.ts'
import type { Lane } from './lane.ts'

/** Figures that rise and fall: each has what is open, and the most that ever was. */
export const LEVEL_PINS = 0
export const LEVEL_REFS = 1
export const LEVEL_ALLOCATED = 2
export const LEVEL_MAPPED = 3
export const LEVELS = 4

/** Slots of a lane's sums: ledger, lane, consumer, allocations, mappings; then the consumer's own counters. */
const TOTALS = 10
const SUMS = 4
const FIGURES = 9
/** Where the figures of the operations begin. */
export const FIGURES_AT = TOTALS + SUMS
const OTHERS = 6

/**
 * Every sum of a lane as one column, to be compared before and after an operation, and to be added to. What is open, and
 * peaks, are not among them: those are levels.
 */
export class LaneFigures {
  /** The names of the consumer's own counters, in the order of their slots. */
  readonly counters: readonly string[]
  readonly length: number
  private readonly lane: Lane

  constructor(lane: Lane) {
    this.lane = lane
    this.counters = Object.keys(lane.consumer.counters())
    this.length = TOTALS + SUMS + FIGURES + OTHERS + this.counters.length
  }

  /** Copies every sum into `out`; what is open and the peaks are 0 there. */
  read(out: Float64Array): void {
    const { ledger, sums, io, consumer } = this.lane
    out.set(ledger.totals, 0)
    for (const level of [PINS_OPEN, PINS_PEAK, REFS_OPEN, REFS_PEAK]) out[level] = 0
    out.set(sums, TOTALS)
    out.set(io.figures, FIGURES_AT)
    const { allocations, dma } = io
    const others = FIGURES_AT + FIGURES
    out[others] = allocations.made
    out[others + 1] = allocations.freed
    out[others + 2] = allocations.bytes
    out[others + 3] = dma.maps
    out[others + 4] = dma.mappedEntries
    out[others + 5] = dma.unmappedEntries
    const counters = consumer.counters()
    this.counters.forEach((name, slot) => {
      out[others + OTHERS + slot] = counters[name]!
    })
  }

  /** Adds `times` times what stands in `deltas` from `at` on to every sum but the consumer's own, which go to `counters`. */
  add(deltas: Float64Array, at: number, times: number, counters: Float64Array): void {
    const { ledger, sums, io } = this.lane
    addTo(ledger.totals, deltas, at, times)
    addTo(sums, deltas, at + TOTALS, times)
    addTo(io.figures, deltas, at + FIGURES_AT, times)
    const { allocations, dma } = io
    const others = at + FIGURES_AT + FIGURES
    allocations.made += deltas[others]! * times
    allocations.freed += deltas[others + 1]! * times
    allocations.bytes += deltas[others + 2]! * times
    dma.maps += deltas[others + 3]! * times
    dma.mappedEntries += deltas[others + 4]! * times
    dma.unmappedEntries += deltas[others + 5]! * times
    addTo(counters, deltas, others + OTHERS, times)
  }

  /** What is open at each level now. */
  readLevels(out: Float64Array): void {
    const { ledger, io } = this.lane
    out[LEVEL_PINS] = ledger.totals[PINS_OPEN]!
    out[LEVEL_REFS] = ledger.totals[REFS_OPEN]!
    out[LEVEL_ALLOCATED] = io.allocations.openBytes
    out[LEVEL_MAPPED] = io.dma.openEntries
  }

  /** The most that ever was open at each level. */
  readPeaks(out: Float64Array): void {
    const { ledger, io } = this.lane
    out[LEVEL_PINS] = ledger.totals[PINS_PEAK]!
    out[LEVEL_REFS] = ledger.totals[REFS_PEAK]!
    out[LEVEL_ALLOCATED] = io.allocations.peakBytes
    out[LEVEL_MAPPED] = io.dma.peakEntries
  }

  writePeaks(peaks: Float64Array): void {
    const { ledger, io } = this.lane
    ledger.totals[PINS_PEAK] = peaks[LEVEL_PINS]!
    ledger.totals[REFS_PEAK] = peaks[LEVEL_REFS]!
    io.allocations.peakBytes = peaks[LEVEL_ALLOCATED]!
    io.dma.peakEntries = peaks[LEVEL_MAPPED]!
  }

  /** References, allocations and mappings rise as a shape says, and stay higher by what it leaves open. */
  moveOthers(rises: Float64Array, opens: Float64Array, at: number): void {
    const { totals } = this.lane.ledger
    const { allocations, dma } = this.lane.io
    const refs = totals[REFS_OPEN]!
    totals[REFS_PEAK] = Math.max(totals[REFS_PEAK]!, refs + rises[at + LEVEL_REFS]!)
    totals[REFS_OPEN] = refs + opens[at + LEVEL_REFS]!
    allocations.peakBytes = Math.max(allocations.peakBytes, allocations.openBytes + rises[at + LEVEL_ALLOCATED]!)
    allocations.openBytes += opens[at + LEVEL_ALLOCATED]!
    dma.peakEntries = Math.max(dma.peakEntries, dma.openEntries + rises[at + LEVEL_MAPPED]!)
    dma.openEntries += opens[at + LEVEL_MAPPED]!
  }
}

function addTo(sums: Float64Array, deltas: Float64Array, at: number, times: number): void {
  for (let slot = 0; slot < sums.length; slot++) sums[slot]! += deltas[at + slot]! * times
}
