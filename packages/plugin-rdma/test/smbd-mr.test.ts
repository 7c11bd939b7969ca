import { EAGAIN, EIO, KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { ownershipCell, type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { smbdMr } from '../src/smbd-mr/definition.ts'
import { bvec, cached, folioq, hex, onPageLists, REGIONS, RXE, user } from './support/mr-rows.ts'

// smbd-mr: the worked examples MR1 to MR4, C3, C4, C6, what a page list cannot show, limits, faults, and how requests end.

const A = 0x7f0000000000
const P = 4096
const K = 1024
const M = 1024 * K

/** Values of the option `device`. */
const MLX5 = 0
const SIW = 2

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(smbdMr, rows, onPageLists({ kernel, ...options }))

/** [offset, length] of the entries of a list, pages left out. */
const shape = (list: { entries: readonly { offsetBytes: number; lengthBytes: number }[] } | undefined) =>
  list?.entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])

const NEWER = ['6.12', '6.18', 'mainline'] as const

describe('MR1: a bvec that begins and ends inside pages', () => {
  const row = bvec('16:512+3584;48:0+4096;80:0+837')

  it.each(NEWER)('%s: three entries, three pages, nothing taken', async (kernel) => {
    const { report, results, lists, lane } = await on(kernel, [row])
    expect(results).toEqual([8517])
    expect(shape(lists[0])).toEqual([
      [512, 3584],
      [0, 4096],
      [0, 837],
    ])
    expect(report.counters).toMatchObject({ requests: 1, mrs: 1, sgEntries: 3, mrPages: 3, bvecs: 0 })
    expect(report.entries).toMatchObject({ built: 6, bytes: 3 * 32 + 3 * 8 })
    expect([report.pins.acquired, report.refs.acquired]).toEqual([0, 0])
    expect(report.dma).toEqual({ maps: 1, mappedEntries: 3, unmappedEntries: 3, openEntries: 0, peakEntries: 3 })
    expect(report.data.zeroCopyBytes).toBe(8517)
    expect(lane.io.allocations.openBytes).toBe(0)
  })

  it('a region of mlx5 is an element an entry', async () => {
    const { report } = await on('6.12', [row], { options: { device: MLX5 } })
    expect(report.counters).toMatchObject({ mrs: 1, sgEntries: 3, mrPages: 3 })
    expect(report.entries).toMatchObject({ built: 6, bytes: 3 * 32 + 3 * 16 })
  })
})

describe('MR2: a short entry in the middle', () => {
  const row = bvec('16:512+3584;48:0+2048;80:0+837')

  it.each(NEWER)('%s: -EAGAIN, everything unmapped, the connection given up', async (kernel) => {
    const { report, results, lane } = await on(kernel, [row, bvec('16:0+4096')])
    expect(results).toEqual([EAGAIN, 4096])
    expect(report.counters).toMatchObject({ mrs: 1, mrErrors: 1, sgEntries: 4, mrPages: 1 })
    expect(report.dma).toMatchObject({ maps: 2, mappedEntries: 4, unmappedEntries: 4, openEntries: 0 })
    // The regions of both connections.
    expect(report.allocations).toBeUndefined()
    expect(lane.io.allocations.openBytes).toBe(0)
    expect(report.violationsTotal).toBe(0)
  })

  it('a region that takes gaps takes it', async () => {
    const { results, report } = await on('6.12', [row], { options: { device: MLX5 } })
    expect(results).toEqual([6469])
    expect(report.counters).toMatchObject({ mrs: 1, mrErrors: 0, mrPages: 3 })
  })

  it('6.1: two arrays of pages, a region each', async () => {
    const { results, report, lists } = await on('6.1', [row])
    expect(results).toEqual([6469])
    expect(lists.map(shape)).toEqual([
      [
        [512, 3584],
        [0, 2048],
      ],
      [[0, 837]],
    ])
    expect(report.counters).toMatchObject({ mrs: 2, mrErrors: 0, sgEntries: 3, mrPages: 3 })
    expect(report.dma).toMatchObject({ maps: 2, openEntries: 0 })
  })
})

