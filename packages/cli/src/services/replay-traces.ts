import {
  mergeReports,
  type OpenOptions,
  type Registry,
  type ReplayOptions,
  type Report,
  replayEach,
  type TraceReader,
} from '@pinscope/core'
import { consumerOptionValues } from './consumer-options.ts'
import type { ConsumerSource } from './consumer-source.ts'
import { faultInjection } from './faults.ts'
import { openInputs, type TraceInput } from './input.ts'
import type { Jobs } from './jobs-replay.ts'
import { type InputFlags, openInputTrace, openOptions } from './open-input.ts'
import type { Progress } from './progress.ts'
import { quirkChanges } from './quirk-changes.ts'
import { consumerNames, kernelName, policyNames } from './select.ts'
import { tuneV8 } from './tune-v8.ts'

/** The flags that choose the lanes, as oclif parsed them. */
export interface LaneFlags extends InputFlags {
  readonly consumer?: readonly string[] | undefined
  readonly policy?: readonly string[] | undefined
  readonly kernel?: string | undefined
  readonly quirk?: readonly string[] | undefined
  readonly 'no-quirk'?: readonly string[] | undefined
  readonly faults?: string | undefined
  readonly 'consumer-option'?: readonly string[] | undefined
  readonly 'in-flight'?: boolean
  readonly 'verify-data'?: boolean
}

/** Checks the flags and turns them into what core takes. */
export function replayOptions(flags: LaneFlags, registry: Registry): ReplayOptions {
  return {
    registry,
    consumers: consumerNames(flags.consumer, registry),
    policies: policyNames(flags.policy),
    kernel: kernelName(flags.kernel),
    quirks: quirkChanges(flags.quirk, flags['no-quirk']),
    faults: faultInjection(flags.faults),
    verifyData: flags['verify-data'] ?? false,
    consumerOptions: consumerOptionValues(flags['consumer-option'], registry),
    inFlight: flags['in-flight'] ?? false,
  }
}

/** Names as they were typed, right or wrong, of `-c NAME` and `-O NAME.OPTION=VALUE`. */
export function consumersOfFlags(flags: LaneFlags): string[] {
  const ofOptions = (flags['consumer-option'] ?? []).map((text) => text.split('.', 1)[0])
  return [...(flags.consumer ?? []), ...ofOptions]
}

/** A trace as the source of consumers watches it; with `--consumer`, the consumers that rows name are not asked for. */
export function watching(source: ConsumerSource, { consumers }: ReplayOptions): (trace: TraceReader) => TraceReader {
  return consumers === null ? (trace) => source.watch(trace) : (trace) => trace
}

/** How the traces are read, as the flags say, with the formats of plugins. */
export function readingOptions(flags: LaneFlags, registry: Registry): OpenOptions {
  return openOptions(
    flags,
    registry.formats().map(({ format }) => format),
  )
}

/** Replays each trace by itself and merges the reports, one trace after the other. `watch` is given each trace first. */
export async function replayTraces(
  names: readonly string[],
  reading: OpenOptions,
  options: ReplayOptions,
  progress: Progress | null,
  watch = (trace: TraceReader): TraceReader => trace,
  jobs: Jobs | null = null,
): Promise<Report> {
  const inputs = openInputs(names)
  if (jobs === null || jobs.count === 1) {
    const byTrace = await replayTracesEach(inputs, reading, [options], progress, watch)
    return mergeReports(byTrace.map(([report]) => report))
  }
  const { replayInJobs } = await import('./jobs-replay.ts')
  const reports: Report[] = []
  for (const input of inputs) {
    tuneV8()
    const report = await replayInJobs(input, jobs, { reading, options, progress, watch })
    if (report !== null) progress?.inputDone(report.trace.rows)
    reports.push(report ?? (await replayTracesEach([input], reading, [options], progress, watch))[0]![0]!)
  }
  progress?.erase()
  return mergeReports(reports)
}

/** Replays each trace by itself in several ways at once: of each trace a report for each way. */
export async function replayTracesEach(
  inputs: Iterable<TraceInput>,
  reading: OpenOptions,
  ways: readonly ReplayOptions[],
  progress: Progress | null,
  watch = (trace: TraceReader): TraceReader => trace,
): Promise<Report[][]> {
  tuneV8()
  const byTrace: Report[][] = []
  try {
    for (const input of inputs) {
      const reader = watch(await openInputTrace(input, reading))
      const reports = await replayEach(reader, ways, (state) => progress?.update(input, state))
      progress?.inputDone(reports[0].trace.rows)
      byTrace.push(reports)
    }
  } finally {
    progress?.erase()
  }
  return byTrace
}
