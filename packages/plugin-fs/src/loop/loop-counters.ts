import type { ConsumerCounter } from '@pinscope/core'

export const BIOS = 0
export const REQUESTS = 1
export const SINGLE_BIO_REQUESTS = 2
export const COPIED_ARRAYS = 3
export const BVECS = 4
export const LOWER_CALLS = 5
export const DIRTIED_PAGES = 6

/** In the order of the numbers above. */
export const LOOP_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'bios', summary: 'bios of the layer above, as they are after the queue limits split them' },
  { name: 'requests', summary: 'requests that the driver got' },
  { name: 'singleBioRequests', summary: 'requests of one bio, whose own array of bvecs the iterator is over' },
  { name: 'copiedArrays', summary: 'requests of several bios, whose bvecs were copied into an array' },
  { name: 'bvecs', summary: 'bvecs of the iterators that the file below was called with' },
  { name: 'lowerCalls', summary: 'calls of the file below: one a request; buffered on 6.1, one a page' },
  { name: 'dirtiedPages', summary: 'pages of user memory that the layer above made dirty after a read' },
]
