import { COLUMN_EVENT } from '../../src/trace/columns.ts'
import { EVENT_IO, NONE, OpBatch } from '../../src/trace/op-batch.ts'
import type { TraceReader } from '../../src/trace/trace-reader.ts'

/**
 * What is repeated of a trace: every row; after the first time only operations; or operations alone, as if the trace had
 * no column `event`, no `id` and no counts of a kernel: every recorded row has these, and then no two are alike.
 */
export type Repeated = 'rows' | 'operations' | 'operations-alone'

/** The same rows `times` times over, each time later by the length of the trace. Reads `trace` to its end at once. */
export async function repeatedTrace(trace: TraceReader, times: number, what: Repeated): Promise<TraceReader> {
  const whole: OpBatch[] = []
  for await (const batch of trace.batches()) whole.push(copyOf(batch, false))
  const operations = what === 'rows' ? whole : whole.map((batch) => copyOf(batch, true))
  if (what === 'operations-alone') {
    for (const { id, pinsAcquired, pinsReleased } of operations)
      for (const column of [id, pinsAcquired, pinsReleased]) column.fill(NONE)
  }
  const first = what === 'operations-alone' ? operations : whole
  const rows = Math.max(0, ...whole.map(({ firstRow, length }) => firstRow + length))
  const spanNs = 1 + Math.max(0, ...whole.flatMap(({ tsNs, length }) => [...tsNs.subarray(0, length)]))
  return {
    header: trace.header,
    files: trace.files,
    calls: trace.calls,
    ids: trace.ids,
    consumers: trace.consumers,
    stacks: trace.stacks,
    layout: trace.layout,
    imported: trace.imported,
    bytesRead: trace.bytesRead,
    async *batches() {
      for (let time = 0; time < times; time++) {
        for (const batch of time === 0 ? first : operations) yield shifted(batch, time * rows, time * spanNs)
      }
    },
  }
}

function copyOf(from: OpBatch, onlyOperations: boolean): OpBatch {
  const to = new OpBatch()
  to.firstRow = from.firstRow
  to.columns = onlyOperations ? from.columns & ~(1 << COLUMN_EVENT) : from.columns
  for (let row = 0; row < from.length; row++) {
    if (onlyOperations && from.event[row] !== EVENT_IO) continue
    copyRow(to, to.length++, from, row)
  }
  const { addressBytes, offsetBytes, lengthBytes, length } = from.segments
  for (let s = 0; s < length; s++) to.segments.push(addressBytes[s]!, offsetBytes[s]!, lengthBytes[s]!)
  return to
}

function copyRow(to: OpBatch, at: number, from: OpBatch, row: number): void {
  for (const name of COLUMNS) {
    const column = to[name] as Float64Array
    column[at] = (from[name] as Float64Array)[row]!
  }
}

const COLUMNS = Object.entries(new OpBatch())
  .filter(([, value]) => ArrayBuffer.isView(value))
  .map(([name]) => name as keyof OpBatch)

function shifted(batch: OpBatch, rows: number, ns: number): OpBatch {
  const later = copyOf(batch, false)
  later.firstRow += rows
  for (let row = 0; row < later.length; row++) {
    later.line[row]! += rows
    later.tsNs[row]! += ns
    if (later.endNs[row]! >= 0) later.endNs[row]! += ns
  }
  return later
}
