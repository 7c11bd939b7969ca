import { describe, expect, it } from 'vitest'
import {
  advance,
  alignment,
  appendFromPages,
  copyFrom,
  copyFromFull,
  copyPageFrom,
  copyPageFromAtomic,
  copyPageTo,
  copyTo,
  copyToFull,
  createAppendTable,
  createBvec,
  createDiscard,
  createFolioq,
  createIovec,
  createKvec,
  createPipe,
  createRing,
  createUbuf,
  createXarray,
  defaultQuirks,
  dup,
  EFAULT,
  EINVAL,
  EIO,
  ENOMEM,
  extractPages,
  extractToSg,
  faultInReadable,
  faultInWriteable,
  gapAlignment,
  getPages,
  importIovec,
  importUbuf,
  iovLen,
  isAligned,
  MAX_RW_COUNT,
  npages,
  PAGE as P,
  pageBytes,
  reexpand,
  restore,
  revert,
  type SlowBvec,
  type SlowDirection,
  type SlowFolio,
  type SlowIov,
  type SlowKernel,
  type SlowPages,
  type SlowQueueSegment,
  type SlowQuirk,
  type SlowSetup,
  type SlowSgTable,
  type SlowWorld,
  saveState,
  singleSegCount,
  truncate,
  zero,
} from './model/iov/index.ts'
import { BVEC_RANGES, KVEC_RANGES } from './support/kunit-ranges.ts'

// The slow twin against the figures of the reference (iterators.md, the number of the section at each test), so that
// the fast code can then be compared with the twin.

const ALL: readonly SlowKernel[] = ['6.1', '6.12', '6.18', 'mainline']
const EXTRACTING: readonly SlowKernel[] = ['6.12', '6.18', 'mainline']
const JOINING: readonly SlowKernel[] = ['6.18', 'mainline']
const HUGE = Number.MAX_SAFE_INTEGER
/** Where user buffers and kernel buffers begin. */
const U = 0x10000 * P
const K = 0x80000 * P

interface WorldOptions {
  readonly refused?: readonly number[]
  readonly readOnly?: readonly number[]
  readonly slab?: readonly string[]
  readonly userEnd?: number
}

function world({ refused = [], readOnly = [], slab = [], userEnd }: WorldOptions = {}): SlowWorld {
  return {
    userPage: (vpn, write) =>
      refused.includes(vpn) || (write && readOnly.includes(vpn)) ? null : `u${vpn.toString(16)}`,
    kernelPage: (vpn) => `k${vpn.toString(16)}`,
    framePage: (pfn) => `f${pfn}`,
    isSlab: (name) => slab.includes(name),
    bytes: new Map(),
    ...(userEnd === undefined ? {} : { userEnd }),
  }
}

const on = (kernel: SlowKernel, direction: SlowDirection = 'dest', quirks?: readonly SlowQuirk[]): SlowSetup => ({
  kernel,
  direction,
  ...(quirks === undefined ? {} : { quirks: new Set(quirks) }),
})
const without = (kernel: SlowKernel, ...off: readonly SlowQuirk[]) =>
  on(
    kernel,
    'dest',
    [...defaultQuirks(kernel)].filter((quirk) => !off.includes(quirk)),
  )

const having = (kernel: SlowKernel, ...more: readonly SlowQuirk[]) =>
  on(kernel, 'dest', [...defaultQuirks(kernel), ...more])

const range = ([base, len]: readonly [number, number]) => ({ base, len })
const bvec = ([pfn, offset, len]: readonly [number, number, number]): SlowBvec => ({ pfn, offset, len })
const ranges = (...list: readonly (readonly [number, number])[]) => list.map(range)
const bvecs = (...list: readonly (readonly [number, number, number])[]) => list.map(bvec)
const state = ({ index, iovOffset, nrSegs, count }: SlowIov) => [index, iovOffset, nrSegs, count]
const kind = (run: () => void) => {
  try {
    run()
  } catch (error) {
    return (error as { kind?: string }).kind
  }
  return 'nothing thrown'
}

/** Pages, offset, bytes. */
type Call = readonly [string, number, number]
const call = ({ pages, offset0, bytes }: SlowPages): Call => [pages.join(' '), offset0, bytes]

/** Calls until nothing comes for the second time in turn, or an error does. */
function calls(iter: SlowIov, one: () => SlowPages): SlowPages[] {
  const made: SlowPages[] = []
  while (iter.count > 0) {
    const got = one()
    made.push(got)
    if (got.bytes < 0 || (got.bytes === 0 && made.at(-2)?.bytes === 0)) break
  }
  return made
}

function bytesOf(from: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (from + i) & 0xff)
}

describe('1.2 initialisers', () => {
  it('a ubuf has one segment, but none in 6.1; a count need not fit the segments', () => {
    expect(ALL.map((kernel) => createUbuf(on(kernel), U, 5).nrSegs)).toEqual([0, 1, 1, 1])
    expect(state(createIovec(on('6.12'), ranges([U, 5]), 99))).toEqual([0, 0, 1, 99])
  })

  it('what a version has not, and what is a BUG', () => {
    expect(kind(() => createFolioq(on('6.1'), [], 0, 0, 0))).toBe('not-in-this-kernel')
    expect(
      kind(() =>
        createPipe(
          on('6.12'),
          createRing(4, 4, () => null),
          1,
        ),
      ),
    ).toBe('not-in-this-kernel')
    expect(kind(() => createDiscard(on('6.12', 'source'), 1))).toBe('bug')
    expect(kind(() => extractPages(world(), createUbuf(on('6.1'), U, 5), 5, 1))).toBe('not-in-this-kernel')
  })
})

describe.each(ALL)('1.11 state table, %s', (kernel) => {
  const table = (make: typeof createIovec) =>
    make(on(kernel), ranges([U, 0], [U + P, 5], [U + 2 * P, 0], [U + 3 * P, 7]))

  it.each<readonly [string, (iter: SlowIov) => unknown, readonly number[]]>([
    ['advance(0)', (iter) => advance(iter, 0), [1, 0, 3, 12]],
    ['advance(5)', (iter) => advance(iter, 5), [3, 0, 1, 7]],
    ['copy 5 bytes', (iter) => copyTo(world(), iter, bytesOf(1, 5)), [2, 0, 2, 7]],
    ['advance(12)', (iter) => advance(iter, 12), [4, 0, 0, 0]],
    ['advance(99)', (iter) => advance(iter, 99), [4, 0, 0, 0]],
  ])('%s', (_, move, expected) => {
    for (const make of [createIovec, createKvec]) {
      const iter = table(make)
      move(iter)
      expect(state(iter)).toEqual(expected)
    }
  })

  it('advance(5), then revert(1)', () => {
    const iter = table(createIovec)
    advance(iter, 5)
    revert(iter, 1)
    expect(state(iter)).toEqual([1, 4, 3, 8])
  })

  it('with nothing left, empty entries at the end stay; more than there is ends past the last entry', () => {
    const empty = createIovec(on(kernel), ranges([U, 5], [U, 0]), 5)
    expect(copyTo(world(), empty, bytesOf(0, 5))).toBe(5)
    expect(state(empty)).toEqual([1, 0, 1, 0])
    advance(empty, 0)
    expect(state(empty)).toEqual([1, 0, 1, 0])
    const short = createIovec(on(kernel), ranges([U, 5]), 9)
    advance(short, 9)
    expect(state(short)).toEqual([1, 4, 0, 0])
  })
})

