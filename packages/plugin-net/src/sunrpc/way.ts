import { isSince, type KernelVersion } from '@pinscope/core'

/** Names of the ways to send a message; `kernel` is what that version and side does. */
export const WAY_NAMES = ['kernel', 'bvec', 'kmap', 'sends', 'mixed'] as const
/** One of the names. */
export type WayName = (typeof WAY_NAMES)[number]

/** Names of the sides of a connection. */
export const SIDE_NAMES = ['server', 'client'] as const
export const SIDE_SERVER = 0
export const SIDE_CLIENT = 1

/** How a message of marker, head, pages and tail is handed to TCP. */
export interface Way {
  /** Head and tail go by reference, through virt_to_page(); else they are copied. */
  readonly refersHeads: boolean
  /** Pages go by reference; else they are copied. */
  readonly refersPages: boolean
  /** One iterator over the whole message, in the array of the socket; else an array for the pages alone, per message. */
  readonly isOneCall: boolean
  /** Each page is a call of its own, without an iterator. @kernel net/sunrpc/svcsock.c: kernel_sendpage (6.1) */
  readonly isCallPerPage: boolean
  /** The marker is in a page fragment, so that a bvec can name it; else it is copied from the stack. */
  readonly hasMarkerFrag: boolean
  /** Pages are mapped so that a kvec can name them: all of a message at once. */
  readonly kmapsPages: boolean
  /** Every part is mapped for its copy, one at a time. @kernel net/core/sock.c: sock_no_sendpage (6.1) */
  readonly kmapsParts: boolean
  /** TCP leaves out pages that sendpage_ok() refuses; else it takes its reference all the same. @kernel include/linux/net.h: sendpage_ok */
  readonly checksPages: boolean
}

const COPIED: Way = {
  refersHeads: false,
  refersPages: false,
  isOneCall: false,
  isCallPerPage: false,
  hasMarkerFrag: false,
  kmapsPages: false,
  kmapsParts: false,
  checksPages: false,
}

/** Reply of the server in 6.1: the marker is copied, then kernel_sendpage() for each part. @kernel net/sunrpc/svcsock.c: svc_tcp_sendmsg, svc_tcp_send_kvec */
const SENDPAGE: Way = { ...COPIED, refersHeads: true, refersPages: true, isCallPerPage: true }

/** The first way of the mail: one bvec iterator. What is slab memory nobody asks. */
const BVEC: Way = { ...COPIED, refersHeads: true, refersPages: true, isOneCall: true, hasMarkerFrag: true }

/** Reply of the server since 6.5: the first way, and TCP asks. @kernel net/sunrpc/svcsock.c: svc_tcp_sendmsg; net/core/skbuff.c: skb_splice_from_iter */
const SPLICE: Way = { ...BVEC, checksPages: true }

/**
 * The way of that name. `kernel` is the server's reply by version, or the client's request, which is three sends that
 * copy in every version. In `sends` and `mixed` TCP copies what a kvec names and refers to what a bvec names; that it asks
 * for slab memory among the pages, and leaves it out, is so since 6.5. 6.18: taken as 6.12 and 7.3, which are the same.
 *
 * @kernel net/sunrpc/svcsock.c: svc_tcp_sendmsg; net/sunrpc/socklib.c: xprt_sock_sendmsg
 */
export function wayOf(name: WayName, side: number, kernel: KernelVersion): Way {
  const checksPages = isSince(kernel, '6.12')
  switch (name) {
    case 'bvec':
      return BVEC
    case 'kmap':
      return { ...COPIED, isOneCall: true, kmapsPages: true }
    case 'sends':
      return { ...COPIED, refersPages: true, checksPages }
    case 'mixed':
      return { ...COPIED, refersPages: true, checksPages, isOneCall: true }
    case 'kernel':
      if (side === SIDE_CLIENT) return COPIED
      return checksPages ? SPLICE : SENDPAGE
  }
}

/**
 * The same way over a device that cannot gather: TCP copies all of it, whatever it was handed.
 * @kernel net/ipv4/tcp.c: tcp_sendmsg_locked (NETIF_F_SG; MSG_SPLICE_PAGES is not heeded); 6.1: tcp_sendpage_locked
 */
export function withoutGathering(way: Way): Way {
  return { ...way, refersHeads: false, refersPages: false, kmapsParts: way.isCallPerPage, checksPages: false }
}
