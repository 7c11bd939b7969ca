const ZERO = 48
const POINT = 46
/** Digits of a nanosecond count below a second. */
const NS_DIGITS = 9
const NS_PER_SECOND = 1_000_000_000
const POWERS_OF_TEN = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
/** Seconds are exact in a double up to here; so many digits fit any clock that a trace may have. */
const SECONDS_DIGITS_MAX = 15

/** Units of time as powers of ten: ns in one of them is 10^n. */
export const TIME_SECONDS = 9
export const TIME_MS = 6
export const TIME_US = 3
/** 100 ns, as Windows counts from 1601. */
export const TIME_FILETIME = 2
export const TIME_NS = 0

/**
 * Reads a decimal time, `1456135200.013118`, `128166372003061629`, out of `bytes[from..to)`: whole seconds into `clock[0]`, the
 * nanoseconds above them into `clock[1]`. `unit`: what it counts in, `TIME_*`. Digits below a nanosecond are dropped. False
 * when it is no such number, or has too many digits. Nothing is made of the number as a whole, which may not fit a double.
 */
export function timeInto(bytes: Uint8Array, from: number, to: number, unit: number, clock: Float64Array): boolean {
  // Most times have no point, and those in seconds have one that its digits lead to.
  const below = NS_DIGITS - unit
  if (below > 0 && splitInto(bytes, from, to - below, to, unit, clock)) return true
  let point = from
  while (point < to && isDigit(bytes[point]!)) point++
  if (point === from || !splitInto(bytes, from, point - below, point, unit, clock)) return false
  return point === to || fractionInto(bytes, point, to, unit, clock)
}

/** Reads digits: whole seconds before `split`, and whole units behind it. False when there are others, none, or too many. */
function splitInto(
  bytes: Uint8Array,
  from: number,
  split: number,
  to: number,
  unit: number,
  clock: Float64Array,
): boolean {
  const middle = split > from ? split : from
  if (to <= from || middle - from > SECONDS_DIGITS_MAX) return false
  const seconds = wholeOf(bytes, from, middle)
  const units = wholeOf(bytes, middle, to)
  if (seconds < 0 || units < 0) return false
  clock[0] = seconds
  clock[1] = units * POWERS_OF_TEN[unit]!
  return true
}

/** Adds the digits behind the point at `from` to `clock[1]`; false when something else stands there. */
function fractionInto(bytes: Uint8Array, from: number, to: number, unit: number, clock: Float64Array): boolean {
  if (bytes[from] !== POINT || from + 1 === to) return false
  const stop = to - from - 1 > unit ? from + 1 + unit : to
  let next = from + 1
  while (next < to && isDigit(bytes[next]!)) next++
  if (next !== to) return false
  clock[1]! += wholeOf(bytes, from + 1, stop) * POWERS_OF_TEN[unit - (stop - from - 1)]!
  return true
}

/** The time as its unit has it, in full: what {@link timeInto} reads back as the same. */
export function timeText(seconds: number, ns: number, unit: number): string {
  const digits = `${seconds}${String(ns).padStart(NS_DIGITS, '0')}`
  const whole = digits.slice(0, digits.length - unit).replace(/^0+(?=\d)/, '')
  const rest = unit === 0 ? '' : digits.slice(-unit).replace(/0+$/, '')
  return rest === '' ? whole : `${whole}.${rest}`
}

/** A duration of so many seconds and nanoseconds, ns. */
export function nsOf(clock: Float64Array): number {
  return clock[0]! * NS_PER_SECOND + clock[1]!
}

/** Value of the digits; -1 when something else stands there. */
function wholeOf(bytes: Uint8Array, from: number, to: number): number {
  // Nine digits fit an int32, which is several times as fast as a double.
  const stop = to - from > NS_DIGITS ? from + NS_DIGITS : to
  let head = 0
  let at = from
  for (; at < stop; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return -1
    head = (head * 10 + digit) | 0
  }
  if (at === to) return head
  let value = head
  for (; at < to; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9
}
