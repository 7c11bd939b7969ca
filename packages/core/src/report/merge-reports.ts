import { InvariantError } from '../invariant.ts'
import type { LaneReport, Report } from './report.ts'
import { isSameLane, isSameSetting } from './same-lane.ts'

type Layout = Report['trace']['layout']

/**
 * The report of several traces replayed one after the other. Sums add; a peak is the highest of each part on top of
 * what was still open before it. Lanes with the same policy, kernel and consumer become one.
 */
export function mergeReports(reports: readonly Report[]): Report {
  const [first, ...rest] = reports
  if (first === undefined) throw new InvariantError('mergeReports: no report')
  return rest.reduce(mergeTwo, first)
}

function mergeTwo(a: Report, b: Report): Report {
  return {
    schema: a.schema,
    trace: {
      files: [...a.trace.files, ...b.trace.files],
      format: a.trace.format === b.trace.format ? a.trace.format : 'several',
      rows: a.trace.rows + b.trace.rows,
      operations: a.trace.operations + b.trace.operations,
      spanNs: a.trace.spanNs + b.trace.spanNs,
      layout: mergeLayouts(a.trace.layout, b.trace.layout),
    },
    lanes: mergeLaneLists(a.lanes, b.lanes),
    warnings: [...a.warnings, ...b.warnings],
  }
}

/** The lanes of `a`, each with what the same lane of `b` adds, then those that only `b` has. */
export function mergeLaneLists(a: readonly LaneReport[], b: readonly LaneReport[]): LaneReport[] {
  const lanes = [...a]
  for (const lane of b) {
    const at = lanes.findIndex((other) => isSameLane(other, lane) && isSameSetting(other, lane))
    if (at < 0) lanes.push(lane)
    else lanes[at] = mergeLanes(lanes[at], lane)
  }
  return lanes
}

/** The least that any of the traces tells; pins add up over those that are below L3. */
function mergeLayouts(a: Layout, b: Layout): Layout {
  const level = a.level <= b.level ? a.level : b.level
  const policies = new Set([a.assumed, b.assumed].flatMap((names) => names?.split(' and ') ?? []))
  const assumed = policies.size === 0 ? null : [...policies].join(' and ')
  if (a.pins === undefined || b.pins === undefined) {
    const pins = a.pins ?? b.pins
    return pins === undefined ? { level, assumed } : { level, assumed, pins }
  }
  const pins = {
    min: a.pins.min + b.pins.min,
    expected: a.pins.expected + b.pins.expected,
    max: a.pins.max + b.pins.max,
  }
  return { level, assumed, pins }
}

/** Its keys stand in the order in which a replay of both in one writes them. */
function mergeLanes(a: LaneReport, b: LaneReport): LaneReport {
  return {
    policy: a.policy,
    kernel: a.kernel,
    ...(a.quirks === undefined ? {} : { quirks: a.quirks }),
    ...mergedFaults(a, b),
    consumer: a.consumer,
    operations: a.operations + b.operations,
    errors: a.errors + b.errors,
    bytes: a.bytes + b.bytes,
    pins: addHeld(a.pins, b.pins),
    refs: addHeld(a.refs, b.refs),
    bare: { pages: a.bare.pages + b.bare.pages },
    refOps: a.refOps + b.refOps,
    data: {
      zeroCopyBytes: a.data.zeroCopyBytes + b.data.zeroCopyBytes,
      copiedBytes: a.data.copiedBytes + b.data.copiedBytes,
    },
    avoided: {
      copyBytes: a.avoided.copyBytes + b.avoided.copyBytes,
      entries: a.avoided.entries + b.avoided.entries,
      allocations: a.avoided.allocations + b.avoided.allocations,
    },
    entries: {
      built: a.entries.built + b.entries.built,
      bytes: a.entries.bytes + b.entries.bytes,
      perOperationMax: Math.max(a.entries.perOperationMax, b.entries.perOperationMax),
      limitHits: a.entries.limitHits + b.entries.limitHits,
    },
    ...mergedAllocations(a, b),
    ...mergedMappings(a, b),
    ...mergedMixed(a, b),
    counters: addCounters(a.counters, b.counters),
    leaksTotal: a.leaksTotal + b.leaksTotal,
    leaks: [...a.leaks, ...b.leaks],
    ...mergedLongTerm(a, b),
    violationsTotal: a.violationsTotal + b.violationsTotal,
    violations: [...a.violations, ...b.violations],
    inFlight: a.inFlight + b.inFlight,
    ...(a.verified === undefined && b.verified === undefined ? {} : { verified: mergedVerified(a, b) }),
    groundTruth: {
      rows: a.groundTruth.rows + b.groundTruth.rows,
      matched: a.groundTruth.matched + b.groundTruth.matched,
      mismatchedTotal: a.groundTruth.mismatchedTotal + b.groundTruth.mismatchedTotal,
      mismatched: [...a.groundTruth.mismatched, ...b.groundTruth.mismatched],
      undeterminedTotal: a.groundTruth.undeterminedTotal + b.groundTruth.undeterminedTotal,
      undetermined: [...a.groundTruth.undetermined, ...b.groundTruth.undetermined],
    },
  }
}

