import { describe, expect, it } from 'vitest'
import type { KernelVersion } from '../src/kernel/version.ts'
import { laneOf } from './support/replay-rows.ts'
import type { RowSpec } from './support/rows.ts'

// Iterators over files, pipes and nothing, as rows of a trace. A segment of a file is {position, file, length}.

const FILE = 1
const XARRAY: RowSpec = { op: 'read', iter: 'xarray', segs: [[0x1800, FILE, 0x2800]] }
const FOLIOQ: RowSpec = { op: 'write', iter: 'folioq', segs: [[0x1234, FILE, 0x3dcc]] }
const PIPE: RowSpec = { op: 'read', iter: 'pipe', len: 10000 }
const DISCARD: RowSpec = { op: 'read', iter: 'discard', len: 100 }

/** [errors, bytes, bare pages, references taken, references dropped, pins taken] of one operation in a lane. */
async function figures(row: RowSpec, kernel: KernelVersion, consumer: string) {
  const lane = await laneOf([row], { kernel, consumers: [consumer] })
  expect([lane.leaksTotal, lane.violationsTotal]).toEqual([0, 0])
  return [lane.errors, lane.bytes, lane.bare.pages, lane.refs.acquired, lane.refs.released, lane.pins.acquired]
}

describe('null: what each kernel takes', () => {
  it.each<[string, RowSpec, KernelVersion, number[]]>([
    ['an xarray of three pages: a reference each by get_pages2', XARRAY, '6.1', [0, 0x2800, 0, 3, 3, 0]],
    ['an xarray of three pages: nothing since', XARRAY, '6.12', [0, 0x2800, 3, 0, 0, 0]],
    ['a folio queue of four pages', FOLIOQ, '6.12', [0, 0x3dcc, 4, 0, 0, 0]],
    ['a folio queue of four pages', FOLIOQ, 'mainline', [0, 0x3dcc, 4, 0, 0, 0]],
    ['a folio queue does not exist', FOLIOQ, '6.1', [1, 0, 0, 0, 0, 0]],
    ['a pipe: three fresh pages, a reference each beside the ring’s', PIPE, '6.1', [0, 10000, 0, 3, 3, 0]],
    ['a pipe is no iterator any more', PIPE, '6.12', [1, 0, 0, 0, 0, 0]],
    ['a discard has no pages', DISCARD, '6.12', [1, 0, 0, 0, 0, 0]],
  ])('%s', async (_, row, kernel, expected) => {
    expect(await figures(row, kernel, 'null')).toEqual(expected)
  })
})

describe('bio: the page cache of another file system', () => {
  const row: RowSpec = { op: 'read', iter: 'xarray', offset: 0, segs: [[0, FILE, 0x4000]] }

  it.each<[KernelVersion, number[]]>([
    ['6.1', [0, 0x4000, 0, 4, 4, 0]],
    ['6.12', [0, 0x4000, 4, 0, 0, 0]],
    ['6.18', [0, 0x4000, 4, 0, 0, 0]],
    ['mainline', [0, 0x4000, 4, 0, 0, 0]],
  ])('%s', async (kernel, expected) => {
    expect(await figures(row, kernel, 'bio')).toEqual(expected)
    const lane = await laneOf([row], { kernel, consumers: ['bio'] })
    expect(lane.entries.built).toBe(4)
  })

  it('a folio queue of two ranges of a file', async () => {
    const segs = [
      [0, FILE, 0x1000],
      [0x8000, FILE, 0x1000],
    ]
    expect(await figures({ op: 'write', iter: 'folioq', offset: 0, segs }, '6.12', 'bio')).toEqual([
      0, 0x2000, 2, 0, 0, 0,
    ])
  })
})

