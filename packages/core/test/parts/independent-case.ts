import fc from 'fast-check'
import { POLICY_NAMES } from '../../src/extract/policy.ts'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
import type { ReplayOptions } from '../../src/replay/replay-options.ts'
import { BACKING_NAMES, type FlagName } from '../../src/trace/op-batch.ts'
import type { TraceHeader } from '../../src/trace/trace-reader.ts'
import type { RowSpec } from '../support/rows.ts'

const PAGE = 4096
const BASE = 0x7f0000000000
const PAGES = 64

/** Rows that depend on no other, and how to replay them. */
export interface IndependentCase {
  readonly rows: readonly RowSpec[]
  readonly options: Partial<ReplayOptions>
  readonly header: Partial<TraceHeader>
}

const sometimes = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value })

const mapRow = fc
  .record({
    page: fc.nat(PAGES - 1),
    pages: fc.integer({ min: 1, max: 40 }),
    backing: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('anon' as const, 'thp' as const) },
      { weight: 2, arbitrary: fc.constantFrom(...BACKING_NAMES) },
    ),
    order: sometimes(fc.constantFrom(0, 1, 2, 4)),
    flags: fc.subarray<FlagName>(['prot_read', 'prot_none'], { maxLength: 1 }),
    plain: fc.nat(3),
    mm: fc.constantFrom(0, 0, 7),
  })
  .map(
    ({ page, pages, order, flags, plain, ...row }): RowSpec => ({
      event: 'map',
      segs: [[BASE + page * PAGE, pages * PAGE]],
      ...row,
      flags: plain === 0 ? flags : [],
      ...(order === undefined ? {} : { order }),
    }),
  )

const segment = fc.record({
  page: fc.nat(PAGES - 1),
  offset: fc.constantFrom(0, 0, 0, 512, 0x234, 4095),
  bytes: fc.oneof(
    fc.integer({ min: 1, max: 40 }).map((n) => n * 512),
    fc.constantFrom(1, 4096, 65536),
  ),
})

const ioRow = fc
  .record({
    segs: fc.array(segment, { minLength: 1, maxLength: 4 }),
    op: fc.constantFrom('read' as const, 'write' as const),
    mm: fc.constantFrom(0, 0, 7),
    flags: fc.subarray<FlagName>(['direct', 'nowait']),
    position: fc.constantFrom(0, 0, 4096, 512, 100),
    result: sometimes(fc.constantFrom(0, 512, 4096, -5)),
    consumer: sometimes(fc.constantFrom('null', 'bio', 'bio', 'buffered')),
    acquired: sometimes(fc.nat(6)),
  })
  .map(
    ({ segs, position, result, consumer, acquired, ...row }): RowSpec => ({
      ...row,
      segs: segs.map(({ page, offset, bytes }) => [BASE + page * PAGE + offset, bytes]),
      offset: position,
      ...(result === undefined ? {} : { result }),
      ...(consumer === undefined ? {} : { consumer }),
      ...(acquired === undefined ? {} : { acquired }),
    }),
  )

/** Map rows, then operations: over memory that is there, or of which nothing is known. */
export const independentCase: fc.Arbitrary<IndependentCase> = fc
  .record({
    maps: fc.array(mapRow, { maxLength: 3 }),
    operations: fc.array(ioRow, { minLength: 1, maxLength: 5 }),
    /** The same again shows what is only counted the third time. */
    times: fc.constantFrom(1, 1, 4),
    policies: sometimes(fc.subarray([...POLICY_NAMES], { minLength: 1 })),
    kernel: fc.constantFrom(null, '6.5', ...KERNEL_VERSIONS),
    recorded: fc.constantFrom(null, '6.12', '6.18'),
    consumers: sometimes(fc.constantFrom(['null'], ['bio'], ['bio', 'null'])),
    bvecLimit: fc.constantFrom(1, 2, 3, 256),
    filesystem: fc.constantFrom(null, 'ext4', 'btrfs', 'tmpfs'),
    quirk: sometimes(fc.constantFrom('get-pages-empty-bvec' as const, 'bio-align-down-leak' as const)),
    blockSize: fc.constantFrom('512', '512', '4096'),
  })
  .map(
    ({ maps, operations, times, policies, kernel, recorded, consumers, bvecLimit, filesystem, quirk, blockSize }) => ({
      rows: [...maps, ...Array.from({ length: times }, () => operations).flat()].map((row, index) => ({
        ...row,
        ts: index * 1000,
      })),
      options: {
        policies: policies ?? null,
        kernel,
        consumers: consumers ?? null,
        consumerOptions: { bio: { 'bvec-limit': bvecLimit } },
        ...(quirk === undefined ? {} : { quirks: [{ name: quirk, on: true }] }),
      },
      header: { kernel: recorded, filesystem, attributes: new Map([['logical-block-size', blockSize]]) },
    }),
  )
