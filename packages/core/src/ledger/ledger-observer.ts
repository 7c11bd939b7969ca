import type { Retention } from '../extract/retention.ts'

/** Told about each release, by `explain`; `operation` is the number of the one that had taken the pages, or 0. */
export interface LedgerObserver {
  released(retention: Retention, pages: number, operation: number): void
}
