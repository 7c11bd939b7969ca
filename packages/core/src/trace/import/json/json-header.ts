import { readAttribute } from '../../header.ts'
import { quotedText } from '../../printable.ts'
import { TraceError } from '../../trace-error.ts'
import type { ImportRows } from '../import-rows.ts'

/** `format` of a header object: says what it is the header of. Neither it nor `version` is an attribute. */
export const JSON_LINES_FORMAT = 'pinscope-trace'

/** Takes the header lines of a trace out of an object of pinscope-trace-1.schema.json, which stands in the first line. */
export function readJsonHeader(header: Readonly<Record<string, unknown>>, rows: ImportRows): void {
  rows.line = 1
  if (header.version !== 1) {
    const hint = 'Use a pinscope as new as the one that wrote it.'
    throw rows.fail(1, `the trace is of version ${JSON.stringify(header.version)}, this pinscope reads version 1`, hint)
  }
  for (const [key, value] of Object.entries(header)) {
    if (key === 'format' || key === 'version') continue
    const isPlain = typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))
    if (!isPlain) throw rows.fail(1, `header key ${quotedText(key)} is no text`, 'Expected text, or a whole number.')
    if (!/^[^#\s]\S*$/.test(key)) throw rows.fail(1, `header key ${quotedText(key)} is no word`, '')
    for (const line of String(value).split('\n')) readLine(`# ${key} ${line}`, rows)
  }
}

function readLine(text: string, rows: ImportRows): void {
  try {
    readAttribute(text, rows.file, 1, rows.attributes)
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    throw rows.fail(1, error.detail.problem, error.detail.hint)
  }
}
