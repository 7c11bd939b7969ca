import { describe, expect, it } from 'vitest'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

// Every rule has a trace in which it is broken, with the rows that the findings name, and the same trace done right.
describe.each(HAZARD_RULES.map((rule) => [rule.id, rule] as const))('%s', (_id, rule) => {
  it('is found in its example, in those rows', async () => {
    const findings = await auditText(rule.example.broken, [rule])
    expect(findings.map(({ rule: id, row }) => [id, row])).toEqual(rule.example.rows.map((row) => [rule.id, row]))
  })

  it('is silent where the example is done right', async () => {
    expect(await auditText(rule.example.sound, [rule])).toEqual([])
  })

  it('has a diagram that fits a terminal', () => {
    for (const line of rule.diagram.split('\n')) expect(line.length).toBeLessThanOrEqual(76)
  })
})
