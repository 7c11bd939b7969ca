/** Slots of {@link Figures}. */
export const ZERO_COPY_BYTES = 0
export const COPIED_BYTES = 1
export const AVOIDED_COPY_BYTES = 2
export const AVOIDED_ENTRIES = 3
export const AVOIDED_ALLOCATIONS = 4
export const ENTRIES_BUILT = 5
export const ENTRIES_OPERATION_MAX = 6
export const LIMIT_HITS = 7
export const ENTRIES_BYTES = 8

/** What a consumer adds up for the report, beside its own counters. */
export type Figures = Float64Array

export function newFigures(): Figures {
  return new Float64Array(9)
}
