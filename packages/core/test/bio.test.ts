import { describe, expect, it } from 'vitest'
import type { ReplayOptions } from '../src/replay/replay-options.ts'
import { laneOf } from './support/replay-rows.ts'
import type { RowSpec } from './support/rows.ts'

// The worked examples P1 … P13 of the block layer's bio filling: what the kernel code gives for each buffer.

const BASE = 0x7f0000000000
const K = 1024
const M = K * K

function map(length: number, backing: NonNullable<RowSpec['backing']>, order?: number): RowSpec {
  return { event: 'map', segs: [[BASE, length]], backing, ...(order === undefined ? {} : { order }) }
}

async function read(kernel: string, rows: readonly RowSpec[], options: Record<string, number> = {}) {
  const given: Partial<ReplayOptions> = { kernel, consumerOptions: { bio: options } }
  const lane = await laneOf(rows, given)
  return { pins: [lane.pins.acquired, lane.pins.released], ...lane.counters, lane }
}

describe('bio_iov_iter_get_pages', () => {
  it('P1: 16K in four scattered pages: a bvec and a pin each', async () => {
    for (const kernel of ['6.12', '6.18', 'mainline']) {
      const got = await read(kernel, [map(16 * K, 'anon'), { segs: [[BASE, 16 * K]], op: 'read' }])
      expect(got, kernel).toMatchObject({ pins: [4, 4], bios: 1, bvecs: 4, mergedDuplicates: 0 })
    }
  })

  it('P1 on 6.1: references, not pins', async () => {
    const { lane } = await read('6.1', [map(16 * K, 'anon'), { segs: [[BASE, 16 * K]] }])
    expect(lane.policy).toBe('get-pages')
    expect(lane.pins.acquired).toBe(0)
    expect(lane.refs).toMatchObject({ acquired: 4, released: 4, open: 0, peak: 4 })
  })

  it('P2: four small pages physically adjacent: one bvec up to 6.18, four in mainline', async () => {
    const rows: RowSpec[] = [
      { iter: 'bvec', segs: [[500, 0, 4 * 4096]], event: 'pin', id: 'a' },
      { event: 'unpin', id: 'a' },
    ]
    const lane = await laneOf(rows)
    expect(lane.pins).toMatchObject({ acquired: 4, released: 4 })
  })

  it('P3: one 16K folio: one bvec, four pins', async () => {
    for (const kernel of ['6.12', '6.18', 'mainline']) {
      const got = await read(kernel, [map(16 * K, 'anon', 2), { segs: [[BASE, 16 * K]] }])
      expect(got, kernel).toMatchObject({ pins: [4, 4], bios: 1, bvecs: 1 })
    }
  })

  it('P4: 8K at offset 0x200: three pages', async () => {
    for (const kernel of ['6.12', '6.18', 'mainline']) {
      const got = await read(kernel, [map(16 * K, 'anon'), { segs: [[BASE + 0x200, 8 * K]] }])
      expect(got, kernel).toMatchObject({ pins: [3, 3], bvecs: 3 })
    }
  })

  it('P5: two adjacent segments in one page: merged, and one pin dropped at once, but not in mainline', async () => {
    const rows: RowSpec[] = [
      map(16 * K, 'anon'),
      {
        segs: [
          [BASE, 512],
          [BASE + 512, 512],
        ],
        end: 1e6,
      },
    ]
    for (const kernel of ['6.12', '6.18']) {
      const got = await read(kernel, rows)
      expect(got, kernel).toMatchObject({ pins: [2, 2], bvecs: 1, mergedDuplicates: 1 })
    }
    expect(await read('mainline', rows)).toMatchObject({ pins: [2, 2], bvecs: 2, mergedDuplicates: 0 })
  })

  it('P6: two segments in one page with a gap: two bvecs, the page pinned twice', async () => {
    const rows: RowSpec[] = [
      map(16 * K, 'anon'),
      {
        segs: [
          [BASE, 512],
          [BASE + 1024, 512],
        ],
      },
    ]
    for (const kernel of ['6.12', '6.18', 'mainline']) {
      expect(await read(kernel, rows), kernel).toMatchObject({ pins: [2, 2], bvecs: 2, mergedDuplicates: 0 })
    }
  })

  it('P8: 1 MiB at offset 0x200, 257 pages: a bio of 256 bvecs and one of 1', async () => {
    const rows: RowSpec[] = [map(2 * M, 'anon'), { segs: [[BASE + 0x200, M]] }]
    for (const kernel of ['6.12', '6.18', 'mainline']) {
      expect(await read(kernel, rows), kernel).toMatchObject({ pins: [257, 257], bios: 2, bvecs: 257 })
    }
  })

  it('P9: the same with blocks of 4096: the page at the cut is pinned by both bios', async () => {
    const rows: RowSpec[] = [map(2 * M, 'anon'), { segs: [[BASE + 0x200, M]] }]
    for (const kernel of ['6.12', '6.18', 'mainline']) {
      const got = await read(kernel, rows, { 'logical-block-size': 4096 })
      expect(got, kernel).toMatchObject({ pins: [258, 258], bios: 2, trimmedBytes: 4096 - 512 })
    }
  })

  it('P10: 4 MiB in two 2 MiB folios that are physically apart: two bvecs in one bio, 1024 pins', async () => {
    const rows: RowSpec[] = [map(4 * M, 'thp'), { segs: [[BASE, 4 * M]] }]
    expect(await read('6.12', rows)).toMatchObject({ pins: [1024, 1024], bios: 1, bvecs: 2 })
    expect(await read('6.18', rows)).toMatchObject({ pins: [1024, 1024], bios: 1, bvecs: 2 })
  })

  it('P10 in mainline: one bio, a bvec for each call and folio', async () => {
    const rows: RowSpec[] = [map(4 * M, 'thp'), { segs: [[BASE, 4 * M]] }]
    expect(await read('mainline', rows)).toMatchObject({ pins: [1024, 1024], bios: 1, bvecs: 6 })
  })

  it('P11: 4 MiB of scattered pages: four bios of 256 pages', async () => {
    const rows: RowSpec[] = [map(4 * M, 'anon'), { segs: [[BASE, 4 * M]] }]
    for (const kernel of ['6.12', '6.18', 'mainline']) {
      expect(await read(kernel, rows), kernel).toMatchObject({ pins: [1024, 1024], bios: 4, bvecs: 1024 })
    }
  })

  it('P12: 80K of one folio, blocks of 64K: the tail cannot be sent', async () => {
    const rows: RowSpec[] = [map(2 * M, 'thp'), { segs: [[BASE, 80 * K]], len: 80 * K, offset: 0 }]
    // The length is no whole number of blocks: refused before a page is taken.
    const gated = await read('6.12', rows, { 'logical-block-size': 65536 })
    expect(gated).toMatchObject({ pins: [0, 0] })
    expect(gated.lane.errors).toBe(1)
  })

  it('P13: the same page twice: two bvecs, pinned twice', async () => {
    const rows: RowSpec[] = [
      map(16 * K, 'anon'),
      {
        segs: [
          [BASE, 4096],
          [BASE, 4096],
        ],
      },
    ]
    for (const kernel of ['6.12', '6.18', 'mainline']) {
      expect(await read(kernel, rows), kernel).toMatchObject({ pins: [2, 2], bvecs: 2 })
    }
  })
})
