/** CRC-32C (Castagnoli), reflected: polynomial 0x82f63b78. */
const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/**
 * CRC-32C of bytes, going on from `seed`: without inversion before or after, as the kernel's function. The usual
 * checksum of a message is `~crc32c(0xffffffff, message) >>> 0`.
 * @kernel lib/crc: crc32c
 */
export function crc32c(seed: number, bytes: Uint8Array): number {
  let crc = seed
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ CRC32C_TABLE[(crc ^ bytes[i]) & 0xff]
  return crc >>> 0
}

/**
 * The Internet checksum (RFC 1071) of pieces that follow each other, of odd lengths too.
 * @kernel lib/checksum.c: csum_partial; include/net/checksum.h: csum_block_add, csum_fold
 */
export class InternetChecksum {
  /** Bytes summed so far. @kernel struct csum_state.off */
  lengthBytes = 0
  private sum = 0

  /** Adds the next bytes. */
  add(bytes: Uint8Array): void {
    let { sum } = this
    let isHigh = this.lengthBytes % 2 === 0
    for (let i = 0; i < bytes.length; i++) {
      sum += isHigh ? bytes[i] << 8 : bytes[i]
      isHigh = !isHigh
      if (sum > 0xffff_ffff) sum = fold(sum)
    }
    this.lengthBytes += bytes.length
    this.sum = sum
  }

  /** The checksum as it stands in a header: 16 bits, the complement of the sum. */
  value(): number {
    return ~fold(this.sum) & 0xffff
  }
}

/** Carries added back in until 16 bits are left. */
function fold(sum: number): number {
  let rest = sum
  while (rest > 0xffff) rest = (rest % 0x10000) + Math.floor(rest / 0x10000)
  return rest
}
