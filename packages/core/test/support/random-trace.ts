import fc from 'fast-check'
import { POLICY_NAMES } from '../../src/extract/policy.ts'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
import { BACKING_NAMES, type FlagName } from '../../src/trace/op-batch.ts'
import type { RowSpec } from './rows.ts'
import type { SmallCase } from './small-cases.ts'

const PAGE = 4096
/** Three places for the same 64 pages: ordinary, across the end of what a process may map, and the end of all addresses. */
const BASES = [0x7f0000000000, 0x7ffffffe0000, 2 ** 53 - (1 << 22)]
const KERNEL_BASE = 0x888000000000
const ARENA_PAGES = 64
/** So few that rows meet in their page caches. */
const FILES = [1, 2, 3]
const FILE_PAGES = 8
const IDS = ['a', 'b', 'c']

const sized = (max: number) => fc.integer({ min: 0, max })
const sometimes = <T>(value: fc.Arbitrary<T>, weight = 1) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight, arbitrary: value })

const offset = fc.oneof(
  fc.constantFrom(0, 512, 1024, 0x234, 4, 4092, 4095),
  sized(7).map((n) => n * 512),
)
const length = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 20 }).map((n) => n * 512) },
  { weight: 4, arbitrary: fc.constantFrom(4096, 8192, 12288, 65536) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 100, 412, 4000) },
)
/** Mostly the first place, so that rows meet. */
const base = fc.oneof(
  { weight: 5, arbitrary: fc.constant(BASES[0]!) },
  { weight: 1, arbitrary: fc.constantFrom(...BASES) },
)
const place = fc.record({ base, page: sized(ARENA_PAGES - 1), offset, length })
const mm = fc.constantFrom(0, 0, 0, 7, 9)

/** User segments: anywhere, or where the one before it ends. */
const userSegments = fc
  .array(fc.record({ place, touches: fc.boolean() }), { minLength: 1, maxLength: 5 })
  .map((list) =>
    chained(list.map(({ place: p, touches }) => ({ ...p, at: p.base + p.page * PAGE + p.offset, touches }))),
  )
const kernelSegments = fc
  .array(fc.record({ place, touches: fc.boolean() }), { minLength: 1, maxLength: 4 })
  .map((list) =>
    chained(list.map(({ place: p, touches }) => ({ ...p, at: KERNEL_BASE + p.page * PAGE + p.offset, touches }))),
  )
const frameSegments = fc.array(
  fc.record({ frame: fc.integer({ min: 500, max: 510 }), offset: fc.oneof(offset, fc.constant(6000)), length }),
  { minLength: 1, maxLength: 4 },
)

const mixedSegments = fc
  .record({
    kernel: kernelSegments,
    frames: frameSegments,
    order: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
  })
  .map(({ kernel, frames, order }) => {
    const pages = frames.map((one) => [one.frame, one.offset, one.length])
    const bytes = kernel.map(([at, size]) => [at!, -1, size!])
    return order.flatMap((first) => (first ? bytes.splice(0, 1) : pages.splice(0, 1))).concat(bytes, pages)
  })

function chained(list: readonly { at: number; length: number; touches: boolean }[]): number[][] {
  let next = 0
  return list.map(({ at, length: bytes, touches }, i) => {
    const from = touches && i > 0 ? next : at
    next = from + bytes
    return [from, bytes]
  })
}

const file = fc.constantFrom(...FILES)
/** Any range of a file. */
const fileRange = fc
  .record({ file, page: sized(FILE_PAGES - 1), offset, length })
  .map((one) => [[one.page * PAGE + one.offset, one.file, one.length]])
