import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { type Bug, type BugCase, consumerOf } from '../src/bug.ts'
import { BUGS } from '../src/bugs.ts'
import { type Outcome, page } from './page.ts'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

const CASES = BUGS.flatMap((bug) =>
  bug.cases.map((bugCase) => [`bug ${bug.number}: ${bugCase.name}`, bug, bugCase] as const),
)

describe.each(CASES)('%s', (_name, bug, bugCase) => {
  it('is found before its fix, by its rule and in its row', async () => {
    const findings = await audit(bug, bugCase, false)
    const named = findings.filter(({ rule }) => rule === bugCase.rules[0])
    expect(named.map(({ row }) => row)).toContain(bugCase.row)
    expect([...new Set(findings.map(({ rule }) => rule))].sort()).toEqual([...bugCase.rules].sort())
  })

  it('is silent after its fix, under every rule but those that the fix left as they were', async () => {
    const findings = await audit(bug, bugCase, true)
    const { rulesAfter = [] } = bugCase
    if (rulesAfter.length === 0) expect(findings).toEqual([])
    expect([...new Set(findings.map(({ rule }) => rule))].sort()).toEqual([...rulesAfter].sort())
  })
})

it('has the thirty bugs of the collection', () => {
  const numbers = [
    1, 2, 3, 5, 6, 8, 9, 10, 12, 13, 14, 15, 18, 20, 22, 23, 24, 26, 28, 29, 30, 32, 34, 35, 37, 39, 40, 42, 43, 45,
  ]
  expect(BUGS.map(({ number }) => number)).toEqual(numbers)
})

it('docs/bugs.md is up to date (npm test -- -u writes it anew)', async () => {
  const outcomes: Outcome[] = []
  for (const [, bug, bugCase] of CASES) {
    const before = await audit(bug, bugCase, false)
    outcomes.push({ bug, bugCase, folder: folderOf(bug), before, after: await audit(bug, bugCase, true) })
  }
  await expect(page(outcomes)).toMatchFileSnapshot('../../../docs/bugs.md')
})

function audit(bug: Bug, bugCase: BugCase, isFixed: boolean) {
  const definition = consumerOf(bug, bugCase, isFixed)
  const [fault, at] = bugCase.faults?.split('@') ?? []
  const inject = fault === undefined ? {} : { inject: { fault: fault as 'alloc', at: Number(at) } }
  const options = { consumers: [definition], consumer: definition.name, ...inject }
  return auditText(readFileSync(join(SRC, folderOf(bug), bugCase.trace), 'utf8'), HAZARD_RULES, options)
}

function folderOf(bug: Bug): string {
  const start = `bug-${String(bug.number).padStart(2, '0')}-`
  const folder = readdirSync(SRC).find((name) => name.startsWith(start))
  expect(folder, `the folder ${start}…`).toBeDefined()
  return folder ?? ''
}
