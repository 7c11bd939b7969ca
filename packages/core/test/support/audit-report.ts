import { Registry } from '../../src/consumer/registry.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import type { HazardRule } from '../../src/lifetime/rule.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditTrace } from '../../src/replay/audit-trace.ts'
import type { AuditLaneReport, TraceAuditReport } from '../../src/report/audit-report.ts'
import { inOnePiece } from '../../src/testing/in-one-piece.ts'
import { openTrace } from '../../src/trace/open-trace.ts'

/** The whole report on a trace given as text, under a version; all rules listen unless told otherwise. */
export async function auditReport(
  text: string,
  kernel: KernelVersion | null = null,
  rules: readonly HazardRule[] = HAZARD_RULES,
): Promise<TraceAuditReport> {
  const trace = await openTrace(inOnePiece(new TextEncoder().encode(text)), 'rows.csv')
  return auditTrace(trace, {
    registry: new Registry(),
    policies: null,
    consumers: null,
    kernel,
    consumerOptions: {},
    faults: null,
    inFlight: false,
    rules,
  })
}

/** Its first lane. */
export async function auditLane(text: string, kernel: KernelVersion | null = null): Promise<AuditLaneReport> {
  return (await auditReport(text, kernel)).lanes[0]!
}
