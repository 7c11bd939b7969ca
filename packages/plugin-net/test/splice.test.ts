import type { KernelVersion } from '@pinscope/core'
import {
  type Lane,
  ownershipCell,
  type RowsOptions,
  replayRows,
  sweepFaults,
  type TestRow,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { splice } from '../src/pipe/definition.ts'

// A pipe: read, write, vmsplice and splice. Figures are those of fs/splice.c and fs/pipe.c (6.1.176, 6.12.117, 7.3.4).

const P = 4096
const A = 0x7f0000000000
const ALL: readonly KernelVersion[] = ['6.1', '6.12', '6.18', 'mainline']
const LATER: readonly KernelVersion[] = ['6.12', '6.18', 'mainline']
const EAGAIN = -11
const ENOMEM = -12
const EFAULT = -14
const EINVAL = -22
const EPIPE = -32

const segment = (offset: number, bytes: number) => `0x${(A + offset).toString(16)}+${bytes}`
const vmsplice = (offset: number, bytes: number, more: TestRow = {}): TestRow => ({
  ...{ op: 'write', iter: 'ubuf', segs: segment(offset, bytes), file: 'pipe', flags: 'splice' },
  ...more,
})
const write = (bytes: number, more: TestRow = {}): TestRow => vmsplice(0x100000, bytes, { flags: '', ...more })
const read = (bytes: number, more: TestRow = {}): TestRow => ({
  ...{ op: 'read', iter: 'ubuf', segs: segment(0x200000, bytes), file: 'pipe' },
  ...more,
})
const fromFile = (position: number, bytes: number, more: TestRow = {}): TestRow => ({
  ...{ op: 'write', iter: 'xarray', segs: `data:${position}+${bytes}`, file: 'pipe', flags: 'splice' },
  ...more,
})
const out = (bytes: number, more: TestRow = {}): TestRow => ({
  ...{ op: 'read', iter: 'discard', len: bytes, file: 'pipe', flags: 'splice' },
  ...more,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(splice, rows, { kernel, ...options })

/** References open after each row. */
async function openAfter(kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) {
  const open: number[] = []
  const done = await on(kernel, rows, {
    ...options,
    afterRow: ({ ledger }) => {
      let pages = 0
      for (let slot = 1; slot < ledger.holds.open.length; slot++) {
        if (ledger.holds.open[slot] === 1) pages += ledger.holds.counted[slot]!
      }
      open.push(pages)
    },
  })
  return { open, ...done }
}

function expectNothingLeft({ report, lane }: Awaited<ReturnType<typeof on>>) {
  const { pins, refs, leaks, violations, allocations } = report
  expect([pins.open, refs.open, leaks, violations, allocations?.openBytes ?? 0]).toEqual([0, 0, [], [], 0])
  expect(lane.io.borrows.open).toBe(0)
}

describe('SP1: vmsplice of 70000 bytes at 0x100 into an empty pipe of 16 buffers', () => {
  it.each(ALL)('%s: 16 references stay, 2 pages of the second batch are dropped', async (kernel) => {
    const done = await openAfter(kernel, [vmsplice(0x100, 70_000)])
    expect(done.results).toEqual([65_280])
    expect(done.open).toEqual([16])
    expect(done.report.refs).toMatchObject({ acquired: 18, released: 18, peak: 18 })
    expect(done.report.pins.acquired).toBe(0)
    expect(done.report.counters).toMatchObject({ userPages: 16, droppedPages: 2, giftedPages: 0, buffersMax: 16 })
    expect(
      done.lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])),
    ).toEqual([[[0x100, 3840], ...Array.from({ length: 15 }, () => [0, P])]])
    // 16 buffers of 40 bytes, and pointers to 16 and to 2 pages.
    expect(done.report.entries).toMatchObject({ built: 34, bytes: 16 * 40 + 18 * 8, limitHits: 1 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 65_280, copiedBytes: 0 })
    expectNothingLeft(done)
  })

  it('readers let go of them one by one', async () => {
    const rows = [vmsplice(0x100, 70_000), read(3839), read(1), read(5000), read(65_280)]
    const { open, results, ...done } = await openAfter('6.12', rows)
    expect(results).toEqual([65_280, 3839, 1, 5000, 65_280 - 8840])
    expect(open).toEqual([16, 16, 15, 14, 0])
    expect(done.report.data.copiedBytes).toBe(65_280)
    expectNothingLeft({ ...done, results })
  })
})

