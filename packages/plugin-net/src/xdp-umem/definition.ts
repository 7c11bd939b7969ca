import { CONSUMER_API_VERSION, defineConsumer, flagOption, numberOption, PAGE_SIZE, wordOption } from '@pinscope/core'
import { UMEM_COUNTERS } from './umem-counters.ts'
import { MODE_WORDS, XdpUmem } from './xdp-umem.ts'

/** Pages of 4 GiB. */
const UMEM_PAGES_MAX = 2 ** 20

/** xdp-umem. */
export const xdpUmem = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'xdp-umem',
  summary: 'AF_XDP: an area of user memory for packets, pinned for as long as its sockets are open',
  kernel: 'net/xdp/xdp_umem.c: xdp_umem_create, xdp_umem_release',
  // bvec: operations with the flag `fixed`, whose frames lie in an area. Any other has no address: -EINVAL.
  accepts: ['ubuf', 'iovec', 'bvec'],
  entriesMax: UMEM_PAGES_MAX,
  dirtiesDest: false,
  avoided:
    'copyBytes: packets that the device sends out of the area or puts into it, which copy mode copies into or out of skbs. ' +
    'entries and allocations: none, since nothing is made for a packet.',
  options: [
    {
      ...wordOption('mode', 'who works on the frames: the device, or the CPU with copies', MODE_WORDS),
      header: 'xdp-mode',
    },
    numberOption('chunk-size', 'chunk_size of XDP_UMEM_REG', 'bytes', PAGE_SIZE, 1, PAGE_SIZE * 16),
    numberOption('headroom', 'headroom of XDP_UMEM_REG', 'bytes', 0, 0, PAGE_SIZE),
    flagOption('unaligned', 'XDP_UMEM_UNALIGNED_CHUNK_FLAG'),
    numberOption('tx-metadata', 'tx_metadata_len of XDP_UMEM_REG; 0: none', 'bytes', 0, 0, PAGE_SIZE),
    numberOption('memlock', 'RLIMIT_MEMLOCK; 0: none (CAP_IPC_LOCK)', 'bytes', 0, 0, Number.MAX_SAFE_INTEGER),
  ],
  limits: [
    {
      name: 'chunk_size',
      max: PAGE_SIZE,
      unit: 'bytes',
      summary: 'of a chunk, at least 2048 and at most a page',
      kernel: 'net/xdp/xdp_umem.c: xdp_umem_reg; include/net/xdp_sock_drv.h: XDP_UMEM_MIN_CHUNK_SIZE',
    },
  ],
  counters: UMEM_COUNTERS,
  kernelPolicy: () => 'extract',
  create: (environment) => new XdpUmem(environment),
})
