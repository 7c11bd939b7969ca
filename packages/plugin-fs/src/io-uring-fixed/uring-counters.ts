import type { ConsumerCounter } from '@pinscope/core'

export const REGISTRATIONS = 0
export const UNREGISTRATIONS = 1
export const DEFERRED = 2
export const EMPTY_SLOTS = 3
export const BVECS = 4
export const COALESCED = 5
export const PINS_DROPPED = 6
export const MEMLOCK_PEAK = 7
export const HEADS_SPARED = 8
export const REFUSED_RANGE = 9
export const REFUSED_FILE = 10
export const REFUSED_PAGES = 11
export const REFUSED_MEMORY = 12
export const REFUSED_MEMLOCK = 13
export const PINS_LEAKED = 14
export const FIXED_REQUESTS = 15
export const FIXED_BVECS = 16
export const ITER_SEGMENTS = 17
export const PLAIN_REQUESTS = 18

/** In the order of the numbers above. */
export const URING_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'registrations', summary: 'buffers registered: slots of a table with memory in them' },
  { name: 'unregistrations', summary: 'of them, those that were dropped' },
  {
    name: 'deferredUnregisters',
    summary: 'tables dropped while requests were using them, and gone with the last of these',
  },
  { name: 'emptySlots', summary: 'slots registered without memory (no address, no length)' },
  { name: 'bvecs', summary: 'bvecs in the tables of the buffers: one a page, or since 6.12 one a folio' },
  { name: 'coalescedBuffers', summary: 'buffers that lie in large folios of one size, with a bvec a folio' },
  { name: 'pinsDropped', summary: 'pins dropped at once for it: all but one of each folio' },
  { name: 'memlockPagesPeak', summary: 'most pages accounted at a time' },
  { name: 'headsSpared', summary: 'large folios not accounted, because a buffer had them already' },
  {
    name: 'refusedRange',
    summary: 'tables refused for an address without length, a length without address, or a buffer too long',
  },
  { name: 'refusedFile', summary: 'tables refused by 6.1 for memory of a file, or of several' },
  { name: 'refusedPages', summary: 'tables refused because a page cannot be pinned' },
  { name: 'refusedMemory', summary: 'tables refused for an allocation that failed' },
  { name: 'refusedMemlock', summary: 'tables refused with -ENOMEM: more pages than RLIMIT_MEMLOCK lets pin' },
  { name: 'pinsLeaked', summary: 'pins lost with a bvec table that could not be allocated (quirk uring-imu-leak)' },
  { name: 'fixedRequests', summary: 'requests over registered buffers: nothing taken' },
  { name: 'fixedBvecs', summary: 'bvecs of the tables that they name' },
  { name: 'iterSegments', summary: 'bvecs that their iterators have: up to 6.12 all to the end of the table' },
  { name: 'plainRequests', summary: 'requests over memory of the process: direct I/O takes its pages' },
]
