import type { ConsumerCounter } from '@pinscope/core'

export const CALLS = 0
export const DIRTIED_PAGES = 1
export const REMOTE_ENDS = 2
export const LOCAL_FAULTS = 3

/** In the order of the numbers above. */
export const PROC_MEM_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'remoteCalls', summary: 'calls of get_user_pages_remote, one for each page of each piece of 4096 bytes' },
  { name: 'dirtiedPages', summary: 'pages of the other process made dirty (set_page_dirty_lock) as they were written' },
  { name: 'remoteEnds', summary: 'operations that met memory of the other process that cannot be had' },
  {
    name: 'localFaults',
    summary: 'operations that the trace says ended in memory of the caller: -EFAULT, whatever was copied',
  },
]
