/** Value of `schema` in every report of `pinscope leaks`. */
export const LEAKS_SCHEMA = 'pinscope-leaks/1'

/** What is held: a pin, a plain reference on a page, a reference on a kernel object. */
export type HeldKind = 'pin' | 'ref' | 'object'

/** References that one call site took and nobody let go. */
export interface LeakGroup {
  readonly kind: HeldKind
  /** Frames from the outermost to the innermost; empty where none was recorded. */
  readonly stack: readonly string[]
  /** What the rows say of the call, where they say something; null where not. */
  readonly call: string | null
  /** References still open: on pages one each, so that a page taken twice counts twice. */
  readonly open: number
  /** Those that this call site took in all, and those let go. */
  readonly taken: number
  readonly letGo: number
  /** When the oldest and the newest of those open were taken, ns since the trace began, and the row that took the oldest. */
  readonly oldestNs: number
  readonly newestNs: number
  readonly oldestRow: number
  readonly oldestLine: number
  /** From then to the end of the trace. */
  readonly oldestAgeNs: number
  /** Longest time that one of those let go was held; null where none was. */
  readonly longestHoldNs: number | null
  /** The oldest ones: a page frame (`pfn 0x1a2b3c`), a user address (`mm 7 0x7f00...`) or an id. */
  readonly examples: readonly string[]
}

/** What is never let go in a trace of reference events: the result of `pinscope leaks --json`. */
export interface LeaksReport {
  readonly schema: typeof LEAKS_SCHEMA
  readonly trace: {
    readonly file: string
    readonly format: string
    readonly rows: number
    readonly spanNs: number
    /** Reference events by name; those that do not occur are left out. */
    readonly events: Readonly<Record<string, number>>
  }
  readonly taken: number
  readonly letGo: number
  readonly open: { readonly pins: number; readonly refs: number; readonly objects: number }
  /** Releases of what nobody in this trace took: of references older than the recording, or once too often. */
  readonly unmatchedReleases: number
  /** Pins let go as references and the other way round. */
  readonly wrongKind: number
  /** Releases that may have been of any of several call sites, matched with the last one. */
  readonly ambiguous: number
  /** Some events name page frames and some user addresses: what is open may have been let go under the other name. */
  readonly framesAndAddresses: boolean
  /** Oldest first. */
  readonly groups: readonly LeakGroup[]
  readonly warnings: readonly string[]
}
