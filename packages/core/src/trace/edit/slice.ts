import { BATCH_SEGMENTS_MAX } from '../limits.ts'
import {
  BATCH_ROWS_MAX,
  EVENT_FORK,
  EVENT_MAP,
  EVENT_REGISTER,
  EVENT_UNMAP,
  EVENT_UNREGISTER,
  NONE,
  OpBatch,
} from '../op-batch.ts'
import type { TraceReader } from '../trace-reader.ts'
import { copyRow } from './copy-row.ts'
import { EditedReader } from './edited-reader.ts'
import { withoutTotals } from './whole-trace.ts'

/** Which rows of a trace are kept: those that fit all of it. */
export interface Slice {
  /** Submission, ns since the trace began: from the first, up to the second, not included. */
  readonly fromNs: number
  readonly toNs: number
  /** Rows by number, from 1, both included. */
  readonly firstRow: number
  readonly lastRow: number
  /** Address spaces; null: all. */
  readonly spaces: ReadonlySet<number> | null
  /** Names of files; null: all, and rows that name none. */
  readonly files: ReadonlySet<string> | null
}

/** What memory is there, and what is registered: later rows rest on it. */
const STATE_EVENTS = [EVENT_MAP, EVENT_UNMAP, EVENT_FORK, EVENT_REGISTER, EVENT_UNREGISTER]

/**
 * The part of a trace that a slice keeps. Rows that map or register memory before it are kept too, at the time where the
 * slice begins: the operations behind them rest on it. Times are those of the whole trace.
 */
export function sliceTrace(trace: TraceReader, slice: Slice): TraceReader {
  const header = { ...trace.header, attributes: withoutTotals(trace.header.attributes) }
  return new EditedReader(trace, (from) => kept(from, slice), { header })
}

async function* kept(trace: TraceReader, slice: Slice): AsyncGenerator<OpBatch> {
  const out = new OpBatch()
  const files = new WantedFiles(trace, slice.files)
  for await (const batch of trace.batches()) {
    if (isBehind(batch, slice)) break
    for (let row = 0; row < batch.length; row++) {
      const isBefore = batch.tsNs[row]! < slice.fromNs || batch.firstRow + row < slice.firstRow
      if (isBefore ? !isState(batch, row, slice) : !isKept(batch, row, slice, files)) continue
      copyRow(batch, row, out)
      if (isBefore) out.tsNs[out.length - 1] = Math.max(slice.fromNs, batch.tsNs[row]!)
      if (out.length < BATCH_ROWS_MAX && out.segments.length < BATCH_SEGMENTS_MAX) continue
      yield out
      out.reset(out.firstRow + out.length)
    }
  }
  if (out.length > 0) yield out
}

/** Every row of the batch, and so of all that follow, comes after the slice. */
function isBehind(batch: OpBatch, { toNs, lastRow }: Slice): boolean {
  return batch.length > 0 && (batch.tsNs[0]! >= toNs || batch.firstRow > lastRow)
}

function isState(batch: OpBatch, row: number, { spaces }: Slice): boolean {
  return STATE_EVENTS.includes(batch.event[row]!) && isOfSpaces(batch, row, spaces)
}

function isKept(batch: OpBatch, row: number, slice: Slice, files: WantedFiles): boolean {
  if (batch.tsNs[row]! >= slice.toNs || batch.firstRow + row > slice.lastRow) return false
  if (!isOfSpaces(batch, row, slice.spaces)) return false
  return STATE_EVENTS.includes(batch.event[row]!) || files.has(batch.file[row]!)
}

/** Of one of the address spaces, or a fork that makes one of them. */
function isOfSpaces(batch: OpBatch, row: number, spaces: ReadonlySet<number> | null): boolean {
  if (spaces === null || spaces.has(batch.mm[row]!)) return true
  return batch.event[row] === EVENT_FORK && spaces.has(batch.resultBytes[row]!)
}

/** Whether a file is wanted, by name id. */
class WantedFiles {
  private readonly trace: TraceReader
  private readonly names: ReadonlySet<string> | null
  private readonly known: boolean[] = []

  constructor(trace: TraceReader, names: ReadonlySet<string> | null) {
    this.trace = trace
    this.names = names
  }

  has(id: number): boolean {
    if (this.names === null) return true
    if (id === NONE) return false
    this.known[id] ??= this.names.has(this.trace.files.text(id))
    return this.known[id]
  }
}
