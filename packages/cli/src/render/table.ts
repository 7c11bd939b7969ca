import CliTable from 'cli-table3'
import { styled, type Terminal } from './terminal.ts'

/** A column of figures is right-aligned, one of words left. */
export type Align = 'left' | 'right'

export interface TableText {
  readonly head: readonly string[]
  readonly align: readonly Align[]
  /** A row of one cell is a heading. */
  readonly rows: readonly (readonly string[])[]
  /** Widths in columns, padding of two included; without them, as wide as the content. Words wrap. */
  readonly widths?: readonly number[]
}

const NO_BORDER = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}

/** A table without borders: the head, a rule, rows. Columns are two blanks apart. No line ends in blanks. */
export function tableText(terminal: Terminal, { head, align, rows, widths }: TableText): string {
  const table = new CliTable({
    head: [...head],
    chars: NO_BORDER,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    colAligns: [...align],
    wordWrap: true,
    ...(widths === undefined ? {} : { colWidths: [...widths] }),
  })
  for (const row of rows) table.push([...row, ...Array<string>(head.length - row.length).fill('')])
  const lines = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
  const headLines = Math.max(...head.map((cell) => cell.split('\n').length))
  const columns = Math.max(...lines.map((line) => line.length))
  const rule = (terminal.unicode ? '─' : '-').repeat(columns)
  const top = lines.slice(0, headLines).map((line) => styled(terminal, 'bold', line))
  return [...top, styled(terminal, 'dim', rule), ...lines.slice(headLines)].join('\n')
}
