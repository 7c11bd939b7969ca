import type { Report } from '../../report/report.ts'
import type { TraceReader } from '../../trace/trace-reader.ts'
import { blaming } from '../blame-plugin.ts'
import { buildReport, warningsByKind } from '../build-report.ts'
import { LaneSet } from '../lane-set.ts'
import { replayBatch } from '../replay.ts'
import type { ReplayOptions } from '../replay-options.ts'
import { TraceSpan } from '../trace-span.ts'
import { isIndependentLane } from './independent-lane.ts'
import { movedLanes } from './moved-lanes.ts'
import { type PartHead, PartReader } from './part-reader.ts'

/** The report of a part of a trace. Rows, lines and operations in it are numbered from the part's beginning. */
export interface PartialReport {
  readonly report: Report
  /** Rows and lines of the part. */
  readonly rows: number
  readonly lines: number
  /** Times of its first and last row, ns; NaN without rows. */
  readonly firstNs: number
  readonly lastNs: number
  /** The warnings of the report, those of one kind together. */
  readonly warnings: readonly (readonly string[])[]
  /** Nothing in the part depends on other parts, nor they on it. */
  readonly isIndependent: boolean
}

/** The head of a trace that was not cut. */
export const NO_HEAD: PartHead = { mapRows: 0, rows: 0, lines: 0 }

/**
 * Replays a part of a trace. `trace` reads the bytes of the head and, unless the part `isFirst` and holds the head itself,
 * those of the part behind them. `onDependent` is called at the first row that may depend on others: what it throws comes
 * out here. When it returns, the replay goes on, and the report is worth something only if the part is the whole trace.
 */
export async function replayPart(
  trace: TraceReader,
  head: PartHead,
  isFirst: boolean,
  options: ReplayOptions,
  onDependent: () => void,
): Promise<PartialReport> {
  let isIndependent = true
  const reader = new PartReader(trace, head, isFirst, () => {
    isIndependent = false
    onDependent()
  })
  const set = new LaneSet(reader, options)
  const span = new TraceSpan()
  for await (const batch of reader.batches()) {
    span.add(batch, trace.imported !== null || trace.layout.assumed !== null)
    replayBatch(set, batch)
    options.onProgress?.({ rows: span.rows, bytesRead: trace.bytesRead, pinsOpen: set.pinsOpen() })
  }
  for (const lane of set.lanes) blaming(lane, () => lane.finish())
  const report = buildReport(reader, span, set)
  // The head is the first part's own.
  const skipped = isFirst ? NO_HEAD : head
  const rows = Math.max(reader.lastRow, head.rows) - skipped.rows
  return {
    report: {
      ...report,
      trace: { ...report.trace, rows },
      lanes: movedLanes(report.lanes, { rows: -skipped.rows, lines: -skipped.lines, operations: 0 }),
    },
    rows,
    lines: Math.max(reader.lastLine, head.lines) - skipped.lines,
    firstNs: reader.firstNs,
    lastNs: reader.lastNs,
    warnings: warningsByKind(reader, span, set),
    isIndependent: isIndependent && set.lanes.every(isIndependentLane),
  }
}
