import type { KernelVersion } from '@pinscope/core'

/** No skb, no ubuf_info. */
export const NONE = 0

/** Frags of an skb at most. @kernel include/linux/skbuff.h: MAX_SKB_FRAGS (6.12: CONFIG_MAX_SKB_FRAGS, 17 by default); sysctl_max_skb_frags */
export const MAX_SKB_FRAGS = 17

/** @kernel include/linux/skbuff.h: skb_frag_t (6.1: struct bio_vec), 64-bit */
export const SKB_FRAG_BYTES = 16

/** Room that a frag must have left to be used further. @kernel net/core/sock.c: sk_page_frag_refill */
export const REFILL_BYTES = 32

/** struct sk_buff, and two of them with their count, in whole cache lines, 64-bit. @kernel struct sk_buff, struct sk_buff_fclones */
const SK_BUFF_BYTES = 256
const SK_BUFF_FCLONES_BYTES = 512
/** @kernel include/linux/skbuff.h: struct skb_shared_info, with 17 frags, in whole cache lines */
const SHARED_INFO_BYTES = 320

/**
 * Memory behind an skb without payload of its own: what kmalloc rounds up to in 6.1; in 6.12 and 7.3, and so in 6.18, small
 * ones have a cache of their own.
 * @kernel net/core/skbuff.c: kmalloc_reserve, SKB_SMALL_HEAD_CACHE_SIZE
 */
function headBytes(kernel: KernelVersion, bytes: number): number {
  return kernel === '6.1' ? bytes : 640
}

/** An skb of a TCP socket, with room for headers. @kernel net/ipv4/tcp.c: tcp_stream_alloc_skb (MAX_TCP_HEADER 320) */
export function tcpSkbBytes(kernel: KernelVersion): number {
  return SK_BUFF_FCLONES_BYTES + headBytes(kernel, 1024)
}

/** An skb without payload: what a ubuf_info lives in, and a datagram whose data is in frags. @kernel net/core/sock.c: sock_omalloc, sock_alloc_send_skb */
export function emptySkbBytes(kernel: KernelVersion): number {
  return SK_BUFF_BYTES + headBytes(kernel, 512)
}

/** An skb with so much payload behind its header, in one piece. @kernel net/core/skbuff.c: alloc_skb */
export function linearSkbBytes(payloadBytes: number): number {
  return SK_BUFF_BYTES + SHARED_INFO_BYTES + payloadBytes
}

/** What an empty skb charges to the socket. @kernel include/linux/skbuff.h: SKB_TRUESIZE */
export function emptyTruesize(kernel: KernelVersion): number {
  return SK_BUFF_BYTES + headBytes(kernel, 512)
}

/** What sock_omalloc() asks for before it knows. @kernel include/linux/skbuff.h: SKB_TRUESIZE(0) */
export const OMALLOC_TRUESIZE = SK_BUFF_BYTES + SHARED_INFO_BYTES
