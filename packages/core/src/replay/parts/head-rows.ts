import { openTrace } from '../../trace/open-trace.ts'
import { TraceError } from '../../trace/trace-error.ts'
import type { TraceReader } from '../../trace/trace-reader.ts'
import { independentRows, isPlainMap } from './part-rows.ts'

/** What the first rows of a trace are. */
export interface HeadRows {
  /** The `map` rows before the first operation. */
  readonly mapRows: number
  /** Line of the first operation. */
  readonly firstLine: number
}

/**
 * Reads the first rows of a trace in that format: `map` rows, then operations that depend on nothing. Null where they are
 * others, or where no operation is among them.
 */
export async function readHeadRows(bytes: Uint8Array, name: string, format: string): Promise<HeadRows | null> {
  try {
    const trace = await openTrace(oneChunk(bytes), name)
    const isCuttable = trace.header.format === format && trace.imported === null && trace.layout.assumed === null
    return isCuttable ? await headRows(trace) : null
  } catch (error) {
    if (error instanceof TraceError) return null
    throw error
  }
}

async function headRows(trace: TraceReader): Promise<HeadRows | null> {
  let mapRows = 0
  for await (const batch of trace.batches()) {
    let row = 0
    while (row < batch.length && isPlainMap(batch, row)) row++
    mapRows += row
    if (row === batch.length) continue
    return independentRows(batch, row) < batch.length ? null : { mapRows, firstLine: batch.line[row] }
  }
  return null
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
