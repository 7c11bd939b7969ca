import { HEADER_SIZE_BYTES_MAX } from '../../limits.ts'
import type { FileHead } from '../trace-format.ts'

/** Columns that every recording has; version 1 has these, in this order, as its first line. */
export const RECORDING_COLUMNS = [
  ...[
    'ts_us',
    'dur_us',
    'tid',
    'op',
    'fd',
    'target',
    'oflags',
    'off',
    'nseg',
    'segs',
    'arg',
    'ret',
    'acq',
    'rel',
    'pages',
  ],
] as const

/** What version 2 has besides. */
export const RECORDING_COLUMNS_2 = [...RECORDING_COLUMNS, 'pid', 'mm', 'file', 'shared'] as const

const FIRST_LINE_1 = RECORDING_COLUMNS.join(',')
const FIRST_LINE_2 = '# iorec 2'
/** Last line of version 2: without it the recording was cut off. */
export const LAST_LINE = '# end'

/** Keys that become header lines of the trace as they are. Others tell of the recording as a file. */
const CARRIED = [
  ...['kernel', 'filesystem', 'filesystems', 'recorder', 'logical-block-size', 'dma-alignment', 'command', 'machine'],
  ...['clock-realtime-ns', 'exit-status', 'exit-signal', 'stopped', 'note'],
  ...['pins-bracketed-acquired', 'pins-bracketed-released'],
]
/** Header lines of the trace by keys of the recording. */
const KEYS = new Map([
  ...CARRIED.map((key) => [key, key] as const),
  ['pins-system-acquired', 'pins-acquired-total'],
  ['pins-system-released', 'pins-released-total'],
])

/** A `# key value` line. */
export interface HeadLine {
  readonly key: string
  /** Its escapes undone. */
  readonly value: string
}

/** The file begins as a recording does. */
export function isRecording({ lines }: FileHead): boolean {
  const first = lines[0] ?? ''
  return /^# iorec \d{1,4}$/.test(first) || first === FIRST_LINE_1 || first.startsWith(`${FIRST_LINE_1},`)
}

/** Version of the format; null: a later one. */
export function versionOf({ lines }: FileHead): 1 | 2 | null {
  const first = lines[0] ?? ''
  if (first === FIRST_LINE_2) return 2
  return /^# iorec /.test(first) ? null : 1
}

/** The lines above the column row, as far as the head of the file reaches. */
export function headLines({ text }: FileHead): HeadLine[] {
  const found: HeadLine[] = []
  for (const line of text.split('\n')) {
    const head = headLineOf(line.endsWith('\r') ? line.slice(0, -1) : line)
    if (head !== null) found.push(head)
    else if (line.trim() !== '') break
  }
  return found
}

/** A line that begins with `#`, taken apart; null: it is none. */
export function headLineOf(line: string): HeadLine | null {
  const match = /^# ?(\S+)(?: (.*))?$/s.exec(line)
  return match === null ? null : { key: match[1]!, value: unescaped(match[2] ?? '') }
}

/** What is wrong with a line above the column row; null: nothing. */
export function headFault({ key, value }: HeadLine): string | null {
  if (key === 'page-size' && value !== '4096') return `page-size is "${value}": pinscope counts pages of 4096 bytes`
  if ((key === 'logical-block-size' || key === 'dma-alignment') && !isSize(value)) {
    return `${key} is "${value}", expected a power of two up to ${HEADER_SIZE_BYTES_MAX}`
  }
  return null
}

/** The header lines that a trace gets from those of its recording. */
export function attributesOf(lines: readonly HeadLine[]): Map<string, string> {
  const attributes = new Map<string, string>()
  for (const line of lines) {
    const key = KEYS.get(line.key)
    if (key === undefined || headFault(line) !== null || line.value === '') continue
    const before = key === 'note' ? attributes.get(key) : undefined
    attributes.set(key, before === undefined ? line.value : `${before}\n${line.value}`)
  }
  return attributes
}

/** Names and values have `%XX` for bytes that a cell or a line cannot hold. */
export function unescaped(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

function isSize(value: string): boolean {
  const bytes = /^\d{1,9}$/.test(value) ? Number(value) : 0
  return bytes > 0 && bytes <= HEADER_SIZE_BYTES_MAX && Number.isInteger(Math.log2(bytes))
}
