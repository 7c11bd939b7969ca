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

The [commands](#commands) are below, one a case; with \`-after\` instead of \`-before\` the same command finds nothing (of bug 42
what its fix left). Where a fix is about an allocation that fails, the command makes it fail (\`--faults\`). How pages are
extracted belongs to the code of a case: under another policy (\`--policy\`) it is code that never was, and what is found in it
says nothing of the bug.

This page is written by \`packages/plugin-bugs/test/bugs.test.ts\` (\`npm test -- -u\` writes it anew), from what it found.

| # | bug | where | fix | before: rules, row, pages | after |
| --- | --- | --- | --- | --- | --- |
${outcomes.map((outcome) => line(outcome)).join('\n')}

${notes(outcomes)}
## Commands

\`\`\`
${outcomes.map((outcome) => command(outcome)).join('\n')}
\`\`\`

## What the rules are

${HAZARD_RULES.filter(({ id }) => outcomes.some(({ before }) => before.some(({ rule }) => rule === id)))
  .map(({ id, name, verdict }) => `- ${id}, ${name}: ${verdict}`)
  .join('\n')}
`
}

/** The whole command line that finds the bug of a case. */
function command({ bug, bugCase, folder }: Outcome): string {
  const trace = `packages/plugin-bugs/src/${folder}/${bugCase.trace}`
  const faults = bugCase.faults === undefined ? '' : ` --faults ${bugCase.faults}`
  const consumer = consumerName(bug, bugCase, false)
  return `pinscope audit ${trace} --plugin packages/plugin-bugs --consumer ${consumer}${faults}`
}

function line({ bug, bugCase, before, after }: Outcome): string {
  const cve = bugCase.cve === undefined ? '' : ` (${bugCase.cve})`
  const rows = bugCase.rules.map((id) => `${id} ${rowsOf(before.filter(({ rule }) => rule === id))}`)
  const left = after.length === 0 ? 'silent' : [...new Set(after.map(({ rule }) => rule))].join(', ')
  const cells = [bug.number, `${bug.title}${cve}`, `\`${bugCase.kernel}\``, bugCase.commit ?? '', rows.join('; '), left]
  return `| ${cells.join(' | ')} |`
}

/** Where a fix mends what followed and not the cause, the rules still speak: why. */
function notes(outcomes: readonly Outcome[]): string {
  const spoken = outcomes.filter(({ after }) => after.length > 0).map(({ bug }) => bug)
  return [...new Set(spoken)].map((bug) => `Bug ${bug.number}: ${bug.summary}\n`).join('\n')
}

/** `row 2 (6 pages), 4`: each row once, with the pages of all its findings. */
function rowsOf(findings: readonly FindingReport[]): string {
  const pagesOf = new Map<number, number>()
  for (const { row, pages } of findings) pagesOf.set(row, (pagesOf.get(row) ?? 0) + pages)
  const rows = [...pagesOf].map(([row, pages]) => {
    return pages === 0 ? `${row}` : `${row} (${pages} page${pages === 1 ? '' : 's'})`
  })
  return `row ${rows.join(', ')}`
}
