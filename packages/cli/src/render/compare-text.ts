import { COMPARE_METRICS, type Comparison, type LaneComparison, type LaneId } from '@pinscope/core'
import { laneName, laneNames } from './compare-lane.ts'
import { comparisonTables } from './compare-table.ts'
import { differenceSentences, isAllSame, shortNames } from './compare-words.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, duration, grouped, wrapped } from './text.ts'

/** A comparison as text: what it is of, a table for each, what could not be compared, and in words what differs most. */
export function comparisonText(terminal: Terminal, comparison: Comparison): string {
  const { comparisons } = comparison
  const sections = [
    header(terminal, comparison),
    ...comparisons.flatMap((lanes) => comparisonSections(terminal, lanes, comparison)),
    ...unpaired(terminal, comparison),
    ...warnings(terminal, comparison),
    sentences(terminal, comparison),
  ]
  return `${sections.join('\n\n')}\n`
}

function header(terminal: Terminal, { base, with: other }: Comparison): string {
  const sides =
    base.report === other.report
      ? [`${base.report === null ? '' : `${base.report}: `}${sideText(base)}`]
      : [`base  ${base.report}: ${sideText(base)}`, `with  ${other.report}: ${sideText(other)}`]
  return sides.map((text) => styled(terminal, 'bold', wrapped(text, terminal.columns, '  '))).join('\n')
}

function sideText({ trace }: Comparison['base']): string {
  const [first = 'no trace', ...rest] = trace.files
  const files = rest.length === 0 ? first : `${first} and ${counted(rest.length, 'more trace')}`
  return `${files}, ${counted(trace.operations, 'operation')} in ${duration(trace.spanNs)}`
}

/** Of several comparisons, those in which nothing differs need no table. */
function comparisonSections(terminal: Terminal, lanes: LaneComparison, whole: Comparison): string[] {
  if (whole.comparisons.length > 1 && isAllSame(lanes)) return []
  return [...settings(terminal, lanes), comparisonTables(terminal, lanes), ...besideTable(terminal, lanes, whole)]
}

/** Quirks switched and steps made to fail, once where they are those of every lane. */
function settings(terminal: Terminal, { base, with: others }: LaneComparison): string[] {
  const lanes = [base, ...others]
  const texts = lanes.map(settingText)
  const told = texts.every((text) => text === texts[0])
    ? [`every lane: ${texts[0]}`].slice(texts[0] === '' ? 1 : 0)
    : lanes.flatMap(({ consumer, policy, kernel }, at) =>
        texts[at] === '' ? [] : [`${laneName({ consumer, policy, kernel })}: ${texts[at]}`],
      )
  return told.length === 0 ? [] : [told.map((text) => wrapped(text, terminal.columns, '  ')).join('\n')]
}

function settingText({ quirks = [], faults }: LaneId): string {
  const fails = faults === undefined ? [] : [`${faults.fault} step ${grouped(faults.at)} made to fail`]
  return [...(quirks.length === 0 ? [] : [`quirks ${quirks.join(', ')}`]), ...fails].join('; ')
}

/** What the table has not: what is 0, and counters that only one side has. */
function besideTable(terminal: Terminal, lanes: LaneComparison, whole: Comparison): string[] {
  const { metrics, ownCounters } = lanes
  const zeros = COMPARE_METRICS.filter(({ name, isHeadline, isBad }) => {
    const row = metrics.find((metric) => metric.name === name)
    return (isHeadline || isBad) && row?.base === 0 && row.with.every(({ value }) => value === 0)
  })
  const names = shortNames(lanes, whole)
  const own = [ownCounters.base, ...ownCounters.with].flatMap((counters, at) => {
    const told = Object.entries(counters).filter(([, value]) => value !== 0)
    const figures = told.map(([name, value]) => `${name} ${grouped(value)}`).join(', ')
    return told.length === 0 ? [] : [`Counted by ${names[at]} only: ${figures}.`]
  })
  const zero = zeros.length === 0 ? [] : [`0 in every lane: ${zeros.map(({ label }) => label).join(', ')}.`]
  const lines = [...own, ...zero, ...zeroCounters(lanes)].map((text) => wrapped(text, terminal.columns, '  '))
  return lines.length === 0 ? [] : [lines.join('\n')]
}

/** Counters that the table leaves out: that nothing was leaked or copied in vain is news too. */
function zeroCounters({ counters }: LaneComparison): string[] {
  const zeros = counters.filter(({ base, with: others }) => base === 0 && others.every((other) => !other?.value))
  return zeros.length === 0 ? [] : [`Counted as 0 by all: ${zeros.map(({ name }) => name).join(', ')}.`]
}

function unpaired(terminal: Terminal, { base, with: other, unpaired: left }: Comparison): string[] {
  const lines = [[base.report, left.base] as const, [other.report, left.with] as const].flatMap(([report, lanes]) =>
    lanes.length === 0 ? [] : [`only in ${report}, not compared: ${laneNames(lanes)}`],
  )
  return lines.length === 0 ? [] : [lines.map((text) => wrapped(text, terminal.columns, '  ')).join('\n')]
}

function warnings(terminal: Terminal, { warnings: texts }: Comparison): string[] {
  if (texts.length === 0) return []
  return [
    styled(terminal, 'yellow', texts.map((text) => wrapped(`warning: ${text}`, terminal.columns, '  ')).join('\n')),
  ]
}

/** Of several comparisons, those in which nothing differs share a sentence. */
function sentences(terminal: Terminal, comparison: Comparison): string {
  const { comparisons } = comparison
  const same = comparisons.length === 1 ? [] : comparisons.filter(isAllSame)
  const differing = comparisons.filter((lanes) => !same.includes(lanes))
  const texts = [
    ...differing.flatMap((lanes) => differenceSentences(lanes, comparison)),
    ...(same.length === 0 ? [] : [`Every figure is the same: ${laneNames(same.map(({ base }) => base))}.`]),
  ]
  return texts.map((text) => wrapped(text, terminal.columns, '  ')).join('\n')
}
