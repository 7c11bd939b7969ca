import type { KernelVersion, PageList } from '@pinscope/core'
import {
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
  type ToldList,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { p9 } from '../src/9p/index.ts'

// 9p over virtio: the worked examples P1 to P5, what a 6.12 kernel was seen to call, limits, and how requests end.

const A = 0x7f0000000000
const B = 0x7f1000000000
const P = 4096
const K = 1024

const hex = (address: number) => `0x${address.toString(16)}`
const segments = (...segs: readonly (readonly [number, number])[]) =>
  segs.map(([address, length]) => `${hex(address)}+${length}`).join(';')
const user = (op: 'read' | 'write', address: number, length: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  segs: segments([address, length]),
  ...more,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(p9, rows, { kernel, ...options })

/** {offset, length} of every entry of every list that was told. */
const pieces = (lists: readonly ToldList[]) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))

/** [retention, pages, offset of the first, bytes] of everything that was taken or listed, in order. */
async function taken(kernel: KernelVersion, row: TestRow, before: readonly TestRow[] = []) {
  const calls: (readonly [string, number, number, number])[] = []
  const result = await on(kernel, [...before, row], {
    prepare: ({ ledger }) => {
      const acquire = ledger.acquire.bind(ledger)
      ledger.acquire = (list: PageList) => {
        const bytes = list.lengthBytes.subarray(0, list.length).reduce((sum, length) => sum + length, 0)
        const kind = ['bare', 'ref', 'pin'][list.retention]!
        calls.push([kind, list.length, list.offsetBytes[0]!, bytes])
        return acquire(list)
      }
    },
  })
  return { calls, result }
}

/** Kernel memory held at the end, and pages. */
function expectNothingHeld({ report, lane }: RowsResult) {
  expect([report.pins.open, report.refs.open, lane.io.allocations.openBytes, report.violationsTotal]).toEqual([
    0, 0, 0, 0,
  ])
}

describe('P1: TREAD of 100000 bytes into a UBUF at 0xc00', () => {
  const row = user('read', A + 0xc00, 100_000)
  const middle = Array.from({ length: 24 }, () => [0, P])

  it('6.1: one request, 26 pages referenced until the answer', async () => {
    const done = await on('6.1', [row])
    expect(pieces(done.lists)).toEqual([[[0xc00, 1024], ...middle, [0, 672]]])
    expect(done.report.refs).toMatchObject({ acquired: 26, released: 26, peak: 26 })
    expect(done.report.pins.acquired).toBe(0)
    // Header out, header in, and the pages.
    expect(done.report.entries).toMatchObject({ built: 28, perOperationMax: 28, limitHits: 0 })
    expect(done.report.counters).toMatchObject({ zeroCopyRequests: 1, copiedRequests: 0, shortTakes: 0, bvecs: 0 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 100_000, copiedBytes: 0 })
    // The request, two headers of a page each, 26 page pointers, and the indirect table of 28 entries.
    expect(done.report.allocations).toMatchObject({ made: 5, bytes: 136 + 2 * 4096 + 26 * 8 + 28 * 16 })
    expectNothingHeld(done)
    const open = await on('6.1', [{ ...row, end: 'never' }])
    expect(open.report.refs).toMatchObject({ acquired: 26, open: 26 })
    expect(open.report.leaks).toMatchObject([{ retention: 'ref', pages: 26 }])
  })

  it.each(['6.12', '6.18', 'mainline'] as const)('%s: 26 pins, and a request for each of them', async (kernel) => {
    const done = await on(kernel, [row])
    // The last piece of 672 bytes is copied.
    expect(done.report.pins).toMatchObject({ acquired: 26, released: 26, peak: 26 })
    expect(done.report.refs).toMatchObject({ acquired: 25, released: 25, peak: 1 })
    expect(done.report.counters).toMatchObject({ zeroCopyRequests: 25, copiedRequests: 1, shortTakes: 25, bvecs: 26 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 99_328, copiedBytes: 672 })
    expectNothingHeld(done)
    const open = await on(kernel, [{ ...row, end: 'never' }])
    // The last request has no page; what netfs pinned stays until the operation is over.
    expect([open.report.pins.open, open.report.refs.open]).toEqual([26, 0])
  })
})

