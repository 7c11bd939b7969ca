import { type LayoutReport, REPORT_SCHEMA, type Report } from '../report/report.ts'
import type { TraceReader } from '../trace/trace-reader.ts'
import { blaming } from './blame-plugin.ts'
import { laneReport } from './lane-report.ts'
import type { LaneSet } from './lane-set.ts'
import { REFUSED } from './lane-sums.ts'
import type { TraceSpan } from './trace-span.ts'

/** The report of one trace, once every lane has finished. */
export function buildReport(trace: TraceReader, span: TraceSpan, set: LaneSet): Report {
  return {
    schema: REPORT_SCHEMA,
    trace: {
      files: [trace.header.name],
      format: trace.header.format,
      rows: span.rows,
      operations: span.operations,
      spanNs: span.spanNs,
      layout: layoutReport(trace, span),
    },
    lanes: set.lanes.map((lane) => blaming(lane, () => laneReport(lane))),
    warnings: warningsByKind(trace, span, set).flat(),
  }
}

/** The warnings of a replay, those of one kind together. */
export function warningsByKind(trace: TraceReader, span: TraceSpan, set: LaneSet): string[][] {
  const kinds = warningsOfTrace(trace, set, unheardRows(set, span))
  return kinds.map((texts) => texts.map((text) => `${trace.header.name}: ${text}`))
}

/** The same without the name of the trace; `unheard`: rows that nobody listens to, which an audit has none of. */
export function warningsOfTrace(trace: TraceReader, set: LaneSet, unheard: string[] = []): string[][] {
  return [
    importWarnings(trace),
    refusedOperations(trace, set),
    set.warnings,
    unheard,
    undeclaredMemory(set),
    unknownKernel(trace, set),
  ]
}

/** What was known of the buffers, and what pinning them would take at least and at most where that was not enough. */
export function layoutReport({ layout }: TraceReader, span: TraceSpan): LayoutReport {
  const isReferences = layout.level === 'R' || span.referenceEvents > 0
  if (span.operations === 0 && isReferences) return { level: 'R', assumed: null }
  return layout.assumed === null ? layout : { ...layout, pins: { ...span.pins } }
}

/** An importer may know too little of an operation, and a consumer is then asked for what it was not. */
function refusedOperations({ imported }: TraceReader, set: LaneSet): string[] {
  if (imported === null) return []
  return set.lanes.flatMap(({ sums, setup }) => {
    const refused = sums[REFUSED]
    if (refused === 0) return []
    const { name } = setup.consumer.definition
    return [
      `${refused} operations that moved bytes when they were recorded are refused by ${name} with -EINVAL: were they for another consumer (-c buffered), or of smaller blocks (# logical-block-size)?`,
    ]
  })
}

/** Rows that leave every count as it is, and that no consumer here has its own idea of. */
function unheardRows(set: LaneSet, span: TraceSpan): string[] {
  return set.lanes.some(({ consumer }) => consumer.event !== undefined) ? [] : span.warnings()
}

/** What the importer passed over, took for granted or doubts. */
function importWarnings({ imported, layout }: TraceReader): string[] {
  if (imported === null) return []
  const references =
    layout.level === 'R'
      ? [
          'its rows are recorded references, found again by their pages; where one was taken by address and let go by frame, by number',
        ]
      : []
  const passedOver = imported.skipped.map(
    ({ reason, count, firstLine }) => `passed over, ${reason}: ${count}, first at ${firstLine}`,
  )
  return [...references, ...imported.doubts, ...imported.assumptions, ...passedOver]
}

function undeclaredMemory(set: LaneSet): string[] {
  const walks = Math.max(0, ...set.lanes.map((lane) => lane.spaces.undeclaredWalks))
  if (walks === 0 || !set.sawMapping) return []
  return ['some addresses lie outside every map row: taken as touched anonymous memory of small pages']
}

function unknownKernel(trace: TraceReader, set: LaneSet): string[] {
  const compared = set.lanes.some((lane) => lane.groundTruth.report().rows > 0)
  if (!compared || set.isKernelChosen || trace.header.kernel !== null) return []
  return [
    `rows carry what a kernel counted, but not which kernel: compared with ${set.kernel}; --kernel chooses another`,
  ]
}
