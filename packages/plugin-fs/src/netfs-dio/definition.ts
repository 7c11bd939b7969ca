import {
  CONSUMER_API_VERSION,
  type ConsumerOption,
  defineConsumer,
  flagOption,
  ITER_TYPE_NAMES,
  numberOption,
} from '@pinscope/core'
import { NETFS_DIO_COUNTERS } from './counters.ts'
import { NetfsDio } from './netfs-dio.ts'

const INT_MAX = 0x7fffffff
const OBJECTS_C = 'fs/netfs/objects.c'

/** Types that netfs can work on: netfs_limit_iter() has a BUG for any other. */
const ACCEPTED = ITER_TYPE_NAMES.filter((name) => !['discard', 'pipe', 'mixed'].includes(name))

const size = (name: string, summary: string): ConsumerOption => ({
  ...numberOption(name, summary, 'bytes', 0, 0, INT_MAX),
  header: name,
})

/** Direct I/O of the netfs library: see {@link NetfsDio}. */
export const netfsDio = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'netfs-dio',
  summary: 'direct I/O of the netfs library (afs, cifs, 9p): user memory pinned into bvecs that outlive the iterator',
  kernel: 'fs/netfs/iterator.c: netfs_extract_user_iter',
  accepts: ACCEPTED,
  // What iov_iter_npages() is asked for.
  entriesMax: INT_MAX,
  dirtiesDest: true,
  avoided:
    'copyBytes: the payload, which the server reaches in place. entries and allocations: the pages of the page arrays, one ' +
    'array a subrequest, that network file systems made of the iterator in 6.1; for user memory the bvecs replace one.',
  options: [
    size('rsize', 'longest read subrequest (sreq_max_len); 0: no limit of its own; afs has 262144'),
    size('wsize', 'longest write subrequest (wsize); 0: no limit of its own; afs has 268435456'),
    numberOption('max-segs', 'segments of a subrequest at most (sreq_max_segs); 0: any', 'segments', 0, 0, INT_MAX),
    numberOption(
      'answer-bytes',
      'that the server moves at most in one answer, before the end of the file: the rest is asked for again; 0: all',
      'bytes',
      0,
      0,
      INT_MAX,
    ),
    flagOption('page-cache', 'folio queues are readahead and writeback of the page cache, not direct I/O'),
    flagOption('renegotiates', 'the file system sets the sizes of each subrequest anew (prepare_read), as cifs does'),
  ],
  limits: [
    {
      name: 'sreq_max_len',
      max: INT_MAX,
      unit: 'bytes',
      summary: 'of a subrequest, as the options rsize and wsize tell',
      kernel: `${OBJECTS_C}: netfs_alloc_request`,
    },
    {
      name: 'sreq_max_segs',
      max: INT_MAX,
      unit: 'segments',
      summary: 'of a subrequest, as the option max-segs tells; 6.12 does not cut writes by it',
      kernel: 'fs/netfs/direct_read.c: netfs_prepare_dio_read_iterator',
    },
  ],
  counters: NETFS_DIO_COUNTERS,
  // Under 6.1 nothing is extracted at all; what the file systems there do for themselves is get_pages.
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new NetfsDio(environment),
})
