import { KERNEL_VERSIONS } from '@pinscope/core'
import { describe, expect, it } from 'vitest'
import { BUGS } from '../src/bugs.ts'
import { audit, CASES, folderOf, found } from './audited.ts'
import { EXPECTED, KERNELS } from './expected.ts'
import { type Outcome, page } from './page.ts'

describe.each(CASES)('%s', (_name, bug, bugCase) => {
  const { before, after = [] } = EXPECTED[bugCase.name] ?? { before: undefined }

  it('is found before its fix: these rules, rows and pages, and no others', async () => {
    const findings = found(await audit(bug, bugCase, false))
    expect(findings).toEqual(before)
    expect([...new Set(findings.map(([rule]) => rule))].sort()).toEqual([...bugCase.rules].sort())
    expect(findings.filter(([rule]) => rule === bugCase.rules[0]).map(([, row]) => row)).toContain(bugCase.row)
  })

  it('is silent after its fix, under every rule but those that the fix left as they were', async () => {
    const findings = found(await audit(bug, bugCase, true))
    expect(findings).toEqual(after)
    expect([...new Set(findings.map(([rule]) => rule))].sort()).toEqual([...(bugCase.rulesAfter ?? [])].sort())
  })

  it.each(KERNELS[bugCase.name] ?? KERNEL_VERSIONS)('is found and silent on %s too', async (kernel) => {
    expect(found(await audit(bug, bugCase, false, { kernel }))).toEqual(before)
    expect(found(await audit(bug, bugCase, true, { kernel }))).toEqual(after)
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
