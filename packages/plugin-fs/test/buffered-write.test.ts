import { type ConsumerDefinition, KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { HAZARD_RULES, type HazardRule } from '@pinscope/core/audit'
import { auditText, type RowsOptions, replayRows, sweepFaults, type TestRow, traceText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { recvfile, writeClassic, writeIomap, writeMultipage } from '../src/buffered-write/definition.ts'

const P = 4096
const KIB = 1024
const MIB = 1024 * KIB
const SOURCE = 0x7f0000000000
const ALL = [writeClassic, writeMultipage, writeIomap, recvfile]

const at = (pages: number) => `0x${(SOURCE + pages * P).toString(16)}`
const write = (bytes: number, offset = 0, more: TestRow = {}): TestRow => ({
  op: 'write',
  file: 'a',
  offset,
  iter: 'ubuf',
  segs: `${at(0)}+${bytes}`,
  ...more,
})
/** The first `pages` pages of the source are there, those behind are not mapped. */
const sourceOf = (pages: number): TestRow[] => [
  ...(pages === 0 ? [] : [{ event: 'map', iter: 'ubuf', segs: `${at(0)}+${pages * P}`, backing: 'anon' }]),
  { event: 'unmap', iter: 'ubuf', segs: `${at(pages)}+${MIB}` },
]

const on = (
  definition: ConsumerDefinition,
  rows: readonly TestRow[],
  kernel: KernelVersion = '6.12',
  options: Readonly<Record<string, number>> = {},
  more: RowsOptions = {},
) => replayRows(definition, rows, { kernel, options, ...more })
const counted = async (...args: Parameters<typeof on>) => (await on(...args)).report.counters

type Rows = readonly TestRow[]
type Options = Readonly<Record<string, number>>

const audited = (
  definition: ConsumerDefinition,
  rows: Rows,
  kernel: KernelVersion,
  options: Options,
  rules: readonly HazardRule[],
) => auditText(traceText(rows), rules, { consumers: [definition], consumer: definition.name, kernel, options })

/** Ids of the rules that find something. */
async function found(definition: ConsumerDefinition, rows: Rows, kernel: KernelVersion, options: Options = {}) {
  const findings = await audited(definition, rows, kernel, options, HAZARD_RULES)
  return [...new Set(findings.map(({ rule }) => rule))].sort()
}

/** Ranges that are punched, [from, to), as the rules hear it. */
async function punchedBy(definition: ConsumerDefinition, rows: Rows, kernel: KernelVersion, options: Options = {}) {
  const punched: [number, number][] = []
  const [rule] = HAZARD_RULES
  if (rule === undefined) throw new Error('there are rules')
  const listener: HazardRule = {
    ...rule,
    watch: () => ({
      punch: ({ positionBytes, lengthBytes }) => punched.push([positionBytes, positionBytes + lengthBytes]),
    }),
  }
  await audited(definition, rows, kernel, options, [listener])
  return punched
}

describe('lifetime.md 16: one aligned hole, nothing cached, space enough', () => {
  const TABLE = [
    // what, bytes, offset, per page, segments and calls, order-0 pairs and begins, folios and begins
    ['64 KiB', 64 * KIB, 0, 16, [1, 3], [16, 1], [1, 1]],
    ['1 MiB', MIB, 0, 256, [1, 3], [256, 1], [1, 1]],
    ['4 MiB', 4 * MIB, 0, 1024, [1, 3], [1024, 1], [2, 1]],
    ['16 MiB', 16 * MIB, 0, 4096, [4, 12], [4096, 4], [8, 4]],
    ['1 MiB at 12 KiB', MIB, 12 * KIB, 256, [1, 3], [256, 1], [9, 1]],
  ] as const

  it.each(TABLE)('%s page by page: a pair, a call, a lock trip a page', async (_, bytes, offset, pages) => {
    expect(await counted(writeClassic, [write(bytes, offset)])).toMatchObject({
      beginEndPairs: pages,
      fsCalls: pages,
      fsLockTrips: pages,
      folioLocks: pages,
      locksHeldMax: 1,
      writtenBytes: bytes,
      reservedBlocks: pages,
    })
  })

  it.each(TABLE)(
    '%s by the proposal of 2010: three calls a segment',
    async (_, bytes, offset, pages, [segments, calls]) => {
      expect(await counted(writeMultipage, [write(bytes, offset)])).toMatchObject({
        beginEndPairs: pages,
        mappings: segments,
        fsCalls: calls,
        fsLockTrips: segments,
        folioLocks: pages,
        locksHeldMax: 1,
        writtenBytes: bytes,
        allocatedBlocks: pages,
      })
    },
  )

  it.each(TABLE)('%s by iomap with pages, 6.1', async (_, bytes, offset, pages, _segments, [pairs, begins]) => {
    expect(await counted(writeIomap, [write(bytes, offset)], '6.1')).toMatchObject({
      beginEndPairs: pairs,
      mappings: begins,
      fsCalls: 2 * begins,
      fsLockTrips: begins,
      folioLocks: pages,
      foliosOrder0: pages,
      locksHeldMax: 1,
      writtenBytes: bytes,
    })
  })

  it.each(TABLE)(
    '%s by iomap with large folios, 6.12',
    async (_, bytes, offset, _pages, _segments, _small, [folios, begins]) => {
      expect(await counted(writeIomap, [write(bytes, offset)])).toMatchObject({
        beginEndPairs: folios,
        mappings: begins,
        fsCalls: 2 * begins,
        folioLocks: folios,
        locksHeldMax: 1,
        writtenBytes: bytes,
      })
    },
  )

  it.each(TABLE)('%s by recvfile: batches of 32, all locked', async (_, bytes, offset, pages) => {
    expect(await counted(recvfile, [write(bytes, offset)])).toMatchObject({
      beginEndPairs: pages,
      fsCalls: pages,
      fsLockTrips: Math.ceil(pages / 32),
      folioLocks: pages,
      locksHeldMax: Math.min(pages, 32),
      writtenBytes: bytes,
      allocatedBlocks: pages,
      leakedBlocks: 0,
    })
  })

  it('greedy folios at 12 KiB: orders 0, 2, 3, 4, 5, 6, 7 up to page 256, then 1 and 0', async () => {
    const { counters } = (await on(writeIomap, [write(MIB, 12 * KIB)])).report
    const orders = Array.from({ length: 10 }, (_, order) => counters[`foliosOrder${order}`])
    expect(orders).toEqual([2, 1, 1, 1, 1, 1, 1, 1, 0, 0])
  })

  it('in that order', async () => {
    const { lane } = await on(writeIomap, [write(MIB, 12 * KIB)])
    const { cache, pages } = lane.memory
    const orders: number[] = []
    for (let index = 3; index <= 258; index++) {
      const page = cache.find(0, index)
      if (pages.headOf(page) === page) orders.push(pages.orderOf(page))
    }
    expect(orders).toEqual([0, 2, 3, 4, 5, 6, 7, 1, 0])
    expect([cache.find(0, 2), cache.find(0, 3) >= 0, cache.find(0, 258) >= 0, cache.find(0, 259)]).toEqual([
      -1,
      true,
      true,
      -1,
    ])
  })

  it('without the cap of XFS there is one begin', async () => {
    expect(await counted(writeIomap, [write(16 * MIB)], '6.12', { 'hole-pages': 0 })).toMatchObject({ mappings: 1 })
  })

  it('folios are as the version has them, or as asked for', async () => {
    const folios = async (kernel: KernelVersion, way: number) =>
      (await counted(writeIomap, [write(64 * KIB)], kernel, { folios: way })).folioLocks
    expect(await Promise.all(KERNEL_VERSIONS.map((kernel) => folios(kernel, 0)))).toEqual([16, 1, 1, 1])
    expect(await Promise.all(KERNEL_VERSIONS.map((kernel) => folios(kernel, 1)))).toEqual([16, 16, 16, 16])
  })
})

describe('lifetime.md 16.1: 64 KiB, of whose source pages 0 to 8 are mapped', () => {
  const rows = [...sourceOf(9), write(64 * KIB)]

  it('4 pairs, 36,864 bytes written, 40,960 in vain, [36864, 65536) punched', async () => {
    const { results, report, lane } = await on(writeIomap, rows)
    expect(results).toEqual([36_864])
    expect(report.counters).toMatchObject({
      beginEndPairs: 4,
      wastedCopyBytes: 40_960,
      iterReverts: 2,
      foliosOrder4: 1,
      foliosOrder3: 2,
      foliosOrder0: 1,
      foliosOrder9: 0,
      leakedBlocks: 0,
    })
    // What is left: the folio of 32 KiB and the page behind it.
    const left = Array.from({ length: 16 }, (_, index) => lane.memory.cache.find(0, index) >= 0)
    expect(left).toEqual(Array.from({ length: 16 }, (_, index) => index < 9))
  })

  it('punches that range, and no rule finds anything', async () => {
    const punched = await punchedBy(writeIomap, rows, 'mainline')
    expect(punched).toEqual([[36_864, 65_536]])
  })

  it('up to 6.18 the rest is mapped, reserved and punched a second time; in 7.3 the error ends it', async () => {
    const figures = async (kernel: KernelVersion) => {
      const { mappings, reservedBlocks, punchedBlocks } = await counted(writeIomap, rows, kernel)
      return [mappings, reservedBlocks, punchedBlocks]
    }
    expect(await Promise.all(KERNEL_VERSIONS.map(figures))).toEqual([
      [2, 23, 14],
      [2, 23, 14],
      [2, 23, 14],
      [1, 16, 7],
    ])
  })

  it('inside the end of the file over a hole: the first folio stays, 2 pairs', async () => {
    const { results, report } = await on(writeIomap, rows, '6.12', { 'file-bytes': MIB })
    expect(results).toEqual([36_864])
    expect(report.counters).toMatchObject({
      beginEndPairs: 2,
      wastedCopyBytes: 36_864,
      foliosOrder4: 1,
      foliosOrder3: 0,
    })
    expect(await punchedBy(writeIomap, rows, 'mainline', { 'file-bytes': MIB })).toEqual([[36_864, 65_536]])
  })

  it('page 9 merely not resident: faulted in, 65,536 bytes', async () => {
    const absent: TestRow[] = [
      { event: 'map', iter: 'ubuf', segs: `${at(0)}+${16 * P}`, backing: 'anon' },
      { event: 'map', iter: 'ubuf', segs: `${at(9)}+${P}`, backing: 'anon', flags: 'untouched' },
      write(64 * KIB),
    ]
    for (const definition of ALL) {
      for (const kernel of KERNEL_VERSIONS) expect((await on(definition, absent, kernel)).results).toEqual([65_536])
    }
    expect(await counted(writeIomap, absent)).toMatchObject({ beginEndPairs: 1, wastedCopyBytes: 0 })
  })

  it('page by page nothing is copied in vain', async () => {
    const { results, report } = await on(writeClassic, rows)
    expect(results).toEqual([36_864])
    expect(report.counters).toMatchObject({ beginEndPairs: 9, wastedCopyBytes: 0, reservedBlocks: 9, punchedBlocks: 0 })
  })

  it('2010 gives the rest back; as posted it does not', async () => {
    const sound = await on(writeMultipage, rows)
    expect(sound.results).toEqual([36_864])
    // map, reserve, allocate, unreserve; then map, reserve, nothing to copy, unreserve.
    expect(sound.report.counters).toMatchObject({ fsCalls: 7, allocatedBlocks: 9, punchedBlocks: 14, leakedBlocks: 0 })
    const posted = await on(writeMultipage, rows, '6.12', { prototype: 1 })
    // The second segment is reserved already, and leaves the lock of its mapping.
    expect(posted.report.counters).toMatchObject({ fsCalls: 4, allocatedBlocks: 9, leakedBlocks: 7, leftFsLocks: 1 })
  })
})

describe('a source that is not there', () => {
  const absent: TestRow[] = [
    { event: 'map', iter: 'ubuf', segs: `${at(0)}+${P}`, backing: 'anon', flags: 'untouched' },
    write(P),
  ]

  it('is faulted in first up to 6.12, and after a pair for nothing in generic_perform_write since', async () => {
    const pairs = async (kernel: KernelVersion) => (await counted(writeClassic, absent, kernel)).beginEndPairs
    expect(await Promise.all(KERNEL_VERSIONS.map(pairs))).toEqual([1, 1, 2, 2])
  })

  it('iomap faults it in first in every version', async () => {
    const pairs = async (kernel: KernelVersion) => (await counted(writeIomap, absent, kernel)).beginEndPairs
    expect(await Promise.all(KERNEL_VERSIONS.map(pairs))).toEqual([1, 1, 1, 1])
  })

  it('that cannot be had leaves a block reserved and zeroed behind since then: no leak, its page is dirty', async () => {
    const { results, report } = await on(writeClassic, [...sourceOf(0), write(P)], 'mainline')
    expect(results).toEqual([-14])
    expect(report.counters).toMatchObject({ beginEndPairs: 1, reservedBlocks: 1, leakedBlocks: 0 })
    expect((await counted(writeClassic, [...sourceOf(0), write(P)], '6.12')).beginEndPairs).toBe(0)
  })
})

describe('no space: 32 pages and 16 blocks', () => {
  const rows = [write(32 * P)]
  const scarce = { 'free-blocks': 16 }

  it('page by page 16 are written and 16 not', async () => {
    const { results, report } = await on(writeClassic, rows, '6.12', scarce)
    expect(results).toEqual([64 * KIB])
    expect(report.counters).toMatchObject({ beginEndPairs: 16, failedBegins: 1, leakedBlocks: 0 })
  })

  it('recvfile returns 0 and leaks 16, which a reader inside the file gets', async () => {
    const { results, report } = await on(recvfile, rows, '6.12', scarce)
    expect(results).toEqual([0])
    expect(report.counters).toMatchObject({ allocatedBlocks: 16, leakedBlocks: 16, staleBytes: 0, writtenBytes: 0 })
    const inside = await counted(recvfile, rows, '6.12', { ...scarce, 'file-bytes': MIB })
    expect(inside).toMatchObject({ leakedBlocks: 16, staleBytes: 64 * KIB })
  })

  it('2010 cannot reserve: nothing written, nothing leaked', async () => {
    const { results, report } = await on(writeMultipage, rows, '6.12', scarce)
    expect(results).toEqual([-28])
    expect(report.counters).toMatchObject({ reservedBlocks: 0, leakedBlocks: 0, beginEndPairs: 0 })
  })

  it('XFS writes back and tries once more; with extents of 8 blocks what was written stays', async () => {
    const { results, report } = await on(writeIomap, rows, '6.12', scarce)
    expect(results).toEqual([-28])
    expect(report.counters).toMatchObject({ spaceFlushes: 1, noSpace: 2, reservedBlocks: 0 })
    const parts = await on(writeIomap, rows, '6.12', { ...scarce, 'extent-blocks': 8 })
    expect(parts.results).toEqual([64 * KIB])
    expect(parts.report.counters).toMatchObject({ spaceFlushes: 0, leakedBlocks: 0 })
  })
})

describe('files', () => {
  it('what was written is there: an overwrite asks for no block and makes no folio', async () => {
    const twice = [write(64 * KIB), write(64 * KIB)]
    expect(await counted(writeClassic, twice)).toMatchObject({
      writes: 2,
      beginEndPairs: 32,
      fsCalls: 16,
      foliosOrder0: 16,
    })
    expect(await counted(writeIomap, twice)).toMatchObject({
      mappings: 2,
      beginEndPairs: 2,
      foliosOrder4: 1,
      reservedBlocks: 16,
    })
    expect(await counted(writeMultipage, twice)).toMatchObject({ mappings: 2, fsCalls: 4, allocatedBlocks: 16 })
  })

  it('a row without an offset goes on where the last write ended', async () => {
    const rows = [write(8 * KIB), { ...write(8 * KIB), offset: '' }]
    const { lane } = await on(writeIomap, rows)
    expect(lane.memory.cache.find(0, 3)).toBeGreaterThan(0)
    expect(lane.memory.cache.find(0, 4)).toBe(-1)
  })

  it('hole= says what of the row is one: the rest is read where it is written in part', async () => {
    const rows = [write(4 * P, 100, { flags: `hole=0+${P}` })]
    const counters = await counted(writeIomap, rows, '6.1')
    // [100, 16484): the block of the first byte is in the hole, as far as the row goes; the last one is there and written in part.
    expect(counters).toMatchObject({ reservedBlocks: 1, readBlocks: 1, mappings: 2 })
    const inside = [write(4 * P, 100, { flags: `hole=0+${P}` }), write(64 * KIB, 64 * KIB)]
    expect((await counted(writeIomap, inside, '6.1')).reservedBlocks).toBe(17)
  })

  it('reads and direct writes are passed by', async () => {
    const rows: TestRow[] = [write(P, 0, { flags: 'direct' }), { ...write(P), op: 'read' }]
    const { results, report } = await on(writeClassic, rows)
    expect(results).toEqual([P, P])
    expect(report.counters.writes).toBe(0)
  })
})

describe('what pages hold', () => {
  // Page rows in the order in which they are touched: each is filled with its own number.
  const fill = (page: number, bytes: Uint8Array) => bytes.fill(page % 251)

  it.each(ALL)('$name copies the source into the page cache, in place', async (definition) => {
    const rows: TestRow[] = [
      { event: 'map', iter: 'ubuf', segs: `${at(0)}+${6 * P}`, backing: 'anon' },
      { event: 'map', iter: 'ubuf', segs: `${at(2)}+${P}`, backing: 'anon', flags: 'untouched' },
      write(5 * P, 100, { segs: `0x${(SOURCE + 50).toString(16)}+${5 * P}` }),
    ]
    const { lane, results } = await on(definition, rows, '6.12', {}, { fill })
    expect(results).toEqual([5 * P])
    const { bytes, cache, spaces } = lane.memory
    for (const offset of [0, P - 1, P, 2 * P + 7, 4 * P, 5 * P - 1]) {
      const source = spaces.pageAt(0, SOURCE / P + Math.floor((50 + offset) / P))
      const target = cache.find(0, Math.floor((100 + offset) / P))
      expect(bytes?.bytesOf(target)[(100 + offset) % P]).toBe(bytes?.bytesOf(source)[(50 + offset) % P])
    }
  })
})

describe('old memory after a short copy', () => {
  // [100, 8192) of a file of 1 MiB that is a hole: of the source 1000 bytes are there.
  const rows = [...sourceOf(1), write(8092, 100, { segs: `0x${(SOURCE + 3096).toString(16)}+8092` })]

  it('is what a reader gets up to 6.18 from iomap, and from no other', async () => {
    const stale = async (definition: ConsumerDefinition, kernel: KernelVersion) =>
      (await counted(definition, rows, kernel, { 'file-bytes': MIB })).staleBytes
    // With pages the rest of the first one, with a folio of two the rest of it.
    expect(await Promise.all(KERNEL_VERSIONS.map((kernel) => stale(writeIomap, kernel)))).toEqual([2996, 2996, 2996, 0])
    for (const definition of [writeClassic, writeMultipage]) {
      for (const kernel of KERNEL_VERSIONS) expect(await stale(definition, kernel)).toBe(0)
    }
  })

  it('with a large folio it is all of the folio that was not copied', async () => {
    const large = [...sourceOf(1), write(16 * KIB, 100, { segs: `0x${(SOURCE + 3096).toString(16)}+${16 * KIB}` })]
    const { staleBytes } = await counted(writeIomap, large, '6.12', { 'file-bytes': MIB })
    // A folio of order 2, [0, 16384): [1100, 16384) is not copied.
    expect(staleBytes).toBe(16_384 - 1100)
  })
})

describe('the hazard rules', () => {
  const enospc = { 'free-blocks': 16, 'file-bytes': MIB }
  const short = [...sourceOf(9), write(64 * KIB)]
  const cut = [...sourceOf(2), write(9000, 100)]

  it.each([writeClassic, writeMultipage, writeIomap])('find nothing in $name', async (definition) => {
    for (const kernel of KERNEL_VERSIONS) {
      for (const rows of [short, [write(32 * P)], [...sourceOf(0), write(P)], cut]) {
        expect(await found(definition, rows, kernel)).toEqual([])
        if (rows !== cut || definition !== writeIomap) expect(await found(definition, rows, kernel, enospc)).toEqual([])
      }
    }
  })

  it('find what iomap leaves of old memory up to 6.18: inside the file', async () => {
    const seen = await Promise.all(KERNEL_VERSIONS.map((kernel) => found(writeIomap, cut, kernel, enospc)))
    expect(seen).toEqual([['H-32'], ['H-32'], ['H-32'], []])
  })

  it('find what recvfile does: nested locks, the wait, the allocation', async () => {
    expect(await found(recvfile, [write(32 * P)], '6.12')).toEqual(['H-30', 'H-33', 'H-34'])
  })

  it('find its leak where space ends, and the exposure inside the file', async () => {
    expect(await found(recvfile, [write(32 * P)], '6.12', enospc)).toEqual(['H-30', 'H-31', 'H-32', 'H-34'])
  })

  it('find the nested locks of recvfile where it fails again, over blocks that are allocated: 17 locks in row 2 too', async () => {
    const again = [write(32 * P), write(32 * P), write(P, 0, { file: 'b' })]
    const findings = await audited(recvfile, again, '6.12', { 'free-blocks': 16 }, HAZARD_RULES)
    expect(findings.map(({ rule, row }) => [rule, row])).toEqual([
      ['H-30', 1],
      ['H-31', 1],
      ['H-34', 1],
      ['H-30', 2],
      ['H-34', 2],
    ])
  })

  it('find no leak in blocks that were there before the trace', async () => {
    // 12 pages, of which those outside [16384, 32768) are there; of the source two pages.
    const around = [...sourceOf(2), write(12 * P, 0, { flags: `hole=${4 * P}+${4 * P}` })]
    const findings = await audited(recvfile, around, '6.12', {}, HAZARD_RULES)
    expect(findings.map(({ rule, pages }) => [rule, pages])).toContainEqual(['H-31', 4])
  })

  it('find the reservation that the prototype of 2010 keeps', async () => {
    // Its second segment is reserved already, and leaves the lock of its mapping.
    expect(await found(writeMultipage, short, '6.12', { prototype: 1 })).toEqual(['H-37', 'H-52'])
  })

  it('find the locks that the prototype leaves where nothing is allocated, each in its row', async () => {
    const append: TestRow = { ...write(5000), offset: '' }
    const rows = [write(5000), append, append]
    const findings = await audited(writeMultipage, rows, '6.12', { prototype: 1 }, HAZARD_RULES)
    // 5000, 10,000 and 15,000 bytes: the second and the third begin in a block that is there.
    expect(findings.map(({ rule, row, pages }) => [rule, row, pages])).toEqual([
      ['H-52', 2, 1],
      ['H-52', 3, 1],
    ])
    expect((await counted(writeMultipage, rows, '6.12', { prototype: 1 })).leftFsLocks).toBe(2)
    expect(await found(writeMultipage, rows, '6.12')).toEqual([])
    // [2048, 67584) around a hole of blocks 4 to 7: blocks 0 to 3 and 8 to 16 are mapped.
    const around = [write(64 * KIB, 2048, { flags: 'hole=14336+16384' })]
    const both = await audited(writeMultipage, around, '6.12', { prototype: 1 }, HAZARD_RULES)
    expect(both.map(({ rule, pages }) => [rule, pages])).toEqual([['H-52', 4 + 9]])
    expect((await counted(writeMultipage, around, '6.12', { prototype: 1 })).leftFsLocks).toBe(2)
  })
})

describe('faults', () => {
  it.each(ALL)('$name holds and owns nothing after any fault', async (definition) => {
    for (const kernel of KERNEL_VERSIONS) {
      const { unclean } = await sweepFaults(definition, [write(20 * P + 100, 300), write(3 * P)], { kernel })
      expect(unclean).toEqual([])
    }
  })

  describe('a segment of which nothing was copied, though the source is there (13.4: zero progress)', () => {
    // Four pages in two extents; the third copy, the first of the second extent, moves nothing.
    const inject = { fault: 'copy', at: 3 } as const
    const once = (prototype: number) =>
      on(writeMultipage, [write(4 * P)], '6.12', { prototype, 'extent-blocks': 2 }, { inject })

    it('is mapped anew: map, reserve and allocate, map, reserve and unreserve, map, reserve and allocate', async () => {
      const { results, report } = await once(0)
      expect(results).toEqual([4 * P])
      expect(report.counters).toMatchObject({ mappings: 3, fsCalls: 9, reservedBlocks: 6, punchedBlocks: 2 })
    })

    it('ends the write of the prototype, which is short by what could have been written', async () => {
      const { results, report } = await once(1)
      expect(results).toEqual([2 * P])
      expect(report.counters).toMatchObject({ mappings: 2, fsCalls: 6, punchedBlocks: 2, leakedBlocks: 0 })
      const first = { inject: { fault: 'copy', at: 1 } as const }
      expect((await on(writeMultipage, [write(4 * P)], '6.12', { prototype: 1 }, first)).results).toEqual([0])
    })

    it('goes on behind what was copied: the rest is another segment', async () => {
      const second = { inject: { fault: 'copy', at: 2 } as const }
      const sound = await on(writeMultipage, [write(3 * P)], '6.12', {}, second)
      expect(sound.results).toEqual([3 * P])
      expect(sound.report.counters).toMatchObject({ mappings: 2, fsCalls: 7, allocatedBlocks: 3, punchedBlocks: 2 })
      const posted = await on(writeMultipage, [write(3 * P)], '6.12', { prototype: 1 }, second)
      expect(posted.results).toEqual([3 * P])
      // The two blocks that the first segment leaves reserved are what the second one fills.
      expect(posted.report.counters).toMatchObject({ fsCalls: 4, leakedBlocks: 0, filledLeaks: 2, leftFsLocks: 1 })
    })
  })

  it('without memory for a large folio a smaller one is made', async () => {
    const inject = { fault: 'alloc', at: 1 } as const
    const { report } = await on(writeIomap, [write(64 * KIB)], '6.12', {}, { inject })
    expect(report.counters).toMatchObject({ foliosOrder4: 0, foliosOrder3: 2, writtenBytes: 64 * KIB })
  })
})
