import type { ConsumerCounter } from '@pinscope/core'

export const DESCRIPTORS = 0
export const LOOKUPS = 1
export const COPY_CALLS = 2
export const FULL_STRIDES = 3
export const RING_ACCESSES = 4

/** In the order of the numbers above. */
export const VRING_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'descriptors', summary: 'descriptors of data' },
  { name: 'lookups', summary: 'maps that were looked up in the iotlb for data: an element of the iterator each' },
  { name: 'copyCalls', summary: 'iterators made, and copied from or to' },
  { name: 'fullStrides', summary: 'of them, those that ended because 16 maps had been looked up' },
  {
    name: 'ringAccesses',
    summary: 'reads and writes of the ring itself: 16-bit words go past iterators, through a mapping of the page',
  },
]
