import type { ConsumerDefinition } from '../consumer/consumer.ts'
import type { OperationObserver } from '../consumer/operation.ts'
import { Registry } from '../consumer/registry.ts'
import type { PolicyName } from '../extract/policy.ts'
import { invariant } from '../invariant.ts'
import type { QuirkChange } from '../kernel/kernel.ts'
import type { KernelVersion } from '../kernel/version.ts'
import type { Lane } from '../replay/lane.ts'
import { laneReport } from '../replay/lane-report.ts'
import { LaneSet } from '../replay/lane-set.ts'
import type { FaultInjection } from '../replay/replay-options.ts'
import type { LaneReport } from '../report/report.ts'
import { EVENT_IO, type OpBatch } from '../trace/op-batch.ts'
import { openTrace } from '../trace/open-trace.ts'
import { inOnePiece } from './in-one-piece.ts'
import { type TestRow, traceText } from './trace-row.ts'

/** How rows are replayed; everything has a default. */
export interface RowsOptions {
  /** `mainline` when left out. */
  readonly kernel?: KernelVersion
  /** The consumer's own for that version when left out. */
  readonly policy?: PolicyName
  readonly quirks?: readonly QuirkChange[]
  /** Values of the consumer's options. */
  readonly options?: Readonly<Record<string, number>>
  /** Lines of the trace's header. */
  readonly header?: readonly string[]
  /** The step that is to fail. */
  readonly inject?: FaultInjection
  /** Pages hold bytes: what this writes into each. */
  readonly fill?: (page: number, bytes: Uint8Array) => void
  /** Operations without completion are in flight, not leaked. */
  readonly inFlight?: boolean
  /** Called with the lane before the first row. */
  readonly prepare?: (lane: Lane) => void
  /** Called with the lane after each row. */
  readonly afterRow?: (lane: Lane, row: number) => void
}

/** An element of a list that a consumer told: page row, offset and length in bytes. */
export interface ToldEntry {
  readonly page: number
  readonly offsetBytes: number
  readonly lengthBytes: number
}

/** A list that a consumer told, and the row of its operation. */
export interface ToldList {
  readonly row: number
  readonly list: string
  readonly entries: readonly ToldEntry[]
}

/** What became of the rows. */
export interface RowsResult {
  readonly lane: Lane
  readonly report: LaneReport
  /** Bytes or -errno of each io row, in order. */
  readonly results: readonly number[]
  readonly lists: readonly ToldList[]
  readonly notes: readonly string[]
}

/** Replays rows through one consumer, in one lane, to the end of the trace. */
export async function replayRows(
  definition: ConsumerDefinition,
  rows: readonly TestRow[],
  options: RowsOptions = {},
): Promise<RowsResult> {
  const bytes = new TextEncoder().encode(traceText(rows, options.header))
  const trace = await openTrace(inOnePiece(bytes), 'rows.csv')
  const { lanes } = new LaneSet(trace, {
    registry: registryOf(definition),
    policies: options.policy === undefined ? null : [options.policy],
    consumers: [definition.name],
    kernel: options.kernel ?? (options.header?.some((line) => line.startsWith('kernel ')) ? null : 'mainline'),
    quirks: options.quirks ?? [],
    consumerOptions: { [definition.name]: options.options ?? {} },
    faults: options.inject ?? null,
    inFlight: options.inFlight ?? false,
  })
  const [lane] = lanes
  invariant(lane !== undefined, 'replayRows: one consumer and one policy make a lane')
  if (options.fill !== undefined) lane.memory.holdBytes(options.fill)
  options.prepare?.(lane)
  const listener = new Listener()
  const results: number[] = []
  for await (const batch of trace.batches()) {
    for (let row = 0; row < batch.length; row++) {
      step(lane, batch, row, listener)
      if (batch.event[row] === EVENT_IO) results.push(lane.io.result)
      options.afterRow?.(lane, batch.firstRow + row)
    }
  }
  lane.finish()
  return { lane, report: laneReport(lane), results, lists: listener.lists, notes: listener.notes }
}

function step(lane: Lane, batch: OpBatch, row: number, listener: Listener): void {
  lane.completeDue(batch.tsNs, row)
  listener.row = batch.firstRow + row
  lane.io.observer = listener
  lane.replayRow(batch, row, true)
  lane.io.observer = null
}

function registryOf(definition: ConsumerDefinition): Registry {
  const registry = new Registry()
  if (registry.find(definition.name) === undefined) {
    registry.register('the tested package', { apiVersion: definition.apiVersion, consumers: [definition] })
  }
  return registry
}

/** Writes down the lists and notes of every operation. */
class Listener implements OperationObserver {
  readonly lists: ToldList[] = []
  readonly notes: string[] = []
  row = 0

  extracted(): void {}

  listBuilt(
    list: string,
    _bytes: number,
    count: number,
    page: Int32Array,
    offset: Int32Array,
    length: Int32Array,
  ): void {
    const entries = Array.from({ length: count }, (_, i) => ({
      page: page[i],
      offsetBytes: offset[i],
      lengthBytes: length[i],
    }))
    this.lists.push({ row: this.row, list, entries })
  }

  note(text: string): void {
    this.notes.push(text)
  }
}
