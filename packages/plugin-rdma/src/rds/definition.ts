import {
  CONSUMER_API_VERSION,
  defineConsumer,
  flagOption,
  KERNEL_ITER_TYPE_NAMES,
  numberOption,
  PAGE_SIZE,
  wordOption,
} from '@pinscope/core'
import { RdsConsumer } from './rds.ts'
import { RDS_COUNTERS } from './rds-counters.ts'
import { TRANSPORT_NAMES } from './rds-send.ts'
import { RDS_ENTRIES_MAX, RDS_MAX_MSG_SIZE, RDS_MAX_ZCOOKIES, WMEM_DEFAULT_BYTES } from './rds-sizes.ts'

const INT_MAX = 0x7fffffff

/** RDS. */
export const rds = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'rds',
  summary:
    'RDS: reliable datagrams, copied into pages that messages share, or zero-copy with a cookie when they arrived',
  kernel: 'net/rds/send.c: rds_sendmsg; net/rds/message.c: rds_message_zcopy_from_user',
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: RDS_ENTRIES_MAX,
  dirtiesDest: false,
  avoided:
    'copyBytes: payload that is sent out of the pages of the iterator, which would be copied into pages of the ' +
    'message. entries and allocations: none, a message has one list either way.',
  options: [
    wordOption('transport', 'that the socket is bound to: only tcp sends zero-copy', TRANSPORT_NAMES),
    flagOption('so-zerocopy', 'SO_ZEROCOPY is set on the sockets', 1),
    flagOption('cookie', 'zero-copy sends bring a cookie (RDS_CMSG_ZCOPY_COOKIE)', 1),
    flagOption('rdma-map', 'ib: memory is registered with a message (RDS_CMSG_RDMA_MAP), not with RDS_GET_MR'),
    numberOption(
      'sndbuf',
      'send buffer of a socket (sk_sndbuf); half of it is for payload',
      'bytes',
      WMEM_DEFAULT_BYTES,
      4608,
      INT_MAX,
    ),
    numberOption(
      'memlock',
      'that the user may have charged for zero-copy sends (RLIMIT_MEMLOCK); 0: the program has CAP_IPC_LOCK',
      'bytes',
      0,
      0,
      INT_MAX * PAGE_SIZE,
    ),
  ],
  limits: [
    {
      name: 'RDS_MAX_MSG_SIZE',
      max: RDS_MAX_MSG_SIZE,
      unit: 'bytes',
      summary: 'of a message; -EMSGSIZE beyond, and beyond half the send buffer',
      kernel: 'net/rds/send.c: rds_sendmsg',
    },
    {
      name: 'RDS_MAX_ZCOOKIES',
      max: RDS_MAX_ZCOOKIES,
      unit: 'cookies',
      summary: 'of an element of the queue of notifications; another element is made then',
      kernel: 'net/rds/message.c: rds_zcookie_add',
    },
  ],
  counters: RDS_COUNTERS,
  kernelPolicy: () => 'get-pages',
  create: (environment) => new RdsConsumer(environment),
})
