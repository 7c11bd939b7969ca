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
import { nfsDirect } from '../src/nfs-direct/definition.ts'

// Direct I/O of the NFS client: references of the iterator and of nfs_page (ND1), how nfs_page are gathered into requests and
// split, what a read dirties, COMMITs, and what happens without memory.

const KERNELS = ['6.1', '6.12', '6.18', 'mainline'] as const
const P = 4096
const K = 1024
const M = K * K
const A = 0x7f0000000000
const B = 0x7f0100000000

const EIO = -5
const ENOMEM = -12

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(nfsDirect, rows, { kernel, ...options })
const at = (address: number, length: number) => `0x${address.toString(16)}+${length}`
const write = (iter: IterTypeName, segs: string, more: TestRow = {}): TestRow => ({ op: 'write', iter, segs, ...more })
const read = (iter: IterTypeName, segs: string, more: TestRow = {}): TestRow => ({ op: 'read', iter, segs, ...more })

/** {offset, length} of the nfs_page of each request. */
const requests = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))

function expectClean({ report, lane }: RowsResult) {
  expect({
    held: report.pins.open + report.refs.open,
    bytes: lane.io.allocations.openBytes,
    open: lane.io.allocations.made - lane.io.allocations.freed,
    violations: report.violations.map(({ rule }) => rule),
  }).toEqual({ held: 0, bytes: 0, open: 0, violations: [] })
}

/** Bytes of a nfs_direct_req and of a nfs_pgio_header. */
const SIZES = { '6.1': [224, 904], '6.12': [216, 912], '6.18': [216, 912], mainline: [216, 944] } as const

describe.each(KERNELS)('references, %s', (kernel) => {
  const ND1 = read('ubuf', at(A + 0x800, 2 * P))

  it('ND1: two chunks, the page in both referenced twice', async () => {
    const options = { rsize: P }
    const flying = await on(kernel, [{ ...ND1, end: 'never' }], { options })
    // Those of the iterator went when the nfs_page had theirs.
    expect(flying.report.refs).toMatchObject({ acquired: 2 * 4, open: 4 })
    expect(requests(flying)).toEqual([
      [
        [0x800, 0x800],
        [0, 0x800],
      ],
      [
        [0x800, 0x800],
        [0, 0x800],
      ],
    ])
    const pages = flying.lists.map(({ entries }) => entries.map(({ page }) => page))
    expect(pages[0]?.[1]).toBe(pages[1]?.[0])
    expect(new Set(pages.flat()).size).toBe(3)

    const done = await on(kernel, [ND1], { options })
    expect(done.report.counters).toMatchObject({ chunks: 2, nfsPages: 4, rpcs: 2, splitPages: 0, dirtiedPages: 4 })
    // Two arrays of page pointers for the chunks, two in the requests.
    expect(done.report.entries).toMatchObject({ built: 8, bytes: 8 * 8 })
    expectClean(done)
  })

  it('a request, its nfs_page and headers; the arrays of the chunks go at once', async () => {
    const [directReq, header] = SIZES[kernel]
    const flying = directReq + 4 * 96 + 2 * header
    const { report, lane } = await on(kernel, [{ ...ND1, end: 100 }], {
      options: { rsize: P },
      afterRow: ({ io }) => expect(io.allocations.openBytes).toBe(flying),
    })
    expect(report.allocations).toMatchObject({ made: 1 + 4 + 2 + 2, bytes: flying + 2 * 16 })
    expect(lane.io.allocations.openBytes).toBe(0)
  })

  it('more than eight pages have an array of their own in the request', async () => {
    const made = async (pages: number) =>
      (await on(kernel, [read('ubuf', at(A, pages * P))])).report.allocations?.made ?? 0
    expect((await made(9)) - (await made(8))).toBe(2)
  })

  it('extract pins, and lets go of the pins when the nfs_page have their references', async () => {
    const done = await on(kernel, [{ ...ND1, end: 'never' }], { options: { rsize: P }, policy: 'extract' })
    expect(done.report.pins).toMatchObject({ acquired: 4, open: 0 })
    expect(done.report.refs).toMatchObject({ acquired: 4, open: 4 })
  })

  it('it ends at memory that cannot be had', async () => {
    const done = await on(kernel, [{ event: 'unmap', segs: at(A + 2 * P, P) }, read('ubuf', at(A, 4 * P))])
    expect(done.results).toEqual([2 * P])
    expect(done.report.counters).toMatchObject({ nfsPages: 2, rpcs: 1, dirtiedPages: 2 })
    expectClean(done)
  })
})