describe('P2: TWRITE of 9000 bytes from a KVEC at 0x800', () => {
  const row: TestRow = { op: 'write', iter: 'kvec', segs: `0x80000800+9000` }

  it.each(['6.1', '6.12', '6.18', 'mainline'] as const)('%s: pages listed, nothing taken', async (kernel) => {
    const done = await on(kernel, [row])
    expect(pieces(done.lists)).toEqual([
      [
        [0x800, 2048],
        [0, 4096],
        [0, 2856],
      ],
    ])
    expect(done.report).toMatchObject({ pins: { acquired: 0 }, refs: { acquired: 0 }, bare: { pages: 3 }, bytes: 9000 })
    // Header and data out, and all of the other buffer for the answer.
    expect(done.report.entries.built).toBe(5)
    expectNothingHeld(done)
  })

  it('they are not in the pool', async () => {
    const rows = [
      { ...row, end: 10 },
      { ...row, end: 10 },
    ]
    const done = await on('6.1', rows, { options: { 'pool-pages': 1 } })
    expect(done.report.counters).toMatchObject({ poolWaits: 0, zeroCopyRequests: 2 })
  })

  it('two segments are two requests, an empty one between them none', async () => {
    const segs = '0x80000800+2048;0x80004000+0;0x80008000+3000'
    const done = await on('6.1', [{ ...row, segs }])
    expect(pieces(done.lists)).toEqual([[[0x800, 2048]], [[0, 3000]]])
    expect(done.report.counters).toMatchObject({ shortTakes: 1 })
  })
})

describe('P3: TREAD of 1000 bytes', () => {
  it('6.1: copied through the message, no page taken', async () => {
    const done = await on('6.1', [user('read', A + 100, 1000)])
    expect(done.report).toMatchObject({ pins: { acquired: 0 }, refs: { acquired: 0 }, bytes: 1000 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 1000 })
    // Request, message, and an answer of 11 + 1000 bytes; two entries of the ring, in a table.
    expect(done.report.allocations).toMatchObject({ made: 4, freed: 4, bytes: 136 + 4096 + 1011 + 32 })
  })

  it('1024 bytes are copied, 1025 are not', async () => {
    const counters = async (bytes: number) => (await on('6.1', [user('write', A, bytes)])).report.counters
    expect(await counters(1024)).toMatchObject({ zeroCopyRequests: 0, copiedRequests: 1 })
    expect(await counters(1025)).toMatchObject({ zeroCopyRequests: 1, copiedRequests: 0 })
  })
})

describe('P4: IOVEC of 2048 and 8192 bytes, 10240 wanted', () => {
  const row: TestRow = { op: 'read', iter: 'iovec', segs: segments([A, 2048], [B, 8192]) }

  it('6.1: the first request gets one segment, its count is rewritten, the second the rest', async () => {
    const { calls, result } = await taken('6.1', row)
    expect(calls).toEqual([
      ['ref', 1, 0, 2048],
      ['ref', 2, 0, 8192],
    ])
    expect(result.report).toMatchObject({ bytes: 10_240, refs: { acquired: 3, peak: 2 } })
    expect(result.report.counters).toMatchObject({ zeroCopyRequests: 2, shortTakes: 1 })
  })

  it('6.12: each page is a bvec, and each bvec a request', async () => {
    const { calls } = await taken('6.12', row)
    expect(calls).toEqual([
      ['pin', 1, 0, 2048],
      ['pin', 2, 0, 8192],
      ['ref', 1, 0, 2048],
      ['ref', 1, 0, 4096],
      ['ref', 1, 0, 4096],
    ])
  })
})

