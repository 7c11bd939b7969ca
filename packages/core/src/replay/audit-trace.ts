import type { Finding } from '../lifetime/finding.ts'
import { ASSERT_SEVERITY, type Asserted, FOLIO_CHECKS } from '../lifetime/folio-asserts.ts'
import type { HazardRule } from '../lifetime/rule.ts'
import { PAGE_KINDS } from '../memory/page-store.ts'
import type { AssertedReport, AuditLaneReport, FindingReport, TraceAuditReport } from '../report/audit-report.ts'
import type { TraceReader } from '../trace/trace-reader.ts'
import { auditOf } from './audit-of.ts'
import { blaming } from './blame-plugin.ts'
import type { Lane } from './lane.ts'
import { injected } from './lane-report.ts'
import { LaneSet } from './lane-set.ts'
import { OPERATIONS } from './lane-sums.ts'
import { replayBatch } from './replay.ts'
import type { AuditFactory, ReplayOptions } from './replay-options.ts'

/** Options of an audit: those of a replay, with the rules that listen. */
export interface AuditOptions extends ReplayOptions {
  readonly rules: readonly HazardRule[]
}

/** Replays a trace with rules listening, and tells what they found. Throws what `replay` throws. */
export async function auditTrace(trace: TraceReader, options: AuditOptions): Promise<TraceAuditReport> {
  const audit: AuditFactory = (setup, io, pages) => auditOf(options.rules, setup, io, pages)
  const set = new LaneSet(trace, { ...options, audit })
  let rows = 0
  for await (const batch of trace.batches()) {
    replayBatch(set, batch)
    rows += batch.length
    options.onProgress?.({ rows, bytesRead: trace.bytesRead, pinsOpen: set.pinsOpen() })
  }
  set.ensureOne()
  for (const lane of set.lanes) blaming(lane, () => lane.finish())
  return {
    file: trace.header.name,
    rows,
    lanes: set.lanes.map((lane) => laneAuditReport(lane)),
    warnings: [...set.warnings, ...doubtsOf(set.lanes), ...unknownFiles(trace, set)],
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
    refused: (audit?.refusals ?? []).map(({ rule, row, detail }) => ({ rule: rule?.id ?? null, row, detail })),
    asserted: (audit?.asserts.told ?? []).map(assertedReport),
    waits: audit?.folios.waits ?? NO_WAITS,
    references: audit?.references.all() ?? [],
    iterators: audit?.references.iterators() ?? [],
  }
}

const NO_WAITS = { store: 0, truncate: 0, invalidate: 0 }

function assertedReport({ check, outcome, row, line, page, folios }: Asserted): AssertedReport {
  const detail = FOLIO_CHECKS[check]
  return { check, outcome, severity: ASSERT_SEVERITY[outcome], row, line, page, folios, detail }
}

function byRow(a: Finding, b: Finding): number {
  return a.row - b.row || (a.rule.id < b.rule.id ? -1 : 1)
}

function findingReport(lane: Lane, finding: Finding): FindingReport {
  const { rule, verdict, severity, row, line, page, pages, holder, takenRow, history, detail } = finding
  return {
    rule: rule.id,
    name: rule.name,
    verdict,
    severity,
    file: lane.setup.file,
    row,
    line,
    page: page < 0 ? null : page,
    pages,
    backing: page < 0 ? null : PAGE_KINDS[lane.pages.kindOf(page)],
    holder,
    takenRow,
    history,
    detail,
    advice: rule.advice,
  }
}
