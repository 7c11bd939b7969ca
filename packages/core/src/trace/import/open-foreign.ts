import type { ByteWindow } from '../byte-window.ts'
import { COLUMN_NAMES } from '../columns.ts'
import { closestWord } from '../did-you-mean.ts'
import { TRACE_FORMATS } from '../formats/formats.ts'
import { traceHeader } from '../header.ts'
import { LAYOUT_POLICIES, type Layout } from '../layout/layout-policy.ts'
import { SORT_ROWS_MAX } from '../limits.ts'
import { NATIVE_FORMAT, type OpenOptions } from '../open-trace.ts'
import { quotedText } from '../printable.ts'
import { TraceError } from '../trace-error.ts'
import type { TraceReader } from '../trace-reader.ts'
import { fillHead, formatsOf, headOf } from './detect.ts'
import { ImportReader } from './import-reader.ts'
import { ImportRows } from './import-rows.ts'
import type { FileHead, ImportFormat, TraceFormat } from './trace-format.ts'

const DEFAULT_LAYOUT = 'aligned'
const TAR_MAGIC_AT = 257
const TAR_HINT = 'Unpack it into a pipe: tar xOzf FILE | pinscope replay - --input-format NAME'

/** Opens a file that is not in pinscope's own text format; null when no format knows it and none was named. */
export async function openForeign(window: ByteWindow, name: string, options: OpenOptions): Promise<TraceReader | null> {
  await fillHead(window)
  window.passByteOrderMark()
  const head = headOf(window)
  const formats = [...TRACE_FORMATS, ...(options.formats ?? [])]
  const format = chosenFormat(head, formats, name, options.format)
  if (format === null) return null
  if ('read' in format) return format.read(window.rest(), name)
  return importReader(window, head, format, name, options)
}

async function importReader(
  window: ByteWindow,
  head: FileHead,
  format: ImportFormat,
  name: string,
  options: OpenOptions,
): Promise<TraceReader> {
  if (head.text.slice(TAR_MAGIC_AT).startsWith('ustar')) throw refused(name, 'it is a tar archive', TAR_HINT)
  const layout = layoutNamed(options.layout ?? DEFAULT_LAYOUT, name)
  const rows = new ImportRows(format, name, options.sort === true ? SORT_ROWS_MAX : undefined)
  const values = optionValues(format, options.formatOptions ?? {}, name)
  const importer = await format.open({ rows, head, option: (option) => values.get(option) ?? '' })
  const header = { ...traceHeader(name, rows.attributes, COLUMN_NAMES), format: format.name }
  return new ImportReader(header, window, importer, rows, layout)
}

function chosenFormat(
  head: FileHead,
  formats: readonly TraceFormat[],
  file: string,
  named: string | undefined,
): TraceFormat | null {
  if (named !== undefined) return formatNamed(named, formats, file)
  const found = formatsOf(head, formats)
  if (found.length <= 1) return found[0] ?? null
  const problem = `it may be ${found.map(({ title }) => title).join(' or ')}`
  throw refused(file, problem, `Say which: --input-format ${found.map((format) => format.name).join('|')}`)
}

function formatNamed(named: string, formats: readonly TraceFormat[], file: string): TraceFormat {
  const format = formats.find((one) => one.name === named)
  if (format !== undefined) return format
  const names = [NATIVE_FORMAT, ...formats.map((one) => one.name)]
  const meant = closestWord(named, names)
  const hint = meant === null ? `Formats: ${names.join(' ')}.` : `Did you mean ${meant}?`
  throw refused(file, `there is no trace format ${quotedText(named)}`, hint)
}

/** The layout of that name. Throws a TraceError for the file when there is none. */
export function layoutNamed(text: string, file: string): Layout {
  const usages = LAYOUT_POLICIES.map(({ usage }) => usage).join(', ')
  for (const policy of LAYOUT_POLICIES) {
    const made = policy.make(text)
    if (typeof made === 'string') throw refused(file, `layout ${quotedText(text)}: ${made}`, `Layouts: ${usages}.`)
    if (made !== null) return made
  }
  throw refused(file, `there is no layout ${quotedText(text)}`, `Layouts: ${usages}.`)
}

function optionValues(
  format: ImportFormat,
  given: Readonly<Record<string, string>>,
  file: string,
): ReadonlyMap<string, string> {
  const options = format.options ?? []
  const values = new Map(options.map((option) => [option.name, option.default]))
  for (const [name, value] of Object.entries(given)) {
    const option = options.find((one) => one.name === name)
    const names = options.map((one) => one.name).join(', ')
    if (option === undefined) {
      const hint = names === '' ? 'It has none.' : `It has: ${names}.`
      throw refused(file, `${format.title} has no input option ${quotedText(name)}`, hint)
    }
    if (option.words !== null && !option.words.includes(value)) {
      throw refused(file, `input option ${name} is ${quotedText(value)}`, `Expected ${option.words.join(', ')}.`)
    }
    values.set(name, value)
  }
  return values
}

function refused(file: string, problem: string, hint: string): TraceError {
  return new TraceError({ file, line: 0, column: 0, problem, hint })
}
