import { describe, expect, it } from 'vitest'
import { EFAULT } from '../src/errno.ts'
import { findPolicy, POLICY_NAMES } from '../src/extract/policy.ts'
import { ITER_DEST, ITER_SOURCE, ITER_TYPE_NAMES, type IterType } from '../src/iter/iter-type.ts'
import { KERNEL_MM } from '../src/memory/address-spaces.ts'
import { World } from './support/world.ts'

// The worked examples of iov_iter_extract_pages: rows U, I, D, K and B (the column of 6.12: one bvec a call).

const P = 0x1000

describe('user-backed: pins', () => {
  const U = 0x10000 * P

  it('U1: three pages from an odd offset', () => {
    const world = new World()
    const rows = world.rowsOf(0x10000, 3)
    world.start('ubuf', [[U + 0x234, 0x2000]])
    const lengths = [P - 0x234, P, 0x234]
    expect(world.extract()).toEqual({ bytes: 0x2000, pages: 3, rows, offset: 0x234, lengths, retention: 'pin' })
    expect(world.extract().bytes).toBe(0)
  })

  it('U2: at most two pages a call', () => {
    const world = new World()
    const rows = world.rowsOf(0x10000, 3)
    const iter = world.start('ubuf', [[U + 0x234, 0x2000]])
    expect(world.extract(2)).toMatchObject({ bytes: 0x1dcc, rows: rows.slice(0, 2), offset: 0x234 })
    expect(iter.iovOffsetBytes).toBe(0x1dcc)
    expect(world.extract(2)).toMatchObject({ bytes: 0x234, rows: rows.slice(2), offset: 0, lengths: [0x234] })
  })

  it('U3: the third page cannot be had: two pages now, the error with the next call', () => {
    const world = new World()
    world.refuse(0x10002, 0x10003)
    world.start('ubuf', [[U + 0x234, 0x2000]])
    expect(world.extract()).toMatchObject({ bytes: 0x1dcc, pages: 2 })
    expect(world.extract().bytes).toBe(EFAULT)
  })

  it('U4, U5: the last byte of a page, alone and with the next one', () => {
    const world = new World()
    world.start('ubuf', [[U + 0xfff, 1]])
    expect(world.extract()).toMatchObject({ bytes: 1, pages: 1, offset: 0xfff, lengths: [1] })
    world.start('ubuf', [[U + 0xfff, 2]])
    expect(world.extract()).toMatchObject({ bytes: 2, pages: 2, offset: 0xfff, lengths: [1, 1] })
  })

  it('I1: an empty segment is skipped, the next call takes the next segment', () => {
    const world = new World()
    const iter = world.start('iovec', [
      [0x20001000, 0],
      [0x20001ff0, 0x20],
      [0x30000000, P],
    ])
    const rows = world.rowsOf(0x20001, 2)
    expect(world.extract()).toMatchObject({ bytes: 0x20, rows, offset: 0xff0, retention: 'pin' })
    expect(iter.segmentsLeft).toBe(1)
    expect(world.extract()).toMatchObject({ bytes: P, rows: world.rowsOf(0x30000, 1), offset: 0 })
  })

  it('I2: adjacent segments are two calls', () => {
    const world = new World()
    world.start('iovec', [
      [0x20000000, P],
      [0x20001000, P],
    ])
    expect(world.extract()).toMatchObject({ bytes: P, pages: 1 })
    expect(world.extract()).toMatchObject({ bytes: P, pages: 1 })
    expect(world.extract().bytes).toBe(0)
  })

  it('D1: a discard has no pages', () => {
    const world = new World()
    world.start('discard', [], 100)
    expect(world.extract().bytes).toBe(EFAULT)
  })

  it('a byte limit ends inside a page, and the rest of the page comes with the next call', () => {
    const world = new World()
    world.start('ubuf', [[U, 0x2000]])
    expect(world.extract(16, 'extract', 0x1800)).toMatchObject({ bytes: 0x1800, pages: 2, lengths: [P, 0x800] })
    expect(world.extract()).toMatchObject({ bytes: 0x800, pages: 1, offset: 0x800 })
  })
})

describe('kvec: bare pages', () => {
  const K = 0x88000 * P

  it('K1: an empty one is skipped', () => {
    const world = new World()
    const iter = world.start('kvec', [
      [K + 0x200, 0],
      [K + 0x1f00, 0x200],
      [K + 0x2100, 0x10],
    ])
    expect(world.extract()).toMatchObject({ bytes: 0x200, pages: 2, offset: 0xf00, retention: 'none' })
    expect(iter.segmentsLeft).toBe(1)
    expect(world.extract()).toMatchObject({ bytes: 0x10, pages: 1, offset: 0x100 })
  })

  it('K2: two pages a call', () => {
    const world = new World()
    const iter = world.start('kvec', [[K + 0x800, 0x3000]])
    expect(world.extract(2)).toMatchObject({ bytes: 0x1800, pages: 2, offset: 0x800 })
    expect(iter.iovOffsetBytes).toBe(0x1800)
    expect(world.extract(2)).toMatchObject({ bytes: 0x1800, pages: 2, offset: 0 })
    expect(world.rowsOf(0x88001, 1, KERNEL_MM)).not.toEqual(world.rowsOf(0x88001, 1))
  })
})

