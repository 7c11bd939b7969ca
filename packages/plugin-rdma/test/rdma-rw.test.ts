import { EAGAIN, EINVAL, EIO, ENOMEM, type KernelVersion } from '@pinscope/core'
import {
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { rdmaRw } from '../src/rdma-rw/definition.ts'

// drivers/infiniband/core/rw.c: what a target's buffer becomes. The worked examples RW1 to RW3, the choice of the mode,
// MRs and their pool, bvecs, and how failures are undone. Sizes: ib_sge 16, ib_rdma_wr 56, rdma_rw_reg_ctx 176 (192 with
// the sg_table of mainline), scatterlist 32, page list 8.

const A = 0x7f0000000000
const P = 4096
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const MLX5 = 0
const RXE = 1
const SIW = 2

const user = (op: 'read' | 'write', bytes: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  segs: `0x${A.toString(16)}+${bytes}`,
  ...more,
})
/** {offset, length} of each bvec; each is in memory of its own. */
const bvecs = (op: 'read' | 'write', vecs: readonly (readonly [number, number])[], more: TestRow = {}): TestRow => ({
  op,
  iter: 'bvec',
  segs: vecs.map(([offset, length], i) => `${4096 + 1000 * i}:${offset}+${length}`).join(';'),
  ...more,
})
const pages = (count: number) => Array.from({ length: count }, () => [0, P] as const)

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions['options'] = {}) =>
  replayRows(rdmaRw, rows, { kernel, options })

function expectNothingLeft({ report, lane }: RowsResult) {
  expect([report.pins.open, report.refs.open, lane.io.allocations.openBytes, lane.io.dma.openEntries]).toEqual([
    0, 0, 0, 0,
  ])
  expect(report.violationsTotal).toBe(0)
}

describe('rdma_rw_ctx_init', () => {
  it.each(ALL)(
    'RW1 on %s: a write of 40 entries from byte 5000 on: 39 ib_sge in three work requests',
    async (kernel) => {
      const done = await on(kernel, [user('write', 40 * P)], { 'max-send-sge': 16, offset: 5000 })
      const { report, results, lane } = done
      expect(results).toEqual([158_840])
      expect(report.counters).toMatchObject({ multiContexts: 1, sgEntries: 40, sges: 39, rdmaWrs: 3, regWrs: 0 })
      expect(report.allocations).toMatchObject({ made: 2, freed: 2, bytes: 39 * 16 + 3 * 56 })
      expect(lane.io.dma).toMatchObject({ maps: 1, mappedEntries: 40, unmappedEntries: 40, openEntries: 0 })
      expect(report.entries).toMatchObject({ built: 40 + 39, bytes: 40 * 32 + 39 * 16 })
      expectNothingLeft(done)
    },
  )

  it.each(ALL)('RW2 on %s: the same as a read, max_sgl_rd 32: one MR, one ib_sge', async (kernel) => {
    const options = { offset: 5000, 'max-sgl-rd': 32 }
    const done = await on(kernel, [user('read', 40 * P), user('read', 40 * P)], options)
    const { report, results } = done
    expect(results).toEqual([158_840, 158_840])
    // The second one has the same MR again, and its registration of before must be invalidated.
    expect(report.counters).toMatchObject({ mrContexts: 2, mrs: 2, mrPages: 78, regWrs: 2, rdmaWrs: 2, invWrs: 1 })
    const regCtx = kernel === 'mainline' ? 192 : 176
    expect(report.allocations).toMatchObject({ made: 2, bytes: 2 * regCtx })
    expect(report.entries).toMatchObject({ built: 2 * (40 + 39 + 1), bytes: 2 * (40 * 32 + 39 * 8 + 16) })
    expectNothingLeft(done)
  })

  it.each(ALL)('one entry on %s: one work request in the context, nothing allocated', async (kernel) => {
    const done = await on(kernel, [user('write', P), user('read', P)])
    expect(done.report.counters).toMatchObject({ singleContexts: 2, sges: 2, rdmaWrs: 2 })
    expect(done.report.allocations).toBeUndefined()
    expectNothingLeft(done)
  })

  it('reads have the entries of a read, of which siw has one and rxe 32', async () => {
    const soft = await on('6.12', [user('read', 40 * P)], { device: RXE })
    expect(soft.report.counters).toMatchObject({ multiContexts: 1, rdmaWrs: 2, sges: 40 })
    // iWARP: reads are registered; writes go as they are, 6 entries each.
    const iwarp = await on('6.12', [user('read', 40 * P), user('write', 40 * P)], { device: SIW })
    expect(iwarp.report.counters).toMatchObject({ mrContexts: 1, multiContexts: 1, rdmaWrs: 1 + 7, sges: 1 + 40 })
  })

  it('max_sgl_rd is the number of entries that still go without an MR: 3 on mlx5', async () => {
    const done = await on('6.12', [user('read', 3 * P), user('read', 4 * P), user('write', 4 * P)])
    expect(done.report.counters).toMatchObject({ mrContexts: 1, multiContexts: 2 })
  })

  it('an offset beyond the list is an error, with the list unmapped', async () => {
    const done = await on('6.12', [user('write', P)], { offset: P })
    expect(done.results).toEqual([EIO])
    expect(done.lane.io.dma).toMatchObject({ maps: 1, mappedEntries: 1, openEntries: 0 })
    expectNothingLeft(done)
  })

  it('the caller holds its pages until the context is gone', async () => {
    const done = await on('6.12', [user('write', 2 * P, { end: 5 }), user('write', P, { ts: 9 })])
    expect(done.report.pins).toMatchObject({ acquired: 3, released: 3, peak: 2 })
    const never = await on('6.12', [user('write', 2 * P, { end: 'never' })])
    expect(never.report.leaks).toMatchObject([{ retention: 'pin', pages: 2, consumer: 'rdma-rw' }])
  })
})

