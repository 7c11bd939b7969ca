import {
  CONSUMER_API_VERSION,
  type ConsumerOption,
  defineConsumer,
  flagOption,
  KERNEL_ITER_TYPE_NAMES,
} from '@pinscope/core'
import { BLOCK_ENTRIES_MAX } from './block-lists.ts'
import { CRYPT_COUNTERS } from './counters.ts'
import { FOLIO_ORDER_MAX } from './folio-buffers.ts'
import { NetfsCrypt } from './netfs-crypt.ts'

const OPTIONS: readonly ConsumerOption[] = [
  {
    name: 'block-size',
    summary: 'what is encrypted at a time; ranges of the file that are no whole blocks are copied',
    unit: 'bytes',
    default: 4096,
    min: 512,
    max: 65536,
    powerOfTwo: true,
    header: null,
  },
  flagOption('in-place', '1: a write is encrypted in its own pages, and not into bounce folios'),
  {
    name: 'bounce-order',
    summary: 'largest order of the bounce folios',
    unit: 'log2 of pages',
    default: 0,
    min: 0,
    max: FOLIO_ORDER_MAX,
    powerOfTwo: false,
    header: null,
  },
  flagOption(
    'cipher',
    'where pages hold bytes (--verify-data): 0 is AES-256-XTS, 1 AES-256-CBC with ciphertext stealing',
  ),
  flagOption(
    'copy-misaligned',
    '1: copy first, too, where memory is not aligned to blocks (as the proposal does, because a cipher may copy it anyway)',
  ),
]

/** netfs-crypt: a proposal, see {@link NetfsCrypt}. */
export const netfsCrypt = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'netfs-crypt',
  summary:
    'content encryption in netfs, as proposed in 2023 and in no kernel: block by block, in place or into bounce folios',
  kernel: 'fs/netfs/crypto.c: netfs_encrypt, netfs_decrypt (a proposal); 6.1: fs/ceph/addr.c: ceph_netfs_issue_read',
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: BLOCK_ENTRIES_MAX,
  avoided:
    'copyBytes: data that the cipher reaches in the iterator, which would be copied into a bounce buffer first. entries ' +
    'and allocations: none.',
  options: OPTIONS,
  limits: [
    {
      name: 'source_sg[16], dest_sg[16]',
      max: BLOCK_ENTRIES_MAX,
      unit: 'entries',
      summary: 'one crypto block; the proposal goes on with the short list, here it is -EIO',
      kernel: 'fs/netfs/crypto.c: netfs_encrypt (a proposal)',
    },
  ],
  counters: CRYPT_COUNTERS,
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new NetfsCrypt(environment),
})
