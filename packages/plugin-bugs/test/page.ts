import type { FindingReport } from '@pinscope/core/audit'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { type Bug, type BugCase, consumerName } from '../src/bug.ts'

/** What an audit found in one case, before the fix and after it. */
export interface Outcome {
  readonly bug: Bug
  readonly bugCase: BugCase
  readonly folder: string
  readonly before: readonly FindingReport[]
  readonly after: readonly FindingReport[]
}

/** The page docs/bugs.md: what the rules say of each bug of the collection. */
export function page(outcomes: readonly Outcome[]): string {
  return `# The bug collection

Real bugs of the kernel in references, pins and iterators, found and fixed. Each has a folder in \`packages/plugin-bugs/src\`: the
code as it was before the fix and as it is after, as two consumers, and a trace. \`pinscope audit\` finds the bug before the
fix, and nothing after it. Rules know nothing of bugs: \`test/audit-faults.test.ts\` has others of the same kinds, which nobody
told them of either.

${command(outcomes[0]!)}

This page is written by \`packages/plugin-bugs/test/bugs.test.ts\` (\`npm test -- -u\` writes it anew), from what it found.

| # | bug | where | fix | before: rules, row | after |
| --- | --- | --- | --- | --- | --- |
${outcomes.map((outcome) => line(outcome)).join('\n')}

${notes(outcomes)}
## What the rules are

${HAZARD_RULES.filter(({ id }) => outcomes.some(({ before }) => before.some(({ rule }) => rule === id)))
  .map(({ id, name, verdict }) => `- ${id}, ${name}: ${verdict}`)
  .join('\n')}
`
}

function command({ bug, bugCase, folder }: Outcome): string {
  const trace = `packages/plugin-bugs/src/${folder}/${bugCase.trace}`
  return `\`\`\`
pinscope audit ${trace} --plugin packages/plugin-bugs \\
  --consumer ${consumerName(bug, bugCase, false)}
\`\`\``
}

function line({ bug, bugCase, before, after }: Outcome): string {
  const cve = bugCase.cve === undefined ? '' : ` (${bugCase.cve})`
  const rows = bugCase.rules.map((id) => {
    const found = [...new Set(before.filter(({ rule }) => rule === id).map(({ row }) => row))]
    return `${id} row ${found.join(', ')}`
  })
  const left = after.length === 0 ? 'silent' : [...new Set(after.map(({ rule }) => rule))].join(', ')
  const cells = [bug.number, `${bug.title}${cve}`, `\`${bugCase.kernel}\``, bugCase.commit ?? '', rows.join('; '), left]
  return `| ${cells.join(' | ')} |`
}

/** Where a fix mends what followed and not the cause, the rules still speak: why. */
function notes(outcomes: readonly Outcome[]): string {
  const spoken = outcomes.filter(({ after }) => after.length > 0).map(({ bug }) => bug)
  return [...new Set(spoken)].map((bug) => `Bug ${bug.number}: ${bug.summary}\n`).join('\n')
}
