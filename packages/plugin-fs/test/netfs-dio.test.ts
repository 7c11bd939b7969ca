import type { KernelVersion } from '@pinscope/core'
import {
  type IterTypeName,
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { netfsDio } from '../src/netfs-dio/definition.ts'

// Direct I/O of netfs: user memory as bvecs (NX1, NX2), subrequests (NX3, NX4), what a read dirties (H16), short answers, and
// what happens without memory.

const KERNELS = ['6.1', '6.12', '6.18', 'mainline'] as const
const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const
const P = 4096
const K = 1024
const A = 0x7f0000000000
const B = 0x7f0100000000

const EIO = -5
const ENOMEM = -12
const EFAULT = -14
const EINVAL = -22

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(netfsDio, rows, { kernel, ...options })
const at = (address: number, length: number) => `0x${address.toString(16)}+${length}`
const write = (iter: IterTypeName, segs: string, more: TestRow = {}): TestRow => ({ op: 'write', iter, segs, ...more })
const read = (iter: IterTypeName, segs: string, more: TestRow = {}): TestRow => ({ op: 'read', iter, segs, ...more })

/** Bvecs of those lengths, on frames that do not meet. */
const bvecs = (...lengths: readonly number[]) => lengths.map((length, i) => `${1000 * (i + 1)}:0+${length}`).join(';')

function expectClean({ report, lane }: RowsResult) {
  expect({
    held: report.pins.open + report.refs.open,
    bytes: lane.io.allocations.openBytes,
    violations: report.violations.map(({ rule }) => rule),
  }).toEqual({ held: 0, bytes: 0, violations: [] })
}

const X = 0x10f00
const Y = 0x20000
const NX1 = `${at(X, 0x300)};${at(Y, 0x2800)}`

describe.each(SINCE_6_12)('user memory, %s', (kernel) => {
  it.each(['read', 'write'] as const)('NX1: a bvec a page, a pin each, one array (%s)', async (op) => {
    const done = await on(kernel, [{ op, iter: 'iovec', segs: NX1, end: 'never' }])
    expect(done.report.counters).toMatchObject({ requests: 1, subrequests: 1, bvecs: 5, asyncRequests: 1 })
    expect(done.report.pins).toMatchObject({ acquired: 5, open: 5 })
    expect(done.report.entries).toMatchObject({ built: 5, bytes: 80 })
    expect(done.lists[0]?.entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])).toEqual([
      [0xf00, 0x100],
      [0, 0x200],
      [0, P],
      [0, P],
      [0, 0x800],
    ])
    expect(done.results).toEqual([0x2b00])
  })

  it('NX1: the request, its bvecs and its subrequest, and for a write the first segment of a rolling buffer', async () => {
    const { report } = await on(kernel, [read('iovec', NX1)])
    const [request, subrequest, folioQueue] = kernel === '6.12' ? [600, 176, 336] : [608, 144, 328]
    expect(report.allocations).toMatchObject({ made: 3, bytes: request + subrequest + 80, openBytes: 0 })
    const written = await on(kernel, [write('iovec', NX1)])
    expect(written.report.allocations).toMatchObject({ made: 4, bytes: request + subrequest + 80 + folioQueue })
  })

  it('NX2: the request ends at a page that cannot be had', async () => {
    const done = await on(kernel, [{ event: 'unmap', segs: at(Y + P, P) }, write('iovec', NX1)])
    expect(done.results).toEqual([0x1300])
    expect(done.report.counters).toMatchObject({ bvecs: 3, shortExtractions: 1 })
    expect(done.report.pins).toMatchObject({ acquired: 3, open: 0 })
    expectClean(done)
  })

  it('an error where that is the first, or where there is no memory for the array', async () => {
    const gone = await on(kernel, [{ event: 'unmap', segs: at(X, 0x100) }, read('iovec', NX1)])
    expect([gone.results, gone.report.pins.acquired, gone.report.counters.dirtiedPages]).toEqual([[EFAULT], 0, 0])
    expectClean(gone)
    const full = await on(kernel, [read('iovec', NX1)], { inject: { fault: 'alloc', at: 2 } })
    expect([full.results, full.report.pins.acquired]).toEqual([[ENOMEM], 0])
    expectClean(full)
  })

  it('a synchronous request does the same: it is only not asynchronous', async () => {
    const done = await on(kernel, [read('iovec', NX1)])
    expect(done.report.counters).toMatchObject({ requests: 1, asyncRequests: 0, bvecs: 5 })
    expect(done.report.pins).toMatchObject({ acquired: 5, open: 0 })
  })

  it('get-pages takes references', async () => {
    const done = await on(kernel, [read('iovec', NX1)], { policy: 'get-pages' })
    expect([done.report.pins.acquired, done.report.refs.acquired]).toEqual([0, 5])
    expectClean(done)
  })
})

