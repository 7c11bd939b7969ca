import type { LaneReport } from '@pinscope/core'
import { kernelText } from './kernel.ts'
import type { LaneColumn } from './lane-columns.ts'
import { COLUMN_GAP, type DrawnGroup, figureText, layoutOf, widthOf } from './lane-layout.ts'
import { laneNotes } from './lane-notes.ts'
import { styled, type Terminal } from './terminal.ts'

/** Blanks before a group of columns, where there is room for more than one. */
const GROUP_GAP = 2
const INDENT = '  '
const CORNER = ['consumer', `${INDENT}policy`] as const

/** One table for many lanes: a line each, under the name of its consumer. What the columns mean is told below it. */
export function laneLines(terminal: Terminal, lanes: readonly LaneReport[]): string {
  const labelWidth = Math.max(...[...CORNER, ...lanes.map(laneLabel)].map((text) => text.length))
  const room = terminal.columns - labelWidth
  const groups = layoutOf(lanes, room)
  const gap = widthOf(groups, GROUP_GAP) <= room ? GROUP_GAP : COLUMN_GAP
  const line = (label: string, cells: readonly string[]) =>
    [label.padEnd(labelWidth), ...cells].join(' '.repeat(gap)).trimEnd()
  const dash = terminal.unicode ? '─' : '-'
  const laneLine = (lane: LaneReport) =>
    line(
      laneLabel(lane),
      groups.map((group) => laneCells(terminal, group, lane)),
    )
  const head = [
    line(
      CORNER[0],
      groups.map((group) => spanning(group, dash)),
    ),
    line(
      CORNER[1],
      groups.map((group) => cells(group, ({ title }) => title)),
    ),
  ]
  const rule = dash.repeat(labelWidth + widthOf(groups, gap))
  const table = [
    ...head.map((text) => styled(terminal, 'bold', text)),
    styled(terminal, 'dim', rule),
    ...byConsumer(lanes).flatMap(([name, own]) => [styled(terminal, 'bold', name), ...own.map(laneLine)]),
  ]
  return [table.join('\n'), laneNotes(terminal, groups, lanes)].join('\n\n')
}

const laneLabel = ({ policy }: LaneReport): string => `${INDENT}${policy}`

/** The lanes of each consumer, in the order of the first of them; of each kernel too, where there are several. */
function byConsumer(lanes: readonly LaneReport[]): [string, LaneReport[]][] {
  const isOneKernel = new Set(lanes.map(kernelText)).size === 1
  const byName = new Map<string, LaneReport[]>()
  for (const lane of lanes) {
    const name = isOneKernel ? lane.consumer : `${lane.consumer}, kernel ${kernelText(lane)}`
    byName.set(name, [...(byName.get(name) ?? []), lane])
  }
  return [...byName]
}

/** The heading of a group over all of its columns: `--- pages ---`. */
function spanning({ heading, columns, width }: DrawnGroup, dash: string): string {
  const around = width - heading.length - 2
  if (columns.length === 1 || around < 2) return heading.padStart(width)
  return `${dash.repeat(Math.ceil(around / 2))} ${heading} ${dash.repeat(Math.floor(around / 2))}`
}

/** The columns of a group, each with what `text` has for it, right-aligned. */
function cells({ columns, width }: DrawnGroup, text: (column: LaneColumn) => string): string {
  return columns
    .map((drawn) => text(drawn.column).padStart(drawn.width))
    .join(' '.repeat(COLUMN_GAP))
    .padStart(width)
}

function laneCells(terminal: Terminal, group: DrawnGroup, lane: LaneReport): string {
  const plain = cells(group, ({ value }) => figureText(value(lane)))
  const isBad = group.columns.some(({ column }) => column.isBad === true && (column.value(lane) ?? 0) > 0)
  return isBad ? styled(terminal, 'red', plain) : plain
}
