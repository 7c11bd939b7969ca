import type { ConsumerCounter } from '@pinscope/core'

export const ZC_REQUESTS = 0
export const COPIED_REQUESTS = 1
export const SHORT_TAKES = 2
export const POOL_WAITS = 3
export const RING_WAITS = 4
export const ERROR_REPLIES = 5
export const ERROR_TEXT_BYTES = 6
export const KILLED = 7
export const PUT_IN_FLIGHT = 8
export const POOL_PAGES_LOST = 9
export const NETFS_REQUESTS = 10
export const NETFS_SUBREQUESTS = 11
export const BVECS = 12
export const DIRTIED_PAGES = 13

/** In the order of the numbers above. */
export const P9_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'zeroCopyRequests', summary: 'requests whose data is in the pages of the iterator' },
  { name: 'copiedRequests', summary: 'requests of at most 1024 bytes, copied through the message' },
  { name: 'shortTakes', summary: 'requests whose count was rewritten: one call gave fewer pages than asked for' },
  { name: 'poolWaits', summary: 'requests that found as many pages pinned as all 9p mounts may have' },
  { name: 'ringWaits', summary: 'requests that found the ring full' },
  { name: 'errorReplies', summary: 'requests that the server answered with an error' },
  { name: 'errorTextBytes', summary: 'bytes of such answers that landed in the data pages and were copied back' },
  { name: 'killedInFlight', summary: 'requests killed while the device had them' },
  {
    name: 'pagesPutInFlight',
    summary: 'pages put then, though the device may still write to them (quirk p9-put-in-flight)',
  },
  {
    name: 'poolPagesLost',
    summary: 'pages counted as pinned for ever, because nothing was to unpin (quirk p9-extract-pool-leak)',
  },
  { name: 'netfsRequests', summary: 'operations that went through netfs (since 6.8)' },
  { name: 'netfsSubrequests', summary: 'subrequests that netfs made of them' },
  { name: 'bvecs', summary: 'bvecs that netfs extracted user memory into' },
  { name: 'dirtiedPages', summary: 'pages of them that netfs made dirty after a read, however short it was' },
]