describe('MR3, C4: 1 MiB of the page cache, 16 folios of 64 KiB', () => {
  const rows = [folioq(M)]

  it.each(NEWER)('%s: 16 entries, a page list of 256', async (kernel) => {
    const { report, results } = await on(kernel, rows, cached(4))
    expect(results).toEqual([M])
    expect(report.counters).toMatchObject({ requests: 1, mrs: 1, sgEntries: 16, mrPages: 256, pagePointers: 0 })
    expect(report.entries).toMatchObject({ built: 16 + 256, bytes: 16 * 32 + 256 * 8 })
    expect(report.dma).toMatchObject({ maps: 1, mappedEntries: 16 })
    // Nothing but the regions of the connection.
    expect(report.allocations).toBeUndefined()
    expect([report.pins.acquired, report.refs.acquired]).toEqual([0, 0])
    // 256 pointers and 240 entries that 6.1 makes, and its array.
    expect(report.avoided).toMatchObject({ entries: 256 + 240, allocations: 1, copyBytes: M })
  })

  it('a region of mlx5 needs 16 elements', async () => {
    const { report } = await on('6.12', rows, { ...cached(4), options: { device: MLX5 } })
    expect(report.counters).toMatchObject({ sgEntries: 16, mrPages: 16 })
    expect(report.entries.bytes).toBe(16 * 32 + 16 * 16)
  })
})

describe('MR4: 1 MiB at 0x200 of a page', () => {
  it('6.1: 257 pages referenced, the first entry 3584 bytes and the last 512', async () => {
    const { report, results, lists } = await on('6.1', [user('read', A + 0x200, M, { end: 100 })])
    expect(results).toEqual([M])
    const entries = shape(lists.find(({ list }) => list === 'scatterlist')) ?? []
    expect(entries).toHaveLength(257)
    expect([entries[0], entries[1], entries[256]]).toEqual([
      [0x200, 3584],
      [0, 4096],
      [0, 512],
    ])
    expect(report.refs).toMatchObject({ acquired: 257, released: 257, peak: 257 })
    expect(report.pins.acquired).toBe(0)
    expect(report.counters).toMatchObject({ sgEntries: 257, mrPages: 257, mrs: 1 })
  })
})

describe('C3: 1 MiB of O_DIRECT, aligned', () => {
  it.each(NEWER)('%s: 256 bvecs, 256 pins, 256 entries, a list of 256', async (kernel) => {
    const { report, results, lane } = await on(kernel, [user('write', A, M, { end: 100 })])
    expect(results).toEqual([M])
    expect(report.pins).toMatchObject({ acquired: 256, released: 256, peak: 256 })
    expect(report.counters).toMatchObject({ requests: 1, bvecs: 256, sgEntries: 256, mrPages: 256, mrs: 1 })
    expect(report.entries).toMatchObject({ built: 768, bytes: 256 * (16 + 32 + 8) })
    // The bvecs, and the regions.
    expect(report.allocations?.made).toBe(1)
    // Bvecs take the place of the pointers.
    expect(report.avoided).toMatchObject({ entries: 0, allocations: 0 })
    expect(lane.io.allocations.openBytes).toBe(0)
  })
})

describe('C6: 8 KiB of O_DIRECT at 0x200 of a page', () => {
  it.each(NEWER)('%s: three of each', async (kernel) => {
    const { report } = await on(kernel, [user('write', A + 0x200, 8 * K)])
    expect(report.pins.acquired).toBe(3)
    expect(report.counters).toMatchObject({ bvecs: 3, sgEntries: 3, mrPages: 3 })
  })
})

