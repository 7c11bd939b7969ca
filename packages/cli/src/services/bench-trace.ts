import {
  BACKING_NAMES,
  BATCH_ROWS_MAX,
  COLUMN_NAMES,
  type ColumnName,
  type Dictionary,
  EVENT_NAMES,
  OpBatch,
  type TraceHeader,
  type TraceReader,
  type WrittenFormat,
  writeTrace,
} from '@pinscope/core'
import { type BenchOperations, emptyRow, POOL_ADDRESS, POOL_BYTES } from './bench-operations.ts'

/** As `pinscope replay` reads a file. */
const CHUNK_BYTES = 1 << 18

const NO_NAMES: Dictionary = {
  size: 0,
  text: () => '',
  bytes: () => new Uint8Array(0),
}

/** A trace out of operations that are in memory: each batch as it is, its times moved on where the stream goes round. */
export class BenchTrace implements TraceReader {
  readonly header: TraceHeader
  readonly files = NO_NAMES
  readonly calls = NO_NAMES
  readonly ids = NO_NAMES
  readonly consumers = NO_NAMES
  readonly stacks = NO_NAMES
  readonly layout = { level: 'L3', assumed: null } as const
  readonly imported = null
  readonly bytesRead = 0
  private readonly operations: BenchOperations
  private readonly count: number
  private readonly huge: boolean
  private readonly columns: readonly ColumnName[]

  /** `huge`: the buffers are mapped as huge pages, by a row before the first operation. */
  constructor(operations: BenchOperations, count: number, huge = false) {
    this.operations = operations
    this.count = count
    this.huge = huge
    this.columns = operations.held ? ['ts', 'end', 'op', 'segs', 'offset'] : ['ts', 'op', 'segs', 'offset']
    this.header = headerOf(this.columns)
  }

  async *batches(): AsyncGenerator<OpBatch> {
    const { batches, spanNs } = this.operations
    if (this.huge) yield hugePool()
    const mask = this.columns.reduce((bits, name) => bits | (1 << COLUMN_NAMES.indexOf(name)), 0)
    let moved = 0
    let firstRow = this.huge ? 2 : 1
    for (let left = this.count, at = 0; left > 0; at = (at + 1) % batches.length) {
      if (at === 0 && left < this.count) {
        move(batches, spanNs)
        moved++
      }
      const batch = batches[at]!
      batch.columns = mask
      batch.firstRow = firstRow
      batch.length = Math.min(BATCH_ROWS_MAX, left)
      yield batch
      firstRow += batch.length
      left -= batch.length
      batch.length = BATCH_ROWS_MAX
    }
    move(batches, -spanNs * moved)
  }
}

/** Times are whole numbers far below 2^53: moving there and back again is exact. */
function move(batches: readonly OpBatch[], byNs: number): void {
  for (const { tsNs, endNs } of batches) {
    for (let row = 0; row < BATCH_ROWS_MAX; row++) {
      tsNs[row]! += byNs
      if (endNs[row]! >= 0) endNs[row]! += byNs
    }
  }
}

/** One row that maps the whole pool as huge pages. */
function hugePool(): OpBatch {
  const batch = new OpBatch()
  emptyRow(batch, 0)
  batch.event[0] = EVENT_NAMES.indexOf('map')
  batch.backing[0] = BACKING_NAMES.indexOf('thp')
  batch.segmentCount[0] = 1
  batch.offsetBytes[0] = -1
  batch.lengthBytes[0] = POOL_BYTES
  batch.segments.push(POOL_ADDRESS, 0, POOL_BYTES)
  batch.length = 1
  return batch
}

function headerOf(columns: readonly string[]): TraceHeader {
  return {
    version: 1,
    format: 'pinscope',
    name: 'bench',
    kernel: null,
    filesystem: null,
    logicalBlockSizeBytes: null,
    dmaAlignmentBytes: null,
    folioOrder: null,
    attributes: new Map(),
    columns,
  }
}

/** The bytes of a trace in a format, in one piece. */
export async function bytesOf(trace: TraceReader, format: WrittenFormat): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of writeTrace(trace, format)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Bytes as a file gives them. */
export async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
}
