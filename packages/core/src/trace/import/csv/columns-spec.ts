import type { FlagName } from '../../../iter/row-flags.ts'
import { closestWord } from '../../did-you-mean.ts'
import { quotedText } from '../../printable.ts'
import { ColumnPart, ColumnsFault, type OpColumn, type UnitColumn } from './column-part.ts'

/** Names of `--columns`, as docs list them. */
export const COLUMN_KEYS = [
  'ts',
  'end',
  'latency',
  'op',
  'offset',
  'len',
  'file',
  'mm',
  'pid',
  'addr',
  'nsg',
  'result',
  'call',
  'flags',
] as const
type ColumnKey = (typeof COLUMN_KEYS)[number]
type Parts = ReadonlyMap<ColumnKey, ColumnPart>

/** What `--columns` says. Columns are from 0; null: there is none. */
export interface ColumnsSpec {
  readonly ts: UnitColumn | null
  readonly end: UnitColumn | null
  readonly latency: UnitColumn | null
  /** A column, or the direction of every row. */
  readonly op: OpColumn | number
  readonly offset: UnitColumn | null
  readonly len: UnitColumn
  readonly file: number | null
  readonly mm: number | null
  readonly addr: number | null
  readonly nsg: number | null
  readonly result: number | null
  readonly call: number | null
  /** A column, or the words that hold for every row. */
  readonly flags: number | readonly FlagName[] | null
  /** Cells that a row must have. */
  readonly cellsMin: number
  /** Columns are named as in the header, so there is one. */
  readonly hasNames: boolean
}

const EXAMPLE = 'As in ts=1:us,op=2,offset=3:sector,len=4.'

/**
 * Reads the text of `--columns`: `ts=2:us,op=5:0=read/1=write,offset=3:sector,len=4`. `names`: those of the header, which may stand
 * instead of numbers. Throws a {@link ColumnsFault}.
 */
export function columnsSpec(text: string, names: readonly string[]): ColumnsSpec {
  const parts = partsOf(text, names)
  exclude(parts, 'end', 'latency')
  exclude(parts, 'addr', 'nsg')
  exclude(parts, 'mm', 'pid')
  const op = parts.get('op')?.op()
  const len = parts.get('len')?.size()
  if (op === undefined) throw missing(text, 'op', 'op=N, or op=read where every row is a read.')
  if (len === undefined) throw missing(text, 'len', 'len=N:B, or another unit of size.')
  const columnOf = (key: ColumnKey) => parts.get(key)?.column() ?? null
  const timeOf = (key: ColumnKey) => parts.get(key)?.time() ?? null
  const spec = {
    ts: timeOf('ts'),
    end: timeOf('end'),
    latency: timeOf('latency'),
    op,
    offset: parts.get('offset')?.size() ?? null,
    len,
    file: columnOf('file'),
    mm: columnOf('mm') ?? columnOf('pid'),
    addr: columnOf('addr'),
    nsg: columnOf('nsg'),
    result: columnOf('result'),
    call: columnOf('call'),
    flags: parts.get('flags')?.flags() ?? null,
  }
  const used = [...parts.values()]
  const cellsMin = 1 + Math.max(...used.map((part) => part.columnUsed))
  return { ...spec, cellsMin, hasNames: used.some((part) => part.isNamed) }
}

function partsOf(text: string, names: readonly string[]): Map<ColumnKey, ColumnPart> {
  const parts = new Map<ColumnKey, ColumnPart>()
  let at = 0
  for (const item of text.split(',')) {
    const equals = item.indexOf('=')
    if (equals < 0) throw new ColumnsFault(at, `${quotedText(item)} is not NAME=COLUMN`, EXAMPLE)
    const name = item.slice(0, equals)
    const key = COLUMN_KEYS.find((one) => one === name)
    if (key === undefined) throw unknownName(at, name)
    if (parts.has(key)) throw new ColumnsFault(at, `${key} is named twice`, 'Leave one of them out.')
    parts.set(key, new ColumnPart(key, item.slice(equals + 1), at + equals + 1, names))
    at += item.length + 1
  }
  return parts
}

function unknownName(at: number, name: string): ColumnsFault {
  const meant = closestWord(name, COLUMN_KEYS)
  const hint = meant === null ? `Names: ${COLUMN_KEYS.join(' ')}.` : `Did you mean ${meant}?`
  return new ColumnsFault(at, `there is no column name ${quotedText(name)}`, hint)
}

function missing(text: string, key: ColumnKey, hint: string): ColumnsFault {
  return new ColumnsFault(text.length, `${key} is missing`, `Add ${hint}`)
}

function exclude(parts: Parts, one: ColumnKey, other: ColumnKey): void {
  const first = parts.get(one)
  const second = parts.get(other)
  if (first === undefined || second === undefined) return
  const at = Math.max(first.nameAt, second.nameAt)
  throw new ColumnsFault(at, `${one} and ${other} exclude each other`, 'Leave one of them out.')
}
