import { CONSUMER_API_VERSION, defineConsumer, flagOption, numberOption } from '@pinscope/core'
import { DEVICE_OPTION, MAX_FAST_REG_OPTION, MAX_SEND_SGE_OPTION } from '../device/device.ts'
import { RW_COUNTERS } from './counters.ts'
import { RdmaRw } from './rdma-rw.ts'
import { RW_MR_PAGES_MAX, TARGET_QUEUE_SIZE } from './sizes.ts'

const RW_C = 'drivers/infiniband/core/rw.c'
const INT_MAX = 0x7fffffff
/** Entries of a list over MAX_RW_COUNT bytes of whole pages, and one more. */
const ENTRIES_MAX = 524288

/** RDMA READ and WRITE contexts of storage and NFS targets. */
export const rdmaRw = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'rdma-rw',
  summary: "a target's RDMA READ (read rows) and WRITE (write rows) contexts over a scatterlist, or over bvecs",
  kernel: `${RW_C}: rdma_rw_ctx_init, rdma_rw_ctx_init_bvec`,
  accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'folioq', 'xarray'],
  entriesMax: ENTRIES_MAX,
  avoided:
    'copyBytes: payload that the device reaches in place, which a target would copy through a buffer of its own. entries ' +
    'and allocations: none; with bvecs the scatterlist is simply not built.',
  options: [
    DEVICE_OPTION,
    MAX_SEND_SGE_OPTION,
    MAX_FAST_REG_OPTION,
    numberOption(
      'max-sgl-rd',
      'entries of a read beyond which memory is registered; 0: as the device has it',
      'entries',
      0,
      0,
      INT_MAX,
    ),
    numberOption('offset', 'bytes at the start of the list that are skipped', 'bytes', 0, 0, INT_MAX),
    flagOption('force-mr', 'everything is registered (the module parameter force_mr)'),
    numberOption(
      'queue-size',
      'requests of the queue: each has MRs in the pool for 1 MiB',
      'requests',
      TARGET_QUEUE_SIZE,
      1,
      65536,
    ),
    flagOption(
      'bvec',
      'the caller hands bvecs down (rdma_rw_ctx_init_bvec): mainline only, where NFS does and NVMe, iSER and SRP do not',
    ),
    flagOption('iova', 'there is an IOMMU that gives ranges of device addresses: bvecs become one ib_sge'),
  ],
  limits: [
    { name: 'pages per MR', max: RW_MR_PAGES_MAX, unit: 'pages', summary: 'registered by one MR', kernel: RW_C },
    {
      name: 'max_rdma_ctxs',
      max: TARGET_QUEUE_SIZE,
      unit: 'MRs',
      summary: 'in the pool, unless -O rdma-rw.queue-size tells',
      kernel: RW_C,
    },
  ],
  counters: RW_COUNTERS,
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new RdmaRw(environment),
})