describe.each(KERNELS)('requests, %s', (kernel) => {
  const run = async (row: TestRow, options: Readonly<Record<string, number>> = {}) => {
    const flying = await on(kernel, [{ ...row, end: 'never' }], { options })
    const done = await on(kernel, [row], { options })
    expectClean(done)
    return { ...done.report.counters, open: flying.report.refs.open, lists: requests(done), result: done.results[0] }
  }

  it('1 MiB is one, 1 MiB and a page two', async () => {
    expect(await run(read('ubuf', at(A, M)))).toMatchObject({ chunks: 1, nfsPages: 256, rpcs: 1, open: 256 })
    expect(await run(read('ubuf', at(A, M + P)))).toMatchObject({ chunks: 2, nfsPages: 257, rpcs: 2, open: 257 })
  })

  it('segments whose ends meet at page boundaries go together, others do not', async () => {
    expect(await run(read('iovec', `${at(A, 2 * P)};${at(B, P)}`))).toMatchObject({ chunks: 2, rpcs: 1 })
    expect(await run(read('iovec', `${at(A, 2 * P - 4)};${at(B, P)}`))).toMatchObject({ chunks: 2, rpcs: 2 })
  })

  it('a page that the end of a request cuts has two nfs_page', async () => {
    const row = read('iovec', `${at(A + 0x800, 0x800)};${at(B, 8 * P)}`)
    const done = await run(row, { rsize: 4 * P })
    expect(done).toMatchObject({ chunks: 3, nfsPages: 9, splitPages: 2, rpcs: 3, open: 11, dirtiedPages: 11 })
    const [whole, half] = [
      [0, P],
      [0x800, 0x800],
    ]
    expect(done.lists).toEqual([
      [half, whole, whole, whole, [0, 0x800]],
      [half, whole, whole, whole, [0, 0x800]],
      [half],
    ])
  })

  it('rsize below a page: four requests a page', async () => {
    expect(await run(read('ubuf', at(A, P)), { rsize: 1024 })).toMatchObject({
      chunks: 1,
      nfsPages: 1,
      splitPages: 3,
      rpcs: 4,
      open: 4,
    })
  })

  it('the same page twice in a row: 6.1 begins a request', async () => {
    const row = write('bvec', `1000:0+${P};1000:0+${P}`)
    expect(await run(row)).toMatchObject({ rpcs: kernel === '6.1' ? 2 : 1 })
  })
})

describe.each(KERNELS)('what a read dirties, %s', (kernel) => {
  const row = read('ubuf', at(A + 100, 3 * P))
  const dirtied = async (more: TestRow, before: readonly TestRow[] = []) => {
    const done = await on(kernel, [...before, { ...row, ...more }])
    expectClean(done)
    const { dirtiedPages, compoundClean } = done.report.counters
    return [dirtiedPages, compoundClean]
  }

  it('what it put something into, and nothing when it failed', async () => {
    expect(await dirtied({})).toEqual([4, 0])
    // 3996 bytes of the first page, 1004 of the second.
    expect(await dirtied({ result: 5000 })).toEqual([2, 0])
    expect(await dirtied({ result: 0 })).toEqual([0, 0])
    expect(await dirtied({ result: EIO, end: 100 })).toEqual([0, 0])
  })

  it('no page of a large folio', async () => {
    const huge = { event: 'map', segs: at(A, 2 * M), backing: 'anon', flags: 'order=9' }
    expect(await dirtied({}, [huge])).toEqual([0, 4])
  })

  it('none of kernel memory, and none of a write', async () => {
    const done = await on(kernel, [read('bvec', `1000:0+${P}`), write('ubuf', at(B, P))])
    expect(done.report.counters).toMatchObject({ dirtiedPages: 0, compoundClean: 0 })
  })
})

