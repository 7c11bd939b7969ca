import type { LaneReport, Report } from '@pinscope/core'
import { type Style, styled, type Terminal } from './terminal.ts'
import { counted, duration, grouped, wrapped } from './text.ts'

/** Findings of one kind that are spelled out; the rest is in the JSON. */
const SHOWN_MAX = 10

interface Finding {
  readonly file: string
  readonly line: number
  readonly row: number
  /** One sentence, without the place. */
  readonly text: string
}

interface FindingKind {
  readonly title: (total: number) => string
  readonly style: Style
  readonly total: (lane: LaneReport) => number
  readonly list: (lane: LaneReport) => readonly Finding[]
}

const held = { pin: 'pinned', ref: 'referenced' } as const
const released = { pin: 'unpin_user_page()', ref: 'put_page()' } as const

const KINDS: readonly FindingKind[] = [
  {
    title: (total) => counted(total, 'leak'),
    style: 'red',
    total: (lane) => lane.leaksTotal,
    list: (lane) =>
      lane.leaks.map((leak) => ({
        ...leak,
        text: `${leak.op === 0 ? '' : `operation ${grouped(leak.op)} left `}${counted(leak.pages, 'page')} ${held[leak.retention]} since ${duration(leak.sinceNs)}: ${leak.reason}`,
      })),
  },
  {
    title: (total) => counted(total, 'violation'),
    style: 'red',
    total: (lane) => lane.violationsTotal,
    list: (lane) =>
      lane.violations.map((violation) => ({
        ...violation,
        text: violationText(violation),
      })),
  },
  {
    title: (total) => `${counted(total, 'long-term hold')} at the end`,
    style: 'dim',
    total: (lane) => lane.longTermTotal ?? 0,
    list: (lane) =>
      (lane.longTerm ?? []).map((one) => ({
        ...one,
        text: `${counted(one.pages, 'page')} ${held[one.retention]} since ${duration(one.sinceNs)}, for ${duration(one.ageNs)}`,
      })),
  },
  {
    title: (total) => `${counted(total, 'row')} on which the model and the kernel differ`,
    style: 'yellow',
    total: (lane) => lane.groundTruth.mismatchedTotal,
    list: (lane) => lane.groundTruth.mismatched.map((row) => ({ ...row, text: mismatchText(row) })),
  },
  {
    title: (total) => `${counted(total, 'undetermined row')}: the trace does not tell enough`,
    style: 'yellow',
    total: (lane) => lane.groundTruth.undeterminedTotal,
    list: (lane) =>
      lane.groundTruth.undetermined.map((row) => ({
        ...row,
        text: `the kernel pinned ${grouped(row.expected)}, the model assumes ${grouped(row.assumed)}: ${row.why}`,
      })),
  },
]

/** Rules of iterators and of data: nothing was released. */
function violationText({ rule, releasedAs, pages, detail, ...where }: LaneReport['violations'][number]): string {
  if (pages === 0 || (releasedAs === 'none' && where.takenRow === 0)) return `${rule}: ${detail}`
  if (releasedAs === 'none') return `${rule}: ${counted(pages, 'page')} ${taken(where)}: ${detail}`
  return `${rule}: ${released[releasedAs]} of ${counted(pages, 'page')} ${taken(where)}: ${detail}`
}

function taken({ retention, takenRow }: Pick<LaneReport['violations'][number], 'retention' | 'takenRow'>): string {
  if (takenRow === 0) return 'that no row took'
  return `held as ${retention} by row ${grouped(takenRow)}`
}

function mismatchText(row: LaneReport['groundTruth']['mismatched'][number]): string {
  const counts = [
    ['taken', row.expected, row.got],
    ['released', row.expectedReleased, row.gotReleased],
  ] as const
  return counts
    .flatMap(([verb, expected, got]) =>
      expected === null || expected === got
        ? []
        : [`pins ${verb}: the kernel counted ${grouped(expected)}, the model ${grouped(got)}`],
    )
    .join('; ')
}

/** Leaks, violations, what is held long-term, mismatches and undetermined rows, each with its place; an empty list when there are none. */
export function findingSections(terminal: Terminal, report: Report): string[] {
  return KINDS.flatMap((kind) => {
    const total = report.lanes.reduce((sum, lane) => sum + kind.total(lane), 0)
    return total === 0 ? [] : [section(terminal, report, kind, total)]
  })
}

function section(terminal: Terminal, { lanes }: Report, { title, style, list }: FindingKind, total: number): string {
  const findings = lanes.flatMap((lane) => list(lane).map((finding) => ({ lane, finding })))
  const places = samePlace(findings)
  const shown = places.slice(0, SHOWN_MAX)
  const rest = total - shown.reduce((sum, { lanes }) => sum + lanes.length, 0)
  const items = shown.map(({ finding, lanes }) => {
    const place = `${finding.file}:${finding.line}: row ${grouped(finding.row)}, ${laneNames(lanes)}:`
    return wrapped(`  ${place} ${finding.text}`, terminal.columns, '      ')
  })
  const concerned = lanes.filter((lane) => list(lane).length > 0).length
  const found = concerned === 1 ? title(total) : title(total).replace(/(?=:|$)/, ` in ${grouped(concerned)} lanes`)
  return [styled(terminal, style, found), ...items, ...(rest === 0 ? [] : [more(rest, findings.length, total)])].join(
    '\n',
  )
}

interface Place {
  readonly finding: Finding
  readonly lanes: LaneReport[]
}

/** Consumers that are named; of more, the number is told. */
const NAMED_MAX = 3

/** `bio under get-pages, extract; null under extract`. */
function laneNames(lanes: readonly LaneReport[]): string {
  const consumers = [...new Set(lanes.map(({ consumer }) => consumer))]
  if (consumers.length > NAMED_MAX)
    return `${counted(lanes.length, 'lane')} of ${counted(consumers.length, 'consumer')}`
  return consumers
    .map((name) => {
      const policies = lanes.filter(({ consumer }) => consumer === name).map(({ policy }) => policy)
      return `${name} under ${policies.join(', ')}`
    })
    .join('; ')
}

/** What was found in several lanes alike is told once. */
function samePlace(findings: readonly { lane: LaneReport; finding: Finding }[]): Place[] {
  const places = new Map<string, Place>()
  for (const { lane, finding } of findings) {
    const key = [finding.file, finding.row, finding.text].join('\0')
    const place = places.get(key)
    if (place === undefined) places.set(key, { finding, lanes: [lane] })
    else place.lanes.push(lane)
  }
  return [...places.values()]
}

/** The report itself keeps no endless lists either. */
function more(rest: number, listed: number, total: number): string {
  return `  and ${grouped(rest)} more; --json has ${listed === total ? 'all' : `${grouped(listed)} of the ${grouped(total)}`}`
}