describe('MRs', () => {
  it('an MR for each 256 entries; iWARP reads invalidate what they filled', async () => {
    const rows = [user('read', 513 * P), user('read', 513 * P)]
    const done = await on('6.12', rows, { device: SIW, 'queue-size': 3 })
    expect(done.report.counters).toMatchObject({ mrs: 6, mrPages: 2 * 513, regWrs: 6, rdmaWrs: 6, invWrs: 0 })
    expect(done.report.allocations).toMatchObject({ made: 2, bytes: 2 * 3 * 176 })
    expectNothingLeft(done)
  })

  it('the last MR given back is the next one taken: a new one needs no invalidation', async () => {
    const rows = [user('read', 8 * P, { end: 3 }), user('read', 8 * P, { end: 8 }), user('read', 8 * P, { ts: 5 })]
    const done = await on('6.12', rows)
    expect(done.report.counters).toMatchObject({ mrs: 3, invWrs: 1 })
  })

  it.each(ALL)(
    'an empty pool on %s: without MRs then, but not on iWARP and not where all is registered',
    async (kernel) => {
      const rows = [user('read', 8 * P, { end: 5 }), user('read', 8 * P, { end: 5 })]
      const fallsBack = await on(kernel, rows, { 'queue-size': 1 })
      expect(fallsBack.results).toEqual([8 * P, 8 * P])
      expect(fallsBack.report.counters).toMatchObject({
        mrContexts: 1,
        mrPoolEmpty: 1,
        mrFallbacks: 1,
        multiContexts: 1,
      })
      expect(fallsBack.report.entries.limitHits).toBe(1)
      expectNothingLeft(fallsBack)
      for (const options of [{ device: SIW }, { 'force-mr': 1 }]) {
        const fails = await on(kernel, rows, { 'queue-size': 1, ...options })
        expect(fails.results).toEqual([8 * P, EAGAIN])
        expect(fails.report.counters).toMatchObject({ mrPoolEmpty: 1, mrFallbacks: 0 })
        expectNothingLeft(fails)
      }
    },
  )

  it('a gap between entries cannot be registered', async () => {
    const vecs = Array.from({ length: 8 }, () => [0, 1000] as const)
    const done = await on('6.12', [bvecs('read', vecs), bvecs('write', vecs)])
    expect(done.results).toEqual([EINVAL, 8000])
    expect(done.report.counters).toMatchObject({ mrShort: 1, mrContexts: 0, multiContexts: 1 })
    expectNothingLeft(done)
  })

  it('entries are counted, not pages: 20 of 64 KiB are more than the list has room for, 4 are not', async () => {
    const long = (count: number) => Array.from({ length: count }, () => [0, 65536] as const)
    const done = await on('6.12', [bvecs('read', long(4)), bvecs('read', long(20))])
    expect(done.results).toEqual([4 * 65536, EINVAL])
    expect(done.report.counters).toMatchObject({ mrPages: 64, mrShort: 1 })
    expectNothingLeft(done)
  })

  it('force-mr registers writes and single entries too', async () => {
    const done = await on('6.12', [user('write', P), user('write', 3 * P)], { 'force-mr': 1, device: RXE })
    expect(done.report.counters).toMatchObject({ mrContexts: 2, mrPages: 4, regWrs: 2, rdmaWrs: 2 })
  })
})