describe('vmsplice', () => {
  it('takes a reference on kernel memory of no type, and none on a KVEC', async () => {
    const { results } = await on('6.12', [{ ...vmsplice(0, P), iter: 'kvec', segs: '0x80000800+4096' }])
    expect(results).toEqual([EFAULT])
  })

  it('an iovec: a batch for each segment', async () => {
    const segs = [segment(0, 100), segment(0x10000, 3 * P)].join(';')
    const done = await openAfter('6.1', [vmsplice(0, 0, { iter: 'iovec', segs })])
    expect([done.results, done.open]).toEqual([[100 + 3 * P], [4]])
    expect(done.lists).toHaveLength(2)
  })

  it('in the middle of memory that is not there: what came before', async () => {
    const rows: TestRow[] = [
      { event: 'map', segs: segment(0, 2 * P), backing: 'anon', mm: 1 },
      { event: 'map', segs: segment(2 * P, P), backing: 'anon', flags: 'prot_none', mm: 1 },
      vmsplice(0, 3 * P, { mm: 1 }),
      vmsplice(2 * P, P, { mm: 1 }),
    ]
    const done = await openAfter('6.12', rows)
    expect(done.results).toEqual([2 * P, EFAULT])
    expect(done.open.at(-1)).toBe(2)
    expectNothingLeft(done)
  })

  it('into a full pipe: -EAGAIN where the caller does not wait, else what a reader made room for', async () => {
    const done = await openAfter('6.12', [
      vmsplice(0, 64 * 1024),
      vmsplice(0, P, { flags: 'splice nowait' }),
      vmsplice(0, 3 * P, { result: 3 * P }),
      vmsplice(0, 2 * P),
    ])
    expect(done.results).toEqual([65_536, EAGAIN, 3 * P, 2 * P])
    // The trace says how many went in: no more than three buffers are read. It does not: a reader takes all.
    expect(done.open).toEqual([16, 16, 16, 2])
    expect(done.report.counters).toMatchObject({ waits: 2, unseenReadBytes: 65_536 + 3 * P })
    expectNothingLeft(done)
  })

  it('what is read afterwards was out of the pipe already', async () => {
    const rows = [vmsplice(0, 65_536), vmsplice(0, 3 * P, { result: 3 * P }), read(2 * P), read(2 * P), read(65_536)]
    const { open, results } = await openAfter('6.12', rows)
    expect(results).toEqual([65_536, 3 * P, 2 * P, 2 * P, 15 * P])
    expect(open).toEqual([16, 16, 16, 15, 0])
  })

  it('a reader whose row comes first gets the pages at once', async () => {
    const { open, results, report } = await openAfter('6.1', [
      read(2 * P, { result: 2 * P }),
      vmsplice(0, 3 * P),
      read(P),
    ])
    expect([results, open]).toEqual([
      [2 * P, 3 * P, P],
      [0, 1, 0],
    ])
    expect(report.counters).toMatchObject({ unseenWrittenBytes: 2 * P, unseenReadBytes: 0, waits: 0 })
  })

  it('of a pipe that nobody reads nothing is taken', async () => {
    const done = await on('6.12', [vmsplice(0, P, { result: EPIPE })])
    expect([done.results, done.report.refs.acquired]).toEqual([[EPIPE], 0])
  })

  it('more buffers with F_SETPIPE_SZ', async () => {
    const options = { 'pipe-slots': 256 }
    const { open, results } = await openAfter(
      '6.12',
      [vmsplice(0, 1 << 20), vmsplice(0, P, { flags: 'splice nowait' })],
      { options },
    )
    expect([results, open]).toEqual([
      [1 << 20, EAGAIN],
      [256, 256],
    ])
    const header = await on('6.12', [vmsplice(0, 65_536)], { header: ['pipe-slots 4'] })
    expect(header.results).toEqual([4 * P])
  })

  it('from the pipe to memory: a copy, and the buffers go', async () => {
    const done = await openAfter('6.12', [vmsplice(0, 3 * P), read(2 * P, { flags: 'splice' })])
    expect([done.results, done.open]).toEqual([
      [3 * P, 2 * P],
      [3, 1],
    ])
    expect(done.report.data).toEqual({ zeroCopyBytes: 3 * P, copiedBytes: 2 * P })
    expectNothingLeft(done)
  })

  it('to memory that may only be read: -EFAULT, and the pipe stays as it is', async () => {
    const rows: TestRow[] = [
      { event: 'map', segs: segment(0x200000, P), backing: 'anon', flags: 'prot_read', mm: 1 },
      vmsplice(0, P, { mm: 1 }),
      read(P, { flags: 'splice', mm: 1 }),
    ]
    const { results, open } = await openAfter('6.12', rows)
    expect([results, open.at(-1)]).toEqual([[P, EFAULT], 1])
  })
})

