/** `bytes[from..to)` as latin-1, which keeps every byte. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}

/**
 * Decimal text split into whole seconds and nanoseconds: `1456135200.013118000`, `12.5`. Null when it is no such number, or
 * has more than 15 digits before the point. Digits below a nanosecond are dropped.
 */
export function secondsOf(text: string): { seconds: number; ns: number } | null {
  const match = /^(\d{1,15})(?:\.(\d{1,30}))?$/.exec(text)
  if (match === null) return null
  return { seconds: Number(match[1]), ns: Number((match[2] ?? '').slice(0, 9).padEnd(9, '0')) }
}

/**
 * A whole number of ticks, `perSecond` = 10^n to the second, split into seconds and nanoseconds: for clocks whose numbers do
 * not fit a double (100 ns since 1601, ns since 1970). Null when it is no number of at most 24 digits.
 */
export function ticksOf(text: string, perSecond: number): { seconds: number; ns: number } | null {
  if (!/^\d{1,24}$/.test(text)) return null
  const digits = Math.round(Math.log10(perSecond))
  const whole = text.slice(0, Math.max(0, text.length - digits))
  const rest = text.slice(whole.length).padStart(digits, '0').padEnd(9, '0').slice(0, 9)
  return { seconds: whole === '' ? 0 : Number(whole), ns: Number(rest) }
}

/** A whole number from 0 to 2^53 - 1, decimal; null when it is none. */
export function countOf(text: string): number | null {
  if (!/^\d{1,16}$/.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}

/** A whole number from 0 to 2^53 - 1, decimal or with 0x; null when it is none. */
export function integerOf(text: string): number | null {
  if (!/^0[xX][0-9a-fA-F]{1,16}$/.test(text)) return countOf(text)
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}
