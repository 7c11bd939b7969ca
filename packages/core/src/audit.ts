/**
 * @pinscope/core/audit: the hazard rules, and what listens to a replay with them. Apart from the main entry point, since a
 * replay that counts needs none of it.
 */
export { Audit, type AuditedLane } from './lifetime/audit.ts'
export {
  CONTEXT_ATOMIC,
  CONTEXT_PROCESS,
  CONTEXT_WORKER,
  type Context,
  type Handler,
  type Handlers,
} from './lifetime/event-bus.ts'
export { FINDINGS_LISTED_MAX, type Finding, type FoundHazard, type Refusal, type Since } from './lifetime/finding.ts'
export * from './lifetime/folio-flags.ts'
export {
  LIFETIME_EVENT_NAMES,
  LIFETIME_EVENTS,
  type LifetimeEvent,
  type LifetimeEventName,
} from './lifetime/lifetime-event.ts'
export { defineRule, type HazardRule, RULE_API_VERSION, type RuleExample } from './lifetime/rule.ts'
export { HAZARD_RULES } from './lifetime/rules.ts'
export { isAtLeast, SEVERITIES, type Severity, severityOf, VERDICTS, type Verdict } from './lifetime/verdict.ts'
export type { KeptBy } from './lifetime/where-references-go.ts'
export { type AuditOptions, auditTrace } from './replay/audit-trace.ts'
export * from './report/audit-report.ts'