describe('write(2)', () => {
  it.each(ALL)('%s: the rest of a write goes behind the bytes of the one before', async (kernel) => {
    const done = await on(kernel, [write(100), write(200), write(P), write(P + 50), read(3 * P)])
    // 4096 bytes have no rest; 50 of 4146 go behind a page that is full: the new page is whole, and 50 are behind it.
    expect(done.results).toEqual([100, 200, P, P + 50, 2 * P + 350])
    expect(done.report.counters).toMatchObject({ mergedWrites: 1, writtenPages: 4, userPages: 0, buffersMax: 4 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 2 * (2 * P + 350) })
    expect(done.report.refs.acquired).toBe(0)
    expectNothingLeft(done)
  })

  it('a rest that fits goes in front: the write is out of line with its pages from then on', async () => {
    const done = await on('6.12', [write(100), write(P + 50), read(150, { result: 150 }), read(P)])
    expect(done.report.counters).toMatchObject({ mergedWrites: 1, writtenPages: 2 })
    expect(done.results).toEqual([100, P + 50, 150, P])
  })

  it('never behind a page of somebody else', async () => {
    const done = await on('6.12', [vmsplice(0, 100), write(100), fromFile(0, 100), write(100)])
    expect(done.report.counters).toMatchObject({ mergedWrites: 0, writtenPages: 2 })
    expectNothingLeft(done)
  })

  it('in packet mode every write is a page or more of its own, and a read gets one', async () => {
    const done = await on('6.12', [write(100, { flags: 'direct' }), write(200, { flags: 'direct' }), read(50), read(P)])
    expect(done.results).toEqual([100, 200, 50, 200])
    expect(done.report.counters).toMatchObject({ mergedWrites: 0, writtenPages: 2 })
    expectNothingLeft(done)
  })

  it('a full pipe: short where the caller does not wait, else a reader has him go on', async () => {
    const nowait = await on('6.12', [write(70_000, { flags: 'nowait' }), write(1, { flags: 'nowait' })])
    expect(nowait.results).toEqual([65_536, EAGAIN])
    const waits = await on('6.12', [write(70_000), read(70_000)])
    expect(waits.results).toEqual([70_000, 70_000])
    expect(waits.report.counters).toMatchObject({ writtenPages: 18, waits: 1, unseenReadBytes: 2 * P })
    expect(waits.report.entries.limitHits).toBe(1)
    expectNothingLeft(waits)
  })

  it('memory that cannot be read: a buffer without bytes stays in 6.1 and 6.12', async () => {
    const rows: TestRow[] = [
      { event: 'map', segs: segment(0x100000, P), backing: 'anon', flags: 'prot_none', mm: 1 },
      write(P, { mm: 1 }),
    ]
    const left: Record<string, number> = {}
    for (const kernel of ALL) {
      const done = await on(kernel, rows)
      expect(done.results).toEqual([EFAULT])
      left[kernel] = done.report.counters.buffersMax!
      expectNothingLeft(done)
    }
    expect(left).toEqual({ '6.1': 1, '6.12': 1, '6.18': 0, mainline: 0 })
  })

  it('pages that were read are used again: one in 6.1 and 6.12, two in 6.18, what is kept of eight in mainline', async () => {
    const rows = [write(4 * P), read(4 * P), write(4 * P)]
    const made: Record<string, number> = {}
    for (const kernel of ALL) made[kernel] = (await on(kernel, rows)).report.allocations!.made
    expect(made).toEqual({ '6.1': 7, '6.12': 7, '6.18': 6, mainline: 6 })
  })

  it('mainline allocates up to eight pages before it copies, the rest one by one', async () => {
    const short = await on('mainline', [write(10 * P, { result: P })])
    expect(short.report.allocations!.made).toBe(8)
    // Of those not used two are kept.
    expect(short.report.counters.writtenPages).toBe(1)
    expectNothingLeft(short)
    expect((await on('6.18', [write(10 * P, { result: P })])).report.allocations!.made).toBe(1)
  })
})

describe('read(2)', () => {
  it('of an empty pipe: -EAGAIN, or what a writer brings', async () => {
    const done = await on('6.12', [
      read(P, { flags: 'nowait' }),
      read(P),
      read(P, { result: 100 }),
      read(P, { result: 0 }),
    ])
    expect(done.results).toEqual([EAGAIN, P, 100, 0])
    expect(done.report.counters).toMatchObject({ waits: 1, unseenWrittenBytes: P + 100 })
    expectNothingLeft(done)
  })

  it('pipes are told apart', async () => {
    const { open } = await openAfter('6.12', [
      vmsplice(0, P),
      vmsplice(0, P, { file: 'other' }),
      read(P),
      read(P, { file: 'other' }),
    ])
    expect(open).toEqual([1, 2, 1, 0])
  })
})

