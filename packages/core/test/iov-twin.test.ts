import { describe, expect, it } from 'vitest'
import type { PolicyName } from '../src/extract/policy.ts'
import { importIovec, needsArray, USER_ADDRESS_END } from '../src/iter/import-iovec.ts'
import { IovIter } from '../src/iter/iov-iter.ts'
import { ITER_DEST, ITER_TYPE_NAMES } from '../src/iter/iter-type.ts'
import { SegmentTable } from '../src/iter/segment-table.ts'
import { KERNEL_VERSIONS, type KernelVersion } from '../src/kernel/version.ts'
import * as twin from './model/iov/index.ts'
import { filePieces, type IovCase, type IovTypeName, iovCase, traitsOf } from './support/iov-case.ts'
import { IovDifference } from './support/iov-difference.ts'
import { IovHost } from './support/iov-host.ts'
import { IovPair } from './support/iov-pair.ts'
import {
  askAll,
  cutsOf,
  drainAll,
  folioLists,
  LENGTHS,
  moveAll,
  segmentLists,
  Tally,
  totalOf,
} from './support/iov-small.ts'

// The iterator library against its slow twin (test/model/iov) in all small cases: up to three segments or folios, every
// length and offset that can make a difference, every limit of bytes and pages, both families of functions, all versions.
// What is compared after each call: bytes or errno, offset, pages, what was taken, and where the iterator is.

const EXTRACTING = ['6.12', '6.18', 'mainline'] as const satisfies readonly KernelVersion[]

/** One way of taking pages, and the versions that do it alike: all is compared for the first of them, a sample for all. */
interface Way {
  readonly type: IovTypeName
  readonly policy: PolicyName
  readonly versions: readonly KernelVersion[]
  readonly given?: Partial<IovCase>
  /** Segments at most, where it is the same code as of another way: three, if not given. */
  readonly upTo?: 2
}

/** The second page of the first segment and the third of the third one; and the second of the second, for writing. */
const FAULTS = { refused: [1, 8], readOnly: [4] }
const WITHOUT_EMPTY_RULES = ['-bvec-entries-short', '-bvec-one-empty-skipped', '-bvec-no-entry-check']

const VECTOR_WAYS: readonly Way[] = [
  { type: 'iovec', policy: 'get-pages', versions: KERNEL_VERSIONS, upTo: 2 },
  { type: 'iovec', policy: 'extract', versions: EXTRACTING },
  { type: 'iovec', policy: 'extract', versions: EXTRACTING, given: FAULTS },
  { type: 'iovec', policy: 'extract', versions: EXTRACTING, given: { ...FAULTS, isSource: true }, upTo: 2 },
  { type: 'kvec', policy: 'extract', versions: EXTRACTING },
  { type: 'bvec', policy: 'get-pages', versions: ['6.1', '6.12'] },
  { type: 'bvec', policy: 'get-pages', versions: ['6.18', 'mainline'], given: { slab: [1, 3, 7] } },
  { type: 'bvec', policy: 'get-pages', versions: KERNEL_VERSIONS, given: { changes: ['-get-pages-empty-bvec'] } },
  { type: 'bvec', policy: 'extract', versions: ['6.12'] },
  { type: 'bvec', policy: 'extract', versions: ['6.18'] },
  { type: 'bvec', policy: 'extract', versions: ['mainline'] },
  { type: 'bvec', policy: 'extract', versions: ['6.18', 'mainline'], given: { changes: WITHOUT_EMPTY_RULES } },
]

/** Lists of at most so many segments: 24 segments, and what is made of them. */
const LISTS = { 2: 24 + 24 ** 2, 3: 24 + 24 ** 2 + 24 ** 3 }
/** Each of the lists under up to nine limits of bytes and five of pages. */
const DRAINS = { 2: 20_620, 3: 565_068 }
/** The 600 lists of one and two segments with every smaller count, under all those limits. */
const DRAINS_OF_FEWER = 93_528
/** Lists from one that is compared for all versions to the next; a prime, so that all values are met. */
const SAMPLE = 97

