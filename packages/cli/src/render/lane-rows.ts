import { type LaneReport, neverFreed, neverFreedBytes, neverUnmapped } from '@pinscope/core'

/** One line of the table of lanes. */
export interface Metric {
  readonly label: string
  /** null where the lane has nothing to tell. */
  readonly value: (lane: LaneReport) => number | null
  /** Shown even when it is 0 in every lane: its absence is the news. */
  readonly always?: boolean
}

/** Metrics under one heading. */
export interface MetricGroup {
  readonly heading: string
  readonly metrics: readonly Metric[]
}

/** What the table of lanes shows, from top to bottom. Lines that are 0 in every lane are left out, unless `always`. */
export const METRIC_GROUPS: readonly MetricGroup[] = [
  {
    heading: 'operations',
    metrics: [
      { label: 'replayed', value: (lane) => lane.operations, always: true },
      { label: 'ended with an errno', value: (lane) => lane.errors, always: true },
      { label: 'in flight at the end', value: (lane) => lane.inFlight },
      { label: 'bytes moved', value: (lane) => lane.bytes, always: true },
    ],
  },
  {
    heading: 'pins (pages, FOLL_PIN)',
    metrics: [
      { label: 'acquired', value: (lane) => lane.pins.acquired, always: true },
      { label: 'released', value: (lane) => lane.pins.released, always: true },
      { label: 'open at the end', value: (lane) => lane.pins.open, always: true },
      { label: 'of these long-term', value: (lane) => lane.pins.longTerm },
      { label: 'peak', value: (lane) => lane.pins.peak },
    ],
  },
  {
    heading: 'references (pages, FOLL_GET)',
    metrics: [
      { label: 'acquired', value: (lane) => lane.refs.acquired },
      { label: 'released', value: (lane) => lane.refs.released },
      { label: 'open at the end', value: (lane) => lane.refs.open },
      { label: 'of these long-term', value: (lane) => lane.refs.longTerm },
      { label: 'peak', value: (lane) => lane.refs.peak },
    ],
  },
  {
    heading: 'cost',
    metrics: [
      { label: 'bare pages', value: (lane) => lane.bare.pages },
      { label: 'reference operations', value: (lane) => lane.refOps, always: true },
      { label: 'list entries built', value: (lane) => lane.entries.built },
      { label: 'bytes of these lists', value: (lane) => lane.entries.bytes },
      { label: 'most in one operation', value: (lane) => lane.entries.perOperationMax },
      { label: 'list limit hit', value: (lane) => lane.entries.limitHits },
    ],
  },
  {
    heading: 'allocated by the consumer',
    metrics: [
      { label: 'allocations', value: (lane) => lane.allocations?.made ?? null },
      { label: 'bytes', value: (lane) => lane.allocations?.bytes ?? null },
      { label: 'peak bytes', value: (lane) => lane.allocations?.peakBytes ?? null },
      { label: 'allocations never freed', value: neverFreed, always: true },
      { label: 'bytes never freed', value: neverFreedBytes, always: true },
    ],
  },
  {
    heading: 'mapped for a device (DMA)',
    metrics: [
      { label: 'maps', value: (lane) => lane.dma?.maps ?? null },
      { label: 'entries mapped', value: (lane) => lane.dma?.mappedEntries ?? null },
      { label: 'peak', value: (lane) => lane.dma?.peakEntries ?? null },
      { label: 'never unmapped', value: neverUnmapped, always: true },
    ],
  },
  {
    heading: 'data',
    metrics: [
      { label: 'zero-copy bytes', value: (lane) => lane.data.zeroCopyBytes },
      { label: 'copied bytes', value: (lane) => lane.data.copiedBytes },
    ],
  },
  {
    heading: 'data compared (--verify-data)',
    metrics: [
      { label: 'operations', value: (lane) => lane.verified?.operations ?? null, always: true },
      { label: 'bytes', value: (lane) => lane.verified?.bytes ?? null, always: true },
    ],
  },
  {
    heading: 'avoided',
    metrics: [
      { label: 'bytes copied', value: (lane) => lane.avoided.copyBytes },
      { label: 'list entries', value: (lane) => lane.avoided.entries },
      { label: 'allocations', value: (lane) => lane.avoided.allocations },
    ],
  },
  {
    heading: 'found',
    metrics: [
      { label: 'leaks', value: (lane) => lane.leaksTotal, always: true },
      { label: 'violations', value: (lane) => lane.violationsTotal, always: true },
    ],
  },
]

/** Shown when some lane could be compared with what a kernel counted; the other lanes have nothing to tell. */
export const GROUND_TRUTH_GROUP: MetricGroup = {
  heading: 'against the kernel (rows)',
  metrics: [
    { label: 'counted by the kernel', value: compared((truth) => truth.rows), always: true },
    { label: 'matched', value: compared((truth) => truth.matched), always: true },
    { label: 'mismatches', value: compared((truth) => truth.mismatchedTotal), always: true },
    { label: 'undetermined', value: compared((truth) => truth.undeterminedTotal), always: true },
  ],
}

/** A figure of the comparison with a kernel; null in a lane that is not compared. */
export function compared(figure: (truth: LaneReport['groundTruth']) => number): Metric['value'] {
  return ({ groundTruth }) => (groundTruth.rows === 0 ? null : figure(groundTruth))
}
