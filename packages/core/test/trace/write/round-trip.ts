import { type OpenOptions, openTrace } from '../../../src/trace/open-trace.ts'
import type { TraceHeader, TraceLayout } from '../../../src/trace/trace-reader.ts'
import { type WrittenFormat, writeTrace } from '../../../src/trace/write/trace-writer.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'

/** A trace as plain objects: all that another form of it must say too. */
export interface ReadTrace {
  readonly header: object
  /** Without their lines, which are the file's. */
  readonly rows: readonly object[]
}

/** Reads all of a trace. */
export async function readAll(
  bytes: Uint8Array,
  options: OpenOptions = {},
  sizes?: readonly number[],
): Promise<ReadTrace> {
  const reader = await openTrace(chunked(bytes, sizes), 't', options)
  const rows: object[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) {
      const { line, ...cells } = columnsOf(reader, batch, row) as { line: number }
      rows.push(cells)
    }
  }
  return { header: headerOf(reader.header, reader.layout), rows }
}

function headerOf({ kernel, filesystem, attributes, ...sizes }: TraceHeader, { level, assumed }: TraceLayout): object {
  const { logicalBlockSizeBytes, dmaAlignmentBytes, folioOrder } = sizes
  const others = Object.fromEntries([...attributes].filter(([key]) => key !== 'layout'))
  // Reference events have no buffers: a trace that says nothing of them is at L3 as well.
  const layout = { level: level === 'R' ? 'L3' : level, assumed }
  return { kernel, filesystem, logicalBlockSizeBytes, dmaAlignmentBytes, folioOrder, others, layout }
}

/** A trace written as something else. */
export async function written(
  bytes: Uint8Array,
  format: WrittenFormat,
  options: OpenOptions = {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const reader = await openTrace(chunked(bytes), 't', options)
  for await (const chunk of writeTrace(reader, format)) chunks.push(chunk.slice())
  return Buffer.concat(chunks)
}
