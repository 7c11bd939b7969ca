import type { ColumnName } from '../columns.ts'
import { FIRST_LINE, readAttribute } from '../header.ts'
import { quotedText } from '../printable.ts'
import { TraceError } from '../trace-error.ts'

const NUMBERS: readonly ColumnName[] = ['ts', 'end', 'mm', 'offset', 'len', 'result', 'pins_acquired', 'pins_released']
/** What pandas calls the index of a frame when it writes one. */
export const PANDAS_INDEX = /^__index_level_\d+__$/
/** Keys of the schema that other programs write for themselves. */
const FOREIGN_KEY = /^(pandas|ARROW:.*|huggingface|geo|PARQUET:.*)$/

/** A column of whole numbers. */
export function isNumbers(name: string): boolean {
  return NUMBERS.includes(name as ColumnName)
}

/** The header lines that the schema's metadata holds. */
export function attributesOf(metadata: ReadonlyMap<string, string>, file: string): Map<string, string> {
  const attributes = new Map<string, string>()
  for (const [key, value] of metadata) {
    if (key === 'pinscope-trace' || FOREIGN_KEY.test(key) || !/^[^#\s][^\s]*$/.test(key)) continue
    for (const line of value.split('\n')) readMetadata(`# ${key} ${line}`, key, file, attributes)
  }
  const version = metadata.get('pinscope-trace')
  if (version !== undefined && version !== '1') {
    const problem = `the trace is of version ${quotedText(version)}, this pinscope reads version ${FIRST_LINE.slice(-1)}`
    throw new TraceError({ file, line: 0, column: 0, problem, hint: 'Use a pinscope as new as the one that wrote it.' })
  }
  return attributes
}

function readMetadata(text: string, key: string, file: string, attributes: Map<string, string>): void {
  try {
    readAttribute(text, file, 0, attributes)
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    const { problem, hint } = error.detail
    throw new TraceError({ file, line: 0, column: 0, problem: `metadata ${quotedText(key)}: ${problem}`, hint })
  }
}
