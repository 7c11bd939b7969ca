import { CONSUMER_API_VERSION, defineConsumer, numberOption } from '@pinscope/core'
import { IoUringFixed } from './io-uring-fixed.ts'
import { URING_COUNTERS } from './uring-counters.ts'
import { REG_BUFFERS_MAX } from './uring-sizes.ts'

const RSRC_C = 'io_uring/rsrc.c'

/** io-uring-fixed. */
export const ioUringFixed = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'io-uring-fixed',
  summary: 'buffers registered with io_uring: pinned once, then bvec slices of their table for each request',
  kernel: `${RSRC_C}: io_sqe_buffer_register, io_import_fixed, io_buffer_unmap; io_uring/memmap.c: io_pin_pages`,
  // bvec: requests with the flag `fixed`. Frames cannot arrive from a process: -EINVAL.
  accepts: ['ubuf', 'iovec', 'bvec'],
  entriesMax: 2 ** 18,
  dirtiesDest: false,
  avoided:
    'copyBytes: payload reached where it is. entries: bvecs, one a page, that direct I/O would fill from memory which is ' +
    'not registered; here the table has them. allocations: none.',
  options: [numberOption('memlock', 'RLIMIT_MEMLOCK; 0: none (CAP_IPC_LOCK)', 'bytes', 0, 0, Number.MAX_SAFE_INTEGER)],
  limits: [
    {
      name: 'IORING_MAX_REG_BUFFERS',
      max: REG_BUFFERS_MAX,
      unit: 'buffers',
      summary: 'in one table',
      kernel: RSRC_C,
    },
    {
      name: 'SZ_1G',
      max: 2 ** 30,
      unit: 'bytes',
      summary: 'of one buffer (7.3: 1 TiB)',
      kernel: `${RSRC_C}: io_buffer_validate`,
    },
  ],
  counters: URING_COUNTERS,
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new IoUringFixed(environment),
})