describe('rdma_rw_ctx_init_bvec', () => {
  it('RW3: 39 bvecs behind an IOMMU: one work request, one ib_sge, no array', async () => {
    const done = await on('mainline', [bvecs('write', pages(39))], { bvec: 1, iova: 1 })
    const { report, lane } = done
    expect(report.counters).toMatchObject({ iovaContexts: 1, bvecs: 39, sges: 1, rdmaWrs: 1, sgEntries: 0 })
    expect(report.allocations).toBeUndefined()
    expect(report.entries).toMatchObject({ built: 1, bytes: 16 })
    expect(lane.io.dma).toMatchObject({ maps: 1, mappedEntries: 39, unmappedEntries: 39 })
    expectNothingLeft(done)
  })

  it('without one: a mapping a bvec, and one allocation for both arrays', async () => {
    const done = await on('mainline', [bvecs('read', pages(40))], { bvec: 1 })
    // 30 entries of a read on mlx5; a long read is not registered.
    expect(done.report.counters).toMatchObject({ multiContexts: 1, mrContexts: 0, sges: 40, rdmaWrs: 2 })
    expect(done.report.allocations).toMatchObject({ made: 1, bytes: 40 * 16 + 2 * 56 })
    expect(done.lane.io.dma).toMatchObject({ maps: 40, mappedEntries: 40, unmappedEntries: 40 })
    expectNothingLeft(done)
  })

  it('a device whose mappings are no mappings has no ranges', async () => {
    const done = await on('mainline', [bvecs('write', pages(4))], { bvec: 1, iova: 1, device: RXE })
    expect(done.report.counters).toMatchObject({ iovaContexts: 0, multiContexts: 1 })
  })

  it('one bvec needs neither', async () => {
    const done = await on('mainline', [bvecs('write', pages(1))], { bvec: 1, iova: 1 })
    expect(done.report.counters).toMatchObject({ singleContexts: 1, iovaContexts: 0 })
    expect(done.lane.io.dma).toMatchObject({ maps: 1, mappedEntries: 1 })
  })

  it('what must be registered goes through a scatterlist after all', async () => {
    const done = await on('mainline', [bvecs('read', pages(10))], { bvec: 1, device: SIW })
    expect(done.report.counters).toMatchObject({ mrContexts: 1, sgEntries: 10, bvecs: 10, mrPages: 10 })
    expect(done.report.allocations).toMatchObject({ made: 2, bytes: 192 + 10 * 32 })
    expect(done.report.entries).toMatchObject({ bytes: 10 * 32 + 10 * 8 + 16 })
    expectNothingLeft(done)
  })

  it('the IOMMU maps pages: a bvec that begins or ends inside one between others fails', async () => {
    const begins = [
      [0, P],
      [512, P - 512],
      [0, P],
    ] as const
    const ends = [
      [0, P],
      [0, 512],
      [0, P],
    ] as const
    const fits = [
      [512, P - 512],
      [0, 2 * P],
      [0, 100],
    ] as const
    const rows = [begins, ends, fits].map((vecs) => bvecs('write', vecs))
    const done = await on('mainline', rows, { bvec: 1, iova: 1 })
    expect(done.results).toEqual([EIO, EINVAL, P - 512 + 2 * P + 100])
    expect(done.report.counters).toMatchObject({ iovaUnaligned: 2, iovaContexts: 1 })
    expectNothingLeft(done)
  })

  it('bytes that are skipped are not in the bvecs; none left is an error', async () => {
    const done = await on('mainline', [bvecs('write', pages(3)), bvecs('write', pages(1))], { bvec: 1, offset: 5000 })
    expect(done.results).toEqual([3 * P - 5000, EINVAL])
    expect(done.report.counters).toMatchObject({ bvecs: 2, sges: 2 })
  })

  it.each(['6.1', '6.12', '6.18'] as const)('is not there on %s: a scatterlist', async (kernel) => {
    const done = await on(kernel, [bvecs('write', pages(3))], { bvec: 1, iova: 1 })
    expect(done.report.counters).toMatchObject({ bvecs: 0, sgEntries: 3, multiContexts: 1 })
  })

  it('a bvec that cannot be mapped: those before it are unmapped', async () => {
    const done = await replayRows(rdmaRw, [bvecs('write', pages(8))], {
      options: { bvec: 1 },
      inject: { fault: 'map', at: 5 },
    })
    expect(done.results).toEqual([ENOMEM])
    expect(done.lane.io.dma).toMatchObject({ maps: 4, mappedEntries: 4, unmappedEntries: 4 })
    expectNothingLeft(done)
  })
})