describe('splice of a file', () => {
  it.each(LATER)('%s: a page of the page cache is a buffer with a reference', async (kernel) => {
    const done = await openAfter(kernel, [fromFile(100, 10_000)])
    expect([done.results, done.open]).toEqual([[10_000], [3]])
    expect(done.lists[0]!.entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])).toEqual([
      [100, 3996],
      [0, P],
      [0, 1908],
    ])
    expect(done.report.counters).toMatchObject({ filePages: 3 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 10_000, copiedBytes: 0 })
    expectNothingLeft(done)
  })

  it('large folios: a buffer for each page since 6.5, one for the folio in 6.1', async () => {
    const prepare: RowsOptions['prepare'] = ({ memory }) => memory.cache.populate(0, Float64Array.of(0), 0, 65_536, 4)
    const found: Record<string, unknown> = {}
    for (const kernel of ALL) {
      const done = await openAfter(kernel, [fromFile(100, 10_000), read(9000), read(1000)], { prepare })
      found[kernel] = [
        done.open,
        done.report.counters.filePages,
        done.lists[0]!.entries.map(({ lengthBytes }) => lengthBytes),
      ]
      expect(done.results).toEqual([10_000, 9000, 1000])
      expectNothingLeft(done)
    }
    const pages = [[3, 1, 0], 3, [3996, P, 1908]]
    expect(found).toEqual({ '6.1': [[1, 1, 0], 1, [10_000]], '6.12': pages, '6.18': pages, mainline: pages })
  })

  it.each(ALL)('%s: at most the pages that fit, however the range lies in them', async (kernel) => {
    const { results } = await on(kernel, [fromFile(100, 1 << 20)])
    expect(results).toEqual([16 * P - 100])
    const full = await on(kernel, [fromFile(0, 1 << 20), fromFile(0, P, { flags: 'splice nowait' })])
    expect(full.results).toEqual([16 * P, EAGAIN])
  })

  it('the end of the file is in the result', async () => {
    const { open, results } = await openAfter('6.12', [fromFile(0, 65_536, { result: 5000 })])
    expect([open, results]).toEqual([[2], [5000]])
  })

  it.each(ALL)('%s: more than the pipe has room for, where the trace says that it went in', async (kernel) => {
    const done = await openAfter(kernel, [
      fromFile(100, 20 * P, { result: 20 * P }),
      fromFile(0, 20 * P, { result: 20 * P, flags: 'splice direct' }),
      vmsplice(0, 20 * P, { result: 20 * P }),
      write(20 * P, { result: 20 * P, flags: 'nowait' }),
      read(80 * P, { result: 80 * P }),
    ])
    expect(done.results).toEqual([20 * P, 20 * P, 20 * P, 20 * P, 80 * P])
    expect(done.open).toEqual([16, 0, 16, 0, 0])
    expect(done.report.counters).toMatchObject({ buffersMax: 16, unseenReadBytes: 64 * P, unseenWrittenBytes: 0 })
    expectNothingLeft(done)
  })

  it('a hole on tmpfs: the zero page without a reference, in 6.1 a fresh page', async () => {
    const header = ['filesystem tmpfs']
    const row = fromFile(0, 3 * P, { flags: `splice hole=${P}+${P}` })
    for (const kernel of ALL) {
      const done = await openAfter(kernel, [row, read(3 * P)], { header })
      expect([done.results, done.open]).toEqual([
        [3 * P, 3 * P],
        [2, 0],
      ])
      const isOld = kernel === '6.1'
      expect(done.report.counters).toMatchObject({ filePages: 2, zeroPages: isOld ? 0 : 1, freshPages: isOld ? 1 : 0 })
      expectNothingLeft(done)
    }
    // A page like any other elsewhere.
    expect((await on('6.12', [row])).report.counters).toMatchObject({ filePages: 3, zeroPages: 0 })
  })
})

