import { EAGAIN, EFAULT, EINVAL, EIO, type KernelVersion } from '@pinscope/core'
import { ownershipCell, type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { nvmeRdma } from '../src/block-mr/definition.ts'
import { expectNothingLeft, requests, type Segments, text, vector } from './support/block-rows.ts'

// drivers/nvme/host/rdma.c: nvme_rdma_map_data, with the block layer above it (block/bio.c, block/blk-merge.c). Sizes:
// bio_vec 16, scatterlist 32 (chunks of 128 elements are a page), ib_sge 16, page list 8.

const A = 0x7f0000000000
const B = 0x7f1000000000
const P = 4096
const M = 1 << 20
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const SIW = 2

/** {offset, length} of each bvec; each is in memory of its own. */
const bvecs = (op: 'read' | 'write', vecs: Segments, more: TestRow = {}): TestRow => ({
  op,
  iter: 'bvec',
  segs: vecs.map(([offset, length], i) => `${0x10000 * (i + 1)}:${offset}+${length}`).join(';'),
  ...more,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions['options'] = {}) =>
  replayRows(nvmeRdma, rows, { kernel, options })

describe('nvme_rdma_map_data', () => {
  it.each(ALL)('1 MiB on %s: one request of 256 elements, one MR of 256 pages', async (kernel) => {
    const done = await on(kernel, [vector('read', [[A, M]])])
    const { report, results, lane } = done
    expect(results).toEqual([M])
    expect(report.counters).toMatchObject({ bios: 1, bvecs: 256, requests: 1, sgEntries: 256, mrs: 1, mrPages: 256 })
    // 2 elements of the request's own, one of them a link; 127 and a link, 128.
    expect(report.counters).toMatchObject({ sgChunks: 2, sges: 1, inlineRequests: 0, gapSplits: 0, limitSplits: 0 })
    expect(report.allocations).toMatchObject({ made: 2, freed: 2, bytes: 2 * P })
    expect(report.entries).toMatchObject({ built: 3 * 256 + 1, bytes: 256 * (16 + 32 + 8) + 16 })
    // The command, then the data.
    expect(lane.io.dma).toMatchObject({ maps: 2, mappedEntries: 257, unmappedEntries: 257 })
    const held = kernel === '6.1' ? report.refs : report.pins
    expect(held).toMatchObject({ acquired: 256, released: 256, peak: 256 })
    expectNothingLeft(done)
  })

  it.each(ALL)('1 MiB that begins inside a page on %s: the 257th element is a request of its own', async (kernel) => {
    const done = await on(kernel, [vector('write', [[A + 512, M]])])
    expect(done.report.counters).toMatchObject({ bios: 2, requests: 2, sgEntries: 257, mrs: 1, inlineRequests: 1 })
    expect(requests(done).map((list) => list.length)).toEqual([256, 1])
    expect(requests(done)[1]).toEqual([[0, 512]])
    expectNothingLeft(done)
  })

  it.each(ALL)('small writes on %s go with the command: up to 4 elements and 4096 bytes', async (kernel) => {
    const rows = [
      vector('write', [[A, P]]),
      vector('write', [[A + 512, P]]),
      vector('write', [[A, 2 * P]]),
      vector('read', [[A, P]]),
    ]
    const done = await on(kernel, rows)
    expect(done.report.counters).toMatchObject({ inlineRequests: 2, mrs: 2, mrPages: 3, sges: 2 + 3 + 1 + 1 })
    const more = await on(kernel, [vector('write', [[A, 4 * P]]), vector('write', [[A + 512, 4 * P]])], {
      'inline-data-size': 16384,
    })
    expect(more.report.counters).toMatchObject({ inlineRequests: 1, mrs: 1, mrPages: 5, sges: 5 + 1 })
    // A device with two entries in a send leaves one for data.
    const few = await on(kernel, [vector('write', [[A, P]]), vector('write', [[A + 512, P]])], { 'max-send-sge': 2 })
    expect(few.report.counters).toMatchObject({ inlineRequests: 1, mrs: 1 })
  })

  it('register_always=0: a single element needs no MR', async () => {
    const done = await on('6.12', [vector('read', [[A, P]]), vector('read', [[A, 2 * P]])], { 'register-always': 0 })
    expect(done.report.counters).toMatchObject({ singleRequests: 1, mrs: 1, mrPages: 2 })
  })

  it('a device with MRs of 256 pages makes requests of 255, and the last bio joins what was left over', async () => {
    const done = await on('6.12', [vector('read', [[A, 600 * P]])], { device: SIW })
    // 256: 255 and 1; 256: 255 and 1; 88.
    expect(requests(done).map((list) => list.length)).toEqual([255, 1, 255, 89])
    expect(done.report.counters).toMatchObject({ bios: 3, mergedBios: 1, limitSplits: 2, requests: 4, mrPages: 600 })
    expect(done.report.entries.limitHits).toBe(2)
    expectNothingLeft(done)
  })

  it('the largest transfer of the controller', async () => {
    const done = await on('6.12', [vector('read', [[A, 64 * P]])], { mdts: 5 })
    expect(requests(done).map((list) => list.length)).toEqual([32, 32])
  })

  it('more requests than the queue has tags wait, and are counted', async () => {
    const rows = [0, 1, 2].map((ts) => vector('read', [[A, P]], { ts, end: 9 }))
    const done = await on('6.12', rows, { 'queue-size': 2 })
    expect(done.report.counters).toMatchObject({ tagWaits: 1, requests: 3 })
  })
})

describe('page-list rules', () => {
  it.each(ALL)('on %s a vector that ends inside a page ends a request, unless it is the last', async (kernel) => {
    const done = await on(kernel, [
      // Aligned, the last one short: one request.
      vector('read', [
        [A, P],
        [B, 512],
      ]),
      // The first one begins inside its page.
      vector('read', [
        [A + 512, P - 512],
        [B, P],
        [A + 8 * P, 512],
      ]),
      // Ends inside.
      vector('read', [
        [A, 512],
        [B, P],
      ]),
      // Begins inside.
      vector('read', [
        [A, P],
        [B + 512, 512],
      ]),
    ])
    expect(requests(done)).toEqual([
      [
        [0, P],
        [0, 512],
      ],
      [
        [512, P - 512],
        [0, P],
        [0, 512],
      ],
      [[0, 512]],
      [[0, P]],
      [[0, P]],
      [[512, 512]],
    ])
    expect(done.report.counters).toMatchObject({ gapSplits: 2, requests: 6, mrs: 6, mrPages: 9 })
    expectNothingLeft(done)
  })

  const SPLIT_PAGE: Segments = [
    [A + 512, 3584],
    [B, 2048],
    [B + 2048, 2048],
  ]

  it.each(['6.1', '6.12', '6.18'] as const)('two vectors of one page are one bvec on %s', async (kernel) => {
    const done = await on(kernel, [vector('read', SPLIT_PAGE)])
    expect(requests(done)).toEqual([
      [
        [512, 3584],
        [0, P],
      ],
    ])
    // The page was taken twice, and once let go again.
    const held = kernel === '6.1' ? done.report.refs : done.report.pins
    expect(held).toMatchObject({ acquired: 3, released: 3, peak: 3 })
    expect(done.report.counters).toMatchObject({ bvecs: 2, mrPages: 2 })
    expectNothingLeft(done)
  })

  it('but two on mainline, and there is a gap between them', async () => {
    const done = await on('mainline', [vector('read', SPLIT_PAGE)])
    expect(requests(done)).toEqual([
      [
        [512, 3584],
        [0, 2048],
      ],
      [[2048, 2048]],
    ])
    expect(done.report.counters).toMatchObject({ bvecs: 3, gapSplits: 1 })
    expectNothingLeft(done)
  })

  it.each(ALL)('long bvecs on %s: cut at 1 MiB, a page list of each', async (kernel) => {
    const done = await on(kernel, [bvecs('write', [[512, 2 * M]])])
    expect(requests(done)).toEqual([[[512, M]], [[M + 512, M]]])
    // Both begin and end inside a page: 257 pages each, what the MR has room for.
    expect(done.report.counters).toMatchObject({ bios: 1, bvecs: 1, mrs: 2, mrPages: 514, sgChunks: 0 })
    expect(done.report.bare.pages).toBe(513)
    expectNothingLeft(done)
  })

  it.each(ALL)('adjacent bvecs of one iterator on %s: one element only since 6.18', async (kernel) => {
    const done = await on(kernel, [{ op: 'read', iter: 'bvec', segs: '4096:0+4096;4097:0+4096' }])
    const isJoined = kernel === '6.18' || kernel === 'mainline'
    expect(requests(done)).toEqual([
      isJoined
        ? [[0, 2 * P]]
        : [
            [0, P],
            [0, P],
          ],
    ])
    expect(done.report.counters).toMatchObject({ mrPages: 2, bvecs: 2 })
  })

  it.each(ALL)('huge pages on %s: one bvec a folio', async (kernel) => {
    const map: TestRow = { event: 'map', segs: text([[A, 2 * M]]), backing: 'thp' }
    const done = await on(kernel, [map, vector('read', [[A, M]])])
    expect(done.report.counters).toMatchObject({ bios: 1, bvecs: 1, requests: 1, sgEntries: 1, mrPages: 256 })
    expectNothingLeft(done)
  })
})

describe('alignment', () => {
  it.each(ALL)('position and length are whole logical blocks on %s', async (kernel) => {
    const done = await on(kernel, [vector('read', [[A, P]], { offset: 100 }), vector('read', [[A, 700]])])
    expect(done.results).toEqual([EINVAL, EINVAL])
    expect(done.report.counters).toMatchObject({ misaligned: 2, bios: 0 })
  })

  it.each(ALL)('memory is aligned to 4 bytes on %s', async (kernel) => {
    const done = await on(kernel, [vector('read', [[A + 4, P]]), vector('read', [[A + 2, 2 * P]])])
    expect(done.results).toEqual([P, EINVAL])
    expect(requests(done)[0]).toEqual([
      [4, P - 4],
      [0, 4],
    ])
    expectNothingLeft(done)
  })

  it('6.18 takes the pages before it looks, mainline looks first', async () => {
    const row = vector('read', [[A + 2, 2 * P]])
    expect((await on('6.18', [row])).report.pins).toMatchObject({ acquired: 3, released: 3 })
    expect((await on('mainline', [row])).report.pins).toMatchObject({ acquired: 0 })
  })

  it('6.18 does not look at a single page, mainline does', async () => {
    expect((await on('6.18', [vector('read', [[A + 2, 512]])])).results).toEqual([512])
    expect((await on('mainline', [vector('read', [[A + 2, 512]])])).results).toEqual([EINVAL])
  })

  it.each(ALL)(
    'vectors that are no whole blocks on %s: refused up to 6.12, then a request unless there is a gap',
    async (kernel) => {
      const done = await on(kernel, [
        vector('read', [
          [A + 100, P - 100],
          [B, 100],
        ]),
        vector('read', [
          [A, 100],
          [B, 412],
        ]),
      ])
      const isOld = kernel === '6.1' || kernel === '6.12'
      // The gap comes before the first block is full.
      expect(done.results).toEqual([isOld ? EINVAL : P, EINVAL])
      expect(done.report.counters).toMatchObject({ misaligned: isOld ? 2 : 1, requests: isOld ? 0 : 1 })
      expectNothingLeft(done)
    },
  )

  it('a bio that is full inside a logical block is cut there, and the rest taken again', async () => {
    // 256 bvecs of 4 KiB from byte 4 on: the last block but 4 bytes is not whole.
    const done = await on('6.12', [vector('read', [[A + 4, M]])])
    expect(done.results).toEqual([M])
    const [first, second] = requests(done)
    expect(first).toHaveLength(256)
    expect(first.at(-1)).toEqual([0, P - 508])
    expect(second).toEqual([
      [P - 508, 508],
      [0, 4],
    ])
    expect(done.report.pins).toMatchObject({ acquired: 258, released: 258 })
    expectNothingLeft(done)
  })

  it('a request that may not block is not split', async () => {
    const done = await on('6.12', [
      vector(
        'read',
        [
          [A, 512],
          [B, P],
        ],
        { flags: 'nowait' },
      ),
    ])
    expect(done.results).toEqual([EAGAIN])
    expectNothingLeft(done)
  })
})

describe('faults', () => {
  const rows = [
    vector('read', [[A + 512, 300 * P]], { end: 9 }),
    vector(
      'write',
      [
        [A, 512],
        [B, P],
        [B + 512, 512],
      ],
      { end: 9 },
    ),
    bvecs(
      'read',
      [
        [0, P],
        [512, 512],
      ],
      { end: 9 },
    ),
  ]

  it.each(ALL)('whatever step fails on %s, nothing is left', async (kernel) => {
    for (const options of [{}, { device: SIW }, { 'register-always': 0, 'max-fast-reg': 5 }]) {
      const { unclean, steps } = await sweepFaults(nvmeRdma, rows, { kernel, options }, 6)
      expect(unclean).toEqual([])
      expect(steps.alloc).toBeGreaterThan(0)
      expect(steps.map).toBeGreaterThan(0)
    }
  })

  it('a request without memory or mapping is issued again', async () => {
    const { faults } = await sweepFaults(nvmeRdma, [vector('read', [[A, 300 * P]])], { kernel: '6.12' })
    const results = (kinds: readonly string[]) =>
      faults.filter(({ fault }) => kinds.includes(fault)).flatMap((fault) => fault.results)
    expect(new Set(results(['alloc', 'map', 'limit', 'complete']))).toEqual(new Set([300 * P]))
    const again = await replayRows(nvmeRdma, [vector('read', [[A, 8 * P]])], {
      kernel: '6.12',
      inject: { fault: 'map', at: 2 },
    })
    expect(again.report.counters).toMatchObject({ requeues: 1, requests: 1 })
    expect(again.lane.io.dma).toMatchObject({ maps: 3, mappedEntries: 1 + 1 + 8, openEntries: 0 })
  })

  it('memory that cannot be had: the bios before it are waited for', async () => {
    const hole: TestRow = { event: 'map', segs: text([[A + M, P]]), backing: 'anon', flags: 'prot_none' }
    const done = await on('6.12', [hole, vector('read', [[A, 2 * M]])])
    expect(done.results).toEqual([EFAULT])
    expectNothingLeft(done)
  })

  it('an MR that cannot show all of a request is an error that no retry mends', async () => {
    // A boundary of 4 KiB leaves no gap, so this takes a page list without room: 2 pages, and 3 to show.
    const done = await on('6.12', [bvecs('read', [[512, 2 * P]])], { 'max-fast-reg': 2, 'logical-block-size': 8192 })
    expect(done.results).toEqual([EIO])
    expect(done.report.counters).toMatchObject({ mrShort: 1, requeues: 0 })
    expectNothingLeft(done)
  })
})

describe('ownership', () => {
  it.each(ALL)('bios hold the pages of %s', async (kernel) => {
    const shapes = [
      { row: { op: 'write' }, bytes: 3 * P },
      { row: { op: 'read' }, bytes: 3 * P },
    ] as const
    const cell = (type: 'ubuf' | 'iovec' | 'bvec' | 'kvec' | 'xarray' | 'folioq') =>
      ownershipCell(nvmeRdma, kernel, type, shapes)
    const isOld = kernel === '6.1'
    const held = isOld ? 'ref' : 'pin'
    expect([await cell('ubuf'), await cell('iovec'), await cell('bvec')]).toEqual([held, held, 'bare'])
    expect([await cell('kvec'), await cell('xarray'), await cell('folioq')]).toEqual(
      isOld ? ['-EFAULT', 'ref', 'n/a'] : ['bare', 'bare', 'bare'],
    )
  })
})
