import { KERNEL_VERSIONS } from '@pinscope/core'
import { type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { smb3Transform } from '../src/smb3-transform/definition.ts'

// The list of an encrypted SMB3 message, by the sources of 6.1.176, 6.12.117 and 7.3.4, and the example ST1.

const P = 4096
const A = 0x7f0000000000
const B = 0x7f1000000000
const KVEC = 0x100000000000
const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const
/** An initialisation vector and the request, before the entries. */
const REQUEST = 96

function row(op: 'read' | 'write', iter: string, ...segs: readonly (readonly [number | string, number])[]): TestRow {
  const cell = segs.map(([at, length]) => `${typeof at === 'number' ? `0x${at.toString(16)}` : at}+${length}`)
  return { op, iter, segs: cell.join(';') }
}

async function messageOf(rows: TestRow | readonly TestRow[], options: RowsOptions = {}) {
  const { lane, report, results, lists, notes } = await replayRows(smb3Transform, [rows].flat(), options)
  const { made, bytes, openBytes } = lane.io.allocations
  const data = lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))
  return { ...report, report, results, data, notes, allocations: { made, bytes, openBytes } }
}

/** Two kvecs: 80 bytes, of which the first 20 are skipped, and 64. */
const ST1 = { kvecs: 2, 'first-kvec-bytes': 80, 'kvec-bytes': 64 }

describe('ST1: two kvecs and 9000 bytes', () => {
  const write = row('write', 'folioq', ['file:0', 9000])
  const read = row('read', 'folioq', ['file:0', 9000])

  it.each(['6.12', '6.18'] as const)('%s: a write is copied into three pages', async (kernel) => {
    const { notes, pins, refs, bare, data, entries, counters, allocations } = await messageOf(write, {
      kernel,
      options: ST1,
    })
    expect(notes).toEqual(['scatterlist: 60 64 4096 4096 808 16 bytes'])
    expect([pins.acquired, refs.acquired, bare.pages, data]).toEqual([0, 0, 0, []])
    expect(entries).toMatchObject({ built: 6, perOperationMax: 6 })
    expect(counters).toMatchObject({ encrypted: 1, estimatedEntries: 6, bounceFolios: 3 })
    // A queue segment, three pages, and the request with its entries.
    expect(allocations).toEqual({ made: 5, bytes: 336 + 3 * P + REQUEST + 6 * 32, openBytes: 0 })
  })

  it('mainline: into the largest folios that fit, one of two pages and one of one', async () => {
    const { notes, counters, allocations } = await messageOf(write, { kernel: 'mainline', options: ST1 })
    expect(notes).toEqual(['scatterlist: 60 64 8192 808 16 bytes'])
    expect(counters).toMatchObject({ estimatedEntries: 6, bounceFolios: 2 })
    expect(allocations).toEqual({ made: 4, bytes: 328 + 3 * P + REQUEST + 6 * 32, openBytes: 0 })
  })

  it.each(SINCE_6_12)('%s: copied bytes are the payload', async (kernel) => {
    const { lane } = await replayRows(smb3Transform, [write], { kernel, options: ST1 })
    expect([lane.io.figures[0], lane.io.figures[1]]).toEqual([0, 9000])
  })

  it.each(SINCE_6_12)('%s: a read is decrypted where it is, its folios bare', async (kernel) => {
    const { lane, report, lists, notes } = await replayRows(smb3Transform, [read], { kernel, options: ST1 })
    expect(notes).toEqual(['scatterlist: 60 64 4096 4096 808 16 bytes'])
    expect(lists[0]?.entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])).toEqual([
      [0, 4096],
      [0, 4096],
      [0, 808],
    ])
    expect(report).toMatchObject({ pins: { acquired: 0 }, refs: { acquired: 0 }, bare: { pages: 3 } })
    expect(report.data).toEqual({ zeroCopyBytes: 9000, copiedBytes: 0 })
    // The iterator is reverted.
    expect(lane.io.iter.countBytes).toBe(9000)
    expect(lane.io.allocations.made).toBe(1)
  })

  it('6.1: page arrays: a reference a page until the answer, and copies page by page', async () => {
    const cells = row('write', 'ubuf', [A, 9000])
    const { notes, refs, counters, allocations } = await messageOf(
      { ...cells, end: 5 },
      { kernel: '6.1', options: ST1 },
    )
    expect(notes).toEqual(['scatterlist: 60 64 4096 4096 808 16 bytes'])
    expect(refs).toMatchObject({ acquired: 3, released: 3, open: 0, peak: 3 })
    expect(counters).toMatchObject({ encrypted: 1, bounceFolios: 3, estimatedEntries: 6 })
    // L-crypt: two arrays of pointers, three pages, and the request.
    expect(allocations).toEqual({ made: 6, bytes: 2 * 3 * 8 + 3 * P + REQUEST + 6 * 32, openBytes: 0 })
  })
})

describe('C5: 1 MiB, encrypted', () => {
  // What is allocated beside the copy's 256 pages; all of it is copied.
  it.each([
    ['6.1', 256 + 3],
    ['6.12', 256 + 9 + 1],
    ['mainline', 1 + 1 + 1],
  ] as const)('%s: %i allocations', async (kernel, made) => {
    const { lane, report } = await replayRows(smb3Transform, [row('write', 'bvec', ['512:0', 256 * P])], { kernel })
    expect([lane.io.allocations.made, report.data.copiedBytes]).toEqual([made, 256 * P])
    expect(lane.io.allocations.peakBytes).toBeGreaterThan(256 * P)
  })
})

