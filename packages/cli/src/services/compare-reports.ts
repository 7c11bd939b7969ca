import {
  type Comparison,
  compareReports,
  type LaneReport,
  type PairedLanes,
  pairLanes,
  UsageError,
} from '@pinscope/core'
import { laneNames } from '../render/compare-lane.ts'
import { laneOf, refuseItself, typedLane } from './compare-lane.ts'
import type { NamedReport } from './compare-read.ts'

/** The flags that name lanes, as oclif parsed them. */
export interface LaneNameFlags {
  readonly base?: string | undefined
  readonly with?: readonly string[] | undefined
}

/** Lanes of two reports, or two lanes of one. */
export function compareReportFiles([first, second]: readonly NamedReport[], flags: LaneNameFlags): Comparison {
  const base = flags.base === undefined ? null : laneOf(first, typedLane(flags.base))
  const others = (flags.with ?? []).map((typed) => laneOf(second ?? first, typedLane(typed)))
  refuseItself(base, others)
  const lanes = second === undefined ? lanesOfOne(first, base, others) : lanesOfTwo(first, second, base, others)
  return compareReports(first, second ?? first, lanes)
}

/** Of two lanes the other one is meant; of more it has to be said. */
function lanesOfOne(own: NamedReport, base: LaneReport | null, others: readonly LaneReport[]): PairedLanes {
  const { lanes } = own.report
  if (lanes.length < 2) {
    throw new UsageError(
      `${own.file} has ${lanes.length === 0 ? 'no lane' : 'one lane'}: nothing to compare`,
      'Name a second report, or replay with two lanes, such as -p get-pages -p extract.',
    )
  }
  if (lanes.length > 2 && (base === null || others.length === 0)) {
    const missing = [...(base === null ? ['--base'] : []), ...(others.length === 0 ? ['--with'] : [])].join(' and ')
    throw new UsageError(
      `${own.file} has ${lanes.length} lanes: say which with ${missing}`,
      `There are: ${laneNames(lanes)}`,
    )
  }
  const from = base ?? lanes.find((lane) => !others.includes(lane)) ?? lanes[0]
  return chosen(from, others.length > 0 ? others : lanes.filter((lane) => lane !== from))
}

/** What --base and --with leave open pairs by itself. */
function lanesOfTwo(
  first: NamedReport,
  second: NamedReport,
  base: LaneReport | null,
  others: readonly LaneReport[],
): PairedLanes {
  if (base !== null && others.length > 0) return chosen(base, others)
  for (const { file, report } of [first, second]) {
    if (report.lanes.length === 0) throw new UsageError(`${file} has no lane: nothing to compare`)
  }
  const from = base === null ? first.report.lanes : [base]
  const to = others.length > 0 ? others : second.report.lanes
  const paired = pairLanes(from, to)
  if (paired.pairs.length === 0 || (others.length > 0 && paired.unpaired.with.length > 0)) {
    throw new UsageError(
      `no lane of ${first.file} stands for the same as one of ${second.file}: name them with --base and --with`,
      `${first.file} has ${laneNames(from)}\n${second.file} has ${laneNames(to)}`,
    )
  }
  const isNamed = base !== null || others.length > 0
  return isNamed ? { ...paired, unpaired: { base: [], with: [] } } : paired
}

function chosen(base: LaneReport, others: readonly LaneReport[]): PairedLanes {
  return { pairs: [{ base, with: others }], unpaired: { base: [], with: [] } }
}
