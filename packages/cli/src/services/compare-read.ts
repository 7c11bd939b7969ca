import { REPORT_SCHEMA, type Report, TraceError } from '@pinscope/core'
import type { TraceInput } from './input.ts'

/** A report, and the file that it was read from. */
export interface NamedReport {
  readonly file: string
  readonly report: Report
}

/** Reads a report of `pinscope replay --json`. Throws a TraceError that says what the file is instead. */
export async function readReport({ name, bytes }: TraceInput): Promise<NamedReport> {
  const value = parsed(name, await textOf(bytes))
  refuseOthers(name, value)
  const { reportSchema } = await import('@pinscope/core/schema')
  const { success, data, error } = reportSchema.safeParse(value)
  if (success) return { file: name, report: data as Report }
  const [{ path, message }] = error.issues
  throw unreadable(
    name,
    `is no report of this pinscope: ${placeOf(path)}: ${message}`,
    'Was it made by another version, or edited? Replay the traces again.',
  )
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of bytes) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}

function parsed(name: string, text: string): unknown {
  if (text.trim() === '') throw unreadable(name, 'is empty', MAKE_ONE)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw notJson(name, text, (error as SyntaxError).message)
  }
}

/** V8 tells what is wrong, for some faults where, and quotes a part of the text. */
function notJson(name: string, text: string, message: string): TraceError {
  const at = Number(/at position (\d+)/.exec(message)?.[1] ?? Number.NaN)
  if (/^Unexpected end|^Unterminated/.test(message) || at >= text.trimEnd().length) {
    return unreadable(
      name,
      'is JSON that breaks off',
      'Was its replay interrupted? -o FILE writes a report whole or not at all.',
    )
  }
  const [what] = message.split(/ in JSON at |, (?:\.\.\.)?"/)
  return unreadable(name, `is no JSON: ${what}`, MAKE_ONE, Number.isNaN(at) ? '' : text.slice(0, at))
}

const MAKE_ONE = 'pinscope replay TRACE --json -o report.json writes a report.'

/** JSON that is something else. */
function refuseOthers(name: string, value: unknown): void {
  const { schema, error } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (schema === REPORT_SCHEMA) return
  if (typeof schema !== 'string')
    throw unreadable(name, `is no report: it has no "schema": "${REPORT_SCHEMA}"`, MAKE_ONE)
  if (schema.startsWith('pinscope-report/')) {
    throw unreadable(
      name,
      `is a ${schema}; this pinscope reads ${REPORT_SCHEMA}`,
      'Replay the traces again with this version.',
    )
  }
  if (schema.startsWith('pinscope-error/')) {
    const { message } = (error ?? {}) as Record<string, unknown>
    throw unreadable(name, `holds the error of a replay, not its report: ${message}`, MAKE_ONE)
  }
  throw unreadable(name, `is a ${schema}, not a report (${REPORT_SCHEMA})`, MAKE_ONE)
}

/** `lanes[0].entries.bytes` */
function placeOf(path: readonly PropertyKey[]): string {
  const parts = path.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at === 0 ? '' : '.'}${String(key)}`))
  return parts.length === 0 ? 'the whole' : parts.join('')
}

/** With the text before the fault, its line and column are told too. */
function unreadable(file: string, problem: string, hint: string, before = ''): TraceError {
  const lines = before.split('\n')
  const isPlaced = before !== ''
  return new TraceError({
    file,
    line: isPlaced ? lines.length : 0,
    column: isPlaced ? Buffer.byteLength(lines.at(-1) ?? '') + 1 : 0,
    problem,
    hint,
  })
}