describe('splice of a file that is open for direct I/O', () => {
  const row = fromFile(0, 10_000, { flags: 'splice direct' })

  it.each(LATER)('%s: fresh pages, nothing taken on them', async (kernel) => {
    const done = await on(kernel, [row])
    expect(done.results).toEqual([10_000])
    expect(done.report.refs.acquired).toBe(0)
    expect(done.report.counters).toMatchObject({ freshPages: 3, filePages: 0 })
    // Three pages, and the array of 3 bio_vecs and 3 pointers, which is freed at once.
    expect(done.report.allocations!).toMatchObject({ made: 4, bytes: 3 * P + 3 * 24, openBytes: 0 })
    expectNothingLeft(done)
  })

  it('6.1: the I/O has a reference on each page of the pipe while it runs', async () => {
    const done = await openAfter('6.1', [{ ...row, end: 10 }, read(P)])
    expect(done.report.refs).toMatchObject({ acquired: 3, released: 3, peak: 3 })
    expect(done.report.counters).toMatchObject({ freshPages: 3 })
    expect(done.open).toEqual([0, 0])
    expectNothingLeft(done)
  })

  it('6.1: the same from the side of the file, whose iterator is the pipe', async () => {
    const rows: TestRow[] = [{ op: 'read', iter: 'pipe', len: 10_000, file: 'pipe', flags: 'direct' }, read(10_000)]
    const done = await on('6.1', rows)
    expect(done.results).toEqual([10_000, 10_000])
    expect(done.report.refs).toMatchObject({ acquired: 3, released: 3 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 10_000, copiedBytes: 10_000 })
    expectNothingLeft(done)
    const copied = await on('6.1', [{ ...rows[0]!, flags: '' }])
    expect([copied.report.refs.acquired, copied.report.data]).toEqual([0, { zeroCopyBytes: 0, copiedBytes: 10_000 }])
  })

  it('no page to be had: -ENOMEM; some: what fits them', async () => {
    const array = await on('6.12', [row], { inject: { fault: 'alloc', at: 1 } })
    const none = await on('6.12', [row], { inject: { fault: 'alloc', at: 2 } })
    const one = await on('6.12', [row], { inject: { fault: 'alloc', at: 3 } })
    expect([array.results, none.results, one.results]).toEqual([[ENOMEM], [ENOMEM], [P]])
    for (const done of [array, none, one]) expectNothingLeft(done)
  })
})

describe('splice out of a pipe', () => {
  it.each(ALL)('%s: a socket has references of its own until the row ends', async (kernel) => {
    const rows = [vmsplice(0, 3 * P), out(2 * P, { end: 10 }), out(P, { end: 20 }), read(1, { ts: 15, result: 0 })]
    const { open, results, ...done } = await openAfter(kernel, rows)
    expect(results).toEqual([3 * P, 2 * P, P, 0])
    expect(open).toEqual([3, 3, 3, 1])
    expect(done.report.refs).toMatchObject({ acquired: 6, released: 6, peak: 4 })
    expect(done.report.counters).toMatchObject({ handedOn: 3, stolenPages: 0 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 6 * P, copiedBytes: 0 })
    expectNothingLeft({ results, ...done })
  })

  it('a part of a buffer: the socket and the pipe each have a reference', async () => {
    const { open, results } = await openAfter('6.12', [vmsplice(0, P), out(100, { end: 10 }), read(P)])
    expect([results, open]).toEqual([
      [P, 100, P - 100],
      [1, 2, 1],
    ])
  })

  it('a socket since 6.5 is passed a list, in 6.1 page after page', async () => {
    const rows = [vmsplice(0, 3 * P), out(3 * P)]
    const built: Record<string, number> = {}
    for (const kernel of ALL) built[kernel] = (await on(kernel, rows)).report.entries.bytes
    const before = 3 * 8 + 3 * 40
    expect(built).toEqual({ '6.1': before + 48, '6.12': before + 96, '6.18': before + 96, mainline: before + 96 })
  })

  it('a file gets the buffers themselves, with nothing more taken', async () => {
    const options = { out: 1 }
    const rows = [vmsplice(0, 3 * P), out(2 * P, { end: 10 }), out(100)]
    const done = await openAfter('6.12', rows, { options })
    expect(done.open).toEqual([3, 3, 3])
    expect(done.report.refs).toMatchObject({ acquired: 3, peak: 3 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 3 * P, copiedBytes: 2 * P + 100 })
    // A bvec for each buffer that the pipe could have, for each of the two calls.
    expect(done.report.allocations!).toMatchObject({ made: 2, bytes: 2 * 16 * 16 })
    expectNothingLeft(done)
    const direct = await on('6.12', [vmsplice(0, P), out(P, { flags: 'splice direct' })], { options })
    expect(direct.report.data).toEqual({ zeroCopyBytes: 2 * P, copiedBytes: 0 })
  })

  it('pages of the pipe itself: in no sum, and put aside only when the socket is done', async () => {
    const rows = [write(P), out(P, { end: 10 }), write(P, { ts: 5 }), read(P, { ts: 20 }), write(P, { ts: 30 })]
    const done = await on('6.12', rows)
    expect(done.report.refs.acquired).toBe(0)
    // The first page has two owners when its buffer goes: it is not put aside.
    expect(done.report.allocations!.made).toBe(2)
    expectNothingLeft(done)
  })

  it('of an empty pipe', async () => {
    const done = await on('6.12', [out(P, { flags: 'splice nowait' }), out(P, { result: 100 })])
    expect(done.results).toEqual([EAGAIN, 100])
  })
})

