import { CONSUMER_API_VERSION, defineConsumer } from '../consumer.ts'
import { flagOption } from '../consumer-option.ts'
import { BioConsumer } from './bio.ts'
import { BIO_COUNTERS, FALLBACK_COUNTERS } from './bio-counters.ts'

/** Most bvecs in a bio. @kernel include/linux/bio.h: BIO_MAX_VECS */
export const BIO_MAX_VECS = 256

/** Block direct I/O. */
export const bio = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'bio',
  summary: 'block direct I/O: bios of at most 256 bvecs, on a raw device or through iomap',
  kernel:
    'block/bio.c: bio_iov_iter_get_pages; block/fops.c: blkdev_direct_IO; fs/iomap/direct-io.c: iomap_dio_bio_iter',
  accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'folioq', 'xarray'],
  entriesMax: BIO_MAX_VECS,
  dirtiesDest: true,
  avoided:
    'copyBytes: payload that bios reach in place, which buffered I/O would copy. entries, allocations: the page array ' +
    'and the scatterlist (an element a page each, a table a bio each) between iterator and bvecs; bvecs are filled directly.',
  options: [
    {
      name: 'logical-block-size',
      summary: 'position, length and the end of each bio are multiples of it',
      unit: 'bytes',
      default: 512,
      min: 512,
      max: 65536,
      powerOfTwo: true,
      header: 'logical-block-size',
    },
    {
      name: 'dma-alignment',
      summary: 'memory addresses and lengths are multiples of it',
      unit: 'bytes',
      default: 512,
      min: 1,
      max: 4096,
      powerOfTwo: true,
      header: 'dma-alignment',
    },
    {
      name: 'bvec-limit',
      summary: 'most bvecs in a bio (BIO_MAX_VECS)',
      unit: 'bvecs',
      default: BIO_MAX_VECS,
      min: 1,
      max: 4096,
      powerOfTwo: false,
      header: null,
    },
    {
      name: 'extent-bytes',
      summary: 'an extent of the file ends at each multiple of it, rounded to whole blocks; 0: never',
      unit: 'bytes',
      default: 0,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      powerOfTwo: false,
      header: 'extent-bytes',
    },
    flagOption('nodatasum', 'btrfs: files have no checksums, so that writes go directly'),
  ],
  counters: [...BIO_COUNTERS, ...FALLBACK_COUNTERS],
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new BioConsumer(environment),
})
