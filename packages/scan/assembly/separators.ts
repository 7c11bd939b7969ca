/** By the low half of a byte: the one byte with it that ends a cell of the common form, or some byte with another low half. */
const ENDS: usize = memory.data<u8>([0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 10, 0, 44, 13, 0, 0], 16)

/** Bytes that {@link separators} looks at. */
export const BLOCK_BYTES: usize = 64

/** A bit for each of 64 bytes at which no cell of the common form goes on: a comma, line end, quote or NUL. */
@inline
export function separators(at: usize): u64 {
  const low = <u64>separators16(at) | ((<u64>separators16(at + 16)) << 16)
  return low | ((<u64>separators16(at + 32)) << 32) | ((<u64>separators16(at + 48)) << 48)
}

@inline
function separators16(at: usize): u32 {
  const text = v128.load(at)
  return i8x16.bitmask(i8x16.eq(i8x16.swizzle(v128.load(ENDS), v128.and(text, i8x16.splat(15))), text))
}
