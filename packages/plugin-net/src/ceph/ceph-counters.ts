import type { ConsumerCounter } from '@pinscope/core'
import { MESSENGER_COUNTERS } from './messenger-counters.ts'

const FIRST = MESSENGER_COUNTERS.length
export const OSD_REQUESTS = FIRST
export const AIO_OPERATIONS = FIRST + 1
export const SHORT_CHUNKS = FIRST + 2
export const EMPTY_BVECS = FIRST + 3
export const DIRTIED_PAGES = FIRST + 4
export const LOOKED_UP_PAGES = FIRST + 5

/** In the order of the numbers above, behind those of the messenger. */
export const CEPH_COUNTERS: readonly ConsumerCounter[] = [
  ...MESSENGER_COUNTERS,
  { name: 'osdRequests', summary: 'requests to object servers: a chunk each' },
  { name: 'aioOperations', summary: 'operations that left all their chunks in flight (aio=1)' },
  { name: 'shortChunks', summary: 'chunks that ended early because a page could not be had' },
  { name: 'emptyBvecs', summary: 'elements allocated for such chunks and left empty' },
  { name: 'dirtiedPages', summary: 'pages of user memory made dirty after a read, however short it was' },
  {
    name: 'lookedUpPages',
    summary: 'path=buffered, since 6.12: pages that a message took a reference on and put at once, to find them',
  },
]
