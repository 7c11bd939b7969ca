import { isArrow } from '../arrow/arrow-marks.ts'
import type { ColumnFormat } from '../import/trace-format.ts'

/**
 * Arrow IPC, file or stream: a table whose columns are those of a trace (docs/converting.md). Written by pinscope, or by
 * pandas, polars, DuckDB and others: integers may have any width or be doubles, names may be plain text, and every column
 * but `ts` may be missing. Record batches are read one after the other.
 */
export const arrow: ColumnFormat = {
  name: 'arrow',
  title: 'an Arrow table (IPC file or stream)',
  level: 'L3; what its layout line says',
  record: 'pinscope trace convert IN -o OUT.arrow',
  clock: 'ns since the trace began',
  detect: ({ text }) => isArrow(text),
  read: async (bytes, name) => (await import('../arrow/arrow-reader.ts')).ArrowReader.open(bytes, name),
}
