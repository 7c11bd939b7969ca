import type { ConsumerDefinition } from '@pinscope/core'
import fc from 'fast-check'
import { describe } from 'vitest'
import { ioRow, mapRow, memoryOf } from '../../core/test/consumer-twin/random-rows.ts'
import type { IterName, Row } from '../../core/test/consumer-twin/slow-common.ts'
import { compareTwins, type TwinSuite } from '../../core/test/consumer-twin/twin-suite.ts'
import { sunrpc, sunrpcBvec, sunrpcKmap, sunrpcMixed, sunrpcSends } from '../src/sunrpc/definition.ts'
import { SlowSunrpc, type WayName } from './model/slow-sunrpc.ts'

const P = 4096
const KERNEL = 0x888000000000
const files = ['', 'a', 'b']
const ends = [undefined, undefined, 0, 1500, 2500, 6500] as const
const results = [undefined, undefined, undefined, undefined, 8, 3, 0, -32]

/** Data that goes into messages of the other side's making. */
const data: fc.Arbitrary<Row> = fc.oneof(
  ioRow({ iters: ['bvec', 'bvec', 'xarray', 'folioq', 'kvec'], flags: [], files, ends, results, partsMax: 6 }),
  ioRow({ iters: ['ubuf', 'iovec'], flags: [], files, ends, results, partsMax: 6 }).map((row) => ({
    ...row,
    op: 'write' as const,
  })),
)

/** A message: head, pages, and a tail or none. */
const message: fc.Arbitrary<Row> = fc
  .record({
    op: fc.constantFrom('read' as const, 'write' as const, 'write' as const),
    head: fc.record({ offset: fc.constantFrom(0, 0x80, 4000), length: fc.constantFrom(16, 200, 1000, 9000) }),
    pages: fc.array(
      fc.record({
        at: fc.integer({ min: 0, max: 6 }),
        offset: fc.constantFrom(0, 768, 4095),
        length: fc.constantFrom(1, 100, P, P, 9000, 9000, 40_000, 40_000, 257 * P, 259 * P, 1028 * P),
      }),
      { maxLength: 4 },
    ),
    tail: fc.option(fc.record({ offset: fc.constantFrom(0, 0x400), length: fc.constantFrom(3, 100, 5000) })),
    file: fc.constantFrom(...files),
    end: fc.constantFrom(...ends),
  })
  .map(({ op, head, pages, tail, file, end }) => ({
    op,
    iter: 'mixed',
    segs: [
      [KERNEL + head.offset, head.length],
      ...pages.map(({ at, offset, length }) => [500 + at * 32, offset, length]),
      ...(tail === null ? [] : [[KERNEL + 64 * P + tail.offset, tail.length]]),
    ],
    ...(file === '' ? {} : { file }),
    ...(end === undefined ? {} : { end }),
  }))

const event: fc.Arbitrary<Row> = fc
  .record({
    event: fc.constantFrom('free' as const, 'dirty' as const, 'truncate' as const),
    iter: fc.constantFrom<IterName>('bvec', 'xarray'),
    at: fc.integer({ min: 0, max: 24 }),
    length: fc.constantFrom(1, P, 24 * P),
  })
  .map(({ event, iter, at, length }) => ({
    event,
    iter,
    segs: memoryOf(event === 'truncate' ? 'xarray' : iter, [{ at, offset: 0, length }]),
  }))
  .map((row) => (row.event === 'truncate' ? { event: 'truncate' as const, segs: [], file: 'f1', offset: 0 } : row))

const discard = ioRow({ iters: ['discard'], flags: [], files, ends, results, partsMax: 1 })
const rows: fc.Arbitrary<Row[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: data },
    { weight: 6, arbitrary: message },
    { weight: 1, arbitrary: discard },
    { weight: 1, arbitrary: mapRow },
    { weight: 2, arbitrary: event },
  ),
  { minLength: 1, maxLength: 10 },
)

const OPTIONS: TwinSuite['options'] = [
  {},
  {},
  { side: 1 },
  { sg: 0 },
  { side: 1, sg: 0 },
  { 'size-goal': 6144 },
  { 'size-goal': 1000, side: 1 },
  { 'max-block': 20_000 },
  { 'max-block': 4 << 20 },
  { 'max-block': 4096, side: 1 },
  { head: 200, tail: 3 },
  { side: 1, head: 2000, tail: 100 },
  { sparse: 1 },
  { side: 1, head: 8 },
  { sparse: 1, side: 1 },
]

const suite = (name: string, way: WayName | null): TwinSuite => ({
  name,
  make: (world) => new SlowSunrpc(world, way),
  isWhole: true,
  options: way === null ? [...OPTIONS, { way: 1 }, { way: 2 }, { way: 3 }, { way: 4 }, { way: 4, side: 1 }] : OPTIONS,
  choices: { iters: ['bvec'], flags: [], files: [''], ends: [undefined], results: [undefined] },
  onlyRows: rows,
  small: 0,
  random: 200,
})

const WAYS: readonly (readonly [ConsumerDefinition, WayName | null])[] = [
  [sunrpc, null],
  [sunrpcBvec, 'bvec'],
  [sunrpcKmap, 'kmap'],
  [sunrpcSends, 'sends'],
  [sunrpcMixed, 'mixed'],
]

describe('the slow twin agrees with the consumer', () => {
  for (const [definition, way] of WAYS) compareTwins(definition, suite(definition.name, way))
})
