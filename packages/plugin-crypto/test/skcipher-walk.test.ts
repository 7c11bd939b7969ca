import {
  ITER_BVEC,
  ITER_DEST,
  KERNEL_VERSIONS,
  type KernelVersion,
  type Operation,
  PAGE_KINDS,
  SegmentTable,
} from '@pinscope/core'
import { type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { skcipherWalk } from '../src/skcipher-walk/consumer.ts'
import { IterList } from '../src/skcipher-walk/iter-list.ts'

// What a cipher does with a scatterlist, by the sources of 6.1.176, 6.12.117 and 7.3.4, and the examples SW1 to SW3, X1 to X4.

const P = 4096
const A = 0x7f0000000000
const KVEC = 0x100000000000
const KIND_FILE = PAGE_KINDS.indexOf('file')

function row(op: 'read' | 'write', iter: string, ...segs: readonly (readonly [number | string, number])[]): TestRow {
  const cell = segs.map(([at, length]) => `${typeof at === 'number' ? `0x${at.toString(16)}` : at}+${length}`)
  return { op, iter, segs: cell.join(';') }
}

async function walkOf(rows: TestRow | readonly TestRow[], options: RowsOptions = {}) {
  const { lane, report, lists, notes, results } = await replayRows(skcipherWalk, [rows].flat(), options)
  const entries = lists.map((list) => list.entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))
  const { made, bytes, openBytes } = lane.io.allocations
  return { ...report, lists: entries, steps: notes, results, allocations: { made, bytes, openBytes } }
}

/** The list of an iterator that is `advance` bytes along, and what was taken. */
async function listOf(kernel: KernelVersion, start: (io: Operation, table: SegmentTable) => void, advance = 0) {
  const { lane } = await replayRows(skcipherWalk, [], { kernel })
  const { io, ledger, memory } = lane
  start(io, new SegmentTable())
  io.iter.advance(advance)
  const list = new IterList(memory, ledger)
  const bytes = list.build(io)
  const { table, lists } = list
  const entries = Array.from({ length: table.nents }, (_, i) => {
    const sg = table.sgl + i
    return [lists.page[sg], lists.offsetBytes[sg], lists.lengthBytes[sg]]
  })
  const pins = ledger.entriesHeld(table.hold)
  list.drop(io)
  return { bytes, entries, pins, open: io.allocations.openBytes }
}

/** `segs`: frame, offset, length. */
function startBvec(io: Operation, table: SegmentTable, segs: readonly (readonly [number, number, number])[]): void {
  for (const [frame, offset, length] of segs) table.push(frame, offset, length)
  const bytes = segs.reduce((sum, [, , length]) => sum + length, 0)
  io.iter.reset(ITER_BVEC, ITER_DEST, table, 0, segs.length, bytes)
}

