import {
  CONSUMER_API_VERSION,
  defineConsumer,
  flagOption,
  ITER_TYPE_NAMES,
  numberOption,
  PAGE_SIZE,
  wordOption,
} from '@pinscope/core'
import { CephConsumer, PATH_NAMES } from './ceph.ts'
import { CEPH_COUNTERS } from './ceph-counters.ts'
import { MESSENGER_OPTIONS } from './messenger.ts'
import { CEPH_MSG_MAX_DATA_LEN, ITER_GET_BVECS_PAGES, OBJECT_BYTES_DEFAULT } from './sizes.ts'

const FILE_C = 'fs/ceph/file.c'
const ENTRIES_MAX = CEPH_MSG_MAX_DATA_LEN / PAGE_SIZE + 1

/** ceph. */
export const ceph = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'ceph',
  summary:
    'direct I/O of ceph: an array of bvecs over referenced pages for each object request, and the messenger below',
  kernel: `${FILE_C}: ceph_direct_read_write; net/ceph/messenger.c: ceph_msg_data_next`,
  accepts: ITER_TYPE_NAMES.filter((name) => name !== 'mixed'),
  entriesMax: ENTRIES_MAX,
  dirtiesDest: true,
  avoided:
    'copyBytes: data that is sent out of, or received into, the pages of the iterator, which would go through pages of ' +
    'the client. (What arrives is copied once by TCP either way: counter receivedBytes.) entries and allocations: none.',
  options: [
    wordOption('path', 'direct: O_DIRECT; buffered: rows are reads and writeback of the page cache', PATH_NAMES),
    numberOption(
      'rsize',
      'of a read at most (rsize=)',
      'bytes',
      CEPH_MSG_MAX_DATA_LEN,
      PAGE_SIZE,
      CEPH_MSG_MAX_DATA_LEN,
    ),
    numberOption(
      'wsize',
      'of a write at most (wsize=)',
      'bytes',
      CEPH_MSG_MAX_DATA_LEN,
      PAGE_SIZE,
      CEPH_MSG_MAX_DATA_LEN,
    ),
    numberOption(
      'stripe-unit',
      'of the files; no request goes beyond one',
      'bytes',
      OBJECT_BYTES_DEFAULT,
      65536,
      1 << 30,
    ),
    flagOption('aio', 'operations are asynchronous (io_uring, libaio): all chunks are in flight together'),
    ...MESSENGER_OPTIONS,
  ],
  limits: [
    {
      name: 'ITER_GET_BVECS_PAGES',
      max: ITER_GET_BVECS_PAGES,
      unit: 'pages',
      summary: 'of one call of iov_iter_get_pages2; the array goes on after it',
      kernel: FILE_C,
    },
    {
      name: 'CEPH_MSG_MAX_DATA_LEN',
      max: CEPH_MSG_MAX_DATA_LEN,
      unit: 'bytes',
      summary: 'of a message: rsize and wsize at most',
      kernel: 'include/linux/ceph/libceph.h',
    },
  ],
  counters: CEPH_COUNTERS,
  // In all versions: neither direct I/O nor the messenger was changed to iov_iter_extract_pages.
  kernelPolicy: () => 'get-pages',
  create: (environment) => new CephConsumer(environment),
})
