import type { Terminal } from './terminal.ts'
import { wrapped } from './text.ts'

/** Where the text of a labelled paragraph begins. */
export const LABEL_COLUMNS = 12

/** Text behind a label, its lines one below the other; without a label, indented by two. Nothing for no text. */
export function paragraph(terminal: Terminal, label: string, text: string): string[] {
  if (text === '') return []
  const hang = ' '.repeat(label === '' ? 2 : LABEL_COLUMNS)
  return [wrapped(`${label === '' ? '  ' : `  ${label}`.padEnd(LABEL_COLUMNS)}${text}`, terminal.columns, hang)]
}
