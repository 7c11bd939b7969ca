import {
  CONSUMER_API_VERSION,
  type ConsumerOption,
  defineConsumer,
  flagOption,
  KERNEL_ITER_TYPE_NAMES,
} from '@pinscope/core'
import { SMBDIRECT_LIMITS } from '../cifs/limits.ts'
import { CIFS_OPTIONS } from '../cifs/options.ts'
import { MR_OPTIONS } from '../mr/memory-regions.ts'
import { LEGACY_COUNTERS } from './counters.ts'
import { NON_DIRECT, SmbdirectLegacy } from './smbdirect-legacy.ts'

const OPTIONS: readonly ConsumerOption[] = [
  ...CIFS_OPTIONS,
  ...MR_OPTIONS,
  flagOption(NON_DIRECT, 'user memory is copied, as without O_DIRECT where nothing may be cached'),
]

/** smbdirect-legacy. */
export const smbdirectLegacy = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'smbdirect-legacy',
  summary: 'cifs over SMB Direct by the chain of 6.1: iterator, page array, scatterlist, ib_sge',
  kernel: 'fs/smb/client/smbdirect.c: smbd_send (6.1); file.c: cifs_write_from_iter, cifs_send_async_read (6.1)',
  accepts: KERNEL_ITER_TYPE_NAMES,
  // As many as the data has pages: each list of it is cut by wsize or rsize only.
  entriesMax: 0x7fffffff,
  dirtiesDest: true,
  avoided:
    'copyBytes: data that packets or the server reach where it is. entries and allocations: none: this is the chain whose ' +
    'lists smbdirect avoids.',
  options: OPTIONS,
  limits: SMBDIRECT_LIMITS,
  counters: LEGACY_COUNTERS,
  kernelPolicy: () => 'get-pages',
  create: (environment) => new SmbdirectLegacy(environment),
})
