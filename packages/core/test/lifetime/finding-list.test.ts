import { describe, expect, it } from 'vitest'
import { FINDINGS_LISTED_MAX, type Finding } from '../../src/lifetime/finding.ts'
import { FindingList } from '../../src/lifetime/finding-list.ts'
import type { HazardRule } from '../../src/lifetime/rule.ts'
import { h10 } from '../../src/lifetime/rules/h-10-pin-leak.ts'
import { h24 } from '../../src/lifetime/rules/h-24-wrong-direction.ts'
import { h42 } from '../../src/lifetime/rules/h-42-truncate-under-dma.ts'
import { severityOf, type Verdict } from '../../src/lifetime/verdict.ts'

/** Tells a finding of `pages` pages, as an audit does. */
function find(list: FindingList, rule: HazardRule, row: number, detail = 'wrong', pages = 1, rowAtWork = row): void {
  findAs(list, rule, rule.verdict, row, detail, pages, rowAtWork)
}

function findAs(
  list: FindingList,
  rule: HazardRule,
  verdict: Verdict,
  row: number,
  detail = 'wrong',
  pages = 1,
  rowAtWork = row,
): void {
  if (!list.count({ rule, verdict, row, detail, pages }, rowAtWork)) return
  const nothing = { pageName: null, holder: null, takenRow: 0, since: null, history: [] }
  const severity = severityOf(verdict)
  const finding: Finding = { ...nothing, rule, verdict, severity, row, line: 0, page: -1, pages, detail }
  list.list(finding)
}

describe('of each rule the first 1,000 findings are kept, and all are counted', () => {
  it('a rule that is broken everywhere hides no other', () => {
    const list = new FindingList()
    for (let row = 1; row <= 1500; row++) find(list, h24, row)
    find(list, h10, 1501)
    expect(FINDINGS_LISTED_MAX).toBe(1000)
    expect(list.listed.map(({ rule }) => rule.id).filter((id) => id === 'H-24')).toHaveLength(1000)
    expect(list.listed.at(-1)).toMatchObject({ rule: h10, row: 1501 })
    expect([...list.counts]).toEqual([
      [h24, 1500],
      [h10, 1],
    ])
  })

  it('nor do mild findings hide one of the same rule that means more', () => {
    const list = new FindingList()
    for (let row = 1; row <= 1500; row++) findAs(list, h42, 'LOST', row)
    findAs(list, h42, 'CORRUPT', 1501)
    for (let row = 1502; row <= 1600; row++) findAs(list, h42, 'LOST', row)
    expect(list.listed).toHaveLength(1001)
    expect(list.listed.at(-1)).toMatchObject({ verdict: 'CORRUPT', row: 1501 })
    expect(list.counts.get(h42)).toBe(1600)
  })
})

describe('the same finding of the same row is one', () => {
  it('with the pages of all; another row, detail or rule is another', () => {
    const list = new FindingList()
    for (const pages of [1, 2, 4]) find(list, h24, 7, 'wrong', pages)
    find(list, h24, 7, 'worse')
    find(list, h24, 8)
    find(list, h10, 7)
    expect(list.listed.map(({ rule, row, pages }) => [rule.id, row, pages])).toEqual([
      ['H-24', 7, 7],
      ['H-24', 7, 1],
      ['H-24', 8, 1],
      ['H-10', 7, 1],
    ])
    expect(list.counts.get(h24)).toBe(3)
  })

  it('also where none is kept any more: 3,000 rows with 500 pages each are 3,000 findings', () => {
    const list = new FindingList()
    for (let row = 1; row <= 3000; row++) for (let page = 0; page < 500; page++) find(list, h24, row)
    expect(list.counts.get(h24)).toBe(3000)
    expect(list.listed.reduce((sum, { pages }) => sum + pages, 0)).toBe(1000 * 500)
  })

  it('also at the end of a trace, where one row tells of all others, each in two parts', () => {
    const list = new FindingList()
    for (let part = 0; part < 2; part++) {
      for (let row = 1; row <= 5000; row++) find(list, h10, row, 'held', 1, 9999)
    }
    expect(list.counts.get(h10)).toBe(5000)
  })
})