function addHeld(a: LaneReport['pins'], b: LaneReport['pins']): LaneReport['pins'] {
  return {
    acquired: a.acquired + b.acquired,
    released: a.released + b.released,
    open: a.open + b.open,
    longTerm: a.longTerm + b.longTerm,
    peak: Math.max(a.peak, a.open + b.peak),
  }
}

function addCounters(a: LaneReport['counters'], b: LaneReport['counters']): LaneReport['counters'] {
  const sums: Record<string, number> = { ...a }
  for (const [name, value] of Object.entries(b)) sums[name] = (sums[name] ?? 0) + value
  return sums
}

/** The same step in both: how often it came to it. */
function mergedFaults({ faults: a }: LaneReport, { faults: b }: LaneReport): Pick<LaneReport, 'faults'> {
  if (a === undefined || b === undefined) return {}
  return { faults: { ...a, injected: a.injected + b.injected } }
}

/** What was open at the end of the one is below the peak of the other. */
function mergedAllocations({ allocations: a }: LaneReport, { allocations: b }: LaneReport) {
  if (a === undefined || b === undefined) return a === undefined && b === undefined ? {} : { allocations: a ?? b }
  return {
    allocations: {
      made: a.made + b.made,
      freed: a.freed + b.freed,
      bytes: a.bytes + b.bytes,
      openBytes: a.openBytes + b.openBytes,
      peakBytes: Math.max(a.peakBytes, a.openBytes + b.peakBytes),
      ...optionalSums(a, b, 'longTerm', 'longTermBytes'),
    },
  }
}

function mergedMixed({ mixed: a }: LaneReport, { mixed: b }: LaneReport): Pick<LaneReport, 'mixed'> {
  if (a === undefined || b === undefined) return a === undefined && b === undefined ? {} : { mixed: a ?? b }
  return {
    mixed: {
      operations: a.operations + b.operations,
      refused: a.refused + b.refused,
      parts: a.parts + b.parts,
      extraCalls: a.extraCalls + b.extraCalls,
      kernelBytes: a.kernelBytes + b.kernelBytes,
      pageBytes: a.pageBytes + b.pageBytes,
      kmaps: a.kmaps + b.kmaps,
    },
  }
}

function mergedMappings({ dma: a }: LaneReport, { dma: b }: LaneReport): Pick<LaneReport, 'dma'> {
  if (a === undefined || b === undefined) return a === undefined && b === undefined ? {} : { dma: a ?? b }
  return {
    dma: {
      maps: a.maps + b.maps,
      mappedEntries: a.mappedEntries + b.mappedEntries,
      unmappedEntries: a.unmappedEntries + b.unmappedEntries,
      openEntries: a.openEntries + b.openEntries,
      peakEntries: Math.max(a.peakEntries, a.openEntries + b.peakEntries),
      ...optionalSums(a, b, 'longTermEntries'),
    },
  }
}

/** Sums of figures that a lane leaves out where there is none. */
function optionalSums<Name extends string>(
  a: Partial<Record<Name, number | undefined>>,
  b: Partial<Record<Name, number | undefined>>,
  ...names: readonly Name[]
): Partial<Record<Name, number>> {
  const told = names.filter((name) => a[name] !== undefined || b[name] !== undefined)
  return Object.fromEntries(told.map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)])) as Partial<
    Record<Name, number>
  >
}

function mergedLongTerm(a: LaneReport, b: LaneReport): Pick<LaneReport, 'longTerm' | 'longTermTotal'> {
  const total = (a.longTermTotal ?? 0) + (b.longTermTotal ?? 0)
  return total === 0 ? {} : { longTermTotal: total, longTerm: [...(a.longTerm ?? []), ...(b.longTerm ?? [])] }
}

function mergedVerified(a: LaneReport, b: LaneReport) {
  const sum = (name: 'operations' | 'bytes') => (a.verified?.[name] ?? 0) + (b.verified?.[name] ?? 0)
  return { operations: sum('operations'), bytes: sum('bytes') }
}
