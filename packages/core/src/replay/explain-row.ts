import { errnoName } from '../errno.ts'
import {
  ITER_BVEC,
  ITER_DEST,
  ITER_FOLIOQ,
  ITER_KVEC,
  ITER_MIXED,
  ITER_TYPE_NAMES,
  ITER_XARRAY,
} from '../iter/iter-type.ts'
import { KVEC_OFFSET } from '../iter/segment-table.ts'
import { PINS_ACQUIRED, PINS_RELEASED, REFS_ACQUIRED, REFS_RELEASED } from '../ledger/totals.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import { MAPPING_NO_ACCESS, MAPPING_UNDECLARED } from '../memory/mapping.ts'
import { PAGE_KINDS } from '../memory/page-store.ts'
import { END_NEVER, END_SYNCHRONOUS, EVENT_IO, EVENT_NAMES, NONE, OP_NAMES, type OpBatch } from '../trace/op-batch.ts'
import type { TraceReader } from '../trace/trace-reader.ts'
import { pageNumberOf, pageOffsetOf, pagesSpanned } from '../units.ts'
import { blaming } from './blame-plugin.ts'
import type { Explanation } from './explanation.ts'
import type { Lane } from './lane.ts'
import { LaneSet } from './lane-set.ts'
import type { ReplayOptions } from './replay-options.ts'
import { RowWatcher } from './row-watcher.ts'
import { UsageError } from './usage-error.ts'

/** Segments described one by one; an operation may have 1024. */
const SEGMENTS_SHOWN_MAX = 1024

/**
 * Replays a trace up to the completion of one row's operation and tells that operation step by step, in the first lane
 * that the options give. Throws a UsageError when the file has no such row, or when the row is no operation.
 */
export async function explainRow(trace: TraceReader, row: number, options: ReplayOptions): Promise<Explanation> {
  const set = new LaneSet(trace, options)
  let told: Told | null = null
  let rows = 0
  for await (const batch of trace.batches()) {
    rows += batch.length
    for (let r = 0; r < batch.length; r++) {
      const lanes = set.lanesOf(batch, r)
      if (batch.firstRow + r === row) told = tell(trace, batch, r, set, lanes[0])
      for (const lane of set.lanes)
        if (lane !== told?.lane || batch.firstRow + r !== row)
          blaming(lane, () => lane.replayRow(batch, r, lanes.includes(lane)))
    }
    // What was in flight at the row is told when it completes; after that nothing matters, unless it never does.
    if (told !== null && told.endNs !== END_NEVER && batch.tsNs[batch.length - 1] > told.endNs) break
  }
  if (told === null)
    throw new UsageError(`${trace.header.name} has no row ${row}`, `it has ${rows} rows, counted from 1`)
  if (told.endNs >= 0) told.lane.completeDue(Float64Array.of(told.endNs), 0)
  for (const { rule, row: at, takenRow, detail } of told.lane.ledger.violations) {
    if (at === row || takenRow === row) told.watcher.note(`violation at row ${at}: ${rule}: ${detail}`)
  }
  return explanationOf(told)
}

/** What is known once the row was submitted; the watcher goes on listening until it completes. */
interface Told {
  readonly lane: Lane
  readonly watcher: RowWatcher
  /** As the batch has it: negative for synchronous and never. */
  readonly endNs: number
  readonly determined: boolean
  /** This lane is what the kernel that counted did at this place. */
  readonly comparable: boolean
  readonly expectedAcquired: number
  readonly expectedReleased: number
  readonly explanation: Omit<Explanation, 'steps' | 'pins' | 'refs' | 'groundTruth'>
}

function tell(trace: TraceReader, batch: OpBatch, row: number, set: LaneSet, lane: Lane): Told {
  if (batch.event[row] !== EVENT_IO) {
    throw new UsageError(
      `${trace.header.name}:${batch.line[row]}: row ${batch.firstRow + row} is a ${EVENT_NAMES[batch.event[row]]} row, not an operation`,
      'choose a row whose event is io; `pinscope trace info` tells how many there are',
    )
  }
  const watcher = new RowWatcher(lane, batch.segments, batch.segmentFirst[row])
  const { totals } = lane.ledger
  lane.completeDue(batch.tsNs, row)
  const before = totals.slice()
  blaming(lane, () => lane.replayWatched(batch, row, watcher))
  watcher.counted(
    totals[PINS_ACQUIRED] - before[PINS_ACQUIRED],
    totals[PINS_RELEASED] - before[PINS_RELEASED],
    totals[REFS_ACQUIRED] - before[REFS_ACQUIRED],
    totals[REFS_RELEASED] - before[REFS_RELEASED],
  )
  const result = lane.io.result
  if (result < 0) watcher.note(`the operation ends with ${errnoName(result)}`)
  return {
    lane,
    watcher,
    endNs: result < 0 ? END_SYNCHRONOUS : batch.endNs[row],
    determined: !lane.io.undetermined,
    comparable: lane.isComparable(batch, row),
    expectedAcquired: batch.pinsAcquired[row],
    expectedReleased: batch.pinsReleased[row],
    explanation: describeRow(trace, batch, row, set, lane, result),
  }
}

