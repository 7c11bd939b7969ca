import { CONSUMER_API_VERSION, defineConsumer, flagOption, numberOption } from '@pinscope/core'
import { MESSENGER_OPTIONS } from '../messenger.ts'
import { OBJECT_BYTES_DEFAULT } from '../sizes.ts'
import { RbdConsumer } from './rbd.ts'
import { RBD_COUNTERS } from './rbd-counters.ts'

const OBJECT_BYTES_MIN = 1 << 16
const OBJECT_BYTES_MAX = 1 << 25
const STRIPE_COUNT_MAX = 64

/** Segments of a request: no limit of the driver's own. @kernel drivers/block/rbd.c: rbd_init_disk (max_segments) */
const USHRT_MAX = 65535

/** rbd. */
export const rbd = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'rbd',
  summary:
    'a RADOS block device: the bios of a request by object, with an array of bvecs only for smaller stripe units',
  kernel: 'drivers/block/rbd.c: rbd_img_fill_request, rbd_osd_setup_data',
  accepts: ['ubuf', 'iovec', 'bvec', 'folioq', 'xarray'],
  entriesMax: USHRT_MAX,
  avoided:
    'copyBytes: data that is sent out of, or received into, the pages of the bios, which would go through pages of the ' +
    'client. entries and allocations: the array of each object request, where it only remembers a place in the bios.',
  options: [
    {
      ...numberOption('object-size', 'of the image', 'bytes', OBJECT_BYTES_DEFAULT, OBJECT_BYTES_MIN, OBJECT_BYTES_MAX),
      powerOfTwo: true,
    },
    {
      ...numberOption(
        'stripe-unit',
        'of the image; as long as an object, or longer: an object',
        'bytes',
        OBJECT_BYTES_MAX,
        512,
        OBJECT_BYTES_MAX,
      ),
      powerOfTwo: true,
    },
    numberOption('stripe-count', 'objects that stripe units go to in turn', 'objects', 1, 1, STRIPE_COUNT_MAX),
    flagOption(
      'clone',
      'the image is a clone, and no object of it was written yet: every request is the first to its object',
    ),
    ...MESSENGER_OPTIONS,
  ],
  counters: RBD_COUNTERS,
  // Of the layer above, for user memory. The driver itself takes nothing.
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new RbdConsumer(environment),
})
