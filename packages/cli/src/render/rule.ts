import type { ListedRule } from '../services/rules-command.ts'
import type { RanExample } from '../services/rules-example.ts'
import { findingLines } from './audit-findings.ts'
import { paragraph } from './paragraph.ts'
import { lineDiff } from './rule-diff.ts'
import { styled, type Terminal } from './terminal.ts'
import { wrapped } from './text.ts'

const CORE = '@pinscope/core'

/** A rule in full: what it says, a drawing, a trace that breaks it with what is found there, and the same done right. */
export function ruleText(
  terminal: Terminal,
  { rule, example }: { readonly rule: ListedRule; readonly example: RanExample },
): string {
  const sections = [
    head(terminal, rule),
    rule.diagram.replace(/^\n+/, '').trimEnd(),
    titled(terminal, 'A trace that breaks it', indented(example.broken)),
    titled(terminal, 'What the audit says to it', found(terminal, example)),
    titled(terminal, 'The same done right: nothing is found', changed(terminal, example)),
  ]
  return `${sections.join('\n\n')}\n`
}

function head(terminal: Terminal, rule: ListedRule): string {
  const { id, name, verdict, severity } = rule
  return [
    styled(terminal, 'bold', wrapped(`${id} ${name}`, terminal.columns, '  ')),
    ...paragraph(terminal, 'verdict', `${verdict}, ${severity}`),
    ...paragraph(terminal, 'package', rule.package === CORE ? '' : rule.package),
    ...paragraph(terminal, 'given', rule.precondition),
    ...paragraph(terminal, 'broken by', rule.event),
    ...paragraph(terminal, 'advice', rule.advice),
    ...paragraph(terminal, 'kernel', rule.kernel),
  ].join('\n')
}

function titled(terminal: Terminal, title: string, body: string): string {
  return `${styled(terminal, 'bold', title)}\n${body}`
}

function found(terminal: Terminal, { findings }: RanExample): string {
  if (findings.length === 0) return '  nothing (it should have found something)'
  return findings.flatMap((finding) => findingLines(terminal, finding)).join('\n')
}

/** Rows that go and rows that come. */
function changed(terminal: Terminal, { broken, sound, soundFindings }: RanExample): string {
  const lines = lineDiff(linesOf(broken), linesOf(sound)).filter(({ sign }) => sign !== ' ')
  const drawn = lines.map(({ sign, text }) => styled(terminal, sign === '-' ? 'red' : 'green', `  ${sign} ${text}`))
  if (soundFindings.length === 0) return drawn.join('\n')
  const wrong = wrapped('  But this is found in it, and should not be:', terminal.columns)
  return [...drawn, wrong, ...soundFindings.flatMap((finding) => findingLines(terminal, finding))].join('\n')
}

const linesOf = (text: string): string[] => text.trim().split('\n')

const indented = (text: string): string =>
  linesOf(text)
    .map((line) => `  ${line}`)
    .join('\n')
