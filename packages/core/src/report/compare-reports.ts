import type { z } from 'zod'
import { COMPARE_METRICS } from './compare-metrics.ts'
import type * as schema from './compare-schema.ts'
import type { LaneReport, Report } from './report.ts'
import { isSameLane, isSameSetting } from './same-lane.ts'

/** What `pinscope compare` found: the object of `--json`, `pinscope-compare/1`. */
export type Comparison = z.infer<typeof schema.comparisonSchema>
/** One lane against others. */
export type LaneComparison = z.infer<typeof schema.laneComparisonSchema>
/** Which lane of a report. */
export type LaneId = LaneComparison['base']
/** What became of a figure of the base. */
export type ComparedFigure = LaneComparison['metrics'][number]['with'][number]

/** Value of `schema` in every comparison of this version. */
export const COMPARE_SCHEMA = 'pinscope-compare/1'

/** A report to compare, and the file that it was read from; null when it was made for the purpose. */
export interface ComparedReport {
  readonly file: string | null
  readonly report: Report
}

/** A lane, and those that it is to be compared with. */
export interface ComparedLanes {
  readonly base: LaneReport
  readonly with: readonly LaneReport[]
}

/** Lanes of two reports that stand for the same, and those that have no counterpart. */
export interface PairedLanes {
  readonly pairs: readonly ComparedLanes[]
  readonly unpaired: { readonly base: readonly LaneReport[]; readonly with: readonly LaneReport[] }
}

/** Lanes of two reports, or twice of the same one, figure by figure. */
export function compareReports(base: ComparedReport, other: ComparedReport, lanes: PairedLanes): Comparison {
  const comparisons = lanes.pairs.map(compareLanes)
  const warnings = [
    ...otherTraces(base.report, other.report),
    ...lanes.pairs.flatMap(otherOperations),
    ...(base.file === other.file ? comparisons.flatMap(itself) : []),
    ...base.report.warnings,
    ...other.report.warnings,
  ]
  return {
    schema: COMPARE_SCHEMA,
    base: { report: base.file, trace: base.report.trace },
    with: { report: other.file, trace: other.report.trace },
    comparisons,
    unpaired: { base: lanes.unpaired.base.map(laneId), with: lanes.unpaired.with.map(laneId) },
    warnings: [...new Set(warnings)],
  }
}

/**
 * Pairs lanes by consumer, policy and kernel. Of the rest, those that are the only ones of a consumer in both reports,
 * or the only ones at all.
 */
export function pairLanes(base: readonly LaneReport[], other: readonly LaneReport[]): PairedLanes {
  const pairs = new Map<LaneReport, LaneReport>()
  const taken = new Set<LaneReport>()
  const rules = [
    (a: LaneReport, b: LaneReport) => isSameLane(a, b) && isSameSetting(a, b),
    isSameLane,
    (a: LaneReport, b: LaneReport) => a.consumer === b.consumer && isOnlyOne(base, a) && isOnlyOne(other, b),
    () => base.length === 1 && other.length === 1,
  ]
  for (const isPair of rules) {
    for (const a of base) {
      if (pairs.has(a)) continue
      const b = other.find((lane) => !taken.has(lane) && isPair(a, lane))
      if (b === undefined) continue
      pairs.set(a, b)
      taken.add(b)
    }
  }
  return {
    // In the order of the base report, whichever rule paired them.
    pairs: base.flatMap((a) => (pairs.has(a) ? [{ base: a, with: [pairs.get(a) as LaneReport] }] : [])),
    unpaired: { base: base.filter((a) => !pairs.has(a)), with: other.filter((b) => !taken.has(b)) },
  }
}

const isOnlyOne = (lanes: readonly LaneReport[], { consumer }: LaneReport): boolean =>
  lanes.filter((lane) => lane.consumer === consumer).length === 1

function compareLanes({ base, with: others }: ComparedLanes): LaneComparison {
  return {
    base: laneId(base),
    with: others.map(laneId),
    metrics: COMPARE_METRICS.map(({ name, unit, better, value }) => {
      const from = value(base)
      return { name, unit, better, base: from, with: others.map((lane) => compared(from, value(lane))) }
    }),
    ...compareCounters(base, others),
  }
}

function compareCounters(
  { counters }: LaneReport,
  others: readonly LaneReport[],
): Pick<LaneComparison, 'counters' | 'ownCounters'> {
  const isShared = (name: string) => others.some((lane) => name in lane.counters)
  const entries = Object.entries(counters)
  return {
    counters: entries
      .filter(([name]) => isShared(name))
      .map(([name, base]) => ({
        name,
        base,
        with: others.map((lane) => (name in lane.counters ? compared(base, lane.counters[name]) : null)),
      })),
    ownCounters: {
      base: Object.fromEntries(entries.filter(([name]) => !isShared(name))),
      with: others.map((lane) =>
        Object.fromEntries(Object.entries(lane.counters).filter(([name]) => !(name in counters))),
      ),
    },
  }
}

function compared(base: number, value: number): ComparedFigure {
  const difference = value - base
  return { value, difference, relative: base === 0 ? null : difference / base }
}

/** The lane, without its figures. */
function laneId({ consumer, policy, kernel, quirks, faults }: LaneReport): LaneId {
  return {
    consumer,
    policy,
    kernel,
    ...(quirks === undefined ? {} : { quirks }),
    ...(faults === undefined ? {} : { faults }),
  }
}

/** Figures of other I/O say nothing of the lanes. A path may differ, and standard input has no name. */
function otherTraces({ trace: a }: Report, { trace: b }: Report): string[] {
  const facts = (['rows', 'operations', 'spanNs'] as const).filter((fact) => a[fact] !== b[fact])
  if (facts.length > 0) {
    const told = facts.map((fact) => `${a[fact]} and ${b[fact]} ${fact === 'spanNs' ? 'ns' : fact}`)
    return [`the reports are not of the same I/O: ${told.join(', ')}`]
  }
  const names = ({ files }: Report['trace']) => files.map((file) => file.slice(file.lastIndexOf('/') + 1)).sort()
  const isSame = [a, b].some(({ files }) => files.includes('-')) || String(names(a)) === String(names(b))
  return isSame ? [] : [`the reports are of different traces: ${a.files.join(' ')} and ${b.files.join(' ')}`]
}

function otherOperations({ base, with: others }: ComparedLanes): string[] {
  const counts = [base, ...others].map(({ operations }) => operations)
  if (counts.every((count) => count === base.operations)) return []
  const told = [base, ...others].map(({ consumer, operations }) => `${consumer} ${operations}`)
  return [`the lanes did not replay the same operations: ${told.join(', ')}`]
}

/** Named differently, as `bio` and `bio:extract` are. */
function itself({ base, with: others }: LaneComparison): string[] {
  const isSame = others.some((lane) => isSameLane(lane, base) && isSameSetting(lane, base))
  return isSame ? [`${base.consumer} under ${base.policy} on ${base.kernel} is compared with itself`] : []
}
