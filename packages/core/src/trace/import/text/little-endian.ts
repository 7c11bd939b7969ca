/** Bytes as whole numbers, least significant byte first. Unaligned, and without a view of the buffer, which is replaced now and then. */

/** 2 bytes. */
export function u16At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

/** 4 bytes. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/** 8 bytes; above 2^53 - 1 the nearest double, which is no safe integer. */
export function u64At(bytes: Uint8Array, at: number): number {
  return u32At(bytes, at + 4) * 0x1_0000_0000 + u32At(bytes, at)
}