describe('P5: 1 MiB of the page cache', () => {
  const MIB = 1 << 20

  it.each(['folioq', 'xarray'] as const)('6.12, %s: eight requests of 32 pages', async (iter) => {
    const { calls, result } = await taken('6.12', { op: 'read', iter, segs: `f:0+${MIB}` })
    expect(calls).toEqual(Array.from({ length: 8 }, () => ['ref', 32, 0, 131_072]))
    expect(result.report).toMatchObject({ bytes: MIB, pins: { acquired: 0 }, refs: { acquired: 256, peak: 32 } })
    expect(result.report.entries).toMatchObject({ built: 8 * 34, limitHits: 1 })
    expectNothingHeld(result)
  })

  it('6.1, whose message has no room for the header beside 128 KiB: 131048 bytes each, and 192 copied', async () => {
    const { calls, result } = await taken('6.1', { op: 'read', iter: 'xarray', segs: `f:0+${MIB}` })
    expect(calls).toHaveLength(8)
    expect(calls[0]).toEqual(['ref', 32, 0, 131_048])
    // From 24 bytes before the end of a page on.
    expect(calls[1]).toEqual(['ref', 33, 4072, 131_048])
    expect(result.report.data).toEqual({ zeroCopyBytes: MIB - 192, copiedBytes: 192 })
  })

  it('6.1 with msize=131096: as 6.12', async () => {
    const done = await on('6.1', [{ op: 'read', iter: 'xarray', segs: `f:0+${MIB}` }], { options: { msize: 131_096 } })
    expect(done.report.refs).toMatchObject({ acquired: 256, peak: 32 })
  })

  it('the transport takes no more than 125 pages a message, headers included', async () => {
    const options = { options: { msize: 512_000 } }
    const done = await on('6.1', [user('write', A + 0xfff, 511_976)], options)
    // 126 pages and two headers fill the table.
    expect(done.report.entries).toMatchObject({ built: 128, limitHits: 0 })
    expect(await on('6.1', [user('write', A, 511_977)], options)).toMatchObject({
      report: { entries: { limitHits: 1 } },
    })
  })

  it('6.12: a write is cut into subrequests of wsize, and what is left of each may be copied', async () => {
    const { calls, result } = await taken('6.12', user('write', A + 512, 2 * 131_072))
    expect(calls[0]).toEqual(['pin', 65, 512, 262_144])
    expect(result.report.counters).toMatchObject({ netfsSubrequests: 2, zeroCopyRequests: 64, copiedRequests: 2 })
    // Each subrequest ends 512 bytes into a page.
    expect(calls.slice(1, 3)).toEqual([
      ['ref', 1, 512, 3584],
      ['ref', 1, 0, 4096],
    ])
    expect(calls[33]).toEqual(['ref', 1, 512, 3584])
    expect(result.report.data).toEqual({ zeroCopyBytes: 261_120, copiedBytes: 1024 })
    expectNothingHeld(result)
  })
})

// ops.csv and iter-calls.csv of kernel 6.12.95: [pages extracted of each call], bytes of each get_pages_alloc2 after it.
const SIXTEEN = Array.from({ length: 16 }, () => 4096)
const eight = (length: number, stride: number) =>
  segments(...Array.from({ length: 8 }, (_, i) => [A + i * stride, length] as const))
const HUGE: TestRow = { event: 'map', segs: segments([A, 1 << 21]), backing: 'thp' }
const UNTOUCHED: TestRow = { event: 'map', segs: segments([A, 65_536]), backing: 'anon', flags: 'untouched' }