/** A pair in memory that every case of this kind has in common. */
function pairFor(type: IovTypeName, given: Partial<IovCase> = {}, iter?: IovIter): IovPair {
  const host = new IovHost(false)
  host.open(iovCase({ type, countBytes: 0, ...given }))
  return new IovPair(host, iter)
}

function nameOf({ type, policy, versions, given }: Way): string {
  const options = given === undefined ? '' : `, ${JSON.stringify(given)}`
  return `${type}, ${policy}, ${versions.join(' ')}${options}`
}

describe('pages of vectors: all 14,424 lists of segments', () => {
  it.each(VECTOR_WAYS.map((way) => ({ name: nameOf(way), way })))('$name', ({ way }) => {
    const { type, policy, versions, given, upTo = 3 } = way
    const pair = pairFor(type, given)
    const tally = new Tally()
    let lists = 0
    for (let count = 1; count <= upTo; count++) {
      for (const segments of segmentLists(count)) {
        const one = iovCase({ type, segments, countBytes: totalOf(segments), ...given, kernel: versions[0]! })
        pair.lay(one)
        drainAll(pair, one, policy, tally)
        if (lists++ % SAMPLE === 0) sameInAll(pair, one, policy, versions)
      }
    }
    expect(lists).toBe(LISTS[upTo])
    expect(tally.drains).toBe(DRAINS[upTo])
  })

  it.each(VECTOR_WAYS.map((way) => ({ name: nameOf(way), way })))('$name, with fewer bytes to go', ({ way }) => {
    const { type, policy, versions, given } = way
    const pair = pairFor(type, given)
    const tally = new Tally()
    for (let count = 1; count <= 2; count++) {
      for (const segments of segmentLists(count)) {
        for (const countBytes of cutsOf(totalOf(segments)).slice(0, -1)) {
          const one = iovCase({ type, segments, countBytes, ...given, kernel: versions[0]! })
          pair.lay(one)
          drainAll(pair, one, policy, tally)
        }
      }
    }
    expect(tally.drains).toBe(DRAINS_OF_FEWER)
  })
})

/** The versions do the same, call by call, and each what its twin does. */
function sameInAll(pair: IovPair, one: IovCase, policy: PolicyName, versions: readonly KernelVersion[]): void {
  const tally = new Tally()
  const [first, ...others] = versions.map((kernel) => {
    const done: number[] = []
    drainAll(pair, { ...one, kernel }, policy, tally, undefined, (bytes) => {
      const { fast, list } = pair
      done.push(bytes, list.pages, fast.segment, fast.queueSegment, fast.slot, fast.iovOffsetBytes, fast.countBytes)
    })
    return done.join()
  })
  expect(others.every((done) => done === first)).toBe(true)
}

