/** The zod definitions, apart from the main entry point because zod takes longer to load than a small trace to replay. */
export { auditLaneSchema, auditSchema, findingSchema } from './report/audit-schema.ts'
export {
  benchComparisonSchema,
  benchSchema,
  benchSpreadSchema,
  benchWorkloadSchema,
  benchWorkSchema,
} from './report/bench-schema.ts'
export { comparisonSchema, laneComparisonSchema } from './report/compare-schema.ts'
export { leakGroupSchema, leaksSchema } from './report/leaks-schema.ts'
export {
  laneSchema,
  leakSchema,
  longTermSchema,
  mismatchSchema,
  reportSchema,
  violationSchema,
} from './report/report-schema.ts'
export { traceHeaderSchema, traceRowSchema, traceSchema } from './trace/schema.ts'
