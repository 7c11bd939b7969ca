import { VIOLATIONS_LISTED_MAX } from '../../ledger/violation.ts'
import { mergeLaneLists } from '../../report/merge-reports.ts'
import type { LaneReport, Report } from '../../report/report.ts'
import { GROUND_TRUTH_LISTED_MAX } from '../ground-truth.ts'
import { LEAKS_LISTED_MAX } from '../lane-report.ts'
import { movedLanes } from './moved-lanes.ts'
import type { PartialReport } from './replay-part.ts'

/**
 * The report of parts that follow each other, as one replay of all of them gives it; null where that cannot be told from the
 * parts: one depends on others, or time goes back from one to the next.
 */
export function mergeParts(parts: readonly PartialReport[]): Report | null {
  const [first, ...rest] = parts
  if (first === undefined || !parts.every(({ isIndependent }) => isIndependent)) return null
  let whole = first
  for (const part of rest) {
    if (part.firstNs < whole.lastNs) return null
    whole = mergePartials(whole, part)
  }
  const { report, warnings, firstNs, lastNs } = whole
  const spanNs = Number.isNaN(firstNs) ? 0 : lastNs - firstNs
  return { ...report, trace: { ...report.trace, spanNs }, warnings: warnings.flat() }
}

/** Two parts that follow each other as one. Associative; a part without rows is neutral. */
export function mergePartials(a: PartialReport, b: PartialReport): PartialReport {
  const { trace } = a.report
  const moved = movedLanes(b.report.lanes, { rows: a.rows, lines: a.lines, operations: trace.operations })
  return {
    report: {
      ...a.report,
      trace: {
        ...trace,
        rows: trace.rows + b.report.trace.rows,
        operations: trace.operations + b.report.trace.operations,
      },
      lanes: mergeLaneLists(a.report.lanes, moved).map(listedOnly),
    },
    rows: a.rows + b.rows,
    lines: a.lines + b.lines,
    firstNs: Number.isNaN(a.firstNs) ? b.firstNs : a.firstNs,
    lastNs: Number.isNaN(b.lastNs) ? a.lastNs : b.lastNs,
    warnings: a.warnings.map((texts, kind) => [...new Set([...texts, ...b.warnings[kind]])]),
    isIndependent: a.isIndependent && b.isIndependent,
  }
}

/** A replay lists the first of each, and only counts further ones. */
function listedOnly(lane: LaneReport): LaneReport {
  const { leaks, violations, groundTruth } = lane
  return {
    ...lane,
    leaks: leaks.slice(0, LEAKS_LISTED_MAX),
    violations: violations.slice(0, VIOLATIONS_LISTED_MAX),
    groundTruth: {
      ...groundTruth,
      mismatched: groundTruth.mismatched.slice(0, GROUND_TRUTH_LISTED_MAX),
      undetermined: groundTruth.undetermined.slice(0, GROUND_TRUTH_LISTED_MAX),
    },
  }
}
