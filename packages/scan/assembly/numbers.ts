// Numbers of up to 16 digits, all digits at once: the 16 bytes in front of their end, with zeros in place of what is not
// theirs, so that each digit has its place value; then neighbours are put together, twice as many at each step.

/** 16 bytes from `count` on: all but the last `count` are zero. */
const LAST: usize = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  255, 255,
])

/** The `count` bytes before `end` as the digits of a decimal number; {@link areDecimal} tells whether they are. */
@inline
export function decimalDigits(end: usize, count: usize): v128 {
  return v128.and(i8x16.sub(v128.load(end - 16), i8x16.splat(48)), v128.load(LAST + count))
}

@inline
export function areDecimal(digits: v128): bool {
  return i8x16.bitmask(topBitFrom(digits, 10)) === 0
}

/** The number of 16 decimal digits. */
@inline
export function decimalValue(digits: v128): u64 {
  // Of two digits the first is the low byte: a * 2560 + a + b * 256 has a * 10 + b in the high one.
  const pairs = i16x8.shr_u(i16x8.mul(digits, i16x8.splat(2561)), 8)
  const fours = i32x4.dot_i16x8_s(pairs, i16x8(100, 1, 100, 1, 100, 1, 100, 1))
  const eights = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(fours, fours), i16x8(10000, 1, 10000, 1, 10000, 1, 10000, 1))
  const both = i64x2.extract_lane(eights, 0)
  return <u64>(<u32>both) * 100000000 + (both >>> 32)
}

/** How many hexadecimal digits stand at `at`, of which 16 are looked at. */
@inline
export function hexadecimalCount(at: usize): usize {
  const text = v128.load(at)
  const decimals = topBitFrom(i8x16.sub(text, i8x16.splat(48)), 10)
  const letters = topBitFrom(i8x16.sub(v128.or(text, i8x16.splat(0x20)), i8x16.splat(97)), 6)
  return ctz(i8x16.bitmask(v128.and(decimals, letters)) | (1 << 16))
}

/** The number of the `count` hexadecimal digits before `end`. */
@inline
export function hexadecimalValue(end: usize, count: usize): u64 {
  const text = v128.and(v128.load(end - 16), v128.load(LAST + count))
  // Letters, of either case, are those with 0x40: their low half is their value less nine.
  const letters = v128.and(text, i8x16.splat(0x40))
  const nines = v128.or(i16x8.shr_u(letters, 6), i16x8.shr_u(letters, 3))
  const digits = i8x16.add(v128.and(text, i8x16.splat(15)), nines)
  const high = v128.and(i16x8.shl(digits, 4), i16x8.splat(0xf0))
  const bytes = v128.or(high, i16x8.shr_u(digits, 8))
  return bswap<u64>(i64x2.extract_lane(i8x16.narrow_i16x8_u(bytes, bytes), 0))
}

/** The bytes that are `least` and above get their top bit; the others do not have it. */
@inline
function topBitFrom(bytes: v128, least: u8): v128 {
  return i8x16.add_sat_u(bytes, i8x16.splat(<i8>(128 - least)))
}