describe('calls recorded in 6.12.95, cache=none', () => {
  it.each([
    ['pwrite 64K', user('write', A, 65_536), [16], SIXTEEN, 16],
    ['pread 64K', user('read', A, 65_536), [16], SIXTEEN, 16],
    ['pread 64K @+512', user('read', A + 512, 65_536), [17], [3584, ...SIXTEEN.slice(1)], 17],
    ['preadv 8x4K', { op: 'read', iter: 'iovec', segs: eight(4096, 8192) }, Array(8).fill(1), Array(8).fill(4096), 8],
    ['pwritev 8x4K', { op: 'write', iter: 'iovec', segs: eight(4096, 8192) }, Array(8).fill(1), Array(8).fill(4096), 8],
    [
      'preadv 8x512 same addr',
      { op: 'read', iter: 'iovec', segs: eight(512, 0) },
      Array(8).fill(1),
      Array(6).fill(512),
      8,
    ],
    [
      'preadv 8x512 contiguous',
      { op: 'read', iter: 'iovec', segs: eight(512, 512) },
      Array(8).fill(1),
      Array(6).fill(512),
      8,
    ],
    ['pread 64K THP', user('read', A, 65_536), [16], SIXTEEN, 16, HUGE],
    ['pwrite 64K zero page', user('write', A, 65_536), [16], SIXTEEN, 0, UNTOUCHED],
    ['pread 1000@100', user('read', A + 100, 1000), [1], [], 1],
  ] as [string, TestRow, number[], number[], number, TestRow?][])(
    '%s',
    async (_, row, pinned, referenced, pins, map) => {
      const { calls, result } = await taken('6.12', row, map === undefined ? [] : [map])
      const of = (kind: string) => calls.filter(([retention]) => retention === kind)
      expect(of('pin').map(([, pages]) => pages)).toEqual(pinned)
      expect(of('ref').map(([, pages, , bytes]) => [pages, bytes])).toEqual(referenced.map((bytes) => [1, bytes]))
      // Nothing is referenced before all is pinned.
      expect(calls.slice(0, pinned.length)).toEqual(of('pin'))
      expect(result.report.pins).toMatchObject({ acquired: pins, released: pins })
      expectNothingHeld(result)
    },
  )

  it('asks get_pages_alloc2 for what is left, and extract_pages for the bvecs left', async () => {
    const asked: (readonly number[])[] = []
    await on('6.12', [{ op: 'read', iter: 'iovec', segs: eight(512, 512) }], {
      prepare: ({ io }) => {
        const extract = io.extract.bind(io)
        io.extract = (pagesMax, bytesMax, flags, policy = io.policy) => {
          if (policy.isLegacy) asked.push([bytesMax, io.iter.segmentsLeft, io.iter.table.lengthBytes[io.iter.segment]!])
          return extract(pagesMax, bytesMax, flags, policy)
        }
      },
    })
    // maxsize, nseg and seg0_len as recorded.
    expect(asked).toEqual([
      [4096, 8, 512],
      [3584, 7, 512],
      [3072, 6, 512],
      [2560, 5, 512],
      [2048, 4, 512],
      [1536, 3, 512],
    ])
  })
})

describe('short transfers', () => {
  it('6.1: a read that meets the end of the file takes one request more', async () => {
    const { calls, result } = await taken('6.1', user('read', A, 65_536, { result: 10_000 }))
    // From 10000 on, 14 pages hold the rest of 65536.
    expect(calls).toEqual([
      ['ref', 16, 0, 65_536],
      ['ref', 14, 1808, 55_536],
    ])
    expect(result.report).toMatchObject({ bytes: 10_000, data: { zeroCopyBytes: 10_000 } })
    expect(result.report.counters).toMatchObject({ errorReplies: 0 })
  })

  it('6.12: the same by pages; every pinned page is made dirty all the same', async () => {
    const { result } = await taken('6.12', user('read', A, 65_536, { result: 10_000 }))
    // 4096, 4096, 1808 of 4096, and one that gets nothing.
    expect(result.report.counters).toMatchObject({ zeroCopyRequests: 4, bvecs: 16, dirtiedPages: 16 })
    expect(result.results).toEqual([10_000])
  })

  it('a write that the server cuts short is asked for the rest, once by 6.1 and twice through netfs', async () => {
    const row = user('write', A, 65_536, { result: 10_000 })
    const errors = async (kernel: KernelVersion) => (await on(kernel, [row])).report.counters.errorReplies
    expect(await errors('6.1')).toBe(1)
    expect(await errors('6.12')).toBe(2)
    expect(await errors('mainline')).toBe(2)
  })

  it('6.12 goes on with the subrequests behind one that was cut short, mainline does not', async () => {
    const row = user('write', A, 4 * 131_072, { result: 200_000 })
    const requests = async (kernel: KernelVersion) => (await on(kernel, [row])).report.counters.netfsSubrequests
    expect([await requests('6.12'), await requests('mainline')]).toEqual([4, 2])
  })
})

