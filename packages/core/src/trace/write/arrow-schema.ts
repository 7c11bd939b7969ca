import { type DataType, Dictionary, Field, Int8, Int32, Int64, List, Schema, Struct, Uint64, Utf8 } from 'apache-arrow'
import type { ColumnName } from '../columns.ts'
import type { Attributes } from './written-attributes.ts'

/** Key in the schema's metadata that says what this is; its value is the version of the format. */
export const ARROW_FORMAT_KEY = 'pinscope-trace'

/** Dictionaries by the column that has them. The names of files in segments are those of the `file` column. */
export const DICTIONARY_IDS = {
  event: 1,
  id: 2,
  op: 3,
  call: 4,
  iter: 5,
  backing: 6,
  file: 7,
  flags: 8,
  consumer: 9,
  stack: 10,
}

/** Names: numbers into a dictionary that grows. */
function names(id: number): Dictionary<Utf8, Int32> {
  return new Dictionary(new Utf8(), new Int32(), id)
}

/** Words of a short list. */
function words(id: number): Dictionary<Utf8, Int8> {
  return new Dictionary(new Utf8(), new Int8(), id)
}

/** One type for both places: apache-arrow knows dictionaries of one number by it. */
const FILES = names(DICTIONARY_IDS.file)

/** The fields of a segment. */
export const SEGMENT_FIELDS = [
  new Field('address', new Uint64(), false),
  new Field('offset', new Uint64(), true),
  new Field('length', new Uint64(), false),
  new Field('file', FILES, true),
]

/** The type of every column. docs/converting.md has them as a table. */
export const ARROW_TYPES: Readonly<Record<ColumnName, DataType>> = {
  ts: new Int64(),
  end: new Int64(),
  event: words(DICTIONARY_IDS.event),
  id: names(DICTIONARY_IDS.id),
  mm: new Int32(),
  op: words(DICTIONARY_IDS.op),
  call: names(DICTIONARY_IDS.call),
  iter: words(DICTIONARY_IDS.iter),
  segs: new List(new Field('item', new Struct(SEGMENT_FIELDS), false)),
  backing: words(DICTIONARY_IDS.backing),
  file: FILES,
  offset: new Int64(),
  len: new Int64(),
  result: new Int64(),
  flags: names(DICTIONARY_IDS.flags),
  consumer: names(DICTIONARY_IDS.consumer),
  pins_acquired: new Int32(),
  pins_released: new Int32(),
  stack: names(DICTIONARY_IDS.stack),
}

/** Columns that no row leaves empty: `io` rows have an event too. */
const ALWAYS: readonly ColumnName[] = ['ts', 'event', 'mm', 'iter']

/** The schema of a trace with these columns, with its header lines as metadata. */
export function arrowSchema(columns: readonly ColumnName[], attributes: Attributes): Schema {
  const fields = columns.map((name) => new Field(name, ARROW_TYPES[name], !ALWAYS.includes(name)))
  return new Schema(fields, new Map([[ARROW_FORMAT_KEY, '1'], ...attributes]))
}
