import { CONSUMER_API_VERSION, type Consumer, type ConsumerDefinition } from '../../src/consumer/consumer.ts'
import type { Operation } from '../../src/consumer/operation.ts'
import type { PolicyName } from '../../src/extract/policy.ts'
import type { HazardRule } from '../../src/lifetime/rule.ts'
import { auditText } from '../../src/testing/audit-text.ts'

/** What a consumer for one test does; the rest does nothing. */
export interface AuditedSteps {
  readonly policy?: PolicyName
  submit(io: Operation): number
  complete?(io: Operation): void
}

/** A consumer that takes every type of iterator. */
export function auditedConsumer({ policy = 'extract', submit, complete }: AuditedSteps): ConsumerDefinition {
  const consumer: Consumer = {
    submit,
    abort: () => {},
    complete: complete ?? (() => {}),
    counters: () => ({}),
  }
  return {
    apiVersion: CONSUMER_API_VERSION,
    name: 'audited',
    summary: 'for this test',
    kernel: 'none',
    accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray', 'folioq'],
    entriesMax: 1024,
    avoided: 'nothing',
    kernelPolicy: () => policy,
    create: () => consumer,
  }
}

/** Rule, row and page count of what rules find in rows (a trace without its first line) that go to such a consumer. */
export async function auditSteps(steps: AuditedSteps, rows: string, rules: readonly HazardRule[]) {
  const consumer = auditedConsumer(steps)
  const findings = await auditText(`# pinscope-trace 1\n${rows}`, rules, { consumers: [consumer], consumer: 'audited' })
  return findings.map(({ rule, row, pages }) => [rule, row, pages] as const)
}
