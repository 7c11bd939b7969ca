import type { Report } from '@pinscope/core'
import type { Verdict } from '../services/gate.ts'
import { findingSections } from './findings.ts'
import { kernelText } from './kernel.ts'
import { laneTables } from './lane-table.ts'
import { layoutFacts } from './layout.ts'
import { mixedSection } from './mixed.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, duration, grouped, wrapped } from './text.ts'
import { verdictLine } from './verdict.ts'

/** A report as text: what was replayed, the lanes side by side, what was found, the verdict. */
export function reportText(terminal: Terminal, report: Report, verdict: Verdict): string {
  const sections = [
    header(terminal, report),
    ...(report.lanes.length === 0 ? ['no lane: the trace has no operation'] : [laneTables(terminal, report.lanes)]),
    ...mixedSection(terminal, report.lanes),
    ...findingSections(terminal, report),
    ...warnings(terminal, report),
    verdictLine(terminal, verdict),
  ]
  return `${sections.join('\n\n')}\n`
}

function header(terminal: Terminal, { trace, lanes }: Report): string {
  const kernels = [...new Set(lanes.map(kernelText))]
  const facts = [
    `${counted(trace.rows, 'row')}, ${counted(trace.operations, 'operation')} in ${duration(trace.spanNs)}`,
    ...(kernels.length === 0 ? [] : [`kernel ${kernels.join(', ')}`]),
    ...injected(lanes),
    ...layoutFacts(trace.layout),
  ]
  const name = wrapped(filesText(trace.files), terminal.columns)
  return [styled(terminal, 'bold', name), wrapped(facts.join('; '), terminal.columns)].join('\n')
}

/** The step that was made to fail, and where the replay came to it. */
function injected(lanes: Report['lanes']): string[] {
  const [faults] = lanes.flatMap((lane) => lane.faults ?? [])
  if (faults === undefined) return []
  const hit = lanes.filter((lane) => (lane.faults?.injected ?? 0) > 0).length
  const where = hit === 0 ? 'no lane has so many' : `in ${grouped(hit)} of ${counted(lanes.length, 'lane')}`
  return [`${faults.fault} step ${grouped(faults.at)} made to fail: ${where}`]
}

/** A glob of fifty files need not fill the screen. */
function filesText(files: readonly string[]): string {
  const shown = files.length <= 4 ? files : files.slice(0, 3)
  const rest = files.length - shown.length
  return `${shown.join(' ')}${rest === 0 ? '' : ` and ${counted(rest, 'more file')}`}`
}

function warnings(terminal: Terminal, report: Report): string[] {
  if (report.warnings.length === 0) return []
  const lines = report.warnings.map((text) => wrapped(`warning: ${text}`, terminal.columns, '  '))
  return [styled(terminal, 'yellow', lines.join('\n'))]
}
