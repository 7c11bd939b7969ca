import type { Quirk } from '@pinscope/core'
import type { QuirkList } from '../services/list-quirks.ts'
import { standsForText } from '../stands-for.ts'
import { paragraph } from './paragraph.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, wrapped } from './text.ts'

/** Quirks one below the other: who has it, what a kernel that has it does, what the model does without, where it is. */
export function quirksText(terminal: Terminal, list: QuirkList): string {
  const quirks = list.quirks.map((quirk) => quirkText(terminal, quirk))
  const foot = `--quirk NAME switches one on, --no-quirk NAME off, in replay and explain. ${standsForText()}.`
  return `${[...head(list), ...quirks, wrapped(foot, terminal.columns)].join('\n\n')}\n`
}

function head({ asked, kernel, quirks }: QuirkList): string[] {
  if (kernel === null) return []
  return [`${counted(quirks.length, 'quirk')} on in kernel ${kernel}${asked === kernel ? '' : `, taken for ${asked}`}`]
}

function quirkText(terminal: Terminal, { name, versions, summary, without, source }: Quirk): string {
  const where = versions.length === 0 ? 'in no modelled version' : versions.join(' ')
  return [
    `${styled(terminal, 'bold', name)}  ${styled(terminal, 'dim', `(${where})`)}`,
    ...paragraph(terminal, '', summary),
    ...paragraph(terminal, 'without', without),
    ...paragraph(terminal, 'kernel', source),
  ].join('\n')
}
