import type { ColumnFormat } from '../import/trace-format.ts'

/** A file is a stream between two of these. */
const FILE_MAGIC = 'ARROW1'
/** A stream begins with a length: the mark of a long one, then that of the schema, of which the third and fourth byte are 0. */
const STREAM_HEAD = /^\xff\xff\xff\xff..[^\xff]\0/s

/**
 * Arrow IPC, file or stream: a table whose columns are those of a trace (docs/converting.md). Written by pinscope, or by
 * pandas, polars, DuckDB and others: integers may have any width or be doubles, names may be plain text, and every column
 * but `ts` may be missing. Record batches are read one after the other; their buffers must not be compressed.
 */
export const arrow: ColumnFormat = {
  name: 'arrow',
  title: 'an Arrow table (IPC file or stream)',
  level: 'L3; what its layout line says',
  record: 'pinscope trace convert IN -o OUT.arrow',
  clock: 'ns since the trace began',
  detect: ({ text }) => text.startsWith(FILE_MAGIC) || STREAM_HEAD.test(text),
  // apache-arrow takes longer to load than a small trace to read.
  read: async (bytes, name) => (await import('../arrow/arrow-reader.ts')).ArrowReader.open(bytes, name),
}
