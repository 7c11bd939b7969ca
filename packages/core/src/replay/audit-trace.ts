import type { Finding, Refusal } from '../lifetime/finding.ts'
import { ASSERT_SEVERITY, type Asserted, FOLIO_CHECKS } from '../lifetime/folio-asserts.ts'
import type { HazardRule } from '../lifetime/rule.ts'
import { KIND_PFN, PAGE_KINDS, type PageStore } from '../memory/page-store.ts'
import type {
  AssertedReport,
  AuditLaneReport,
  FindingReport,
  RefusalReport,
  TraceAuditReport,
} from '../report/audit-report.ts'
import type { TraceReader } from '../trace/trace-reader.ts'
import { auditOf } from './audit-of.ts'
import { blaming } from './blame-plugin.ts'
import { layoutReport, warningsOfTrace } from './build-report.ts'
import type { Lane } from './lane.ts'
import { injected } from './lane-report.ts'
import { LaneSet } from './lane-set.ts'
import { OPERATIONS } from './lane-sums.ts'
import { replayBatch } from './replay.ts'
import type { AuditFactory, ReplayOptions } from './replay-options.ts'
import { TraceSpan } from './trace-span.ts'

/** Options of an audit: those of a replay, with the rules that listen. */
export interface AuditOptions extends ReplayOptions {
  readonly rules: readonly HazardRule[]
}

/** Replays a trace with rules listening, and tells what they found. Throws what `replay` throws. */
export async function auditTrace(trace: TraceReader, options: AuditOptions): Promise<TraceAuditReport> {
  const audit: AuditFactory = (setup, io, pages) => auditOf(options.rules, setup, io, pages)
  const set = new LaneSet(trace, { ...options, audit })
  const span = new TraceSpan()
  for await (const batch of trace.batches()) {
    span.add(batch, trace.imported !== null || trace.layout.assumed !== null)
    replayBatch(set, batch)
    options.onProgress?.({ rows: span.rows, bytesRead: trace.bytesRead, pinsOpen: set.pinsOpen() })
  }
  set.ensureOne()
  for (const lane of set.lanes) blaming(lane, () => lane.finish())
  return {
    file: trace.header.name,
    rows: span.rows,
    layout: layoutReport(trace, span),
    lanes: set.lanes.map((lane) => laneAuditReport(lane)),
    warnings: [...warningsOfTrace(trace, set).flat(), ...doubtsOf(set.lanes), ...unknownFiles(trace, set)],
  }
}

/** What every lane doubts of the rows, once. */
function doubtsOf(lanes: readonly Lane[]): string[] {
  return [...new Set(lanes.flatMap(({ audit }) => audit?.audit.doubts.texts ?? []))]
}

/** A row about pages of a file that nothing else names: said once. */
function unknownFiles(trace: TraceReader, set: LaneSet): string[] {
  const unknown = set.lanes.map((lane) => lane.rowPages.unknown).find((one) => one !== null)
  if (unknown === undefined || unknown === null) return []
  const { row, line, file } = unknown
  return [
    `row ${row} (line ${line}) names no page of a file that anything mapped or read: ${JSON.stringify(trace.files.text(file))}; no rule about pages finds anything in such a row`,
  ]
}

/** What the rules of a lane found; nothing where none listened. */
export function laneAuditReport(lane: Lane): AuditLaneReport {
  const { setup, sums } = lane
  const audit = lane.audit?.audit
  const counts = [...(audit?.counts ?? [])]
  return {
    consumer: setup.consumer.definition.name,
    policy: setup.policy.name,
    kernel: setup.kernel.version,
    ...(setup.kernel.changes.length > 0 ? { quirks: [...setup.kernel.changes] } : {}),
    ...injected(lane),
    operations: sums[OPERATIONS],
    counters: { ...lane.counters() },
    findingsTotal: counts.reduce((sum, [, count]) => sum + count, 0),
    findingsByRule: Object.fromEntries(counts.map(([rule, count]) => [rule.id, count]).sort()),
    findings: [...(audit?.findings ?? [])].sort(byRow).map((finding) => findingReport(lane, finding)),
    refusedTotal: audit?.refusalsTotal ?? 0,
    refused: (audit?.refusals ?? []).map(refusalReport),
    asserted: (audit?.asserts.told ?? []).map(assertedReport),
    waits: audit?.folios.waits ?? NO_WAITS,
    references: audit?.references.all() ?? [],
    iterators: audit?.references.iterators() ?? [],
  }
}

const NO_WAITS = { store: 0, truncate: 0, invalidate: 0 }

function refusalReport({ rule, row, line, detail }: Refusal): RefusalReport {
  return { rule: rule?.id ?? null, row, line, detail }
}

function assertedReport({ check, outcome, row, line, page, folios }: Asserted): AssertedReport {
  const detail = FOLIO_CHECKS[check]
  return { check, outcome, severity: ASSERT_SEVERITY[outcome], row, line, page, folios, detail }
}

function byRow(a: Finding, b: Finding): number {
  return a.row - b.row || (a.rule.id < b.rule.id ? -1 : 1)
}

function findingReport(lane: Lane, finding: Finding): FindingReport {
  const { rule, verdict, severity, row, line, page, pages, pageName, holder, takenRow, since, history, detail } =
    finding
  return {
    rule: rule.id,
    name: rule.name,
    verdict,
    severity,
    file: lane.setup.file,
    row,
    line,
    page: page < 0 ? null : page,
    pageName,
    pages,
    backing: page < 0 ? null : backingOf(lane.pages, page),
    holder,
    takenRow,
    since,
    history,
    detail,
    advice: rule.advice,
  }
}

/** A page that a trace names by its frame alone has a struct page; what a `map` row calls pfn has none. @kernel VM_PFNMAP */
function backingOf(pages: PageStore, page: number): string {
  const kind = pages.kindOf(page)
  return kind === KIND_PFN && pages.frameOf(page) >= 0 ? 'frame' : PAGE_KINDS[kind]
}