describe('pages of folios, pipes and single buffers', () => {
  const FOLIO_WAYS: readonly Way[] = [
    { type: 'folioq', policy: 'get-pages', versions: EXTRACTING },
    { type: 'folioq', policy: 'get-pages', versions: EXTRACTING, given: { changes: ['folioq-eager-roll'] } },
    { type: 'folioq', policy: 'extract', versions: EXTRACTING },
    { type: 'folioq', policy: 'extract', versions: EXTRACTING, given: { slot: 29 } },
    { type: 'folioq', policy: 'get-pages', versions: EXTRACTING, given: { slot: 30, changes: ['folioq-eager-roll'] } },
    { type: 'xarray', policy: 'get-pages', versions: KERNEL_VERSIONS },
    { type: 'xarray', policy: 'extract', versions: ['6.12', '6.18'] },
    { type: 'xarray', policy: 'extract', versions: ['mainline'] },
  ]

  it.each(FOLIO_WAYS.map((way) => ({ name: nameOf(way), way })))('$name', ({ way }) => {
    const { type, policy, versions, given } = way
    const pair = pairFor(type, given)
    const tally = new Tally()
    let lists = 0
    for (const one of folioCases(way)) {
      if (pair.one?.folios !== one.folios) {
        pair.lay(one)
        lists++
      }
      drainAll(pair, one, policy, tally)
      if (tally.drains % SAMPLE === 0) sameInAll(pair, one, policy, versions)
    }
    expect(lists).toBe(3 + 9 + 27)
    expect(tally.drains).toBeGreaterThan(20_000)
  })

  it('kvec and discard give get_pages2 nothing, discard neither extract_pages', () => {
    const tally = new Tally()
    for (const kernel of KERNEL_VERSIONS) {
      const kvec = pairFor('kvec')
      for (const segments of segmentLists(2)) {
        const one = iovCase({ type: 'kvec', kernel, segments, countBytes: totalOf(segments) })
        kvec.lay(one)
        drainAll(kvec, one, 'get-pages', tally)
      }
      const discard = pairFor('discard')
      for (const countBytes of LENGTHS) {
        const one = iovCase({ type: 'discard', kernel, countBytes })
        discard.lay(one)
        drainAll(discard, one, 'get-pages', tally)
        if (kernel !== '6.1') drainAll(discard, one, 'extract', tally)
      }
    }
    expect(tally.drains).toBeGreaterThan(50_000)
  })

  it('ubuf, both families and directions, all versions, with faults and without', () => {
    const tally = new Tally()
    for (const given of [{}, FAULTS, { userOrder: 1 }]) {
      const pair = pairFor('ubuf', given)
      for (const kernel of KERNEL_VERSIONS) {
        for (const isSource of [false, true]) {
          for (const segments of segmentLists(1)) {
            const [page, offset, length] = segments[0]!
            for (const countBytes of cutsOf(length).slice(0, -1)) {
              const one = iovCase({
                type: 'ubuf',
                ...given,
                kernel,
                isSource,
                segments: [[page, offset, length]],
                countBytes,
              })
              pair.lay(one)
              drainAll(pair, one, 'get-pages', tally)
              if (kernel === '6.1') continue
              for (const policy of ['extract', 'folio', 'viro-2022'] as const) drainAll(pair, one, policy, tally)
            }
          }
        }
      }
    }
    expect(tally.drains).toBeGreaterThan(100_000)
  })

  it('pipe: rings of one to four buffers, with something in the last one or not', () => {
    const tally = new Tally()
    for (const ringSize of [1, 2, 4]) {
      for (const before of [0, 1, 511, 4095, 4096, 4097, 8192]) {
        for (const linked of [0, 1, 511, 4096]) {
          const pair = pairFor('pipe', { ringSize })
          for (const countBytes of [...LENGTHS, 12_288, 20_000]) {
            const one = iovCase({ type: 'pipe', kernel: '6.1', ringSize, countBytes: countBytes + before + linked })
            pair.lay(one)
            const prepare = () => {
              if (before > 0) pair.extract('get-pages', before, 16)
              if (linked > 0) pair.link(linked)
            }
            drainAll(pair, one, 'get-pages', tally, prepare)
            for (const back of cutsOf(one.countBytes)) {
              pair.begin(one)
              prepare()
              pair.extract('get-pages', countBytes, 2)
              pair.revert(Math.min(back, 1 << 20))
              pair.queries()
              pair.extract('get-pages', countBytes, 4)
              tally.moves++
            }
          }
        }
      }
    }
    expect(tally.drains).toBeGreaterThan(10_000)
    expect(tally.moves).toBeGreaterThan(4000)
  })
})

/** Every start and every count in every list of folios. */
function* folioCases({ type, versions, given }: Way): Generator<IovCase> {
  const isQueue = type === 'folioq'
  for (const folios of folioLists()) {
    const last = filePieces(folios).at(-1)
    const pages = isQueue
      ? folios.reduce((sum, order) => sum + 2 ** Math.max(order, 0), 0)
      : last === undefined
        ? 1
        : last.index + last.pages
    // In the first folio of a queue, its end included; anywhere in the first pages of a file.
    const starts = [0, 1, 511, 4095, 4096, 4097, 8191, 8192].filter(
      (start) => start <= 4096 * (isQueue ? 2 ** Math.max(folios[0]!, 0) : pages),
    )
    for (const startBytes of starts) {
      for (const countBytes of cutsOf(pages * 4096 - startBytes).slice(1, -1)) {
        yield iovCase({ type, folios, startBytes, countBytes, ...given, kernel: versions[0]! })
      }
    }
  }
}

