import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FLAG_ASSUMED } from '../../../src/iter/row-flags.ts'
import { addPins } from '../../../src/trace/layout/pins-of-row.ts'
import { OpBatch } from '../../../src/trace/op-batch.ts'
import { layoutOf, placeBytes } from './place.ts'

/** The pins of one row with these segments. */
function pinsOf(segments: readonly (readonly [number, number])[], flags: number) {
  const batch = new OpBatch()
  for (const [address, length] of segments) batch.segments.push(address, 0, length)
  batch.length = 1
  batch.flags[0] = flags
  batch.segmentCount[0] = segments.length
  const pins = { min: 0, expected: 0, max: 0 }
  addPins(pins, batch, 0)
  return pins
}

/** Pages touched from every byte of a page on: least, sum over all 4096, and most. */
function byHand(length: number) {
  let min = Number.POSITIVE_INFINITY
  let max = 0
  let sum = 0
  for (let offset = 0; offset < 4096; offset++) {
    const pages = Math.floor((offset + length - 1) / 4096) + 1
    min = Math.min(min, pages)
    max = Math.max(max, pages)
    sum += pages
  }
  return { min, expected: sum / 4096, max }
}

describe('pins of a row whose addresses are assumed', () => {
  it('are those of all 4096 places where a buffer may begin', () => {
    const length = fc.oneof(
      fc.constantFrom(1, 2, 3, 511, 512, 513, 4094, 4095, 4096, 4097, 4098, 8191, 8192, 8193, 8194, 65536, 1 << 20),
      fc.integer({ min: 1, max: 0xffff_ffff }),
    )
    fc.assert(
      fc.property(length, (bytes) => {
        expect(pinsOf([[0, bytes]], FLAG_ASSUMED)).toEqual(byHand(bytes))
      }),
      { seed: 3, numRuns: 300 },
    )
  })

  it('do not depend on where the layout put it', () => {
    for (const address of [0, 1, 4095]) expect(pinsOf([[address, 5000]], FLAG_ASSUMED)).toEqual(byHand(5000))
  })

  it('add up over segments, and segments of no bytes have none', () => {
    const [a, b] = [byHand(100), byHand(9000)]
    const sum = { min: a.min + b.min, expected: a.expected + b.expected, max: a.max + b.max }
    expect(
      pinsOf(
        [
          [0, 100],
          [7, 0],
          [0, 9000],
        ],
        FLAG_ASSUMED,
      ),
    ).toEqual(sum)
  })

  it('lie between what aligned gives and what worst gives', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 20 }), (bytes) => {
        const { min, max } = pinsOf([[0, bytes]], FLAG_ASSUMED)
        expect(placeBytes(layoutOf('aligned'), bytes).elements).toBe(min)
        expect(placeBytes(layoutOf('worst'), bytes).elements).toBe(max)
      }),
      { seed: 4, numRuns: 200 },
    )
  })

  it('are on average what random gives', () => {
    const layout = layoutOf('random:5')
    for (const bytes of [512, 4096, 6656]) {
      let pages = 0
      for (let i = 0; i < 20_000; i++) pages += placeBytes(layout, bytes).elements
      // The standard error of the mean of 20,000 is below 0.004.
      expect(Math.abs(pages / 20_000 - byHand(bytes).expected)).toBeLessThan(0.02)
    }
  })
})

describe('pins of a row whose addresses were recorded', () => {
  /** Measured on a 6.18 kernel: nr_foll_pin_acquired of an O_DIRECT preadv of these segments (reference, formats 1.0). */
  const MEASURED = [
    [[[0, 4096]], 1],
    [[[0, 8192]], 2],
    [[[512, 8192]], 3],
    [[[2048, 4096]], 2],
    [[[3584, 512]], 1],
    [[[3584, 1024]], 2],
    [[[0, 512 << 10]], 128],
    [
      [
        [0, 512],
        [8192, 512],
        [16384 + 3584, 1024],
      ],
      4,
    ],
    [
      [
        [0, 512],
        [512, 512],
      ],
      2,
    ],
  ] as const

  it.each(MEASURED)('%j: %i', (segments, pins) => {
    expect(pinsOf(segments, 0)).toEqual({ min: pins, expected: pins, max: pins })
  })
})
