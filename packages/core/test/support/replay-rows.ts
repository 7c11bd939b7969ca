import { Registry } from '../../src/consumer/registry.ts'
import { replay } from '../../src/replay/replay.ts'
import type { ReplayOptions } from '../../src/replay/replay-options.ts'
import type { LaneReport, Report } from '../../src/report/report.ts'
import type { TraceHeader } from '../../src/trace/trace-reader.ts'
import { type RowSpec, traceOf } from './rows.ts'

/** What the command takes when no flag says otherwise. */
export const PLAIN_OPTIONS: ReplayOptions = {
  registry: new Registry(),
  policies: null,
  consumers: null,
  kernel: null,
  consumerOptions: {},
  inFlight: false,
}

/** Replays rows; the whole report. */
export function reportOf(
  rows: readonly RowSpec[],
  options: Partial<ReplayOptions> = {},
  header: Partial<TraceHeader> = {},
): Promise<Report> {
  return replay(traceOf(rows, header), { ...PLAIN_OPTIONS, kernel: '6.18', ...options })
}

/** Replays rows; the first lane. */
export async function laneOf(
  rows: readonly RowSpec[],
  options: Partial<ReplayOptions> = {},
  header: Partial<TraceHeader> = {},
): Promise<LaneReport> {
  return (await reportOf(rows, options, header)).lanes[0]
}
