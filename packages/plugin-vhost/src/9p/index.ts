import { CONSUMER_API_VERSION, defineConsumer, flagOption, KERNEL_ITER_TYPE_NAMES, numberOption } from '@pinscope/core'
import { P9Consumer } from './p9-consumer.ts'
import { P9_COUNTERS } from './p9-counters.ts'
import { COPIED_BYTES_MAX, MSIZE_MAX, P9_NOTAG, POOL_PAGES_DEFAULT, R_HEADER_BYTES, VIRTQUEUE_NUM } from './p9-sizes.ts'

export { COPIED_BYTES_MAX, MSIZE_MAX, P9_IOHDRSZ, P9_ZC_HDR_SZ, VIRTQUEUE_NUM } from './p9-sizes.ts'

const TRANS_VIRTIO_C = 'net/9p/trans_virtio.c'
const CLIENT_C = 'net/9p/client.c'
const INT_MAX = 0x7fffffff

/** 9p over virtio. */
export const p9 = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: '9p',
  summary: '9p over virtio: requests with the iterator in their pages, through netfs since 6.8',
  kernel: `${TRANS_VIRTIO_C}: p9_virtio_zc_request`,
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: VIRTQUEUE_NUM,
  dirtiesDest: false,
  avoided:
    'copyBytes: payload that the device reaches in place, which would be copied through the message. entries and ' +
    'allocations: none, since each request has a page array, and the table of the ring is always filled from it.',
  options: [
    numberOption(
      'msize',
      'size of a message (msize=); 0 is the default: 131072, since 6.12 131096',
      'bytes',
      0,
      0,
      MSIZE_MAX,
    ),
    numberOption(
      'pool-pages',
      'that all mounts may have pinned (p9_max_pages); as told for 4 GiB of memory',
      'pages',
      POOL_PAGES_DEFAULT,
      1,
      INT_MAX,
    ),
    flagOption('indirect', 'requests have tables of their own (VIRTIO_RING_F_INDIRECT_DESC)', 1),
    numberOption(
      'rerror-bytes',
      'of an error answer: 11 is the RLERROR of 9P2000.L, older protocols send a text',
      'bytes',
      R_HEADER_BYTES,
      R_HEADER_BYTES,
      MSIZE_MAX,
    ),
  ],
  limits: [
    {
      name: 'VIRTQUEUE_NUM',
      max: VIRTQUEUE_NUM,
      unit: 'entries',
      summary: 'of all requests in the ring',
      kernel: TRANS_VIRTIO_C,
    },
    { name: 'maxsize', max: MSIZE_MAX, unit: 'bytes', summary: 'of a message', kernel: TRANS_VIRTIO_C },
    {
      name: 'p9_max_pages',
      max: POOL_PAGES_DEFAULT,
      unit: 'pages',
      summary: 'pinned by all requests, unless -O 9p.pool-pages tells',
      kernel: TRANS_VIRTIO_C,
    },
    {
      name: 'zero-copy threshold',
      max: COPIED_BYTES_MAX,
      unit: 'bytes',
      summary: 'of a request that is copied',
      kernel: CLIENT_C,
    },
    { name: 'P9_NOTAG', max: P9_NOTAG, unit: 'requests', summary: 'outstanding; -ENOMEM beyond', kernel: CLIENT_C },
  ],
  counters: P9_COUNTERS,
  // What the transport does. That netfs pins user memory before, since 6.8, is no choice of the policy's.
  kernelPolicy: () => 'get-pages',
  create: (environment) => new P9Consumer(environment),
})
