import { KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { procMem } from '../src/process-vm/definition.ts'

const P = 4096
const A = 0x7f0000000000

const row = (op: 'read' | 'write', address: number, bytes: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  mm: 2,
  segs: `0x${address.toString(16)}+${bytes}`,
  ...more,
})

const mapped = (address: number, flags: string, backing = 'anon'): TestRow => ({
  event: 'map',
  mm: 2,
  segs: `0x${address.toString(16)}+${P}`,
  backing,
  flags,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(procMem, rows, { kernel, ...options })

describe.each(KERNEL_VERSIONS)('%s', (kernel) => {
  it('64 KiB from a page on: 16 pages, one reference at a time', async () => {
    const { report, results } = await on(kernel, [row('read', A, 65_536)])
    expect(results).toEqual([65_536])
    expect(report).toMatchObject({
      pins: { acquired: 0 },
      refs: { acquired: 16, released: 16, open: 0, peak: 1 },
      data: { copiedBytes: 65_536, zeroCopyBytes: 0 },
      allocations: { made: 1, bytes: P, openBytes: 0 },
      counters: { remoteCalls: 16, dirtiedPages: 0 },
    })
  })

  it('from the middle of a page on each piece touches two pages: 32 references on 17 pages', async () => {
    const { report } = await on(kernel, [row('write', A + 0x100, 65_536)])
    expect(report).toMatchObject({ refs: { acquired: 32, peak: 1 }, counters: { remoteCalls: 32, dirtiedPages: 32 } })
  })

  it('-EIO where nothing is, short where something was moved before', async () => {
    const { report, results } = await on(kernel, [
      mapped(A + 2 * P, 'prot_none'),
      row('read', A + 100, 4 * P),
      row('write', A + 2 * P, 100),
    ])
    expect(results).toEqual([2 * P - 100, -5])
    // Pieces of a page: the second ends 100 bytes early, and the rest is asked for once more.
    expect(report.counters).toMatchObject({ remoteEnds: 2 })
    expect(report.refs).toMatchObject({ acquired: 3, released: 3 })
  })

  it('writes what the process may only read, unless it was booted otherwise', async () => {
    const rows = [mapped(A, 'prot_read'), row('write', A, 100)]
    expect((await on(kernel, rows)).results).toEqual([100])
    expect((await on(kernel, rows, { options: { force: 0 } })).results).toEqual([-5])
  })

  it('the zero page gets a reference as any page', async () => {
    const map: TestRow = { event: 'map', mm: 2, segs: `0x${A.toString(16)}+65536`, backing: 'anon', flags: 'untouched' }
    const { report } = await on(kernel, [map, row('read', A, 65_536)])
    expect(report.refs).toMatchObject({ acquired: 16, released: 16 })
  })

  it("memory of the caller that cannot be had: -EFAULT, a read having found the other side's page, a write not", async () => {
    const read = await on(kernel, [row('read', A, 65_536, { result: -14 })])
    const write = await on(kernel, [row('write', A, 65_536, { result: -14 })])
    expect([...read.results, ...write.results]).toEqual([-14, -14])
    expect([read.report.refs.acquired, write.report.refs.acquired]).toEqual([1, 0])
  })

  it('a short result says where the memory ends', async () => {
    const { report, results } = await on(kernel, [row('read', A, 16 * P, { result: 5 * P })])
    expect(results).toEqual([5 * P])
    expect(report).toMatchObject({ refs: { acquired: 5 }, counters: { remoteEnds: 1 } })
  })

  it('0: the process was gone, and nothing of it is looked at', async () => {
    const { report, results } = await on(kernel, [row('read', A, 65_536, { result: 0 })])
    expect(results).toEqual([0])
    expect(report).toMatchObject({ refs: { acquired: 0 }, allocations: { made: 1, openBytes: 0 } })
  })

  it('a segment is a call of its own, with a page of its own', async () => {
    const rows: TestRow[] = [
      { op: 'read', iter: 'iovec', mm: 2, segs: `0x${A.toString(16)}+100;0x${(A + P).toString(16)}+100` },
    ]
    const { report } = await on(kernel, rows)
    expect(report).toMatchObject({ refs: { acquired: 2 }, allocations: { made: 2 } })
  })

  it('leaves nothing after any step that fails', async () => {
    const rows: TestRow[] = [
      row('read', A + 0x100, 10 * P),
      row('write', A, 10 * P, { end: 50 }),
      { op: 'read', iter: 'bvec', segs: '4096:0+8192' },
    ]
    const sweep = await sweepFaults(procMem, rows, { kernel }, 24)
    expect(sweep.unclean).toEqual([])
    for (const kind of ['alloc', 'page', 'copy'] as const) expect(sweep.steps[kind]).toBeGreaterThan(0)
  })
})
