import type { AuditReport, HazardRule, TraceAuditReport } from '@pinscope/core/audit'
import type { AuditVerdict } from '../services/audit-verdict.ts'
import { assertedParagraph, waitsLine } from './audit-asserted.ts'
import { auditCosts } from './audit-costs.ts'
import { findingParagraphs, refusalParagraph } from './audit-findings.ts'
import { isSilent, type LaneGroup, laneGroups, laneNames, lanesInShort } from './audit-lanes.ts'
import { auditTables } from './audit-tables.ts'
import { auditVerdictLine } from './audit-verdict.ts'
import { kernelText } from './kernel.ts'
import { layoutFacts } from './layout.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, grouped, wrapped } from './text.ts'

/** An audit as text: each trace with what was found in it, what lanes cost, the two tables over all of them, the verdict. */
export function auditText(
  terminal: Terminal,
  report: AuditReport,
  rules: readonly HazardRule[],
  verdict: AuditVerdict,
): string {
  const sections = [
    ...traceSections(terminal, report.traces, rules),
    ...auditCosts(terminal, report.traces),
    ...auditTables(terminal, report),
    auditVerdictLine(terminal, rules.length, verdict),
  ]
  return `${sections.join('\n\n')}\n`
}

/** Traces in which nothing was found are a line each, without a blank line between them. */
function traceSections(
  terminal: Terminal,
  traces: readonly TraceAuditReport[],
  hazards: readonly HazardRule[],
): string[] {
  const rules = hazards.length
  const sections: string[] = []
  let clean: string[] = []
  for (const trace of traces) {
    if (isClean(trace)) {
      clean.push(cleanLine(terminal, trace, rules))
      continue
    }
    if (clean.length > 0) sections.push(clean.join('\n'))
    clean = []
    sections.push(traceHead(terminal, trace, rules), ...groupSections(terminal, trace, hazards))
  }
  return clean.length > 0 ? [...sections, clean.join('\n')] : sections
}

function isClean({ lanes, warnings }: TraceAuditReport): boolean {
  return lanes.every(isSilent) && warnings.length === 0
}

function cleanLine(terminal: Terminal, trace: TraceAuditReport, rules: number): string {
  const text = `${trace.file}: nothing found; ${listened(trace, rules)}; ${factsOf(trace)}`
  return wrapped(text, terminal.columns, '  ')
}

function traceHead(terminal: Terminal, trace: TraceAuditReport, rules: number): string {
  const found = trace.lanes.every(isSilent) ? 'nothing found; ' : ''
  const facts = `${found}${listened(trace, rules)}; ${factsOf(trace)}`
  const warnings = trace.warnings.map((text) =>
    styled(terminal, 'yellow', wrapped(`warning: ${text}`, terminal.columns, '  ')),
  )
  return [styled(terminal, 'bold', trace.file), wrapped(facts, terminal.columns), ...warnings].join('\n')
}

/** `54 rules listened over 400 operations in 401 rows`. */
function listened({ rows, lanes }: TraceAuditReport, rules: number): string {
  const operations = lanes.reduce((sum, lane) => sum + lane.operations, 0)
  const where = lanes.length < 2 ? '' : ` in ${grouped(lanes.length)} lanes`
  return `${counted(rules, 'rule')} listened over ${counted(operations, 'operation')}${where}, ${counted(rows, 'row')}`
}

/** The lanes, and what was known of the buffers. */
function factsOf(trace: TraceAuditReport): string {
  return [laneFacts(trace), ...layoutFacts(trace.layout)].join('; ')
}

/** `bio under extract, kernel 6.18`, and the step that was made to fail. */
function laneFacts({ lanes }: TraceAuditReport): string {
  if (lanes.length === 0) return 'no lane'
  const kernels = [...new Set(lanes.map(kernelText))]
  const [faults] = lanes.flatMap((lane) => lane.faults ?? [])
  const hit = lanes.some((lane) => (lane.faults?.injected ?? 0) > 0)
  const failing = `${faults?.fault} step ${grouped(faults?.at ?? 0)} made to fail${hit ? '' : ': no lane has so many'}`
  return `${lanesInShort(lanes)}, kernel ${kernels.join(', ')}${faults === undefined ? '' : `; ${failing}`}`
}

/** What was found, lanes with the same told once; which lanes it was is said where there are several. */
function groupSections(terminal: Terminal, { file, lanes }: TraceAuditReport, rules: readonly HazardRule[]): string[] {
  const groups = laneGroups(lanes)
  return groups.flatMap((group) => [
    ...(lanes.length === 1 ? [] : [groupHead(terminal, group)]),
    ...findingParagraphs(terminal, group.lane, rules),
    ...refusalParagraph(terminal, file, group.lane),
    ...assertedParagraph(terminal, file, group.lane.asserted),
    ...waitsLine(group.lane),
  ])
}

function groupHead(terminal: Terminal, { lanes, lane }: LaneGroup): string {
  const found = isSilent(lane) ? 'nothing found' : counted(lane.findingsTotal, 'finding')
  const each = lanes.length > 1 && !isSilent(lane) ? ' each' : ''
  return styled(terminal, 'cyan', wrapped(`${laneNames(lanes)}: ${found}${each}`, terminal.columns, '  '))
}
