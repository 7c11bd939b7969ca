import type { z } from 'zod'
import type * as schema from './report-schema.ts'

/** What `replay` found: the object of `--json`, `pinscope-report/1`. */
export type Report = z.infer<typeof schema.reportSchema>
/** What was known of the buffers of a trace, and of what it was assumed. */
export type LayoutReport = z.infer<typeof schema.layoutSchema>
/** One policy with one consumer over the whole trace. */
export type LaneReport = z.infer<typeof schema.laneSchema>
/** A hold still open at the end that nobody declared long-term. */
export type LeakReport = z.infer<typeof schema.leakSchema>
/** A hold open at the end on purpose. */
export type LongTermReport = z.infer<typeof schema.longTermSchema>
/** A rule of reference counting that was broken. */
export type ViolationReport = z.infer<typeof schema.violationSchema>
/** A row whose modelled pins are not those that the kernel counted. */
export type MismatchReport = z.infer<typeof schema.mismatchSchema>

/** Value of `schema` in every report of this version. */
export const REPORT_SCHEMA = 'pinscope-report/1'
