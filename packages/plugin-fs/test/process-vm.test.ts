import { KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { ownershipCell, type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { processVm } from '../src/process-vm/definition.ts'

const P = 4096
const A = 0x7f0000000000
const B = 0x7f0010000000

const segments = (...parts: readonly (readonly [number, number])[]) =>
  parts.map(([address, bytes]) => `0x${address.toString(16)}+${bytes}`).join(';')

const row = (op: 'read' | 'write', address: number, bytes: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  mm: 2,
  segs: segments([address, bytes]),
  ...more,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(processVm, rows, { kernel, ...options })

describe.each(KERNEL_VERSIONS)('%s', (kernel) => {
  it('looks at nothing where the caller named no memory of its own', async () => {
    const { report, results } = await on(kernel, [row('read', A, 40 * P, { result: 0 })])
    expect(results).toEqual([0])
    expect([report.pins.acquired, report.allocations]).toEqual([0, undefined])
  })

  it('PV1: 10000 bytes from the middle of a page on are 3 pins, 3 unpins, and nothing dirty', async () => {
    const { report, results } = await on(kernel, [row('read', A + 0x800, 10_000)])
    expect(results).toEqual([10_000])
    expect(report).toMatchObject({
      pins: { acquired: 3, released: 3, open: 0, peak: 3 },
      refs: { acquired: 0 },
      data: { copiedBytes: 10_000, zeroCopyBytes: 0 },
      counters: { batches: 1, dirtiedFolios: 0, pageArrays: 0 },
    })
  })

  it('PV1 as writev: the three pages are made dirty, once', async () => {
    const twice = [row('write', A + 0x800, 10_000), row('write', A + 0x800, 10_000)]
    const { report } = await on(kernel, twice)
    expect(report).toMatchObject({ pins: { acquired: 6, released: 6 }, counters: { batches: 2, dirtiedFolios: 3 } })
  })

  it('pins at most 1024 pages at once', async () => {
    // 2 MiB and 100 bytes, from 100 on: 513 pages; 10 MiB: 2560 pages in batches of 1024, 1024 and 512.
    const { report } = await on(kernel, [row('read', A + 100, 2 * 2 ** 20), row('read', A, 10 * 2 ** 20)])
    expect(report.pins).toMatchObject({ acquired: 513 + 2560, released: 513 + 2560, peak: 1024 })
    expect(report.counters).toMatchObject({ batches: 4, pageArrays: 2 })
    expect(report.entries).toMatchObject({ limitHits: 1 })
    // Pointers to 513 pages, and two pages full of them.
    expect(report.allocations).toMatchObject({ made: 2, bytes: 513 * 8 + 8192, openBytes: 0 })
  })

  it('a huge page is dirtied as a whole, once', async () => {
    const map: TestRow = { event: 'map', mm: 2, segs: segments([A, 1 << 21]), backing: 'thp' }
    const { report } = await on(kernel, [map, row('write', A, 65_536)])
    expect(report).toMatchObject({ pins: { acquired: 16, released: 16 }, counters: { dirtiedFolios: 1 } })
  })

  it('stops before a hole: what was copied is the result, and -EFAULT where nothing was', async () => {
    const hole: TestRow = { event: 'map', mm: 2, segs: segments([A + 3 * P, P]), backing: 'anon', flags: 'prot_none' }
    const { report, results } = await on(kernel, [hole, row('read', A + 100, 8 * P), row('read', A + 3 * P, 8 * P)])
    expect(results).toEqual([3 * P - 100, -14])
    expect(report).toMatchObject({ pins: { acquired: 3, released: 3 }, counters: { remoteFaults: 2, localFaults: 0 } })
  })

  it('writev does not write what the process may only read; readv reads it', async () => {
    const map: TestRow = { event: 'map', mm: 2, segs: segments([A, P]), backing: 'anon', flags: 'prot_read' }
    const { results } = await on(kernel, [map, row('write', A, 100), row('read', A, 100)])
    expect(results).toEqual([-14, 100])
  })

  it('memory that nobody touched is the zero page: no pin', async () => {
    const map: TestRow = { event: 'map', mm: 2, segs: segments([A, 65_536]), backing: 'anon', flags: 'untouched' }
    const { report } = await on(kernel, [map, row('read', A, 65_536)])
    expect(report).toMatchObject({ pins: { acquired: 0, released: 0 }, bytes: 65_536 })
  })

  it('pins the whole batch of a segment, however little the caller has room for', async () => {
    const one = { op: 'read', iter: 'iovec', mm: 2, segs: segments([A, 16 * P], [B, 16 * P]), len: 100 } as const
    const { report, results } = await on(kernel, [one])
    expect(results).toEqual([100])
    expect(report.pins).toMatchObject({ acquired: 16, released: 16 })
  })

  it("a short result without a hole is the caller's memory: the batch at work was pinned", async () => {
    const rows = [row('read', A, 2048 * P, { result: 1030 * P }), row('read', A, 16 * P, { result: -14 })]
    const { report, results } = await on(kernel, rows)
    expect(results).toEqual([1030 * P, -14])
    expect(report).toMatchObject({ pins: { acquired: 2048 + 16 }, counters: { localFaults: 2, remoteFaults: 0 } })
  })

  it.each([-1, -3])('%d: nobody to read from, so nothing is pinned', async (result) => {
    const done = await on(kernel, [row('read', A, 20 * P, { result })])
    expect(done.results).toEqual([result])
    expect(done.report.pins.acquired).toBe(0)
    expect(done.report.allocations).toMatchObject({ made: 1, openBytes: 0 })
  })

  it('more than 8 segments need an array', async () => {
    const of = (count: number): TestRow => ({
      op: 'read',
      iter: 'iovec',
      mm: 2,
      segs: segments(...Array.from({ length: count }, (_, i) => [A + i * 64, 64] as const)),
    })
    const { report } = await on(kernel, [of(8), of(9)])
    expect(report.allocations).toMatchObject({ made: 1, bytes: 9 * 16, openBytes: 0 })
    expect(report.pins.acquired).toBe(17)
  })

  it('leaves nothing after any step that fails', async () => {
    const rows: TestRow[] = [
      row('read', A + 0x800, 2000 * P),
      row('write', A, 20 * P, { end: 50 }),
      {
        op: 'read',
        iter: 'iovec',
        mm: 2,
        segs: segments(...Array.from({ length: 12 }, (_, i) => [B + i * P, P] as const)),
      },
      { op: 'write', iter: 'kvec', segs: '0x80000000+9000' },
    ]
    const sweep = await sweepFaults(processVm, rows, { kernel }, 24)
    expect(sweep.unclean).toEqual([])
    expect(sweep.steps).toMatchObject({ limit: 0, map: 0, complete: 4 })
    for (const kind of ['alloc', 'page', 'copy'] as const) expect(sweep.steps[kind]).toBeGreaterThan(0)
  })

  it('what is taken on each type: the memory reached is copied, and so is what the caller would have', async () => {
    const shapes = [
      { row: { op: 'read', mm: 2 }, bytes: 8192 },
      { row: { op: 'write', mm: 2 }, bytes: 8192 },
    ] as const
    const cell = (type: 'ubuf' | 'iovec' | 'bvec' | 'kvec' | 'xarray' | 'folioq' | 'discard') =>
      ownershipCell(processVm, kernel, type, shapes)
    for (const type of ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray'] as const) expect(await cell(type)).toBe('copy')
    expect(await cell('folioq')).toBe(kernel === '6.1' ? 'n/a' : 'copy')
    expect(await cell('discard')).toBe('n/a')
  })
})

it('6.1 takes a pointer too many for a segment that ends at the end of a page: 16 pages need an array', async () => {
  const made = async (kernel: KernelVersion, pages: number) =>
    (await on(kernel, [row('read', A, pages * P)])).report.allocations
  expect(await made('6.1', 15)).toBeUndefined()
  expect(await made('6.1', 16)).toMatchObject({ made: 1, bytes: 17 * 8 })
  expect(await made('6.12', 16)).toBeUndefined()
  expect(await made('6.12', 17)).toMatchObject({ made: 1, bytes: 17 * 8 })
})