describe('1.4 to 1.6 moving', () => {
  const folio = (name: string, count: number) => ({ pages: Array.from({ length: count }, (_, i) => `${name}${i}`) })

  it('a folio queue goes over its slots, and on to the next segment when there is one', () => {
    const first: SlowQueueSegment = { slots: Array.from({ length: 31 }, (_, i) => folio(`a${i}_`, 1)) }
    const iter = createFolioq(on('6.12'), [first, { slots: [folio('b', 4)] }], 30, 0x10, 0x2000)
    advance(iter, 0xff0)
    expect([iter.queueSegment, iter.slot, iter.iovOffset]).toEqual([1, 0, 0])
    revert(iter, 0x10)
    expect([iter.queueSegment, iter.slot, iter.iovOffset]).toEqual([0, 30, 0xff0])
    const last = createFolioq(on('6.12'), [first], 30, 0, 0x1000)
    advance(last, 0x1000)
    expect([last.queueSegment, last.slot, last.iovOffset, last.count]).toEqual([0, 31, 0, 0])
  })

  it('an advance by nothing at the end of a folio goes to the next slot; an unset slot counts as one page', () => {
    const iter = createFolioq(on('6.12'), [{ slots: [folio('a', 4), null] }], 0, 0x4000, 0x2000)
    advance(iter, 0)
    expect([iter.slot, iter.iovOffset]).toEqual([1, 0])
    advance(iter, 0x1800)
    expect([iter.slot, iter.iovOffset, iter.count]).toEqual([2, 0x800, 0x800])
  })

  it('back past the start: told, and nothing has changed', () => {
    const folios = new Map([[0, { first: 0, pages: ['x0'], kind: 'folio' }]] as const)
    const iters = [
      createUbuf(on('6.12'), U, 9),
      createIovec(on('6.12'), ranges([U, 0], [U, 9])),
      createKvec(on('6.12'), ranges([K, 9])),
      createBvec(on('6.12'), bvecs([1, 0, 9])),
      createFolioq(on('6.12'), [{ slots: [folio('a', 1)] }], 0, 0, 9),
      createXarray(on('6.12'), folios, 0, 9),
    ]
    for (const iter of iters) {
      advance(iter, 4)
      const before = structuredClone({ ...iter })
      expect(kind(() => revert(iter, 5))).toBe('revert-past-start')
      expect(structuredClone({ ...iter })).toEqual(before)
      revert(iter, 4)
      expect([iter.iovOffset, iter.count]).toEqual([0, 9])
    }
  })

  it('a revert ignores a truncation, and refuses more than MAX_RW_COUNT', () => {
    const iter = createUbuf(on('6.12'), U, 100)
    advance(iter, 60)
    truncate(iter, 10)
    revert(iter, 60)
    expect([iter.iovOffset, iter.count]).toEqual([0, 70])
    revert(iter, MAX_RW_COUNT + 1)
    expect([iter.iovOffset, iter.count]).toEqual([0, 70])
    reexpand(iter, 100)
    expect(iter.count).toBe(100)
    const discard = createDiscard(on('6.12'), 5)
    revert(discard, 3)
    expect(discard.count).toBe(8)
  })

  it('after a revert the offset is never the length of the entry', () => {
    const iter = createIovec(on('6.12'), ranges([U, 5], [U, 0], [U, 7]))
    advance(iter, 5)
    revert(iter, 0)
    expect(state(iter)).toEqual([2, 0, 1, 7])
    revert(iter, 5)
    expect(state(iter)).toEqual([0, 0, 3, 12])
  })

  it('restore: the vectors and the ubuf; a kvec with a warning; the others not', () => {
    const iter = createKvec(on('6.12'), ranges([K, 5], [K, 7]))
    const saved = saveState(iter)
    advance(iter, 8)
    expect(restore(iter, saved)).toBe(true)
    expect([state(iter), iter.warnings]).toEqual([[0, 0, 2, 12], ['restore']])
    const ubuf = createUbuf(on('6.12'), U, 9)
    advance(ubuf, 4)
    expect(restore(ubuf, { iovOffset: 1, count: 8, nrSegs: 1 })).toBe(true)
    expect([ubuf.iovOffset, ubuf.count, ubuf.warnings]).toEqual([1, 8, []])
    const discard = createDiscard(on('6.12'), 5)
    expect(restore(discard, { iovOffset: 0, count: 9, nrSegs: 0 })).toBe(false)
    expect(discard.count).toBe(5)
  })
})

describe('1.7 to 1.10 queries', () => {
  it('npages: pages that two segments share count twice, an empty bvec at an odd offset counts', () => {
    expect(npages(createUbuf(on('6.12'), U + 0xfff, 2), 99)).toBe(2)
    expect(npages(createIovec(on('6.12'), ranges([U, 512], [U + 512, 512], [U + 5, 0])), 99)).toBe(2)
    expect(npages(createBvec(on('6.12'), bvecs([1, 2, 0], [2, 0, 0], [3, 0, P])), 99)).toBe(2)
    expect(npages(createBvec(on('6.12'), bvecs([1, 0x1800, 0x1000])), 1)).toBe(1)
    expect(npages(createFolioq(on('6.12'), [], 0, 0x1234, 0x3dcc), 99)).toBe(4)
    expect(npages(createXarray(on('6.12'), new Map(), 0x1800, 0x2800), 99)).toBe(3)
    expect(npages(createDiscard(on('6.12'), 99), 99)).toBe(0)
    expect(npages(createUbuf(on('6.12'), U + 1, 0), 99)).toBe(0)
  })

  it('single_seg_count: of one segment the count; a folio queue does not subtract its offset', () => {
    const iter = createIovec(on('6.12'), ranges([U, 5], [U, 7]))
    advance(iter, 2)
    expect(singleSegCount(iter)).toBe(3)
    advance(iter, 3)
    expect(singleSegCount(iter)).toBe(7)
    const queue = [{ slots: [{ pages: ['a0', 'a1'] }] }]
    expect(singleSegCount(createFolioq(on('6.12'), queue, 0, 0x800, 0x9000))).toBe(0x2000)
    expect(singleSegCount(createFolioq(on('6.12'), queue, 0, 0x800, 0))).toBe(0)
  })

  it('alignment: or of addresses and clipped lengths', () => {
    expect(alignment(createUbuf(on('6.12'), U + 0x200, 0x1000))).toBe(U + 0x1200)
    expect(alignment(createUbuf(on('6.12'), 2 ** 40 + 0x200, 0x400))).toBe(2 ** 40 + 0x600)
    expect(alignment(createUbuf(on('6.12'), U, 0))).toBe(0)
    expect(alignment(createIovec(on('6.12'), ranges([U + 3, 0], [U + 0x200, 0x1000]), 0x400))).toBe(U + 0x600)
    expect(alignment(createBvec(on('6.12'), bvecs([1, 2, 0], [2, 0, P])))).toBe(P + 2)
    expect(alignment(createXarray(on('6.12'), new Map(), 0x1800, 0x10))).toBe(0x1810)
    expect(alignment(createFolioq(on('6.12'), [], 0, 0x40, 0x1000))).toBe(0x1040)
    expect(alignment(createDiscard(on('6.12'), 3))).toBe(0)
  })

  it('alignment with nothing left: 6.1 looks for an entry that is not empty, later kernels do not', () => {
    const segs = ranges([U + 4, 0], [U + 8, 16])
    expect(alignment(createIovec(on('6.1'), segs, 0))).toBe(U + 8)
    expect(alignment(createIovec(on('6.12'), segs, 0))).toBe(0)
    expect(alignment(createIovec(on('6.1'), [], 0))).toBe(0)
    expect(kind(() => alignment(createIovec(on('6.12'), [], 0)))).toBe('out-of-bounds')
  })

  it('is_aligned: an empty piece has its address looked at; the first bvec by mistake with its whole length', () => {
    expect(isAligned(createIovec(on('6.12'), ranges([U + 1, 0], [U, 512])), 511, 511)).toBe(false)
    expect(isAligned(createIovec(on('6.12'), ranges([U, 512], [U + 512, 1024])), 511, 511)).toBe(true)
    expect(isAligned(createDiscard(on('6.12'), 3), 511, 511)).toBe(true)
    const mistaken = (kernel: SlowKernel) => having(kernel, 'is-aligned-first-bvec')
    const half = (setup: SlowSetup) => {
      const iter = createBvec(setup, bvecs([1, 0, 512]))
      advance(iter, 256)
      return isAligned(iter, 255, 511)
    }
    // 256 bytes are left. The mistake takes 512 for them, but clips that to the count.
    expect([on('6.18'), mistaken('6.18')].map(half)).toEqual([false, false])
    const two = (setup: SlowSetup) => {
      const iter = createBvec(setup, bvecs([1, 0, 512], [2, 0, 256]))
      advance(iter, 256)
      return isAligned(iter, 255, 511)
    }
    expect(ALL.map((kernel) => two(on(kernel)))).toEqual([false, false, false, false])
    expect(two(mistaken('6.18'))).toBe(true)
  })

  it('gap_alignment: of an iovec only; its offset does not matter', () => {
    const iter = createIovec(on('6.12'), ranges([U, 0x200], [U + 5, 0], [U + 0x1000, 0x800], [U + 0x2400, 0x10]))
    const res = U | 0x200 | 0x1000 | 0x800 | 0x2400
    expect(gapAlignment(iter)).toBe(res)
    // What was taken of the first entry shortens the count, but not the entry: the last one is not looked at.
    advance(iter, 0x100)
    expect(gapAlignment(iter)).toBe(U | 0x200 | 0x1000)
    expect(gapAlignment(createUbuf(on('6.12'), U, 5))).toBe(0)
    expect(gapAlignment(createKvec(on('6.12'), ranges([K, 5])))).toBe(0xffffffff)
  })

  it('dup: the array of what is left, or none', () => {
    const iter = createIovec(on('6.12'), ranges([U, 5], [U + P, 7]))
    advance(iter, 6)
    const { iter: copy, copied } = dup(iter)
    expect([copied, state(copy), copy.segs]).toEqual([true, [0, 1, 1, 6], ranges([U + P, 7])])
    expect(kind(() => revert(copy, 2))).toBe('revert-past-start')
    expect(dup(createUbuf(on('6.12'), U, 5)).copied).toBe(false)
  })

  it('iter_iov_len: 6.12 subtracts twice what was taken of a ubuf', () => {
    const left = (kernel: SlowKernel) => {
      const iter = createUbuf(on(kernel), U, 100)
      advance(iter, 30)
      return iovLen(iter)
    }
    expect(ALL.map(left)).toEqual([70, 40, 70, 70])
    const iter = createIovec(on('6.12'), ranges([U, 50]), 20)
    expect(iovLen(iter)).toBe(50)
  })
})

