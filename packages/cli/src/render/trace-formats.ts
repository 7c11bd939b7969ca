import type { ListedFormat, ListedLayout } from '../services/formats-command.ts'
import { tableText } from './table.ts'
import { styled, type Terminal } from './terminal.ts'
import { wrapped } from './text.ts'

/** The formats that traces are read in, and the layouts. */
export function formatsText(
  terminal: Terminal,
  formats: readonly ListedFormat[],
  layouts: readonly ListedLayout[],
): string {
  const nameWidth = Math.max(...formats.map(({ name }) => name.length))
  const levelWidth = Math.max(...formats.map(({ level }) => firstLevel(level).length))
  const rows = formats.map(({ name, title, level }) =>
    wrapped(
      `  ${name.padEnd(nameWidth)}  ${firstLevel(level).padEnd(levelWidth)}  ${title}`,
      terminal.columns,
      ' '.repeat(nameWidth + levelWidth + 6),
    ),
  )
  const levels = wrapped(
    'What a format tells of buffers: L3 the address and length of every segment, L2 lengths, L1 a count of segments, L0 a count of bytes, R reference events. One format in detail: pinscope formats NAME.',
    terminal.columns,
  )
  const width = Math.max(...layouts.map(({ usage }) => usage.length))
  const policies = layouts.map(({ usage, summary }) =>
    wrapped(`  ${usage.padEnd(width)}  ${summary}`, terminal.columns, ' '.repeat(width + 4)),
  )
  return `${[
    [styled(terminal, 'bold', 'trace formats'), ...rows].join('\n'),
    levels,
    [styled(terminal, 'bold', 'layouts of buffers without addresses (--layout)'), ...policies].join('\n'),
  ].join('\n\n')}\n`
}

/** All about one format. */
export function formatText(terminal: Terminal, format: ListedFormat): string {
  const facts: [string, string][] = [
    ['what', format.title],
    ['buffers', format.level],
    ['record', format.record],
    ['clock', format.clock],
    ['package', format.package],
  ]
  const lines = facts.map(([label, text]) => wrapped(`  ${label.padEnd(8)} ${text}`, terminal.columns, ' '.repeat(11)))
  return `${[[styled(terminal, 'bold', format.name), ...lines].join('\n'), ...optionsTable(terminal, format)].join('\n\n')}\n`
}

function optionsTable(terminal: Terminal, { options }: ListedFormat): string[] {
  if (options.length === 0) return []
  const table = tableText(terminal, {
    head: ['--input-option', 'default', 'meaning'],
    align: ['left', 'left', 'left'],
    rows: options.map((option) => [
      `${option.name}=${option.words === null ? 'TEXT' : option.words.join('|')}`,
      option.default === '' ? '-' : option.default,
      option.summary,
    ]),
    widths: [34, 12, Math.max(24, terminal.columns - 48)],
  })
  return [table]
}

/** `L2; L3 with -e raw` -> `L2`. */
const firstLevel = (level: string): string => level.split(/[;, ]/)[0]
