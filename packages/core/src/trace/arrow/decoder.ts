import { type Data, type DataType, RecordBatchReader, type Schema, type Vector } from 'apache-arrow'
import { allowCompressed } from './body-codec.ts'
import type { ArrowMessage } from './message-reader.ts'

// The library decodes one message at a time, behind the schema, so that what is wrong is known to be wrong in that message,
// and nothing is looked for behind it.

export function decodeSchema(schema: ArrowMessage): Schema {
  return readerOf([schema]).schema
}

/** The columns of a record batch, nested ones inside theirs. Dictionaries are left out: only the numbers into them are there. */
export function decodeRecords(schema: ArrowMessage, records: ArrowMessage): readonly Data<DataType>[] {
  const { value } = readerOf([schema, records]).next()
  return value === null || value === undefined ? [] : value.data.children
}

/** The values of a dictionary, or those that are added to it. */
export function decodeDictionary(schema: ArrowMessage, values: ArrowMessage, id: number): readonly Data<DataType>[] {
  const reader = readerOf([schema, values])
  reader.next()
  const found: Vector | undefined = reader.dictionaries.get(id)
  return found?.data ?? []
}

function readerOf(messages: readonly ArrowMessage[]) {
  for (const { facts } of messages) allowCompressed(facts)
  const bytes = messages.flatMap(({ metadata, body }) => [metadata, body]).filter(({ length }) => length > 0)
  return RecordBatchReader.from(bytes).open()
}