describe('bvec, one a call (6.12): bare pages', () => {
  /** Frames, first offset and bytes of each call. */
  function calls(segs: number[][], advance = 0, bytesMax = 2 ** 40) {
    const world = new World()
    world.start('bvec', segs).advance(advance)
    const all: [number[], number, number][] = []
    for (
      let got = world.extract(16, 'extract', bytesMax);
      got.bytes > 0;
      got = world.extract(16, 'extract', bytesMax)
    ) {
      expect(got.retention).toBe('none')
      all.push([world.frames(), got.offset ?? -1, got.bytes])
    }
    return all
  }

  it.each([
    ['B1', [[500, 0x800, P]], [[[500, 501], 0x800, P]]],
    [
      'B1b',
      [
        [500, 0x800, P],
        [700, 0, P],
      ],
      [
        [[500, 501], 0x800, P],
        [[700], 0, P],
      ],
    ],
    [
      'B2',
      [
        [500, 0, 0x3000],
        [700, 0, P],
      ],
      [
        [[500, 501, 502], 0, 0x3000],
        [[700], 0, P],
      ],
    ],
    [
      'B3',
      [
        [500, 0, P],
        [600, 0, 0x800],
        [700, 0, P],
      ],
      [
        [[500], 0, P],
        [[600], 0, 0x800],
        [[700], 0, P],
      ],
    ],
    [
      'B4',
      [
        [500, 0x800, 0x800],
        [600, 0, P],
        [700, 0x100, 0x200],
      ],
      [
        [[500], 0x800, 0x800],
        [[600], 0, P],
        [[700], 0x100, 0x200],
      ],
    ],
    ['B5', [[500, 0x1800, P]], [[[501, 502], 0x800, P]]],
    [
      'B7',
      [
        [500, 2, 0],
        [600, 0, P],
      ],
      [[[600], 0, P]],
    ],
    [
      'B8',
      [
        [500, 2, 0],
        [501, 2, 0],
        [600, 0, P],
      ],
      [[[600], 0, P]],
    ],
    [
      'B9',
      [
        [500, 0, P],
        [501, 0, 0],
        [600, 0, P],
      ],
      [
        [[500], 0, P],
        [[600], 0, P],
      ],
    ],
    ['B11', [[500, 0x200, 0x2000]], [[[500, 501, 502], 0x200, 0x2000]]],
  ])('%s', (_, segs, expected) => {
    expect(calls(segs)).toEqual(expected)
  })

  it('B6: advanced into the middle', () => {
    expect(
      calls(
        [
          [500, 0, 0x3000],
          [700, 0, P],
        ],
        0x1234,
      ),
    ).toEqual([
      [[501, 502], 0x234, 0x1dcc],
      [[700], 0, P],
    ])
  })

  it('B10: a byte limit that would reach into the next bvec', () => {
    expect(
      calls(
        [
          [500, 0, P],
          [600, 0, P],
        ],
        0,
        0x1800,
      ),
    ).toEqual([
      [[500], 0, P],
      [[600], 0, P],
    ])
  })
})

describe('what each policy takes', () => {
  const NAMES = { [EFAULT]: '-EFAULT', 0: 'bare', 1: 'ref', 2: 'pin' } as const

  /** Policy matrix: user-backed as a destination and as a source, BVEC, KVEC, FOLIOQ, XARRAY, DISCARD. */
  it.each([
    ['get-pages', ['ref', 'ref', 'ref', '-EFAULT', 'ref', 'ref', '-EFAULT']],
    ['viro-2022', ['pin', 'ref', 'bare', 'bare', 'bare', 'bare', '-EFAULT']],
    ['extract', ['pin', 'pin', 'bare', 'bare', 'bare', 'bare', '-EFAULT']],
    ['folio', ['pin', 'pin', 'bare', 'bare', 'bare', 'bare', '-EFAULT']],
  ])('%s', (name, [dest, source, ...others]) => {
    const policy = findPolicy(name)!
    const taken = (type: (typeof ITER_TYPE_NAMES)[number], direction: 0 | 1) =>
      NAMES[policy.retention(ITER_TYPE_NAMES.indexOf(type) as IterType, direction) as keyof typeof NAMES]
    for (const user of ['ubuf', 'iovec'] as const) {
      expect([taken(user, ITER_DEST), taken(user, ITER_SOURCE)]).toEqual([dest, source])
    }
    const types = ['bvec', 'kvec', 'folioq', 'xarray', 'discard'] as const
    for (const direction of [ITER_DEST, ITER_SOURCE] as const) {
      expect(types.map((type) => taken(type, direction))).toEqual(others)
    }
  })

  it('there is no other, and none by another name', () => {
    expect(POLICY_NAMES).toEqual(['get-pages', 'viro-2022', 'extract', 'folio'])
    expect(findPolicy('pin')).toBeUndefined()
  })

  it('folio: one entry for each run of a folio', () => {
    const world = new World()
    world.map(0x100, 0x110, 2)
    world.start('ubuf', [[0x101 * P + 0x200, 0x6000]])
    const got = world.extract(16, 'folio')
    expect(got.lengths).toEqual([0x2e00, 0x3200])
    expect(got.rows).toEqual([world.rowsOf(0x101, 1)[0], world.rowsOf(0x104, 1)[0]])
    expect(world.list.pages).toBe(7)
  })
})
