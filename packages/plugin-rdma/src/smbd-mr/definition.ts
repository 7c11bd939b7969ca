import {
  CONSUMER_API_VERSION,
  type ConsumerCounter,
  type ConsumerDefinition,
  type ConsumerEnvironment,
  type ConsumerLimit,
  type ConsumerOption,
  defineConsumer,
  KERNEL_ITER_TYPE_NAMES,
} from '@pinscope/core'
import { CIFS_COUNTERS } from '../cifs/counters.ts'
import { type Mount, mountOf } from '../cifs/mount.ts'
import { NetfsFront } from '../cifs/netfs-front.ts'
import { CIFS_OPTIONS } from '../cifs/options.ts'
import { MAX_FRMR_DEPTH } from '../cifs/sizes.ts'
import { MR_COUNTERS, MR_OPTIONS, RESPONDER_RESOURCES } from '../mr/memory-regions.ts'
import { IterToMr } from './iter-to-mr.ts'
import type { RegisteredTransport } from './registered-transport.ts'
import { SmbdMr } from './smbd-mr.ts'

const SMBDIRECT_C = 'fs/smb/client/smbdirect.c'

const OPTIONS: readonly ConsumerOption[] = [...CIFS_OPTIONS, ...MR_OPTIONS]

const COUNTERS: readonly ConsumerCounter[] = [...CIFS_COUNTERS, ...MR_COUNTERS]

const LIMITS: readonly ConsumerLimit[] = [
  {
    name: 'smbd_max_frmr_depth',
    max: MAX_FRMR_DEPTH,
    unit: 'pages',
    summary: 'of a memory region, or as many as the device takes',
    kernel: SMBDIRECT_C,
  },
  {
    name: 'responder_resources',
    max: 2 * RESPONDER_RESOURCES,
    unit: 'memory regions',
    summary: 'of a connection: twice what the server may have running',
    kernel: SMBDIRECT_C,
  },
]

/** Every payload is registered, whatever its size and the connection. */
const ALL_REGISTERED = { 'rdma-offload': 1, threshold: 0, encrypted: 0 } as const

type TransportClass = new (environment: ConsumerEnvironment, counts: Float64Array, mount: Mount) => RegisteredTransport

type Described = Pick<ConsumerDefinition, 'name' | 'summary' | 'kernel' | 'avoided'>

function registering(described: Described, transport: TransportClass): ConsumerDefinition {
  return defineConsumer({
    ...described,
    apiVersion: CONSUMER_API_VERSION,
    accepts: KERNEL_ITER_TYPE_NAMES,
    entriesMax: MAX_FRMR_DEPTH,
    options: OPTIONS,
    limits: LIMITS,
    counters: COUNTERS,
    kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
    create: (environment) => {
      const counts = new Float64Array(COUNTERS.length)
      const mount = mountOf({ ...environment.options, ...ALL_REGISTERED }, environment.kernel)
      const offload = new transport(environment, counts, mount)
      return new NetfsFront(environment, { counters: COUNTERS, counts, mount, offload })
    },
  })
}

/** smbd-mr: cifs over RDMA with all payload registered, through a scatterlist. */
export const smbdMr = registering(
  {
    name: 'smbd-mr',
    summary: 'cifs over RDMA with every payload registered: scatterlist, then page list',
    kernel: `${SMBDIRECT_C}: smbd_register_mr, smbd_iter_to_mr`,
    avoided:
      'copyBytes: payload that the server reads or writes by itself. entries and allocations: the array of pages and the ' +
      'entries of single pages that 6.1 made.',
  },
  SmbdMr,
)

/** iter-to-mr: the same without a scatterlist, as it was proposed. */
export const iterToMr = registering(
  {
    name: 'iter-to-mr',
    summary: 'a proposal: every payload registered, the page list filled from the iterator',
    kernel: 'none: proposed in October 2022, not in any kernel; compare with smbd-mr',
    avoided:
      'copyBytes: payload that the server reads or writes by itself. entries, against smbd-mr: the scatterlist of each ' +
      'registration. allocations: none; what the preallocated scatterlists take is in the counter regionBytes.',
  },
  IterToMr,
)