describe.each(EXTRACTING)('3.5 user-backed, %s', (kernel) => {
  const W = world()
  const both = [
    ['pin', extractPages],
    ['ref', getPages],
  ] as const

  it('U1, U2: three pages; at most two a call', () => {
    for (const [count, take] of both) {
      const iter = createUbuf(on(kernel), U + 0x234, 0x2000)
      const got = take(W, iter, HUGE, 16)
      expect(call(got)).toEqual(['u10000 u10001 u10002', 0x234, 0x2000])
      expect([got.taken, got.takenPages.length, iter.count]).toEqual([count, 3, 0])
      const again = createUbuf(on(kernel), U + 0x234, 0x2000)
      expect(call(take(W, again, HUGE, 2))).toEqual(['u10000 u10001', 0x234, 0x1dcc])
      expect(again.iovOffset).toBe(0x1dcc)
      expect(call(take(W, again, HUGE, 2))).toEqual(['u10002', 0, 0x234])
      expect(take(W, again, HUGE, 2).bytes).toBe(0)
    }
  })

  it('U3: short success, then the error', () => {
    for (const [, take] of both) {
      const iter = createUbuf(on(kernel), U + 0x234, 0x2000)
      const W3 = world({ refused: [0x10002] })
      expect(call(take(W3, iter, HUGE, 16))).toEqual(['u10000 u10001', 0x234, 0x1dcc])
      expect(take(W3, iter, HUGE, 16)).toEqual({
        bytes: EFAULT,
        offset0: 0,
        pages: [],
        junk: [],
        taken: 'none',
        takenPages: [],
      })
    }
  })

  it('U4, U5: one byte, two bytes', () => {
    for (const [, take] of both) {
      expect(call(take(W, createUbuf(on(kernel), U + 0xfff, 1), HUGE, 16))).toEqual(['u10000', 0xfff, 1])
      expect(call(take(W, createUbuf(on(kernel), U + 0xfff, 2), HUGE, 16))).toEqual(['u10000 u10001', 0xfff, 2])
    }
  })

  it('I1, I2: the first entry with something in it, never more than one', () => {
    for (const [, take] of both) {
      const iter = createIovec(on(kernel), ranges([0x20001000, 0], [0x20001ff0, 0x20], [0x30000000, 0x1000]))
      expect(call(take(W, iter, HUGE, 16))).toEqual(['u20001 u20002', 0xff0, 0x20])
      expect(iter.nrSegs).toBe(1)
      expect(call(take(W, iter, HUGE, 16))).toEqual(['u30000', 0, 0x1000])
      const adjacent = createIovec(on(kernel), ranges([0x20000000, 0x1000], [0x20001000, 0x1000]))
      expect(calls(adjacent, () => take(W, adjacent, HUGE, 16)).map(call)).toEqual([
        ['u20000', 0, 0x1000],
        ['u20001', 0, 0x1000],
      ])
    }
  })

  it('D1: nothing of a discard iterator', () => {
    for (const [, take] of both) expect(take(W, createDiscard(on(kernel), 100), HUGE, 16).bytes).toBe(EFAULT)
  })

  it('no pages wanted: nothing of get_pages2, an error of extract_pages', () => {
    expect(getPages(W, createUbuf(on(kernel), U, 1), 1, 0).bytes).toBe(0)
    expect(extractPages(W, createUbuf(on(kernel), U, 1), 1, 0).bytes).toBe(ENOMEM)
  })

  it('the page must be writable for a destination only', () => {
    const W3 = world({ readOnly: [0x10000] })
    expect(extractPages(W3, createUbuf(on(kernel, 'source'), U, 1), 1, 1).bytes).toBe(1)
    expect(extractPages(W3, createUbuf(on(kernel, 'dest'), U, 1), 1, 1).bytes).toBe(EFAULT)
  })
})

describe.each(EXTRACTING)('3.5 kvec, %s', (kernel) => {
  it('K1: the first entry with something in it; get_pages2 never', () => {
    const iter = createKvec(on(kernel), ranges([K + 0x200, 0], [K + 0x1f00, 0x200], [K + 0x2100, 0x10]))
    expect(getPages(world(), iter, HUGE, 16).bytes).toBe(EFAULT)
    const got = extractPages(world(), iter, HUGE, 16)
    expect([call(got), got.taken, iter.nrSegs]).toEqual([['k80001 k80002', 0xf00, 0x200], 'none', 1])
    expect(call(extractPages(world(), iter, HUGE, 16))).toEqual(['k80002', 0x100, 0x10])
  })

  it('K2: at most two pages a call', () => {
    const iter = createKvec(on(kernel), ranges([K + 0x1800, 0x3000]))
    expect(call(extractPages(world(), iter, HUGE, 2))).toEqual(['k80001 k80002', 0x800, 0x1800])
    expect(iter.iovOffset).toBe(0x1800)
    expect(call(extractPages(world(), iter, HUGE, 2))).toEqual(['k80003 k80004', 0, 0x1800])
  })
})

/** Row, bvecs, maxsize, calls of 6.12, calls of 6.18 and mainline, advanced by first. */
type BvecRow = readonly [
  row: string,
  segs: readonly (readonly [number, number, number])[],
  maxsize: number,
  calls612: readonly Call[],
  callsJoined: readonly Call[],
  advanced?: number,
]
const B2 = [
  [500, 0, 0x3000],
  [700, 0, 0x1000],
] as const
// biome-ignore format: one row of the reference a line
const BVEC_ROWS: readonly BvecRow[] = [
  ['B1', [[500, 0x800, 0x1000]], HUGE,
    [['f500 f501', 0x800, 0x1000]],
    [['f500', 0x800, 0x800], ['f501', 0, 0x800]]],
  ['B1b', [[500, 0x800, 0x1000], [700, 0, 0x1000]], HUGE,
    [['f500 f501', 0x800, 0x1000], ['f700', 0, 0x1000]],
    [['f500 f501', 0x800, 0x1000], ['f700', 0, 0x1000]]],
  ['B2', B2, HUGE,
    [['f500 f501 f502', 0, 0x3000], ['f700', 0, 0x1000]],
    [['f500 f501 f502 f700', 0, 0x4000]]],
  ['B3', [[500, 0, 0x1000], [600, 0, 0x800], [700, 0, 0x1000]], HUGE,
    [['f500', 0, 0x1000], ['f600', 0, 0x800], ['f700', 0, 0x1000]],
    [['f500 f600', 0, 0x1800], ['f700', 0, 0x1000]]],
  ['B4', [[500, 0x800, 0x800], [600, 0, 0x1000], [700, 0x100, 0x200]], HUGE,
    [['f500', 0x800, 0x800], ['f600', 0, 0x1000], ['f700', 0x100, 0x200]],
    [['f500 f600', 0x800, 0x1800], ['f700', 0x100, 0x200]]],
  ['B5', [[500, 0x1800, 0x1000]], HUGE,
    [['f501 f502', 0x800, 0x1000]],
    [['f501', 0x800, 0x800], ['f502', 0, 0x800]]],
  ['B6', B2, HUGE,
    [['f501 f502', 0x234, 0x1dcc], ['f700', 0, 0x1000]],
    [['f501 f502 f700', 0x234, 0x2dcc]], 0x1234],
  ['B7', [[500, 2, 0], [600, 0, 0x1000]], HUGE,
    [['f600', 0, 0x1000]],
    [['f600', 0, 0x1000]]],
  ['B8', [[500, 2, 0], [501, 2, 0], [600, 0, 0x1000]], HUGE,
    [['f600', 0, 0x1000]],
    [['', 2, 0], ['f600', 0, 0x1000]]],
  ['B9', [[500, 0, 0x1000], [501, 0, 0], [600, 0, 0x1000]], HUGE,
    [['f500', 0, 0x1000], ['f600', 0, 0x1000]],
    [['f500', 0, 0x1000], ['f600', 0, 0x1000]]],
  ['B10', [[500, 0, 0x1000], [600, 0, 0x1000]], 0x1800,
    [['f500', 0, 0x1000], ['f600', 0, 0x1000]],
    [['f500 f600', 0, 0x1800], ['f600', 0x800, 0x800]]],
  ['B11', [[500, 0x200, 0x2000]], HUGE,
    [['f500 f501 f502', 0x200, 0x2000]],
    [['f500 f501', 0x200, 0x1e00], ['f502', 0, 0x200]]],
]

