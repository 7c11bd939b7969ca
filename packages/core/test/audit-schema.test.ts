import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { Registry } from '../src/consumer/registry.ts'
import { HAZARD_RULES } from '../src/lifetime/rules.ts'
import { auditTrace } from '../src/replay/audit-trace.ts'
import type { AuditReport } from '../src/report/audit-report.ts'
import { AUDIT_SCHEMA } from '../src/report/audit-report.ts'
import { auditSchema } from '../src/report/audit-schema.ts'
import { traceOf } from './support/rows.ts'

const schema = {
  $id: 'pinscope-audit-1.schema.json',
  title: AUDIT_SCHEMA,
  ...z.toJSONSchema(auditSchema),
}

/**
 * The JSON Schema of `pinscope audit --json` ships in packages/core/schema. This test generates it from the one
 * definition and compares; after a change of that, `npm test -- -u` writes it anew.
 */
it('the shipped JSON Schema is the one of audit-schema.ts', async () => {
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../schema/pinscope-audit-1.schema.json')
})

it('both accept an audit with a finding, and a lane whose fault was injected; neither a key that is not known', async () => {
  const rows = traceOf([
    { event: 'pin', id: 'kept', segs: [[0x10000, 8192]] },
    { op: 'read', segs: [[0x20000, 4096]], end: 1e6 },
  ])
  const trace = await auditTrace(rows, {
    registry: new Registry(),
    policies: ['extract', 'get-pages'],
    consumers: ['bio'],
    kernel: '6.18',
    quirks: [{ name: 'sg-temp-array', on: true }],
    consumerOptions: {},
    faults: { fault: 'alloc', at: 1 },
    inFlight: false,
    rules: HAZARD_RULES,
  })
  expect(trace.lanes.map(({ policy, findings }) => [policy, findings.map(({ rule, pages }) => [rule, pages])])).toEqual(
    [
      ['extract', [['H-10', 2]]],
      ['get-pages', [['H-10', 2]]],
    ],
  )
  expect(trace.lanes[0]).toMatchObject({ quirks: ['sg-temp-array'], findingsTotal: 1, findingsByRule: { 'H-10': 1 } })
  const report: AuditReport = { schema: AUDIT_SCHEMA, rules: HAZARD_RULES.map(({ id }) => id), traces: [trace] }
  const validate = new Ajv2020({ allErrors: true }).compile(schema)
  validate(report)
  expect(validate.errors).toBeNull()
  expect(auditSchema.parse(report)).toEqual(report)
  expect(auditSchema.safeParse({ ...report, more: 1 }).success).toBe(false)
})