describe('writes', () => {
  const run = async (
    kernel: KernelVersion,
    rows: readonly TestRow[],
    options: Readonly<Record<string, number>> = {},
  ) => {
    const done = await on(kernel, rows, { options: { wsize: 16 * K, ...options } })
    expectClean(done)
    return done.report.counters
  }
  const one = write('ubuf', at(A, 16 * K))
  const two = write('ubuf', at(A, 32 * K), { file: 'f' })

  it.each(KERNELS)('%s: one request asks for stable storage, two are followed by a COMMIT', async (kernel) => {
    expect(await run(kernel, [one])).toMatchObject({ rpcs: 1, commits: 0 })
    expect(await run(kernel, [two])).toMatchObject({ rpcs: 2, commits: 1, rescheduled: 0 })
    expect(await run(kernel, [two], { unstable: 0 })).toMatchObject({ rpcs: 2, commits: 0 })
  })

  it.each(KERNELS)('%s: the pages stay until the end of the operation, which is that of the COMMIT', async (kernel) => {
    const { report } = await on(kernel, [{ ...two, end: 'never' }], { options: { wsize: 16 * K } })
    expect(report.refs).toMatchObject({ acquired: 16, open: 8 })
  })

  it.each(KERNELS)('%s: all is written again where the server restarted', async (kernel) => {
    expect(await run(kernel, [two], { restarts: 1 })).toMatchObject({ rpcs: 4, commits: 1, rescheduled: 8 })
    expect(await run(kernel, [one], { restarts: 1 })).toMatchObject({ rpcs: 1, commits: 0, rescheduled: 0 })
  })

  it.each(KERNELS)('%s: a write that failed is not committed', async (kernel) => {
    expect(await run(kernel, [{ ...two, result: EIO, end: 100 }])).toMatchObject({ rpcs: 2, commits: 0 })
  })

  it.each([
    // Unstable and short: sent again whole, then the rest of that. Each time.
    ['6.1', 8, 2],
    ['6.12', 8, 2],
    // The second operation on the file asks for stable storage.
    ['mainline', 4 + 2, 1],
  ] as const)('%s: short answers', async (kernel, retries, commits) => {
    const short = { 'answer-bytes': 8 * K }
    expect(await run(kernel, [two, two], short)).toMatchObject({ rpcs: 4, retries, commits })
    expect(await run(kernel, [one], short)).toMatchObject({ rpcs: 1, retries: 1 })
    const reads = await on(kernel, [read('ubuf', at(A, 32 * K))], { options: { rsize: 16 * K, ...short } })
    expect(reads.report.counters).toMatchObject({ rpcs: 2, retries: 2 })
    const refused = await on(kernel, [read('ubuf', at(A, 32 * K), { result: -5 })], { options: short })
    expect(refused.report.counters).toMatchObject({ rpcs: 1, retries: 0 })
  })
})

