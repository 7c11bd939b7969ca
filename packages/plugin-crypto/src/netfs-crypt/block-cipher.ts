import { InvariantError } from '@pinscope/core'

/** AES-256 in XTS mode: two keys, and the block number as the tweak. @kernel xts(aes) */
export const CIPHER_XTS = 0
/** AES-256 in CBC mode with ciphertext stealing (CS3: the last two blocks always change places). @kernel cts(cbc(aes)) */
export const CIPHER_CTS = 1

const AES_BLOCK_BYTES = 16

/**
 * The key of every file, for the model has no secrets: that of vector 10 in IEEE 1619-2007, annex B (XTS-AES-256). CBC uses
 * its first half.
 */
export const MODEL_KEY: Uint8Array = bytesOfHex(
  '2718281828459045235360287471352662497757247093699959574966967627' +
    '3141592653589793238462643383279502884197169399375105820974944592',
)

type NodeCrypto = typeof import('node:crypto')

/** node:crypto, loaded when it is first asked for: a replay that only counts never does. */
function nodeCrypto(): NodeCrypto {
  const crypto: NodeCrypto | undefined = process.getBuiltinModule('node:crypto')
  if (crypto === undefined) throw new InvariantError('node:crypto is part of Node')
  return crypto
}

/**
 * Encrypts or decrypts a crypto block of 16 bytes or more with the model's key; `block` is its number in the file. Not for
 * the hot path: only where pages hold bytes.
 */
export function cryptBlock(cipher: number, isEncrypt: boolean, bytes: Uint8Array, block: number): Uint8Array {
  const iv = blockIv(block)
  if (cipher === CIPHER_XTS) return xts(MODEL_KEY, iv, isEncrypt, bytes)
  const key = MODEL_KEY.subarray(0, 32)
  return isEncrypt ? ctsEncrypt(key, iv, bytes) : ctsDecrypt(key, iv, bytes)
}

/** The number in little endian, and zeroes. @kernel fs/crypto/crypto.c: fscrypt_generate_iv */
export function blockIv(block: number): Uint8Array {
  const iv = new Uint8Array(AES_BLOCK_BYTES)
  new DataView(iv.buffer).setBigUint64(0, BigInt(block), true)
  return iv
}

/** XTS of one data unit: it must be passed in one piece. Key of 32 or 64 bytes. @kernel crypto/xts.c */
export function xts(key: Uint8Array, tweak: Uint8Array, isEncrypt: boolean, bytes: Uint8Array): Uint8Array {
  const { createCipheriv, createDecipheriv } = nodeCrypto()
  const name = key.length === 64 ? 'aes-256-xts' : 'aes-128-xts'
  const cipher = isEncrypt ? createCipheriv(name, key, tweak) : createDecipheriv(name, key, tweak)
  return Uint8Array.from(cipher.update(bytes))
}

/** CBC of the data padded with zeroes; then the last two blocks change places and the end is cut. @kernel crypto/cts.c: crypto_cts_encrypt */
export function ctsEncrypt(key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): Uint8Array {
  const last = lastBlock(bytes.length)
  const padded = new Uint8Array(last + AES_BLOCK_BYTES)
  padded.set(bytes)
  const out = cbc(key, iv, true, padded)
  if (last > 0) exchange(out, last - AES_BLOCK_BYTES, last)
  return out.subarray(0, bytes.length)
}

/** @kernel crypto/cts.c: crypto_cts_decrypt */
export function ctsDecrypt(key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): Uint8Array {
  const last = lastBlock(bytes.length)
  if (last === 0) return cbc(key, iv, false, bytes)
  const before = last - AES_BLOCK_BYTES
  const tail = bytes.length - last
  // The block before the last one was encrypted last: what stands behind the data's end in it was stolen from the other.
  const stolen = cbc(key, new Uint8Array(AES_BLOCK_BYTES), false, bytes.subarray(before, last))
  const padded = new Uint8Array(last + AES_BLOCK_BYTES)
  padded.set(bytes)
  padded.set(stolen.subarray(tail), last + tail)
  exchange(padded, before, last)
  return cbc(key, iv, false, padded).subarray(0, bytes.length)
}

function cbc(key: Uint8Array, iv: Uint8Array, isEncrypt: boolean, bytes: Uint8Array): Uint8Array {
  const { createCipheriv, createDecipheriv } = nodeCrypto()
  const name = key.length === 32 ? 'aes-256-cbc' : 'aes-128-cbc'
  const cipher = isEncrypt ? createCipheriv(name, key, iv) : createDecipheriv(name, key, iv)
  // Whole blocks and no padding: nothing is left for final().
  cipher.setAutoPadding(false)
  return Uint8Array.from(cipher.update(bytes))
}

/** Where the last block begins, whole or not. */
function lastBlock(lengthBytes: number): number {
  return Math.floor((lengthBytes - 1) / AES_BLOCK_BYTES) * AES_BLOCK_BYTES
}

function exchange(bytes: Uint8Array, a: number, b: number): void {
  const kept = bytes.slice(a, a + AES_BLOCK_BYTES)
  bytes.copyWithin(a, b, b + AES_BLOCK_BYTES)
  bytes.set(kept, b)
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}
