import { COLUMN_NAMES, COLUMN_SEGS, COLUMN_TS, EXTRA_PREFIX } from '../columns.ts'
import { FlatTable } from './flat-table.ts'
import { isNumbers, PANDAS_INDEX } from './schema-rules.ts'

// Numbers of the union Type of format/Schema.fbs.
const TYPE_NULL = 1
const TYPE_INT = 2
const TYPE_UTF8 = 5
const TYPE_LIST = 12
const TYPE_STRUCT = 13
/** Types with a node and the validity alone, with the values besides, and with offsets into them too. */
const BUFFERS: Readonly<Record<number, number>> = {
  1: 0, // null
  2: 2, // int
  3: 2, // floating point
  4: 3, // binary
  5: 3, // utf8
  6: 2, // bool
  7: 2, // decimal
  8: 2, // date
  9: 2, // time
  10: 2, // timestamp
  11: 2, // interval
  12: 2, // list
  13: 1, // struct
  15: 2, // fixed size binary
  16: 1, // fixed size list
  18: 2, // duration
  19: 3, // large binary
  20: 3, // large utf8
  21: 2, // large list
}
/** Dictionaries without a type for their numbers have them in 32 bits. */
const INDEX_BITS = 32
const WIDTHS = [8, 16, 32, 64]
const SEGMENT_PARTS = ['address', 'offset', 'length', 'file']

/** Where the parts of a column are among those of a record batch, and how wide its numbers are. */
export interface PlainColumn {
  /** `COLUMN_*`; -1 for what is inside a column. */
  readonly code: number
  readonly name: string
  /** Index of its node, and of its first buffer. */
  readonly node: number
  readonly buffer: number
  readonly bits: number
  readonly isSigned: boolean
  /** Of the texts that its numbers stand for; null for plain numbers. */
  readonly dictionary: number | null
  /** What is inside: the columns of the segments of `segs`. */
  readonly children: readonly PlainColumn[]
}

/** A schema whose columns are read at their places in memory. */
export interface PlainSchema {
  /** Names of all columns of the file. */
  readonly names: readonly string[]
  readonly metadata: ReadonlyMap<string, string>
  /** Those that a trace has, without those that have no values. */
  readonly columns: readonly PlainColumn[]
  /** Numbers of the dictionaries, all of UTF-8. */
  readonly dictionaries: ReadonlySet<number>
  /** Nodes and buffers of a record batch. */
  readonly nodes: number
  readonly buffers: number
}

/**
 * The schema of a file as pinscope writes it, or much like it: whole numbers, numbers into dictionaries of UTF-8, and lists of
 * structs of them as segments. Null for every other one: the library reads it, and says what is wrong with it.
 */
export function plainSchema(metadata: Uint8Array): PlainSchema | null {
  try {
    const schema = FlatTable.root(metadata).table(2)
    return schema === null ? null : new SchemaWalk().read(schema)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

class SchemaWalk {
  private nodes = 0
  private buffers = 0
  private readonly dictionaries = new Set<number>()
  private isPlain = true

  read(schema: FlatTable): PlainSchema | null {
    const names: string[] = []
    const columns: PlainColumn[] = []
    for (const field of schema.tables(1)) {
      const name = field.text(0) ?? ''
      names.push(name)
      const column = this.column(field, name, COLUMN_NAMES.indexOf(name as never))
      const isOurs = column.code >= 0
      this.isPlain &&= isOurs || name.startsWith(EXTRA_PREFIX) || PANDAS_INDEX.test(name)
      this.isPlain &&= !isOurs || !columns.some(({ code }) => code === column.code)
      if (isOurs) this.isPlain &&= isReadable(column, field)
      if (isOurs && field.uint8(2) !== TYPE_NULL) columns.push(column)
    }
    const values = metadataOf(schema)
    this.isPlain &&= columns.some(({ code }) => code === COLUMN_TS)
    if (!this.isPlain || values === null) return null
    const { nodes, buffers, dictionaries } = this
    return { names, metadata: values, columns, dictionaries, nodes, buffers }
  }

  private column(field: FlatTable, name: string, code: number): PlainColumn {
    const node = this.nodes++
    const buffer = this.buffers
    const encoding = field.table(4)
    const type = field.uint8(2)
    const count = encoding === null ? BUFFERS[type] : BUFFERS[TYPE_INT]
    if (count === undefined) this.isPlain = false
    this.buffers += count ?? 0
    const number = encoding === null ? (type === TYPE_INT ? field.table(3) : null) : encoding.table(1)
    const column = {
      code,
      name,
      node,
      buffer,
      bits: number?.int32(0) ?? (encoding === null ? 0 : INDEX_BITS),
      isSigned: number === null || number.uint8(1) !== 0,
      dictionary: encoding?.count(0) ?? null,
    }
    if (encoding !== null) {
      this.dictionaries.add(encoding.count(0))
      this.isPlain &&= type === TYPE_UTF8
      return { ...column, children: [] }
    }
    return { ...column, children: [...field.tables(5)].map((child) => this.column(child, child.text(0) ?? '', -1)) }
  }
}

/** A column of a trace is of a type that is read at its place. */
function isReadable(column: PlainColumn, field: FlatTable): boolean {
  const type = field.uint8(2)
  if (type === TYPE_NULL && column.dictionary === null) return true
  if (column.code !== COLUMN_SEGS && !WIDTHS.includes(column.bits)) return false
  if (column.code === COLUMN_SEGS) return type === TYPE_LIST && column.dictionary === null && isSegments(field, column)
  return isNumbers(column.name) ? type === TYPE_INT && column.dictionary === null : column.dictionary !== null
}

function isSegments(list: FlatTable, { children }: PlainColumn): boolean {
  const [item] = [...list.tables(5)]
  if (item === undefined || item.uint8(2) !== TYPE_STRUCT || item.table(4) !== null) return false
  const parts = children[0]!.children
  const types = [...item.tables(5)].map((part) => part.uint8(2))
  return parts.every(({ name, bits, dictionary }, index) => {
    if (!WIDTHS.includes(bits)) return false
    const isOnce = parts.findIndex((part) => part.name === name) === index
    const isNumber = types[index] === TYPE_INT && dictionary === null
    return isOnce && SEGMENT_PARTS.includes(name) && (name === 'file' ? dictionary !== null : isNumber)
  })
}

/** The metadata of the schema; null where a key or a value is missing. */
function metadataOf(schema: FlatTable): Map<string, string> | null {
  const values = new Map<string, string>()
  for (const pair of schema.tables(2)) {
    const key = pair.text(0)
    const value = pair.text(1)
    if (key === null || value === null) return null
    values.set(key, value)
  }
  return values
}
