import type { LeakGroup, LeaksReport } from '@pinscope/core'
import { styled, type Terminal } from './terminal.ts'
import { counted, duration, grouped, wrapped } from './text.ts'

const NOUNS = {
  pin: ['pin', 'pins'],
  ref: ['page reference', 'page references'],
  object: ['object reference', 'object references'],
} as const

/** What was never let go, call site by call site, and one line that sums it up. */
export function leaksText(terminal: Terminal, report: LeaksReport, top: number): string {
  const shown = report.groups.slice(0, top)
  const rest = report.groups.length - shown.length
  const sections = [
    header(terminal, report),
    ...shown.map((group) => groupText(terminal, group, report.framesAndAddresses)),
    ...(rest > 0 ? [`and ${counted(rest, 'more call site')}: --top ${report.groups.length} shows all`] : []),
    ...report.warnings.map((text) => wrapped(`warning: ${text}`, terminal.columns, '  ')),
    summary(terminal, report),
  ]
  return `${sections.join('\n\n')}\n`
}

/** Folded stacks: frames joined by semicolons, a blank, a count. */
export function foldedText({ groups }: LeaksReport): string {
  return groups.map((group) => `${framesOf(group).join(';')} ${group.open}\n`).join('')
}

function header(terminal: Terminal, report: LeaksReport): string {
  const { trace } = report
  const events = Object.entries(trace.events).map(([name, count]) => `${grouped(count)} ${name}`)
  const facts = [
    `${counted(trace.rows, 'row')} in ${duration(trace.spanNs)} (${events.join(', ') || 'no reference event'})`,
    `${counted(report.taken, 'reference')} taken, ${grouped(report.letGo)} let go`,
    ...(report.unmatchedReleases === 0
      ? []
      : [
          `${counted(report.unmatchedReleases, 'release')} of what was taken before the trace began, or once too often`,
        ]),
    ...(report.wrongKind === 0 ? [] : [`${counted(report.wrongKind, 'release')} of the wrong kind`]),
    ...(report.ambiguous === 0
      ? []
      : [`${counted(report.ambiguous, 'release')} might be of several call sites: taken for the last one`]),
  ]
  return [styled(terminal, 'bold', trace.file), wrapped(facts.join('; '), terminal.columns)].join('\n')
}

function groupText(terminal: Terminal, group: LeakGroup, isUncertain: boolean): string {
  const [one, many] = NOUNS[group.kind]
  const held = isUncertain
    ? 'whether they were let go under another name is not known'
    : group.longestHoldNs === null
      ? 'none that was taken here was ever let go'
      : `${grouped(group.letGo)} of ${grouped(group.taken)} taken here were let go, after ${duration(group.longestHoldNs)} at most`
  const head = `${counted(group.open, one, many)} never let go, the oldest for ${duration(group.oldestAgeNs)} (row ${grouped(group.oldestRow)}, line ${grouped(group.oldestLine)}); ${held}`
  const examples = `on ${group.examples.join(', ')}${group.open > group.examples.length ? ', ...' : ''}`
  // The innermost frame first, as the kernel prints a stack.
  const frames = framesOf(group)
    .toReversed()
    .map((frame) => `    ${frame}`)
  return [
    styled(terminal, 'red', wrapped(head, terminal.columns, '  ')),
    wrapped(`  ${examples}`, terminal.columns, '  '),
    ...frames,
  ].join('\n')
}

function framesOf({ stack, call }: LeakGroup): readonly string[] {
  if (stack.length > 0) return stack
  return [call ?? 'no stack recorded']
}

function summary(terminal: Terminal, { open, groups, framesAndAddresses }: LeaksReport): string {
  if (groups.length === 0) return styled(terminal, 'green', 'nothing is open at the end')
  const kinds = [
    [open.pins, ...NOUNS.pin],
    [open.refs, ...NOUNS.ref],
    [open.objects, ...NOUNS.object],
  ] as const
  const told = kinds.filter(([count]) => count > 0).map(([count, one, many]) => counted(count, one, many))
  return styled(
    terminal,
    'red',
    `${framesAndAddresses ? 'not seen to be let go' : 'never let go'}: ${told.join(', ')}, taken at ${counted(groups.length, 'call site')}`,
  )
}
