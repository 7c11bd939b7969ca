import type { Conversion } from '../services/convert-command.ts'
import { importText } from './import-report.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, duration, wrapped } from './text.ts'

const LABEL_COLUMNS = 13

/** What was read and what was written. */
export function conversionText(terminal: Terminal, conversion: Conversion): string {
  const { input, inputFormat, output, mix, imported } = conversion
  const { layout } = output
  const line = (label: string, text: string) =>
    wrapped(`  ${label.padEnd(LABEL_COLUMNS)} ${text}`, terminal.columns, ' '.repeat(LABEL_COLUMNS + 3))
  const compression = output.compression === null ? '' : `, ${output.compression}`
  const lines = [
    styled(terminal, 'bold', input),
    line('format', imported?.title ?? inputFormat),
    line(
      'operations',
      `${counted(mix.reads, 'read')} of ${counted(mix.bytesRead, 'byte')}, ${counted(mix.writes, 'write')} of ${counted(mix.bytesWritten, 'byte')}; ${counted(mix.otherRows, 'other row')}; in ${duration(mix.spanNs)}`,
    ),
    line('layout', layout.assumed === null ? layout.level : `${layout.level}, addresses assumed: ${layout.assumed}`),
    line(
      'written',
      `${counted(output.rows, 'row')} to ${output.file ?? 'standard output'} (${output.format}${compression}, ${counted(output.bytes, 'byte')})`,
    ),
  ]
  if (imported !== null) lines.push('', importText(terminal, imported))
  return `${lines.join('\n')}\n`
}
