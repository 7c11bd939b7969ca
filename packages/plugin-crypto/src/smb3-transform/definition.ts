import {
  CONSUMER_API_VERSION,
  type ConsumerOption,
  defineConsumer,
  KERNEL_ITER_TYPE_NAMES,
  numberOption,
} from '@pinscope/core'
import { TRANSFORM_SKIP_BYTES } from './aead-request.ts'
import { SMB3_COUNTERS, Smb3Transform } from './smb3-transform.ts'

const OPTIONS: readonly ConsumerOption[] = [
  numberOption('kvecs', 'header kvecs of a message, the transform header first', 'kvecs', 2, 1, 16),
  numberOption(
    'first-kvec-bytes',
    'the transform header: 52 in every dialect',
    'bytes',
    52,
    TRANSFORM_SKIP_BYTES + 1,
    4096,
  ),
  numberOption(
    'kvec-bytes',
    'each further header: 112 for a write request, 80 for a read response',
    'bytes',
    112,
    1,
    4096,
  ),
]

/** smb3-transform. */
export const smb3Transform = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'smb3-transform',
  summary: 'SMB3 encryption: a write copied into folios of its own, a read decrypted in place, never a pin',
  kernel: 'fs/smb/client/smb2ops.c: smb3_init_transform_rq, smb2_get_aead_req',
  accepts: KERNEL_ITER_TYPE_NAMES,
  // No limit: as many as the data has pages.
  entriesMax: 0x7fffffff,
  avoided:
    'copyBytes: received data decrypted in place. entries and allocations: none, since list and copy are the same in ' +
    'every version.',
  options: OPTIONS,
  counters: SMB3_COUNTERS,
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new Smb3Transform(environment),
})
