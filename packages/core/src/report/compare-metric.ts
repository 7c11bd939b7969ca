import type { LaneReport } from './report.ts'

/** Which way a figure is the better one: less of it, more of it, or neither. */
export type Better = 'less' | 'more' | 'neither'

/** A figure that lanes are compared by. */
export interface CompareMetric {
  /** Where a lane of a report has it: `entries.built`. A part that a lane leaves out is 0: it made none. */
  readonly name: string
  /** What is counted, in the plural: `list entries`. */
  readonly label: string
  readonly unit: string
  readonly better: Better
  /** What it counts, in one clause. */
  readonly summary: string
  /** Worth a place in a sentence that says what differs. */
  readonly isHeadline?: true
  /** Anything but 0 is bad news, and the first to be told. */
  readonly isBad?: true
  /** The figure of a lane. */
  value(lane: LaneReport): number
}

/** Figures under one heading. */
export interface CompareGroup {
  readonly heading: string
  readonly metrics: readonly CompareMetric[]
}
