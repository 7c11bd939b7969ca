import { isSince, type KernelVersion } from '@pinscope/core'

/** Objects that are allocated for a request, bytes on 64-bit without debugging. */
export interface ObjectSizes {
  /** @kernel include/linux/netfs.h: struct netfs_io_request */
  readonly request: number
  /** @kernel include/linux/netfs.h: struct netfs_io_subrequest */
  readonly subrequest: number
  /** First segment of the rolling buffer, which every write has, and direct ones leave empty. @kernel include/linux/folio_queue.h: struct folio_queue */
  readonly folioQueue: number
}

const SIZES_6_12: ObjectSizes = { request: 600, subrequest: 176, folioQueue: 336 }
const SIZES_7_3: ObjectSizes = { request: 608, subrequest: 144, folioQueue: 328 }

/** 6.18: taken as 7.3. */
export function objectSizes(kernel: KernelVersion): ObjectSizes {
  return isSince(kernel, '6.18') ? SIZES_7_3 : SIZES_6_12
}