describe.each(SINCE_6_12)('what a read dirties, %s', (kernel) => {
  const row = read('ubuf', at(A + 100, 3 * P))

  it.each([
    ['in full', {}, 0],
    // 3996 bytes of the first page, 1004 of the second.
    ['short', { result: 5000 }, 2],
    ['none of it: the end of the file', { result: 0 }, 4],
    ['failed', { result: EIO, end: 100 }, 4],
  ])('H16: every page, read %s', async (_, more, unread) => {
    const done = await on(kernel, [{ ...row, ...more }])
    expect(done.report.counters).toMatchObject({ bvecs: 4, dirtiedPages: 4, dirtiedUnread: unread })
    expectClean(done)
  })

  it('no page of kernel memory, and none of a write', async () => {
    const done = await on(kernel, [read('bvec', bvecs(P, P)), write('ubuf', at(A, P))])
    expect(done.report.counters).toMatchObject({ dirtiedPages: 0, shallowCopies: 1 })
  })
})

describe.each(SINCE_6_12)('kernel memory, %s', (kernel) => {
  it.each([
    ['bvec', bvecs(3 * P, 100), 4],
    ['kvec', '0x888000000f00+4096', 2],
    ['folioq', `f:0+${4 * P}`, 4],
    ['xarray', `f:0+${4 * P}`, 4],
  ] as const)('%s: copied as it is, nothing taken', async (iter, segs, pages) => {
    for (const op of ['read', 'write'] as const) {
      const done = await on(kernel, [{ op, iter, segs, end: 100 }])
      expect(done.report.counters).toMatchObject({ shallowCopies: 1, bvecs: 0, subrequests: 1 })
      expect([done.report.pins.acquired, done.report.refs.acquired, done.report.bare.pages]).toEqual([0, 0, pages])
      expect(done.report.avoided).toMatchObject({ entries: pages, allocations: 1 })
      expectClean(done)
    }
  })

  it.each([
    ['freed', { event: 'free', iter: 'bvec', segs: `1000:0+${P}` }, ['use-after-free']],
    ['modified', { event: 'dirty', iter: 'bvec', segs: `1000:0+${P}` }, ['modified-in-use']],
  ] as const)('what is %s while a write is in flight', async (_, event, rules) => {
    const { report } = await on(kernel, [write('bvec', bvecs(P), { end: 100 }), event])
    expect(report.violations.map(({ rule }) => rule)).toEqual(rules)
    const over = await on(kernel, [write('bvec', bvecs(P), { end: 1 }), { ts: 5, ...event }])
    expectClean(over)
  })

  it('page cache that is truncated under a read', async () => {
    const { report } = await on(kernel, [
      read('xarray', `f:0+${2 * P}`, { end: 100 }),
      { event: 'truncate', file: 'f', offset: 0 },
    ])
    expect(report.violations.map(({ rule }) => rule)).toEqual(['truncate-in-use'])
  })
})