describe('SPLICE_F_MOVE', () => {
  const move = (bytes: number, more: TestRow = {}) => out(bytes, { flags: 'splice move', ...more })
  const CONSOLE = { options: { 'move-to': 1 } }
  const counts = async (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) => {
    const done = await on(kernel, rows, options)
    expectNothingLeft(done)
    const { stolenPages, notStolenPages } = done.report.counters
    return [stolenPages, notStolenPages]
  }

  it.each(ALL)('%s: whole pages of the pipe’s own are stolen', async (kernel) => {
    expect(await counts(kernel, [write(P + 100), move(P + 100)])).toEqual([1, 1])
  })

  it.each(ALL)('%s: a clean page of a page cache leaves it', async (kernel) => {
    const rows = [fromFile(0, 2 * P), move(2 * P)]
    expect(await counts(kernel, rows)).toEqual([2, 0])
    const { lane } = await on(kernel, rows)
    expect([lane.memory.cache.find(0, 0), lane.memory.cache.find(0, 1)]).toEqual([-1, -1])
  })

  it('not while somebody else has it: another buffer, a dirty page', async () => {
    expect(await counts('6.12', [fromFile(0, P), fromFile(0, P), move(P)])).toEqual([0, 1])
    const dirty: RowsOptions['afterRow'] = ({ memory, pages }, row) => {
      if (row === 1) pages.setDirty(memory.cache.find(0, 0), true)
    }
    expect(await counts('6.12', [fromFile(0, P), move(P)], { afterRow: dirty })).toEqual([0, 1])
  })

  it('not a page that the file has lost: it is nobody’s, and copied', async () => {
    const truncate: TestRow = { event: 'truncate', file: 'data', offset: 0 }
    const done = await on('6.12', [fromFile(0, P), truncate, move(P)])
    expect(done.report.counters).toMatchObject({ stolenPages: 0, notStolenPages: 1 })
    expect([done.report.refs.open, done.report.violations.map(({ rule }) => rule)]).toEqual([0, ['truncate-in-use']])
  })

  it('a page of a program only when it is a gift, and unmapped: FUSE refuses it even then', async () => {
    const map: TestRow = { event: 'map', segs: segment(0, P), backing: 'anon', mm: 1 }
    const unmap: TestRow = { event: 'unmap', segs: segment(0, P), mm: 1 }
    const gift = vmsplice(0, P, { flags: 'splice gift', mm: 1 })
    expect(await counts('6.12', [map, gift, unmap, move(P)])).toEqual([0, 1])
    expect(await counts('6.12', [map, gift, unmap, move(P)], CONSOLE)).toEqual([1, 0])
    expect(await counts('6.12', [map, gift, move(P)], CONSOLE)).toEqual([0, 1])
    expect(await counts('6.12', [map, vmsplice(0, P, { mm: 1 }), unmap, move(P)], CONSOLE)).toEqual([0, 1])
  })

  it('FUSE takes an answer whole, or -EINVAL', async () => {
    expect((await on('6.12', [write(P), move(2 * P)])).results).toEqual([P, EINVAL])
    expect((await on('6.12', [write(P), move(2 * P)], CONSOLE)).results).toEqual([P, P])
  })

  it('a page of a large folio leaves the cache with all of it, and is copied', async () => {
    const prepare: RowsOptions['prepare'] = ({ memory }) => memory.cache.populate(0, Float64Array.of(0), 0, 4 * P, 2)
    const { lane, report } = await on('6.12', [fromFile(0, P), move(P)], { prepare })
    expect(report.counters).toMatchObject({ stolenPages: 0, notStolenPages: 1 })
    expect(lane.memory.cache.find(0, 3)).toBe(-1)
  })
})

