import { KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { ownershipCell, type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { fuse } from '../src/fuse/definition.ts'

const P = 4096
const A = 0x7f0000000000
const K = 0x80000000

const user = (op: 'read' | 'write', address: number, bytes: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  segs: `0x${address.toString(16)}+${bytes}`,
  ...more,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(fuse, rows, { kernel, ...options })

/** What is held on user memory, and how often. */
const held = (kernel: KernelVersion, count: number) =>
  kernel === '6.1'
    ? { refs: { acquired: count, released: count, open: 0 }, pins: { acquired: 0 } }
    : { pins: { acquired: count, released: count, open: 0 }, refs: { acquired: 0 } }

const LARGE = { options: { 'max-pages': 256 } }
const isNew = (kernel: KernelVersion) => kernel === '6.18' || kernel === 'mainline'

describe.each(KERNEL_VERSIONS)('%s', (kernel) => {
  it('FU1: 200000 bytes from 0x10 on: 49 pages, the first with 4080 bytes, the last with 3408; all made dirty', async () => {
    const { report, lists } = await on(kernel, [user('read', A + 0x10, 200_000)], LARGE)
    expect(report).toMatchObject(held(kernel, 49))
    expect(report.counters).toMatchObject({ requests: 1, dirtiedPages: 49 })
    expect(report.data).toEqual({ zeroCopyBytes: 200_000, copiedBytes: 0 })
    const [{ entries }] = lists
    expect(entries).toHaveLength(49)
    expect(entries[0]).toMatchObject({ offsetBytes: 16, lengthBytes: 4080 })
    expect(entries[48]).toMatchObject({ offsetBytes: 0, lengthBytes: 3408 })
    // A page pointer and a descriptor of 8 bytes each; since 6.13 the pointers come through an array first.
    expect(report.entries).toMatchObject({ built: isNew(kernel) ? 98 : 49, bytes: 49 * (isNew(kernel) ? 24 : 16) })
  })

  it('requests have 32 pages unless the server asks for more, and 256 at most', async () => {
    const requests = async (options: Readonly<Record<string, number>>, bytes: number) =>
      (await on(kernel, [user('read', A, bytes)], { options })).report.counters.requests
    expect(await requests({}, 200_000)).toBe(2)
    expect(await requests({ 'max-pages': 256 }, 2 ** 21)).toBe(2)
    // Before the sysctl, 256 was all.
    expect(await requests({ 'max-pages': 512, 'max-pages-limit': 512 }, 2 ** 21)).toBe(isNew(kernel) ? 1 : 2)
    expect(await requests({ 'max-pages': 256, 'max-read': 65_536 }, 2 ** 20)).toBe(16)
  })

  it('a request ends where its pages do: 128 KiB off by 16 bytes need 33', async () => {
    const { report, lists } = await on(kernel, [user('write', A + 0x10, 131_072)])
    expect(lists.map(({ entries }) => entries.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0))).toEqual([
      131_056, 16,
    ])
    expect(report).toMatchObject(held(kernel, 33))
    expect(report.counters).toMatchObject({ requests: 2, dirtiedPages: 0 })
    expect(report.entries).toMatchObject({ limitHits: 1 })
  })

  it('a synchronous operation lets go of each request before the next, an asynchronous one of none', async () => {
    const sync = await on(kernel, [user('read', A, 2 ** 20)])
    const later = await on(kernel, [user('read', A, 2 ** 20, { end: 1000 })])
    const waits = await on(kernel, [user('read', A, 2 ** 20, { end: 1000 })], { options: { async: 0 } })
    const peak = (report: typeof sync.report) => Math.max(report.pins.peak, report.refs.peak)
    expect([sync, later, waits].map(({ report }) => peak(report))).toEqual([32, 256, 32])
    for (const { report } of [sync, later, waits]) {
      expect(report).toMatchObject(held(kernel, 256))
      expect(report.counters).toMatchObject({ requests: 8, dirtiedPages: 256 })
      expect(report.allocations).toMatchObject({ openBytes: 0 })
    }
    expect(later.report.counters).toMatchObject({ asyncRequests: 8, backgroundFull: 0 })
  })

  it('12 asynchronous requests are outstanding, the next ones wait', async () => {
    const { report } = await on(kernel, [
      user('read', A, 2 ** 20, { end: 100 }),
      user('read', A, 2 ** 20, { end: 100 }),
    ])
    expect(report.counters).toMatchObject({ asyncRequests: 16, backgroundFull: 4 })
    expect(report.entries.limitHits).toBe(4 + 2 * 7)
  })

  it('H16: a short read makes all its pages dirty, and a synchronous one ends with the short request', async () => {
    const { report, results } = await on(kernel, [user('read', A, 2 ** 20, { result: 200_000 })])
    // 131072, and 68928 of the second request of 32 pages.
    expect(results).toEqual([200_000])
    expect(report.counters).toMatchObject({ requests: 2, dirtiedPages: 64 })
    const later = await on(kernel, [user('read', A, 2 ** 20, { result: 200_000, end: 100 })])
    expect(later.results).toEqual([200_000])
    expect(later.report.counters).toMatchObject({ requests: 8, dirtiedPages: 256 })
  })

  it('an error of the server: the first request is the last, and its pages are dirty all the same', async () => {
    const { report, results } = await on(kernel, [user('read', A, 2 ** 20, { result: -5 })])
    expect(results).toEqual([-5])
    expect(report.counters).toMatchObject({ requests: 1, dirtiedPages: 32 })
    expect(report).toMatchObject(held(kernel, 32))
  })

  it('an asynchronous operation is what was sent, whatever the answer', async () => {
    const failed = await on(kernel, [user('read', A, 200_000, { result: -5, end: 100 })])
    expect(failed.results).toEqual([200_000])
    // Nothing was answered, and a page behind the first request cannot be had: the first one is on its way all the same.
    const hole: TestRow = { event: 'map', segs: `0x${A.toString(16)}+${P}`, backing: 'anon', flags: 'prot_none' }
    const segs = `0x${(A + P).toString(16)}+1;0x${A.toString(16)}+1`
    const half: TestRow = { op: 'read', iter: 'iovec', segs, result: 0, ts: 5, end: 100 }
    const { report, results } = await on(kernel, [hole, half])
    expect(results).toEqual([0])
    expect(report).toMatchObject(held(kernel, 1))
    expect(report.counters.dirtiedPages).toBe(1)
  })

  it('a pointer is as long as its segment, and no limit is hit for it', async () => {
    const segs = `0x${(K + 0x200).toString(16)}+8192;0x${K.toString(16)}+1`
    const { report } = await on(kernel, [{ op: 'read', iter: 'kvec', segs }], { options: { 'max-pages': 3 } })
    expect([report.counters.pointerRequests, report.entries.limitHits]).toEqual([2, 0])
  })

  it('a page that cannot be had makes the request shorter; the first one is the error', async () => {
    const hole: TestRow = {
      event: 'map',
      segs: `0x${(A + 5 * P).toString(16)}+${P}`,
      backing: 'anon',
      flags: 'prot_none',
    }
    const { report, results } = await on(kernel, [hole, user('read', A, 64 * P), user('read', A + 5 * P, P)])
    expect(results).toEqual([5 * P, -14])
    expect(report).toMatchObject(held(kernel, 5))
    expect(report.counters).toMatchObject({ requests: 1 })
  })

  it('kernel memory is a pointer for each segment; over virtio-fs it is pages since 6.12', async () => {
    const kvec: TestRow = {
      op: 'write',
      iter: 'kvec',
      segs: `0x${K.toString(16)}+9000;0x${(K + 0x10000).toString(16)}+500`,
    }
    const dev = await on(kernel, [kvec])
    expect(dev.report).toMatchObject({ pins: { acquired: 0 }, refs: { acquired: 0 }, bare: { pages: 0 }, bytes: 9500 })
    expect(dev.report.counters).toMatchObject({ requests: 2, pointerRequests: 2 })
    expect(dev.report.avoided).toMatchObject({ entries: 4 })
    const virtio = await on(kernel, [kvec], { options: { 'virtio-fs': 1 } })
    expect(virtio.report.bare.pages).toBe(kernel === '6.1' ? 0 : 4)
    expect(virtio.report.counters).toMatchObject({
      requests: kernel === '6.1' ? 2 : 1,
      pointerRequests: kernel === '6.1' ? 2 : 0,
      serverPages: 0,
    })
  })

  it('kernel memory that is freed before the answer is used after it; user memory has its reference', async () => {
    const kvec: TestRow = { op: 'write', iter: 'kvec', segs: `0x${K.toString(16)}+4096`, end: 100 }
    const freed: TestRow = { ts: 50, event: 'free', iter: 'kvec', segs: `0x${K.toString(16)}+4096` }
    const { report } = await on(kernel, [kvec, freed])
    expect(report.violations.map(({ rule }) => rule)).toEqual(['use-after-free'])
    const mine: TestRow = { ts: 50, event: 'free', iter: 'ubuf', segs: `0x${A.toString(16)}+4096` }
    expect((await on(kernel, [user('write', A, P, { end: 100 }), mine])).report.violations).toEqual([])
    // A request that is over is not in flight, though the operation goes on.
    const waits = { options: { async: 0 } }
    const dirty = (page: number): TestRow => ({
      ts: 50,
      event: 'dirty',
      iter: 'ubuf',
      segs: `0x${(A + page * P).toString(16)}+1`,
    })
    const long = user('write', A, 64 * P, { end: 100 })
    expect((await on(kernel, [long, dirty(0)], waits)).report.violations).toEqual([])
    expect((await on(kernel, [long, dirty(63)], waits)).report.violations.map(({ rule }) => rule)).toEqual([
      'modified-in-use',
    ])
  })

  it("the server's side: a page of its buffer at a time, with a reference, whatever the client's is", async () => {
    const server = { options: { side: 1 } }
    // A READ of 128 KiB: the request is read into a buffer, the answer of 16 + 131072 bytes written from one.
    const rows = [user('read', A, 80), user('write', A, 16 + 131_072), user('read', A + 0x10, 80 + 131_072)]
    const { report, results } = await on(kernel, rows, server)
    expect(results).toEqual([80, 131_088, 131_152])
    expect(report).toMatchObject({ refs: { acquired: 1 + 33 + 33, peak: 1 }, pins: { acquired: 0 } })
    expect(report.counters).toMatchObject({ serverPages: 67, serverDirtied: 34, requests: 0 })
    expect(report.data.copiedBytes).toBe(80 + 131_088 + 131_152)
    const kvec: TestRow = { op: 'read', iter: 'kvec', segs: `0x${K.toString(16)}+4096` }
    expect((await on(kernel, [kvec], server)).results).toEqual([-22])
  })

  it("the client's side counts the same pages of a server with aligned buffers", async () => {
    const { report } = await on(kernel, [user('read', A, 131_072), user('write', A, 131_072)])
    // 16 bytes before the data of a read, 80 before that of a write.
    expect(report.counters.serverPages).toBe(33 + 33)
  })

  it('leaves nothing after any step that fails', async () => {
    const rows: readonly TestRow[] = [
      user('read', A + 512, 300_000),
      user('read', A, 600_000, { end: 40 }),
      user('write', A, 300_000, { end: 50 }),
      user('read', A, 300_000, { result: 140_000 }),
      user('read', A, 300_000, { result: -5, end: 60 }),
      { op: 'write', iter: 'kvec', segs: `0x${K.toString(16)}+9000;0x${(K + 0x10000).toString(16)}+500`, end: 55 },
      { op: 'read', iter: 'bvec', segs: '4096:0+8192;5000:100+3000', end: 70 },
      { op: 'read', iter: 'xarray', segs: 'f:0+200000' },
    ]
    for (const policy of ['get-pages', 'extract', 'folio'] as const) {
      const sweep = await sweepFaults(fuse, rows, { kernel, policy }, 24)
      expect(sweep.unclean).toEqual([])
      for (const kind of ['alloc', 'page', 'limit', 'complete'] as const) expect(sweep.steps[kind]).toBeGreaterThan(0)
    }
  })

  it('-ENOMEM: a request that cannot be queued ends a synchronous operation, and fails an asynchronous one', async () => {
    const at = async (n: number, row: TestRow) =>
      (await on(kernel, [row], { inject: { fault: 'alloc', at: n } })).results[0]
    const sync = user('read', A, 262_144)
    // The request's object, its array, (the array of pointers), and the queue's object; then the second request.
    const steps = isNew(kernel) ? 4 : 3
    expect(await Promise.all([1, steps, steps + 1, 2 * steps].map((n) => at(n, sync)))).toEqual([
      -12, -12, 131_072, 131_072,
    ])
    const later = user('read', A, 262_144, { end: 100 })
    expect(await Promise.all([1, 1 + steps, 2 + steps, 1 + 2 * steps].map((n) => at(n, later)))).toEqual([
      -12, -12, 131_072, -12,
    ])
  })
})

describe('what is taken on each type', () => {
  const shapes = [
    { row: { op: 'read' }, bytes: 8192 },
    { row: { op: 'write' }, bytes: 8192 },
  ] as const
  const types = ['ubuf', 'iovec', 'bvec', 'xarray', 'folioq', 'discard', 'pipe'] as const
  const NEW = ['pin', 'pin', 'bare', 'bare', 'bare', '-EFAULT', 'n/a']

  it.each([
    ['6.1', ['ref', 'ref', 'ref', 'ref', 'n/a', '-EFAULT', 'ref']],
    ['6.12', NEW],
    ['6.18', NEW],
    ['mainline', NEW],
  ] as const)('%s', async (kernel, cells) => {
    const found: string[] = []
    for (const type of types) {
      found.push(
        await ownershipCell(fuse, kernel, type, type === 'discard' || type === 'pipe' ? shapes.slice(0, 1) : shapes),
      )
    }
    expect(found).toEqual(cells)
    // A pointer takes and lists nothing.
    expect(await ownershipCell(fuse, kernel, 'kvec', shapes)).toBe('nothing')
    const virtio = shapes.map((shape) => ({ ...shape, options: { 'virtio-fs': 1 } }))
    expect(await ownershipCell(fuse, kernel, 'kvec', virtio)).toBe(kernel === '6.1' ? 'nothing' : 'bare')
  })
})
