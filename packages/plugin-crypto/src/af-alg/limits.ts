import {
  type ConsumerLimit,
  type ConsumerOption,
  type KernelVersion,
  numberOption,
  SCATTERLIST_BYTES,
} from '@pinscope/core'

/** Most entries of one receive list, and of one chunk that is hashed. @kernel include/crypto/if_alg.h: ALG_MAX_PAGES */
export const ALG_MAX_PAGES = 16

/** Most entries of one block of the transmit list: a page, less its head and a link. @kernel include/crypto/if_alg.h: MAX_SGL_ENTS */
export const MAX_SGL_ENTS = 126

/** Bytes of a block of the transmit list: its head and 127 entries. @kernel include/crypto/if_alg.h: struct af_alg_tsgl */
export const TSGL_BYTES = 24 + (MAX_SGL_ENTS + 1) * SCATTERLIST_BYTES

/** Bytes that a socket may queue, and have in flight, unless it says otherwise. @kernel include/net/sock.h: SK_WMEM_MAX; net.core.wmem_default, rmem_default */
export const SOCKET_BUFFER_BYTES = 212_992

/** What differs between versions in the memory that a socket takes. 64-bit layouts, without the algorithm's own part. */
export interface AlgSizes {
  /** @kernel include/crypto/if_alg.h: struct af_alg_async_req, the first receive list in it included */
  readonly areqBytes: number
  /** @kernel include/crypto/if_alg.h: struct af_alg_rsgl (6.1 has an array of page pointers in it) */
  readonly rsglBytes: number
  /** What the socket has from the start: struct af_alg_ctx and an IV of 16 bytes. @kernel crypto/algif_skcipher.c: skcipher_accept_parent_nokey */
  readonly ctxBytes: number
  /** @kernel net/core/sock.c: sysctl_optmem_max (6.1); net/core/net_namespace.c: preinit_net_sysctl (since 6.8) */
  readonly optmemBytes: number
}

/** {@link AlgSizes} of each version. 6.18 is taken as 6.12: no source of it was at hand. */
export const ALG_SIZES: Readonly<Record<KernelVersion, AlgSizes>> = {
  '6.1': { areqBytes: 848, rsglBytes: 704, ctxBytes: 112, optmemBytes: 20_480 },
  '6.12': { areqBytes: 736, rsglBytes: 592, ctxBytes: 120, optmemBytes: 131_072 },
  '6.18': { areqBytes: 736, rsglBytes: 592, ctxBytes: 120, optmemBytes: 131_072 },
  mainline: { areqBytes: 728, rsglBytes: 592, ctxBytes: 120, optmemBytes: 131_072 },
}

/** Most bytes of an option: no buffer is larger. */
const BYTES_MAX = 2 ** 30

/** Of every AF_ALG consumer. */
export const SNDBUF_OPTION = numberOption(
  'sndbuf',
  'SO_SNDBUF of the sockets: bytes that may be queued for a receive (hash: bytes in one chunk)',
  'bytes',
  SOCKET_BUFFER_BYTES,
  4608,
  BYTES_MAX,
)

/** Of the two cipher consumers. */
export const CIPHER_OPTIONS: readonly ConsumerOption[] = [
  SNDBUF_OPTION,
  numberOption(
    'rcvbuf',
    'SO_RCVBUF of the sockets: bytes of receive lists that one request may have',
    'bytes',
    SOCKET_BUFFER_BYTES,
    2304,
    BYTES_MAX,
  ),
  numberOption(
    'optmem-max',
    'net.core.optmem_max: lists and requests of one socket; 0 is the default of the kernel version',
    'bytes',
    0,
    0,
    BYTES_MAX,
  ),
]

/** One chunk, or one receive list. */
export const MAX_PAGES_LIMIT: ConsumerLimit = {
  name: 'ALG_MAX_PAGES',
  max: ALG_MAX_PAGES,
  unit: 'entries',
  summary: 'entries of one receive list, and of one chunk of a hash: further data goes into the next one',
  kernel: 'include/crypto/if_alg.h: ALG_MAX_PAGES',
}

/** Limits of the two cipher consumers. */
export const CIPHER_LIMITS: readonly ConsumerLimit[] = [
  MAX_PAGES_LIMIT,
  {
    name: 'MAX_SGL_ENTS',
    max: MAX_SGL_ENTS,
    unit: 'entries',
    summary: 'entries of one block of the transmit list: further pages go into a block chained to it',
    kernel: 'include/crypto/if_alg.h: MAX_SGL_ENTS',
  },
  {
    name: 'sk_sndbuf',
    max: SOCKET_BUFFER_BYTES,
    unit: 'bytes',
    summary: 'bytes queued: with less than a page of room a send waits (-EAGAIN with nowait)',
    kernel: 'include/crypto/if_alg.h: af_alg_writable',
  },
  {
    name: 'sk_rcvbuf',
    max: SOCKET_BUFFER_BYTES,
    unit: 'bytes',
    summary: 'bytes of the receive lists of one request: what is behind them is left to the next request',
    kernel: 'include/crypto/if_alg.h: af_alg_readable',
  },
  {
    name: 'optmem_max',
    max: ALG_SIZES['6.12'].optmemBytes,
    unit: 'bytes',
    summary: 'lists and requests of one socket (20480 before 6.8): -ENOMEM beyond it',
    kernel: 'net/core/sock.c: sock_kmalloc',
  },
]
