import type { ConsumerCounter } from '@pinscope/core'

export const REQUESTS = 0
export const POINTER_REQUESTS = 1
export const ASYNC_REQUESTS = 2
export const BACKGROUND_FULL = 3
export const FAILED_REQUESTS = 4
export const DIRTIED_PAGES = 5
export const SERVER_PAGES = 6
export const SERVER_DIRTIED = 7

/** In the order of the numbers above. */
export const FUSE_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'requests', summary: 'READ and WRITE requests, those of asynchronous operations included' },
  { name: 'pointerRequests', summary: 'requests whose data is one pointer to kernel memory, without a page' },
  { name: 'asyncRequests', summary: 'requests that nobody waited for before the next one was sent' },
  {
    name: 'backgroundFull',
    summary: 'asynchronous requests that had to wait for others to be answered (max_background)',
  },
  { name: 'failedRequests', summary: 'requests that could not be queued: their pages were let go at once' },
  { name: 'dirtiedPages', summary: 'pages made dirty when a read let go of them, whatever part of them was read' },
  {
    name: 'serverPages',
    summary:
      "pages of the server's memory that /dev/fuse references, one after the other; on the client's side, those of a " +
      'server that has each message in one buffer from a page on',
  },
  {
    name: 'serverDirtied',
    summary: "those of them that /dev/fuse made dirty: the server's read(2) of a request (side=server)",
  },
]
