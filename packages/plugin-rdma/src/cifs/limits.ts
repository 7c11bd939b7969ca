import type { ConsumerLimit } from '@pinscope/core'
import { MAX_FRMR_DEPTH, PACKET_SGES_MAX } from './sizes.ts'

const SMBDIRECT_C = 'fs/smb/client/smbdirect.c'

/** Limits of a connection of SMB Direct, whichever chain sends over it. */
export const SMBDIRECT_LIMITS: readonly ConsumerLimit[] = [
  {
    name: 'SMBDIRECT_MAX_SEND_SGE',
    max: PACKET_SGES_MAX,
    unit: 'entries',
    summary: 'of a packet, its header included',
    kernel: 'fs/smb/client/smbdirect.h',
  },
  {
    name: 'smbd_max_send_size',
    max: 1364,
    unit: 'bytes',
    summary: 'of a packet, its header included',
    kernel: SMBDIRECT_C,
  },
  {
    name: 'max_fragmented_send_size',
    max: 2 ** 20,
    unit: 'bytes',
    summary: 'of a message in packets, unless the option max-fragmented-size tells; -EINVAL beyond',
    kernel: SMBDIRECT_C,
  },
  {
    name: 'smbd_send_credit_target',
    max: 255,
    unit: 'packets',
    summary: 'that may be unanswered; the next one waits',
    kernel: SMBDIRECT_C,
  },
  {
    name: 'smbd_max_frmr_depth',
    max: MAX_FRMR_DEPTH,
    unit: 'pages',
    summary: 'of a memory registration, and segments of a request',
    kernel: SMBDIRECT_C,
  },
]
