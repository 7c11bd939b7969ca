import type { LaneReport } from '@pinscope/core'
import { type LaneColumn, RANK_OPTIONAL } from './lane-columns.ts'
import { type DrawnGroup, isZero, leftOut } from './lane-layout.ts'
import { LABEL_COLUMNS } from './paragraph.ts'
import type { Terminal } from './terminal.ts'
import { counted, ROUNDED_MIN, wrapped } from './text.ts'

/** What stands below the table with a line for each lane: what each column counts, and what is not in the table. */
export function laneNotes(terminal: Terminal, groups: readonly DrawnGroup[], lanes: readonly LaneReport[]): string {
  const columns = groups.map(({ heading, columns }) => {
    const text = columns.map(({ column }) => `${column.title}: ${column.note}`).join('; ')
    return wrapped(heading.padEnd(LABEL_COLUMNS) + text, terminal.columns, ' '.repeat(LABEL_COLUMNS))
  })
  const told = (texts: readonly string[]) => texts.map((text) => wrapped(text, terminal.columns))
  const rest = [...figures(groups, lanes), ...noRoom(terminal, groups, lanes), ...more(lanes)]
  return [...told(zeros(groups, lanes)), ...columns, ...told(rest)].join('\n')
}

/** What is 0 in every lane needs no column. */
function zeros(groups: readonly DrawnGroup[], lanes: readonly LaneReport[]): string[] {
  const names = leftOut(groups, lanes).filter((column) => column.rank < RANK_OPTIONAL && isZero(column, lanes))
  return names.length === 0 ? [] : [`0 in every lane: ${listed(names.sort((a, b) => a.rank - b.rank))}.`]
}

function noRoom(terminal: Terminal, groups: readonly DrawnGroup[], lanes: readonly LaneReport[]): string[] {
  const names = leftOut(groups, lanes).filter((column) => !isZero(column, lanes))
  if (names.length === 0) return []
  return [`No room in ${terminal.columns} columns for: ${listed(names)}. A wider terminal shows more, --json all.`]
}

const listed = (columns: readonly LaneColumn[]): string => columns.map(({ name }) => name).join(', ')

/** How figures are to be read. */
function figures(groups: readonly DrawnGroup[], lanes: readonly LaneReport[]): string[] {
  const drawn = groups.flatMap(({ columns }) => columns)
  const isRounded = drawn.some(({ column }) => lanes.some((lane) => (column.value(lane) ?? 0) >= ROUNDED_MIN))
  const longTerm = Math.max(...lanes.map(({ pins, refs }) => pins.longTerm + refs.longTerm))
  return [
    ...(isRounded ? ['Figures of more than five digits are rounded: 46.1M is 46,100,000 or nearly so.'] : []),
    ...(longTerm === 0
      ? []
      : [`Among the pages of a lane are up to ${counted(longTerm, 'page')} held long-term: registered buffers.`]),
  ]
}

function more(lanes: readonly LaneReport[]): string[] {
  const counting = lanes.some(({ counters }) => Object.keys(counters).length > 0)
  return counting ? ['What a consumer counts itself, and its figures in full: -c NAME.'] : []
}