describe.each(SINCE_6_12)('subrequests, %s', (kernel) => {
  const counters = async (row: TestRow, options: Readonly<Record<string, number>>) => {
    const done = await on(kernel, [row], { options })
    expectClean(done)
    return done.report.counters
  }

  it('NX3: at most rsize bytes, whatever the segments', async () => {
    expect(await counters(read('iovec', NX1), { rsize: 0x1000, 'max-segs': 9 })).toMatchObject({
      subrequests: 3,
      limitedSubrequests: 0,
    })
  })

  it('NX4: at most two segments: 0x300, then from bvec 2 on 0x2000, then 0x800', async () => {
    const limits = { rsize: 64 * K, 'max-segs': 2 }
    expect(await counters(read('iovec', NX1), limits)).toMatchObject({ subrequests: 3, limitedSubrequests: 2 })
  })

  it('6.12 does not cut writes by segments', async () => {
    const { subrequests } = await counters(write('iovec', NX1), { wsize: 64 * K, 'max-segs': 2 })
    expect(subrequests).toBe(kernel === '6.12' ? 1 : 3)
  })

  it('an array for each of them is what the chain of 6.1 had', async () => {
    const { report } = await on(kernel, [read('ubuf', at(A, 16 * P))], { options: { rsize: 4 * P } })
    expect(report.avoided).toEqual({ copyBytes: 16 * P, entries: 16, allocations: 3 })
  })

  it('6.12 issues writes at once, later versions one when the one before is answered', async () => {
    const row = write('ubuf', at(A, 64 * K), { result: 20000 })
    const done = await on(kernel, [row], { options: { wsize: 16 * K } })
    expect(done.results).toEqual([20000])
    expect(done.report.counters.subrequests).toBe(kernel === '6.12' ? 4 : 2)
    expectClean(done)
  })

  it.each([
    ['the first', 0, 1],
    ['the second', 16 * K, 2],
  ] as const)('the subrequest that fails has been issued: %s', async (_name, result, issued) => {
    const done = await on(kernel, [write('ubuf', at(A, 64 * K), { result })], { options: { wsize: 16 * K } })
    expect([done.results, done.report.counters.subrequests]).toEqual([[result], kernel === '6.12' ? 4 : issued])
    expectClean(done)
  })

  it('an xarray that starts inside a folio: since 6.18 the offset counts in every folio', async () => {
    const done = await on(kernel, [write('xarray', `f:${P / 2}+${2 * P}`)])
    expect(done.report.counters.subrequests).toBe(kernel === '6.12' ? 1 : 2)
    expect(done.results).toEqual([2 * P])
  })
})

