import type { ConsumerCounter } from '@pinscope/core'

export const REGISTRATIONS = 0
export const DEREGISTRATIONS = 1
export const TRANSIENT = 2
export const BATCHES = 3
export const SG_ENTRIES = 4
export const DEVICE_ENTRIES = 5
export const UNPIN_CALLS = 6
export const DIRTIED = 7
export const MEMLOCK_PEAK = 8
export const UNDONE = 9
export const REFUSED_MEMLOCK = 10
export const REFUSED_FILE = 11
export const REFUSED_DAX = 12
export const REFUSED_PAGES = 13
export const REFUSED_MEMORY = 14
export const REFUSED_MAP = 15
export const REFUSED_PAGE_SIZE = 16
export const WORK_REQUESTS = 17
export const SGES = 18
export const PROTECTION_ERRORS = 19

/** In the order of the numbers above. */
export const UMEM_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'registrations', summary: 'ranges of memory registered: ib_umem_get that succeeded' },
  { name: 'deregistrations', summary: 'of them, those let go: ib_umem_release' },
  { name: 'transientRegistrations', summary: 'of them, those made for one operation alone' },
  { name: 'batches', summary: 'calls of pin_user_pages_fast that pinned something, of 512 pages at most' },
  { name: 'sgEntries', summary: 'entries of their scatterlists, contiguous pages merged' },
  { name: 'deviceEntries', summary: 'pages that the device lists for them, in the best page size that it has' },
  { name: 'unpinCalls', summary: 'calls of unpin_user_page_range_dirty_lock: one for each entry' },
  { name: 'dirtiedFolios', summary: 'clean folios made dirty by them' },
  { name: 'memlockPagesPeak', summary: 'most pages accounted to one address space at a time (pinned_vm)' },
  { name: 'undone', summary: 'registrations undone because something failed after the first page was pinned' },
  { name: 'refusedMemlock', summary: 'registrations refused with -ENOMEM: more pages than RLIMIT_MEMLOCK lets pin' },
  {
    name: 'refusedFile',
    summary: 'registrations refused with -EFAULT at a page of a file: writes to it must be tracked (since 6.5)',
  },
  { name: 'refusedDax', summary: 'registrations refused with -EOPNOTSUPP: a file on a DAX device' },
  { name: 'refusedPages', summary: 'registrations refused because a page cannot be had, for another reason' },
  { name: 'refusedMemory', summary: 'registrations refused with -ENOMEM: an allocation failed' },
  { name: 'refusedMap', summary: 'registrations refused with -EIO: not mapped for the device' },
  { name: 'refusedPageSize', summary: 'registrations refused with -EINVAL: no page size of the device fits' },
  { name: 'workRequests', summary: 'work requests posted, of as many elements as the device takes' },
  { name: 'sges', summary: 'their elements (ib_sge): one for each range of memory' },
  { name: 'protectionErrors', summary: 'reads into memory that is registered for reading only (IB_WC_LOC_PROT_ERR)' },
]
