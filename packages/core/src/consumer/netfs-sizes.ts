import { isSince, type KernelVersion } from '../kernel/version.ts'

/** Objects that netfs allocates for a request, bytes on 64-bit without debugging. @kernel include/linux/netfs.h (since 6.12) */
export interface NetfsSizes {
  /** @kernel include/linux/netfs.h: struct netfs_io_request */
  readonly request: number
  /** @kernel include/linux/netfs.h: struct netfs_io_subrequest */
  readonly subrequest: number
  /** First segment of the rolling buffer, which every write has, and direct ones leave empty. @kernel include/linux/folio_queue.h: struct folio_queue */
  readonly folioQueue: number
}

const SIZES_6_12: NetfsSizes = { request: 600, subrequest: 176, folioQueue: 336 }
const SIZES_7_3: NetfsSizes = { request: 608, subrequest: 144, folioQueue: 328 }

/** Those of a version; 6.1 has no such requests. 6.18: taken as 7.3. @kernel fs/netfs/objects.c: netfs_alloc_request, netfs_alloc_subrequest */
export function netfsSizes(kernel: KernelVersion): NetfsSizes {
  return isSince(kernel, '6.18') ? SIZES_7_3 : SIZES_6_12
}
