import { COLUMN_EXTRA, COLUMN_NAMES, EXTRA_PREFIX } from './columns.ts'
import { closestWord } from './did-you-mean.ts'
import { foreignFormat } from './foreign.ts'
import { COLUMNS_MAX, FOLIO_ORDER_MAX, HEADER_SIZE_BYTES_MAX } from './limits.ts'
import { quoted, quotedText } from './printable.ts'
import { TraceError } from './trace-error.ts'
import type { LayoutLevel, TraceHeader, TraceLayout } from './trace-reader.ts'

/** The first line of every trace. */
export const FIRST_LINE = '# pinscope-trace 1'

/** Keys of `# key value` lines that mean something here. Others are carried through. */
export const HEADER_KEYS = [
  'kernel',
  'filesystem',
  'recorder',
  'logical-block-size',
  'dma-alignment',
  'folio-order',
  'stable-writes',
  'layout',
] as const

/** Levels below which addresses are assumed, by their digit. */
export const LAYOUT_LEVELS = ['L0', 'L1', 'L2', 'L3'] as const

/** `# layout LEVEL POLICY` */
export const LAYOUT_LINE = /^(L[012]) (\S+)$/

/** A cell of the header row and where it stands. */
export interface HeaderCell {
  readonly name: string
  readonly line: number
  readonly column: number
}

/** Refuses a file that is not a trace, or not of this version. `line` is the first line without its end. */
export function checkFirstLine(line: Uint8Array, file: string): void {
  const text = new TextDecoder().decode(line.subarray(0, 256))
  const version = /^# ?pinscope-trace[ \t]+(\S+)[ \t]*$/.exec(text)
  if (version === null) throw notATrace(line, file)
  if (version[1] === '1') return
  const column = text.indexOf(version[1]!) + 1
  throw new TraceError({
    file,
    line: 1,
    column,
    problem: `the trace is of version ${quotedText(version[1]!)}, this pinscope reads version 1`,
    hint: 'Use a pinscope as new as the one that wrote it.',
  })
}

function notATrace(line: Uint8Array, file: string): TraceError {
  const foreign = foreignFormat(line)
  const looks = foreign === null ? '' : `, it is ${foreign.what}`
  const hint =
    'pinscope formats lists what is read: --input-format insists on one, --columns reads any CSV. Its own begins with "# pinscope-trace 1".'
  return new TraceError({
    file,
    line: 1,
    column: 1,
    problem: `the trace format is not known${looks}: the first line is ${quoted(line)}`,
    hint: foreign?.advice ?? hint,
  })
}

/** Reads a `# key value` line into `attributes`. A line of `#` alone, or of `##`, is a comment. */
export function readAttribute(text: string, file: string, line: number, attributes: Map<string, string>): void {
  const match = /^#(#.*|[ \t]*(?<key>\S+)(?:[ \t]+(?<value>.*?))?)?[ \t]*$/s.exec(text)
  const key = match?.groups?.key
  if (key === undefined) return
  const value = match?.groups?.value ?? ''
  const column = text.indexOf(key) + 1
  const known = HEADER_KEYS.some((name) => name === key)
  const meant = known ? null : closestWord(key, HEADER_KEYS)
  if (meant !== null) {
    const problem = `header key ${quotedText(key)} is not known`
    throw new TraceError({ file, line, column, problem, hint: `Did you mean ${meant}? A comment begins with ##.` })
  }
  if (known && attributes.has(key)) {
    throw new TraceError({ file, line, column, problem: `header key ${key} stands here twice`, hint: 'Keep one.' })
  }
  if (known && value === '') {
    throw new TraceError({
      file,
      line,
      column,
      problem: `header key ${key} has no value`,
      hint: `Expected # ${key} VALUE.`,
    })
  }
  if (key === 'logical-block-size' || key === 'dma-alignment') checkSize(key, value, text, file, line)
  if (key === 'folio-order') checkOrder(value, text, file, line)
  if (key === 'stable-writes') checkStableWrites(value, text, file, line)
  if (key === 'layout') checkLayout(value, text, file, line)
  const before = attributes.get(key)
  attributes.set(key, before === undefined ? value : `${before}\n${value}`)
}