describe('short answers', () => {
  const run = async (kernel: KernelVersion, row: TestRow, options: Readonly<Record<string, number>>, quirk = true) => {
    const quirks = quirk ? [] : [{ name: 'netfs-read-retry-abandons', on: false }]
    const done = await on(kernel, [row], { options: { 'answer-bytes': 16 * K, ...options }, quirks })
    expectClean(done)
    const { subrequests, retries, abandoned, overWsize, dirtiedPages } = done.report.counters
    return { result: done.results[0], subrequests, retries, abandoned, overWsize, dirtiedPages, pins: done.report.pins }
  }

  it.each(SINCE_6_12)('%s: what a read lacks is asked for again, with no page taken for it', async (kernel) => {
    for (const renegotiates of [0, 1]) {
      const done = await run(kernel, read('ubuf', at(A, 128 * K)), { rsize: 64 * K, renegotiates })
      expect(done).toMatchObject({ result: 128 * K, subrequests: 2, retries: 6, abandoned: 0, dirtiedPages: 32 })
      expect(done.pins.acquired).toBe(32)
    }
  })

  it.each(SINCE_6_12)('%s: none behind the end of the file', async (kernel) => {
    const row = read('ubuf', at(A, 128 * K), { result: 40 * K })
    const { result, retries } = await run(kernel, row, { rsize: 64 * K })
    expect([result, retries]).toEqual([40 * K, 2])
  })

  /** Subrequests of two and three answers. */
  const uneven = read('bvec', bvecs(32 * K, 48 * K))
  /** One that is complete between two that are not. */
  const between = read('bvec', bvecs(48 * K, 16 * K, 48 * K))
  const cifs = { 'max-segs': 1, renegotiates: 1 }

  it.each([
    ['6.12', ENOMEM, 2, 1],
    ['6.18', 80 * K, 3, 0],
    ['mainline', 80 * K, 3, 0],
  ] as const)(
    '%s: a complete subrequest in front of one that needs a retry',
    async (kernel, result, retries, given) => {
      expect(await run(kernel, uneven, cifs)).toMatchObject({ result, retries, abandoned: given })
      expect(await run(kernel, uneven, cifs, false)).toMatchObject({ result: 80 * K, retries: 3, abandoned: 0 })
      expect(await run(kernel, uneven, { 'max-segs': 1 })).toMatchObject({ result: 80 * K, retries: 3, abandoned: 0 })
    },
  )

  it.each(SINCE_6_12)('%s: one between', async (kernel) => {
    expect(await run(kernel, between, cifs)).toMatchObject({ result: ENOMEM, retries: 2, abandoned: 1 })
    expect(await run(kernel, between, cifs, false)).toMatchObject({ result: 112 * K, retries: 4, abandoned: 0 })
  })

  it.each([
    ['6.12', ENOMEM],
    ['6.18', 80 * K],
    ['mainline', 80 * K],
  ] as const)('%s: one that reached the end of the file, behind one that needs a retry', async (kernel, result) => {
    const row = read('ubuf', at(A, 128 * K), { result: 80 * K })
    expect((await run(kernel, row, { rsize: 64 * K, renegotiates: 1 })).result).toBe(result)
  })

  it.each(SINCE_6_12)('%s: the file ends in the first, and what lies behind it is given up', async (kernel) => {
    // 6.12 has given up the second, which is empty, but looks no further than the first that is not complete.
    const row = read('ubuf', at(A, 128 * K), { result: 40 * K })
    const done = await run(kernel, row, { rsize: 64 * K, renegotiates: 1 })
    expect([done.result, done.abandoned]).toEqual([40 * K, kernel === '6.12' ? 1 : 0])
  })

  it('6.12: each short write is issued again by itself', async () => {
    expect(await run('6.12', write('ubuf', at(A, 128 * K)), { wsize: 64 * K })).toMatchObject({
      result: 128 * K,
      subrequests: 2,
      retries: 6,
      overWsize: 0,
    })
  })

  it.each([
    // 112, 96 and 80 KiB of the rest are more than wsize.
    [0, 3],
    [1, 0],
  ])('since 6.18 a short write goes on with all that is left (renegotiates: %i)', async (renegotiates, overWsize) => {
    for (const kernel of ['6.18', 'mainline'] as const) {
      const done = await run(kernel, write('ubuf', at(A, 128 * K)), { wsize: 64 * K, renegotiates })
      expect(done).toMatchObject({ result: 128 * K, subrequests: 1, retries: 7, overWsize })
    }
  })
})

