import type { MemoryViews, PlainBatch } from './plain-batch.ts'
import type { PlainColumn } from './plain-schema.ts'

const HIGH = 2 ** 32
/** {@link copyNumbers}: a number is out of bounds. */
export const OUT_OF_BOUNDS = -1
/** Stands for high words that were not looked at: those of 2^52. */
const HIGHS_UNKNOWN = 1 << 20

type Values = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array

/** What numbers may be. */
export interface NumberBounds {
  readonly min: number
  readonly max: number
  /** What an empty cell is stored as. */
  readonly none: number
  /** -1 is stored as this, though it is below the least; null where it may not be. */
  readonly minusOne: number | null
}

/**
 * Copies numbers `from` to `from + count` of a column. Returns {@link OUT_OF_BOUNDS} where one of them is: what was copied then is
 * of no use. Else the high words, or'ed, or those of 2^52 where they were not looked at.
 */
export function copyNumbers(
  batch: PlainBatch,
  { node, buffer, bits, isSigned }: PlainColumn,
  from: number,
  count: number,
  out: Float64Array | Int32Array,
  bounds: NumberBounds,
): number {
  const { views } = batch
  const validity = batch.hasNulls(node, buffer) ? batch.places[buffer]! * 8 + from : -1
  if (validity >= 0 && noneThere(views.uint8, validity, count)) {
    out.fill(bounds.none, 0, count)
    return 0
  }
  const at = (batch.places[buffer + 1]! >> shiftOf(bits)) + from
  if (bits === 64 && validity < 0 && out instanceof Float64Array && bounds.max >= Number.MAX_SAFE_INTEGER) {
    const highs = copyPositive(views.int32, views.uint32, 2 * at, count, out)
    if (isSafe(highs)) return highs
  }
  const fits =
    bits === 64
      ? copyWide(isSigned, views, 2 * at, validity, count, out, bounds)
      : copyNarrow(valuesOf(views, bits, isSigned), at, views, validity, count, out, bounds)
  return fits ? HIGHS_UNKNOWN : OUT_OF_BOUNDS
}

/** Bytes of memory, shifted right by this, are places of values of a width in bits. */
export function shiftOf(bits: number): number {
  return 28 - Math.clz32(bits)
}

/** The high words of numbers, or'ed, tell that all are from 0 to 2^53 - 1. */
export function isSafe(highs: number): boolean {
  return highs >>> 21 === 0
}

/** And that all are below 2^52: two of them together are below 2^53. */
export function isBelow52(highs: number): boolean {
  return highs >>> 20 === 0
}

/** The memory as whole numbers of a width up to 32 bits. */
export function valuesOf(views: MemoryViews, bits: number, isSigned: boolean): Values {
  if (bits === 32) return isSigned ? views.int32 : views.uint32
  if (bits === 16) return isSigned ? views.int16 : views.uint16
  return isSigned ? views.int8 : views.uint8
}

/** None of the bits is set; `at`: the first one, counted from the start of the memory. */
export function noneThere(bytes: Uint8Array, at: number, count: number): boolean {
  let bit = at
  const end = at + count
  for (; bit < end && bit % 8 !== 0; bit++) if (isSet(bytes, bit)) return false
  for (; bit + 8 <= end; bit += 8) if (bytes[bit / 8] !== 0) return false
  for (; bit < end; bit++) if (isSet(bytes, bit)) return false
  return true
}

/** Bit `at` of the memory. Memory is longer than 2^28 bytes where bodies are: no shift. */
export function isSet(bytes: Uint8Array, at: number): boolean {
  return ((bytes[Math.floor(at / 8)]! >> (at % 8)) & 1) === 1
}

/**
 * Copies numbers of 64 bits, the low word of each first, that are not negative; their high words, or'ed. Four in a step: V8 looks
 * at the length of the arrays and for interrupts in each.
 */
export function copyPositive(
  words: Int32Array,
  lows: Uint32Array,
  from: number,
  count: number,
  out: Float64Array,
): number {
  const steps = count - (count % 4)
  let highs = 0
  for (let row = 0, at = from; row < steps; row += 4, at += 8) {
    const high0 = words[at + 1]!
    const high1 = words[at + 3]!
    const high2 = words[at + 5]!
    const high3 = words[at + 7]!
    highs |= high0 | high1 | high2 | high3
    out[row] = high0 * HIGH + lows[at]!
    out[row + 1] = high1 * HIGH + lows[at + 2]!
    out[row + 2] = high2 * HIGH + lows[at + 4]!
    out[row + 3] = high3 * HIGH + lows[at + 6]!
  }
  for (let row = steps; row < count; row++) {
    const high = words[from + 2 * row + 1]!
    highs |= high
    out[row] = high * HIGH + lows[from + 2 * row]!
  }
  return highs
}

/** {@link copyPositive} of numbers none of which is less than the one before, `last` before the first; -1 where one is. */
export function copyRising(
  words: Int32Array,
  lows: Uint32Array,
  from: number,
  count: number,
  out: Float64Array,
  last: number,
): number {
  const steps = count - (count % 4)
  let highs = 0
  let before = last
  for (let row = 0, at = from; row < steps; row += 4, at += 8) {
    const high0 = words[at + 1]!
    const high1 = words[at + 3]!
    const high2 = words[at + 5]!
    const high3 = words[at + 7]!
    highs |= high0 | high1 | high2 | high3
    const value0 = high0 * HIGH + lows[at]!
    const value1 = high1 * HIGH + lows[at + 2]!
    const value2 = high2 * HIGH + lows[at + 4]!
    const value3 = high3 * HIGH + lows[at + 6]!
    if (value0 < before || value1 < value0 || value2 < value1 || value3 < value2) return -1
    out[row] = value0
    out[row + 1] = value1
    out[row + 2] = value2
    out[row + 3] = value3
    before = value3
  }
  for (let row = steps; row < count; row++) {
    const high = words[from + 2 * row + 1]!
    highs |= high
    const value = high * HIGH + lows[from + 2 * row]!
    if (value < before) return -1
    out[row] = value
    before = value
  }
  return highs
}

function copyWide(
  isSigned: boolean,
  { int32, uint32, uint8 }: MemoryViews,
  at: number,
  validity: number,
  count: number,
  out: Float64Array | Int32Array,
  { min, max, none, minusOne }: NumberBounds,
): boolean {
  for (let row = 0; row < count; row++) {
    const high = isSigned ? int32[at + 2 * row + 1]! : uint32[at + 2 * row + 1]!
    const value = high * HIGH + uint32[at + 2 * row]!
    if (validity >= 0 && !isSet(uint8, validity + row)) out[row] = none
    else if (value >= min && value <= max) out[row] = value
    else if (value === -1 && minusOne !== null) out[row] = minusOne
    else return false
  }
  return true
}

function copyNarrow(
  values: Values,
  at: number,
  { uint8 }: MemoryViews,
  validity: number,
  count: number,
  out: Float64Array | Int32Array,
  { min, max, none, minusOne }: NumberBounds,
): boolean {
  for (let row = 0; row < count; row++) {
    const value = values[at + row]!
    if (validity >= 0 && !isSet(uint8, validity + row)) out[row] = none
    else if (value >= min && value <= max) out[row] = value
    else if (value === -1 && minusOne !== null) out[row] = minusOne
    else return false
  }
  return true
}
