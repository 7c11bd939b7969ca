import { CONSUMER_API_VERSION, defineConsumer, flagOption, numberOption, PAGE_SIZE } from '@pinscope/core'
import { IOTLB_IOV_STRIDE, VringConsumer } from './vring.ts'
import { VRING_COUNTERS } from './vring-counters.ts'

const VRINGH_C = 'drivers/vhost/vringh.c'
const MAP_BYTES_DEFAULT = 2 * 1024 * 1024
const MAP_BYTES_MAX = 2 ** 40
const RING_ENTRIES_DEFAULT = 256
const RING_ENTRIES_MAX = 32768

/** A virtio ring whose addresses go through an iotlb. */
export const vring = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'vring',
  summary:
    'a virtio ring in the kernel: bus addresses looked up in an iotlb, copied from and to pages that nobody holds',
  kernel: `${VRINGH_C}: iotlb_translate, copy_from_iotlb, copy_to_iotlb`,
  accepts: ['ubuf', 'iovec', 'bvec'],
  entriesMax: IOTLB_IOV_STRIDE,
  avoided: 'nothing: everything is copied, and the elements of its iterators are on the stack.',
  options: [
    {
      ...numberOption('map-bytes', 'of a map of the iotlb', 'bytes', MAP_BYTES_DEFAULT, PAGE_SIZE, MAP_BYTES_MAX),
      powerOfTwo: true,
    },
    flagOption(
      'use-va',
      'since 6.4: maps may be of user addresses (vringh_init_iotlb_va), and ubuf and iovec rows are',
      1,
    ),
    numberOption('ring-entries', 'descriptors of a ring', 'descriptors', RING_ENTRIES_DEFAULT, 1, RING_ENTRIES_MAX),
  ],
  limits: [
    {
      name: 'IOTLB_IOV_STRIDE',
      max: IOTLB_IOV_STRIDE,
      unit: 'maps',
      summary: 'of one copy; the next goes on behind it',
      kernel: VRINGH_C,
    },
    {
      name: 'vring.num',
      max: RING_ENTRIES_DEFAULT,
      unit: 'descriptors',
      summary: 'of a request, unless -O vring.ring-entries tells; -ELOOP beyond',
      kernel: `${VRINGH_C}: __vringh_iov`,
    },
  ],
  counters: VRING_COUNTERS,
  // Nothing is extracted.
  kernelPolicy: () => 'extract',
  create: (environment) => new VringConsumer(environment),
})