describe('memory that cannot be had', () => {
  const hole: TestRow = { event: 'map', segs: segments([A + 3 * P, P]), backing: 'anon', flags: 'prot_none' }

  it('6.1: what was moved before it is the result, or -EFAULT', async () => {
    const done = await on('6.1', [hole, user('read', A, 8 * P), user('read', A + 3 * P, P)])
    expect(done.results).toEqual([3 * P, -14])
    expect(done.report.refs).toMatchObject({ acquired: 3, released: 3 })
    expectNothingHeld(done)
  })

  it('6.12: the bvecs end before it', async () => {
    const done = await on('6.12', [hole, user('write', A, 8 * P), user('write', A + 3 * P, P)])
    expect(done.results).toEqual([3 * P, -14])
    expect(done.report.pins).toMatchObject({ acquired: 3, released: 3 })
    expectNothingHeld(done)
  })

  it('a copied write with a page missing sends nothing', async () => {
    const done = await on('6.1', [hole, user('write', A + 3 * P - 100, 200)])
    expect(done.results).toEqual([-14])
    expect(done.report.counters).toMatchObject({ copiedRequests: 0 })
    expectNothingHeld(done)
  })
})

describe('requests that end badly', () => {
  it.each([-512, -4])('killed in flight (%d): the pages are put though the device has them', async (result) => {
    const done = await on('6.1', [user('read', A, 65_536, { end: 50, result })])
    expect(done.report.counters).toMatchObject({ killedInFlight: 1, pagesPutInFlight: 16, errorReplies: 0 })
    expect(done.results).toEqual([0])
    expectNothingHeld(done)
  })

  it('without the quirk they wait for the answer to the flush; a KVEC has nothing to put', async () => {
    const quirks = [{ name: 'p9-put-in-flight', on: false }]
    const row = user('read', A, 65_536, { end: 50, result: -512 })
    expect((await on('6.1', [row], { quirks })).report.counters).toMatchObject({
      killedInFlight: 1,
      pagesPutInFlight: 0,
    })
    const kvec: TestRow = { op: 'read', iter: 'kvec', segs: '0x80000000+8192', result: -512 }
    expect((await on('6.1', [kvec])).report.counters).toMatchObject({ killedInFlight: 1, pagesPutInFlight: 0 })
  })

  it('6.12: the transport puts the reference of the one page that it had in flight', async () => {
    const done = await on('6.12', [user('read', A, 65_536, { end: 50, result: -512 })])
    expect(done.report.counters).toMatchObject({ killedInFlight: 1, pagesPutInFlight: 1 })
    expect(done.report.pins).toMatchObject({ acquired: 16, released: 16 })
    expectNothingHeld(done)
  })

  it('an error of the server: everything is let go, and the text of an RERROR copied out of the pages of a read', async () => {
    // size, type, tag, and "Input/output error" with its length and the errno of 9P2000.u: 31 bytes, 11 in the header.
    const options = { options: { 'rerror-bytes': 31 } }
    const rows = [user('read', A, 65_536, { result: -5 }), user('write', A, 65_536, { result: -5 })]
    const done = await on('6.1', rows, options)
    expect(done.report.counters).toMatchObject({ errorReplies: 2, errorTextBytes: 20, zeroCopyRequests: 2 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 0 })
    expectNothingHeld(done)
    expect((await on('6.1', rows)).report.counters).toMatchObject({ errorReplies: 2, errorTextBytes: 0 })
  })
})

describe('what requests share', () => {
  const open = (address: number) => user('read', address, 65_536, { end: 1000 })

  it('the pool: a request waits where as many pages are pinned, and may overshoot', async () => {
    const three = [open(A), open(A), open(A)]
    const waits = async (pages: number) => (await on('6.1', three, { options: { 'pool-pages': pages } })).report
    expect(await waits(33)).toMatchObject({ counters: { poolWaits: 0 }, entries: { limitHits: 0 }, refs: { peak: 48 } })
    expect(await waits(32)).toMatchObject({ counters: { poolWaits: 1 }, entries: { limitHits: 1 }, refs: { peak: 48 } })
  })

  it('the ring: without indirect tables two requests of 128 entries do not fit', async () => {
    const rows = [user('read', A + 0xfff, 511_976, { end: 1000 }), open(B)]
    const run = (indirect: number) => on('6.1', rows, { options: { msize: 512_000, indirect } })
    const direct = await run(0)
    expect(direct.report.counters).toMatchObject({ ringWaits: 1 })
    expect(direct.report.entries.limitHits).toBe(1)
    const indirect = await run(1)
    expect(indirect.report.counters).toMatchObject({ ringWaits: 0 })
    // A table for each: 128 and 18 entries of 16 bytes more.
    expect(indirect.report.allocations!.bytes - direct.report.allocations!.bytes).toBe((128 + 18) * 16)
    expectNothingHeld(direct)
    expectNothingHeld(indirect)
  })

  it('the ring: 128 requests with tables, the next one waits', async () => {
    const rows = Array.from({ length: 129 }, (_, i) => open(A + i * 65_536))
    const done = await on('6.1', rows)
    expect(done.report.counters).toMatchObject({ ringWaits: 1, zeroCopyRequests: 129 })
    expectNothingHeld(done)
  })
})