describe('faults', () => {
  const rows = [
    user('write', 40 * P, { end: 9 }),
    user('read', 40 * P, { end: 9 }),
    bvecs('read', pages(8), { end: 9 }),
    bvecs('write', [[100, 200]], { end: 9 }),
  ]
  const setups: readonly NonNullable<RowsOptions['options']>[] = [
    { device: MLX5 },
    { device: SIW },
    { 'force-mr': 1 },
    { offset: 100 },
    { bvec: 1 },
    { bvec: 1, device: SIW },
    { bvec: 1, iova: 1 },
  ]

  it.each(ALL)('whatever step fails on %s, nothing is left', async (kernel) => {
    for (const options of setups) {
      const { unclean, steps } = await sweepFaults(rdmaRw, rows, { kernel, options }, 6)
      expect(unclean).toEqual([])
      expect(steps.map).toBeGreaterThan(0)
      expect(steps.page).toBeGreaterThan(0)
    }
  })

  it('an allocation, a mapping, an MR that cannot be had: the errno of each', async () => {
    const { faults } = await sweepFaults(rdmaRw, [user('read', 40 * P)], { kernel: '6.12', options: { 'force-mr': 1 } })
    const results = (kind: string) => faults.filter(({ fault }) => fault === kind).map((fault) => fault.results)
    expect(results('alloc')).toEqual([[ENOMEM]])
    expect(results('map')).toEqual([[EIO]])
    expect(results('limit')).toEqual([[EAGAIN]])
  })
})

describe('ownership', () => {
  it.each(ALL)('the caller has the pages of %s', async (kernel) => {
    const shapes = [
      { row: { op: 'write' }, bytes: 3 * P },
      { row: { op: 'read' }, bytes: 3 * P },
    ] as const
    const cell = (type: 'ubuf' | 'iovec' | 'bvec' | 'kvec' | 'xarray') => ownershipCell(rdmaRw, kernel, type, shapes)
    const held = kernel === '6.1' ? 'ref' : 'pin'
    expect([await cell('ubuf'), await cell('iovec')]).toEqual([held, held])
    expect([await cell('bvec'), await cell('kvec'), await cell('xarray')]).toEqual(['bare', 'bare', 'bare'])
  })
})
