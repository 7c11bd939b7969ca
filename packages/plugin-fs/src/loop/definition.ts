import { CONSUMER_API_VERSION, defineConsumer, flagOption, numberOption } from '@pinscope/core'
import { BLK_MAX_SEGMENT_SIZE, BLK_MAX_SEGMENTS, LOOP_MAX_BYTES, SECTOR_BYTES } from './block-requests.ts'
import { LoopConsumer } from './loop.ts'
import { LOOP_COUNTERS } from './loop-counters.ts'

const LOOP_C = 'drivers/block/loop.c'
const BLKDEV_H = 'include/linux/blkdev.h'
const BIO_MAX_VECS = 256

/** A loop device. */
export const loop = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'loop',
  summary: 'a loop device: the file below is called with an iterator over the bvecs of the request, and takes nothing',
  kernel: `${LOOP_C}: lo_rw_aio`,
  accepts: ['ubuf', 'iovec', 'bvec', 'folioq', 'xarray'],
  entriesMax: BLK_MAX_SEGMENTS,
  avoided:
    'copyBytes: with direct-io, data that the file below reaches in place, which buffered I/O would copy. entries and ' +
    'allocations: the array of bvecs, for each request of one bio, whose own is used.',
  options: [
    flagOption(
      'direct-io',
      'the file below is open for direct I/O (losetup --direct-io=on); 0: buffered, its default',
      1,
    ),
    numberOption('bio-vecs', 'bvecs of a bio of the layer above, at most', 'bvecs', BIO_MAX_VECS, 1, BIO_MAX_VECS),
  ],
  limits: [
    { name: 'BLK_MAX_SEGMENTS', max: BLK_MAX_SEGMENTS, unit: 'segments', summary: 'of a request', kernel: BLKDEV_H },
    {
      name: 'BLK_MAX_SEGMENT_SIZE',
      max: BLK_MAX_SEGMENT_SIZE,
      unit: 'bytes',
      summary: 'of a segment',
      kernel: BLKDEV_H,
    },
    {
      name: 'max_hw_sectors',
      max: LOOP_MAX_BYTES / SECTOR_BYTES,
      unit: 'sectors',
      summary: 'of a request',
      kernel: `${LOOP_C}: loop_add`,
    },
  ],
  counters: LOOP_COUNTERS,
  // Of the layer above, for user memory. The driver itself takes nothing.
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new LoopConsumer(environment),
})
