import { type Better, COMPARE_GROUPS, type ComparedFigure, type LaneComparison } from '@pinscope/core'
import { type CountText, changeTexts, FULL, relativeText, SHORT } from './compare-figures.ts'
import { type Style, styled, type Terminal } from './terminal.ts'
import { ROUNDED_MIN, wrapped } from './text.ts'

const GAP = '  '

/** A line of the table: a heading, or a figure of the base with what became of it. */
interface Line {
  readonly label: string
  readonly base: number | null
  readonly figures: readonly (ComparedFigure | null)[]
  readonly better: Better
}

interface Cell {
  readonly text: string
  readonly style?: Style | undefined
}

/**
 * Figures below each other, the base first, each other lane with what changed. One other lane has its difference too;
 * several get as many tables as they need. Where one table alone is too wide, figures are rounded.
 */
export function comparisonTables(terminal: Terminal, comparison: LaneComparison): string {
  const tables = packed(terminal, comparison).map((part) => {
    const full = drawn(terminal, comparison, part, FULL)
    return full.columns <= terminal.columns ? full : drawn(terminal, comparison, part, SHORT)
  })
  const note = 'Figures of more than five digits are rounded; --json has them in full.'
  const notes = tables.some(({ isRounded }) => isRounded) ? [wrapped(note, terminal.columns)] : []
  return [...tables.map(({ text }) => text), ...notes].join('\n\n')
}

/** Which of the other lanes stand in which table. */
function packed(terminal: Terminal, comparison: LaneComparison): number[][] {
  const parts: number[][] = []
  for (const at of comparison.with.keys()) {
    const last = parts.at(-1)
    const isRoom = last !== undefined && drawn(terminal, comparison, [...last, at], FULL).columns <= terminal.columns
    if (isRoom) last.push(at)
    else parts.push([at])
  }
  return parts
}

/** The lines of one table; figures that are 0 in all of its lanes are left out. */
function linesOf({ metrics, counters }: LaneComparison, part: readonly number[]): Line[] {
  const line = (label: string, better: Better, { base, with: all }: Row): Line[] => {
    const figures = part.map((at) => all[at])
    const isZero = base === 0 && figures.every((figure) => (figure?.value ?? 0) === 0)
    return isZero ? [] : [{ label: `  ${label}`, base, figures, better }]
  }
  const groups = COMPARE_GROUPS.map(({ heading, metrics: own }) => {
    const rows = own.map((metric) => ({ ...metric, row: metrics.find(({ name }) => name === metric.name) }))
    return {
      heading,
      lines: rows.flatMap(({ label, better, row }) => (row === undefined ? [] : line(label, better, row))),
    }
  })
  const counted = counters.flatMap((row) => line(row.name, 'neither', row))
  return [...groups, { heading: 'counted by the consumers', lines: counted }]
    .filter(({ lines }) => lines.length > 0)
    .flatMap(({ heading, lines }) => [{ label: heading, base: null, figures: [], better: 'neither' }, ...lines])
}

type Row = LaneComparison['counters'][number]

interface Drawn {
  readonly text: string
  readonly columns: number
  /** Some figure is not told in full. */
  readonly isRounded: boolean
}

function drawn(terminal: Terminal, comparison: LaneComparison, part: readonly number[], count: CountText): Drawn {
  const hasDifference = comparison.with.length === 1
  const head = headOf(comparison, part, hasDifference)
  const lines = linesOf(comparison, part)
  const body = lines.map((line) => cellsOf(line, hasDifference, count))
  // A heading may reach over the figures.
  const sized = [...head, ...body.filter((cells) => cells.length > 1)]
  const widths = head[0].map((_, column) => Math.max(...sized.map((cells) => cells[column].text.length)))
  const columns = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length)
  const text = [
    ...head.map((cells) => styled(terminal, 'bold', aligned(terminal, cells, widths))),
    styled(terminal, 'dim', (terminal.unicode ? '─' : '-').repeat(columns)),
    ...body.map((cells) => aligned(terminal, cells, widths)),
  ].join('\n')
  const values = lines.flatMap(({ base, figures }) => [base ?? 0, ...figures.map((figure) => figure?.value ?? 0)])
  return { text, columns, isRounded: count === SHORT && values.some((value) => value >= ROUNDED_MIN) }
}

/** What the lanes are. Quirks and faults have no room here. */
function headOf({ base, with: others }: LaneComparison, part: readonly number[], hasDifference: boolean): Cell[][] {
  const lanes = part.map((at) => others[at])
  const rows = [
    ['', 'base', ...lanes.map(() => 'with')],
    ...(['consumer', 'policy', 'kernel'] as const).map((fact) => [
      fact,
      base[fact],
      ...lanes.map((lane) => lane[fact]),
    ]),
  ]
  const titles = hasDifference ? ['difference', 'relative'] : ['relative']
  return rows.map(([label, own, ...cells], at) => {
    const isLast = at === rows.length - 1
    return [label, own, ...cells.flatMap((cell) => [cell, ...titles.map((title) => (isLast ? title : ''))])].map(cellOf)
  })
}

const cellOf = (text: string): Cell => ({ text })

function cellsOf({ label, base, figures, better }: Line, hasDifference: boolean, count: CountText): Cell[] {
  if (base === null) return [{ text: label }]
  const changed = figures.flatMap((figure): Cell[] => {
    if (figure === null) return ['-', ...(hasDifference ? ['', ''] : [''])].map(cellOf)
    const style = styleOf(figure.difference, better)
    const change = hasDifference ? changeTexts(figure, count) : [relativeText(figure)]
    return [{ text: count(figure.value) }, ...change.map((text) => ({ text, style }))]
  })
  return [{ text: label }, { text: count(base) }, ...changed]
}

function styleOf(difference: number, better: Better): Style | undefined {
  if (difference === 0 || better === 'neither') return undefined
  return difference < 0 === (better === 'less') ? 'green' : 'red'
}

/** Words to the left, figures to the right; no blanks at the end. */
function aligned(terminal: Terminal, cells: readonly Cell[], widths: readonly number[]): string {
  const last = cells.findLastIndex(({ text }) => text !== '')
  return cells
    .slice(0, last + 1)
    .map(({ text, style }, column) => {
      const padded = column === 0 ? (last === 0 ? text : text.padEnd(widths[0])) : text.padStart(widths[column])
      return style === undefined ? padded : styled(terminal, style, padded)
    })
    .join(GAP)
}
