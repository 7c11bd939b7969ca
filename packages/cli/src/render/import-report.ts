import type { ImportReport } from '@pinscope/core'
import { styled, type Terminal } from './terminal.ts'
import { counted, grouped, wrapped } from './text.ts'

const LABEL_COLUMNS = 13

/** What an importer made of a file: lines to rows, what it passed over and why, what it took for granted, what it doubts. */
export function importText(terminal: Terminal, report: ImportReport): string {
  const line = (label: string, text: string) =>
    wrapped(`  ${label.padEnd(LABEL_COLUMNS)} ${text}`, terminal.columns, ' '.repeat(LABEL_COLUMNS + 3))
  const lines = [
    line('read', `${counted(report.lines, 'line or record', 'lines or records')}, ${counted(report.rows, 'row')} made`),
    ...report.skipped.map(({ reason, count, firstLine }) =>
      line('passed over', `${reason}: ${grouped(count)}, first at ${grouped(firstLine)}`),
    ),
    line('clock', clockOf(report)),
    ...(report.reordered === 0 ? [] : [line('order', `${counted(report.reordered, 'time')} earlier than one before`)]),
    line('operations', levelsOf(report)),
    ...report.assumptions.map((sentence) => line('assumed', sentence)),
    ...report.doubts.map((sentence) => line('doubtful', sentence)),
  ]
  return [styled(terminal, 'bold', 'import'), ...lines].join('\n')
}

function clockOf({ clock, firstTime, lastTime }: ImportReport): string {
  return firstTime === null ? clock : `${clock}: ${firstTime} to ${lastTime}`
}

function levelsOf({ levels }: ImportReport): string {
  const all = Object.entries(levels).map(([level, count]) => `${grouped(count)} at ${level}`)
  return all.length === 0 ? 'none' : all.join(', ')
}
