import type { ListedRule } from '../services/rules-command.ts'
import { tableText } from './table.ts'
import type { Terminal } from './terminal.ts'
import { counted, wrapped } from './text.ts'

/** Between columns. */
const GAP = 2

const CORE = '@pinscope/core'

/** All rules, a line each, and what the words of the table mean. */
export function rulesText(terminal: Terminal, rules: readonly ListedRule[]): string {
  const hasPlugins = rules.some((rule) => rule.package !== CORE)
  const head = ['rule', 'what goes wrong', 'verdict', 'severity', ...(hasPlugins ? ['package'] : [])]
  const rows = rules.map((rule) => [
    rule.id,
    rule.name,
    rule.verdict,
    rule.severity,
    ...(hasPlugins ? [rule.package === CORE ? '' : rule.package] : []),
  ])
  const table = tableText(terminal, {
    head,
    align: head.map(() => 'left'),
    rows,
    widths: widths(terminal, [head, ...rows]),
  })
  const foot = `${counted(rules.length, 'rule')}. \`pinscope rules ID\` tells one in full, with a trace that breaks it; \`pinscope audit TRACE\` looks for all of them.`
  return `${[table, VERDICT_WORDS, wrapped(foot, terminal.columns)].join('\n\n')}\n`
}

/** Each column as wide as its words; the second gives way where the terminal is narrow. */
function widths({ columns }: Terminal, rows: readonly (readonly string[])[]): number[] {
  const natural = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)) + GAP)
  const others = natural.reduce((sum, width) => sum + width, 0) - natural[1]
  const room = Math.max(20, columns + GAP - others)
  return natural.map((width, at) => (at === 1 ? Math.min(width, room) : width))
}

const VERDICT_WORDS = `UAF       memory is used after it was freed
CORRUPT   data is changed under somebody's feet, or its space is lost
DOUBLE    something is released twice, or what was never taken
STALE     old or foreign data is seen
DEADLOCK  nothing goes on any more
LEAK      something is never released
LOST      data that was written does not reach the disk
CONTRACT  a rule of an interface is broken; what follows depends
ACCT      an account or a counter is wrong
PERF      it works, and costs more than it should`
