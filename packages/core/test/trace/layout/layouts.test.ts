import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layoutNamed } from '../../../src/trace/import/open-foreign.ts'
import { LAYOUT_POLICIES } from '../../../src/trace/layout/layout-policy.ts'
import { layoutOf, pagesTouched, placeBytes, placeLengths } from './place.ts'

const NAMES = ['aligned', 'offset=512', 'malloc', 'random:7', 'worst', 'nsg']
/** Lengths around what matters, and some of anything. */
const length = fc.oneof(
  fc.constantFrom(1, 2, 511, 512, 4095, 4096, 4097, 8191, 8192, 8193, 65536, 131048, 131049, 131072, 1 << 20),
  fc.integer({ min: 1, max: 300_000 }),
)

describe('every layout', () => {
  it.each(NAMES)('%s: keeps lengths, and tells how many pages it gave', (name) => {
    fc.assert(
      fc.property(fc.array(length, { minLength: 1, maxLength: 8 }), (lengths) => {
        const placed = placeLengths(layoutOf(name), lengths)
        expect(placed.segments.map(([, bytes]) => bytes)).toEqual(lengths)
        expect(placed.elements).toBe(pagesTouched(placed.segments))
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  it.each(NAMES)('%s: gives each buffer pages of its own, within user memory', (name) => {
    fc.assert(
      fc.property(fc.array(length, { minLength: 2, maxLength: 60 }), (lengths) => {
        const layout = layoutOf(name)
        const seen = new Set<number>()
        for (const bytes of lengths) {
          const [[address]] = placeBytes(layout, bytes).segments as [[number, number]]
          expect(address + bytes).toBeLessThanOrEqual(0x7fff_ffff_f000)
          for (let page = Math.floor(address / 4096); page <= Math.floor((address + bytes - 1) / 4096); page++) {
            expect(seen.has(page)).toBe(false)
            seen.add(page)
          }
        }
      }),
      { seed: 2, numRuns: 20 },
    )
  })

  it.each(NAMES)('%s: uses 256 MiB and no more, however long the trace is', (name) => {
    const layout = layoutOf(name)
    const pages = new Set<number>()
    for (let i = 0; i < 3000; i++) pages.add(Math.floor(placeBytes(layout, 1 << 20).segments[0]![0] / 4096))
    const used = Math.max(...pages) - Math.min(...pages) + (1 << 8) + 1
    expect(used).toBeLessThanOrEqual((256 << 20) / 4096 + 1)
  })

  it.each(NAMES)('%s: gives a buffer that is longer than that what it needs', (name) => {
    const { segments, elements } = placeBytes(layoutOf(name), 1 << 30)
    expect(segments[0]![1]).toBe(1 << 30)
    expect(elements).toBeGreaterThanOrEqual((1 << 30) / 4096)
  })

  it.each(NAMES)('%s: gives segments of no bytes no page', (name) => {
    const { segments, elements } = placeLengths(layoutOf(name), [0, 100, 0])
    expect(segments.map(([, bytes]) => bytes)).toEqual([0, 100, 0])
    expect(elements).toBe(pagesTouched(segments))
  })

  it.each(NAMES)('%s: gives an operation of no bytes no segment', (name) => {
    expect(placeBytes(layoutOf(name), 0)).toEqual({ segments: [], elements: 0, maps: [] })
  })

  it('is told by its usage, and refused with what was expected', () => {
    expect(LAYOUT_POLICIES.map(({ usage }) => usage)).toEqual([
      'aligned',
      'offset=N',
      'malloc',
      'random:SEED',
      'worst',
      'nsg',
    ])
    const refused = (text: string) => {
      try {
        return layoutNamed(text, 'f').name
      } catch (error) {
        return (error as Error).message.split('\n')[0]
      }
    }
    expect(refused('offset=4095')).toBe('offset=4095')
    expect(refused('offset=4096')).toBe('f: layout "offset=4096": expected offset=N with N from 0 to 4095')
    expect(refused('offset=-1')).toBe('f: layout "offset=-1": expected offset=N with N from 0 to 4095')
    expect(refused('random')).toBe(
      'f: layout "random": expected random:SEED with a whole number of at most nine digits',
    )
    expect(refused('random:x')).toMatch('expected random:SEED')
    expect(refused('Aligned')).toBe('f: there is no layout "Aligned"')
  })
})

describe('aligned, offset=N and worst', () => {
  it('begin where they say', () => {
    const offsets = (name: string) => {
      const layout = layoutOf(name)
      return [1, 4096, 70_000].map((bytes) => placeBytes(layout, bytes).segments[0]![0] % 4096)
    }
    expect(offsets('aligned')).toEqual([0, 0, 0])
    expect(offsets('offset=512')).toEqual([512, 512, 512])
    expect(offsets('worst')).toEqual([4095, 4095, 4095])
  })
})

describe('random:SEED', () => {
  const offsets = (name: string) => {
    const layout = layoutOf(name)
    return Array.from({ length: 1 << 16 }, () => placeBytes(layout, 100).segments[0]![0] % 4096)
  }

  it('is the same for the same seed, and another for another', () => {
    expect(offsets('random:1')).toEqual(offsets('random:1'))
    expect(offsets('random:1').slice(0, 20)).not.toEqual(offsets('random:2').slice(0, 20))
  })

  it('reaches every byte of a page about as often', () => {
    const found = new Array<number>(4096).fill(0)
    for (const offset of offsets('random:3')) found[offset]!++
    // 16 times each on average: with 4096 bins the least and the most of a fair die are within 2 and 36, with room.
    expect(Math.min(...found)).toBeGreaterThanOrEqual(2)
    expect(Math.max(...found)).toBeLessThanOrEqual(36)
    // Chi-square with 4095 degrees of freedom: mean 4095, standard deviation 90.5; five of them.
    const chi2 = found.reduce((sum, count) => sum + (count - 16) ** 2 / 16, 0)
    expect(Math.abs(chi2 - 4095)).toBeLessThan(5 * 90.5)
  })
})

describe('malloc', () => {
  /**
   * Offsets into a page that malloc of glibc 2.36 (x86-64) gave to a C program that asked for these sizes one after the
   * other as its first allocations, freeing none.
   */
  const MEASURED = [
    [1, 0x2a0],
    [24, 0x2c0],
    [25, 0x2e0],
    [40, 0x310],
    [41, 0x340],
    [100, 0x380],
    [4096, 0x3f0],
    [4096, 0x400],
    [8192, 0x410],
    [65536, 0x420],
    [100000, 0x430],
    [131048, 0xae0],
    [131049, 0x10],
    [131063, 0x10],
    [131064, 0x10],
    [131072, 0x10],
    [262144, 0x10],
    [1048576, 0x10],
  ] as const

  it('gives what glibc gave', () => {
    const layout = layoutOf('malloc')
    const given = MEASURED.map(([bytes]) => [bytes, placeBytes(layout, bytes).segments[0]![0] % 4096])
    expect(given).toEqual(MEASURED)
  })

  it('makes a buffer of 1 MiB 257 pages', () => {
    expect(placeBytes(layoutOf('malloc'), 1 << 20).elements).toBe(257)
  })
})
