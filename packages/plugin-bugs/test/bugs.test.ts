import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { type Bug, type BugCase, consumerOf } from '../src/bug.ts'
import { BUGS } from '../src/bugs.ts'

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

  it('is silent after its fix, under every rule', async () => {
    expect(await audit(bug, bugCase, true)).toEqual([])
  })
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