describe('3.5 bvec', () => {
  const drained = (setup: SlowSetup, [, segs, maxsize, , , advanced]: BvecRow, take = extractPages) => {
    const iter = createBvec(setup, bvecs(...segs))
    if (advanced !== undefined) advance(iter, advanced)
    return calls(iter, () => take(world(), iter, maxsize, 16))
  }

  it.each(BVEC_ROWS.map((row) => ({ name: row[0], row })))('$name', ({ row }) => {
    const [, , , calls612, callsJoined] = row
    expect(drained(on('6.12'), row).map(call)).toEqual(calls612)
    for (const kernel of JOINING) expect(drained(on(kernel), row).map(call)).toEqual(callsJoined)
    expect(drained(on('6.12'), row).every(({ taken }) => taken === 'none')).toBe(true)
  })

  it('get_pages2 gives the column of 6.12 with references, in every version', () => {
    for (const row of BVEC_ROWS.filter(([name]) => !['B7', 'B8', 'B9'].includes(name))) {
      for (const kernel of ALL) {
        const got = drained(on(kernel), row, getPages)
        expect(got.map(call)).toEqual(row[3])
        expect(got.every(({ pages, taken, takenPages }) => taken === 'ref' && takenPages.join() === pages.join())).toBe(
          true,
        )
      }
    }
  })

  it('B8, B9: what is written behind the valid entries', () => {
    const junk = (name: string) => drained(on('6.18'), BVEC_ROWS.find(([row]) => row === name)!).map((got) => got.junk)
    expect(junk('B8')).toEqual([['f501'], []])
    expect(junk('B9')).toEqual([['f501'], []])
  })

  it('without its defects a joining kernel gives the exact size, and no empty entry', () => {
    const setup = without('6.18', 'bvec-entries-short', 'bvec-one-empty-skipped', 'bvec-no-entry-check')
    const one = (name: string) => drained(setup, BVEC_ROWS.find(([row]) => row === name)!).map(call)
    expect(one('B1')).toEqual([['f500 f501', 0x800, 0x1000]])
    expect(one('B11')).toEqual([['f500 f501 f502', 0x200, 0x2000]])
    expect(one('B8')).toEqual([['f600', 0, 0x1000]])
    expect(one('B9')).toEqual([['f500 f600', 0, 0x2000]])
    expect(extractPages(world(), createBvec(setup, bvecs([500, 0, P])), HUGE, 0).bytes).toBe(ENOMEM)
  })

  it('no pages wanted: refused, but in 6.18 one entry is written', () => {
    const none = (kernel: SlowKernel) => extractPages(world(), createBvec(on(kernel), bvecs([500, 0, P])), HUGE, 0)
    expect(EXTRACTING.map((kernel) => none(kernel).bytes)).toEqual([ENOMEM, P, ENOMEM])
  })

  it('only empty ones: 0', () => {
    for (const kernel of EXTRACTING) {
      expect(extractPages(world(), createBvec(on(kernel), bvecs([500, 2, 0]), 9), HUGE, 16).bytes).toBe(0)
    }
  })

  it('3.2 get_pages2 of an empty bvec: an error, or a reference that nobody gets', () => {
    const aligned = createBvec(on('6.12'), bvecs([500, 0, 0], [600, 0, P]))
    expect(getPages(world(), aligned, HUGE, 16).bytes).toBe(ENOMEM)
    expect(state(aligned)).toEqual([0, 0, 2, P])
    const odd = createBvec(on('6.12'), bvecs([500, 2, 0], [600, 0, P]))
    expect(getPages(world(), odd, HUGE, 16)).toEqual({
      bytes: 0,
      offset0: 2,
      pages: [],
      junk: ['f500'],
      taken: 'ref',
      takenPages: ['f500'],
    })
    expect(state(odd)).toEqual([1, 0, 1, P])
    const fixed = createBvec(without('6.12', 'get-pages-empty-bvec'), bvecs([500, 2, 0], [600, 0, P]))
    expect(call(getPages(world(), fixed, HUGE, 16))).toEqual(['f600', 0, P])
  })

  it('3.2 get_pages2 takes no reference on slab pages, since 6.16', () => {
    const taken = (kernel: SlowKernel) =>
      getPages(world({ slab: ['f501'] }), createBvec(on(kernel), bvecs([500, 0, 3 * P])), HUGE, 16).takenPages.join()
    expect(ALL.map(taken)).toEqual(['f500,f501,f502', 'f500,f501,f502', 'f500,f502', 'f500,f502'])
  })
})

describe('3.5 folio queue', () => {
  const queue = [{ slots: [{ pages: ['a0', 'a1', 'a2', 'a3'] }, { pages: ['b0'] }] }]
  const place = ({ slot, iovOffset }: SlowIov) => [slot, iovOffset]

  it.each(EXTRACTING)('F1, F2, %s', (kernel) => {
    const one = createFolioq(on(kernel), queue, 0, 0x1234, 0x3dcc)
    const got = extractPages(world(), one, HUGE, 16)
    expect([call(got), got.taken, place(one)]).toEqual([['a1 a2 a3 b0', 0x234, 0x3dcc], 'none', [1, 0x1000]])
    const two = createFolioq(on(kernel), queue, 0, 0x1234, 0x3dcc)
    expect(call(extractPages(world(), two, HUGE, 3))).toEqual(['a1 a2 a3', 0x234, 0x2dcc])
    expect(place(two)).toEqual([0, 0x4000])
    expect(call(extractPages(world(), two, HUGE, 3))).toEqual(['b0', 0, 0x1000])
  })

  it('3.2 get_pages2 takes references; a tree that was never released goes on to the next slot at once', () => {
    const after = (setup: SlowSetup) => {
      const iter = createFolioq(setup, queue, 0, 0x1234, 0x3dcc)
      const got = getPages(world(), iter, HUGE, 3)
      expect([call(got), got.taken, got.takenPages.length]).toEqual([['a1 a2 a3', 0x234, 0x2dcc], 'ref', 3])
      return place(iter)
    }
    expect(EXTRACTING.map((kernel) => after(on(kernel)))).toEqual(EXTRACTING.map(() => [0, 0x4000]))
    expect(after(having('mainline', 'folioq-eager-roll'))).toEqual([1, 0])
  })

  it('a slot past the end with an offset: -EIO', () => {
    const iter = createFolioq(on('6.12'), [{ slots: [] }, ...queue], 31, 5, 9)
    expect(extractPages(world(), iter, HUGE, 1).bytes).toBe(EIO)
    expect(getPages(world(), iter, HUGE, 1).bytes).toBe(EIO)
  })
})

/** Folios of one page at the indices. */
function pagesAt(...indices: readonly number[]): Map<number, SlowFolio> {
  return new Map(indices.map((first) => [first, { first, pages: [`x${first}`], kind: 'folio' }]))
}

describe('3.5 xarray', () => {
  const both = [extractPages, getPages]

  it.each(EXTRACTING)('X1, X2, X4, %s', (kernel) => {
    for (const take of both) {
      const one = createXarray(on(kernel), pagesAt(0, 1, 2, 3, 4), 0x1800, 0x2800)
      const got = take(world(), one, HUGE, 16)
      expect([call(got), got.taken]).toEqual([['x1 x2 x3', 0x800, 0x2800], take === getPages ? 'ref' : 'none'])
      const two = createXarray(on(kernel), pagesAt(0, 1, 2, 4, 5), 0x1800, 0x4000)
      expect(call(take(world(), two, HUGE, 16))).toEqual(['x1 x2', 0x800, 0x1800])
      expect(take(world(), two, HUGE, 16).bytes).toBe(0)
      const four = createXarray(on(kernel), pagesAt(0, 2), 0x1000, 0x2000)
      expect(take(world(), four, HUGE, 16).bytes).toBe(0)
    }
  })

  it.each(['6.12', '6.18'] as const)('X3: a hole under an odd start, %s', (kernel) => {
    expect(getPages(world(), createXarray(on(kernel), pagesAt(0, 2), 0x1800, 0x2000), HUGE, 16).bytes).toBe(0)
    const iter = createXarray(on(kernel), pagesAt(0, 2), 0x1800, 0x2000)
    expect(call(extractPages(world(), iter, HUGE, 16))).toEqual(['', 0x800, 0x2000])
    expect([iter.iovOffset, iter.count]).toEqual([0x2000, 0])
    const fixed = createXarray(without(kernel, 'xarray-hole-wrap'), pagesAt(0, 2), 0x1800, 0x2000)
    expect([extractPages(world(), fixed, HUGE, 16).bytes, fixed.count]).toEqual([0, 0x2000])
    const mainline = createXarray(on('mainline'), pagesAt(0, 2), 0x1800, 0x2000)
    expect([extractPages(world(), mainline, HUGE, 16).bytes, mainline.count]).toEqual([0, 0x2000])
  })

  it('the pages of a large folio are the ones of the indices', () => {
    const folio: SlowFolio = { first: 4, pages: ['y0', 'y1', 'y2', 'y3'], kind: 'folio' }
    const folios = new Map([...pagesAt(8), ...[4, 5, 6, 7].map((at) => [at, folio] as const)])
    const iter = createXarray(on('6.12'), folios, 0x6000, 0x3000)
    expect(call(extractPages(world(), iter, HUGE, 16))).toEqual(['y2 y3 x8', 0, 0x3000])
  })
})