describe('what a region can show', () => {
  it('6.12: segments of user memory with gaps: only a region that takes them', async () => {
    const row: TestRow = { op: 'write', iter: 'iovec', segs: `${hex(A + 0x200)}+1024;${hex(A + 5 * P)}+4096` }
    expect((await on('6.12', [row])).results).toEqual([EAGAIN])
    const { results, report } = await on('6.12', [row], { options: { device: MLX5 } })
    expect(results).toEqual([5120])
    expect(report.counters).toMatchObject({ mrs: 1, mrPages: 2 })
  })

  it('pages that are adjacent in memory are one range wherever they are cut', async () => {
    const { results, report } = await on('6.12', [bvec('16:0+1000;16:1000+3096;17:0+100')])
    expect(results).toEqual([4196])
    expect(report.counters).toMatchObject({ sgEntries: 3, mrPages: 2 })
  })

  it('6.12: a kvec page by page, an xarray folio by folio', async () => {
    const kvec: TestRow = { op: 'read', iter: 'kvec', segs: `${hex(0x888000000f00)}+4608` }
    const one = await on('6.12', [kvec])
    expect(one.results).toEqual([4608])
    expect(shape(one.lists[0])).toEqual([
      [0xf00, 0x100],
      [0, 4096],
      [0, 0x100],
    ])
    const xarray: TestRow = { op: 'read', iter: 'xarray', segs: `data:${5 * P}+${4 * P}` }
    const quirks = [{ name: 'sg-xarray-start', on: false }] as const
    const two = await on('6.12', [xarray], { ...cached(2), quirks })
    expect(two.results).toEqual([4 * P])
    expect(shape(two.lists[0])).toEqual([
      [P, 3 * P],
      [0, P],
    ])
    expect(two.report.counters).toMatchObject({ sgEntries: 2, mrPages: 4 })
  })
})

describe('limits', () => {
  it('rxe: 512 pages are 2 MiB; the pages of one request more are refused, with nothing taken', async () => {
    const aligned = await on('6.12', [bvec(`4096:0+${4 * M}`)])
    expect(aligned.results).toEqual([4 * M])
    expect(aligned.report.counters).toMatchObject({ requests: 2, mrs: 2, mrPages: 1024 })
    // One bvec of 2 MiB that begins inside a page has 513 of them.
    const unaligned = await on('6.12', [bvec(`4096:512+${2 * M}`)])
    expect(unaligned.results).toEqual([EAGAIN])
    expect(unaligned.report.counters).toMatchObject({ requests: 1, mrs: 0, sgEntries: 0, refused: 1, mrErrors: 0 })
    expect(unaligned.report.dma).toBeUndefined()
    expect(unaligned.report.entries.limitHits).toBe(1)
  })

  it('siw: 256 pages', async () => {
    const { report, results } = await on('6.12', [bvec(`4096:0+${2 * M}`)], { options: { device: SIW } })
    expect(results).toEqual([2 * M])
    expect(report.counters).toMatchObject({ requests: 2, mrs: 2, mrPages: 512 })
  })

  it('a scatterlist of 2048 entries with each region of mlx5', async () => {
    const { report } = await on('6.12', [bvec('16:0+4096')], { options: { device: MLX5 } })
    expect(report.counters.regionBytes).toBe(REGIONS * (168 + 2048 * 16 + 2048 * 32))
  })

  it('more requests than regions: the others wait, and go on', async () => {
    const rows = Array.from({ length: 6 }, (_, i) => bvec(`${16 * (i + 1)}:0+4096`, { end: 1000 + i }))
    const { report, results, lane } = await on('6.12', rows, { options: { 'responder-resources': 2 } })
    expect(results).toEqual(Array(6).fill(4096))
    expect(report.counters).toMatchObject({ mrs: 6, mrWaits: 2 })
    expect(report.dma).toMatchObject({ peakEntries: 6, openEntries: 0 })
    expect(lane.io.allocations.openBytes).toBe(0)
  })

  it('a region is given back at the answer, and used again', async () => {
    const rows = Array.from({ length: 6 }, (_, i) => bvec(`${16 * (i + 1)}:0+4096`, { ts: 10 * i, end: 10 * i + 5 }))
    const { report } = await on('6.12', rows, { options: { 'responder-resources': 1 } })
    expect(report.counters).toMatchObject({ mrs: 6, mrWaits: 0 })
    expect(report.dma?.peakEntries).toBe(1)
  })

  it('SMB 3.0: each region is invalidated by this side', async () => {
    const { report } = await on('6.12', [bvec('16:0+4096')], { options: { 'local-invalidate': 1 } })
    expect(report.counters).toMatchObject({ localInvalidations: 1 })
    const remote = await on('6.12', [bvec('16:0+4096')])
    expect(remote.report.counters).toMatchObject({ localInvalidations: 0 })
  })
})

