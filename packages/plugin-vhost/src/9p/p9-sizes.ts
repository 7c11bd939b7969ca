import { isSince, type KernelVersion, PAGE_SIZE } from '@pinscope/core'

/** Entries of the table that a request is packed into, and of the ring. @kernel net/9p/trans_virtio.c: VIRTQUEUE_NUM */
export const VIRTQUEUE_NUM = 128

/** Largest message: three entries are left for headers. @kernel net/9p/trans_virtio.c: p9_virtio_trans.maxsize */
export const MSIZE_MAX = PAGE_SIZE * (VIRTQUEUE_NUM - 3)

/** Smallest message that a mount accepts. @kernel net/9p/client.c: p9_client_create (since 7.x also fs/9p/v9fs.c) */
export const MSIZE_MIN = 4096

/** Room in a message for the header of a read or write. @kernel include/net/9p/9p.h: P9_IOHDRSZ, P9_READDIRHDRSZ */
export const P9_IOHDRSZ = 24

/** Buffers of a zero-copy request, one for each direction; a TWRITE's reply has all of it. @kernel include/net/9p/9p.h: P9_ZC_HDR_SZ */
export const P9_ZC_HDR_SZ = 4096

/** Requests of at most this many bytes are copied. @kernel net/9p/client.c: p9_client_read_once, p9_client_write */
export const COPIED_BYTES_MAX = 1024

/** TREAD, TWRITE, TREADDIR: size, type, tag, fid, offset and count. @kernel net/9p/client.c: format "dqd" behind P9_HDRSZ */
export const T_HEADER_BYTES = 23

/** RREAD, RREADDIR: size, type, tag and count; an RLERROR is no longer. @kernel net/9p/client.c: in_hdrlen */
export const R_HEADER_BYTES = 11

/** Buffer of a message whose length does not depend on the data. @kernel net/9p/protocol.c: p9_msg_buf_size, "tiny" */
export const TINY_MESSAGE_BYTES = 4096

/** Requests outstanding, at most: tags are 16 bits, and one is none. @kernel include/net/9p/9p.h: P9_NOTAG */
export const P9_NOTAG = 65535

/** A quarter of the pages of a 4 GiB machine, of which nr_free_buffer_pages() has a little less. */
export const POOL_PAGES_DEFAULT = 262144

export const VRING_DESC_BYTES = 16

/** The request's own object, bytes on 64-bit without debugging. @kernel include/net/9p/client.h: struct p9_req_t (since 6.x each of its two messages has a flag more) */
export function requestBytes(kernel: KernelVersion): number {
  return isSince(kernel, '6.12') ? 152 : 136
}

/**
 * The message size that is negotiated: 0 is the version's own default, 128 KiB, in which the header has found no room
 * before 6.12. @kernel net/9p/client.c: DEFAULT_MSIZE (7.3: include/net/9p/client.h), p9_client_create
 */
export function messageBytes(kernel: KernelVersion, msize: number): number {
  const standard = isSince(kernel, '6.12') ? 131072 + P9_IOHDRSZ : 131072
  return Math.min(Math.max(msize === 0 ? standard : msize, MSIZE_MIN), MSIZE_MAX)
}
