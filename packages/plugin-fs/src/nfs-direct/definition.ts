import {
  CONSUMER_API_VERSION,
  type ConsumerOption,
  defineConsumer,
  flagOption,
  ITER_TYPE_NAMES,
  numberOption,
  PAGE_SIZE,
} from '@pinscope/core'
import { NFS_DIRECT_COUNTERS } from './counters.ts'
import { NfsDirect } from './nfs-direct.ts'
import {
  NFS_MAX_FILE_IO_SIZE,
  NFS_MIN_FILE_IO_SIZE,
  NFS_PAGEVEC_SIZE,
  PAGE_ARRAY_BYTES_MAX,
  PAGE_POINTER_BYTES,
} from './sizes.ts'

const INT_MAX = 0x7fffffff
const PAGELIST_C = 'fs/nfs/pagelist.c'

const size = (name: string, summary: string): ConsumerOption => ({
  ...numberOption(name, summary, 'bytes', NFS_MAX_FILE_IO_SIZE, NFS_MIN_FILE_IO_SIZE, NFS_MAX_FILE_IO_SIZE),
  header: name,
})

/** Direct I/O of the NFS client: see {@link NfsDirect}. */
export const nfsDirect = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'nfs-direct',
  summary: 'NFS direct I/O: a reference a page, from chunks of rsize or wsize, until the server has answered',
  kernel: 'fs/nfs/direct.c: nfs_direct_read_schedule_iovec',
  accepts: ITER_TYPE_NAMES.filter((name) => name !== 'mixed'),
  // Pages of a chunk that begins inside a page.
  entriesMax: NFS_MAX_FILE_IO_SIZE / PAGE_SIZE + 1,
  dirtiesDest: true,
  avoided:
    'copyBytes: the payload, which a bounce buffer would have copied. entries and allocations: none, since chunks and ' +
    'requests have their page arrays.',
  options: [
    size('rsize', 'longest READ, and chunk of a read (rsize=)'),
    size('wsize', 'longest WRITE, and chunk of a write (wsize=)'),
    numberOption(
      'answer-bytes',
      'that the server moves at most in one answer, before the end of the file: the rest is asked for again; 0: all',
      'bytes',
      0,
      0,
      INT_MAX,
    ),
    flagOption('unstable', 'WRITEs that may be are answered before the data is on stable storage', 1),
    flagOption('restarts', 'the server restarts before each COMMIT, and everything is written again'),
  ],
  limits: [
    {
      name: 'NFS_MAX_FILE_IO_SIZE',
      max: NFS_MAX_FILE_IO_SIZE,
      unit: 'bytes',
      summary: 'of a READ or WRITE, unless rsize or wsize is less',
      kernel: 'include/linux/nfs_xdr.h',
    },
    {
      name: 'nfs_generic_pg_test',
      max: PAGE_ARRAY_BYTES_MAX / PAGE_POINTER_BYTES,
      unit: 'pages',
      summary: 'of a READ or WRITE: its page array is a page at most',
      kernel: PAGELIST_C,
    },
    {
      name: 'NFS_PAGEVEC_SIZE',
      max: NFS_PAGEVEC_SIZE,
      unit: 'pages',
      summary: 'of a READ or WRITE without a page array of its own',
      kernel: 'include/linux/nfs_xdr.h',
    },
  ],
  counters: NFS_DIRECT_COUNTERS,
  kernelPolicy: () => 'get-pages',
  create: (environment) => new NfsDirect(environment),
})