// A kvec is moved and asked by the code of an iovec: lists of two are enough for it.
describe('advance, revert and every query', () => {
  it.each(['iovec', 'bvec'] as const)('%s: advanced and taken back', (type) => {
    const tally = new Tally()
    const pair = pairFor(type)
    for (let count = 1; count <= 3; count++) {
      for (const segments of segmentLists(count)) {
        const one = iovCase({ type, segments, countBytes: totalOf(segments) })
        pair.lay(one)
        moveAll(pair, one, tally)
      }
    }
    expect(tally.moves).toBeGreaterThan(900_000)
  })

  it.each(['iovec', 'bvec'] as const)('%s: asked, in every version', (type) => {
    const tally = new Tally()
    const pair = pairFor(type)
    for (let count = 1; count <= 3; count++) {
      for (const segments of segmentLists(count)) {
        const base = iovCase({ type, segments, countBytes: totalOf(segments) })
        pair.lay(base)
        for (const kernel of KERNEL_VERSIONS) askAll(pair, { ...base, kernel }, tally)
        if (type === 'bvec') askAll(pair, { ...base, changes: ['is-aligned-first-bvec'] }, tally)
      }
    }
    expect(tally.moves).toBeGreaterThan(400_000)
  })

  it('with fewer bytes to go, in every version', () => {
    const tally = new Tally()
    for (const type of ['ubuf', 'iovec', 'kvec', 'bvec'] as const) {
      const pair = pairFor(type)
      for (let count = 1; count <= (type === 'ubuf' ? 1 : 2); count++) {
        for (const segments of segmentLists(count)) {
          for (const countBytes of cutsOf(totalOf(segments)).slice(0, -1)) {
            const one = iovCase({ type, segments, countBytes })
            pair.lay(one)
            moveAll(pair, one, tally)
            for (const kernel of KERNEL_VERSIONS) askAll(pair, { ...one, kernel }, tally)
          }
        }
      }
    }
    expect(tally.moves).toBeGreaterThan(400_000)
  })

  it('folioq, xarray and discard, in every version', () => {
    const tally = new Tally()
    for (const type of ['folioq', 'xarray'] as const) {
      const pair = pairFor(type)
      for (const one of folioCases({ type, policy: 'extract', versions: ['mainline'] })) {
        if (pair.one?.folios !== one.folios) pair.lay(one)
        for (const kernel of type === 'folioq' ? EXTRACTING : KERNEL_VERSIONS) moveAll(pair, { ...one, kernel }, tally)
      }
    }
    const discard = pairFor('discard')
    for (const countBytes of LENGTHS) {
      for (const kernel of KERNEL_VERSIONS) moveAll(discard, iovCase({ type: 'discard', kernel, countBytes }), tally)
    }
    expect(tally.moves).toBeGreaterThan(100_000)
  })
})

