import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { lanesOf, PAGE, pageWithTables, QUESTIONS } from '../scripts/what-if.mjs'

interface Lane {
  readonly label: string
  readonly counters: Readonly<Record<string, number>>
  readonly findings: readonly { readonly rule: string; readonly row: number; readonly pages: number }[]
}

let lanes: ReadonlyMap<string, readonly Lane[]> = new Map()

beforeAll(async () => {
  const all: [string, readonly Lane[]][] = []
  for (const question of QUESTIONS) all.push([question.name, await lanesOf(question)])
  lanes = new Map(all)
})

const of = (question: string, label: string): Lane => {
  const lane = lanes.get(question)?.find((one) => one.label === label)
  if (lane === undefined) throw new Error(`there is no lane "${label}" of "${question}"`)
  return lane
}
const rules = ({ findings }: Lane) => [...new Set(findings.map(({ rule }) => rule))].sort()

describe('docs/what-if.md', () => {
  const text = readFileSync(PAGE, 'utf8')

  it('has the tables of today (node scripts/what-if.mjs)', async () => {
    expect(await pageWithTables(text)).toBe(text)
  })

  it('names no rule that no table has', () => {
    const tables = text.split('\n').filter((line) => line.startsWith('|'))
    const prose = text.split('\n').filter((line) => !line.startsWith('|'))
    for (const [rule] of prose.join('\n').matchAll(/H-\d\d/g)) expect(tables.join('\n')).toContain(rule)
  })
})

describe('what the proposals of 2018 mend, and what they do not (lifetime.md 6, 7, 12)', () => {
  it('a pinned page is cleaned today, torn on the disk, and made dirty unasked', () => {
    expect(rules(of('writeback', 'as it is'))).toEqual(['H-03', 'H-04', 'H-05'])
  })

  it('skipping and waiting mend that, and have no bound', () => {
    expect(rules(of('writeback', 'skip'))).toEqual([])
    expect(rules(of('writeback', 'wait'))).toEqual([])
    // Two pages are registered from 5 s on, when the flusher comes, to 20 s.
    expect(of('writeback', 'skip').counters.pagesNeverWritten).toBe(2)
    expect(of('writeback', 'wait').counters.waitNs).toBeGreaterThanOrEqual(2 * 15e9)
  })

  it('bouncing narrows the race, and does not close it', () => {
    const torn = of('writeback', 'as it is').counters.tornWritebacks!
    for (const label of ['bounce in the block layer', 'bounce in the file system']) {
      const { tornBounces, tornWritebacks } = of('writeback', label).counters
      expect(tornWritebacks).toBe(0)
      expect(tornBounces).toBeGreaterThan(0)
      expect(tornBounces).toBeLessThan(torn)
      expect(rules(of('writeback', label))).toEqual(['H-03', 'H-04', 'H-05'])
    }
  })

  it('stable pages stop no device, and a checksum then differs', () => {
    expect(rules(of('writeback', 'stable pages everywhere'))).toEqual(['H-01', 'H-03', 'H-04', 'H-05'])
    expect(rules(of('checksums', 'bounce in the block layer'))).toContain('H-01')
    expect(rules(of('checksums', 'bounce in the file system'))).not.toContain('H-01')
  })

  it('of the five options of a reflink only the one of today shares a pinned page', () => {
    const shared = (lanes.get('reflink') ?? []).map(({ counters }) => counters.sharedWhilePinned)
    expect(shared).toEqual([0, 0, 4, 0, 0])
    expect(rules(of('reflink', '3. ignore them, as it is'))).toContain('H-38')
  })

  it('a lease that is taken away leaves the pins', () => {
    expect((lanes.get('leases') ?? []).map((lane) => rules(lane).includes('H-41'))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ])
  })
})
