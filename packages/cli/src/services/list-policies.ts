import {
  type Direction,
  type ExtractionPolicy,
  errnoName,
  ITER_DEST,
  ITER_SOURCE,
  type IterType,
  KERNEL_ITER_TYPE_NAMES,
  POLICIES,
  RETENTION_NAMES,
} from '@pinscope/core'

/** What a policy does to the pages of one iterator type. */
export interface ListedRetention {
  readonly iter: string
  /** `none`, `ref`, `pin`, or the errno, where the data arrives in the pages (a read). */
  readonly dest: string
  /** The same where the data leaves them (a write). */
  readonly source: string
}

/** A policy as `pinscope policies --json` prints it. */
export interface ListedPolicy {
  readonly name: string
  readonly summary: string
  readonly source: string
  readonly perFolio: boolean
  readonly retention: readonly ListedRetention[]
}

/** Every policy, asked what it does for each iterator type and direction. */
export function listPolicies(): ListedPolicy[] {
  return POLICIES.map((policy) => ({
    name: policy.name,
    summary: policy.summary,
    source: policy.source,
    perFolio: policy.perFolio,
    retention: KERNEL_ITER_TYPE_NAMES.map((iter, type) => ({
      iter,
      dest: retentionName(policy, type as IterType, ITER_DEST),
      source: retentionName(policy, type as IterType, ITER_SOURCE),
    })),
  }))
}

function retentionName(policy: ExtractionPolicy, type: IterType, direction: Direction): string {
  const code = policy.retention(type, direction)
  return code < 0 ? errnoName(code) : RETENTION_NAMES[code]
}
