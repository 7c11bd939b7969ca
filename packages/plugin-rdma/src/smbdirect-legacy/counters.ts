import type { ConsumerCounter } from '@pinscope/core'
import { CIFS_COUNTERS } from '../cifs/counters.ts'
import { MR_COUNTERS } from '../mr/memory-regions.ts'

/** Slots of {@link LEGACY_COUNTERS}, behind the common ones. */
export const BEYOND_PAGE = CIFS_COUNTERS.length
export const EMPTY_PACKETS = CIFS_COUNTERS.length + 1
export const LOST_REQUESTS = CIFS_COUNTERS.length + 2
export const LOST_BATCHES = CIFS_COUNTERS.length + 3
/** Of the first of {@link MR_COUNTERS}. */
export const LEGACY_MR_COUNTERS = CIFS_COUNTERS.length + 4

/** Names of the counters in the report, by slot. */
export const LEGACY_COUNTERS: readonly ConsumerCounter[] = [
  ...CIFS_COUNTERS,
  { name: 'beyondPage', summary: 'entries of packets that reach beyond the page that they name' },
  { name: 'emptyPackets', summary: 'packets of a page that have no payload' },
  { name: 'lostRequests', summary: 'reads whose pages were got and never put, for want of a request' },
  { name: 'lostBatches', summary: 'batches of pages that a context had no room for and never put' },
  ...MR_COUNTERS,
]
