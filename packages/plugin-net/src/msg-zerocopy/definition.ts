import { CONSUMER_API_VERSION, defineConsumer, KERNEL_ITER_TYPE_NAMES } from '@pinscope/core'
import { SKB_COUNTERS } from '../skb/skb-counters.ts'
import { MAX_SKB_FRAGS } from '../skb/skb-sizes.ts'
import { UBUF_BYTES_MAX, UBUF_CALLS_MAX } from '../skb/ubuf-infos.ts'
import { MsgZerocopyConsumer } from './msg-zerocopy.ts'
import { SOCKET_OPTIONS } from './settings.ts'

/** Sockets: TCP, UDP, vsock. */
export const msgZerocopy = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'msg-zerocopy',
  summary:
    'sockets: frags of skbs, copied, zero-copy with a notification (MSG_ZEROCOPY, io_uring SEND_ZC), or pages handed over',
  kernel:
    'net/ipv4/tcp.c: tcp_sendmsg_locked; net/core/datagram.c: zerocopy_fill_skb_from_iter; io_uring/net.c: io_sg_from_iter',
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: MAX_SKB_FRAGS,
  avoided:
    'copyBytes: payload in frags of the pages of the iterator, which would be copied into page frags of the socket; none of ' +
    'a send that is notified as copied. entries and allocations: none, an skb has frags either way.',
  options: SOCKET_OPTIONS,
  limits: [
    {
      name: 'MAX_SKB_FRAGS',
      max: MAX_SKB_FRAGS,
      unit: 'frags',
      summary: 'of an skb; a stream goes on in another one, a datagram is refused with -EMSGSIZE',
      kernel: 'include/linux/skbuff.h: MAX_SKB_FRAGS',
    },
    {
      name: 'byte_limit',
      max: UBUF_BYTES_MAX,
      unit: 'bytes',
      summary: 'of sends that share a notification; a stream begins another one, a datagram is refused with -ENOBUFS',
      kernel: 'net/core/skbuff.c: msg_zerocopy_realloc',
    },
    {
      name: 'USHRT_MAX - 1',
      max: UBUF_CALLS_MAX,
      unit: 'sends',
      summary: 'that share a notification',
      kernel: 'net/core/skbuff.c: msg_zerocopy_realloc',
    },
  ],
  counters: SKB_COUNTERS,
  kernelPolicy: () => 'get-pages',
  create: (environment) => new MsgZerocopyConsumer(environment),
})