describe('H5: user memory given to the transport itself', () => {
  const options = { 'transport-only': 1 }

  it.each(NEWER)('%s: pinned, and nobody unpins it', async (kernel) => {
    const { report, results } = await on(kernel, [bvec('16:0+4096'), user('write', A, 3 * P, { end: 50 })], { options })
    expect(results).toEqual([4096, 3 * P])
    expect(report.pins).toMatchObject({ acquired: 3, released: 0, open: 3 })
    expect(report.leaks).toMatchObject([{ row: 2, retention: 'pin', pages: 3 }])
    expect(report.dma?.openEntries).toBe(0)
  })

  it('a page that cannot be had: what was pinned is let go, and the connection given up', async () => {
    const inject = { fault: 'page', at: 3 } as const
    const { report, results } = await on('6.12', [user('write', A, 4 * P)], { options, inject })
    expect(results).toEqual([EAGAIN])
    expect(report.pins).toMatchObject({ acquired: 2, open: 0 })
    expect(report.counters).toMatchObject({ mrErrors: 1, sgEntries: 0 })
  })

  it('6.1: no iterator can be given to it, only pages', async () => {
    const { report, results } = await on('6.1', [user('write', A, 3 * P)], { options })
    expect(results).toEqual([EIO])
    expect(report.refs.acquired).toBe(0)
  })
})

describe('ownership', () => {
  const shapes = [
    { row: { op: 'write' }, bytes: 8 * K },
    { row: { op: 'read' }, bytes: 8 * K },
  ] as const

  it('transport alone: what smbd_register_mr takes on each type', async () => {
    const options = { 'transport-only': 1, device: RXE }
    const cell = (kernel: KernelVersion, type: Parameters<typeof ownershipCell>[2]) =>
      ownershipCell(
        smbdMr,
        kernel,
        type,
        shapes.map((one) => ({ ...one, options })),
      )
    for (const kernel of NEWER) {
      expect(await cell(kernel, 'ubuf')).toBe('pin')
      expect(await cell(kernel, 'iovec')).toBe('pin')
      for (const type of ['bvec', 'kvec', 'xarray', 'folioq'] as const) expect(await cell(kernel, type)).toBe('bare')
    }
    expect(await cell('6.1', 'bvec')).toBe('bare')
    expect(await cell('6.1', 'ubuf')).toBe('-EIO')
  })

  it('behind cifs: user memory is held by cifs', async () => {
    const options = { device: RXE }
    const cell = (kernel: KernelVersion, type: Parameters<typeof ownershipCell>[2]) =>
      ownershipCell(
        smbdMr,
        kernel,
        type,
        shapes.map((one) => ({ ...one, options })),
      )
    expect(await cell('6.12', 'ubuf')).toBe('pin')
    expect(await cell('6.1', 'ubuf')).toBe('ref')
    expect(await cell('6.12', 'folioq')).toBe('bare')
  })
})