describe('2.1, 2.2 copies', () => {
  it('a user copy stops at the page that is not there, and the iterator is at that byte', () => {
    const W = world({ refused: [0x10001] })
    const iter = createIovec(on('6.12'), ranges([U + 0xf00, 0x200], [U + 0x3000, 9]))
    expect(copyTo(W, iter, bytesOf(1, 0x150))).toBe(0x100)
    expect(state(iter)).toEqual([0, 0x100, 2, 0x109])
    expect(pageBytes(W, 'u10000').subarray(0xf00)).toEqual(bytesOf(1, 0x100))
    expect(copyTo(W, iter, bytesOf(1, 1))).toBe(0)
  })

  it('all or nothing: taken back when it is short', () => {
    const W = world({ refused: [0x10001] })
    const iter = createUbuf(on('6.12'), U + 0xf00, 0x200)
    expect([copyToFull(W, iter, bytesOf(0, 0x101)), iter.count]).toEqual([false, 0x200])
    expect([copyToFull(W, iter, bytesOf(0, 0x100)), iter.count]).toEqual([true, 0x100])
    const source = createUbuf(on('6.12', 'source'), U + 0xf00, 0x200)
    expect([copyFromFull(W, source, 0x200).ok, source.count]).toEqual([false, 0x200])
    expect(copyFromFull(W, source, 0x10)).toEqual({ ok: true, bytes: bytesOf(0, 0x10) })
  })

  it('against the direction: told; 6.1 does it all the same, later kernels copy nothing', () => {
    const to = (kernel: SlowKernel) => {
      const iter = createUbuf(on(kernel, 'source'), U, 9)
      return [copyTo(world(), iter, bytesOf(0, 9)), iter.count, iter.violations.length]
    }
    expect(ALL.map(to)).toEqual([[9, 0, 1], ...[1, 2, 3].map(() => [0, 9, 1])])
    const from = (kernel: SlowKernel) => copyFrom(world(), createUbuf(on(kernel), U, 9), 9).copied
    expect(ALL.map(from)).toEqual([9, 0, 0, 0])
    const discarded = (kernel: SlowKernel) => {
      const iter = createDiscard(on(kernel), 9)
      return [copyFrom(world(), iter, 5).copied, iter.count]
    }
    expect(ALL.map(discarded)).toEqual([[5, 4], ...[1, 2, 3].map(() => [0, 9])])
  })

  it('zeroing has no guard: the memory of a source is overwritten', () => {
    const W = world()
    pageBytes(W, 'u10000').fill(7)
    const iter = createUbuf(on('6.12', 'source'), U, 9)
    expect([zero(W, iter, 99), iter.count, iter.violations]).toEqual([9, 0, ['wrong-direction']])
    expect([...pageBytes(W, 'u10000').subarray(7, 11)]).toEqual([0, 0, 7, 7])
  })

  it('a copy to a discard iterator takes it all; an empty bvec is a step of nothing', () => {
    const discard = createDiscard(on('6.12'), 9)
    expect([copyTo(world(), discard, bytesOf(0, 20)), discard.count]).toEqual([9, 0])
    const W = world()
    const iter = createBvec(on('6.12'), bvecs([1, 0xffe, 2], [2, 0, 0], [3, 0x1ffe, 4]))
    expect(copyTo(W, iter, bytesOf(1, 5))).toBe(5)
    expect(state(iter)).toEqual([2, 3, 1, 1])
    expect([...pageBytes(W, 'f1').subarray(0xffe), ...pageBytes(W, 'f4').subarray(0xffe)]).toEqual([1, 2, 3, 4])
    expect(pageBytes(W, 'f5')[0]).toBe(5)
  })

  it('an xarray with a hole: the data lands in the next folio that is there', () => {
    const W = world()
    const iter = createXarray(on('6.12'), pagesAt(1, 3), 0x1ffe, 4)
    expect([copyTo(W, iter, bytesOf(1, 4)), iter.count]).toEqual([4, 0])
    expect([...pageBytes(W, 'x3').subarray(0, 2)]).toEqual([3, 4])
    const fixed = createXarray(without('6.12', 'xarray-copy-hole'), pagesAt(1, 3), 0x1ffe, 4)
    expect([copyTo(W, fixed, bytesOf(1, 4)), fixed.count]).toEqual([2, 2])
  })

  it('an xarray stops at a value and at a hugetlb folio', () => {
    for (const what of ['value', 'hugetlb'] as const) {
      const folios = pagesAt(0)
      folios.set(1, { first: 1, pages: what === 'value' ? [] : ['h0'], kind: what })
      const iter = createXarray(on('6.12'), folios, 0xffe, 4)
      expect([copyTo(world(), iter, bytesOf(0, 4)), iter.warnings]).toEqual([2, [`xarray-${what}`]])
    }
  })

  it('a folio queue stops at an empty slot', () => {
    const iter = createFolioq(on('6.12'), [{ slots: [{ pages: ['a0'] }] }], 0, 0xffe, 4)
    expect([copyTo(world(), iter, bytesOf(0, 4)), iter.slot, iter.iovOffset, iter.count]).toEqual([2, 1, 0, 2])
  })

  it('pages of a folio: only inside it', () => {
    const W = world()
    const folio = ['g0', 'g1']
    pageBytes(W, 'g0').set(bytesOf(1, 2), 0xffe)
    pageBytes(W, 'g1').set(bytesOf(3, 2))
    const iter = createUbuf(on('6.12'), U, 100)
    expect(copyPageTo(W, iter, folio, 0xffe, 4)).toBe(4)
    expect([...pageBytes(W, 'u10000').subarray(0, 4)]).toEqual([1, 2, 3, 4])
    expect([copyPageTo(W, iter, folio, 0x1fff, 2), iter.warnings.length]).toEqual([0, 1])
    const source = createUbuf(on('6.12', 'source'), U, 100)
    expect(copyPageFrom(W, source, folio, 0xfff, 3)).toBe(3)
    expect([pageBytes(W, 'g0')[0xfff], pageBytes(W, 'g1')[0], pageBytes(W, 'g1')[1]]).toEqual([1, 2, 3])
    for (const kernel of ALL) {
      const atomic = createUbuf(on(kernel, 'source'), U, 4)
      expect([copyPageFromAtomic(W, atomic, folio, 0xffe, 9), atomic.count]).toEqual([4, 0])
    }
  })
})

describe('2.4 prefaulting', () => {
  const W = world({ refused: [0x10002], readOnly: [0x10001] })

  it('bytes not faulted in, those past the count too', () => {
    expect(faultInReadable(W, createUbuf(on('6.12'), U + 0x800, 0x2000), 0x2100)).toBe(0x900)
    expect(faultInWriteable(W, createUbuf(on('6.12'), U + 0x800, 0x2000), 0x1000)).toBe(0x800)
    expect(faultInReadable(W, createUbuf(on('6.12'), U, 5), 9)).toBe(4)
    const iter = createIovec(on('6.12'), ranges([U, 0x10], [U + P, 0], [U + 2 * P - 8, 0x10], [U, 9]))
    expect(faultInReadable(W, iter, 0x28)).toBe(0x10)
    expect(faultInReadable(W, createKvec(on('6.12'), ranges([K, 9])), 99)).toBe(0)
  })
})

describe('2.5 import', () => {
  const W = world({ userEnd: 2 ** 47 })

  it('one segment is a ubuf, but in 6.1 an iovec; none is an iovec', () => {
    const one = (kernel: SlowKernel) => importIovec(W, on(kernel), ranges([U, 9])).iter?.type
    expect(ALL.map(one)).toEqual(['iovec', 'ubuf', 'ubuf', 'ubuf'])
    const none = importIovec(W, on('6.12'), [])
    expect([none.result, none.iter?.type, none.iter?.nrSegs]).toEqual([0, 'iovec', 0])
    expect(importUbuf(W, on('6.12'), U, MAX_RW_COUNT + 9).iter?.count).toBe(MAX_RW_COUNT)
  })

  it('what is refused', () => {
    const many = (n: number) => Array.from({ length: n }, () => range([U, 1]))
    expect(importIovec(W, on('6.12'), many(1024))).toMatchObject({ result: 1024, heap: true })
    expect(importIovec(W, on('6.12'), many(1025)).result).toBe(EINVAL)
    expect(importIovec(W, on('6.12'), many(8)).heap).toBe(false)
    expect(importIovec(W, on('6.12'), many(9), { noMemory: true }).result).toBe(ENOMEM)
    expect(importIovec(W, on('6.12'), ranges([U, -1])).result).toBe(EINVAL)
    expect(importIovec(W, on('6.12'), [range([U, 1]), null]).result).toBe(EFAULT)
    expect(importIovec(W, on('6.1'), [range([U, -1]), null]).result).toBe(EFAULT)
    expect(importIovec(W, on('6.12'), [range([U, -1]), null]).result).toBe(EINVAL)
  })

  it('too much is clipped, and the entries behind stay with length 0; access is tested before that', () => {
    const { result, iter } = importIovec(W, on('6.12'), ranges([U, MAX_RW_COUNT - 1], [U, 5], [U, 7]))
    expect([result, iter?.nrSegs, iter?.segs.map(({ len }) => len)]).toEqual([
      MAX_RW_COUNT,
      3,
      [MAX_RW_COUNT - 1, 1, 0],
    ])
    const end = 2 ** 47
    expect(importIovec(W, on('6.12'), ranges([U, MAX_RW_COUNT], [end - 5, 6])).result).toBe(EFAULT)
    // The length of a ubuf is clipped first.
    expect(importIovec(W, on('6.12'), ranges([end - MAX_RW_COUNT, 2 ** 40])).result).toBe(MAX_RW_COUNT)
  })
})

