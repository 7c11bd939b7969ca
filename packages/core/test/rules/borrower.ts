import { CONSUMER_API_VERSION, type ConsumerDefinition } from '../../src/consumer/consumer.ts'
import type { Guard } from '../../src/lifetime/borrows.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

/** A consumer that lists what it is given, takes what the policy says, and says that it names it, guarded by `guard`. */
export function borrower(guard: Guard): ConsumerDefinition {
  return {
    apiVersion: CONSUMER_API_VERSION,
    name: 'borrower',
    summary: 'for this test',
    kernel: 'none',
    accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray', 'folioq'],
    entriesMax: 1,
    avoided: 'nothing',
    kernelPolicy: () => 'extract',
    create: () => ({
      submit: (io) => {
        const bytes = io.extract(1024, io.iter.countBytes)
        io.borrowList(guard)
        io.keep(io.hold)
        return bytes
      },
      abort: (io) => io.letGoOfKept(),
      complete: (io) => io.letGoOfKept(),
      counters: () => ({}),
    }),
  }
}

/** What every rule finds in a trace of such a consumer: rule and row. */
export async function foundWith(guard: Guard, text: string): Promise<[string, number][]> {
  const consumer = borrower(guard)
  const findings = await auditText(text, HAZARD_RULES, { consumers: [consumer], consumer: consumer.name })
  return findings.map(({ rule, row }) => [rule, row])
}

/** What every rule finds in a trace: rule and row. */
export async function found(text: string): Promise<[string, number][]> {
  return (await auditText(text, HAZARD_RULES)).map(({ rule, row }) => [rule, row])
}