describe('policies', () => {
  const of = async (kernel: KernelVersion, policy: 'extract' | 'viro-2022' | 'folio', row: TestRow) =>
    (await on(kernel, [row], { policy })).report

  it('extract, on 6.1: pins for user memory, nothing for the rest', async () => {
    expect(await of('6.1', 'extract', user('read', A, 65_536))).toMatchObject({
      pins: { acquired: 16 },
      refs: { acquired: 0 },
    })
    const bvec: TestRow = { op: 'read', iter: 'bvec', segs: '4096:0+8192' }
    expect(await of('6.1', 'extract', bvec)).toMatchObject({
      pins: { acquired: 0 },
      refs: { acquired: 0 },
      bare: { pages: 2 },
    })
  })

  it('extract, on 6.12: netfs pins, the transport lists', async () => {
    const report = await of('6.12', 'extract', user('read', A, 65_536))
    expect(report).toMatchObject({ pins: { acquired: 16 }, refs: { acquired: 0 }, bare: { pages: 16 } })
  })

  it('extract, on mainline: bvecs that meet at page ends are one request', async () => {
    const report = await of('mainline', 'extract', user('read', A, 65_536))
    expect(report).toMatchObject({ pins: { acquired: 16 }, bare: { pages: 16 }, counters: { zeroCopyRequests: 1 } })
  })

  it('viro-2022: a pin for a read, a reference for a write, in netfs too', async () => {
    expect(await of('6.12', 'viro-2022', user('read', A, 65_536))).toMatchObject({
      pins: { acquired: 16 },
      refs: { acquired: 0 },
    })
    expect(await of('6.12', 'viro-2022', user('write', A, 65_536))).toMatchObject({
      pins: { acquired: 0 },
      refs: { acquired: 16 },
    })
  })

  it('the proposal never gave back to the pool what it had not pinned', async () => {
    const bvec = (end: number): TestRow => ({ op: 'read', iter: 'bvec', segs: '4096:0+8192', end })
    const rows = [bvec(10), { ...bvec(2000), ts: 1000 }]
    const options: RowsOptions = { kernel: '6.1', policy: 'extract', options: { 'pool-pages': 2 } }
    const now = await replayRows(p9, rows, options)
    expect(now.report.counters).toMatchObject({ poolWaits: 0, poolPagesLost: 0 })
    const then = await replayRows(p9, rows, { ...options, quirks: [{ name: 'p9-extract-pool-leak', on: true }] })
    expect(then.report.counters).toMatchObject({ poolWaits: 1, poolPagesLost: 4 })
  })
})

describe('of a DISCARD', () => {
  it('a small read is thrown away, a larger one has no pages', async () => {
    const done = await on('6.12', [
      { op: 'read', iter: 'discard', len: 1000 },
      { op: 'read', iter: 'discard', len: 8 * K },
    ])
    expect(done.results).toEqual([1000, -14])
    expectNothingHeld(done)
  })
})