describe('without memory', () => {
  const run = async (kernel: KernelVersion, op: 'read' | 'write', step: number, quirks: RowsOptions['quirks'] = []) => {
    const done = await on(kernel, [{ op, iter: 'ubuf', segs: at(A, 4 * P), end: 100 }], {
      options: { rsize: 2 * P, wsize: 2 * P },
      quirks,
      inject: { fault: 'alloc', at: step },
    })
    expectClean(done)
    return [done.results[0], done.report.counters.lostErrors]
  }

  // The request; an array, two nfs_page; an array, an nfs_page, the first header, an nfs_page; the second header.
  it.each(KERNELS)('%s: a read ends with what was sent before', async (kernel) => {
    const results: unknown[] = []
    for (let step = 1; step <= 9; step++) results.push((await run(kernel, 'read', step))[0])
    expect(results).toEqual([ENOMEM, ENOMEM, ENOMEM, P, 2 * P, 2 * P, 0, 3 * P, 2 * P])
  })

  it.each(KERNELS)('%s: without its first header it ends with 0 bytes, unless the quirk is off', async (kernel) => {
    expect(await run(kernel, 'read', 7)).toEqual([0, 1])
    const off = [{ name: 'nfs-direct-enomem-lost', on: false }]
    expect(await run(kernel, 'read', 7, off)).toEqual([ENOMEM, 0])
    // Writes have headers in reserve.
    expect(await run(kernel, 'write', 7)).toEqual([4 * P, 0])
  })

  it.each(KERNELS)('%s: what waited for the header goes at once, what was sent stays', async (kernel) => {
    const { report } = await on(kernel, [read('ubuf', at(A, 4 * P), { end: 'never' })], {
      options: { rsize: 2 * P },
      inject: { fault: 'alloc', at: 9 },
    })
    expect(report.refs).toMatchObject({ acquired: 8, open: 2 })
  })

  it.each(
    KERNELS.flatMap((kernel) => [
      // The header of what the first page has left: the nfs_page of the second goes.
      [kernel, 12, 3 * K, 4],
      // The second header of the second page: all three nfs_page of it stay until the first is answered.
      [kernel, 16, 5 * K, 4 + 3],
    ]) as readonly (readonly [KernelVersion, number, number, number])[],
  )('%s: rsize of 1 KiB, allocation %i: a page of which a piece was sent', async (kernel, step, bytes, open) => {
    // The request, an array, an nfs_page, three times a piece and its header; an array, an nfs_page, the last header; pieces.
    const row = read('ubuf', at(A, 2 * P))
    const more: RowsOptions = { options: { rsize: 1024 }, inject: { fault: 'alloc', at: step } }
    const { report, results } = await on(kernel, [{ ...row, end: 'never' }], more)
    expect([results, report.refs.open]).toEqual([[bytes], open])
    expectClean(await on(kernel, [row], more))
  })
})

describe('faults', () => {
  const rows = (kernel: KernelVersion): TestRow[] => [
    read('iovec', `${at(A + 0x800, 0x800)};${at(B, 8 * P)};${at(A, 100)}`, { end: 20 }),
    write('iovec', `${at(A + 0x800, 0x800)};${at(B, 8 * P)};${at(A, 100)}`, { end: 21, file: 'f' }),
    read('ubuf', at(A + 100, 20 * P), { end: 22, result: 30000 }),
    write('ubuf', at(B, 20 * P)),
    read('bvec', `1000:0+${3 * P};2000:0+100`, { end: 23 }),
    read('kvec', '0x888000000f00+4096'),
    ...(kernel === '6.1' ? [] : [write('folioq', `f:0+${4 * P}`, { end: 26 })]),
    read('xarray', `g:0+${4 * P}`, { end: 27 }),
  ]

  it.each(KERNELS)('%s: every step, and nothing is left', async (kernel) => {
    for (const size of [1024, 4 * P, 12 * P]) {
      const options = { rsize: size, wsize: size, 'answer-bytes': 1000, restarts: 1 }
      const { steps, unclean } = await sweepFaults(nfsDirect, rows(kernel), { kernel, options })
      expect(unclean).toEqual([])
      expect(steps.alloc).toBeGreaterThan(100)
    }
  })
})

describe('what it takes', () => {
  const shapes = [
    { row: { op: 'read' }, bytes: 8192 },
    { row: { op: 'write' }, bytes: 8192 },
  ] as const

  it.each(KERNELS)('%s', async (kernel) => {
    const cell = (type: IterTypeName) => ownershipCell(nfsDirect, kernel, type, shapes)
    for (const type of ['ubuf', 'iovec', 'bvec', 'xarray'] as const) expect(await cell(type)).toBe('ref')
    expect(await cell('folioq')).toBe(kernel === '6.1' ? 'n/a' : 'ref')
    expect(await cell('pipe')).toBe(kernel === '6.1' ? 'ref' : 'n/a')
    expect([await cell('kvec'), await cell('discard'), await cell('mixed')]).toEqual(['-EFAULT', '-EFAULT', 'n/a'])
  })

  it('a referenced page may be freed under the write, and is changed under it', async () => {
    const bvec = { iter: 'bvec', segs: `1000:0+${P}` }
    const rules = async (event: TestRow) => {
      const { report } = await on('6.12', [
        { op: 'write', ...bvec, end: 100 },
        { ...event, ...bvec },
      ])
      return report.violations.map(({ rule }) => rule)
    }
    expect(await rules({ event: 'free' })).toEqual([])
    expect(await rules({ event: 'dirty' })).toEqual(['modified-in-use'])
  })
})
