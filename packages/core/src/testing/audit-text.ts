import type { ConsumerDefinition } from '../consumer/consumer.ts'
import { Registry } from '../consumer/registry.ts'
import type { KernelVersion } from '../kernel/version.ts'
import type { HazardRule } from '../lifetime/rule.ts'
import { auditTrace } from '../replay/audit-trace.ts'
import type { FaultInjection } from '../replay/replay-options.ts'
import type { FindingReport } from '../report/audit-report.ts'
import { openTrace } from '../trace/open-trace.ts'
import { inOnePiece } from './in-one-piece.ts'

/** How a trace is audited; everything has a default. */
export interface AuditTextOptions {
  /** Consumers besides the built-in ones. */
  readonly consumers?: readonly ConsumerDefinition[]
  /** The one that all rows go to; left out: what the rows name. */
  readonly consumer?: string
  /** What the trace names, else mainline, when left out. */
  readonly kernel?: KernelVersion
  readonly options?: Readonly<Record<string, number>>
  readonly inject?: FaultInjection
  /** The trace ends in the midst: what has no recorded completion is in flight, and no leak. */
  readonly inFlight?: boolean
}

/** What rules find in a trace given as text, over all lanes, by row. */
export async function auditText(
  text: string,
  rules: readonly HazardRule[],
  options: AuditTextOptions = {},
): Promise<readonly FindingReport[]> {
  const registry = new Registry()
  const consumers = options.consumers ?? []
  if (consumers.length > 0) registry.register('the tested package', { apiVersion: 1, consumers })
  const trace = await openTrace(inOnePiece(new TextEncoder().encode(text)), 'rows.csv')
  const report = await auditTrace(trace, {
    registry,
    policies: null,
    consumers: options.consumer === undefined ? null : [options.consumer],
    kernel: options.kernel ?? null,
    consumerOptions: options.consumer === undefined ? {} : { [options.consumer]: options.options ?? {} },
    faults: options.inject ?? null,
    inFlight: options.inFlight ?? false,
    rules,
  })
  return report.lanes.flatMap(({ findings }) => findings)
}