describe('1.12 pipe', () => {
  const make = (count = 0x10000, slots = 4) => {
    const names = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5']
    const ring = createRing(4, slots, () => names.shift() ?? null)
    return { ring, iter: createPipe(on('6.1'), ring, count) }
  }

  it('a copy fills fresh pages, goes on in the last one, and is short when the ring is full', () => {
    const W = world()
    const { ring, iter } = make(HUGE, 2)
    expect(copyTo(W, iter, bytesOf(0, 0x800))).toBe(0x800)
    expect([iter.lastOffset, iter.head, ring.head]).toEqual([0x800, 0, 1])
    expect(npages(iter, 99)).toBe(2)
    expect(copyTo(W, iter, bytesOf(0, 0x2000))).toBe(0x1800)
    expect([iter.lastOffset, iter.head, ring.head]).toEqual([P, 1, 2])
    expect(pageBytes(W, 'p0').subarray(0x800)).toEqual(bytesOf(0, 0x800))
  })

  it('a page is linked, with a reference, and merged when it goes on where the last one ended', () => {
    const { ring, iter } = make()
    expect(copyPageTo(world(), iter, ['c0'], 0x100, 0x200)).toBe(0x200)
    expect(copyPageTo(world(), iter, ['c0'], 0x300, 0x100)).toBe(0x100)
    expect([ring.head, ring.bufs[0], ring.got]).toEqual([
      1,
      { page: 'c0', offset: 0x100, len: 0x300, ops: 'page-cache' },
      ['c0'],
    ])
    expect(iter.lastOffset).toBe(-0x400)
    revert(iter, 0x300)
    expect([ring.head, ring.put, iter.lastOffset, iter.count]).toEqual([0, ['c0'], 0, 0x10000])
  })

  it('get_pages2 gives ring pages with a reference each; a revert gives them back', () => {
    const { ring, iter } = make()
    expect(call(getPages(world(), iter, 0x2800, 16))).toEqual(['p0 p1 p2', 0, 0x2800])
    expect(iter.count).toBe(0x10000 - 0x2800)
    revert(iter, 0x1000)
    expect([ring.head, ring.put, iter.lastOffset]).toEqual([2, ['p2'], 0x800])
    expect(call(getPages(world(), iter, 0x1000, 16))).toEqual(['p1 p3', 0x800, 0x1000])
    const full = make(0x10000, 0)
    expect(getPages(world(), full.iter, 0x1000, 16).bytes).toBe(EFAULT)
  })

  it('advance trims the ring; by nothing at the start it drops everything', () => {
    const { ring, iter } = make()
    zero(world(), iter, 0x1800)
    revert(iter, 0x1800)
    advance(iter, 0)
    expect([ring.head, iter.lastOffset]).toEqual([0, 0])
    const other = make()
    zero(world(), other.iter, 0x1800)
    other.iter.head = 0
    other.iter.lastOffset = 0x400
    advance(other.iter, 0x100)
    expect([other.ring.head, other.iter.lastOffset, other.ring.put]).toEqual([1, 0x500, ['p1']])
  })

  it('a ring that somebody else changed: a warning, and nothing', () => {
    const { ring, iter } = make()
    ring.head = 1
    expect([copyTo(world(), iter, bytesOf(0, 4)), iter.warnings]).toEqual([0, ['pipe-sanity']])
    expect(copyFrom(world(), iter, 4).copied).toBe(0)
  })
})

describe('6.3, 6.6 append from pages', () => {
  const M = 2 ** 32 - 1
  const run = (lists: readonly (readonly number[])[], size: number, maxSegment: number) => {
    const table = createAppendTable()
    const results = lists.map((pfns, at) => {
      const leftPages = at + 1 < lists.length ? pfns.length : 0
      return appendFromPages(table, { pfns, offset: 0, size, maxSegment, leftPages })
    })
    return { results, table }
  }
  const to = (n: number) => Array.from({ length: n }, (_, i) => i)

  // biome-ignore format: the table of tools/testing/scatterlist/main.c
  const table: readonly (readonly [number, readonly (readonly number[])[], number, number, number])[] = [
    [1, [[0]], P, 0, EINVAL], [2, [[0]], P, P + 1, 1], [3, [[0]], P, M, 1], [4, [[0]], 1, M, 1],
    [5, [[0, 1]], 2 * P, M, 1], [6, [[1, 0]], 2 * P, M, 2], [7, [[0, 1, 2]], 3 * P, M, 1],
    [8, [[0, 1, 2]], 3 * P, M, 1], [9, [[0, 1, 2], [3, 4, 5]], 3 * P, M, 1],
    [10, [[0, 1, 2], [4, 5, 6]], 3 * P, M, 2], [11, [[0, 2, 1]], 3 * P, M, 3], [12, [[0, 1, 3]], 3 * P, M, 2],
    [13, [[1, 2, 4]], 3 * P, M, 2], [14, [[1, 3, 4]], 3 * P, M, 2], [15, [[0, 1, 3, 4]], 4 * P, M, 2],
    [16, [[0, 1, 3, 4, 5]], 5 * P, M, 2], [17, [[0, 1, 3, 4, 6]], 5 * P, M, 3], [18, [to(5)], 5 * P, M, 1],
    [19, [to(5)], 5 * P, 2 * P, 3], [20, [to(6)], 6 * P, 2 * P, 3], [21, [[0, 2, 3, 4, 5, 6]], 6 * P, 2 * P, 4],
    [22, [[0, 1, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]], 6 * P, 12 * P, 2],
  ]

  it.each(table)('row %i', (_, lists, size, maxSegment, expected) => {
    const { results, table } = run(lists, size, maxSegment)
    expect(results).toEqual(lists.map(() => Math.min(expected, 0)))
    expect(table.nents).toBe(Math.max(expected, 0))
    expect(table.entries.map(({ isEnd }) => isEnd)).toEqual(table.entries.map((__, at) => at === table.nents - 1))
  })

  it('lengths, the offset of the first entry, and an offset where it may not be', () => {
    // More pages than bytes: what is left is unsigned, and wraps.
    const { table: wrapped } = run([[0, 1, 3]], P, M)
    expect(wrapped.entries.map(({ length }) => length)).toEqual([P, P])
    const one = createAppendTable()
    const asked = { pfns: [0, 1, 3], offset: 0x234, size: 0x2000, maxSegment: M, leftPages: 1 }
    expect(appendFromPages(one, asked)).toBe(0)
    expect(one.entries.map(({ pfn, offset, length }) => [pfn, offset, length])).toEqual([
      [0, 0x234, 0x1dcc],
      [3, 0, 0x234],
    ])
    expect(appendFromPages(one, asked)).toBe(EINVAL)
  })

  it('without memory the last entry is as long as it was', () => {
    const { table } = run([[0]], P, M)
    const more = { pfns: [1, 2, 9], offset: 0, size: 3 * P, maxSegment: M, leftPages: 0, room: 0 }
    expect(appendFromPages(table, more)).toBe(ENOMEM)
    expect(table.entries.map(({ length }) => length)).toEqual([P])
  })
})

