import { CONSUMER_API_VERSION, defineConsumer, numberOption, wordOption } from '@pinscope/core'
import { DEVICE_OPTION, MAX_SEGMENT_OPTION, MAX_SEND_SGE_OPTION, PAGE_SIZE_BITMAP_OPTION } from '../device/device.ts'
import { ACCESS_WORDS, IbUmem } from './ib-umem.ts'
import { UMEM_COUNTERS } from './umem-counters.ts'
import { BATCH_PAGES, UMEM_PAGES_MAX } from './umem-sizes.ts'

const UMEM_C = 'drivers/infiniband/core/umem.c'

/** ib-umem. */
export const ibUmem = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'ib-umem',
  summary: 'user memory registered with an RDMA device: pinned for as long as it is registered',
  kernel: `${UMEM_C}: ib_umem_get, ib_umem_release`,
  // bvec: operations with the flag `fixed`, whose memory lies in a registration. Frames have no address: -EINVAL.
  accepts: ['ubuf', 'iovec', 'bvec'],
  entriesMax: UMEM_PAGES_MAX,
  dirtiesDest: false,
  avoided:
    'copyBytes: payload that the device reaches where it is, which a program that keeps one registered buffer would copy ' +
    'through it. entries and allocations: none, since every list is made for each registration.',
  options: [
    DEVICE_OPTION,
    MAX_SEND_SGE_OPTION,
    MAX_SEGMENT_OPTION,
    PAGE_SIZE_BITMAP_OPTION,
    wordOption(
      'access',
      'what memory is registered for; direction: writable for reads, and registered rows',
      ACCESS_WORDS,
    ),
    numberOption('memlock', 'RLIMIT_MEMLOCK; 0: none (CAP_IPC_LOCK)', 'bytes', 0, 0, Number.MAX_SAFE_INTEGER),
  ],
  limits: [
    {
      name: 'PAGE_SIZE / sizeof(struct page *)',
      max: BATCH_PAGES,
      unit: 'pages',
      summary: 'of one call of pin_user_pages_fast',
      kernel: UMEM_C,
    },
  ],
  counters: UMEM_COUNTERS,
  kernelPolicy: () => 'extract',
  create: (environment) => new IbUmem(environment),
})