describe('what went wrong once', () => {
  it('a buffered read into a pipe advances over nothing', async () => {
    expect(await figures(PIPE, '6.1', 'buffered')).toEqual([0, 10000, 0, 0, 0, 0])
  })

  it('a flag `fixed` makes no registered buffer of a discard', async () => {
    const rows: RowSpec[] = [
      { event: 'register', id: 'a', segs: [[0x7f0000000000, 4096]] },
      { ...DISCARD, id: 'a', flags: ['fixed'] },
    ]
    const lane = await laneOf(rows, { kernel: '6.12', consumers: ['bio'] })
    expect([lane.errors, lane.bytes]).toEqual([1, 0])
  })

  // iov_iter_extract_bvecs() of 7.3 tests the address and length of the current vector as it stands, be it empty.
  it.each<[KernelVersion, number]>([
    ['6.18', 0],
    ['mainline', 1],
  ])('%s: an empty vector at an odd address before an aligned one', async (kernel, errors) => {
    const segs = [
      [0x7f0000000001, 0],
      [0x7f0000001000, 512],
    ]
    expect(
      (await laneOf([{ op: 'write', offset: 0, iter: 'iovec', segs }], { kernel, consumers: ['bio'] })).errors,
    ).toBe(errors)
  })
})

describe('the page cache', () => {
  it('gives every operation on a file the same pages', async () => {
    const rows: RowSpec[] = [
      { ...XARRAY, end: 9000, op: 'read' },
      { ...XARRAY, end: 'never', op: 'read' },
    ]
    const lane = await laneOf(rows, { kernel: '6.1', consumers: ['null'], policies: ['get-pages'] })
    expect([lane.refs.acquired, lane.refs.released, lane.refs.open, lane.refs.peak]).toEqual([6, 3, 3, 6])
  })

  it('a recorded reference on pages of a file', async () => {
    const lane = await laneOf(
      [
        { event: 'get', id: 'a', iter: 'xarray', segs: [[0, FILE, 0x2000]] },
        { event: 'put', id: 'a' },
        { event: 'get', id: 'b', iter: 'folioq', segs: [[0x800, FILE, 0x2000]] },
      ],
      { consumers: ['null'] },
    )
    expect([lane.refs.acquired, lane.refs.released, lane.refs.open]).toEqual([5, 2, 3])
  })
})

describe('quirks switched', () => {
  it('are in the report, and an unknown one is refused', async () => {
    const quirks = [
      { name: 'xarray-hole-wrap', on: false },
      { name: 'folioq-eager-roll', on: true },
    ]
    const lane = await laneOf([XARRAY], { kernel: '6.12', consumers: ['null'], quirks })
    expect(lane.quirks).toEqual(['folioq-eager-roll', '-xarray-hole-wrap'])
    expect((await laneOf([XARRAY], { kernel: '6.12' })).quirks).toBeUndefined()
    // What the version has anyway is no change.
    const same = [{ name: 'xarray-hole-wrap', on: true }]
    expect((await laneOf([XARRAY], { kernel: '6.12', quirks: same })).quirks).toBeUndefined()
    await expect(laneOf([XARRAY], { quirks: [{ name: 'xarray', on: true }] })).rejects.toThrow(
      'there is no quirk "xarray"',
    )
  })

  // 80 KiB in one folio, blocks of 64 KiB: the kernel drops one pin of the bvec that it cuts off.
  const rows: RowSpec[] = [
    { event: 'map', segs: [[0x7f0000000000, 1 << 21]], backing: 'thp' },
    {
      op: 'write',
      offset: 0,
      segs: [
        [0x7f0000000000, 0x10000],
        [0x7f0000020000, 0x10000],
      ],
      len: 0x20000,
    },
  ]

  it('bio-align-down-leak switched off leaks nothing', async () => {
    const options = {
      kernel: 'mainline',
      consumers: ['bio'],
      consumerOptions: { bio: { 'logical-block-size': 65536, 'bvec-limit': 1 } },
    }
    const lane = await laneOf(rows, { ...options, quirks: [{ name: 'bio-align-down-leak', on: false }] })
    expect(lane.leaksTotal).toBe(0)
  })
})
