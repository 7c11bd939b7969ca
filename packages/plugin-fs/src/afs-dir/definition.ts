import { CONSUMER_API_VERSION, defineConsumer, wordOption } from '@pinscope/core'
import { AFS_COUNTERS } from './afs-counters.ts'
import { AfsDir } from './afs-dir.ts'
import { DIR_BYTES_MAX, DIR_PAGES_MAX, EDIT_BLOCKS_MAX } from './afs-sizes.ts'
import { WAYS } from './cached-pages.ts'

/** afs-dir. */
export const afsDir = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'afs-dir',
  summary: 'listing a directory of AFS: an iterator over its page cache, and what keeps the pages until they are used',
  kernel: 'fs/afs/dir.c: afs_read_dir, afs_dir_read_cleanup',
  accepts: ['ubuf', 'iovec', 'kvec', 'bvec', 'folioq', 'xarray', 'discard', 'pipe'],
  entriesMax: DIR_PAGES_MAX,
  avoided:
    'copyBytes: of directories that are listed, or changed in place, while what is cached of them is valid: they are not ' +
    "copied out of the server's packets again. entries: none, since an iterator over the page cache needs no list.",
  options: [
    wordOption(
      'way',
      'what keeps the pages that the iterator names (6.1, 6.12): references as in the kernel, nothing, or their locks',
      WAYS,
    ),
  ],
  limits: [
    {
      name: '2048 * 1024',
      max: DIR_BYTES_MAX,
      unit: 'bytes',
      summary: 'of a directory; -EFBIG beyond',
      kernel: 'fs/afs/dir.c',
    },
    {
      name: 'AFS_DIR_MAX_BLOCKS',
      max: EDIT_BLOCKS_MAX,
      unit: 'blocks of 2048 bytes',
      summary: 'of a directory that is changed in place',
      kernel: 'fs/afs/xdr_fs.h',
    },
  ],
  counters: AFS_COUNTERS,
  // Folios are found by index: nothing is extracted.
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new AfsDir(environment),
})
