import { ARROW_DEPTH_MAX, ARROW_FIELDS_MAX } from '../limits.ts'
import { FlatTable } from './flat-table.ts'

// Numbers of the Arrow IPC format: format/Message.fbs, format/Schema.fbs.
const METADATA_V4 = 3
const METADATA_V5 = 4
const HEADER_SCHEMA = 1
const HEADER_DICTIONARY = 2
const HEADER_RECORDS = 3
const CODECS = ['lz4', 'zstd'] as const
/** Rows of a compressed batch: there is no telling how long its columns are. */
const COMPRESSED_ROWS_MAX = 1 << 24
/** Types that this reader never needs: their buffers are laid out in ways of their own. */
const TYPES_REFUSED: Readonly<Record<number, string>> = {
  0: 'none',
  14: 'union',
  17: 'map',
  22: 'run-end encoded',
  25: 'list view',
  26: 'large list view',
}
const TYPE_LAST = 26
/** list, fixed size list, large list */
const LIST_TYPES = [12, 16, 21]

/** What a message is, as far as its metadata says so. */
export interface MessageFacts {
  readonly kind: 'schema' | 'records' | 'dictionary'
  readonly rows: number
  /** What its buffers are compressed with, each by itself. */
  readonly codec: (typeof CODECS)[number] | null
  /** Of a dictionary: its number, and whether it adds to what there is. */
  readonly id: number
  readonly isDelta: boolean
}

/** A message that is not read, though it may be sound. */
export class MessageRefused extends Error {
  readonly hint: string

  constructor(problem: string, hint: string) {
    super(problem)
    this.hint = hint
  }
}

/** Length of the body that the metadata announces. A RangeError where it is damaged. */
export function bodyBytesOf(metadata: Uint8Array): number {
  return FlatTable.root(metadata).count(3)
}

/**
 * Walks the metadata of a message, so that whoever decodes it meets no length that is not there: every vector and table is
 * inside it, every buffer inside the body. Throws a RangeError where it is damaged, {@link MessageRefused} where it is not read.
 */
export function checkMessage(metadata: Uint8Array, bodyBytes: number): MessageFacts {
  const message = FlatTable.root(metadata)
  const version = message.int16(0)
  if (version !== METADATA_V4 && version !== METADATA_V5) {
    throw new MessageRefused(
      `is of metadata version ${version + 1}, expected 4 or 5`,
      'Write it with Arrow 0.15 or later.',
    )
  }
  const header = message.table(2)
  if (header === null) throw new RangeError('a message has no header')
  checkKeyValues(message, 4)
  switch (message.uint8(1)) {
    case HEADER_SCHEMA:
      return checkSchema(header)
    case HEADER_RECORDS:
      return { kind: 'records', ...checkRecords(header, bodyBytes), id: 0, isDelta: false }
    case HEADER_DICTIONARY: {
      const data = header.table(1)
      if (data === null) throw new RangeError('a dictionary has no values')
      const facts = checkRecords(data, bodyBytes)
      return { kind: 'dictionary', ...facts, id: header.count(0), isDelta: header.uint8(2) !== 0 }
    }
    default:
      throw new MessageRefused('is a tensor', 'Expected a table.')
  }
}

function checkSchema(schema: FlatTable): MessageFacts {
  if (schema.int16(0) !== 0) throw new MessageRefused('is in big endian', 'Write it on a little-endian machine.')
  checkKeyValues(schema, 2)
  const budget = { fields: ARROW_FIELDS_MAX }
  for (const field of schema.tables(1)) checkField(field, 1, budget)
  return { kind: 'schema', rows: 0, codec: null, id: 0, isDelta: false }
}

function checkField(field: FlatTable, depth: number, budget: { fields: number }): void {
  if (budget.fields-- === 0) throw new MessageRefused(`has more than ${ARROW_FIELDS_MAX} columns`, '')
  if (depth > ARROW_DEPTH_MAX) throw new MessageRefused(`has columns nested more than ${ARROW_DEPTH_MAX} deep`, '')
  if (field.vector(0, 1).at === 0) throw new RangeError('a field has no name')
  const type = field.uint8(2)
  if (type > TYPE_LAST) throw new RangeError('a type has no name')
  const refused = TYPES_REFUSED[type]
  if (refused !== undefined) throw new MessageRefused(`has a column of type ${refused}`, 'Leave the column out.')
  if (field.table(3) === null) throw new RangeError('a field has no type')
  field.table(4)?.table(1)
  checkKeyValues(field, 6)
  let children = 0
  for (const child of field.tables(5)) {
    checkField(child, depth + 1, budget)
    children++
  }
  if (LIST_TYPES.includes(type) && children !== 1) throw new RangeError('a list is not of one thing')
}

function checkKeyValues(table: FlatTable, slot: number): void {
  for (const pair of table.tables(slot)) {
    pair.vector(0, 1)
    pair.vector(1, 1)
  }
}

function checkRecords(batch: FlatTable, bodyBytes: number): Pick<MessageFacts, 'rows' | 'codec'> {
  const rows = batch.count(0)
  const codec = codecOf(batch)
  // A value takes a byte at least, in columns that are read.
  const rowsMax = codec === null ? bodyBytes : COMPRESSED_ROWS_MAX
  if (rows > rowsMax)
    throw new MessageRefused(`has ${rows} rows, expected at most ${rowsMax}`, 'Write smaller batches.')
  const nodes = batch.vector(1, 16)
  for (let at = nodes.at; at < nodes.at + nodes.length * 16; at += 16) {
    if (codec === null && batch.countAt(at) > bodyBytes) throw new RangeError('a column has more values than bytes')
    batch.countAt(at + 8)
  }
  const buffers = batch.vector(2, 16)
  for (let at = buffers.at; at < buffers.at + buffers.length * 16; at += 16) {
    if (batch.countAt(at) + batch.countAt(at + 8) > bodyBytes) throw new RangeError('a buffer runs past the body')
  }
  const variadic = batch.vector(4, 8)
  for (let at = variadic.at; at < variadic.at + variadic.length * 8; at += 8) {
    if (batch.countAt(at) > buffers.length) throw new RangeError('a column has more buffers than there are')
  }
  return { rows, codec }
}

function codecOf(batch: FlatTable): MessageFacts['codec'] {
  const compression = batch.table(3)
  if (compression === null) return null
  const codec = CODECS[compression.uint8(0)]
  if (codec === undefined) throw new MessageRefused('is compressed with something unknown', 'Write it without.')
  return codec
}
