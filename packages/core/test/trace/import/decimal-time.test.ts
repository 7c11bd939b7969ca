import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  TIME_FILETIME,
  TIME_MS,
  TIME_NS,
  TIME_SECONDS,
  TIME_US,
  timeInto,
  timeText,
} from '../../../src/trace/import/text/decimal-time.ts'

/** Seconds and ns of the text, or null when it is refused. */
function read(text: string, unit: number): [number, number] | null {
  const clock = new Float64Array(2)
  const bytes = Buffer.from(`9${text},9`)
  return timeInto(bytes, 1, 1 + text.length, unit, clock) ? [clock[0]!, clock[1]!] : null
}

describe('decimal times', () => {
  it.each([
    ['1456135200.013118000', TIME_SECONDS, 1456135200, 13_118_000],
    ['0.000774', TIME_SECONDS, 0, 774_000],
    ['1538323199', TIME_SECONDS, 1538323199, 0],
    // Windows, which no double holds: 128166372003061629 is odd, and above 2^56.
    ['128166372003061629', TIME_FILETIME, 12816637200, 306_162_900],
    ['1577808000000626', TIME_US, 1577808000, 626_000],
    ['1577808000000000626', TIME_NS, 1577808000, 626],
    ['13.4391', TIME_MS, 0, 13_439_100],
    // Below a nanosecond: dropped.
    ['13.43912345678', TIME_MS, 0, 13_439_123],
    ['1.9', TIME_NS, 0, 1],
    ['0', TIME_NS, 0, 0],
    ['000000000000000000007', TIME_FILETIME, 0, 700],
  ])('%s in unit %i', (text, unit, seconds, ns) => {
    expect(read(text, unit)).toEqual([seconds, ns])
  })

  it.each(['', '.', '.5', '12.', '-1', '+1', '1e9', '1 ', ' 1', '1.2.3', '0x10', '1,5', '1234567890123456'])(
    '"%s" is no number of seconds',
    (text) => {
      expect(read(text, TIME_SECONDS)).toBeNull()
    },
  )

  it('is what BigInt makes of it, in every unit, and is written as the same', () => {
    const digits = fc.bigInt({ min: 0n, max: 10n ** 23n })
    const unit = fc.constantFrom(TIME_SECONDS, TIME_MS, TIME_US, TIME_FILETIME, TIME_NS)
    fc.assert(
      fc.property(digits, fc.nat(999_999_999), unit, (whole, part, power) => {
        const rest = power === 0 ? '' : `.${String(part).padStart(9, '0').slice(0, power)}`
        const ns = whole * 10n ** BigInt(power) + BigInt(rest === '' ? 0 : rest.slice(1).padEnd(power, '0'))
        const clock = read(`${whole}${rest}`, power)
        if (ns >= 10n ** 24n) {
          expect(clock).toBeNull()
          return
        }
        expect(clock).toEqual([Number(ns / 10n ** 9n), Number(ns % 10n ** 9n)])
        expect(read(timeText(clock![0], clock![1], power), power)).toEqual(clock)
      }),
      { seed: 12, numRuns: 500 },
    )
  })
})