describe('6.5 extract_iter_to_sg', () => {
  const fresh = (nents = 0): SlowSgTable => ({
    nents,
    origNents: 0,
    entries: Array.from({ length: nents }, (_, at) => ({ page: `old${at}`, offset: 0, length: P })),
  })
  const rows = ({ entries }: SlowSgTable) => entries.map(({ page, offset, length }) => [page, offset, length])
  const S1 = [
    ['u10000', 0x234, 0xdcc],
    ['u10001', 0, 0x1000],
    ['u10002', 0, 0x234],
  ]

  it.each(EXTRACTING)('S1, S3: one entry a page, %s', (kernel) => {
    for (const [maxsize, sgMax] of [
      [0x2000, 16],
      [HUGE, 3],
    ] as const) {
      const table = fresh()
      const iter = createUbuf(on(kernel), U + 0x234, 0x2000)
      const { result, taken, released } = extractToSg(world(), iter, maxsize, table, sgMax)
      expect([result, taken.length, released.length, iter.count]).toEqual([0x2000, 3, 0, 0])
      expect([rows(table), table.nents, table.origNents]).toEqual([S1, 3, 0])
    }
  })

  it.each(EXTRACTING)('S2, S4: what fails releases all entries, and the iterator is not rewound, %s', (kernel) => {
    const two = fresh()
    const iter = createUbuf(on(kernel), U + 0x234, 0x2000)
    expect(extractToSg(world(), iter, 0x3000, two, 16)).toEqual({
      result: 0,
      taken: ['u10000', 'u10001', 'u10002'],
      released: ['u10002', 'u10001', 'u10000'],
    })
    expect([two.nents, rows(two), iter.count]).toEqual([0, [], 0])
    const four = createUbuf(on(kernel), U, 3 * P)
    expect(extractToSg(world({ refused: [0x10001] }), four, 3 * P, fresh(), 16)).toEqual({
      result: EFAULT,
      taken: ['u10000'],
      released: ['u10000'],
    })
    expect([four.iovOffset, four.count]).toEqual([P, 2 * P])
  })

  it.each(EXTRACTING)('S5, S6, S7: entries are not merged; one entry a bvec, %s', (kernel) => {
    const five = fresh()
    extractToSg(world(), createIovec(on(kernel), ranges([U, P], [U + P, P])), 2 * P, five, 16)
    expect(five.nents).toBe(2)
    const segs = bvecs([500, 0x800, 0x3000], [700, 0, 0x1000])
    const six = fresh()
    expect(extractToSg(world(), createBvec(on(kernel), segs), 0x4000, six, 16)).toEqual({
      result: 0x4000,
      taken: [],
      released: [],
    })
    expect(rows(six)).toEqual([
      ['f500', 0x800, 0x3000],
      ['f700', 0, 0x1000],
    ])
    const seven = fresh()
    const iter = createBvec(on(kernel), segs)
    advance(iter, 0x1000)
    expect(extractToSg(world(), iter, 0x2800, seven, 16).result).toBe(0x2800)
    expect(rows(seven)).toEqual([
      ['f500', 0x1800, 0x2000],
      ['f700', 0, 0x800],
    ])
    expect(iter.count).toBe(0x800)
  })

  it('S8: the later folios of an xarray', () => {
    const folios = pagesAt(0, 1, 2, 3, 4)
    const wrong = fresh()
    expect(extractToSg(world(), createXarray(on('6.12'), folios, 0x1800, 0x2000), 0x2000, wrong, 16).result).toBe(
      0x2000,
    )
    expect(rows(wrong)).toEqual([1, 2, 3, 4].map((at) => [`x${at}`, 0x800, 0x800]))
    const right = fresh()
    const setup = without('6.12', 'sg-xarray-start')
    expect(extractToSg(world(), createXarray(setup, folios, 0x1800, 0x2000), 0x2000, right, 16).result).toBe(0x2000)
    expect(rows(right)).toEqual([
      ['x1', 0x800, 0x800],
      ['x2', 0, 0x1000],
      ['x3', 0, 0x800],
    ])
  })

  it('a folio is one entry, its offset may be past the first page', () => {
    const table = fresh()
    const queue = [{ slots: [{ pages: ['a0', 'a1', 'a2', 'a3'] }, { pages: ['b0'] }] }]
    const iter = createFolioq(on('6.12'), queue, 0, 0x1234, 0x3dcc)
    expect(extractToSg(world(), iter, 0x3dcc, table, 16).result).toBe(0x3dcc)
    expect(rows(table)).toEqual([
      ['a0', 0x1234, 0x2dcc],
      ['b0', 0, 0x1000],
    ])
    expect([iter.slot, iter.iovOffset, iter.count]).toEqual([2, 0, 0])
  })

  it('nothing wanted: 0. Other types: -EIO', () => {
    expect(extractToSg(world(), createUbuf(on('6.12'), U, 9), 0, fresh(), 16).result).toBe(0)
    expect(extractToSg(world(), createUbuf(on('6.12'), U, 9), 9, fresh(), 0).result).toBe(0)
    const old = having('6.18', 'sg-kvec-length')
    expect(extractToSg(world(), createUbuf(old, U, 9), 9, fresh(), 0).result).toBe(ENOMEM)
    expect(extractToSg(world(), createDiscard(on('6.12'), 9), 9, fresh(), 1).result).toBe(EIO)
  })

  it('a kvec that does not fit: the fixed kernel takes back the rest, the old one counts it and is too long', () => {
    const run = (setup: SlowSetup) => {
      const table = fresh()
      const iter = createKvec(setup, ranges([K + 1000, 9000]))
      const { result } = extractToSg(world(), iter, 9000, table, 2)
      return [result, iter.count, rows(table)]
    }
    const first = P - 1000
    expect(run(on('6.18'))).toEqual([
      first + P,
      9000 - first - P,
      [
        ['k80000', 1000, first],
        ['k80001', 0, P],
      ],
    ])
    expect(run(having('6.18', 'sg-kvec-length'))).toEqual([
      9000,
      0,
      [
        ['k80000', 1000, 9000],
        ['k80001', 0, 9000 - first],
      ],
    ])
  })

  it('the list of pages laid over entries in use', () => {
    // With 4 entries in use and room for 4 more, the list begins at word 12 of the table: entry 3.
    const run = (setup: SlowSetup) => {
      const table = fresh(4)
      table.origNents = 4
      extractToSg(world(), createUbuf(setup, U, P), P, table, 4)
      return rows(table).slice(3)
    }
    expect(run(on('6.18'))).toEqual([
      ['old3', 0, P],
      ['u10000', 0, P],
    ])
    expect(run(having('6.18', 'sg-temp-array'))).toEqual([
      [null, 0, P],
      ['u10000', 0, P],
    ])
  })

  it('new entries written over the rest of the list', () => {
    // 4 in use, room for 8: the fourth new entry is entry 7, words 28 and 29, where the fifth and sixth page are. They
    // are taken from there, and the words set to NULL behind them.
    const table = fresh(4)
    table.origNents = 4
    const { taken } = extractToSg(world(), createUbuf(having('6.18', 'sg-temp-array'), U, 8 * P), 8 * P, table, 8)
    expect(taken).toHaveLength(8)
    expect(rows(table).slice(4)).toEqual([
      ...['u10000', 'u10001', 'u10002'].map((page) => [page, 0, P]),
      [null, 0, 0],
      ...['u10003', 'wild', 'u10006', 'u10007'].map((page) => [page, 0, P]),
    ])
  })
})

// Section 8: the fixtures of lib/kunit_iov_iter.c.

const BUF_PAGES = 256
const BUF_SIZE = BUF_PAGES * P
const pattern612 = (x: number) => x & 0xff
const pattern7x = (x: number) => (x + (x >> 8) + (x >> 16)) & 0xff

const kunitKvec = (setup: SlowSetup) =>
  createKvec(
    setup,
    KVEC_RANGES.map(([from, to]) => range([K + from, to - from])),
  )
const kunitBvec = (setup: SlowSetup, pfn: (page: number) => number) =>
  createBvec(
    setup,
    BVEC_RANGES.map(([page, from, to]) => bvec([pfn(page), from, to - from])),
  )
/** Frames of which no two follow each other. */
const scattered = (page: number) => 1000 + 2 * page
const kunitXarray = () => pagesAt(...Array.from({ length: BUF_PAGES }, (_, at) => at))
const kunitQueue = (): SlowQueueSegment[] =>
  Array.from({ length: Math.ceil(BUF_PAGES / 31) }, (_, segment) => ({
    slots: Array.from({ length: Math.min(31, BUF_PAGES - 31 * segment) }, (__, slot) => ({
      pages: [`q${31 * segment + slot}`],
    })),
  }))

describe('8.1 fixtures', () => {
  it('totals and page counts', () => {
    const kvec = kunitKvec(on('6.12'))
    expect(KVEC_RANGES.map(([from, to]) => to - from)).toEqual([0, 12249, 79361, 0, 16384, 12289, 880635, 1])
    expect([kvec.count, npages(kvec, 1000)]).toEqual([1000919, 247])
    const iter = kunitBvec(on('6.12'), scattered)
    expect([iter.count, npages(iter, 1000)]).toEqual([20073, 8])
  })
})

