import type { Config } from '@oclif/core/interfaces'
import {
  type Comparison,
  compareReports,
  mergeReports,
  type ReplayOptions,
  type Report,
  UsageError,
} from '@pinscope/core'
import { laneName } from '../render/compare-lane.ts'
import { checkLane, refuseItself, type TypedLane, typedLane } from './compare-lane.ts'
import type { LaneNameFlags } from './compare-reports.ts'
import type { TraceInput } from './input.ts'
import { loadPlugins } from './load-plugins.ts'
import { Progress } from './progress.ts'
import { type LaneFlags, readingOptions, replayOptions, replayTracesEach } from './replay-traces.ts'

/** The flags of a comparison that replays, as oclif parsed them. */
export interface CompareTraceFlags extends LaneNameFlags, Omit<LaneFlags, 'consumer' | 'policy' | 'verify-data'> {
  readonly plugin?: readonly string[] | undefined
  readonly 'no-progress': boolean
}

/** Replays the traces once, in each lane that --base and --with name. */
export async function compareTraces(
  config: Config,
  traces: readonly TraceInput[],
  flags: CompareTraceFlags,
): Promise<Comparison> {
  const lanes = namedLanes(flags)
  const registry = await loadPlugins(config, flags.plugin)
  for (const lane of lanes) checkLane(lane, registry)
  const shared = replayOptions(flags, registry)
  const ways = lanes.map((lane) => wayOf(lane, shared))
  const progress = flags['no-progress'] ? null : new Progress(process.stderr, process.env)
  return comparisonOf(await replayTracesEach(traces, readingOptions(flags, registry), ways, progress))
}

/** The base first. */
function namedLanes({ base, with: others = [] }: LaneNameFlags): TypedLane[] {
  const missing = [...(base === undefined ? ['--base'] : []), ...(others.length === 0 ? ['--with'] : [])]
  if (base === undefined || others.length === 0) {
    throw new UsageError(
      `a trace is compared in two lanes: ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`,
      'For example: --base bio:get-pages --with bio:extract. A lane is CONSUMER[:POLICY][@KERNEL].',
    )
  }
  const [from, ...to] = [base, ...others].map(typedLane)
  const isSame = (a: TypedLane, b: TypedLane) =>
    a.consumer === b.consumer && a.policy === b.policy && a.kernel === b.kernel
  refuseItself(from, to, isSame)
  return [from, ...to]
}

/** The one lane, as replay takes it. */
function wayOf({ consumer, policy, kernel }: TypedLane, shared: ReplayOptions): ReplayOptions {
  return {
    ...shared,
    consumers: [consumer],
    policies: policy === null ? null : [policy],
    kernel: kernel ?? shared.kernel,
  }
}

/** One comparison; one for each kernel where the lanes name none and the traces were recorded on several. */
function comparisonOf(byTrace: readonly Report[][]): Comparison {
  const alike = new Map<string, Report[][]>()
  for (const reports of byTrace) {
    const key = reports.flatMap(({ lanes }) => lanes.map(laneName)).join(' ')
    alike.set(key, [...(alike.get(key) ?? []), reports])
  }
  const pairs = [...alike.values()].map((group) => {
    const [base, ...others] = group[0].map((_, way) => mergeReports(group.map((reports) => reports[way])).lanes[0])
    return { base, with: others }
  })
  const base = mergeReports(byTrace.map(([first]) => first))
  const other = mergeReports(byTrace.map(([, second]) => second))
  const warnings = byTrace.flatMap(([, ...others]) => others.flatMap((report) => report.warnings))
  return compareReports(
    { file: null, report: base },
    { file: null, report: { ...other, warnings } },
    { pairs, unpaired: { base: [], with: [] } },
  )
}
