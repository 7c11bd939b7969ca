import type { ConsumerCounter } from '@pinscope/core'

export const BIOS = 0
export const BVECS = 1
export const REQUESTS = 2
export const MERGED_BIOS = 3
export const GAP_SPLITS = 4
export const LIMIT_SPLITS = 5
export const SG_ENTRIES = 6
export const SG_CHUNKS = 7
export const SGES = 8
export const MRS = 9
export const MR_PAGES = 10
export const MR_SHORT = 11
export const REQUEUES = 12
export const MISALIGNED = 13
export const TAG_WAITS = 14
/** Slots from here on are the driver's own. */
export const DRIVER_COUNTERS = 15

/** What the block layer and both drivers count, in the order of the numbers above. */
export const BLOCK_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'bios', summary: 'bios, before they are split' },
  { name: 'bvecs', summary: "bvecs in them; those of a BVEC iterator are the iterator's own" },
  { name: 'requests', summary: 'requests given to the driver' },
  { name: 'mergedBios', summary: 'bios that became part of the request before them' },
  { name: 'gapSplits', summary: 'bios cut because an element inside does not begin or end on the virt boundary' },
  { name: 'limitSplits', summary: 'bios cut because a request may have no more segments or bytes' },
  { name: 'sgEntries', summary: 'elements of the scatterlists of requests' },
  { name: 'sgChunks', summary: 'chunks allocated for them, behind the elements that each request has' },
  { name: 'sges', summary: 'ib_sge of the commands sent, the command itself included' },
  { name: 'mrs', summary: 'memory registrations' },
  { name: 'mrPages', summary: 'elements of their page lists' },
  { name: 'mrShort', summary: 'requests that failed because an MR could not show all of them' },
  { name: 'requeues', summary: 'requests that had no memory or mapping and were issued again' },
  { name: 'misaligned', summary: 'operations refused with -EINVAL for their position, length or memory alignment' },
  { name: 'tagWaits', summary: 'requests that found as many outstanding as the queue has tags' },
]
