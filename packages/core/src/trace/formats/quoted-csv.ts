import { CsvError, type Options, parse } from 'csv-parse/sync'

const OPTIONS: Options = {
  // Bytes, not strings: names need not be UTF-8.
  encoding: null,
  // Found by itself it could be a lone carriage return.
  record_delimiter: ['\r\n', '\n'],
  // The count is checked where the header is known, for an error with a line and a column.
  relax_column_count: true,
}

/** The cells of whole CSV records, out of their quotes; null when a quote stands where none may. */
export function parseRecords(bytes: Uint8Array, delimiter = ','): Uint8Array[][] | null {
  const options: Options = { ...OPTIONS, delimiter }
  try {
    return parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), options) as unknown as Uint8Array[][]
  } catch (error) {
    if (error instanceof CsvError) return null
    throw error
  }
}
