import { COMPARE_METRICS, type Comparison, type LaneComparison, type LaneId } from '@pinscope/core'
import { perCent } from './compare-figures.ts'
import { kernelText } from './kernel.ts'
import { grouped } from './text.ts'

/** Figures that one sentence names. */
const NAMED_MAX = 4
/** From twice as many on, times are told and not per cent. */
const TIMES_MIN = 2

/** What differs most, a sentence for each lane that is compared with the base. */
export function differenceSentences(comparison: LaneComparison, sides: Comparison): string[] {
  const names = shortNames(comparison, sides)
  return comparison.with.map((lane, at) => {
    const [own, base] = names[at + 1] === names[0] ? sideNames(lane, sides) : [names[at + 1], names[0]]
    return `${own} against ${base}: ${whatDiffers(comparison, at)}.`
  })
}

/** The lanes of a comparison, the base first, each with what tells it from the others: `bio under extract`. */
export function shortNames(comparison: LaneComparison, { comparisons }: Comparison): string[] {
  const lanes = lanesOf(comparison)
  const differ = (own: readonly LaneId[], text: (lane: LaneId) => string) => new Set(own.map(text)).size > 1
  const isKernelTold = differ(comparisons.flatMap(lanesOf), kernelText)
  return lanes.map((lane) => {
    const alike = lanes.filter(({ consumer }) => consumer === lane.consumer)
    const policy = differ(alike, (one) => one.policy) ? ` under ${lane.policy}` : ''
    return `${lane.consumer}${policy}${isKernelTold ? ` on ${kernelText(lane)}` : ''}`
  })
}

const lanesOf = ({ base, with: others }: LaneComparison): LaneId[] => [base, ...others]

/** The same lane of two reports. */
function sideNames({ consumer }: LaneId, sides: Comparison): [string, string] {
  if (sides.base.report === sides.with.report) return [consumer, 'itself']
  return [`${consumer} of ${sides.with.report}`, String(sides.base.report)]
}

/** No figure and no counter of any lane differs. */
export function isAllSame(comparison: LaneComparison): boolean {
  return comparison.with.every((_, at) => isSame(comparison, at))
}

function isSame({ metrics, counters, ownCounters }: LaneComparison, at: number): boolean {
  const own = [ownCounters.base, ownCounters.with[at]].flatMap((record) => Object.keys(record))
  return own.length === 0 && [...metrics, ...counters].every((row) => row.with[at]?.difference === 0)
}

function whatDiffers(comparison: LaneComparison, at: number): string {
  const phrases = headlines(comparison, at).map(phrase)
  if (phrases.length > 0) return phrases.join(', ')
  return isSame(comparison, at)
    ? 'every figure is the same'
    : 'the same pins, copies and lists; what differs is in the table'
}

interface Headline {
  readonly label: string
  readonly base: number
  readonly value: number
  readonly rank: number
}

/** Bad news first, then what is better or worse, then what is neither; in each by how much it changed. */
function headlines({ metrics }: LaneComparison, at: number): Headline[] {
  const all = metrics.flatMap(({ name, better, base, with: figures }): Headline[] => {
    const metric = COMPARE_METRICS.find((candidate) => candidate.name === name)
    const { value, difference } = figures[at]
    if (metric === undefined || difference === 0 || !(metric.isHeadline || metric.isBad)) return []
    const tier = metric.isBad ? 2 : better === 'neither' ? 0 : 1
    return [{ label: metric.label, base, value, rank: 2 * tier + Math.abs(difference) / Math.max(base, value) }]
  })
  return all.sort((a, b) => b.rank - a.rank).slice(0, NAMED_MAX)
}

function phrase({ label, base, value }: Headline): string {
  const both = `${grouped(value)} instead of ${grouped(base)}`
  if (value === 0) return `no ${label} (instead of ${grouped(base)})`
  if (base === 0) return `${grouped(value)} ${label} (instead of none)`
  if (value >= TIMES_MIN * base) return `${times(value / base)} times as many ${label} (${both})`
  return `${perCent(Math.abs(value - base) / base)} % ${value > base ? 'more' : 'fewer'} ${label} (${both})`
}

const times = (ratio: number): string => (ratio < 100 ? String(Number(ratio.toFixed(1))) : grouped(Math.round(ratio)))
