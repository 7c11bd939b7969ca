import { ITER_TYPE_NAMES } from '../../src/iter/iter-type.ts'
import { BACKING_NAMES, EVENT_NAMES, FLAG_NAMES, type OpBatch } from '../../src/trace/op-batch.ts'
import type { TraceReader } from '../../src/trace/trace-reader.ts'

/** A segment in plain words: an address, or a page frame with an offset, and a length. */
export interface SlowSegment {
  readonly base: number
  readonly offset: number
  readonly length: number
}

/** One row of a trace as a plain object. */
export interface SlowRow {
  readonly row: number
  readonly line: number
  readonly ts: number
  /** Completion; null: at `ts`. */
  readonly end: number | 'never' | null
  readonly event: (typeof EVENT_NAMES)[number]
  readonly isRead: boolean
  readonly iter: (typeof ITER_TYPE_NAMES)[number]
  readonly mm: number
  readonly backing: (typeof BACKING_NAMES)[number]
  /** Number of the name in the `file` cell. */
  readonly file: number | null
  readonly order: number | null
  readonly flags: ReadonlySet<(typeof FLAG_NAMES)[number]>
  readonly hole: { readonly offset: number; readonly length: number } | null
  readonly offset: number
  readonly length: number
  readonly result: number | null
  readonly segments: readonly SlowSegment[]
  readonly id: string | null
  readonly consumer: string | null
  readonly pinsAcquired: number | null
  readonly pinsReleased: number | null
}

/** Reads a whole trace into plain rows. */
export async function slowRows(trace: TraceReader): Promise<SlowRow[]> {
  const rows: SlowRow[] = []
  for await (const batch of trace.batches()) {
    for (let r = 0; r < batch.length; r++) rows.push(slowRow(trace, batch, r))
  }
  return rows
}

function slowRow(trace: TraceReader, batch: OpBatch, r: number): SlowRow {
  const indexes = Array.from({ length: batch.segmentCount[r]! }, (_, i) => batch.segmentFirst[r]! + i)
  const end = batch.endNs[r]!
  return {
    row: batch.firstRow + r,
    line: batch.line[r]!,
    ts: batch.tsNs[r]!,
    end: end === -1 ? null : end === -2 ? 'never' : end,
    event: EVENT_NAMES[batch.event[r]!]!,
    isRead: batch.direction[r] === 0,
    iter: ITER_TYPE_NAMES[batch.iterType[r]!]!,
    mm: batch.mm[r]!,
    backing: BACKING_NAMES[batch.backing[r]!]!,
    file: batch.file[r]! < 0 ? null : batch.file[r]!,
    order: batch.order[r]! < 0 ? null : batch.order[r]!,
    flags: new Set(FLAG_NAMES.filter((_, bit) => (batch.flags[r]! & (1 << bit)) !== 0)),
    hole: holeOf(batch, r),
    offset: Math.max(batch.offsetBytes[r]!, 0),
    length: batch.lengthBytes[r]!,
    result: Number.isNaN(batch.resultBytes[r]!) ? null : batch.resultBytes[r]!,
    segments: indexes.map((i) => ({
      base: batch.segments.addressBytes[i]!,
      offset: batch.segments.offsetBytes[i]!,
      length: batch.segments.lengthBytes[i]!,
    })),
    id: batch.id[r]! < 0 ? null : trace.ids.text(batch.id[r]!),
    consumer: batch.consumer[r]! < 0 ? null : trace.consumers.text(batch.consumer[r]!),
    pinsAcquired: batch.pinsAcquired[r]! < 0 ? null : batch.pinsAcquired[r]!,
    pinsReleased: batch.pinsReleased[r]! < 0 ? null : batch.pinsReleased[r]!,
  }
}

/** The part of the operation that reads a hole: `hole=OFFSET+LENGTH`, or all of it for a bare `hole`. */
function holeOf(batch: OpBatch, r: number): SlowRow['hole'] {
  if ((batch.flags[r]! & (1 << FLAG_NAMES.indexOf('hole'))) === 0) return null
  const length = batch.holeLengthBytes[r]!
  return length < 0 ? { offset: 0, length: batch.lengthBytes[r]! } : { offset: batch.holeOffsetBytes[r]!, length }
}
