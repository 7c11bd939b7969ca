import type { ConsumerCounter } from '@pinscope/core'

/** Largest folio of the page cache: 2 MiB. @kernel include/linux/pagemap.h: MAX_PAGECACHE_ORDER (x86 with huge pages) */
export const MAX_PAGECACHE_ORDER = 9

export const WRITES = 0
export const PAIRS = 1
export const FAILED_BEGINS = 2
export const MAPPINGS = 3
export const FS_CALLS = 4
export const FS_LOCK_TRIPS = 5
export const FOLIO_LOCKS = 6
export const LOCKS_HELD_MAX = 7
export const WRITTEN_BYTES = 8
export const WASTED_BYTES = 9
export const REVERTS = 10
export const READ_BLOCKS = 11
export const RESERVED_BLOCKS = 12
export const ALLOCATED_BLOCKS = 13
export const CONVERTED_BLOCKS = 14
export const PUNCHED_BLOCKS = 15
export const LEAKED_BLOCKS = 16
export const FILLED_LEAKS = 17
export const LEFT_FS_LOCKS = 18
export const STALE_BYTES = 19
export const NO_SPACE = 20
export const SPACE_FLUSHES = 21
/** Folios by order from here on. */
export const FOLIOS = 22

const orders = Array.from({ length: MAX_PAGECACHE_ORDER + 1 }, (_, order) => ({
  name: `foliosOrder${order}`,
  summary: `folios of ${2 ** order * 4} KiB that were made in the page cache`,
}))

/** In the order of the numbers above; the same for all four, so that they can be compared line by line. */
export const WRITE_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'writes', summary: 'buffered writes' },
  { name: 'beginEndPairs', summary: 'folios prepared and finished: pairs of write_begin and write_end' },
  { name: 'failedBegins', summary: 'folios that could not be prepared: no space, no memory' },
  { name: 'mappings', summary: 'parts of the file that were mapped or reserved at once: blocks, segments or extents' },
  { name: 'fsCalls', summary: 'calls of the file system that map, reserve, allocate or give back' },
  { name: 'fsLockTrips', summary: 'times that the lock of the mapping was taken and let go' },
  { name: 'folioLocks', summary: 'locks of pages or folios that were taken' },
  { name: 'locksHeldMax', summary: 'most of them at once' },
  { name: 'writtenBytes', summary: 'bytes copied into the page cache that stayed' },
  { name: 'wastedCopyBytes', summary: 'bytes copied and not taken: a short copy into a folio that is not uptodate' },
  { name: 'iterReverts', summary: 'times that the iterator went back over such bytes' },
  { name: 'readBlocks', summary: 'blocks read since a write covers only a part of them' },
  { name: 'reservedBlocks', summary: 'blocks reserved (delayed allocation)' },
  { name: 'allocatedBlocks', summary: 'blocks allocated' },
  {
    name: 'convertedBlocks',
    summary: 'preallocated blocks that were written: nothing is reserved or allocated for them',
  },
  { name: 'punchedBlocks', summary: 'blocks given back, since nothing was written to them' },
  { name: 'leakedBlocks', summary: 'blocks that stay reserved or allocated with nothing written to them' },
  { name: 'filledLeaks', summary: 'blocks that a write left so, and that a later one wrote to: leaked no more' },
  { name: 'leftFsLocks', summary: 'locks of the file system that nothing lets go of' },
  {
    name: 'staleBytes',
    summary:
      'bytes inside the file that are neither written nor zeroed, and that a reader gets: old memory or old blocks',
  },
  { name: 'noSpace', summary: 'times that the file system had no space' },
  { name: 'spaceFlushes', summary: 'times that everything dirty was written back to get some' },
  ...orders,
]
