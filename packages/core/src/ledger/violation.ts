import { RETAIN_REF, type Retention } from '../extract/retention.ts'
import type { IterRule } from '../iter/iter-report.ts'

/** Most violations kept with their detail; further ones are only counted. */
export const VIOLATIONS_LISTED_MAX = 1000

/** Rules of reference counting, of registrations, of lists for a device, of memory in use, and of iterators. */
export type ViolationRule =
  | 'double-release'
  | 'wrong-kind-release'
  | 'unknown-release'
  | 'registration-in-use'
  | 'registration-outlives-owner'
  | 'beyond-page'
  | 'beyond-table'
  | 'dma-map-leak'
  | 'dma-unmap-unmapped'
  | 'use-after-free'
  | 'truncate-in-use'
  | 'modified-in-use'
  | 'wrong-data'
  | IterRule

/** A rule broken, with both rows. Control plane: made only when something is wrong. */
export interface Violation {
  readonly rule: ViolationRule
  /** Row and line that broke it. */
  readonly row: number
  readonly line: number
  /** Row that took the references; 0 when no row did. */
  readonly takenRow: number
  readonly held: Retention
  readonly releasedAs: Retention
  readonly pages: number
  readonly detail: string
}

/** What a release of the wrong kind does to the count of a small folio. */
export function wrongKind(releasedAs: Retention): string {
  return releasedAs === RETAIN_REF
    ? 'on a small folio that leaves 1,023 of the 1,024 that the pin added'
    : 'on a small folio that takes 1,024 where the reference added 1'
}
