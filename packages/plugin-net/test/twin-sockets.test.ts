import fc from 'fast-check'
import { describe } from 'vitest'
import { ioRow, memoryOf, USER } from '../../core/test/consumer-twin/random-rows.ts'
import type { Flag, IterName, Row } from '../../core/test/consumer-twin/slow-common.ts'
import { compareTwins, type TwinSuite } from '../../core/test/consumer-twin/twin-suite.ts'
import { msgZerocopy } from '../src/msg-zerocopy/definition.ts'
import { SlowSockets } from './model/slow-sockets.ts'

const P = 4096
const HUGE_AT = USER + 512 * P
const files = ['', 'a', 'b']
const ends = [undefined, 0, 1500, 2500, 6500, 9500, 'never'] as const
const results = [undefined, undefined, undefined, undefined, undefined, 8, 3, -32, -14]

/** A row of one kind: iterators, direction, flags that it has, and flags that it may have. */
function row(iters: readonly IterName[], op: 'read' | 'write', has: Flag[], may: Flag[] = []): fc.Arbitrary<Row> {
  const choices = { iters, flags: may, files, ends, results, partsMax: 6 }
  return ioRow(choices).map((one) => ({ ...one, op, flags: [...has, ...(one.flags ?? [])] }))
}

/** A send out of the huge page. */
const huge: fc.Arbitrary<Row> = fc
  .record({
    at: fc.integer({ min: 0, max: 6 * P }),
    length: fc.constantFrom(1, 100, P, 3 * P, 20_000, 100_000),
    flags: fc.subarray<Flag>(['zerocopy', 'more']),
    end: fc.constantFrom(undefined, 1500, 2500),
  })
  .map(({ at, length, flags, end }) => ({
    op: 'write',
    iter: 'ubuf',
    segs: [[HUGE_AT + at, length]],
    file: 'a',
    flags,
    ...(end === undefined ? {} : { end }),
  }))

/** Out of the registered buffer, which is at the arena's end. */
const BUFFER_AT = USER + 64 * P
const BUFFER_PAGES = 24
const fixed: fc.Arbitrary<Row> = fc
  .record({
    at: fc.oneof(fc.integer({ min: 0, max: 4 * P }), fc.constantFrom(0, P, 4 * P)),
    length: fc.constantFrom(1, 100, P, 3 * P, 20_000, 19 * P),
    flags: fc.subarray<Flag>(['more', 'eor']),
    end: fc.constantFrom(undefined, 1500, 2500),
    isHuge: fc.boolean(),
  })
  .map(({ at, length, flags, end, isHuge }) => ({
    op: 'write',
    iter: 'ubuf',
    id: isHuge ? 'huge' : 'buffer',
    segs: [[(isHuge ? HUGE_AT : BUFFER_AT) + at, length]],
    file: 'a',
    flags: ['zerocopy', 'fixed', ...flags],
    ...(end === undefined ? {} : { end }),
  }))

const errorQueue: fc.Arbitrary<Row> = fc
  .constantFrom(...files)
  .map((file) => ({ op: 'read', iter: 'ubuf', segs: [[USER, 0]], ...(file === '' ? {} : { file }) }))

const mapRow: fc.Arbitrary<Row> = fc
  .record({
    at: fc.integer({ min: 0, max: 40 }),
    pages: fc.integer({ min: 1, max: 4 }),
    access: fc.constantFrom('none' as const, 'write' as const),
  })
  .map(({ at, pages, access }) => ({ event: 'map', segs: [[USER + at * P, pages * P]], access }))

const event: fc.Arbitrary<Row> = fc
  .record({
    event: fc.constantFrom('free' as const, 'dirty' as const),
    iter: fc.constantFrom<IterName>('ubuf', 'bvec'),
    at: fc.integer({ min: 0, max: 24 }),
    length: fc.constantFrom(1, P, 8 * P, 24 * P),
  })
  .map(({ event, iter, at, length }) => ({ event, iter, segs: memoryOf(iter, [{ at, offset: 0, length }]) }))

const anyIter: readonly IterName[] = ['ubuf', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq']
const one = fc.oneof(
  { weight: 6, arbitrary: row(['ubuf', 'iovec', 'iovec'], 'write', ['zerocopy'], ['more', 'eor']) },
  { weight: 1, arbitrary: row(['kvec', 'bvec', 'xarray', 'folioq'], 'write', ['zerocopy'], ['more']) },
  { weight: 3, arbitrary: row(anyIter, 'write', [], ['more', 'eor']) },
  { weight: 3, arbitrary: row(['bvec', 'xarray', 'folioq', 'kvec', 'ubuf'], 'write', ['splice'], ['more']) },
  { weight: 3, arbitrary: huge },
  { weight: 3, arbitrary: fixed },
  { weight: 1, arbitrary: row(['ubuf', 'iovec', 'kvec'], 'read', []) },
  { weight: 1, arbitrary: errorQueue },
  { weight: 1, arbitrary: mapRow },
  { weight: 3, arbitrary: event },
)

/** The huge page and the registered buffer are there from the start. */
const rows: fc.Arbitrary<Row[]> = fc
  .array(one, { minLength: 1, maxLength: 10 })
  .map((list) => [
    { event: 'map', isHuge: true, segs: [[HUGE_AT, 512 * P]] },
    { event: 'register', id: 'buffer', op: 'read', iter: 'ubuf', segs: [[BUFFER_AT, BUFFER_PAGES * P]] },
    { event: 'register', id: 'huge', op: 'read', iter: 'ubuf', segs: [[HUGE_AT, BUFFER_PAGES * P]] },
    ...list,
  ])

const suite = (name: string, options: TwinSuite['options']): TwinSuite => ({
  name,
  make: (world) => new SlowSockets(world),
  isWhole: true,
  options,
  quirks: [{}, {}, { 'tcp-sendpage-managed': false }],
  choices: { iters: ['ubuf'], flags: [], files: [''], ends: [undefined], results: [undefined] },
  onlyRows: rows,
  small: 0,
  random: 400,
})

const BIG = 32 * P
const common = (socket: number): TwinSuite['options'] => [
  { socket },
  { socket },
  { socket, uring: 1 },
  { socket, loopback: 1 },
  { socket, 'sg-route': 0 },
  { socket, 'so-zerocopy': 0 },
  { socket, 'so-zerocopy': 0, uring: 1 },
  { socket, memlock: 40 * P },
  { socket, memlock: 20 * P, uring: 1 },
  { socket, 'optmem-max': 3000 },
]

describe('the slow twin agrees with the consumer', () => {
  compareTwins(
    msgZerocopy,
    suite('msg-zerocopy: tcp', [
      ...common(0),
      { 'size-goal': BIG },
      { 'size-goal': BIG, corked: 1 },
      { 'size-goal': BIG, loopback: 1 },
      { 'size-goal': 1000, corked: 1 },
      { corked: 1, uring: 1, 'size-goal': BIG },
      { corked: 1, loopback: 1 },
    ]),
  )
  compareTwins(msgZerocopy, suite('msg-zerocopy: udp', common(1)))
  compareTwins(msgZerocopy, suite('msg-zerocopy: vsock', common(2)))
})