function checkSize(key: string, value: string, text: string, file: string, line: number): void {
  const bytes = /^\d{1,9}$/.test(value) ? Number(value) : 0
  if (bytes > 0 && bytes <= HEADER_SIZE_BYTES_MAX && Number.isInteger(Math.log2(bytes))) return
  throw new TraceError({
    file,
    line,
    column: text.lastIndexOf(value) + 1,
    problem: `${key} is ${quotedText(value)}, expected a power of two up to ${HEADER_SIZE_BYTES_MAX}`,
    hint: 'It is a number of bytes.',
  })
}

function checkOrder(value: string, text: string, file: string, line: number): void {
  if (/^\d$/.test(value) && Number(value) <= FOLIO_ORDER_MAX) return
  throw new TraceError({
    file,
    line,
    column: text.lastIndexOf(value) + 1,
    problem: `folio-order is ${quotedText(value)}, expected a whole number from 0 to ${FOLIO_ORDER_MAX}`,
    hint: 'Folios of the page cache have 2^N pages: 4 is 64 KiB.',
  })
}

function checkStableWrites(value: string, text: string, file: string, line: number): void {
  if (value === 'yes' || value === 'no') return
  throw new TraceError({
    file,
    line,
    column: text.lastIndexOf(value) + 1,
    problem: `stable-writes is ${quotedText(value)}, expected yes or no`,
    hint: 'Yes: a store to a page under writeback waits until it is over (AS_STABLE_WRITES).',
  })
}

function checkLayout(value: string, text: string, file: string, line: number): void {
  if (LAYOUT_LINE.test(value)) return
  throw new TraceError({
    file,
    line,
    column: text.lastIndexOf(value) + 1,
    problem: `layout is ${quotedText(value)}, expected a level below L3 and a policy: L0 aligned`,
    hint: 'It is written by `pinscope trace convert` where a recording had no addresses; with addresses it is left out.',
  })
}

/** Column codes of the header row. */
export function columnCodes(cells: readonly HeaderCell[], file: string): number[] {
  const seen = new Map<string, number>()
  const codes: number[] = []
  cells.forEach((cell, index) => {
    const { name, line, column } = cell
    const refuse = (problem: string, hint: string) => new TraceError({ file, line, column, problem, hint })
    if (index === COLUMNS_MAX) throw refuse(`the header row has more than ${COLUMNS_MAX} columns`, '')
    const code = (COLUMN_NAMES as readonly string[]).indexOf(name)
    const extra = name.startsWith(EXTRA_PREFIX)
    if (name === '') throw refuse('a column has no name', 'Is there a comma too many?')
    if (code < 0 && !extra) throw refuse(`column ${quotedText(name)} is not known`, unknownHint(name))
    if (seen.has(name))
      throw refuse(`column ${quotedText(name)} stands here twice`, `The first is column ${seen.get(name)}.`)
    seen.set(name, index + 1)
    codes.push(code < 0 ? COLUMN_EXTRA : code)
  })
  if (!seen.has('ts')) {
    const problem = 'the header row has no ts column'
    const hint = `A trace has at least ts; other columns: ${COLUMN_NAMES.slice(1).join(' ')}.`
    throw new TraceError({ file, line: cells[0]!.line, column: 1, problem, hint })
  }
  return codes
}

function unknownHint(name: string): string {
  const meant = closestWord(name.trim(), COLUMN_NAMES)
  const rule = `Columns are ${COLUMN_NAMES.join(' ')}; a column of your own begins with ${EXTRA_PREFIX}.`
  return meant === null ? rule : `Did you mean ${meant}? ${rule}`
}

/** What the header says of the buffers: `# layout`, else every address was recorded. */
export function layoutOf({ attributes }: TraceHeader): TraceLayout {
  const match = LAYOUT_LINE.exec(attributes.get('layout') ?? '')
  return match === null ? { level: 'L3', assumed: null } : { level: match[1] as LayoutLevel, assumed: match[2]! }
}

/** Header from its parts. */
export function traceHeader(
  name: string,
  attributes: ReadonlyMap<string, string>,
  columns: readonly string[],
): TraceHeader {
  const size = (key: string) => (attributes.has(key) ? Number(attributes.get(key)) : null)
  return {
    version: 1,
    format: 'pinscope',
    name,
    kernel: attributes.get('kernel') ?? null,
    filesystem: attributes.get('filesystem') ?? null,
    logicalBlockSizeBytes: size('logical-block-size'),
    dmaAlignmentBytes: size('dma-alignment'),
    folioOrder: size('folio-order'),
    attributes,
    columns,
  }
}
