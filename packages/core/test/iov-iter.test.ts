import { describe, expect, it } from 'vitest'
import { InvariantError } from '../src/invariant.ts'
import { World } from './support/world.ts'

// The behaviour of struct iov_iter: state table, page counts and alignment, as the kernel's functions give them.

const A = 0x20000000

/** Segments of the state table: [0, 5, 0, 7] bytes, 12 in all. */
function table() {
  return new World().start('iovec', [
    [A, 0],
    [A + 0x1000, 5],
    [A + 0x2000, 0],
    [A + 0x3000, 7],
  ])
}

function state({ segment, iovOffsetBytes, segmentsLeft, countBytes }: ReturnType<typeof table>) {
  return [segment, iovOffsetBytes, segmentsLeft, countBytes]
}

describe('iov_iter_advance and iov_iter_revert', () => {
  it.each([
    ['advance(0)', [0], [], [1, 0, 3, 12]],
    ['advance(5)', [5], [], [3, 0, 1, 7]],
    ['advance(5), revert(1)', [5], [1], [1, 4, 3, 8]],
    ['advance(12)', [12], [], [4, 0, 0, 0]],
    ['advance(99)', [99], [], [4, 0, 0, 0]],
  ])('%s', (_, advances, reverts, expected) => {
    const iter = table()
    for (const bytes of advances) iter.advance(bytes)
    for (const bytes of reverts) iter.revert(bytes)
    expect(state(iter)).toEqual(expected)
  })

  it('with nothing left, empty segments at the end stay', () => {
    const iter = new World().start(
      'iovec',
      [
        [A, 5],
        [A, 0],
      ],
      5,
    )
    iter.advance(5)
    expect(iter.segmentsLeft).toBe(0)
    const cut = new World().start(
      'iovec',
      [
        [A, 8],
        [A, 0],
      ],
      5,
    )
    cut.advance(5)
    cut.advance(3)
    expect(state(cut)).toEqual([0, 5, 2, 0])
  })

  it('a ubuf counts from its start', () => {
    const iter = new World().start('ubuf', [[A, 100]])
    iter.advance(30)
    iter.advance(30)
    iter.revert(10)
    expect([iter.iovOffsetBytes, iter.countBytes, iter.segmentsLeft]).toEqual([50, 50, 1])
  })

  it('reverting past the start is fatal', () => {
    const ubuf = new World().start('ubuf', [[A, 100]])
    ubuf.advance(10)
    expect(() => ubuf.revert(11)).toThrow(InvariantError)
    const iovec = table()
    iovec.advance(6)
    expect(() => iovec.revert(7)).toThrow(InvariantError)
  })

  it('revert ignores an earlier truncation; reexpand undoes it', () => {
    const iter = table()
    iter.truncate(6)
    iter.advance(6)
    iter.revert(2)
    expect(iter.countBytes).toBe(2)
    iter.reexpand(8)
    expect(iter.countBytes).toBe(8)
    iter.truncate(100)
    expect(iter.countBytes).toBe(8)
  })
})

describe('iov_iter_npages', () => {
  const npages = (...start: Parameters<World['start']>) => new World().start(...start).npages(1000)

  it('ubuf: the address counts', () => {
    expect(npages('ubuf', [[0x10000fff, 1]])).toBe(1)
    expect(npages('ubuf', [[0x10000fff, 2]])).toBe(2)
    expect(npages('ubuf', [[0x10000234, 0x2000]])).toBe(3)
  })

  it('iovec and kvec: empty segments add nothing, shared pages count twice', () => {
    expect(
      npages('iovec', [
        [A + 100, 0],
        [A, 512],
        [A + 512, 512],
      ]),
    ).toBe(2)
    expect(
      npages('kvec', [
        [A + 0xff0, 0x20],
        [A + 0x234, 0],
      ]),
    ).toBe(2)
  })

  it('bvec: an empty one at an odd offset counts one', () => {
    expect(
      npages('bvec', [
        [500, 2, 0],
        [600, 0, 0x1000],
      ]),
    ).toBe(2)
    expect(
      npages('bvec', [
        [500, 0, 0],
        [600, 0, 0x1000],
      ]),
    ).toBe(1)
    expect(npages('bvec', [[500, 0x1800, 0x1000]])).toBe(2)
  })

  it('the ranges of the kernel test: 247 pages of kvecs, 8 of bvecs', () => {
    const kvecs = [
      [0x00002, 0x00002],
      [0x00027, 0x03000],
      [0x05193, 0x18794],
      [0x20000, 0x20000],
      [0x20000, 0x24000],
      [0x24000, 0x27001],
      [0x29000, 0xffffb],
      [0xffffd, 0xffffe],
    ]
    expect(
      npages(
        'kvec',
        kvecs.map(([from, to]) => [A + from!, to! - from!]),
      ),
    ).toBe(247)
    const bvecs = [
      [0, 2, 2],
      [1, 0x27, 0x893],
      [2, 0x193, 0x794],
      [3, 0, 0x1000],
      [4, 0, 0x1000],
      [5, 0, 0x1000],
      [6, 0, 0xffb],
      [6, 0xffd, 0xffe],
    ]
    expect(
      npages(
        'bvec',
        bvecs.map(([page, from, to]) => [500 + 2 * page!, from!, to! - from!]),
      ),
    ).toBe(8)
  })

  it('nothing left, a discard, a cap', () => {
    expect(npages('iovec', [[A, 4096]], 0)).toBe(0)
    expect(npages('discard', [], 100)).toBe(0)
    expect(new World().start('ubuf', [[A, 1 << 20]]).npages(7)).toBe(7)
  })

  it('counts from the current position and within the count', () => {
    const iter = new World().start(
      'iovec',
      [
        [A, 0x2000],
        [A + 0x8000, 0x2000],
      ],
      0x3000,
    )
    expect(iter.npages(100)).toBe(3)
    iter.advance(0x1800)
    expect(iter.npages(100)).toBe(2)
  })
})

describe('iov_iter_is_aligned, iov_iter_single_seg_count', () => {
  it('every address and every length, of empty segments only the address', () => {
    const aligned = (segs: number[][], count?: number) => new World().start('iovec', segs, count).isAligned(511, 511)
    expect(
      aligned([
        [A, 512],
        [A + 1024, 4096],
      ]),
    ).toBe(true)
    expect(aligned([[A + 4, 512]])).toBe(false)
    expect(
      aligned([
        [A, 100],
        [A + 512, 412],
      ]),
    ).toBe(false)
    expect(
      aligned([
        [A + 1, 0],
        [A, 512],
      ]),
    ).toBe(false)
    expect(
      aligned(
        [
          [A, 512],
          [A, 1000],
        ],
        1024,
      ),
    ).toBe(true)
  })

  it('bytes left in the segment, or in all when there is one', () => {
    const iter = table()
    expect(iter.currentLengthBytes()).toBe(0)
    iter.advance(1)
    expect(iter.currentLengthBytes()).toBe(4)
    expect(new World().start('ubuf', [[A, 100]], 40).currentLengthBytes()).toBe(40)
  })
})
