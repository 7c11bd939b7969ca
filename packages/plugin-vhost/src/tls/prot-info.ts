/** Most elements of one sk_msg, and so of a record's plaintext and of its encrypted form. @kernel include/linux/skmsg.h: MAX_MSG_FRAGS (MAX_SKB_FRAGS, 17) */
export const MAX_MSG_FRAGS = 17

/** A record of the device path is closed with this many frags: one is left for the tag. @kernel net/tls/tls_device.c: tls_push_data (MAX_SKB_FRAGS - 1) */
export const DEVICE_FRAGS_MAX = 16

/** Most plaintext bytes of a record. @kernel include/net/tls.h: TLS_MAX_PAYLOAD_SIZE */
export const TLS_MAX_PAYLOAD_SIZE = 16384

/** Bytes of a record's header: type, version, length. @kernel include/net/tls.h: TLS_HEADER_SIZE */
export const TLS_HEADER_SIZE = 5

/** Bytes of the authentication tag. @kernel include/net/tls.h: TLS_TAG_SIZE */
export const TLS_TAG_SIZE = 16

/** Bytes of the nonce that a TLS 1.2 record carries. @kernel include/uapi/linux/tls.h: TLS_CIPHER_AES_GCM_128_IV_SIZE */
export const TLS_NONCE_SIZE = 8

/** Bytes of a `struct tls_rec` with its request; a cipher's own context comes on top and is not modelled. @kernel net/tls/tls.h: struct tls_rec */
export const TLS_REC_BYTES = 1736

/** Bytes of a record of the device path. @kernel include/net/tls.h: struct tls_record_info */
export const TLS_RECORD_INFO_BYTES = 304

/** Bytes of an skb without data and of its shared info. @kernel include/linux/skbuff.h: struct sk_buff, struct skb_shared_info */
export const SKB_BYTES = 552

/** Bytes of the request and of `struct tls_decrypt_ctx`, before its scatterlist. @kernel net/tls/tls_sw.c: struct tls_decrypt_ctx */
export const DECRYPT_CTX_BYTES = 120

/** Sizes, in bytes, that a TLS version gives the records of AES-GCM-128. @kernel include/net/tls.h: struct tls_prot_info */
export interface TlsProtInfo {
  /** Bytes before the payload: header, and in TLS 1.2 the explicit nonce. */
  readonly prependSize: number
  readonly tagSize: number
  /** Bytes of the content type behind the payload: TLS 1.3. */
  readonly tailSize: number
  /** prepend, tag and tail: 29 for TLS 1.2, 22 for TLS 1.3. */
  readonly overheadSize: number
  readonly aadSize: number
  readonly isTls13: boolean
}

/** The sizes of TLS 1.2 (`version` 12) or 1.3 (13). @kernel net/tls/tls_sw.c: init_prot_info (6.1: tls_set_sw_offload) */
export function tlsProtInfo(version: number): TlsProtInfo {
  const isTls13 = version === 13
  const prependSize = TLS_HEADER_SIZE + (isTls13 ? 0 : TLS_NONCE_SIZE)
  const tailSize = isTls13 ? 1 : 0
  return {
    prependSize,
    tagSize: TLS_TAG_SIZE,
    tailSize,
    overheadSize: prependSize + TLS_TAG_SIZE + tailSize,
    aadSize: isTls13 ? TLS_HEADER_SIZE : 13,
    isTls13,
  }
}
