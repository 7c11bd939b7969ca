import type { ConsumerCounter } from '@pinscope/core'

/** Slots of {@link NETFS_DIO_COUNTERS}. */
export const REQUESTS = 0
export const ASYNC_REQUESTS = 1
export const SUBREQUESTS = 2
export const LIMITED = 3
export const RETRIES = 4
export const ABANDONED = 5
export const OVER_WSIZE = 6
export const BVECS = 7
export const SHORT_EXTRACTIONS = 8
export const SHALLOW_COPIES = 9
export const DIRTIED_PAGES = 10
export const DIRTIED_UNREAD = 11
export const PUT_TWICE = 12
export const ROLLING_FOLIOS = 13
export const READAHEAD_REFS = 14
export const REFUSED = 15

/** Counters of `netfs-dio`, by slot. */
export const NETFS_DIO_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'requests', summary: 'netfs requests: direct reads and writes' },
  { name: 'asyncRequests', summary: 'those that ended after -EIOCBQUEUED, when the iterator of the caller was gone' },
  { name: 'subrequests', summary: 'subrequests: what goes to the server in one piece' },
  {
    name: 'limitedSubrequests',
    summary: 'those cut shorter than their size: by max-segs, or by the start of an xarray inside a folio',
  },
  { name: 'retries', summary: 'subrequests issued again for what a short answer had left out' },
  { name: 'abandoned', summary: 'subrequests that a retry gave up with -ENOMEM (quirk netfs-read-retry-abandons)' },
  { name: 'overWsize', summary: 'writes issued again that are longer than wsize' },
  { name: 'bvecs', summary: 'bvecs that user memory was extracted into' },
  { name: 'shortExtractions', summary: 'requests that end where user memory could not be had' },
  { name: 'shallowCopies', summary: 'iterators over kernel memory used as they were: nothing taken' },
  { name: 'dirtiedPages', summary: 'bvecs whose page a read marked dirty' },
  { name: 'dirtiedUnread', summary: 'those of them that the read put nothing into' },
  { name: 'putTwice', summary: 'requests put twice (quirk netfs-read-unsubmitted)' },
  {
    name: 'rollingFolios',
    summary: 'folios of the page cache, locked or under writeback, in rolling buffers (option page-cache)',
  },
  { name: 'readaheadRefs', summary: 'those with a reference of readahead, dropped when they were loaded' },
  { name: 'refused', summary: 'operations refused: under 6.1 netfs has no direct I/O' },
]
