import { ENTRIES_OPERATION_MAX } from '../consumer/figures.ts'
import type { Lane } from './lane.ts'
import { FIGURES_AT, type LaneFigures, LEVEL_PINS, LEVEL_REFS, LEVELS } from './lane-figures.ts'

/** What a stretch of work does to the figures of a lane: measured from {@link begin} to {@link end}. */
export class ShapeMeasure {
  /** By how much each sum grew. */
  readonly deltas: Float64Array
  /** How far each level rose above where it stood, and how much higher it stood at the end. */
  readonly rise = new Float64Array(LEVELS)
  readonly open = new Float64Array(LEVELS)
  /** It told of a violation: a thing of the one row. */
  sawViolation = false

  private readonly lane: Lane
  private readonly figures: LaneFigures
  private readonly before: Float64Array
  private readonly peaks = new Float64Array(LEVELS)
  private readonly levels = new Float64Array(LEVELS)
  private violations = 0

  constructor(lane: Lane, figures: LaneFigures) {
    this.lane = lane
    this.figures = figures
    this.deltas = new Float64Array(figures.length)
    this.before = new Float64Array(figures.length)
  }

  begin(): void {
    const { figures, levels, peaks } = this
    figures.read(this.before)
    figures.readLevels(levels)
    figures.readPeaks(peaks)
    // Peaks from here on.
    figures.writePeaks(levels)
    this.violations = this.lane.ledger.violationCount
  }

  end(): void {
    const { figures, levels, peaks, rise, open, deltas, before } = this
    figures.read(deltas)
    for (let slot = 0; slot < deltas.length; slot++) deltas[slot]! -= before[slot]!
    // The most that one operation built is that of its shape already.
    deltas[FIGURES_AT + ENTRIES_OPERATION_MAX] = 0
    figures.readLevels(open)
    figures.readPeaks(rise)
    for (let level = 0; level < LEVELS; level++) {
      peaks[level] = Math.max(peaks[level]!, rise[level]!)
      rise[level]! -= levels[level]!
      open[level]! -= levels[level]!
    }
    figures.writePeaks(peaks)
    this.sawViolation = this.lane.ledger.violationCount !== this.violations
  }

  /** References and pins stay open. */
  get keepsPages(): boolean {
    return this.open[LEVEL_PINS] !== 0 || this.open[LEVEL_REFS] !== 0
  }
}
