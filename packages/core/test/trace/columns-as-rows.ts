import { ITER_TYPE_NAMES } from '../../src/iter/iter-type.ts'
import {
  BACKING_NAMES,
  END_NEVER,
  END_SYNCHRONOUS,
  EVENT_NAMES,
  FLAG_NAMES,
  OP_NAMES,
  type OpBatch,
} from '../../src/trace/op-batch.ts'
import { openTrace, type ScannerName } from '../../src/trace/open-trace.ts'
import type { TraceReader } from '../../src/trace/trace-reader.ts'
import { type SimpleRow, segmentsOf } from './simple-reader.ts'

/** A byte stream of the given chunks; the sizes repeat. */
export async function* chunked(bytes: Uint8Array, sizes: readonly number[] = [65536]): AsyncGenerator<Uint8Array> {
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length]!
    yield bytes.slice(at, at + size)
    at += size
  }
}

/** Every row of a trace as {@link comparable} has it, read by the scanner. */
export async function scan(
  bytes: Uint8Array,
  sizes?: readonly number[],
  name = 'test',
  scanner?: ScannerName,
): Promise<object[]> {
  const reader = await openTrace(chunked(bytes, sizes), name, { scanner })
  const rows: object[] = []
  for await (const batch of reader.batches()) {
    checkSegmentRanges(batch)
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row))
  }
  return rows
}

/** The rows' segments follow each other and are all that the table holds. */
function checkSegmentRanges(batch: OpBatch): void {
  let next = 0
  for (let row = 0; row < batch.length; row++) {
    if (batch.segmentFirst[row] !== next) throw new Error(`segments of row ${row} begin at ${batch.segmentFirst[row]}`)
    next += batch.segmentCount[row]!
  }
  if (batch.segments.length !== next) throw new Error(`${batch.segments.length} segments, ${next} of them in rows`)
}

export function columnsOf(reader: TraceReader, batch: OpBatch, row: number): object {
  const text = (names: { text(id: number): string }, id: number) => (id === -1 ? null : names.text(id))
  const endNs = batch.endNs[row]!
  const iter = ITER_TYPE_NAMES[batch.iterType[row]!]!
  const ofFile = iter === 'folioq' || iter === 'xarray'
  const result = batch.resultBytes[row]!
  return {
    line: batch.line[row],
    row: batch.firstRow + row,
    ts: batch.tsNs[row],
    end: endNs === END_SYNCHRONOUS ? 'synchronous' : endNs === END_NEVER ? 'never' : endNs,
    event: EVENT_NAMES[batch.event[row]!],
    id: text(reader.ids, batch.id[row]!),
    mm: batch.mm[row],
    op: OP_NAMES[batch.direction[row]!] ?? '',
    call: text(reader.calls, batch.call[row]!),
    iter,
    segments: Array.from({ length: batch.segmentCount[row]! }, (_, index) => {
      const at = batch.segmentFirst[row]! + index
      const offset = batch.segments.offsetBytes[at]!
      return {
        address: batch.segments.addressBytes[at],
        offset: ofFile ? 0 : offset,
        file: ofFile ? reader.files.text(offset) : null,
        length: batch.segments.lengthBytes[at],
      }
    }),
    backing: BACKING_NAMES[batch.backing[row]!],
    file: text(reader.files, batch.file[row]!),
    offset: batch.offsetBytes[row],
    len: batch.lengthBytes[row],
    result: Number.isNaN(result) ? null : result,
    flags: FLAG_NAMES.filter((_, bit) => ((batch.flags[row]! >> bit) & 1) === 1),
    order: batch.order[row],
    hole: [batch.holeOffsetBytes[row], batch.holeLengthBytes[row]],
    consumer: text(reader.consumers, batch.consumer[row]!),
    pins: [batch.pinsAcquired[row], batch.pinsReleased[row]],
    stack: text(reader.stacks, batch.stack[row]!),
  }
}

/** What the scanner's columns must say for a row of the simple reader. */
export function comparable({ line, row }: SimpleRow, index: number): object {
  const segments = segmentsOf(row)
  const words = row.flags ?? []
  const order = words.find((word) => word.startsWith('order='))
  const hole = words.find((word) => word.startsWith('hole='))
  const sum = segments.reduce((bytes, { length }) => bytes + length, 0)
  return {
    line,
    row: index + 1,
    ts: row.ts,
    end: row.end ?? 'synchronous',
    event: row.event ?? 'io',
    id: row.id ?? null,
    mm: row.mm ?? 0,
    op: row.op ?? '',
    call: row.call ?? null,
    iter: row.iter ?? (segments.length > 1 ? 'iovec' : 'ubuf'),
    segments,
    backing: row.backing ?? 'anon',
    file: row.file ?? null,
    offset: row.offset ?? -1,
    len: row.len ?? (segments.length > 0 ? sum : -1),
    result: row.result ?? null,
    flags: FLAG_NAMES.filter((name) => words.includes(name) || (name === 'hole' && hole !== undefined)),
    order: order === undefined ? -1 : Number(order.slice('order='.length)),
    hole: hole === undefined ? [0, -1] : hole.slice('hole='.length).split('+').map(Number),
    consumer: row.consumer ?? null,
    pins: [row.pins_acquired ?? -1, row.pins_released ?? -1],
    stack: row.stack ?? null,
  }
}
