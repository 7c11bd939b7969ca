import { EIO, type KernelVersion } from '@pinscope/core'
import { ownershipCell, type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { srp } from '../src/block-mr/definition.ts'
import { expectNothingLeft, requests, type Segments, vector } from './support/block-rows.ts'

// drivers/infiniband/ulp/srp/ib_srp.c: srp_map_data, with the block layer above it. Sizes: bio_vec 16, scatterlist 32,
// ib_sge 16, page list 8, element of a list with gaps 16, srp_direct_buf 16.

const A = 0x7f0000000000
const B = 0x7f1000000000
const P = 4096
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const RXE = 1
const IRDMA = 3

const bvec = (op: 'read' | 'write', offset: number, length: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'bvec',
  segs: `4096:${offset}+${length}`,
  ...more,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions['options'] = {}) =>
  replayRows(srp, rows, { kernel, options })

/** Three vectors, with gaps between all of them. */
const GAPS: Segments = [
  [A + 512, 512],
  [B, 1024],
  [A + 0x10000, P],
]

describe('srp_map_data', () => {
  it.each(ALL)('64 pages on %s: requests of 12 elements, each one MR and one descriptor', async (kernel) => {
    const done = await on(kernel, [vector('read', [[A, 64 * P]])], { device: IRDMA })
    expect(requests(done).map((list) => list.length)).toEqual([12, 12, 12, 12, 12, 4])
    expect(done.report.counters).toMatchObject({ bios: 1, requests: 6, limitSplits: 5, directRequests: 6, mrs: 6 })
    expect(done.report.counters).toMatchObject({ mrPages: 64, descriptors: 6, tableMrs: 0, sgChunks: 6, sges: 6 })
    // 11 or 3 elements behind the first: pools of 16 and 8. No command is mapped: it was when it was allocated.
    expect(done.report.allocations).toMatchObject({ made: 6, bytes: 5 * 16 * 32 + 8 * 32 })
    expect(done.lane.io.dma).toMatchObject({ maps: 6, mappedEntries: 64, unmappedEntries: 64 })
    expect(done.report.entries.bytes).toBe(64 * (16 + 32 + 8) + 6 * (16 + 16))
    expectNothingLeft(done)
  })

  it.each(ALL)('gaps on %s: a request each, or one where MRs can have gaps', async (kernel) => {
    const split = await on(kernel, [vector('read', GAPS)], { device: RXE })
    expect(requests(split)).toEqual([[[512, 512]], [[0, 1024]], [[0, P]]])
    expect(split.report.counters).toMatchObject({ gapSplits: 2, mrs: 3, mrPages: 3, directRequests: 3 })
    const whole = await on(kernel, [vector('read', GAPS)])
    expect(requests(whole)).toEqual([
      [
        [512, 512],
        [0, 1024],
        [0, P],
      ],
    ])
    expect(whole.report.counters).toMatchObject({ gapSplits: 0, mrs: 1, mrPages: 3, directRequests: 1 })
    // An element with gaps has a length: 16 bytes.
    expect(whole.report.entries.bytes).toBe(3 * (16 + 32 + 16) + 16 + 16)
    expectNothingLeft(split)
    expectNothingLeft(whole)
  })

  it('small writes go with the command: up to 2 elements and 8 KiB', async () => {
    const rows = [
      vector('write', [[A, 2 * P]]),
      vector('write', [[A + 512, 2 * P]]),
      vector('write', [[A, 3 * P]]),
      vector('read', [[A, P]]),
    ]
    const done = await on('6.12', rows)
    expect(done.report.counters).toMatchObject({ immediateRequests: 1, directRequests: 3, sges: 3 + 1 + 1 + 1 })
    const none = await on('6.12', rows, { 'imm-data': 0 })
    expect(none.report.counters).toMatchObject({ immediateRequests: 0, directRequests: 4 })
  })

  it('several MRs: a descriptor each, and one more MR for their table', async () => {
    const done = await on('6.12', [vector('read', [[A, 12 * P]])], { device: RXE, 'max-fast-reg': 4 })
    expect(done.report.counters).toMatchObject({
      requests: 1,
      indirectRequests: 1,
      descriptors: 3,
      mrs: 4,
      tableMrs: 1,
    })
    expect(done.report.counters).toMatchObject({ mrPages: 12 + 1 })
    expectNothingLeft(done)
  })

  it('an element that an MR cannot take whole goes on in the next one, its last page listed again', async () => {
    const done = await on('6.12', [bvec('read', 0, 16 * P)], { device: RXE, 'max-fast-reg': 5 })
    // Five pages are listed, but the region ends where the fifth begins: 5 for 4, three times, and the last 4.
    expect(done.report.counters).toMatchObject({ descriptors: 4, mrs: 5, mrPages: 5 + 5 + 5 + 4 + 1 })
    expectNothingLeft(done)
  })

  it('register_always=0: a single element, and the last one left over, need no MR; a table neither', async () => {
    const options = { device: RXE, 'max-fast-reg': 4, 'register-always': 0 }
    const done = await on('6.12', [vector('read', [[A, P]]), vector('read', [[A, 9 * P]])], options)
    expect(done.report.counters).toMatchObject({ directRequests: 1, indirectRequests: 1, descriptors: 1 + 3, mrs: 2 })
    expect(done.report.counters).toMatchObject({ mrPages: 8, tableMrs: 0 })
  })

  it('more elements in a request, and no more bytes than 1024 sectors', async () => {
    const options = { device: IRDMA, 'indirect-sg-entries': 2048 }
    const done = await on('6.12', [vector('read', [[A, 200 * P]])], options)
    expect(requests(done).map((list) => list.length)).toEqual([128, 72])
    expect(done.report.counters).toMatchObject({ limitSplits: 1, directRequests: 2, mrPages: 200 })
  })

  it.each(ALL)('a segment is as long as the device says on %s, with a boundary only in 6.12', async (kernel) => {
    const options = { 'max-segment': 4 * P }
    const gaps = await on(kernel, [bvec('read', 0, 16 * P)], options)
    expect(requests(gaps)).toEqual([[0, 4, 8, 12].map((page) => [page * P, 4 * P])])
    const pages = await on(kernel, [bvec('read', 0, 16 * P)], { ...options, device: IRDMA })
    expect(requests(pages)).toEqual(kernel === '6.12' ? requests(gaps) : [[[0, 16 * P]]])
    expect(pages.report.counters).toMatchObject({ mrPages: 16, mrs: 1 })
  })

  it('more descriptors than a command holds is an error', async () => {
    const options = { device: RXE, 'max-fast-reg': 5, 'cmd-sg-entries': 3 }
    const done = await on('6.12', [bvec('read', 0, 16 * P)], options)
    expect(done.results).toEqual([EIO])
    // The SCSI layer tries five times more.
    expect(done.report.counters).toMatchObject({ requests: 0, requeues: 5, indirectRequests: 0 })
    expectNothingLeft(done)
  })

  it('pages of an MR are the smallest that the device has, but no less than 4 KiB', async () => {
    // 16 KiB and more: what begins or ends inside 16 KiB is a gap.
    const options = { device: IRDMA, 'page-size-bitmap': 16384 + 2 ** 21 }
    const done = await on('6.12', [vector('read', [[A, 2 * P]]), bvec('read', 0, 8 * P)], options)
    expect(requests(done).map((list) => list.length)).toEqual([1, 1, 1])
    expect(done.report.counters).toMatchObject({ gapSplits: 1, mrPages: 1 + 1 + 2 })
  })
})

describe('faults', () => {
  const rows = [
    vector('read', [[A + 512, 40 * P]], { end: 9 }),
    vector('write', GAPS, { end: 9 }),
    vector('write', [[A, P]], { end: 9 }),
    bvec('read', 512, 8 * P, { end: 9 }),
  ]

  it.each(ALL)('whatever step fails on %s, nothing is left', async (kernel) => {
    for (const options of [{}, { device: RXE }, { device: RXE, 'max-fast-reg': 4 }, { 'register-always': 0 }]) {
      const { unclean, steps } = await sweepFaults(srp, rows, { kernel, options }, 6)
      expect(unclean).toEqual([])
      expect(steps.alloc).toBeGreaterThan(0)
      expect(steps.map).toBeGreaterThan(0)
    }
  })

  it('a request that needs more MRs than a command may have is queued again', async () => {
    const { faults } = await sweepFaults(srp, [vector('read', [[A, 12 * P]])], { kernel: '6.12' })
    const results = faults.filter(({ fault }) => fault === 'limit').map((fault) => fault.results)
    // The tag, then the MR.
    expect(results).toEqual([[12 * P], [12 * P]])
    const done = await replayRows(srp, [vector('read', [[A, 12 * P]])], {
      kernel: '6.12',
      inject: { fault: 'limit', at: 2 },
    })
    expect(done.report.counters).toMatchObject({ noMrs: 1, requeues: 1, requests: 1, mrs: 1 })
  })
})

describe('ownership', () => {
  it.each(ALL)('bios hold the pages of %s', async (kernel) => {
    const shapes = [
      { row: { op: 'write' }, bytes: 3 * P },
      { row: { op: 'read' }, bytes: 3 * P },
    ] as const
    const cell = (type: 'ubuf' | 'iovec' | 'bvec') => ownershipCell(srp, kernel, type, shapes)
    const held = kernel === '6.1' ? 'ref' : 'pin'
    expect([await cell('ubuf'), await cell('iovec'), await cell('bvec')]).toEqual([held, held, 'bare'])
  })
})
