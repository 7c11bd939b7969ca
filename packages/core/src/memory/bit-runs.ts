/** Runs of bits in 32-bit words, counted from bit 0 of the first word on. */

/** Mask of the bits of one word from `from` (0 … 31) on, `count` of them (1 … 32). */
function maskOf(from: number, count: number): number {
  return (count === 32 ? -1 : (1 << count) - 1) << from
}

function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** The bit is set. */
export function hasBit(words: Int32Array, bit: number): boolean {
  return ((words[bit >>> 5] >>> (bit & 31)) & 1) === 1
}

/** Every bit of the run is set. */
export function hasBits(words: Int32Array, bit: number, count: number): boolean {
  const end = bit + count
  for (let at = bit; at < end; ) {
    const from = at & 31
    const rest = end - at
    const bits = rest < 32 - from ? rest : 32 - from
    const mask = maskOf(from, bits)
    if ((words[at >>> 5] & mask) !== mask) return false
    at += bits
  }
  return true
}

/** Sets a run of bits; returns how many were clear. */
export function setBits(words: Int32Array, bit: number, count: number): number {
  const end = bit + count
  let added = 0
  for (let at = bit; at < end; ) {
    const from = at & 31
    const bits = Math.min(end - at, 32 - from)
    const mask = maskOf(from, bits)
    added += countBits(mask & ~words[at >>> 5])
    words[at >>> 5] |= mask
    at += bits
  }
  return added
}

/** Clears a run of bits. */
export function clearBits(words: Int32Array, bit: number, count: number): void {
  const end = bit + count
  for (let at = bit; at < end; ) {
    const from = at & 31
    const bits = Math.min(end - at, 32 - from)
    words[at >>> 5] &= ~maskOf(from, bits)
    at += bits
  }
}