describe('without memory', () => {
  const options = { rsize: 2 * P, wsize: 2 * P }
  const run = (kernel: KernelVersion, op: 'read' | 'write', step: number, quirks: RowsOptions['quirks'] = []) =>
    on(kernel, [{ op, iter: 'ubuf', segs: at(A, 4 * P), end: 100 }], {
      options,
      quirks,
      inject: { fault: 'alloc', at: step },
    })

  // Allocations of a read: the request, the bvecs, two subrequests.
  it.each([
    ['6.12', 3, 0, 1],
    ['6.12', 4, 2 * P, 0],
    ['mainline', 3, ENOMEM, 0],
    ['mainline', 4, ENOMEM, 0],
  ] as const)('%s: a read without its subrequest, allocation %i', async (kernel, step, result, putTwice) => {
    const done = await run(kernel, 'read', step)
    expect(done.results).toEqual([result])
    // The collector runs all the same.
    expect(done.report.counters).toMatchObject({ putTwice, dirtiedPages: 4 })
    expectClean(done)
  })

  it('6.12, with the quirk switched off: the error', async () => {
    const done = await run('6.12', 'read', 3, [{ name: 'netfs-read-unsubmitted', on: false }])
    expect([done.results, done.report.counters.putTwice]).toEqual([[ENOMEM], 0])
  })

  // Of a write: the request, the rolling buffer, the bvecs, two subrequests.
  it.each([
    ['6.12', [ENOMEM, ENOMEM, ENOMEM, 4 * P, 4 * P]],
    ['mainline', [ENOMEM, ENOMEM, ENOMEM, ENOMEM, 2 * P]],
  ] as const)('%s: a write', async (kernel, expected) => {
    const results: (number | undefined)[] = []
    for (let step = 1; step <= 5; step++) {
      const done = await run(kernel, 'write', step)
      results.push(done.results[0])
      expectClean(done)
    }
    expect(results).toEqual(expected)
  })

  it.each([
    ['6.12', 0, 2 * P],
    ['mainline', EFAULT, 2 * P],
  ] as const)('%s: kernel memory that cannot be had: a write loses the error or not', async (kernel, first, later) => {
    const row = write('bvec', bvecs(4 * P))
    const result = async (step: number) =>
      (await on(kernel, [row], { options, inject: { fault: 'page', at: step } })).results[0]
    expect([await result(1), await result(3)]).toEqual([first, later])
    const readRow = read('bvec', bvecs(4 * P))
    const failed = await on(kernel, [readRow], { options, inject: { fault: 'page', at: 3 } })
    expect(failed.results).toEqual([EFAULT])
  })
})

describe.each(SINCE_6_12)('rolling buffers, %s', (kernel) => {
  const options = { 'page-cache': 1 }
  const cached =
    (order: number, bytes: number): NonNullable<RowsOptions['prepare']> =>
    ({ memory }) => {
      memory.cache.populate(0, Float64Array.of(0), 0, bytes, order)
    }
  const segment = kernel === '6.12' ? 336 : 328

  it.each([
    ['pages', 0, 40, 2],
    ['folios of 64 KiB', 4, 3, 1],
  ])('readahead drops its references when the folios are loaded: %s', async (_, order, folios, segments) => {
    const bytes = (folios * P) << order
    const row = read('folioq', `f:0+${bytes}`, { end: 100 })
    const prepare = cached(order, bytes)
    const flying = await on(kernel, [{ ...row, end: 'never' }], { options, prepare })
    expect(flying.report.refs).toMatchObject({ acquired: folios, open: 0 })
    const done = await on(kernel, [row], { options, prepare })
    expect(done.report.counters).toMatchObject({ rollingFolios: folios, readaheadRefs: folios, shallowCopies: 0 })
    const [request, subrequest] = kernel === '6.12' ? [600, 176] : [608, 144]
    expect(done.report.allocations).toMatchObject({
      made: 2 + segments,
      bytes: request + subrequest + segments * segment,
    })
    expectClean(done)
  })

  it('a write takes nothing: its folios are under writeback, and it is cut by segments too', async () => {
    const row = write('folioq', `f:0+${40 * P}`, { end: 100 })
    const done = await on(kernel, [row], { options: { ...options, 'max-segs': 10, wsize: 16 * P } })
    expect(done.report.counters).toMatchObject({ rollingFolios: 40, readaheadRefs: 0, subrequests: 4 })
    expect([done.report.refs.acquired, done.report.pins.acquired]).toEqual([0, 0])
    expectClean(done)
  })

  it('the lock keeps them until it is given up: truncation waits', async () => {
    const row = read('folioq', `f:0+${2 * P}`, { end: 100 })
    const truncate = { event: 'truncate', file: 'f', offset: 0 }
    expectClean(await on(kernel, [row, truncate], { options }))
    const unlock = { event: 'unlock', file: 'f', offset: 0, len: 2 * P }
    const { report } = await on(kernel, [row, unlock, truncate], { options })
    expect(report.violations.map(({ rule }) => rule)).toEqual(['truncate-in-use'])
  })

  it('readahead without memory gives everything back, writeback waits for it', async () => {
    for (let step = 1; step <= 4; step++) {
      const inject = { fault: 'alloc', at: step } as const
      const done = await on(kernel, [read('folioq', `f:0+${40 * P}`)], { options, inject })
      expect([done.results, done.report.refs.open]).toEqual([[ENOMEM], 0])
      expectClean(done)
      expect((await on(kernel, [write('folioq', `f:0+${40 * P}`)], { options, inject })).results).toEqual([40 * P])
    }
  })
})

