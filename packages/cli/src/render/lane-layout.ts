import type { LaneReport } from '@pinscope/core'
import { LANE_COLUMN_GROUPS, type LaneColumn, type LaneColumnGroup, RANK_ZERO } from './lane-columns.ts'
import { rounded } from './text.ts'

/** Blanks between two columns. */
export const COLUMN_GAP = 1

/** A group of columns as it is drawn: the columns that are shown, each with its width. */
export interface DrawnGroup {
  readonly heading: string
  readonly columns: readonly { readonly column: LaneColumn; readonly width: number }[]
  readonly width: number
}

/**
 * The columns for these lanes that fit into `room`, the most important ones first. Where one of them does not fit, those
 * that are only for wide terminals are not tried.
 */
export function layoutOf(lanes: readonly LaneReport[], room: number): DrawnGroup[] {
  const chosen = new Set<LaneColumn>()
  const rank = (column: LaneColumn) => (isZero(column, lanes) ? RANK_ZERO : column.rank)
  let isFull = false
  for (const column of candidates(lanes).sort((a, b) => rank(a) - rank(b))) {
    if (isFull && rank(column) >= RANK_ZERO) break
    chosen.add(column)
    if (widthOf(drawnGroups(chosen, lanes), COLUMN_GAP) <= room) continue
    chosen.delete(column)
    isFull ||= rank(column) < RANK_ZERO
  }
  return drawnGroups(chosen, lanes)
}

/** Of all groups, the gap before each counted. */
export function widthOf(groups: readonly DrawnGroup[], gap: number): number {
  return groups.reduce((sum, { width }) => sum + gap + width, 0)
}

/** Columns of which some lane has something to tell, and that are not drawn. */
export function leftOut(groups: readonly DrawnGroup[], lanes: readonly LaneReport[]): LaneColumn[] {
  const drawn = new Set(groups.flatMap(({ columns }) => columns.map(({ column }) => column)))
  return LANE_COLUMN_GROUPS.flatMap(({ columns }) => columns).filter(
    (column) => !drawn.has(column) && isKnown(column, lanes),
  )
}

/** No lane has anything but 0 in it. */
export const isZero = ({ value }: LaneColumn, lanes: readonly LaneReport[]): boolean =>
  lanes.every((lane) => (value(lane) ?? 0) === 0)

const isKnown = ({ value }: LaneColumn, lanes: readonly LaneReport[]): boolean =>
  lanes.some((lane) => value(lane) !== null)

/** A figure as it stands in its column. */
export const figureText = (value: number | null): string => (value === null ? '-' : rounded(value))

/** What some lane has to tell, and what is always told. */
function candidates(lanes: readonly LaneReport[]): LaneColumn[] {
  return leftOut([], lanes).filter((column) => column.always === true || !isZero(column, lanes))
}

function drawnGroups(chosen: ReadonlySet<LaneColumn>, lanes: readonly LaneReport[]): DrawnGroup[] {
  return LANE_COLUMN_GROUPS.map((group) => drawnGroup(group, chosen, lanes)).filter(({ columns }) => columns.length > 0)
}

function drawnGroup(group: LaneColumnGroup, chosen: ReadonlySet<LaneColumn>, lanes: readonly LaneReport[]): DrawnGroup {
  const columns = group.columns
    .filter((column) => chosen.has(column))
    .map((column) => {
      const figures = lanes.map((lane) => figureText(column.value(lane)))
      return { column, width: Math.max(...[column.title, ...figures].map((text) => text.length)) }
    })
  const width = columns.reduce((sum, drawn) => sum + drawn.width + COLUMN_GAP, -COLUMN_GAP)
  return { heading: group.heading, columns, width: Math.max(width, group.heading.length) }
}
