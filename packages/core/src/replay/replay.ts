import type { Report } from '../report/report.ts'
import { EVENT_IO, type OpBatch } from '../trace/op-batch.ts'
import type { TraceReader } from '../trace/trace-reader.ts'
import { blamed, blaming } from './blame-plugin.ts'
import { buildReport } from './build-report.ts'
import type { Lane } from './lane.ts'
import { LaneSet } from './lane-set.ts'
import type { ReplayOptions, ReplayProgress } from './replay-options.ts'
import { TraceSpan } from './trace-span.ts'

/**
 * Replays a trace: every operation through an iterator, an extraction policy and a consumer, in each lane. Throws a
 * TraceError for a bad trace, a UsageError for an option that names nothing, a PluginError for a consumer that throws.
 *
 * The line: trace -> rows -> (complete what is due -> iterator -> extraction -> ledger -> consumer -> release) -> report.
 */
export async function replay(trace: TraceReader, options: ReplayOptions): Promise<Report> {
  const [report] = await replayEach(trace, [options], options.onProgress)
  return report!
}

/**
 * {@link replay} in several ways at once, each under a kernel, with quirks and options of its own: one reading, one report
 * each. `onProgress` of the single ones is not called.
 */
export async function replayEach(
  trace: TraceReader,
  ways: readonly ReplayOptions[],
  onProgress?: (progress: ReplayProgress) => void,
): Promise<Report[]> {
  const sets = ways.map((options) => new LaneSet(trace, options))
  const span = new TraceSpan()
  for await (const batch of trace.batches()) {
    span.add(batch, trace.imported !== null || trace.layout.assumed !== null)
    for (const set of sets) replayBatch(set, batch)
    const pinsOpen = sets.reduce((sum, set) => sum + set.pinsOpen(), 0)
    onProgress?.({ rows: span.rows, bytesRead: trace.bytesRead, pinsOpen })
  }
  return sets.map((set) => {
    set.ensureOne()
    for (const lane of set.lanes) blaming(lane, () => lane.finish())
    return buildReport(trace, span, set)
  })
}

/** Synchronous; allocates nothing per row. */
export function replayBatch(set: LaneSet, batch: OpBatch): void {
  if (batch.length === 0) return
  set.plain.read(batch)
  const lanes = set.lanesOfAll(batch)
  if (lanes === null) {
    for (let row = 0; row < batch.length; row++) replayRow(set, batch, row, set.lanesOf(batch, row))
    return
  }
  // Lane by lane, so that the state of each stays in the cache.
  for (const lane of set.lanes) {
    try {
      if (lanes.includes(lane)) lane.replayRows(batch, set.plain, 0, batch.length)
      else for (let row = 0; row < batch.length; row++) replayOther(lane, batch, row, lanes)
    } catch (error) {
      throw blamed(lane, error)
    }
  }
}

function replayRow(set: LaneSet, batch: OpBatch, row: number, mine: readonly Lane[]): void {
  for (let i = 0; i < set.lanes.length; i++) {
    const lane = set.lanes[i]
    try {
      if (mine.includes(lane)) lane.replayRows(batch, set.plain, row, row + 1)
      else replayOther(lane, batch, row, mine)
    } catch (error) {
      throw blamed(lane, error)
    }
  }
}

/** A row whose operation belongs to other lanes. */
function replayOther(lane: Lane, batch: OpBatch, row: number, lanes: readonly Lane[]): void {
  lane.replayRow(batch, row, false)
  if (lane.audit === null || batch.event[row] !== EVENT_IO || lanes.length === 0) return
  lane.audit.elsewhere(batch, row, lanes[0].setup.consumer.definition)
}
