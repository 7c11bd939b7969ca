import type { Retention } from '../extract/retention.ts'

/** Rules of reference counting. */
export type ViolationRule = 'double-release' | 'wrong-kind-release' | 'unknown-release'

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
