import { type ConsumerOption, flagOption, numberOption } from '@pinscope/core'
import { DEVICE_OPTION, MAX_FAST_REG_OPTION, MAX_SEND_SGE_OPTION } from '../device/device.ts'
import { SMB_HEADER_BYTES } from './sizes.ts'

const INT_MAX = 0x7fffffff

/**
 * Options of the consumers that stand for cifs over RDMA: the same in each, so that one trace can be replayed through all
 * of them under the same conditions.
 */
export const CIFS_OPTIONS: readonly ConsumerOption[] = [
  DEVICE_OPTION,
  MAX_SEND_SGE_OPTION,
  MAX_FAST_REG_OPTION,
  inHeader(bytesOption('wsize', 'longest write asked for (wsize=); 0: as negotiated', 0, 0)),
  inHeader(bytesOption('rsize', 'longest read asked for (rsize=); 0: as negotiated', 0, 0)),
  // [MS-SMBD] allows no less than 128 KiB, and no receive buffers below 128 bytes; 1 MiB is what Windows servers grant.
  inHeader(bytesOption('max-fragmented-size', 'longest message that the server takes in packets', 2 ** 20, 2 ** 17)),
  bytesOption(
    'max-fragmented-recv-size',
    'longest message that is taken in packets; as the kernel has it: (1364 * 255) / 2',
    173910,
    2 ** 17,
  ),
  bytesOption('max-send-size', 'of a packet (smbd_max_send_size, or less where the server takes less)', 1364, 128),
  numberOption('credits', 'packets that may be unanswered (smbd_send_credit_target)', 'packets', 255, 1, 65535),
  inHeader(flagOption('rdma-offload', 'the connection is not signed: what reaches the threshold is registered')),
  bytesOption('threshold', 'from which on a payload is registered (rdma_readwrite_threshold)', 4096, 0),
  inHeader(flagOption('encrypted', 'the share is encrypted: nothing is registered, all is copied')),
  inHeader(
    bytesOption(
      'smb-header',
      'of the SMB header of a request, sent before the payload in packets of its own; 0: left out',
      SMB_HEADER_BYTES,
      0,
    ),
  ),
  flagOption('transport-only', 'no cifs above the transport: it gets the iterator of the row as it is'),
]

function bytesOption(name: string, summary: string, byDefault: number, min: number): ConsumerOption {
  return numberOption(name, summary, 'bytes', byDefault, min, INT_MAX)
}

/** The same option, which a trace's header may set under the same name. */
function inHeader(option: ConsumerOption): ConsumerOption {
  return { ...option, header: option.name }
}