describe('the iterator types', () => {
  it.each(SINCE_6_12)('%s: a user-backed read is refused, before anything is allocated', async (kernel) => {
    for (const iter of ['ubuf', 'iovec']) {
      const { results, counters, allocations, pins } = await messageOf(row('read', iter, [A, P]), { kernel })
      expect([results, counters.refusedUserBacked, allocations.made, pins.acquired]).toEqual([[-5], 1, 0, 0])
    }
  })

  it.each(SINCE_6_12)('%s: a user-backed write is copied, for the check sees the copy only', async (kernel) => {
    const { results, pins, refs } = await messageOf(row('write', 'iovec', [A + 3, 5000], [B, 100]), { kernel })
    expect([results, pins.acquired, refs.acquired]).toEqual([[5100], 0, 0])
  })

  it.each(SINCE_6_12)('%s: kernel memory is bare', async (kernel) => {
    const bvec = await messageOf(row('read', 'bvec', ['500:0', 2 * P]), { kernel })
    expect([bvec.data, bvec.bare.pages]).toEqual([[[[0, 2 * P]]], 2])
    const kvec = await messageOf(row('read', 'kvec', [KVEC + 0xf00, 0x1200]), { kernel })
    expect([kvec.data, kvec.pins.acquired]).toEqual([
      [
        [
          [0xf00, 0x100],
          [0, 0x1000],
          [0, 0x100],
        ],
      ],
      0,
    ])
    const discard = await messageOf({ op: 'read', iter: 'discard', len: P }, { kernel })
    expect([discard.results, discard.allocations.openBytes]).toEqual([[-5], 0])
  })

  // fs/smb/client/file.c: __cifs_writev and __cifs_readv leave direct I/O: get_pages does not work with a KVEC.
  it.each([
    ['read', 5000],
    ['write', 2 * 5000],
  ] as const)('6.1: kernel buffers are copied, what is sent twice: %s', async (op, copiedBytes) => {
    const { results, report, allocations } = await messageOf(row(op, 'kvec', [KVEC, 5000]), { kernel: '6.1' })
    expect([results, allocations.openBytes]).toEqual([[5000], 0])
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes })
  })

  it('6.1: a message for each segment', async () => {
    const { counters, data, results } = await messageOf(row('read', 'iovec', [A + 256, 5000], [B, 100]), {
      kernel: '6.1',
    })
    expect([counters.decrypted, results]).toEqual([2, [5100]])
    expect(data).toEqual([
      [
        [256, 3840],
        [0, 1160],
      ],
      [[0, 100]],
    ])
  })

  it('6.1: what comes before memory that cannot be had is written', async () => {
    const unmapped = { event: 'map', backing: 'anon', segs: `0x${B.toString(16)}+${P}`, flags: 'prot_none' }
    const { results, refs } = await messageOf([unmapped, row('write', 'iovec', [A, 5000], [B, 100])], { kernel: '6.1' })
    expect([results, refs.open]).toEqual([[5000], 0])
  })
})

describe('what the kernel does not look at', () => {
  const read = row('read', 'xarray', ['file:6144', 0x2000])

  it("H10 on 6.12: the data takes the signature's place, which is written behind the table", async () => {
    const cached = row('read', 'xarray', ['file:0', 5 * P])
    const { report, results, lists } = await replayRows(smb3Transform, [cached, read], { kernel: '6.12' })
    expect(lists.at(-1)?.entries.map((one) => [one.offsetBytes, one.lengthBytes])).toEqual(
      Array.from({ length: 4 }, () => [0x800, 0x800]),
    )
    expect(report.violations.map(({ rule }) => rule)).toEqual(['wrong-data'])
    expect(results).toEqual([5 * P, 0x2000])
  })

  it('H10 on 6.12: a list that ends before the data, where no further folio is cached', async () => {
    const { results, allocations } = await messageOf(read, { kernel: '6.12' })
    expect([results, allocations.openBytes]).toEqual([[-5], 0])
  })

  it('without the defect there is room for all', async () => {
    const { report, notes } = await replayRows(smb3Transform, [read], {
      kernel: '6.12',
      quirks: [{ name: 'sg-xarray-start', on: false }],
    })
    expect(report.violations).toEqual([])
    expect(notes).toEqual(['scatterlist: 32 112 2048 4096 2048 16 bytes'])
  })
})

describe('when a step fails', () => {
  const rows = [
    row('write', 'bvec', ['500:7', 3 * P]),
    row('read', 'xarray', ['file:0', 2 * P]),
    row('write', 'ubuf', [A + 8, 5 * P]),
    row('write', 'iovec', [A + 8, 100], [B, P]),
  ].map((one, i) => ({ ...one, ts: 10 * i, end: 10 * i + 15 }))

  it.each(KERNEL_VERSIONS)('nothing is held on %s', async (kernel) => {
    const { steps, unclean } = await sweepFaults(smb3Transform, rows, { kernel })
    expect(steps.alloc).toBeGreaterThan(10)
    expect(unclean).toEqual([])
  })

  it.each([
    ['alloc', 1, -12],
    ['copy', 2, -5],
  ] as const)('6.12: %s %i gives %i', async (fault, at, errno) => {
    const { results } = await messageOf(row('write', 'bvec', ['500:0', 3 * P]), {
      kernel: '6.12',
      inject: { fault, at },
    })
    expect(results).toEqual([errno])
  })
})
