import { EAGAIN, KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { iterToMr, smbdMr } from '../src/smbd-mr/definition.ts'
import { bvec, cached, folioq, hex, onPageLists, REGIONS, RXE, user } from './support/mr-rows.ts'

// iter-to-mr: what the proposal saves against smbd-mr (the column "ideal" of C3, C4, C6), and that it registers the same.

const A = 0x7f0000000000
const P = 4096
const K = 1024
const M = 1024 * K

/** Values of the option `device`. */
const MLX5 = 0
const settings = (kernel: KernelVersion, options: RowsOptions) => onPageLists({ kernel, ...options })
const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(iterToMr, rows, settings(kernel, options))

const NEWER = ['6.12', '6.18', 'mainline'] as const

describe('against smbd-mr', () => {
  it.each(NEWER)('C3, %s: 1 MiB of O_DIRECT: the 256 entries of the scatterlist', async (kernel) => {
    const { report, lane } = await on(kernel, [user('write', A, M, { end: 100 })])
    expect(report.pins).toMatchObject({ acquired: 256, released: 256 })
    expect(report.counters).toMatchObject({ bvecs: 256, sgEntries: 0, mrs: 1, mrPages: 256 })
    expect(report.entries).toMatchObject({ built: 512, bytes: 256 * (16 + 8) })
    // And the scatterlist of each region.
    expect(report.avoided).toMatchObject({ entries: 256, allocations: 0 })
    expect(report.allocations?.made).toBe(1)
    expect(report.dma).toEqual({
      maps: 256,
      mappedEntries: 256,
      unmappedEntries: 256,
      openEntries: 0,
      peakEntries: 256,
    })
    expect(lane.io.allocations.openBytes).toBe(0)
  })

  it.each(NEWER)('C4, %s: 1 MiB in folios of 64 KiB: another 16', async (kernel) => {
    const { report } = await on(kernel, [folioq(M)], cached(4))
    expect(report.counters).toMatchObject({ sgEntries: 0, mrs: 1, mrPages: 256 })
    expect(report.entries).toMatchObject({ built: 256, bytes: 256 * 8 })
    expect(report.avoided).toMatchObject({ entries: 16, allocations: 0 })
    expect(report.allocations).toBeUndefined()
    expect(report.counters.regionBytes).toBe(REGIONS * (168 + 512 * 8))
    expect(report.dma).toMatchObject({ maps: 16, openEntries: 0 })
  })

  it.each(NEWER)('C6, %s: 8 KiB of O_DIRECT at 0x200', async (kernel) => {
    const { report } = await on(kernel, [user('write', A + 0x200, 8 * K)])
    expect(report.counters).toMatchObject({ bvecs: 3, sgEntries: 0, mrPages: 3 })
    expect(report.entries.built).toBe(6)
  })

  it('a region that takes gaps: an element a piece', async () => {
    const { report } = await on('6.12', [folioq(M)], { ...cached(4), options: { device: MLX5 } })
    expect(report.entries).toMatchObject({ built: 16, bytes: 16 * 16 })
  })
})

describe('the same may be registered', () => {
  it('MR1', async () => {
    const { report, results } = await on('6.12', [bvec('16:512+3584;48:0+4096;80:0+837')])
    expect(results).toEqual([8517])
    expect(report.counters).toMatchObject({ mrs: 1, mrPages: 3 })
  })

  it('MR2: stops at the piece behind the gap, and unmaps what it had mapped', async () => {
    const row = bvec('16:512+3584;48:0+2048;80:0+837;96:0+4096')
    const { report, results } = await on('6.12', [row, bvec('16:0+4096')])
    expect(results).toEqual([EAGAIN, 4096])
    expect(report.counters).toMatchObject({ mrs: 1, mrErrors: 1 })
    expect(report.dma).toMatchObject({ maps: 4, unmappedEntries: 4, openEntries: 0 })
    expect((await on('6.12', [row], { options: { device: MLX5 } })).results).toEqual([10565])
  })

  it('more pages than a region has: refused, with nothing taken', async () => {
    const { report, results } = await on('6.12', [bvec(`4096:512+${2 * M}`)])
    expect(results).toEqual([EAGAIN])
    expect(report.counters).toMatchObject({ refused: 1, mrs: 0 })
    expect(report.dma).toBeUndefined()
  })

  it('seeded random bvecs: results, regions and pages of smbd-mr', async () => {
    const piece = fc.record({
      offset: fc.constantFrom(0, 0, 0, 512, 4096, 5000),
      length: fc.constantFrom(512, 2048, 4096, 4096, 8192, 12288, 65536),
      next: fc.constantFrom(0, 0, 1, 40),
    })
    const row = fc.record({
      op: fc.constantFrom('read', 'write'),
      pieces: fc.array(piece, { minLength: 1, maxLength: 6 }),
      device: fc.constantFrom(MLX5, RXE),
    })
    const property = fc.asyncProperty(row, async ({ op, pieces, device }) => {
      let frame = 4096
      const segs = pieces.map(({ offset, length, next }) => {
        const text = `${frame}:${offset}+${length}`
        frame += Math.ceil((offset + length) / P) + next
        return text
      })
      const rows = [{ op, iter: 'bvec', segs: segs.join(';'), end: 10 }]
      const proposal = await on('6.12', rows, { options: { device } })
      const kernel = await replayRows(smbdMr, rows, settings('6.12', { options: { device } }))
      expect(proposal.results).toEqual(kernel.results)
      for (const name of ['requests', 'mrs', 'mrPages', 'mrErrors', 'refused']) {
        expect([name, proposal.report.counters[name]]).toEqual([name, kernel.report.counters[name]])
      }
      expect(proposal.report.avoided.entries).toBe(proposal.results[0]! > 0 ? kernel.report.counters.sgEntries : 0)
      expect([proposal.lane.io.dma.openEntries, kernel.lane.io.dma.openEntries]).toEqual([0, 0])
    })
    await fc.assert(property, { seed: 5, numRuns: 150 })
  })
})

describe('faults', () => {
  const rows = [
    user('read', A + 0x200, 3 * P, { end: 10 }),
    { op: 'read', iter: 'kvec', segs: `${hex(0x888000000f00)}+8192`, end: 20 },
    bvec('16:512+3584;48:0+4096', { op: 'read', end: 40 }),
    user('read', A + M, 2 * P, { end: 45 }),
  ] as const

  it.each(KERNEL_VERSIONS)('%s: nothing is left, whatever fails', async (kernel) => {
    const options = { device: RXE, 'responder-resources': 2 }
    const sweep = await sweepFaults(iterToMr, rows, { kernel, options }, 24)
    expect(sweep.unclean).toEqual([])
    expect(sweep.steps.map).toBeGreaterThan(10)
  })

  it('user memory given to the transport itself is held until the answer, and no longer', async () => {
    const options = { 'transport-only': 1 }
    const { report } = await on('6.12', [user('write', A, 3 * P, { end: 50 })], { options })
    expect(report.pins).toMatchObject({ acquired: 3, released: 3, open: 0 })
    const inject = { fault: 'page', at: 1 } as const
    const failed = await on('6.12', [user('write', A, 3 * P)], { options, inject })
    expect(failed.results[0]).toBe(-14)
    expect(failed.report.counters).toMatchObject({ mrErrors: 0 })
    const unmapped = { fault: 'map', at: 2 } as const
    const cut = await on('6.12', [user('write', A, 3 * P)], { options, inject: unmapped })
    expect(cut.results).toEqual([EAGAIN])
    expect(cut.report.pins.open).toBe(0)
    expect(cut.report.dma).toMatchObject({ openEntries: 0 })
  })
})
