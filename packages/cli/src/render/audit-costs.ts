import type { AuditLaneReport, TraceAuditReport } from '@pinscope/core/audit'
import { tableText } from './table.ts'
import { styled, type Terminal } from './terminal.ts'
import { duration, grouped, visibleLength, wrapped } from './text.ts'

const TITLE = 'What each lane cost, and what was found in it'

/** A line of the table: the figure of each lane; '': its consumer has no such counter. */
interface Line {
  readonly label: string
  readonly cells: readonly string[]
}

/**
 * Cost and verdict of lanes side by side, trace by trace: the counters of their consumers, and below them the pages that each
 * rule tells of. A lane is a column; as many tables as it takes, and figures that are 0 in all lanes of one are left out. Only
 * where several lanes have consumers with counters, and some counter is not 0.
 */
export function auditCosts(terminal: Terminal, traces: readonly TraceAuditReport[]): string[] {
  return traces.flatMap(({ file, lanes }) => {
    const counting = lanes.filter(({ counters }) => Object.keys(counters).length > 0)
    if (counting.length < 2 || counting.every(({ counters }) => Object.values(counters).every(isZero))) return []
    const title = traces.length === 1 ? TITLE : `${TITLE}: ${file}`
    const head = styled(terminal, 'bold', wrapped(title, terminal.columns))
    const tables = packed(terminal, counting).map((part) => drawn(terminal, counting, part))
    return [`${head}\n${tables.join('\n\n')}`]
  })
}

/** Lanes as they stand in tables that are no wider than the terminal. */
function packed(terminal: Terminal, lanes: readonly AuditLaneReport[]): AuditLaneReport[][] {
  const parts: AuditLaneReport[][] = []
  for (const lane of lanes) {
    const last = parts.at(-1)
    if (last !== undefined && columnsOf(drawn(terminal, lanes, [...last, lane])) <= terminal.columns) last.push(lane)
    else parts.push([lane])
  }
  return parts
}

function columnsOf(table: string): number {
  return Math.max(...table.split('\n').map(visibleLength))
}

/** `part` of the lanes; `all` decide how a lane is called. */
function drawn(terminal: Terminal, all: readonly AuditLaneReport[], part: readonly AuditLaneReport[]): string {
  const lines = [...counterLines(part), ...findingLines(part)]
  return tableText(terminal, {
    head: ['', ...part.map((lane) => headOf(lane, all))],
    align: ['left', ...part.map(() => 'right' as const)],
    rows: lines.map(({ label, cells }) => [label, ...cells]),
  })
}

/** The consumer, a line for each word of its name, and what else tells it from the other lanes. */
function headOf(lane: AuditLaneReport, all: readonly AuditLaneReport[]): string {
  const differs = (key: 'policy' | 'kernel') => new Set(all.map((one) => one[key])).size > 1
  const more = (['policy', 'kernel'] as const).filter(differs).map((key) => lane[key])
  return [...lane.consumer.replaceAll('-', '-\n').split('\n'), ...more].join('\n')
}

function counterLines(lanes: readonly AuditLaneReport[]): Line[] {
  const names = [...new Set(lanes.flatMap(({ counters }) => Object.keys(counters)))]
  return names
    .filter((name) => lanes.some(({ counters }) => !isZero(counters[name] ?? 0)))
    .map((name) => ({ label: name, cells: lanes.map(({ counters }) => cellOf(name, counters[name])) }))
}

function cellOf(name: string, value: number | undefined): string {
  if (value === undefined) return ''
  return name.endsWith('Ns') && value !== 0 ? duration(value) : grouped(value)
}

/** Pages of each rule's findings; the findings, of a rule that is about no page, or that has more of them than are listed. */
function findingLines(lanes: readonly AuditLaneReport[]): Line[] {
  const rules = [...new Set(lanes.flatMap(({ findingsByRule }) => Object.keys(findingsByRule)))].sort()
  const ofRules = rules.map((rule): Line => {
    const isAboutPages = lanes.every((lane) => isListed(lane, rule)) && lanes.some((lane) => pagesOf(lane, rule) > 0)
    const figure = (lane: AuditLaneReport) => (isAboutPages ? pagesOf(lane, rule) : (lane.findingsByRule[rule] ?? 0))
    return {
      label: `${rule} ${isAboutPages ? 'pages' : 'findings'}`,
      cells: lanes.map((lane) => grouped(figure(lane))),
    }
  })
  return [...ofRules, { label: 'all findings', cells: lanes.map(({ findingsTotal }) => grouped(findingsTotal)) }]
}

function pagesOf({ findings }: AuditLaneReport, rule: string): number {
  return findings.filter((one) => one.rule === rule).reduce((sum, { pages }) => sum + pages, 0)
}

/** All findings of a rule are in the report, so that their pages are known. */
function isListed({ findings, findingsByRule }: AuditLaneReport, rule: string): boolean {
  return findings.filter((one) => one.rule === rule).length === (findingsByRule[rule] ?? 0)
}

function isZero(value: number): boolean {
  return value === 0
}