describe.each(ALL)('8.2 copies, %s', (kernel) => {
  const pattern = kernel === 'mainline' ? pattern7x : pattern612
  const scratch = (length: number) => packed([[0, length]])
  const flat = (W: SlowWorld, name: (page: number) => string) => {
    const all = new Uint8Array(BUF_SIZE)
    for (let page = 0; page < BUF_PAGES; page++) all.set(pageBytes(W, name(page)), page * P)
    return all
  }
  const laidOut = (places: readonly (readonly [number, number])[]) => {
    const all = new Uint8Array(BUF_SIZE)
    let at = 0
    for (const [from, to] of places) for (let x = from; x < to; x++) all[x] = pattern(at++)
    return all
  }
  const packed = (places: readonly (readonly [number, number])[]) => {
    const all = new Uint8Array(places.reduce((sum, [from, to]) => sum + to - from, 0))
    let at = 0
    for (const [from, to] of places) for (let x = from; x < to; x++) all[at++] = pattern(x)
    return all
  }
  const patterned = (W: SlowWorld, name: (page: number) => string) => {
    for (let page = 0; page < BUF_PAGES; page++) {
      pageBytes(W, name(page)).set(packed([[page * P, page * P + P]]))
    }
  }
  const bvecPlaces = BVEC_RANGES.map(([page, from, to]) => [page * P + from, page * P + to] as const)
  const kernelName = (page: number) => `k${(0x80000 + page).toString(16)}`
  const frameName = (page: number) => `f${scattered(page)}`
  const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

  it.each([
    ['kvec', kunitKvec, kernelName, KVEC_RANGES],
    ['bvec', (setup: SlowSetup) => kunitBvec(setup, scattered), frameName, bvecPlaces],
  ] as const)('copy_to_%s, copy_from', (_, make, name, places) => {
    const W = world()
    const dest = make(on(kernel))
    const size = dest.count
    expect([copyTo(W, dest, scratch(size)), dest.count, dest.nrSegs]).toEqual([size, 0, 0])
    expect(same(flat(W, name), laidOut(places))).toBe(true)
    const from = world()
    patterned(from, name)
    const source = make(on(kernel, 'source'))
    const { copied, bytes } = copyFrom(from, source, Math.min(source.count, BUF_SIZE))
    expect([copied, source.count, source.nrSegs]).toEqual([size, 0, 0])
    expect(same(bytes, packed(places))).toBe(true)
  })

  it('copy_to_xarray, copy_from', () => {
    const W = world()
    const from = world()
    const name = (page: number) => `x${page}`
    patterned(from, name)
    const folios = kunitXarray()
    let done = 0
    for (const [start, end] of KVEC_RANGES) {
      const size = end - start
      const dest = createXarray(on(kernel), folios, start, size)
      expect(copyTo(W, dest, scratch(done + size).subarray(done))).toBe(size)
      expect([dest.count, dest.iovOffset]).toEqual([0, size])
      const source = createXarray(on(kernel, 'source'), folios, start, size)
      expect(same(copyFrom(from, source, size).bytes, packed([[start, end]]))).toBe(true)
      done += size
    }
    expect(same(flat(W, name), laidOut(KVEC_RANGES))).toBe(true)
  })

  // 6.1 has no folio queues.
  if (kernel === '6.1') return
  it('copy_to_folioq, copy_from', () => {
    const W = world()
    const from = world()
    const name = (page: number) => `q${page}`
    patterned(from, name)
    const queue = kunitQueue()
    let done = 0
    for (const [start, end] of KVEC_RANGES) {
      const size = end - start
      const dest = createFolioq(on(kernel), queue, 0, 0, end)
      advance(dest, start)
      expect(copyTo(W, dest, scratch(done + size).subarray(done))).toBe(size)
      expect([dest.count, dest.iovOffset]).toEqual([0, end % P])
      const source = createFolioq(on(kernel, 'source'), queue, 0, 0, end)
      advance(source, start)
      expect(same(copyFrom(from, source, size).bytes, packed([[start, end]]))).toBe(true)
      done += size
    }
    expect(queue).toHaveLength(9)
    expect(same(flat(W, name), laidOut(KVEC_RANGES))).toBe(true)
  })
})

describe.each(EXTRACTING)('8.3 extraction, %s', (kernel) => {
  const MAXSIZE = 100 * 1024
  const MAXPAGES = 8
  /** The calls for each range: bytes. */
  const SPLITS = [
    [],
    [12249],
    [32365, 32768, 14228],
    [],
    [16384],
    [12289],
    [...Array.from({ length: 26 }, () => 32768), 28667],
    [1],
  ]
  const SPLIT = SPLITS.flat()

  /** What KUnit asserts of each call; the bytes of all. */
  const extractAll = (iter: SlowIov, expectedPage: (position: number) => string, from: number) => {
    const made: number[] = []
    let remaining = iter.count
    let position = from
    while (remaining > 0) {
      const { bytes, offset0, pages, junk } = extractPages(world(), iter, MAXSIZE, MAXPAGES)
      expect(bytes).toBeGreaterThan(0)
      remaining -= bytes
      expect([iter.count, offset0, junk]).toEqual([remaining, position % P, []])
      expect(pages).toEqual(
        Array.from({ length: Math.ceil((offset0 + bytes) / P) }, (_, k) => expectedPage(position - offset0 + k * P)),
      )
      position += bytes
      made.push(bytes)
    }
    return made
  }

  it('extract_pages_kvec: 34 calls, 1,000,919 bytes', () => {
    const iter = kunitKvec(on(kernel))
    const made = calls(iter, () => extractPages(world(), iter, MAXSIZE, MAXPAGES))
    expect(made.map(({ bytes }) => bytes)).toEqual(SPLIT)
    expect([made.length, made.reduce((sum, { bytes }) => sum + bytes, 0)]).toEqual([34, 1000919])
    expect(made.map(({ pages }) => pages.length).slice(0, 6)).toEqual([3, 8, 8, 4, 4, 4])
    expect(call(made.at(-2)!)[2]).toBe(28667)
    expect([made.at(-2)!.pages.length, call(made.at(-1)!)]).toEqual([7, ['k800ff', 0xffd, 1]])
    expect(call(made[0]!)).toEqual(['k80000 k80001 k80002', 0x27, 12249])
  })

  it('extract_pages_bvec: 7 calls in 6.12, 4 where bvecs are joined', () => {
    const iter = kunitBvec(on(kernel), scattered)
    const made = calls(iter, () => extractPages(world(), iter, MAXSIZE, MAXPAGES))
    const expected = kernel === '6.12' ? [2156, 1537, 4096, 4096, 4096, 4091, 1] : [2156, 1537, 16379, 1]
    expect(made.map(({ bytes }) => bytes)).toEqual(expected)
    expect(made.map(({ offset0 }) => offset0)).toEqual([0x27, 0x193, ...expected.slice(3).map(() => 0), 0xffd])
    expect(made.flatMap(({ pages }) => pages)).toEqual([1, 2, 3, 4, 5, 6, 6].map((page) => `f${scattered(page)}`))
  })

  it('extract_pages_bvec, pages 3 to 6 merged by the loader: 4 calls', () => {
    const merged = bvecs([1000, 2, 0], [1010, 0x27, 2156], [1020, 0x193, 1537], [1030, 0, 16379], [1033, 0xffd, 1])
    const iter = createBvec(on(kernel), merged)
    const made = calls(iter, () => extractPages(world(), iter, MAXSIZE, MAXPAGES))
    expect(made.map(({ bytes }) => bytes)).toEqual([2156, 1537, 16379, 1])
    expect(made[2]!.pages).toHaveLength(4)
  })

  it('extract_pages_folioq, extract_pages_xarray: 34 calls', () => {
    const queue = kunitQueue()
    const folios = kunitXarray()
    KVEC_RANGES.forEach(([from, to], at) => {
      const folioq = createFolioq(on(kernel, 'source'), queue, 0, 0, to)
      advance(folioq, from)
      expect(extractAll(folioq, (position) => `q${position / P}`, from)).toEqual(SPLITS[at])
      const xarray = createXarray(on(kernel, 'source'), folios, from, to - from)
      expect(extractAll(xarray, (position) => `x${position / P}`, from)).toEqual(SPLITS[at])
      expect(xarray.iovOffset).toBe(to - from)
    })
    expect(SPLIT).toHaveLength(34)
  })
})

describe('8.4 to a scatterlist', () => {
  const PAGES = 512
  const SIZE = PAGES * P
  const tail = 16 * P
  const all = Array.from({ length: PAGES }, (_, at) => at)
  const queue: SlowQueueSegment[] = Array.from({ length: Math.ceil(PAGES / 31) }, (_, segment) => ({
    slots: all.slice(31 * segment, 31 * segment + 31).map((at) => ({ pages: [`q${at}`] })),
  }))

  it.each([
    ['kvec', (setup: SlowSetup) => createKvec(setup, ranges([K, SIZE])), 0],
    [
      'bvec',
      (setup: SlowSetup) =>
        createBvec(
          setup,
          all.map((at) => bvec([scattered(at), 0, P])),
        ),
      0,
    ],
    ['folioq', (setup: SlowSetup) => createFolioq(setup, queue, 0, 0, SIZE), 0],
    ['xarray', (setup: SlowSetup) => createXarray(setup, pagesAt(...all), 0, SIZE), 0],
    ['ubuf', (setup: SlowSetup) => createUbuf(setup, U, SIZE), PAGES],
  ] as const)('iter_to_sg_%s: 1, 496, 512 entries', (_, make, pins) => {
    const iter = make(on('6.12'))
    const table: SlowSgTable = { nents: 0, origNents: 0, entries: [] }
    const taken: string[] = []
    const step = (maxsize: number, sgMax: number) => {
      const got = extractToSg(world(), iter, maxsize, table, sgMax)
      taken.push(...got.taken)
      return [got.result, table.nents]
    }
    expect(step(SIZE, 0)).toEqual([0, 0])
    expect(step(SIZE - tail, 1)).toEqual([P, 1])
    expect(step(SIZE - tail - P, PAGES - 1)).toEqual([SIZE - tail - P, 496])
    expect(step(tail, PAGES - 496)).toEqual([tail, 512])
    expect([table.entries.reduce((sum, { length }) => sum + length, 0), taken.length]).toEqual([SIZE, pins])
  })
})
