import type { LaneReport } from '@pinscope/core'
import { laneLines } from './lane-lines.ts'
import { GROUND_TRUTH_GROUP, METRIC_GROUPS, type Metric, type MetricGroup } from './lane-rows.ts'
import { tableText } from './table.ts'
import type { Terminal } from './terminal.ts'
import { grouped } from './text.ts'

const GUTTER = 2
/** More lanes than these are told a line each when they do not fit beside each other. */
const LANES_BESIDE_MAX = 4

/**
 * Lanes side by side, metrics below each other, and what each consumer counts itself. Many lanes that do not fit into one
 * such table get a line each instead: cut into several tables, they could not be compared.
 */
export function laneTables(terminal: Terminal, lanes: readonly LaneReport[]): string {
  const compared = lanes.some((lane) => lane.groundTruth.rows > 0)
  const groups = compared ? [...METRIC_GROUPS, GROUND_TRUTH_GROUP] : METRIC_GROUPS
  const kernels = new Set(lanes.map(({ kernel }) => kernel))
  const title = ({ policy, consumer, kernel }: LaneReport) =>
    [policy, consumer, ...(kernels.size > 1 ? [kernel] : [])].join('\n')
  const corner = ['policy', 'consumer', ...(kernels.size > 1 ? ['kernel'] : [])].join('\n')
  const tables = tablesOf(terminal, lanes, groups, corner, title)
  if (tables.length > 1 && lanes.length > LANES_BESIDE_MAX) return laneLines(terminal, lanes)
  return [...tables, ...counterTables(terminal, lanes)].join('\n\n')
}

/** What each consumer counts itself: one table a consumer, its lanes side by side. */
function counterTables(terminal: Terminal, lanes: readonly LaneReport[]): string[] {
  const consumers = [...new Set(lanes.map((lane) => lane.consumer))]
  return consumers.flatMap((consumer) => {
    const own = lanes.filter((lane) => lane.consumer === consumer)
    const names = [...new Set(own.flatMap((lane) => Object.keys(lane.counters)))]
    const metrics = names.map((name): Metric => ({ label: name, value: (lane) => lane.counters[name] ?? null }))
    return tablesOf(terminal, own, [{ heading: '', metrics }], `counted by ${consumer}`, (lane) => lane.policy)
  })
}

/** As many tables as the lanes need; each leaves out what is 0 in all of its own lanes. */
function tablesOf(
  terminal: Terminal,
  lanes: readonly LaneReport[],
  groups: readonly MetricGroup[],
  corner: string,
  title: (lane: LaneReport) => string,
): string[] {
  const shown = shownIn(groups, lanes)
  if (shown.length === 0) return []
  const labelWidth = Math.max(...[...corner.split('\n'), ...rowLabels(shown)].map((label) => label.length))
  const columns = lanes.map((lane) => ({ lane, width: laneWidth(lane, shown, title(lane)) }))
  return packed(columns, terminal.columns - labelWidth).map((part) => {
    const rows = shownIn(shown, part).flatMap(({ heading, metrics }) => [
      ...(heading === '' ? [] : [[heading]]),
      ...metrics.map((metric) => [indented(heading, metric.label), ...part.map((lane) => figure(metric.value(lane)))]),
    ])
    return tableText(terminal, {
      head: [corner, ...part.map(title)],
      align: ['left', ...part.map(() => 'right' as const)],
      rows,
    })
  })
}

function shownIn(groups: readonly MetricGroup[], lanes: readonly LaneReport[]): MetricGroup[] {
  const known = (metric: Metric) => lanes.some((lane) => metric.value(lane) !== null)
  const shown = (metric: Metric) => metric.always === true || lanes.some((lane) => (metric.value(lane) ?? 0) !== 0)
  return groups
    .map(({ heading, metrics }) => ({ heading, metrics: metrics.filter((metric) => known(metric) && shown(metric)) }))
    .filter(({ metrics }) => metrics.length > 0)
}

const figure = (value: number | null): string => (value === null ? '-' : grouped(value))

const indented = (heading: string, label: string): string => (heading === '' ? label : `  ${label}`)

function rowLabels(groups: readonly MetricGroup[]): string[] {
  return groups.flatMap(({ heading, metrics }) => [heading, ...metrics.map(({ label }) => indented(heading, label))])
}

function laneWidth(lane: LaneReport, groups: readonly MetricGroup[], title: string): number {
  const cells = groups.flatMap(({ metrics }) => metrics.map((metric) => figure(metric.value(lane))))
  return Math.max(...[...title.split('\n'), ...cells].map((cell) => cell.length)) + GUTTER
}

/** Cuts the lanes into groups that fit; a lane that is too wide alone stands alone. */
function packed(columns: readonly { lane: LaneReport; width: number }[], room: number): LaneReport[][] {
  const parts: LaneReport[][] = []
  let left = 0
  for (const { lane, width } of columns) {
    const part = parts.at(-1)
    if (part !== undefined && width <= left) part.push(lane)
    else parts.push([lane])
    left = (part !== undefined && width <= left ? left : room) - width
  }
  return parts
}
