import { FAULT_FORM, FAULT_LARGE, FAULT_RANGE } from './faults.ts'
import { INTEGER_MAX } from './limits.ts'

// Every function here reads up to the first byte that does not belong to the number and returns its position, or a
// fault. A line feed follows every line in memory, so no end is checked. Values go into a column, not into a return
// value: a double that is returned is a heap object.

/** Reads decimal digits into `out[index]`. */
export function decimalInto(bytes: Uint8Array, at: number, out: Float64Array, index: number): number {
  let next = at
  let digit = bytes[next]! - 48
  if (digit < 0 || digit > 9) return FAULT_FORM
  let value = 0
  // Nine digits fit an int32, which is several times as fast as a double.
  const stop = at + 9
  do {
    value = (value * 10 + digit) | 0
    next++
    digit = bytes[next]! - 48
  } while (digit >= 0 && digit <= 9 && next < stop)
  out[index] = value
  return digit >= 0 && digit <= 9 ? moreDigitsInto(bytes, next, out, index) : next
}

/** Reads decimal digits of a number up to `max` into an int32 column. `scratch` takes a longer one. */
export function int32Into(
  bytes: Uint8Array,
  at: number,
  out: Int32Array,
  index: number,
  max: number,
  scratch: Float64Array,
): number {
  let next = at
  let digit = bytes[next]! - 48
  if (digit < 0 || digit > 9) return FAULT_FORM
  let value = 0
  const stop = at + 9
  do {
    value = (value * 10 + digit) | 0
    next++
    digit = bytes[next]! - 48
  } while (digit >= 0 && digit <= 9 && next < stop)
  if (digit >= 0 && digit <= 9) {
    next = decimalInto(bytes, at, scratch, 0)
    if (next < 0) return next
    if (scratch[0]! > max) return FAULT_RANGE
    value = scratch[0]! | 0
  }
  out[index] = value
  return next
}

/** The tenth digit and on, nine at a time. */
function moreDigitsInto(bytes: Uint8Array, at: number, out: Float64Array, index: number): number {
  let total = out[index]!
  let next = at
  let digit = bytes[next]! - 48
  while (digit >= 0 && digit <= 9) {
    let value = 0
    let scale = 1
    const stop = next + 9
    while (digit >= 0 && digit <= 9 && next < stop) {
      value = (value * 10 + digit) | 0
      scale = (scale * 10) | 0
      next++
      digit = bytes[next]! - 48
    }
    total = total * scale + value
    // Exact whenever it is not above the limit; a sum that was rounded is at least 2^53.
    if (total > INTEGER_MAX) return FAULT_LARGE
  }
  out[index] = total
  return next
}

/** Value of every byte as a hexadecimal digit; 16 for what is none. */
export type HexDigits = Uint8Array

/** Builds {@link HexDigits}. Letters and digits mix at random in an address: a table has no branch to guess wrong. */
export function hexDigits(): HexDigits {
  const digits = new Uint8Array(256).fill(16)
  for (let value = 0; value < 16; value++) {
    const letter = value.toString(16)
    digits[letter.charCodeAt(0)] = value
    digits[letter.toUpperCase().charCodeAt(0)] = value
  }
  return digits
}

/** Reads hexadecimal digits, without the `0x`, into `out[index]`. */
export function hexInto(digits: HexDigits, bytes: Uint8Array, at: number, out: Float64Array, index: number): number {
  let next = at
  while (bytes[next] === 48) next++
  let high = 0
  let digit = digits[bytes[next]!]!
  // Seven digits are 28 bits.
  const highStop = next + 7
  while (digit < 16 && next < highStop) {
    high = (high << 4) | digit
    next++
    digit = digits[bytes[next]!]!
  }
  let low = 0
  let scale = 1
  const lowStop = next + 7
  while (digit < 16 && next < lowStop) {
    low = (low << 4) | digit
    scale = scale << 4
    next++
    digit = digits[bytes[next]!]!
  }
  if (next === at) return FAULT_FORM
  const value = high * scale + low
  if (digit < 16 || value > INTEGER_MAX) return FAULT_LARGE
  out[index] = value
  return next
}
