import { DataType, type Schema } from 'apache-arrow'
import { COLUMN_NAMES, type ColumnName, EXTRA_PREFIX } from '../columns.ts'
import { closestWord } from '../did-you-mean.ts'
import { quotedText } from '../printable.ts'
import { TraceError } from '../trace-error.ts'
import { isNumbers, PANDAS_INDEX } from './schema-rules.ts'
import { isList, isNumber, isText } from './values.ts'

/** A column of the file that a trace has, and its place among all of them. */
export interface BoundColumn {
  readonly code: number
  readonly name: ColumnName
  /** Index among the columns of the file. */
  readonly at: number
  readonly type: DataType
}

/** The columns that a trace has among those of the file. Throws a TraceError when one is not known, or of another type. */
export function boundColumns(schema: Schema, file: string): BoundColumn[] {
  const refuse = (problem: string, hint: string) => new TraceError({ file, line: 0, column: 0, problem, hint })
  const bound: BoundColumn[] = []
  schema.fields.forEach((field, at) => {
    const name = field.name as ColumnName
    const code = COLUMN_NAMES.indexOf(name)
    if (name.startsWith(EXTRA_PREFIX) || PANDAS_INDEX.test(name)) return
    if (code < 0) throw refuse(`column ${quotedText(name)} is not known`, unknownHint(name))
    if (bound.some((column) => column.code === code)) throw refuse(`column ${name} stands here twice`, '')
    const expected = expectedOf(name, field.type)
    if (expected !== null) throw refuse(`column ${name} is ${field.type}, expected ${expected}`, castHint(field.type))
    bound.push({ code, name, at, type: field.type })
  })
  if (!bound.some(({ name }) => name === 'ts')) {
    throw refuse(
      'the table has no ts column',
      `A trace has at least ts; other columns: ${COLUMN_NAMES.slice(1).join(' ')}.`,
    )
  }
  return bound
}

function unknownHint(name: string): string {
  const meant = closestWord(name.trim(), COLUMN_NAMES)
  const rule = `Columns are ${COLUMN_NAMES.join(' ')}; a column of your own begins with ${EXTRA_PREFIX}.`
  return meant === null ? rule : `Did you mean ${meant}? ${rule}`
}

/** Null when the column may be of the type; else what it should be. */
function expectedOf(name: ColumnName, type: DataType): string | null {
  if (DataType.isNull(type) || isText(type) || isTexts(type)) return null
  if (isNumbers(name)) return isNumber(type) ? null : `int64: ${name === 'mm' ? 'a pid' : meaningOf(name)}`
  if (name === 'segs') return isSegments(type) ? null : 'a list of structs of address, offset and length, or utf8'
  if (name === 'flags') return isList(type) && isTextual(itemOf(type)) ? null : 'utf8, or a list of utf8'
  return 'utf8, or a dictionary of utf8'
}

function meaningOf(name: ColumnName): string {
  if (name === 'ts' || name === 'end') return 'whole nanoseconds since the trace began'
  return name.startsWith('pins_') ? 'a count' : 'bytes'
}

/** A dictionary of texts. */
function isTexts(type: DataType): boolean {
  return DataType.isDictionary(type) && isText(type.dictionary)
}

function isTextual(type: DataType): boolean {
  return isText(type) || isTexts(type)
}

/** What the items of a list are. */
function itemOf(type: DataType): DataType {
  return type.children[0]!.type
}

function isSegments(type: DataType): boolean {
  if (!isList(type)) return false
  const item = itemOf(type)
  if (isText(item)) return true
  if (!DataType.isStruct(item)) return false
  return item.children.every(({ name, type: inner }) =>
    name === 'file' ? isTextual(inner) || DataType.isNull(inner) : isNumber(inner) || DataType.isNull(inner),
  )
}

function castHint(type: DataType): string {
  if (DataType.isTimestamp(type) || DataType.isDuration(type) || DataType.isTime(type)) {
    return 'Subtract the first time and cast it: (t - t.min()).astype("int64") in pandas.'
  }
  return 'Cast it.'
}