describe('every step that can fail', () => {
  const rows: readonly TestRow[] = [
    user('read', A + 512, 20_000),
    user('write', A, 3 * 131_072 + 100, { end: 40 }),
    { op: 'write', iter: 'kvec', segs: '0x80000800+9000;0x80008000+500' },
    { op: 'read', iter: 'bvec', segs: '4096:0+8192;5000:100+3000', end: 50 },
    user('read', B, 30_000, { result: 10_000, end: 60 }),
    user('write', B, 30_000, { result: 10_000 }),
    { op: 'read', iter: 'xarray', segs: 'f:0+200000' },
    user('read', A, 1000),
    user('write', A, 1000),
  ]

  it.each(['6.1', '6.12', '6.18', 'mainline'] as const)('%s: leaves nothing held', async (kernel) => {
    for (const policy of ['get-pages', 'extract', 'folio'] as const) {
      const options = { indirect: policy === 'extract' ? 0 : 1 }
      const sweep = await sweepFaults(p9, rows, { kernel, policy, options }, 32)
      expect(sweep.unclean).toEqual([])
      const { map, ...steps } = sweep.steps
      expect(map).toBe(0)
      expect(Object.values(steps).every((count) => count > 0)).toBe(true)
    }
  })

  it('6.1: without memory for the first request -ENOMEM, for a later one what was moved', async () => {
    const iovec: TestRow = { op: 'read', iter: 'iovec', segs: segments([A, P], [B, P]) }
    const at = async (n: number) => (await on('6.1', [iovec], { inject: { fault: 'alloc', at: n } })).results
    // Request, two messages, page array, indirect table; a table that cannot be had is done without.
    expect(await Promise.all([1, 2, 3, 4, 5, 6, 9].map(at))).toEqual([
      [-12],
      [-12],
      [-12],
      [-12],
      [8192],
      [4096],
      [4096],
    ])
  })

  it('6.12: an error takes back what a read had moved, and a write forgets it', async () => {
    const at = async (op: 'read' | 'write', n: number, kernel: KernelVersion) =>
      (await on(kernel, [user(op, A, 2 * P)], { inject: { fault: 'alloc', at: n } })).results[0]
    // netfs request, bvec array, subrequest, and five for each request.
    expect(await Promise.all([1, 2, 3, 4, 9].map((n) => at('read', n, '6.12')))).toEqual([-12, -12, -12, -12, -12])
    // A write has a folio queue segment too; its subrequest is in reserve, and a short one is issued again.
    expect(await Promise.all([1, 2, 3, 4, 5, 10].map((n) => at('write', n, '6.12')))).toEqual([
      -12, -12, -12, 8192, 0, 8192,
    ])
    expect(await Promise.all([4, 5, 10].map((n) => at('write', n, 'mainline')))).toEqual([-12, -12, 8192])
  })

  it('6.12: a page that cannot be had makes the operation shorter, the first one an error', async () => {
    const at = async (n: number) =>
      (await on('6.12', [user('read', A, 4 * P)], { inject: { fault: 'page', at: n } })).results
    expect(await Promise.all([1, 2, 4].map(at))).toEqual([[-14], [P], [3 * P]])
  })
})

// The table of ownership, row "9p zc"; through netfs user memory is pinned as well.
describe('what is taken on each iterator type', () => {
  const shapes = [
    { row: { op: 'read' }, bytes: 2 * P },
    { row: { op: 'write' }, bytes: 2 * P },
  ] as const

  it.each([
    ['6.1', ['ref', 'ref', 'ref', 'bare', 'ref', 'n/a', '-EFAULT']],
    ['6.12', ['pin + ref', 'pin + ref', 'ref', 'bare', 'ref', 'ref', '-EFAULT']],
    ['mainline', ['pin + ref', 'pin + ref', 'ref', 'bare', 'ref', 'ref', '-EFAULT']],
  ] as const)('%s', async (kernel, cells) => {
    const types = ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray', 'folioq', 'discard'] as const
    const found: string[] = []
    for (const type of types) {
      if (type === 'kvec') {
        const { report } = await on(kernel, [{ op: 'read', iter: 'kvec', segs: '0x80000000+8192' }])
        found.push(report.bare.pages > 0 && report.refs.acquired + report.pins.acquired === 0 ? 'bare' : 'else')
      } else found.push(await ownershipCell(p9, kernel, type, type === 'discard' ? shapes.slice(0, 1) : shapes))
    }
    expect(found).toEqual(cells)
  })

  it('6.1 splices into a pipe: the ring has the pages, and each request a reference', async () => {
    const done = await on('6.1', [{ op: 'read', iter: 'pipe', len: 16_384, result: 5000 }])
    expect(done.report).toMatchObject({ bytes: 5000, pins: { acquired: 0 } })
    expectNothingHeld(done)
  })
})