describe('the list that is walked: extract_iter_to_sg', () => {
  it.each(['6.12', '6.18', 'mainline'] as const)('X1 on %s: an entry and a pin a page', async (kernel) => {
    const { pins, lists, bare } = await walkOf(row('read', 'ubuf', [A + 0x100, 9000]), {
      kernel,
      options: { 'block-size': 1 },
    })
    expect(lists).toEqual([
      [
        [256, 3840],
        [0, 4096],
        [0, 1064],
      ],
    ])
    expect(pins).toMatchObject({ acquired: 3, released: 3, open: 0 })
    expect(bare.pages).toBe(0)
  })

  it('X1 on 6.1: the same pages, with references', async () => {
    const { pins, refs, lists } = await walkOf(row('read', 'ubuf', [A + 0x100, 9000]), {
      kernel: '6.1',
      options: { 'block-size': 1 },
    })
    expect(lists[0]).toHaveLength(3)
    expect([pins.acquired, refs.acquired, refs.open]).toEqual([0, 3, 0])
  })

  it('X2: an entry a bvec, and nothing taken', async () => {
    const list = await listOf(
      '6.12',
      (io, t) =>
        startBvec(io, t, [
          [500, 0x200, 0x2400],
          [700, 0, 100],
        ]),
      0x300,
    )
    expect(list.entries.map(([, ...rest]) => rest)).toEqual([
      [0x500, 0x2100],
      [0, 100],
    ])
    expect(list).toMatchObject({ pins: 0, bytes: 0x2164, open: 0 })
  })

  it('X2 by get_pages2: a page an entry, and a reference each', async () => {
    const list = await listOf(
      '6.1',
      (io, t) =>
        startBvec(io, t, [
          [500, 0x200, 0x2400],
          [700, 0, 100],
        ]),
      0x300,
    )
    expect(list.entries.map(([, ...rest]) => rest)).toEqual([
      [0x500, 0xb00],
      [0, 0x1000],
      [0, 0x600],
      [0, 100],
    ])
    expect(list.pins).toBe(4)
  })

  it('X3: an entry a page of a kvec', async () => {
    const { lists, pins, bare } = await walkOf(row('read', 'kvec', [KVEC + 0xf00, 0x1200]), {
      kernel: '6.12',
    })
    expect(lists).toEqual([
      [
        [0xf00, 0x100],
        [0, 0x1000],
        [0, 0x100],
      ],
    ])
    expect([pins.acquired, bare.pages]).toEqual([0, 3])
  })

  it('X4: an entry a folio', async () => {
    const heads: number[] = []
    const list = await listOf('6.12', (io) => {
      io.queue.clearAll()
      for (const order of [2, 0, 4]) {
        heads.push(io.pages.allocateFolio(order, KIND_FILE))
        io.queue.append(heads.at(-1)!, order)
      }
      io.iter.resetFolioq(ITER_DEST, io.queue, 0, 0x1000, 80000)
    })
    expect(list.entries).toEqual([
      [heads[0], 4096, 12288],
      [heads[1], 0, 4096],
      [heads[2], 0, 63616],
    ])
    expect(list.pins).toBe(0)
  })

  it('a page that cannot be had lets go of all that came before it', async () => {
    const unmapped: TestRow = {
      event: 'map',
      backing: 'anon',
      segs: `0x${(A + P).toString(16)}+${P}`,
      flags: 'prot_none',
    }
    const { results, pins } = await walkOf([unmapped, row('read', 'ubuf', [A, 3 * P])], { kernel: '6.12' })
    expect(results).toEqual([-14])
    expect(pins).toMatchObject({ acquired: 1, released: 1, open: 0 })
  })

  it('H10: with the defect of 6.12 the list ends before the data does, and so does the walk', async () => {
    const read = row('read', 'xarray', ['file:6144', 0x2000])
    const { lists, results } = await walkOf(read, { kernel: '6.12' })
    // As many entries as there are pages, each from the first one's offset on.
    expect([lists, results]).toEqual([
      [
        [
          [0x800, 0x800],
          [0x800, 0x800],
          [0x800, 0x800],
        ],
      ],
      [0x1800],
    ])
    const mended = await walkOf(read, { kernel: '6.12', quirks: [{ name: 'sg-xarray-start', on: false }] })
    expect(mended.results).toEqual([0x2000])
  })

  it.each([
    ['6.12', 'discard', -5],
    ['6.1', 'discard', -14],
    ['6.1', 'kvec', -14],
  ] as const)('%s: %s is refused with %i', async (kernel, iter, errno) => {
    const cells = iter === 'kvec' ? row('read', 'kvec', [KVEC, P]) : { op: 'read', iter, len: P }
    const { results, allocations } = await walkOf(cells, { kernel })
    expect([results, allocations.openBytes]).toEqual([[errno], 0])
  })
})

