import type { PolicyName } from '../../src/extract/policy.ts'

// What may be done to a pair of iterators, as plain data.

/** A number of bytes; or so many more or less than the count; or more than there ever is. */
export type OpBytes = number | 'count' | 'count-1' | 'count+1' | 'huge'

/** For reverts: bytes, or all that was consumed, or one more than that. */
export type OpBack = number | 'all' | 'past-start'

export type IovOp =
  | { readonly op: 'extract'; readonly policy: PolicyName; readonly bytes: OpBytes; readonly pages: number }
  | { readonly op: 'release'; readonly hold: number }
  | { readonly op: 'advance' | 'truncate'; readonly bytes: OpBytes }
  | { readonly op: 'revert'; readonly bytes: OpBack }
  | { readonly op: 'reexpand' | 'save' | 'restore' | 'dup' | 'queries' }
  | { readonly op: 'read-pipe' }
  | CopyOp
  | { readonly op: 'to-sg'; readonly bytes: OpBytes; readonly entries: number; readonly keep: boolean }
  | {
      readonly op: 'to-iter'
      readonly policy: PolicyName
      readonly bytes: OpBytes
      readonly segments: number
      readonly copied: number
    }
  | { readonly op: 'extend-queue'; readonly order: number }
  | { readonly op: 'clear-slot'; readonly slot: number }
  | { readonly op: 'punch'; readonly index: number }
  | { readonly op: 'refuse'; readonly page: number }

/** Those that move data, or look at it. */
export type CopyOp =
  | {
      readonly op:
        | 'copy-to'
        | 'copy-to-full'
        | 'copy-from'
        | 'copy-from-full'
        | 'zero'
        | 'csum-to'
        | 'csum-from'
        | 'csum-from-full'
        | 'crc'
      readonly bytes: OpBytes
    }
  | { readonly op: 'scan'; readonly bytes: OpBytes; readonly stopAt: number }
  | { readonly op: 'fault-in'; readonly bytes: OpBytes; readonly write: boolean }
  | {
      readonly op: 'page-to' | 'page-from' | 'page-from-atomic'
      readonly page: number
      readonly offset: number
      readonly bytes: number
    }
