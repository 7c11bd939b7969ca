import { EBADMSG } from '@pinscope/core'
import { TLS_HEADER_SIZE, TLS_NONCE_SIZE, TLS_TAG_SIZE, type TlsProtInfo } from './prot-info.ts'

/** Content type of application data. @kernel include/net/tls_prot.h: TLS_RECORD_TYPE_DATA (6.1: include/net/tls.h) */
export const TLS_RECORD_TYPE_DATA = 23

const SALT_SIZE = 4
const KEY_SIZE = 16

/** Key, salt and first nonce of one direction of a connection. @kernel include/uapi/linux/tls.h: struct tls12_crypto_info_aes_gcm_128 */
export interface TlsKeys {
  readonly key: Uint8Array
  readonly salt: Uint8Array
  readonly iv: Uint8Array
}

/** Which way the records go, as the socket sees it. @kernel include/uapi/linux/tls.h: TLS_TX, TLS_RX */
export type TlsWay = 'tx' | 'rx'

/** The keys that the model gives a socket, by the id of its file: the same in every replay. */
export function tlsKeys(file: number, way: TlsWay): TlsKeys {
  const seed = (file + 2) * 2 + (way === 'tx' ? 0 : 1)
  const bytes = (length: number, from: number) =>
    Uint8Array.from({ length }, (_, i) => Math.imul(seed * 31 + from + i, 0x9e3779b1) >>> 24)
  return { key: bytes(KEY_SIZE, 0), salt: bytes(SALT_SIZE, 100), iv: bytes(TLS_NONCE_SIZE, 200) }
}

/**
 * The record of number `sequence` with that plaintext, as it goes over the wire: header, TLS 1.2's explicit nonce,
 * ciphertext, tag. In TLS 1.3 the content type is sealed behind the plaintext, and `paddingBytes` zeroes behind it.
 * @kernel net/tls/tls_sw.c: tls_push_record, tls_do_encryption; net/tls/tls.h: tls_fill_prepend, tls_make_aad
 */
export function sealRecord(
  info: TlsProtInfo,
  keys: TlsKeys,
  sequence: number,
  plaintext: Uint8Array,
  paddingBytes = 0,
): Uint8Array {
  const inner = new Uint8Array(plaintext.length + info.tailSize + paddingBytes)
  inner.set(plaintext)
  if (info.isTls13) inner[plaintext.length] = TLS_RECORD_TYPE_DATA
  const record = new Uint8Array(info.prependSize + inner.length + TLS_TAG_SIZE)
  const explicit = explicitNonce(keys, sequence)
  record.set(headerOf(record.length - TLS_HEADER_SIZE))
  if (!info.isTls13) record.set(explicit, TLS_HEADER_SIZE)
  const cipher = crypto().createCipheriv('aes-128-gcm', keys.key, nonceOf(info, keys, sequence, explicit))
  cipher.setAAD(aadOf(info, sequence, inner.length))
  record.set(cipher.update(inner), info.prependSize)
  cipher.final()
  record.set(cipher.getAuthTag(), info.prependSize + inner.length)
  return record
}

/**
 * What a record holds, in TLS 1.3 with content type and padding; -EBADMSG for one that does not authenticate as number
 * `sequence` of these keys.
 * @kernel net/tls/tls_sw.c: tls_decrypt_sg, tls_do_decryption
 */
export function openRecord(
  info: TlsProtInfo,
  keys: TlsKeys,
  sequence: number,
  record: Uint8Array,
): Uint8Array | typeof EBADMSG {
  const end = record.length - TLS_TAG_SIZE
  const explicit = record.subarray(TLS_HEADER_SIZE, TLS_HEADER_SIZE + TLS_NONCE_SIZE)
  const nonce = nonceOf(info, keys, sequence, explicit)
  const decipher = crypto().createDecipheriv('aes-128-gcm', keys.key, nonce)
  decipher.setAAD(aadOf(info, sequence, end - info.prependSize))
  decipher.setAuthTag(record.subarray(end))
  const inner = decipher.update(record.subarray(info.prependSize, end))
  try {
    decipher.final()
  } catch {
    return EBADMSG
  }
  return inner
}

/** Bytes of content in what {@link openRecord} gave: without content type and padding. @kernel net/tls/tls_sw.c: tls_padding_length */
export function contentLength(info: TlsProtInfo, inner: Uint8Array): number {
  if (!info.isTls13) return inner.length
  let type = inner.length - 1
  while (type > 0 && inner[type] === 0) type--
  return type
}

/** The nonce counts up with the records. @kernel net/tls/tls.h: tls_advance_record_sn, tls_bigint_increment */
function explicitNonce({ iv }: TlsKeys, sequence: number): Uint8Array {
  const nonce = Uint8Array.from(iv)
  let carry = sequence
  for (let i = nonce.length - 1; i >= 0 && carry > 0; i--) {
    carry += nonce[i]
    nonce[i] = carry % 256
    carry = Math.floor(carry / 256)
  }
  return nonce
}

/** @kernel net/tls/tls.h: tls_xor_iv_with_seq (TLS 1.3) */
function nonceOf({ isTls13 }: TlsProtInfo, keys: TlsKeys, sequence: number, explicit: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(SALT_SIZE + TLS_NONCE_SIZE)
  nonce.set(keys.salt)
  nonce.set(isTls13 ? keys.iv : explicit, SALT_SIZE)
  if (isTls13) for (const [i, byte] of bigEndian(sequence).entries()) nonce[SALT_SIZE + i] ^= byte
  return nonce
}

/** @kernel net/tls/tls.h: tls_make_aad */
function aadOf({ isTls13, tailSize }: TlsProtInfo, sequence: number, innerBytes: number): Uint8Array {
  if (isTls13) return headerOf(innerBytes + TLS_TAG_SIZE)
  const header = headerOf(innerBytes - tailSize)
  return Uint8Array.from([...bigEndian(sequence), ...header])
}

/** Type, version 3.3 and length: TLS 1.3 calls itself 1.2 here. @kernel net/tls/tls.h: tls_fill_prepend */
function headerOf(lengthBytes: number): Uint8Array {
  return Uint8Array.of(TLS_RECORD_TYPE_DATA, 3, 3, lengthBytes >> 8, lengthBytes & 255)
}

/** Eight bytes, the highest first. */
function bigEndian(number: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number))
  return bytes
}

/** Loaded only where records are really sealed: a replay that counts does without. */
function crypto() {
  return process.getBuiltinModule('node:crypto')
}