describe('skcipher_walk', () => {
  it.each(KERNEL_VERSIONS)('SW1 on %s: in place and aligned, nothing is copied', async (kernel) => {
    const { counters, data, steps } = await walkOf(row('read', 'ubuf', [A + 256, 3840 + 256]), {
      kernel,
      options: { alignmask: 15 },
    })
    expect(steps).toEqual(['FAST: 3840 of 3840 bytes', 'FAST: 256 of 256 bytes'])
    expect(counters).toMatchObject({ walks: 1, fastSteps: 2, slowSteps: 0, copySteps: 0 })
    expect(data).toEqual({ zeroCopyBytes: 4096, copiedBytes: 0 })
  })

  it.each(KERNEL_VERSIONS)('SW2 on %s: the block across two entries is gathered', async (kernel) => {
    const { counters, data, steps, allocations } = await walkOf(row('read', 'ubuf', [A + 8, P]), { kernel })
    expect(steps).toEqual(['FAST: 4080 of 4088 bytes', 'SLOW: 16 of 16 bytes'])
    expect(data).toEqual({ zeroCopyBytes: 4080, copiedBytes: 32 })
    expect(counters).toMatchObject({ slowBuffers: 1, bouncePages: 0 })
    // The list of two entries, and a buffer for the block.
    expect(allocations).toMatchObject({ made: 2, openBytes: 0 })
  })

  // 16, and up to 6.12 (16 - 1) & ~7 more, lest it straddle a page.
  it.each([
    ['6.1', 24],
    ['6.12', 24],
    ['6.18', 16],
    ['mainline', 16],
  ] as const)('%s: the buffer of a slow step has %i bytes', async (kernel, bytes) => {
    const { allocations } = await walkOf(row('read', 'ubuf', [A + 8, P]), { kernel })
    expect(allocations.bytes).toBe(2 * 32 + bytes)
  })

  it.each(KERNEL_VERSIONS)(
    'SW3 on %s: misaligned: through one page, all in and what was worked on out',
    async (kernel) => {
      const { counters, data, steps } = await walkOf(row('read', 'ubuf', [A + 8, P]), {
        kernel,
        options: { alignmask: 15 },
      })
      expect(steps).toEqual(['COPY: 4080 of 4088 bytes', 'SLOW: 16 of 16 bytes'])
      // The block that is left is gathered in the page that is there already.
      expect(counters).toMatchObject({ bouncePages: 1, slowBuffers: 0 })
      expect(data).toEqual({ zeroCopyBytes: 0, copiedBytes: 4088 + 4080 + 2 * 16 })
    },
  )

  const bvec = row('read', 'bvec', ['500:8', 2 * P])

  it.each(['6.1', '6.12'] as const)('%s ends a step at each page', async (kernel) => {
    const { steps, data } = await walkOf(bvec, { kernel, policy: 'extract' })
    expect(steps).toEqual([
      'FAST: 4080 of 4088 bytes',
      'SLOW: 16 of 16 bytes',
      'FAST: 4080 of 4088 bytes',
      'SLOW: 16 of 16 bytes',
    ])
    expect(data.copiedBytes).toBe(64)
  })

  it.each(['6.18', 'mainline'] as const)('%s goes over page ends, a page at a time', async (kernel) => {
    const { steps, data } = await walkOf(bvec, { kernel })
    expect(steps).toEqual(['FAST: 4096 of 4096 bytes', 'FAST: 4096 of 4096 bytes'])
    expect(data.copiedBytes).toBe(0)
  })

  it('leaves of each step what is no whole stride, of the last what is no whole block', async () => {
    const { steps } = await walkOf(row('read', 'ubuf', [A, 4000]), { options: { 'block-size': 1, 'walk-size': 64 } })
    expect(steps).toEqual(['FAST: 4000 of 4000 bytes'])
    const split = await walkOf(row('read', 'iovec', [A, 100], [A + P, 60]), {
      options: { 'block-size': 1, 'walk-size': 64 },
    })
    expect(split.steps).toEqual(['FAST: 64 of 100 bytes', 'SLOW: 64 of 64 bytes', 'FAST: 32 of 32 bytes'])
  })

  it('data that is no whole blocks is refused, when all blocks are done', async () => {
    const { results, steps, counters, pins } = await walkOf(row('read', 'ubuf', [A, 1000]))
    expect(results).toEqual([-22])
    expect(steps).toEqual(['FAST: 992 of 1000 bytes'])
    expect([counters.walks, pins.open]).toEqual([0, 0])
  })

  it('from one list to another: the shorter of both steps, two mappings', async () => {
    const { steps, counters, data, entries, allocations } = await walkOf(row('write', 'ubuf', [A + 256, P]), {
      options: { 'in-place': 0, 'dst-offset': 1024 },
    })
    expect(steps).toEqual(['DIFF: 3072 of 3072 bytes', 'DIFF: 768 of 768 bytes', 'DIFF: 256 of 256 bytes'])
    expect(counters).toMatchObject({ diffSteps: 3, fastSteps: 0 })
    expect(data).toEqual({ zeroCopyBytes: P, copiedBytes: 0 })
    expect(entries.built).toBe(4)
    // Two lists of two entries, and two pages.
    expect(allocations).toMatchObject({ made: 4, bytes: 2 * 64 + 2 * P, openBytes: 0 })
  })

  it('a misaligned destination copies as a misaligned source does', async () => {
    const { steps } = await walkOf(row('write', 'ubuf', [A, P]), {
      options: { 'in-place': 0, 'dst-offset': 4, alignmask: 3 },
    })
    expect(steps).toEqual(['DIFF: 4080 of 4092 bytes', 'SLOW: 16 of 16 bytes'])
    const copied = await walkOf(row('write', 'ubuf', [A, P]), {
      options: { 'in-place': 0, 'dst-offset': 4, alignmask: 7 },
    })
    expect(copied.steps).toEqual(['COPY: 4080 of 4092 bytes', 'SLOW: 16 of 16 bytes'])
  })

  it('without a bounce page a misaligned block is gathered, and the page is asked for again', async () => {
    const aligned8 = row('read', 'ubuf', [A + 8, 64])
    const options = { options: { alignmask: 15 } }
    // The first allocation is the list, the second the page.
    const { steps, counters, results } = await walkOf(aligned8, { ...options, inject: { fault: 'alloc', at: 2 } })
    expect(results).toEqual([64])
    expect(steps).toEqual(['SLOW: 16 of 16 bytes', 'COPY: 48 of 48 bytes'])
    expect(counters).toMatchObject({ slowBuffers: 1, bouncePages: 1 })
  })

  it.each([
    [1, 'the list'],
    [2, 'the buffer of the slow step'],
  ])('-ENOMEM when allocation %i, %s, fails', async (at) => {
    const { results, pins, allocations } = await walkOf(row('read', 'ubuf', [A + 8, P]), {
      inject: { fault: 'alloc', at },
    })
    expect([results, pins.open, allocations.openBytes]).toEqual([[-12], 0, 0])
  })
})

describe('when a step fails', () => {
  const rows = [
    row('read', 'ubuf', [A + 8, 3 * P]),
    row('write', 'iovec', [A + 4, 100], [A + 2 * P, 5000]),
    row('write', 'bvec', ['900:0', 3 * P]),
    row('read', 'xarray', ['file:0', 2 * P]),
  ].map((one, i) => ({ ...one, ts: 10 * i, end: 10 * i + 5 }))

  it.each(KERNEL_VERSIONS)('nothing is held on %s', async (kernel) => {
    for (const inPlace of [0, 1]) {
      const options = { 'in-place': inPlace, alignmask: 15, 'dst-offset': 24, 'block-size': 4 }
      const { steps, unclean } = await sweepFaults(skcipherWalk, rows, { kernel, options })
      expect(steps.alloc).toBeGreaterThan(4)
      expect(unclean).toEqual([])
    }
  })
})
