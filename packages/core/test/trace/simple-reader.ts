import { parse } from 'csv-parse/sync'
import { type TraceRow, traceRowSchema } from '../../src/trace/schema.ts'

/**
 * The slow twin of the scanner: whole text in memory, strings, plain objects, one obvious step after another. It says
 * which traces are good and what their rows are; what is wrong with a bad one it does not say well.
 */
export interface SimpleRow {
  readonly line: number
  readonly row: TraceRow
}

const MAX = Number.MAX_SAFE_INTEGER

/** Rows of a trace, which begins with its first line. Throws for a bad one. */
export function readSimply(text: string): SimpleRow[] {
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  if (lines[0]?.replace(/\r$/, '') !== '# pinscope-trace 1') throw new Error('first line')
  const headerAt = lines.findIndex((line, index) => index > 0 && !/^(#.*)?\r?$/.test(line))
  if (headerAt < 0) throw new Error('no header row')
  const columns = records(`${lines[headerAt]}\n`)[0]!.cells
  const body = lines.slice(headerAt + 1).join('\n')
  if (/\0/.test(body)) throw new Error('NUL')
  // The last line end may be missing, or half of it.
  if (/\r(?!\n|$)/.test(body)) throw new Error('carriage return')
  const rows = records(body).map(({ line, cells }) => {
    if (cells.length !== columns.length) throw new Error(`cells of line ${line}`)
    const texts = Object.fromEntries(columns.map((column, index) => [column, cells[index]!]))
    return { line: headerAt + 1 + line, row: checked(meaning(texts)) }
  })
  rows.forEach(({ row, line }, index) => {
    if (index > 0 && row.ts < rows[index - 1]!.row.ts) throw new Error(`ts of line ${line}`)
  })
  return rows
}

/** CSV records with the line each begins at, blank lines left out. */
function records(text: string): { line: number; cells: string[] }[] {
  if (!text.includes('"')) {
    const lines = text
      .split('\n')
      .map((line, index) => ({ line: index + 1, cells: line.replace(/\r$/, '').split(',') }))
    return lines.filter(({ cells }) => cells.join() !== '' || cells.length > 1)
  }
  const found: { line: number; cells: string[] }[] = []
  let line = 1
  let rest = text
  while (rest !== '') {
    // A record ends at the first line feed with an even number of quotes before it.
    let end = rest.indexOf('\n')
    while (end >= 0 && (rest.slice(0, end).split('"').length - 1) % 2 === 1) end = rest.indexOf('\n', end + 1)
    const record = end < 0 ? rest : rest.slice(0, end + 1)
    if (!/^\r?\n$/.test(record)) {
      const options = { relax_column_count: true, record_delimiter: ['\r\n', '\n'] }
      const cells = (parse(record.endsWith('\n') ? record : `${record}\n`, options) as unknown as string[][])[0]!
      found.push({ line, cells })
    }
    line += record.split('\n').length - 1
    rest = rest.slice(record.length)
  }
  return found
}

/** What the cells of a row mean; an empty cell is absent. */
function meaning(cells: Readonly<Record<string, string>>): TraceRow {
  const integers = ['ts', 'mm', 'offset', 'len', 'result', 'pins_acquired', 'pins_released']
  const row = Object.entries(cells).flatMap(([column, text]): [string, unknown][] => {
    if (text === '') return []
    if (column === 'end') return [[column, text === 'never' ? text : integer(text)]]
    if (integers.includes(column)) return [[column, integer(text)]]
    if (column === 'segs') return [[column, text.split(';')]]
    if (column === 'flags') {
      const words = text.split(/[ ,]/).filter((word) => word !== '')
      return words.length === 0 ? [] : [[column, words]]
    }
    return [[column, text]]
  })
  return traceRowSchema.parse(Object.fromEntries(row))
}

function integer(text: string): number {
  if (!/^-?[0-9]+$/.test(text) || /^-0+$/.test(text)) throw new Error(`integer ${text}`)
  return Number(text)
}

/** A segment's numbers as the columns have them; `file` is the name of a folioq or xarray segment. */
export interface SimpleSegment {
  readonly address: number
  readonly offset: number
  readonly file: string | null
  readonly length: number
}

export function segmentsOf(row: TraceRow): SimpleSegment[] {
  return (row.segs ?? []).map((text) => {
    const iter = row.iter ?? 'iovec'
    const pattern =
      iter === 'bvec' || (iter === 'mixed' && text.includes(':'))
        ? /^(?<address>0x[0-9a-fA-F]+|[0-9]+):(?<offset>[0-9]+)\+(?<length>[0-9]+)$/
        : iter === 'folioq' || iter === 'xarray'
          ? /^(?<file>.+):(?<address>[0-9]+)\+(?<length>[0-9]+)$/s
          : /^(?<address>0x[0-9a-fA-F]+)\+(?<length>[0-9]+)$/
    const parts = pattern.exec(text)?.groups
    if (parts === undefined) throw new Error(`segment ${text}`)
    const { address, offset, length, file } = parts
    const none = iter === 'mixed' ? -1 : 0
    return { address: Number(address), offset: Number(offset ?? none), length: Number(length), file: file ?? null }
  })
}

const NEEDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  io: [['op']],
  map: [['segs'], ['backing']],
  unmap: [['segs']],
  register: [['id'], ['segs']],
  unregister: [['id']],
  fork: [],
  free: [['id', 'segs']],
  dirty: [['segs', 'file']],
  writeback: [['segs', 'file']],
  writeback_end: [['segs', 'file']],
  mkwrite: [['segs', 'file']],
  truncate: [['file']],
  reflink: [['file']],
  lease: [['file']],
  unlease: [['file']],
  pin: [['segs']],
  get: [['segs']],
  unpin: [['id', 'segs']],
  put: [['id', 'segs']],
  unlock: [['segs', 'file']],
  lock: [['segs', 'file']],
  store: [['segs', 'file']],
  load: [['segs', 'file']],
  clean: [['segs', 'file']],
  stable: [['segs', 'file']],
  invalidate: [['segs', 'file']],
  reclaim: [['segs', 'file']],
  migrate: [['segs', 'file']],
  compare: [['segs', 'file']],
  dedupe: [['segs', 'file']],
  dma: [['op'], ['segs', 'file']],
  dma_end: [['id']],
  alloc: [['id']],
  submit: [['id']],
  complete: [['id']],
  clone: [['id']],
  share: [['id']],
  drop: [['id']],
  use: [['id']],
  return: [['id']],
  attach: [['id'], ['segs']],
  merge: [['id'], ['segs']],
  slot: [['id'], ['segs', 'file']],
  append: [['id'], ['segs', 'file']],
  init: [['id'], ['op']],
  copy: [['id'], ['op']],
  extract: [['id'], ['len']],
  advance: [['id'], ['len']],
  revert: [['id'], ['len']],
  consume: [['id'], ['len']],
  reserve: [['file'], ['len']],
  unreserve: [['file'], ['len']],
  allocate: [['file'], ['len']],
  copy_in: [['file'], ['len']],
  zero: [['file'], ['len']],
  punch: [['file'], ['len']],
  write_end: [['file'], ['len']],
  layout: [['file'], ['len']],
  extend: [['file']],
  lease_break: [['file']],
  wait: [['call']],
  allocation: [['call']],
  account: [['len']],
  unaccount: [['len']],
  lock_file: [['file']],
  unlock_file: [['file']],
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}

/** The rules between the cells of a row. */
function checked(row: TraceRow): TraceRow {
  const event = row.event ?? 'io'
  const present = (column: string) => column in row
  for (const choice of NEEDS[event]!) must(choice.some(present), `${event} needs ${choice.join(' or ')}`)
  for (const text of [row.id, row.call, row.file, row.consumer, row.stack]) {
    must(text === undefined || Buffer.byteLength(text) <= 4096, 'long name')
  }
  must(typeof row.end !== 'number' || row.end >= row.ts, 'end before ts')
  const segments = segmentsOf(row)
  checkSegments(row, segments)
  const sum = segments.reduce((bytes, { length }) => bytes + length, 0)
  must(sum <= MAX, 'sum')
  const length = row.len ?? (segments.length > 0 ? sum : -1)
  must(row.offset === undefined || row.offset + Math.max(0, length) <= MAX, 'offset')
  const orders = (row.flags ?? []).filter((flag) => flag.startsWith('order='))
  const holes = (row.flags ?? []).filter((flag) => flag.startsWith('hole='))
  must(orders.length <= (event === 'map' ? 1 : 0), 'order')
  must(holes.length <= (event === 'io' ? 1 : 0), 'hole')
  for (const hole of holes)
    must(
      hole
        .slice(5)
        .split('+')
        .reduce((end, part) => end + Number(part), 0) <= MAX,
      'hole',
    )
  must(event === 'map' || row.backing === undefined, 'backing')
  if (event === 'io') checkIo(row, segments, sum)
  else checkIterator(row, event, segments, sum)
  const meets = segments.every(({ address }, i) => {
    const before = segments[i - 1]
    return before === undefined || (address % 4096 === 0 && (before.address + before.length) % 4096 === 0)
  })
  must(row.iter !== 'folioq' || meets, 'folios meet')
  return row
}

function checkSegments(row: TraceRow, segments: readonly SimpleSegment[]): void {
  const iter = row.iter ?? 'iovec'
  const many = { bvec: 65536, folioq: 65536, mixed: 65536 }
  const most = { ubuf: 1, xarray: 1, iovec: 1024, kvec: 1024, discard: 0, pipe: 0, ...many }[iter]
  must(segments.length <= most, 'segments')
  for (const { address, offset, length, file } of segments) {
    must(address <= MAX && length <= MAX && offset <= MAX, 'numbers of a segment')
    if (iter === 'bvec' || (iter === 'mixed' && offset >= 0)) {
      must(address < 2 ** 31 && offset < 2 ** 32 && length < 2 ** 32, 'bvec')
      must(address * 4096 + offset + length <= 2 ** 31 * 4096, 'past the last frame')
    } else must(address + length <= MAX, 'past 2^53')
    must(file === null || Buffer.byteLength(file) <= 4096, 'long name')
  }
}

function checkIo(row: TraceRow, segments: readonly SimpleSegment[], sum: number): void {
  const lengthOnly = row.iter === 'discard' || row.iter === 'pipe'
  if (lengthOnly) must(row.len !== undefined && row.op === 'read', 'discard')
  else must(segments.length > 0 || row.len === 0, 'no segments')
  must(segments.length === 0 || row.len === undefined || row.len <= sum, 'len')
  must(!(row.flags ?? []).includes('fixed') || row.id !== undefined, 'fixed')
}

function checkIterator(row: TraceRow, event: string, segments: readonly SimpleSegment[], sum: number): void {
  const iter = row.iter ?? (segments.length > 1 ? 'iovec' : 'ubuf')
  const range = ['ubuf', 'kvec']
  const memory = [...range, 'iovec', 'bvec']
  const pages = [...memory, 'folioq', 'xarray']
  if (event === 'map' || event === 'unmap') {
    must(segments.length === 1 && sum > 0 && range.includes(iter), 'range')
  } else must((['register', 'unregister', 'fork'].includes(event) ? memory : pages).includes(iter), 'iterator')
}
