import { isSince, type KernelVersion, PAGE_SIZE } from '@pinscope/core'

/** Before each message: its length, and that it is the last fragment. @kernel include/linux/sunrpc/msg_prot.h: rpc_fraghdr */
export const MARKER_BYTES = 4

/** What a client reads first: the marker, the transaction's number and the kind of message. @kernel net/sunrpc/xprtsock.c: xs_read_stream_headersize */
export const STREAM_HEADER_BYTES = 12

/** struct kvec and struct bio_vec have one size; so has a fragment of an skb. @kernel include/linux/skbuff.h: skb_frag_t */
export const SKB_FRAG_BYTES = 16

/** Fragments of an skb. @kernel include/linux/skbuff.h: MAX_SKB_FRAGS; net.core.max_skb_frags is the same by default */
export const MAX_SKB_FRAGS = 17

/** Pages that one extraction of a splicing send may list. @kernel net/core/skbuff.c: skb_splice_from_iter */
export const SPLICE_PAGES_MAX = 8

/** Room that must be left in one, or another is taken. @kernel include/net/sock.h: sk_page_frag_refill (32) */
export const PAGE_FRAG_LEFT_MIN = 32

/** 45 segments of 1448 bytes: what fits GSO_LEGACY_MAX_SIZE less headers on Ethernet. @kernel net/ipv4/tcp.c: tcp_xmit_size_goal */
export const SIZE_GOAL_DEFAULT = 65160

/** Default block size of nfsd on a machine of 4 GiB: a 4096th of memory. @kernel fs/nfsd/nfssvc.c: nfsd_get_default_max_blksize */
export const BLOCK_BYTES_DEFAULT = 1 << 20

/** Largest block since 6.16; before it was 1 MiB. @kernel include/linux/sunrpc/svc.h: RPCSVC_MAXPAYLOAD */
export const BLOCK_BYTES_MAX = 4 << 20
const OLD_BLOCK_BYTES_MAX = 1 << 20

/** Pages, and entries of the array of a socket but for the marker's: 1 MiB and three more. @kernel include/linux/sunrpc/svc.h: RPCSVC_MAXPAGES (up to 6.15) */
export const RPCSVC_MAXPAGES = 259

/** Entries for the largest block, since 6.16. @kernel include/linux/sunrpc/svc.h: svc_serv_maxpages */
export const ENTRIES_MAX = BLOCK_BYTES_MAX / PAGE_SIZE + 1 + 3

/**
 * Head of the reply to an NFSv4.2 READ: RPC reply with an empty verifier 24, COMPOUND 12, SEQUENCE 44, PUTFH 8, READ 16.
 * @kernel net/sunrpc/svc.c: svc_process_common; fs/nfsd/nfs4xdr.c: nfsd4_encode_sequence, nfsd4_encode_read
 */
export const READ_REPLY_HEAD_BYTES = 104

/**
 * Head of an NFSv4.2 WRITE request: RPC call 24, AUTH_SYS with a host name of 8 bytes and no further groups 36, empty
 * verifier 8, COMPOUND 12, SEQUENCE 36, PUTFH with a handle of 28 bytes 36, WRITE 36.
 * @kernel net/sunrpc/auth_unix.c: unx_marshal; fs/nfs/nfs4xdr.c: nfs4_xdr_enc_write
 */
export const WRITE_REQUEST_HEAD_BYTES = 188

/** What comes behind its data and the padding: GETATTR with a bitmap of two words. @kernel fs/nfs/nfs4xdr.c: encode_getfattr */
export const WRITE_REQUEST_TAIL_BYTES = 16

/** The block size that holds: what was asked for, as far as the version allows. */
export function blockBytesOf(kernel: KernelVersion, asked: number): number {
  return Math.min(asked, isSince(kernel, '6.18') ? BLOCK_BYTES_MAX : OLD_BLOCK_BYTES_MAX)
}

/** Largest message: the block and a page, in whole pages. @kernel net/sunrpc/svc.c: __svc_create (sv_max_mesg) */
export function messageBytesMax(blockBytes: number): number {
  return Math.ceil(blockBytes / PAGE_SIZE) * PAGE_SIZE + PAGE_SIZE
}

/**
 * Entries that head, pages and tail may have together. Up to 6.15 it is a constant, since then it goes with the block size.
 * @kernel net/sunrpc/svcsock.c: svc_tcp_sendmsg (6.12: RPCSVC_MAXPAGES, 7.3: rq_maxpages); 6.18: taken as 7.3
 */
export function entriesMax(kernel: KernelVersion, blockBytes: number): number {
  return isSince(kernel, '6.18') ? messageBytesMax(blockBytes) / PAGE_SIZE + 3 : RPCSVC_MAXPAGES
}

/** Zeroes behind opaque data up to a multiple of four bytes. @kernel include/linux/sunrpc/xdr.h: xdr_pad_size */
export function padBytes(bytes: number): number {
  return (4 - (bytes % 4)) % 4
}
