import type { ConsumerCounter } from '@pinscope/core'

export const LISTINGS = 0
export const RELOADS = 1
export const FILLED = 2
export const EDITS = 3
export const EDITS_SKIPPED = 4
export const SIZES_ADJUSTED = 5
export const LOST_REFERENCES = 6
export const STRAY_PUTS = 7
export const QUEUED_FOLIOS = 8

/** In the order of the numbers above. */
export const AFS_COUNTERS: readonly ConsumerCounter[] = [
  {
    name: 'listings',
    summary: 'directories read: valid ones under the shared validate_lock, others under the exclusive one',
  },
  { name: 'reloads', summary: 'listings that fetched the directory from the server' },
  {
    name: 'filledFolios',
    summary: 'folios that were not in the page cache when the directory was read before: holes, which were filled',
  },
  { name: 'edits', summary: 'entries added in place, as `write` rows are understood' },
  {
    name: 'skippedEdits',
    summary: 'entries not added, since the directory was not valid: it is fetched when it is read next',
  },
  {
    name: 'adjustedSizes',
    summary: 'rows that name no directory, whose size was brought to whole blocks of at most 2 MiB',
  },
  {
    name: 'lostReferences',
    summary: 'folios that left the page cache meanwhile, so that nobody puts them (quirk afs-dir-put-by-index)',
  },
  {
    name: 'strayPuts',
    summary: 'folios put that were never referenced, since they stand where others were (the same quirk)',
  },
  { name: 'queuedFolios', summary: "folios of directories' own buffers (since 6.14)" },
]
