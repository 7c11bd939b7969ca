import type { ConsumerCounter } from '@pinscope/core'

export const BATCHES = 0
export const DIRTIED = 1
export const ARRAYS = 2
export const REMOTE_FAULTS = 3
export const LOCAL_FAULTS = 4

/** In the order of the numbers above. */
export const PROCESS_VM_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'batches', summary: 'calls of pin_user_pages_remote that pinned something, each with its release' },
  {
    name: 'dirtiedFolios',
    summary: 'folios of the other process that were clean, and that process_vm_writev made dirty',
  },
  { name: 'pageArrays', summary: 'page arrays that were allocated; up to 16 pointers are on the stack' },
  { name: 'remoteFaults', summary: 'operations that met memory of the other process that cannot be had' },
  { name: 'localFaults', summary: 'operations that the trace says ended in memory of the caller' },
]
