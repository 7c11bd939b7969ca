import { describe, expect, it } from 'vitest'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

/** Events of rows that take references. */
const TAKES = ['pin', 'get', 'register', 'io', '']

/** What a finding may go back to, and the events that are that. */
const EVENTS_OF: Readonly<Record<string, readonly string[]>> = {
  listed: ['io', ''],
  attached: ['attach'],
  allocated: ['alloc', 'allocate'],
  locked: ['lock'],
  'another page locked': ['lock'],
  leased: ['lease'],
  reserved: ['reserve'],
  punched: ['punch'],
  'its reservation punched': ['punch'],
  'copied into': ['copy_in'],
  'put into a ring': ['slot'],
  'a device began to store': ['dma'],
  'a device began to load': ['dma'],
}

/** The event of a row of a trace, from 1. */
function eventOf(trace: string, row: number): string {
  const [head = '', ...rows] = trace.split('\n').filter((line) => !line.startsWith('#'))
  return rows[row - 1]?.split(',')[head.split(',').indexOf('event')] ?? 'no such row'
}

// Every rule has a trace in which it is broken, with the rows that the findings name, and the same trace done right.
describe.each(HAZARD_RULES.map((rule) => [rule.id, rule] as const))('%s', (_id, rule) => {
  it('is found in its example, in those rows', async () => {
    const findings = await auditText(rule.example.broken, [rule])
    expect(findings.map(({ rule: id, row }) => [id, row])).toEqual(rule.example.rows.map((row) => [rule.id, row]))
  })

  it('no rule finds anything where the example is done right', async () => {
    expect(await auditText(rule.example.sound, HAZARD_RULES)).toEqual([])
  })

  it('goes back to a reference only where a row took one, and else to what that row did', async () => {
    const { broken } = rule.example
    for (const { takenRow, since, history } of await auditText(broken, [rule])) {
      if (takenRow > 0) expect(TAKES).toContain(eventOf(broken, takenRow))
      if (since !== null) expect(EVENTS_OF[since.what]).toContain(eventOf(broken, since.row))
      for (const { row, what } of history.filter((step) => /^(pinned|referenced|taken)/.test(step.what))) {
        expect([what, TAKES.includes(eventOf(broken, row))]).toEqual([what, true])
      }
    }
  })

  it('has a diagram that fits a terminal', () => {
    for (const line of rule.diagram.split('\n')) expect(line.length).toBeLessThanOrEqual(76)
  })
})
