import { ITER_TYPE_NAMES } from '../../src/iter/iter-type.ts'
import type { Dictionary } from '../../src/trace/dictionary.ts'
import {
  BACKING_NAMES,
  END_NEVER,
  END_SYNCHRONOUS,
  EVENT_NAMES,
  type EventName,
  FLAG_NAMES,
  type FlagName,
  OpBatch,
} from '../../src/trace/op-batch.ts'
import type { TraceHeader, TraceReader } from '../../src/trace/trace-reader.ts'

/** One row in plain words: what tests write instead of a trace. */
export interface RowSpec {
  ts?: number
  end?: number | 'never'
  event?: EventName
  id?: string
  mm?: number
  op?: 'read' | 'write'
  iter?: (typeof ITER_TYPE_NAMES)[number]
  /** [address or PFN, length] or [PFN, offset, length]. */
  segs?: readonly (readonly number[])[]
  backing?: (typeof BACKING_NAMES)[number]
  /** Number of a name in the `file` cell. */
  file?: number
  order?: number
  flags?: readonly FlagName[]
  hole?: readonly [number, number]
  offset?: number
  len?: number
  result?: number
  consumer?: string
  acquired?: number
  released?: number
}

class Names implements Dictionary {
  private readonly names: string[] = []
  get size(): number {
    return this.names.length
  }
  text(id: number): string {
    return this.names[id]
  }
  bytes(id: number): Uint8Array {
    return Buffer.from(this.names[id])
  }
  idOf(name: string | undefined): number {
    if (name === undefined) return -1
    const known = this.names.indexOf(name)
    return known >= 0 ? known : this.names.push(name) - 1
  }
}

/** A trace made of rows, as if it had been read: at most one batch. */
export function traceOf(rows: readonly RowSpec[], header: Partial<TraceHeader> = {}): TraceReader {
  const ids = new Names()
  const consumers = new Names()
  const batch = new OpBatch()
  for (const [index, row] of rows.entries()) fill(batch, row, index, ids, consumers)
  return {
    header: {
      version: 1,
      format: 'pinscope',
      name: 'test.csv',
      kernel: null,
      filesystem: null,
      logicalBlockSizeBytes: null,
      dmaAlignmentBytes: null,
      folioOrder: null,
      attributes: new Map(),
      columns: [],
      ...header,
    },
    files: new Names(),
    calls: new Names(),
    ids,
    consumers,
    stacks: new Names(),
    layout: { level: 'L3', assumed: null },
    imported: null,
    bytesRead: 0,
    async *batches() {
      yield batch
    },
  }
}

function fill(batch: OpBatch, spec: RowSpec, index: number, ids: Names, consumers: Names): void {
  const r = batch.length++
  const segs = spec.segs ?? []
  const total = segs.reduce((sum, seg) => sum + seg[seg.length - 1], 0)
  batch.line[r] = index + 3
  batch.tsNs[r] = spec.ts ?? index * 1000
  batch.endNs[r] = spec.end === undefined ? END_SYNCHRONOUS : spec.end === 'never' ? END_NEVER : spec.end
  batch.event[r] = EVENT_NAMES.indexOf(spec.event ?? 'io')
  batch.direction[r] = spec.op === 'write' ? 1 : 0
  batch.iterType[r] = ITER_TYPE_NAMES.indexOf(spec.iter ?? (segs.length === 1 ? 'ubuf' : 'iovec'))
  batch.mm[r] = spec.mm ?? 0
  batch.backing[r] = BACKING_NAMES.indexOf(spec.backing ?? 'anon')
  batch.order[r] = spec.order ?? -1
  batch.flags[r] = (spec.flags ?? []).reduce((bits, flag) => bits | (1 << FLAG_NAMES.indexOf(flag)), 0)
  if (spec.hole !== undefined) batch.flags[r] |= 1 << FLAG_NAMES.indexOf('hole')
  batch.holeOffsetBytes[r] = spec.hole?.[0] ?? 0
  batch.holeLengthBytes[r] = spec.hole?.[1] ?? -1
  batch.offsetBytes[r] = spec.offset ?? 0
  batch.lengthBytes[r] = spec.len ?? total
  batch.resultBytes[r] = spec.result ?? Number.NaN
  batch.segmentFirst[r] = batch.segments.length
  batch.segmentCount[r] = segs.length
  for (const seg of segs) {
    if (seg.length === 3) batch.segments.push(seg[0], seg[1], seg[2])
    else batch.segments.push(seg[0], 0, seg[1])
  }
  batch.id[r] = ids.idOf(spec.id)
  batch.call[r] = -1
  batch.file[r] = spec.file ?? -1
  batch.consumer[r] = consumers.idOf(spec.consumer)
  batch.pinsAcquired[r] = spec.acquired ?? -1
  batch.pinsReleased[r] = spec.released ?? -1
}