describe('hazards', () => {
  const rules = async (rows: readonly TestRow[], kernel: KernelVersion = '6.12') =>
    (await on(kernel, rows)).report.violations.map(({ rule, row, takenRow, pages }) => [rule, row, takenRow, pages])

  it('memory that is written to after vmsplice, while it is in the pipe', async () => {
    const dirty: TestRow = { event: 'dirty', segs: segment(P, P), mm: 1 }
    const splices = vmsplice(0, 3 * P, { flags: 'splice gift', mm: 1 })
    expect(await rules([splices, dirty])).toEqual([['modified-in-use', 2, 1, 1]])
    expect(await rules([splices, read(2 * P), dirty])).toEqual([])
    // A copy is a copy.
    expect(await rules([write(3 * P, { segs: segment(0, 3 * P), mm: 1 }), dirty])).toEqual([])
  })

  it('and while a socket has it', async () => {
    const dirty: TestRow = { event: 'dirty', segs: segment(0, P), mm: 1 }
    const splices = vmsplice(0, P, { mm: 1 })
    expect(await rules([splices, out(P, { end: 10 }), dirty])).toEqual([['modified-in-use', 3, 2, 1]])
    expect(await rules([splices, out(P, { end: 10 }), { ...dirty, ts: 20 }])).toEqual([])
  })

  it('a file that is truncated while its pages are in the pipe: the reader gets what was cut off', async () => {
    const truncate: TestRow = { event: 'truncate', file: 'data', offset: P }
    expect(await rules([fromFile(0, 3 * P), truncate])).toEqual([['truncate-in-use', 2, 1, 2]])
    expect(await rules([fromFile(0, 3 * P), read(3 * P), truncate])).toEqual([])
    // What is direct has pages of its own.
    expect(await rules([fromFile(0, 3 * P, { flags: 'splice direct' }), truncate])).toEqual([])
  })

  it('a file that is written to while its pages are in the pipe', async () => {
    const dirty: TestRow = { event: 'dirty', file: 'data', offset: 0, len: P }
    expect(await rules([fromFile(0, 3 * P), dirty])).toEqual([['modified-in-use', 2, 1, 1]])
  })

  it('Dirty Pipe: with the quirk a write goes into the file’s page', async () => {
    // All slots of the ring have been written to and read.
    const rows = [write(65_536), read(65_536), fromFile(0, 1), write(100)]
    const fixed = await on('6.1', rows)
    expect([fixed.report.counters.overwrittenPages, fixed.report.violations]).toEqual([0, []])
    const broken = await on('6.1', rows, { quirks: [{ name: 'pipe-stale-flags', on: true }] })
    expect(broken.report.counters).toMatchObject({ overwrittenPages: 1, mergedWrites: 1 })
    expect(broken.report.violations).toMatchObject([{ rule: 'modified-in-use', row: 4, takenRow: 3 }])
  })
})

describe('where a call meets an end', () => {
  const nowait = (row: TestRow): TestRow => ({ ...row, flags: `${row.flags ?? ''} nowait`.trim() })
  const hole: TestRow = { event: 'map', backing: 'anon', segs: segment(P, P), flags: 'prot_none' }

  it.each(ALL)('%s: vmsplice of memory that cannot be had: what came before it is in the pipe', async (kernel) => {
    const done = await on(kernel, [hole, nowait(vmsplice(0, 8 * P))])
    expect(done.results).toEqual([P])
    expect(done.report.avoided.copyBytes).toBe(P)
  })

  it.each(ALL)('%s: nobody finds the pipe full where the memory ends first', async (kernel) => {
    const rows = [hole, nowait(vmsplice(0, 40 * P)), nowait(write(40 * P, { segs: segment(0, 40 * P), file: 'other' }))]
    const done = await on(kernel, rows)
    expect(done.results).toEqual([P, P])
    expect(done.report.entries.limitHits).toBe(0)
  })

  it.each(ALL)('%s: out of an empty pipe into a file: the array of bvecs is allocated first', async (kernel) => {
    const done = await on(kernel, [nowait(out(P))], { options: { out: 1 } })
    expect(done.results).toEqual([EAGAIN])
    expect(done.report.allocations).toMatchObject({ made: 1, freed: 1 })
  })

  it('mainline: vmsplice out leaves the pages of the pipe for the next write', async () => {
    // Five pages are written and read; read(2) keeps two of them, vmsplice(2) all.
    const made = async (how: TestRow) =>
      (await on('mainline', [write(5 * P), read(5 * P, how), write(5 * P)])).report.allocations?.made
    expect([await made({}), await made({ flags: 'splice' })]).toEqual([8, 5])
  })

  it.each(ALL)('%s: of a buffer that was read in part nobody reads the beginning again', async (kernel) => {
    const touched = (offset: number): TestRow => ({ event: 'dirty', iter: 'ubuf', segs: segment(offset, 1) })
    const violations = async (offset: number) =>
      (await on(kernel, [vmsplice(0, P), read(512), touched(offset)])).report.violations.map(({ rule }) => rule)
    expect(await violations(100)).toEqual([])
    expect(await violations(600)).toEqual(['modified-in-use'])
  })

  const ERESTARTSYS = -512
  const failed = nowait(write(10, { segs: segment(P, 10) }))

  it.each([
    ['6.1', 'a socket', 0, EAGAIN],
    ['6.1', 'a file', 1, EAGAIN],
    ['6.12', 'a socket', 0, ERESTARTSYS],
    ['6.12', 'a file', 1, EAGAIN],
    ['6.18', 'a socket', 0, EAGAIN],
    ['mainline', 'a file', 1, EAGAIN],
  ] as const)('%s: a write that failed, and splice into %s', async (kernel, _name, target, result) => {
    const done = await on(kernel, [hole, failed, nowait(out(P))], { options: { out: target } })
    expect(done.results).toEqual([EFAULT, result])
    expectNothingLeft(done)
  })

  it.each(['6.1', '6.12'] as const)('%s: read(2) takes the buffer that a failed write left', async (kernel) => {
    // So the next write gets one of its own, which is filled.
    const done = await on(kernel, [hole, failed, nowait(read(P)), write(10), nowait(read(P))])
    expect(done.results).toEqual([EFAULT, EAGAIN, 10, 10])
    expect(done.report.counters).toMatchObject({ mergedWrites: 0, writtenPages: 1 })
  })
})

