/** Steps of an operation that can be made to fail. */
export const FAULT_NAMES = ['alloc', 'page', 'copy', 'limit', 'complete', 'map'] as const
/** One of {@link FAULT_NAMES}. */
export type FaultName = (typeof FAULT_NAMES)[number]

/** An allocation fails. */
export const FAULT_ALLOC = 0
/** A page cannot be had. */
export const FAULT_PAGE = 1
/** A copy between the iterator and a buffer moves nothing. */
export const FAULT_COPY = 2
/** A list or a budget is full. */
export const FAULT_LIMIT = 3
/** The I/O ends with -EIO. */
export const FAULT_COMPLETE = 4
/** A DMA mapping cannot be made. */
export const FAULT_MAP = 5

/**
 * Counts the steps that could fail, and makes one of them fail: what CONFIG_FAULT_INJECTION does for a kernel. Out of
 * the box nothing fails.
 * @kernel lib/fault-inject.c: should_fail; mm/failslab.c, mm/fail_page_alloc.c
 */
export class Faults {
  /** Steps so far, by kind. */
  readonly seen = new Float64Array(FAULT_NAMES.length)
  /** The kind that fails; -1 for none. */
  kind = -1
  /** Which step of that kind fails, from 1. */
  at = 0
  /** The page that failed was not the first of its list: the next extraction of the operation begins with it. */
  isPageNext = false

  /** The `at`th step of a kind, from now on, fails. */
  inject(name: FaultName, at: number): void {
    this.seen.fill(0)
    this.kind = FAULT_NAMES.indexOf(name)
    this.at = at
  }

  /** A step comes; true when it is to fail. */
  fails(kind: number): boolean {
    return ++this.seen[kind] === this.at && kind === this.kind
  }

  /** `count` steps come at once: how many of them go well before one fails; `count` when none does. */
  passed(kind: number, count: number): number {
    const before = this.seen[kind]
    this.seen[kind] = before + count
    if (kind !== this.kind || this.at <= before || this.at > before + count) return count
    return this.at - before - 1
  }
}
