import {
  CONSUMER_API_VERSION,
  type ConsumerDefinition,
  type ConsumerOption,
  defineConsumer,
  flagOption,
  ITER_TYPE_NAMES,
  numberOption,
  wordOption,
} from '@pinscope/core'
import { SUNRPC_COUNTERS } from './counters.ts'
import {
  BLOCK_BYTES_DEFAULT,
  BLOCK_BYTES_MAX,
  ENTRIES_MAX,
  MAX_SKB_FRAGS,
  READ_REPLY_HEAD_BYTES,
  RPCSVC_MAXPAGES,
  SIZE_GOAL_DEFAULT,
  WRITE_REQUEST_HEAD_BYTES,
  WRITE_REQUEST_TAIL_BYTES,
} from './sizes.ts'
import { SunrpcConsumer } from './sunrpc-consumer.ts'
import { SIDE_NAMES, WAY_NAMES, type WayName } from './way.ts'

const SVCSOCK_C = 'net/sunrpc/svcsock.c'

/** Head and tail lie in one page of the server's. */
const HEAD_BYTES_MAX = 2048

const OPTIONS: readonly ConsumerOption[] = [
  wordOption(
    'side',
    'of the connection: a server sends replies and receives requests, a client the opposite',
    SIDE_NAMES,
  ),
  numberOption(
    'head',
    `head of a message, where the row brings none; 0: ${READ_REPLY_HEAD_BYTES}, of an NFSv4.2 READ reply, or ${WRITE_REQUEST_HEAD_BYTES}, of a WRITE request`,
    'bytes',
    0,
    0,
    HEAD_BYTES_MAX,
  ),
  numberOption(
    'tail',
    `tail of a message behind the padding of its data, where the row brings none; 0: none behind a READ reply, ${WRITE_REQUEST_TAIL_BYTES} behind a WRITE request`,
    'bytes',
    0,
    0,
    HEAD_BYTES_MAX / 2,
  ),
  numberOption(
    'max-block',
    'data of a message (rsize, wsize, max_block_size); 1 MiB at most up to 6.15',
    'bytes',
    BLOCK_BYTES_DEFAULT,
    1024,
    BLOCK_BYTES_MAX,
  ),
  numberOption(
    'size-goal',
    'bytes of an skb: 45 segments of 1448; 65483 on loopback',
    'bytes',
    SIZE_GOAL_DEFAULT,
    536,
    1 << 20,
  ),
  flagOption('sg', 'the device gathers (NETIF_F_SG); without it TCP copies everything', 1),
  flagOption('sparse', "pages of a client's reply are allocated as it arrives (XDRBUF_SPARSE_PAGES: NFSv3 ACLs)"),
]

/** A definition with its way fixed, or, for null, with an option that tells it. */
function definitionOf(name: string, summary: string, way: WayName | null): ConsumerDefinition {
  return defineConsumer({
    apiVersion: CONSUMER_API_VERSION,
    name,
    summary,
    kernel: `${SVCSOCK_C}: svc_tcp_sendmsg; net/sunrpc/socklib.c: xprt_sock_sendmsg`,
    accepts: ITER_TYPE_NAMES,
    entriesMax: ENTRIES_MAX + 1,
    avoided:
      'copyBytes: parts of messages that TCP sends from where they are, which kernel_sendmsg() would copy; not the marker. ' +
      'entries and allocations: none, each way has one list of the parts.',
    options:
      way === null
        ? [wordOption('way', 'to send: as the kernel does, or one of those of the mail of 2022', WAY_NAMES), ...OPTIONS]
        : OPTIONS,
    limits: [
      {
        name: 'RPCSVC_MAXPAGES',
        max: RPCSVC_MAXPAGES,
        unit: 'elements',
        summary:
          'of a message but its marker, where one list has it all; since 6.16 the pages of max-block and four more',
        kernel: `${SVCSOCK_C}: svc_tcp_sendmsg`,
      },
      {
        name: 'RPCSVC_MAXPAYLOAD',
        max: BLOCK_BYTES_MAX,
        unit: 'bytes',
        summary: 'data of a message; 1 MiB up to 6.15',
        kernel: 'include/linux/sunrpc/svc.h',
      },
      {
        name: 'MAX_SKB_FRAGS',
        max: MAX_SKB_FRAGS,
        unit: 'fragments',
        summary: 'of an skb; then another one is begun',
        kernel: 'include/linux/skbuff.h',
      },
    ],
    counters: SUNRPC_COUNTERS,
    // skb_splice_from_iter() extracts; before it, and in copies, nothing is extracted.
    kernelPolicy: () => 'extract',
    create: (environment) => new SunrpcConsumer(environment, way),
  })
}

/** NFS messages over TCP, as the kernel sends them, or in the way that the option tells. */
export const sunrpc = definitionOf(
  'sunrpc',
  'NFS over TCP: a message of marker, head, pages and tail, sent and received as the kernel does it',
  null,
)

/** The first way of the mail: one bvec iterator over the whole message, head and tail through virt_to_page(). */
export const sunrpcBvec = definitionOf(
  'sunrpc-bvec',
  'NFS over TCP, a way of the mail: one bvec iterator, head and tail through virt_to_page',
  'bvec',
)

/** The second way: every page mapped, one kvec iterator, everything copied. */
export const sunrpcKmap = definitionOf(
  'sunrpc-kmap',
  'NFS over TCP, a way of the mail: every page mapped with kmap, one kvec iterator, all copied',
  'kmap',
)

/** What is done without them: a send for each part. */
export const sunrpcSends = definitionOf(
  'sunrpc-sends',
  'NFS over TCP, a way of the mail: a send for each part, head and tail copied, pages by reference',
  'sends',
)

/** The third way: an iterator of kvecs and bvecs, handed down whole. */
export const sunrpcMixed = definitionOf(
  'sunrpc-mixed',
  'NFS over TCP, a way of the mail: one iterator of kvecs and bvecs, head and tail copied, pages by reference',
  'mixed',
)