function describeRow(trace: TraceReader, batch: OpBatch, row: number, set: LaneSet, lane: Lane, result: number) {
  const name = (dictionary: { text(id: number): string }, id: number) => (id === NONE ? '' : dictionary.text(id))
  const end = batch.endNs[row]
  const recorded = batch.resultBytes[row]
  const count = batch.segmentCount[row]
  return {
    file: trace.header.name,
    line: batch.line[row],
    row: batch.firstRow + row,
    event: EVENT_NAMES[batch.event[row]],
    policy: lane.setup.policy.name,
    kernel: set.kernel,
    consumer: lane.setup.consumer.definition.name,
    call: name(trace.calls, batch.call[row]),
    operation: OP_NAMES[batch.direction[row]],
    iter: ITER_TYPE_NAMES[batch.iterType[row]],
    direction: batch.direction[row] === ITER_DEST ? 'ITER_DEST' : 'ITER_SOURCE',
    target: name(trace.files, batch.file[row]),
    offsetBytes: batch.offsetBytes[row] < 0 ? null : batch.offsetBytes[row],
    lengthBytes: batch.lengthBytes[row],
    submittedNs: batch.tsNs[row],
    completedNs: end === END_SYNCHRONOUS ? null : end === END_NEVER ? ('never' as const) : end,
    recordedResult: Number.isNaN(recorded) ? null : recorded,
    result,
    segments: Array.from({ length: Math.min(count, SEGMENTS_SHOWN_MAX) }, (_, i) =>
      describeSegment(trace, batch, row, i, lane),
    ),
    segmentsTotal: count,
  }
}

function describeSegment(trace: TraceReader, batch: OpBatch, row: number, index: number, lane: Lane) {
  const { addressBytes, offsetBytes, lengthBytes } = batch.segments
  const at = batch.segmentFirst[row] + index
  const length = lengthBytes[at]
  const isMixed = batch.iterType[row] === ITER_MIXED
  if (batch.iterType[row] === ITER_BVEC || (isMixed && offsetBytes[at] !== KVEC_OFFSET)) {
    const start = `${addressBytes[at]}:${offsetBytes[at]}`
    return { start, lengthBytes: length, pages: pagesSpanned(pageOffsetOf(offsetBytes[at]), length), backing: 'pfn' }
  }
  if (batch.iterType[row] === ITER_FOLIOQ || batch.iterType[row] === ITER_XARRAY) {
    const start = `${trace.files.text(offsetBytes[at])}:${addressBytes[at]}`
    return {
      start,
      lengthBytes: length,
      pages: pagesSpanned(pageOffsetOf(addressBytes[at]), length),
      backing: 'page cache',
    }
  }
  const mm = isMixed || batch.iterType[row] === ITER_KVEC ? KERNEL_MM : batch.mm[row]
  const mapping = lane.spaces.find(mm, pageNumberOf(addressBytes[at]))
  const backing =
    (mapping.flags & MAPPING_NO_ACCESS) !== 0
      ? 'no access'
      : (mapping.flags & MAPPING_UNDECLARED) !== 0
        ? `${PAGE_KINDS[mapping.kind]} (no map row)`
        : PAGE_KINDS[mapping.kind]
  const start = `0x${addressBytes[at].toString(16)}`
  return { start, lengthBytes: length, pages: pagesSpanned(pageOffsetOf(addressBytes[at]), length), backing }
}

function explanationOf(told: Told): Explanation {
  const { watcher } = told
  return {
    ...told.explanation,
    steps: watcher.steps,
    pins: { acquired: watcher.pinsAcquired, released: watcher.pinsReleased },
    refs: { acquired: watcher.refsAcquired, released: watcher.refsReleased },
    groundTruth: verdictOf(told),
  }
}

function verdictOf(told: Told): Explanation['groundTruth'] {
  const { expectedAcquired, expectedReleased } = told
  if (expectedAcquired < 0 && expectedReleased < 0) return null
  return {
    acquired: expectedAcquired < 0 ? null : expectedAcquired,
    released: expectedReleased < 0 ? null : expectedReleased,
    verdict: verdictText(told),
  }
}

function verdictText({ watcher, determined, comparable, expectedAcquired, expectedReleased }: Told): string {
  if (!comparable) return 'not compared: another policy, consumer or kernel than the one that was counted'
  if (!determined)
    return 'undetermined: depends on which small pages are physically adjacent, which the trace does not tell'
  const agrees =
    (expectedAcquired < 0 || expectedAcquired === watcher.pinsAcquired) &&
    (expectedReleased < 0 || expectedReleased === watcher.pinsReleased)
  return agrees ? 'the model agrees' : 'the model disagrees'
}
