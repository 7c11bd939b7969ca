import type { ConsumerCounter } from '@pinscope/core'

/** Slots of {@link NFS_DIRECT_COUNTERS}. */
export const CHUNKS = 0
export const NFS_PAGES = 1
export const SPLIT_PAGES = 2
export const RPCS = 3
export const RETRIES = 4
export const COMMITS = 5
export const RESCHEDULED = 6
export const DIRTIED_PAGES = 7
export const COMPOUND_CLEAN = 8
export const LOST_ERRORS = 9

/** Counters of `nfs-direct`, by slot. */
export const NFS_DIRECT_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'chunks', summary: 'calls of iov_iter_get_pages_alloc2: of rsize or wsize bytes, or the rest of a segment' },
  { name: 'nfsPages', summary: 'nfs_page, each with a reference of its own' },
  { name: 'splitPages', summary: 'further nfs_page of a page that the end of a request cuts, each with a reference' },
  { name: 'rpcs', summary: 'READ and WRITE requests' },
  { name: 'retries', summary: 'those sent again for what a short answer had left out' },
  { name: 'commits', summary: 'COMMIT requests: until they are answered, unstable writes keep their pages' },
  { name: 'rescheduled', summary: 'nfs_page written again, since the server had lost what was not committed' },
  { name: 'dirtiedPages', summary: 'nfs_page of user memory whose page a read marked dirty' },
  { name: 'compoundClean', summary: 'nfs_page that a read filled and did not mark dirty: pages of a large folio' },
  {
    name: 'lostErrors',
    summary: 'operations that end with 0 bytes in place of an error (quirk nfs-direct-enomem-lost)',
  },
]
