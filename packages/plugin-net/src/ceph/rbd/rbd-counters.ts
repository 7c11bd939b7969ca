import type { ConsumerCounter } from '@pinscope/core'
import { MESSENGER_COUNTERS } from '../messenger-counters.ts'

const FIRST = MESSENGER_COUNTERS.length
export const REQUESTS = FIRST
export const OBJECT_REQUESTS = FIRST + 1
export const OWN_BVEC_ARRAYS = FIRST + 2
export const DIRTIED_PAGES = FIRST + 3
export const COPYUPS = FIRST + 4
export const COPYUP_PAGES = FIRST + 5
export const PARENT_READS = FIRST + 6

/** In the order of the numbers above, behind those of the messenger. */
export const RBD_COUNTERS: readonly ConsumerCounter[] = [
  ...MESSENGER_COUNTERS,
  { name: 'requests', summary: 'requests of the block layer, of at most a set of objects' },
  { name: 'objectRequests', summary: 'parts of them, of one object each' },
  {
    name: 'ownBvecArrays',
    summary: 'arrays of bvecs allocated for object requests: stripe units smaller than objects',
  },
  { name: 'dirtiedPages', summary: 'pages of user memory that the layer above made dirty after a read' },
  { name: 'copyups', summary: 'clone=1: objects copied up from the parent, whose data was sent twice' },
  { name: 'copyupPages', summary: 'pages allocated to copy them through' },
  { name: 'parentReads', summary: 'clone=1: object requests that were read from the parent' },
]