describe('faults', () => {
  const rows = (kernel: KernelVersion): TestRow[] => [
    read('iovec', NX1, { end: 20 }),
    write('iovec', NX1, { end: 21 }),
    read('ubuf', at(A + 100, 20 * P), { end: 22, result: 30000 }),
    write('ubuf', at(B, 20 * P), { end: 23 }),
    read('bvec', bvecs(3 * P, 100), { end: 24 }),
    write('bvec', bvecs(3 * P, 100), { end: 25 }),
    write('kvec', '0x888000000f00+4096'),
    ...(kernel === '6.1' ? [] : [write('folioq', `f:0+${4 * P}`, { end: 26 }), read('folioq', `h:0+${40 * P}`)]),
    read('xarray', `g:0+${4 * P}`, { end: 27 }),
  ]

  const LIMITS = { rsize: 3 * P, wsize: 3 * P, 'max-segs': 2, 'answer-bytes': 1000 }

  it.each(KERNELS)('%s: every step, and nothing is left', async (kernel) => {
    for (const on of [0, 1]) {
      const options = { ...LIMITS, renegotiates: on, 'page-cache': on }
      const { steps, unclean } = await sweepFaults(netfsDio, rows(kernel), { kernel, options })
      expect(unclean).toEqual([])
      expect(steps.alloc).toBeGreaterThanOrEqual(kernel === '6.1' ? 0 : 40)
    }
  })
})

describe('what it takes', () => {
  const shapes = [
    { row: { op: 'read' }, bytes: 8192 },
    { row: { op: 'write' }, bytes: 8192 },
  ] as const

  it.each(SINCE_6_12)('%s', async (kernel) => {
    const cell = (type: IterTypeName) => ownershipCell(netfsDio, kernel, type, shapes)
    expect([await cell('ubuf'), await cell('iovec')]).toEqual(['pin', 'pin'])
    for (const type of ['bvec', 'kvec', 'xarray', 'folioq'] as const) expect(await cell(type)).toBe('bare')
    const options = { 'page-cache': 1 }
    const shape = { row: { op: 'read' }, bytes: 8192, options } as const
    expect(await ownershipCell(netfsDio, kernel, 'folioq', [shape])).toBe('ref')
    expect(await ownershipCell(netfsDio, kernel, 'folioq', [{ ...shape, row: { op: 'write' } }])).toBe('bare')
    for (const type of ['discard', 'pipe', 'mixed'] as const) expect(await cell(type)).toBe('n/a')
  })

  it('6.1 has no direct I/O in netfs', async () => {
    const done = await on('6.1', [read('ubuf', at(A, P)), write('bvec', bvecs(P))])
    expect(done.results).toEqual([EINVAL, EINVAL])
    expect(done.report.counters).toMatchObject({ refused: 2, requests: 0 })
    expectClean(done)
  })
})
