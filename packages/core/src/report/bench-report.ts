import type { z } from 'zod'
import type * as schema from './bench-schema.ts'

/** How fast this machine is: the object of `pinscope bench --json`, `pinscope-bench/1`. */
export type BenchReport = z.infer<typeof schema.benchSchema>
/** One workload of it. */
export type BenchWorkload = z.infer<typeof schema.benchWorkloadSchema>
/** What a workload does, whatever the machine. */
export type BenchWork = z.infer<typeof schema.benchWorkSchema>
/** A figure as it came out in the rounds. */
export type BenchSpread = z.infer<typeof schema.benchSpreadSchema>
/** What differs from an earlier run. */
export type BenchComparison = z.infer<typeof schema.benchComparisonSchema>

/** Value of `schema` in every report of `pinscope bench`. */
export const BENCH_SCHEMA = 'pinscope-bench/1'
