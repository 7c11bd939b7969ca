import type { ConsumerCounter } from '@pinscope/core'

/** Slots of the consumer's counters, and their names in the report. */
export const REGISTRATIONS = 0
export const RELEASES = 1
export const UMEM_PAGES = 2
export const REFUSED_SHAPE = 3
export const REFUSED_MEMLOCK = 4
export const REFUSED_MEMORY = 5
export const REFUSED_PAGES = 6
export const UNDONE = 7
export const DIRTIED = 8
export const FRAMES = 9
export const COPIED_FRAMES = 10
export const LOCKED_PEAK = 11

export const UMEM_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'registrations', summary: 'areas registered (XDP_UMEM_REG)' },
  { name: 'releases', summary: 'areas let go of' },
  { name: 'umemPages', summary: 'pages of the areas registered' },
  { name: 'refusedShape', summary: 'refused with -EINVAL: address, length, chunks or headroom' },
  { name: 'refusedMemlock', summary: 'refused with -ENOBUFS: more than RLIMIT_MEMLOCK' },
  { name: 'refusedMemory', summary: 'refused with -ENOMEM: an allocation, a mapping for the device' },
  { name: 'refusedPages', summary: 'refused because a page could not be pinned; -ENOMEM, unless it is the first' },
  { name: 'undone', summary: 'of those refused, areas of which pages had been pinned' },
  { name: 'dirtiedFolios', summary: 'clean folios made dirty when their pins were dropped' },
  { name: 'frames', summary: 'frames that packets lay in' },
  { name: 'copiedFrames', summary: 'of these, those that the CPU copied' },
  { name: 'lockedPagesPeak', summary: 'most pages accounted to the user at one time' },
]