describe('vectors of a system call', () => {
  const LIMIT = USER_ADDRESS_END
  const MOST = 0x7ffff000
  const BASES = [0x10000000, LIMIT - 4096, LIMIT - MOST, LIMIT, LIMIT + 1]
  const BYTES = [0, 1, -1, 4096, 4097, MOST - 1, MOST, MOST + 1, 2 ** 46]
  const vectors = BASES.flatMap((base) => BYTES.map((len) => ({ base, len })))

  /** What was imported: result, type, count and the lengths as they were clipped. */
  function imported(kernel: KernelVersion, given: readonly { readonly base: number; readonly len: number }[]) {
    const iter = new IovIter()
    iter.kernel = traitsOf({ kernel, changes: [] }).fast
    table.clear()
    for (const { base, len } of given) table.push(base, 0, len)
    const result = importIovec(iter, ITER_DEST, table, 0, given.length)
    if (result < 0) return [result]
    const lengths = given.map((_, i) => table.lengthBytes[i])
    return [result, ITER_TYPE_NAMES[iter.type], iter.countBytes, ...lengths]
  }

  function expected(kernel: KernelVersion, given: readonly { readonly base: number; readonly len: number }[]) {
    const world = { ...anyWorld, userEnd: LIMIT }
    const { result, iter } = twin.importIovec(world, { kernel, direction: 'dest' }, given)
    return iter === null ? [result] : [result, iter.type, iter.count, ...iter.segs.map(({ len }) => len)]
  }

  const table = new SegmentTable()
  const anyWorld = new IovHost(false).world

  it('none, one, two and three of them, with lengths and addresses that are too much', () => {
    let cases = 0
    const compare = (given: readonly { readonly base: number; readonly len: number }[]) => {
      for (const kernel of KERNEL_VERSIONS) {
        cases++
        const found = imported(kernel, given).join()
        const wanted = expected(kernel, given).join()
        if (found !== wanted) throw new IovDifference(`${kernel}: ${found}, ${wanted}: ${JSON.stringify(given)}`)
      }
    }
    compare([])
    for (const one of vectors) {
      compare([one])
      for (const two of vectors) compare([one, two])
    }
    for (let i = 0; i < vectors.length ** 3; i += SAMPLE) {
      compare([0, 1, 2].map((k) => vectors[Math.floor(i / vectors.length ** k) % vectors.length]!))
    }
    expect(cases).toBe(4 * (1 + 45 + 45 ** 2 + Math.ceil(45 ** 3 / SAMPLE)))
  })

  it('1,024 are allowed, and more than eight need an array', () => {
    const many = (count: number) => Array.from({ length: count }, () => ({ base: 0x10000000, len: 1 }))
    for (const count of [8, 9, 1023, 1024, 1025]) {
      expect(imported('mainline', many(count))).toEqual(expected('mainline', many(count)))
      const { heap, iter } = twin.importIovec(anyWorld, { kernel: 'mainline', direction: 'dest' }, many(count))
      if (iter !== null) expect(needsArray(count)).toBe(heap)
    }
  })
})

describe('a mistake is found', () => {
  class LateAdvance extends IovIter {
    override advance(bytes: number): void {
      super.advance(bytes > 4096 ? bytes - 1 : bytes)
    }
  }

  class ForgetfulRevert extends IovIter {
    override revert(bytes: number): void {
      const { segmentsLeft } = this
      super.revert(bytes)
      this.segmentsLeft = segmentsLeft
    }
  }

  class LazySkip extends IovIter {
    override skipEmpty(): void {}
  }

  /** Iterators that were compared before the first difference. */
  function triedBefore(
    mistaken: IovIter,
    type: IovTypeName,
    look: (pair: IovPair, one: IovCase, tally: Tally) => void,
  ) {
    const tally = new Tally()
    const pair = pairFor(type, {}, mistaken)
    const lookAtAll = () => {
      for (let count = 1; count <= 3; count++) {
        for (const segments of segmentLists(count)) {
          const one = iovCase({ type, kernel: '6.12', segments, countBytes: totalOf(segments) })
          pair.lay(one)
          look(pair, one, tally)
        }
      }
    }
    expect(lookAtAll).toThrow(IovDifference)
    return tally.drains + tally.moves
  }

  const drains = (pair: IovPair, one: IovCase, tally: Tally) => drainAll(pair, one, 'extract', tally)

  it.each([
    ['an advance that is a byte late', new LateAdvance(), 'iovec', drains],
    ['an advance that is a byte late, without pages', new LateAdvance(), 'bvec', moveAll],
    ['a revert that does not count segments', new ForgetfulRevert(), 'kvec', moveAll],
    ['an empty segment that is not stepped over', new LazySkip(), 'kvec', drains],
  ] as const)('%s', (_, mistaken, type, look) => {
    expect(triedBefore(mistaken, type, look)).toBeLessThan(5000)
  })
})