/** Ranges of files that meet at page ends: only the first byte and the last one lie anywhere. */
const folioSegments = fc
  .record({
    ranges: fc.array(
      fc.record({
        file,
        page: sized(FILE_PAGES - 1),
        pages: fc.oneof(
          { weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) },
          { weight: 1, arbitrary: fc.constant(33) },
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    offset,
    cut: offset,
  })
  .map(({ ranges, offset: first, cut }) =>
    ranges.map((range, i) => {
      const head = i === 0 ? first : 0
      const tail = i === ranges.length - 1 ? cut : 0
      return [range.page * PAGE + head, range.file, Math.max(range.pages * PAGE - head - tail, 1)]
    }),
  )
/** Of a pipe there are 16 pages at most. */
const lengthOnly = fc.constantFrom(0, 1, 4096, 10_000, 65_536, 65_537, 69_632, 200_000)

/** Iterators of an operation. `bytes`: of those that have no segments. */
const memory = fc.oneof(
  ...[
    userSegments.map((segs) => ({ iter: segs.length === 1 ? ('ubuf' as const) : ('iovec' as const), segs })),
    userSegments.map((segs) => ({ iter: 'iovec' as const, segs })),
    kernelSegments.map((segs) => ({ iter: 'kvec' as const, segs })),
    frameSegments.map((list) => ({ iter: 'bvec' as const, segs: list.map((s) => [s.frame, s.offset, s.length]) })),
  ].map((arbitrary) => ({ weight: 3, arbitrary: arbitrary.map((one) => ({ ...one, bytes: 0 })) })),
  { weight: 2, arbitrary: fileRange.map((segs) => ({ iter: 'xarray' as const, segs, bytes: 0 })) },
  { weight: 2, arbitrary: folioSegments.map((segs) => ({ iter: 'folioq' as const, segs, bytes: 0 })) },
  { weight: 1, arbitrary: mixedSegments.map((segs) => ({ iter: 'mixed' as const, segs, bytes: 0 })) },
  { weight: 1, arbitrary: lengthOnly.map((bytes) => ({ iter: 'pipe' as const, segs: [], bytes })) },
  { weight: 1, arbitrary: lengthOnly.map((bytes) => ({ iter: 'discard' as const, segs: [], bytes })) },
)

const mapRow: fc.Arbitrary<RowSpec> = fc
  .record({
    base: fc.oneof({ weight: 6, arbitrary: base }, { weight: 1, arbitrary: fc.constant(KERNEL_BASE) }),
    page: sized(ARENA_PAGES - 1),
    pages: fc.integer({ min: 1, max: 40 }),
    backing: fc.oneof(
      { weight: 3, arbitrary: fc.constant('anon' as const) },
      { weight: 1, arbitrary: fc.constant('file' as const) },
      { weight: 2, arbitrary: fc.constantFrom(...BACKING_NAMES) },
    ),
    order: sometimes(fc.constantFrom(0, 1, 2, 4), 8),
    flags: fc.subarray<FlagName>(['untouched', 'private', 'prot_read'], { maxLength: 2 }),
    none: fc.nat(12),
    mm,
    unmap: fc.nat(8),
  })
  .map(({ base: start, page, pages, backing, order, flags, none, mm: space, unmap }) => {
    const at = { mm: space, segs: [[start + page * PAGE, pages * PAGE]] }
    if (unmap === 0) return { event: 'unmap' as const, ...at }
    const all: FlagName[] = none === 0 ? [...flags, 'prot_none'] : flags
    return { event: 'map' as const, ...at, backing, flags: all, ...(order === undefined ? {} : { order }) }
  })

/** A process and its child, or a fork that failed. */
const forkRow: fc.Arbitrary<RowSpec> = fc
  .record({ mm, child: fc.constantFrom(7, 7, 9, 9, 0, -11, undefined) })
  .map(({ mm: parent, child }) => ({
    event: 'fork' as const,
    mm: parent,
    ...(child === undefined ? {} : { result: child }),
  }))

const end = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 3, arbitrary: fc.constantFrom(0, 1000, 2000, 5000, 100_000) },
  { weight: 1, arbitrary: fc.constant('never' as const) },
)

/** Holes begin and end at any sixteenth of the operation, and may reach beyond it. */
const ioRow: fc.Arbitrary<RowSpec> = fc
  .record({
    memory,
    op: fc.constantFrom('read' as const, 'write' as const),
    mm,
    end,
    id: sometimes(fc.constantFrom(...IDS), 3),
    fixed: fc.nat(5),
    nowait: fc.nat(5),
    rounded: fc.nat(7),
    position: fc.constantFrom(0, 0, 0, 0, 16384, 4096, 512, 100),
    short: sometimes(fc.constantFrom(0, 512, 1000, 4096, -5, -22), 1),
    hole: sometimes(fc.record({ part: fc.integer({ min: 1, max: 16 }), from: fc.nat(15) }), 1),
    acquired: sometimes(sized(6), 1),
    released: sometimes(sized(6), 1),
  })
  .map((io) => {
    const total = io.memory.segs.reduce((sum: number, seg: readonly number[]) => sum + seg.at(-1)!, io.memory.bytes)
    const len = io.rounded === 0 ? total : total - (total % [0, 16384, 16384, 8192, 4096, 512, 512, 512][io.rounded]!)
    const isFixed = io.fixed === 0 && io.id !== undefined && io.memory.iter !== 'kvec'
    const flags: FlagName[] = [
      'direct',
      ...(isFixed ? ['fixed' as const] : []),
      ...(io.nowait === 0 ? ['nowait' as const] : []),
    ]
    return { ...io, total, len, flags }
  })
  .map(
    ({
      memory: { iter, segs },
      op,
      mm: space,
      end: finish,
      id,
      len,
      flags,
      position,
      short,
      hole,
      acquired,
      released,
    }) => {
      const part = hole === undefined ? 0 : Math.floor((len * hole.part) / 16 / 512) * 512
      const holeFrom = hole === undefined ? 0 : Math.floor((len * hole.from) / 16 / 512) * 512
      // What has no segments is a data destination.
      return {
        op: segs.length === 0 ? ('read' as const) : op,
        iter,
        segs,
        mm: space,
        len,
        flags,
        offset: position,
        ...(finish === undefined ? {} : { end: finish }),
        ...(id === undefined ? {} : { id }),
        ...(short === undefined ? {} : { result: Math.min(short, len) }),
        ...(part > 0 ? { hole: [holeFrom, part] as const } : {}),
        ...(acquired === undefined || flags.includes('nowait') ? {} : { acquired }),
        ...(released === undefined || flags.includes('nowait') ? {} : { released }),
      }
    },
  )

const registerRow: fc.Arbitrary<RowSpec> = fc
  .record({ segs: userSegments, mm, id: fc.constantFrom(...IDS), acquired: sometimes(sized(6), 1) })
  .map(({ segs, mm: space, id, acquired }) => ({
    event: 'register' as const,
    segs: segs.map(([at, bytes]) => [at!, Math.max(bytes!, 512)]),
    mm: space,
    id,
    ...(acquired === undefined ? {} : { acquired }),
  }))

function eventSegments(
  iter: 'bvec' | 'ubuf' | 'xarray' | 'folioq',
  page: number,
  pages: number,
  of: number,
): number[][] {
  switch (iter) {
    case 'ubuf':
      return [[BASES[0]! + page * PAGE, pages * PAGE]]
    case 'bvec':
      return [[500 + page, 0, pages * PAGE]]
    case 'xarray':
      return [[page * PAGE, of, pages * PAGE]]
    case 'folioq':
      return [
        [page * PAGE, of, PAGE],
        [(page + 1) * PAGE, of, pages * PAGE],
      ]
  }
}

/** Reference events over few places, so that some of them meet. */
const eventRow: fc.Arbitrary<RowSpec> = fc
  .record({
    event: fc.constantFrom('pin' as const, 'get' as const, 'unpin' as const, 'put' as const),
    space: fc.constantFrom(0, 0, 0, 7),
    id: sometimes(fc.constantFrom(...IDS), 4),
    page: sized(2),
    pages: fc.integer({ min: 1, max: 3 }),
    iter: fc.constantFrom('bvec' as const, 'ubuf' as const, 'ubuf' as const, 'xarray' as const, 'folioq' as const),
    of: fc.constantFrom(FILES[0]!, FILES[0]!, FILES[1]!),
    longterm: fc.nat(6),
  })
  .map(({ event, space, id, page, pages, iter, of, longterm }) => ({
    event,
    mm: space,
    iter,
    segs: eventSegments(iter, page, pages, of),
    ...(id === undefined ? {} : { id }),
    ...(longterm === 0 ? { flags: ['longterm' as const] } : {}),
  }))

const unregisterRow: fc.Arbitrary<RowSpec> = fc.constantFrom(...IDS).map((id) => ({ event: 'unregister' as const, id }))

/** Rows in order of time; a completion is so much later than its submission. */
const rows = fc
  .array(
    fc.record({
      row: fc.oneof(
        { weight: 3, arbitrary: mapRow },
        { weight: 2, arbitrary: forkRow },
        { weight: 8, arbitrary: ioRow },
        { weight: 2, arbitrary: registerRow },
        { weight: 1, arbitrary: unregisterRow },
        { weight: 4, arbitrary: eventRow },
      ),
      gap: fc.constantFrom(0, 500, 1000, 3000),
    }),
    { minLength: 1, maxLength: 16 },
  )
  .map((list) => {
    let now = 0
    return list.map(({ row, gap }): RowSpec => {
      now += gap
      return typeof row.end === 'number' ? { ...row, ts: now, end: now + row.end } : { ...row, ts: now }
    })
  })

/** A whole trace and the lane to replay it in. */
export const randomCase: fc.Arbitrary<SmallCase> = fc
  .record({
    rows,
    policy: fc.constantFrom(...POLICY_NAMES),
    ownPolicy: fc.boolean(),
    kernel: fc.constantFrom(...KERNEL_VERSIONS),
    consumer: fc.constantFrom('bio' as const, 'bio' as const, 'null' as const, 'buffered' as const),
    inFlight: fc.boolean(),
    bvecLimit: fc.constantFrom(1, 2, 3, 4, 5, 8, 256),
    filesystem: fc.constantFrom(null, 'ext4', 'ext4', 'btrfs', 'tmpfs'),
    extentBytes: fc.constantFrom(0, 0, 512, 4096, 10000, 16384),
    hasNoChecksums: fc.boolean(),
    blockSize: fc.constantFrom('512', '512', '4096', '8192', '16384'),
    dma: fc.constantFrom('4', '512', '512', '4096'),
  })
  .map(({ rows: list, policy, ownPolicy, kernel, consumer, inFlight, bvecLimit, ...one }) => ({
    rows: one.filesystem === null ? list.map(({ hole: _, ...row }) => row) : list,
    lane: {
      policy: ownPolicy ? (kernel === '6.1' ? ('get-pages' as const) : ('extract' as const)) : policy,
      kernel,
      consumer,
      inFlight,
      bvecLimit,
      hasNoChecksums: one.hasNoChecksums,
    },
    filesystem: one.filesystem,
    attributes: new Map([
      ['logical-block-size', one.blockSize],
      ['dma-alignment', one.dma],
      ['extent-bytes', String(one.extentBytes)],
    ]),
  }))

/** Pages of what {@link fileSystemCase} maps: present, shared with a child, copied already, not there, or of a file. */
const HISTORIES = ['touched', 'forked', 'untouched', 'file', 'private', 'refused', 'huge'] as const

function historyRows(history: (typeof HISTORIES)[number], first: number, pages: number): RowSpec[] {
  const segs = [[first, pages * PAGE]]
  const anon = { event: 'map' as const, segs, backing: 'anon' as const }
  switch (history) {
    case 'touched':
      return [anon]
    case 'forked':
      return [anon, { op: 'read', segs, flags: [] }, { event: 'fork', result: 9 }]
    case 'untouched':
      return [{ ...anon, flags: ['untouched'] }]
    case 'file':
      return [{ ...anon, backing: 'file', flags: ['untouched'] }]
    case 'private':
      return [{ ...anon, backing: 'file', flags: ['private'] }]
    case 'refused':
      return [{ ...anon, flags: ['prot_none'] }]
    case 'huge':
      return [{ ...anon, order: 3 }]
  }
}

/**
 * Direct operations over memory of many histories, in whole pages but for a few: what btrfs extracts with faults disabled,
 * faults in, tries again and copies at last.
 */
export const fileSystemCase: fc.Arbitrary<SmallCase> = fc
  .record({
    parts: fc.array(
      fc.record({ history: fc.constantFrom('touched' as const, ...HISTORIES), pages: fc.integer({ min: 1, max: 6 }) }),
      { minLength: 1, maxLength: 5 },
    ),
    operations: fc.array(
      fc.record({
        op: fc.constantFrom('read' as const, 'read' as const, 'write' as const),
        segs: fc.array(fc.record({ page: sized(20), pages: fc.integer({ min: 1, max: 8 }) }), {
          minLength: 1,
          maxLength: 4,
        }),
        odd: fc.nat(7),
        position: fc.constantFrom(0, 0, 4096, 20480, 512),
        hole: sometimes(fc.record({ from: fc.nat(6), pages: fc.integer({ min: 1, max: 6 }) }), 2),
        short: sometimes(fc.integer({ min: 0, max: 30000 }), 1),
        nowait: fc.nat(9),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    policy: fc.constantFrom(...POLICY_NAMES),
    kernel: fc.constantFrom(...KERNEL_VERSIONS),
    bvecLimit: fc.constantFrom(1, 2, 3, 8, 256),
    filesystem: fc.constantFrom('btrfs', 'btrfs', 'btrfs', 'btrfs', 'tmpfs', 'xfs', 'ramfs'),
    extentBytes: fc.constantFrom(0, 0, 0, 4096, 8192, 12288, 40000),
    hasNoChecksums: fc.boolean(),
  })
  .map((one) => {
    const start = BASES[0]!
    let page = 0
    const maps = one.parts.flatMap(({ history, pages }) => {
      page += pages
      return historyRows(history, start + (page - pages) * PAGE, pages)
    })
    const operations = one.operations.map((io): RowSpec => {
      const segs = io.segs.map(({ page: at, pages }) => [start + at * PAGE, pages * PAGE])
      if (io.odd === 0) segs[0]![0]! += 512
      const len = segs.reduce((sum, [, bytes]) => sum + bytes!, 0)
      return {
        op: io.op,
        iter: segs.length === 1 ? 'ubuf' : 'iovec',
        segs,
        len,
        offset: io.position,
        flags: ['direct', ...(io.nowait === 0 ? ['nowait' as const] : [])],
        ...(io.short === undefined ? {} : { result: Math.min(io.short, len) }),
        ...(io.hole === undefined ? {} : { hole: [io.hole.from * PAGE, io.hole.pages * PAGE] as const }),
      }
    })
    const rows = [...maps, ...operations].map((row, ts) => ({
      ...row,
      ts: ts * 1000,
      ...(row.op !== undefined && ts % 2 === 0 ? { end: ts * 1000 + 1500 } : {}),
    }))
    return {
      rows,
      lane: {
        policy: one.policy,
        kernel: one.kernel,
        consumer: 'bio' as const,
        bvecLimit: one.bvecLimit,
        hasNoChecksums: one.hasNoChecksums,
      },
      filesystem: one.filesystem,
      attributes: new Map([
        ['logical-block-size', '512'],
        ['dma-alignment', '512'],
        ['extent-bytes', String(one.extentBytes)],
      ]),
    }
  })

/**
 * One large operation over large folios, small ones and a hole in the address space, or over a file: bios that fill up
 * and are cut.
 */
export const bioCase: fc.Arbitrary<SmallCase> = fc
  .record({
    order: fc.integer({ min: 0, max: 5 }),
    smallFrom: sized(ARENA_PAGES),
    refused: sized(ARENA_PAGES * 3),
    segs: fc.array(
      fc.record({
        page: sized(ARENA_PAGES - 1),
        offset: fc.oneof(
          { weight: 3, arbitrary: fc.constant(0) },
          { weight: 2, arbitrary: fc.constantFrom(512, 4090, 0x234) },
        ),
        length: fc.oneof(
          { weight: 3, arbitrary: fc.integer({ min: 1, max: 12 }).map((pages) => pages * PAGE) },
          { weight: 2, arbitrary: fc.constantFrom(10, 512, 1000, 5000) },
        ),
        touches: fc.nat(2).map((n) => n === 0),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    op: fc.constantFrom('read' as const, 'write' as const),
    iter: fc.constantFrom('iovec' as const, 'iovec' as const, 'iovec' as const, 'folioq' as const, 'xarray' as const),
    nowait: fc.nat(9),
    policy: fc.constantFrom(...POLICY_NAMES),
    kernel: fc.constantFrom(...KERNEL_VERSIONS),
    bvecLimit: fc.constantFrom(1, 2, 3, 4, 5, 6, 8, 16, 256),
    filesystem: fc.constantFrom(null, 'xfs'),
    blockSize: fc.constantFrom(512, 4096, 8192, 16384, 65536),
    dma: fc.constantFrom('1', '4', '512'),
  })
  .map((one) => {
    const start = BASES[0]!
    const segs = chained(one.segs.map((s) => ({ ...s, at: start + s.page * PAGE + s.offset })))
    const total = segs.reduce((sum, [, bytes]) => sum + bytes!, 0)
    const at = (page: number, pages: number) => [[start + page * PAGE, pages * PAGE]]
    return {
      rows: [
        { event: 'map' as const, segs: at(0, 2 * ARENA_PAGES), backing: 'anon' as const, order: one.order },
        { event: 'map' as const, segs: at(one.smallFrom, 16), backing: 'anon' as const },
        { event: 'unmap' as const, segs: at(one.refused, 1) },
        {
          op: one.op,
          iter: one.iter,
          segs: one.iter === 'iovec' ? segs : [[one.segs[0]!.offset, FILES[0]!, total]],
          len: total - (total % one.blockSize),
          flags: ['direct' as const, ...(one.nowait === 0 ? ['nowait' as const] : [])],
        },
      ],
      lane: { policy: one.policy, kernel: one.kernel, consumer: 'bio' as const, bvecLimit: one.bvecLimit },
      filesystem: one.filesystem,
      attributes: new Map([
        ['logical-block-size', String(one.blockSize)],
        ['dma-alignment', one.dma],
      ]),
    }
  })