describe('faults', () => {
  const rows = [
    user('read', A + 0x200, 3 * P, { end: 10 }),
    { op: 'read', iter: 'kvec', segs: `${hex(0x888000000f00)}+8192`, end: 20 },
    { op: 'read', iter: 'xarray', segs: 'data:0+8192', end: 30 },
    bvec('16:512+3584;48:0+4096', { op: 'read', end: 40 }),
    user('read', A + M, 2 * P, { end: 45 }),
  ] as const

  it.each(KERNEL_VERSIONS)('%s: a read leaves nothing, whatever fails', async (kernel) => {
    const options = { device: RXE, 'responder-resources': 2 }
    const sweep = await sweepFaults(smbdMr, rows, { kernel, options }, 24)
    expect(sweep.unclean).toEqual([])
    expect(sweep.steps.map).toBeGreaterThan(5)
    expect(sweep.steps.alloc).toBeGreaterThanOrEqual(2)
    expect(sweep.steps.limit).toBeGreaterThanOrEqual(10)
  })

  it('what cannot be mapped gives the connection up', async () => {
    const inject = { fault: 'map', at: 1 } as const
    const { results, report } = await on('6.12', [bvec('16:0+4096'), bvec('32:0+4096')], { inject })
    expect(results).toEqual([EAGAIN, 4096])
    expect(report.counters).toMatchObject({ mrErrors: 1, mrs: 1 })
    expect(report.dma).toMatchObject({ mappedEntries: 1, openEntries: 0 })
  })
})

describe('a registered write whose request cannot be sent', () => {
  it.each(KERNEL_VERSIONS)('%s: nothing else of a write is left, whatever fails', async (kernel) => {
    const rows = [
      user('write', A + 0x200, 3 * P, { end: 10 }),
      bvec('16:512+3584;48:0+4096', { end: 40 }),
      user('write', A + M, 2 * P, { end: 45 }),
    ]
    const options = { device: RXE, 'responder-resources': 2 }
    const { unclean } = await sweepFaults(smbdMr, rows, { kernel, options }, 24)
    const seen = unclean.map(({ fault, mappedEntries, violations }) => [fault, mappedEntries, violations])
    // Each write maps its memory, and then the two entries of the packet that names it.
    const lost = (entries: number) => ['map', entries, kernel === '6.12' ? ['dma-map-leak'] : []]
    if (kernel === '6.1') expect(seen).toEqual([])
    else if (kernel === '6.12') expect(seen).toEqual([lost(4), lost(4), lost(2), lost(2), lost(2), lost(2)])
    // What is lost is unmapped with the connection; its struct is not freed, which `lostMrs` tells.
    else expect(seen).toEqual([])
  })

  const write = bvec('16:0+8192', { end: 10 })
  const options = { 'smb-header': 112, 'responder-resources': 2 }
  const inject = { fault: 'map', at: 2 } as const

  it('6.1: its region is given back', async () => {
    const { report, results, lane } = await on('6.1', [write], { options, inject })
    expect(results[0]).toBeLessThan(0)
    expect(report.counters).toMatchObject({ lostMrs: 0 })
    expect(report.dma?.openEntries).toBe(0)
    expect(lane.io.allocations.openBytes).toBe(0)
  })

  it('6.12: it stays mapped for good, and the connection cannot end', async () => {
    const { report } = await on('6.12', [write], { options, inject })
    expect(report.counters).toMatchObject({ lostMrs: 1 })
    expect(report.dma?.openEntries).toBe(1)
    expect(report.violations).toMatchObject([{ rule: 'dma-map-leak', row: 1, pages: 1 }])
  })

  it.each(['6.18', 'mainline'] as const)('%s: it is unmapped with the connection, its struct stays', async (kernel) => {
    const { report } = await on(kernel, [write], { options, inject })
    expect(report.counters).toMatchObject({ lostMrs: 1 })
    expect(report.dma?.openEntries).toBe(0)
    expect(report.violationsTotal).toBe(0)
  })

  it.each(NEWER)('%s: a read is not lost, nor a write without the quirk', async (kernel) => {
    const read = await on(kernel, [{ ...write, op: 'read' }], { options, inject })
    expect(read.report.counters).toMatchObject({ lostMrs: 0 })
    const quirks = [{ name: 'smbd-write-mr-lost', on: false }] as const
    const mended = await on(kernel, [write], { options, inject, quirks })
    expect(mended.report.counters).toMatchObject({ lostMrs: 0 })
    expect(mended.lane.io.allocations.openBytes).toBe(0)
  })
})