describe('faults', () => {
  const rows: readonly TestRow[] = [
    write(P + 100),
    write(50),
    vmsplice(0x100, 20_000, { flags: 'splice gift' }),
    fromFile(100, 3 * P),
    fromFile(0, 2 * P, { flags: 'splice direct', end: 30 }),
    out(2 * P, { end: 20 }),
    vmsplice(0, 65_536),
    read(3 * P),
    out(2 * P, { flags: 'splice move' }),
    read(5000, { flags: 'splice' }),
    write(70_000),
  ]

  it.each(ALL)('%s: whatever fails, nothing is left', async (kernel) => {
    for (const options of [{}, { out: 1, 'move-to': 1 }]) {
      const { unclean, steps } = await sweepFaults(splice, rows, { kernel, options })
      expect(unclean).toEqual([])
      expect(steps.alloc).toBeGreaterThan(10)
      expect(steps.page).toBeGreaterThan(10)
      expect(steps.copy).toBeGreaterThan(10)
    }
  })
})

describe('what it takes, by iterator type', () => {
  const shapes = [{ row: { op: 'write', flags: 'splice' }, bytes: 2 * P }] as const

  it.each([
    ['ubuf', 'ref', 'ref'],
    ['iovec', 'ref', 'ref'],
    ['bvec', 'ref', 'ref'],
    ['kvec', '-EFAULT', '-EFAULT'],
    ['xarray', 'ref', 'ref'],
    ['folioq', 'n/a', 'ref'],
    ['discard', 'n/a', 'n/a'],
  ] as const)('vmsplice %s', async (type, old, later) => {
    expect(await ownershipCell(splice, '6.1', type, shapes)).toBe(old)
    for (const kernel of LATER) expect(await ownershipCell(splice, kernel, type, shapes)).toBe(later)
  })
})

describe('the bytes that come out are those that went in', () => {
  /** Bytes of user memory. */
  function bytesAt({ memory }: Lane, offset: number, bytes: number): number[] {
    const page = new Int32Array(1)
    return Array.from({ length: bytes }, (_, i) => {
      const address = A + offset + i
      memory.spaces.walkPages(1, Math.floor(address / P), 1, 0, page)
      return memory.bytes!.piece(page[0]!, address % P, 1)[0]!
    })
  }
  /** Bytes of a file. */
  const bytesOf = ({ memory }: Lane, position: number, bytes: number) =>
    Array.from({ length: bytes }, (_, i) => {
      const at = position + i
      return memory.bytes!.piece(memory.cache.find(0, Math.floor(at / P)), at % P, 1)[0]!
    })
  const fill = (page: number, bytes: Uint8Array) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = (page * 31 + (i * 2654435761) / 65536) & 0xff
  }
  const rows: readonly TestRow[] = [
    fromFile(5000, 7000),
    vmsplice(0x123, 6000),
    write(3000),
    write(70, { segs: segment(0x180000, 70) }),
    fromFile(1, 10),
    read(6000),
    { ...read(12_000), segs: segment(0x200000 + 6000, 12_000) },
  ]

  it.each(ALL)('%s, through every kind of buffer', async (kernel) => {
    const prepare: RowsOptions['prepare'] = ({ memory }) => memory.cache.populate(0, Float64Array.of(0), 0, 65_536, 4)
    const { lane, results } = await on(
      kernel,
      rows.map((row) => ({ mm: 1, ...row })),
      { fill, prepare },
    )
    expect(results.slice(5)).toEqual([6000, 10_080])
    const came = bytesAt(lane, 0x200000, 16_080)
    const went = [
      ...bytesOf(lane, 5000, 7000),
      ...bytesAt(lane, 0x123, 6000),
      ...bytesAt(lane, 0x100000, 3000),
      ...bytesAt(lane, 0x180000, 70),
      ...bytesOf(lane, 1, 10),
    ]
    expect(came).toEqual(went)
  })
})
