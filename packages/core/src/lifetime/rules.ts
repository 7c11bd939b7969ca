import type { HazardRule } from './rule.ts'
import { h01 } from './rules/h-01-store-under-writeback.ts'
import { h02 } from './rules/h-02-store-to-clean.ts'
import { h03 } from './rules/h-03-clean-while-pinned.ts'
import { h04 } from './rules/h-04-torn-copy.ts'
import { h05 } from './rules/h-05-dirty-without-notify.ts'
import { h06 } from './rules/h-06-missing-dirty.ts'
import { h07 } from './rules/h-07-needless-dirty.ts'
import { h08 } from './rules/h-08-dirty-after-release.ts'
import { h09 } from './rules/h-09-dirty-lock-in-atomic.ts'
import { h10 } from './rules/h-10-pin-leak.ts'
import { h11 } from './rules/h-11-get-leak.ts'
import { h12 } from './rules/h-12-failed-call-keeps-pages.ts'
import { h13 } from './rules/h-13-residue.ts'
import { h14 } from './rules/h-14-double-release.ts'
import { h15 } from './rules/h-15-kind-mismatch.ts'
import { h16 } from './rules/h-16-release-of-borrow.ts'
import { h17 } from './rules/h-17-release-count.ts'
import { h18 } from './rules/h-18-reference-on-slab.ts'
import { h19 } from './rules/h-19-freed-object-behind-borrow.ts'
import { h20 } from './rules/h-20-iterator-escapes.ts'
import { h21 } from './rules/h-21-get-instead-of-pin.ts'
import { h22 } from './rules/h-22-pin-of-shared-anon.ts'
import { h23 } from './rules/h-23-long-term-pin-of-tracked-file.ts'
import { h24 } from './rules/h-24-wrong-direction.ts'
import { h25 } from './rules/h-25-wrong-advance.ts'
import { h26 } from './rules/h-26-bad-revert.ts'
import { h27 } from './rules/h-27-segment-overrun.ts'
import { h28 } from './rules/h-28-length-beyond-extent.ts'
import { h29 } from './rules/h-29-source-modified.ts'
import { h30 } from './rules/h-30-nested-folio-locks.ts'
import { h31 } from './rules/h-31-allocated-not-written.ts'
import { h32 } from './rules/h-32-stale-exposure.ts'
import { h33 } from './rules/h-33-wait-with-lock.ts'
import { h34 } from './rules/h-34-fs-allocation-with-lock.ts'
import { h35 } from './rules/h-35-copy-before-reserve.ts'
import { h36 } from './rules/h-36-dirty-without-backing.ts'
import { h37 } from './rules/h-37-reservation-beyond-data.ts'
import { h38 } from './rules/h-38-reflink-with-live-write-pin.ts'
import { h39 } from './rules/h-39-dedupe-compare-race.ts'
import { h40 } from './rules/h-40-lease-not-broken.ts'
import { h41 } from './rules/h-41-pin-after-lease-drop.ts'
import { h42 } from './rules/h-42-truncate-under-dma.ts'
import { h43 } from './rules/h-43-early-unpin.ts'
import { h44 } from './rules/h-44-early-owner-exit.ts'
import { h45 } from './rules/h-45-unlock-before-end.ts'
import { h46 } from './rules/h-46-mixed-kinds-merged.ts'
import { h47 } from './rules/h-47-notifier-without-reference.ts'
import { h48 } from './rules/h-48-private-state-duplicated.ts'
import { h49 } from './rules/h-49-stale-merge-flag.ts'
import { h50 } from './rules/h-50-unaccounted-pin.ts'
import { h51 } from './rules/h-51-zero-page-pin.ts'
import { h52 } from './rules/h-52-lock-leak.ts'
import { h53 } from './rules/h-53-result-beyond-request.ts'
import { h54 } from './rules/h-54-progress-discarded.ts'

/** The rules that come with pinscope, by number: lifetime.md 18. A new one is a file and a line here. */
export const HAZARD_RULES: readonly HazardRule[] = [
  h01,
  h02,
  h03,
  h04,
  h05,
  h06,
  h07,
  h08,
  h09,
  h10,
  h11,
  h12,
  h13,
  h14,
  h15,
  h16,
  h17,
  h18,
  h19,
  h20,
  h21,
  h22,
  h23,
  h24,
  h25,
  h26,
  h27,
  h28,
  h29,
  h30,
  h31,
  h32,
  h33,
  h34,
  h35,
  h36,
  h37,
  h38,
  h39,
  h40,
  h41,
  h42,
  h43,
  h44,
  h45,
  h46,
  h47,
  h48,
  h49,
  h50,
  h51,
  h52,
  h53,
  h54,
]
