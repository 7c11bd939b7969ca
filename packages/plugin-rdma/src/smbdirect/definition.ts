import { CONSUMER_API_VERSION, defineConsumer, KERNEL_ITER_TYPE_NAMES } from '@pinscope/core'
import { CIFS_COUNTERS } from '../cifs/counters.ts'
import { SMBDIRECT_LIMITS } from '../cifs/limits.ts'
import { mountOf } from '../cifs/mount.ts'
import { NetfsFront } from '../cifs/netfs-front.ts'
import { CIFS_OPTIONS } from '../cifs/options.ts'
import { MR_COUNTERS, MR_OPTIONS } from '../mr/memory-regions.ts'
import { SmbdMr } from '../smbd-mr/smbd-mr.ts'

const SMBDIRECT_C = 'fs/smb/client/smbdirect.c'

/**
 * smbdirect. 6.1 has no such chain (smbdirect-legacy is its own): in a lane of 6.1 it is that of 6.12, with user memory
 * referenced and not pinned.
 */
export const smbdirect = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'smbdirect',
  summary: 'cifs over RDMA, the iterator down to the transport: packets whose entries come straight from it',
  kernel: `${SMBDIRECT_C}: smbd_send, smb_extract_iter_to_rdma; mainline: fs/smb/smbdirect/connection.c`,
  accepts: KERNEL_ITER_TYPE_NAMES,
  // No limit of all packets of an operation; five of data in each.
  entriesMax: 0x7fffffff,
  avoided:
    'copyBytes: payload that the device reaches where it is. entries: the pointers to pages, and the scatterlists of one ' +
    'entry, that 6.1 makes of what is sent in packets (smbdirect-legacy). allocations: the array of those pointers; for ' +
    'user memory one of bvecs takes its place.',
  options: [...CIFS_OPTIONS, ...MR_OPTIONS],
  limits: SMBDIRECT_LIMITS,
  counters: [...CIFS_COUNTERS, ...MR_COUNTERS],
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => {
    const counters = [...CIFS_COUNTERS, ...MR_COUNTERS]
    const counts = new Float64Array(counters.length)
    const mount = mountOf(environment.options, environment.kernel)
    const offload = new SmbdMr(environment, counts, mount)
    return new NetfsFront(environment, { counters, counts, mount, offload })
  },
})
