import { type KernelVersion, KIND_SLAB } from '@pinscope/core'
import {
  type IterTypeName,
  type Lane,
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { REFS_OPEN } from '../../core/src/ledger/totals.ts'
import { ceph } from '../src/ceph/definition.ts'

// fs/ceph/file.c and net/ceph: the worked examples CP1 and CP2, what is held until when, chunks, the messenger below,
// and how failures are undone. 6.1.176, 6.12.117 and 7.3.4 are the same but for the page cache's reads.

const A = 0x7f0000000000
const B = 0x7f1000000000
const P = 4096
const MIB = 1 << 20
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
/** sizeof(struct bio_vec), sizeof(struct ceph_aio_request), sizeof(struct scatterlist). */
const BVEC = 16
const AIO = 72
const SG = 32
const LATER = 1e6
const [EFAULT, EINVAL, EIO] = [-14, -22, -5] as const
const MSGR = { v1: 0, v2: 1, secure: 2 }
const BUFFERED = { path: 1 }

const hex = (address: number) => `0x${address.toString(16)}`
const segments = (...segs: readonly (readonly [number, number])[]) =>
  segs.map(([address, length]) => `${hex(address)}+${length}`).join(';')
const read = (address: number, length: number, more: TestRow = {}): TestRow => ({
  op: 'read',
  iter: 'ubuf',
  segs: segments([address, length]),
  offset: 0,
  file: 'file',
  ...more,
})
const write = (address: number, length: number, more: TestRow = {}): TestRow => ({
  ...read(address, length),
  op: 'write',
  ...more,
})
const noAccess = (address: number): TestRow => ({
  event: 'map',
  segs: segments([address, P]),
  backing: 'anon',
  flags: 'prot_none',
})
const iovec = (op: 'read' | 'write', ...segs: readonly (readonly [number, number])[]): TestRow => ({
  op,
  iter: 'iovec',
  segs: segments(...segs),
  offset: 0,
  file: 'file',
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(ceph, rows, { kernel, ...options })

/** What is open just after each row. */
async function seen(kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) {
  const open: { refs: number; bytes: number }[] = []
  const afterRow = ({ ledger, io }: Lane) => {
    open.push({ refs: ledger.totals[REFS_OPEN]!, bytes: io.allocations.openBytes })
  }
  return { ...(await on(kernel, rows, { ...options, afterRow })), open }
}

function expectNothingLeft({ report, lane }: RowsResult) {
  const { pins, refs, violationsTotal } = report
  expect([pins.open, refs.open, lane.io.allocations.openBytes, violationsTotal]).toEqual([0, 0, 0, 0])
}

describe('direct I/O', () => {
  it.each(ALL)('%s, CP1: 74 bvecs of two calls, a reference each, and 74 pages made dirty', async (kernel) => {
    const done = await seen(kernel, [read(A + 0x200, 300000, { end: LATER })])
    expect(done.results).toEqual([300000])
    expect(done.open).toEqual([{ refs: 74, bytes: 74 * BVEC }])
    expect(done.lists).toHaveLength(1)
    expect(done.lists[0]?.entries).toHaveLength(74)
    expect(done.lists[0]?.entries[0]).toMatchObject({ offsetBytes: 0x200, lengthBytes: P - 0x200 })
    expect(done.lists[0]?.entries[73]).toMatchObject({ offsetBytes: 0, lengthBytes: 0x200 + 300000 - 73 * P })
    expect(done.report.refs).toMatchObject({ acquired: 74, released: 74 })
    expect(done.report.pins.acquired).toBe(0)
    expect(done.report.entries).toMatchObject({ built: 74, bytes: 74 * BVEC })
    expect(done.report.counters).toMatchObject({ osdRequests: 1, dirtiedPages: 74, receivedBytes: 300000, sends: 0 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 300000, copiedBytes: 0 })
    expectNothingLeft(done)
  })

  it.each(ALL)('%s, CP2: a page that cannot be had ends it there, and what came before is read', async (kernel) => {
    const rows = [noAccess(B), iovec('read', [A, 3 * P], [B, P])]
    const done = await on(kernel, rows)
    expect(done.results).toEqual([3 * P])
    expect(done.report.refs).toMatchObject({ acquired: 3, released: 3 })
    // The array had room for the fourth.
    expect(done.report.counters).toMatchObject({ osdRequests: 1, shortChunks: 1, emptyBvecs: 1, dirtiedPages: 3 })
    expect(done.report.allocations?.bytes).toBe(4 * BVEC + BVEC)
    expectNothingLeft(done)
  })

  it.each(ALL)('%s, CP2 asynchronously: nothing was sent yet, and the error is the result', async (kernel) => {
    const rows = [noAccess(B), iovec('write', [A, 3 * P], [B, P])]
    const done = await on(kernel, rows, { options: { aio: 1 } })
    expect(done.results).toEqual([EFAULT])
    expect(done.report.refs).toMatchObject({ acquired: 3, released: 3 })
    expect(done.report.counters).toMatchObject({ osdRequests: 1, aioOperations: 1, messages: 0, sends: 0 })
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: the first page that cannot be had is an error, and the array goes', async (kernel) => {
    const done = await on(kernel, [noAccess(A), read(A, 2 * P)])
    expect(done.results).toEqual([EFAULT])
    expect(done.report.refs.acquired).toBe(0)
    expect(done.report.allocations).toMatchObject({ made: 1, freed: 1, bytes: 2 * BVEC })
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: kernel memory has no pages for iov_iter_get_pages2', async (kernel) => {
    const kvec: TestRow = { op: 'write', iter: 'kvec', segs: '0x888000000000+4096', offset: 0 }
    const done = await on(kernel, [kvec])
    expect(done.results).toEqual([EFAULT])
    expect(done.report.refs.acquired).toBe(0)
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: an object request ends where a stripe unit does', async (kernel) => {
    // 6 MiB from 3 MiB on: 1 MiB, 4 MiB and 1 MiB. One after the other.
    const one = await seen(kernel, [read(A, 6 * MIB, { offset: 3 * MIB, end: LATER })])
    expect(one.lists.map(({ entries }) => entries.length)).toEqual([256, 1024, 256])
    expect(one.open).toEqual([{ refs: 256, bytes: 256 * BVEC }])
    expect(one.report.counters).toMatchObject({ osdRequests: 3, dirtiedPages: 1536, aioOperations: 0 })
    expectNothingLeft(one)
    // All together.
    const all = await seen(kernel, [read(A, 6 * MIB, { offset: 3 * MIB, end: LATER })], { options: { aio: 1 } })
    expect(all.open).toEqual([{ refs: 1536, bytes: 1536 * BVEC + AIO }])
    expect(all.report.counters).toMatchObject({ osdRequests: 3, dirtiedPages: 1536, aioOperations: 1 })
    expectNothingLeft(all)
  })

  it('rsize is for reads, wsize for writes', async () => {
    const options = { rsize: 64 * 1024, wsize: 128 * 1024 }
    const done = await on('6.12', [read(A, 256 * 1024), write(A, 256 * 1024)], { options })
    expect(done.lists.map(({ entries }) => entries.length)).toEqual([16, 16, 16, 16, 32, 32])
  })

  it('a read that ends with the file takes no chunk behind it, and its pages are made dirty all the same', async () => {
    const options = { rsize: 64 * 1024 }
    const done = await on('6.12', [read(A, 256 * 1024, { result: 70000 })], { options })
    expect(done.results).toEqual([70000])
    expect(done.report.counters).toMatchObject({ osdRequests: 2, dirtiedPages: 32, receivedBytes: 70000 })
    const whole = await on('6.12', [read(A, 256 * 1024, { result: 65536 })], { options })
    expect(whole.report.counters).toMatchObject({ osdRequests: 1, dirtiedPages: 16 })
  })

  it('an operation that reaches behind the end of the file is not asynchronous, but for one request', async () => {
    const options = { rsize: 64 * 1024, aio: 1 }
    const several = await on('6.12', [read(A, 256 * 1024, { result: 70000 })], { options })
    expect(several.report.counters).toMatchObject({ osdRequests: 2, aioOperations: 0 })
    const one = await on('6.12', [read(A, 64 * 1024, { result: 7000 })], { options })
    expect(one.results).toEqual([7000])
    expect(one.report.counters).toMatchObject({ osdRequests: 1, aioOperations: 1, receivedBytes: 7000 })
    expectNothingLeft(one)
  })

  it.each([0, 1])('an error of the object server: aio=%i', async (aio) => {
    const done = await on('6.12', [write(A, 2 * P, { result: EIO }), read(A, 2 * P, { result: EIO })], {
      options: { aio },
    })
    expect(done.results).toEqual([EIO, EIO])
    // The write was sent, with the socket's references beside those of the request.
    expect(done.report.refs).toMatchObject({ acquired: 6, released: 6 })
    expect(done.report.counters).toMatchObject({ messages: 1, sends: 2, dirtiedPages: 2, receivedBytes: 0 })
    expectNothingLeft(done)
  })

  it('with the extract policy there are pins', async () => {
    const { report } = await on('6.12', [read(A, 2 * P)], { policy: 'extract' })
    expect([report.pins.acquired, report.refs.acquired]).toEqual([2, 0])
  })
})

describe('the messenger', () => {
  it.each(ALL)('%s: a send and a reference in the socket for each page, until the reply', async (kernel) => {
    for (const msgr of [MSGR.v1, MSGR.v2]) {
      const done = await seen(kernel, [write(A + 0x200, 3 * P, { end: LATER })], { options: { msgr } })
      expect(done.results).toEqual([3 * P])
      // Four pages: the caller's reference, and the socket's.
      expect(done.open[0]?.refs).toBe(8)
      expect(done.report.counters).toMatchObject({ messages: 1, sends: 4, splicedPieces: 4, joinedPieces: 0 })
      expect(done.report.data).toEqual({ zeroCopyBytes: 3 * P, copiedBytes: 0 })
      expectNothingLeft(done)
    }
  })

  it('pieces that go on in a page are one fragment', async () => {
    const done = await on('6.12', [iovec('write', [A, 512], [A + 512, 512], [A + 2048, 512], [B, P])])
    expect(done.report.counters).toMatchObject({ sends: 4, splicedPieces: 4, joinedPieces: 1 })
    expect(done.report.refs.acquired).toBe(4 + 3)
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: slab pages are copied', async (kernel) => {
    const prepare = ({ memory }: Lane) => {
      memory.pages.pageOfFrame(4096, KIND_SLAB)
    }
    const done = await on(kernel, [{ op: 'write', iter: 'bvec', segs: '4096:0+8192', offset: 0 }], { prepare })
    expect(done.report.counters).toMatchObject({ sends: 2, splicedPieces: 1, copiedPieces: 1 })
    expect(done.report.data).toEqual({ zeroCopyBytes: P, copiedBytes: P })
    // Since 6.16 iov_iter_get_pages2 takes no reference on the slab page either.
    expect(done.report.refs.acquired).toBe(kernel === '6.1' || kernel === '6.12' ? 3 : 2)
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: secure, ciphertext goes out of pages of the client, and comes into them', async (kernel) => {
    const options = { msgr: MSGR.secure }
    const sent = await seen(kernel, [write(A, 4 * P, { end: LATER })], { options })
    // 16384 bytes, the front and 32 bytes of epilogue: 5 pages, an array of 5 pointers.
    expect(sent.open).toEqual([{ refs: 4, bytes: 4 * BVEC + 5 * P + 5 * 8 }])
    expect(sent.report.counters).toMatchObject({ sends: 5, encryptedPages: 5, splicedPieces: 0 })
    expect(sent.report.data).toEqual({ zeroCopyBytes: 4 * P, copiedBytes: 0 })
    // The message is front, four pieces and epilogue.
    expect(sent.report.entries).toMatchObject({ built: 4 + 6 + 5, bytes: 4 * BVEC + 11 * SG })
    expectNothingLeft(sent)
    const received = await on(kernel, [read(A, 100)], { options })
    expect(received.report.counters).toMatchObject({ encryptedPages: 1, receivedBytes: 100 })
    // 100 bytes are padded.
    expect(received.report.entries.bytes).toBe(BVEC + (1 + 2 + 1 + 1) * SG)
    expectNothingLeft(received)
  })

  it('a message without memory is sent again', async () => {
    const options = { msgr: MSGR.secure }
    const rows = [write(A, 4 * P)]
    for (let at = 2; at <= 9; at++) {
      const done = await on('6.12', rows, { options, inject: { fault: 'alloc', at } })
      expect([at, done.results[0], done.report.counters.connectionFaults]).toEqual([at, 4 * P, 1])
      expectNothingLeft(done)
    }
  })

  it('rxbounce: one page for the connection, and the data is copied out of it', async () => {
    const done = await seen('6.12', [read(A, 2 * P), read(B, P, { ts: 9, end: LATER })], { options: { rxbounce: 1 } })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 3 * P })
    expect(done.open[1]?.bytes).toBe(BVEC + P)
    expect(done.report.counters).toMatchObject({ receivedBytes: 3 * P })
    expectNothingLeft(done)
  })
})

describe('the page cache', () => {
  const cached = (op: 'read' | 'write', bytes: number, more: TestRow = {}): TestRow => ({
    op,
    iter: 'xarray',
    segs: `file:0+${bytes}`,
    offset: 0,
    file: 'file',
    end: LATER,
    ...more,
  })

  it.each(['6.12', '6.18', 'mainline'] as const)(
    '%s: reads are looked up, a reference taken and put for each page',
    async (kernel) => {
      for (const iter of ['xarray', 'folioq'] as const) {
        const done = await seen(kernel, [cached('read', 5 * P, { iter })], { options: BUFFERED })
        expect(done.results).toEqual([5 * P])
        expect(done.open).toEqual([{ refs: 0, bytes: 0 }])
        expect(done.report.refs).toMatchObject({ acquired: 5, released: 5 })
        expect(done.report.counters).toMatchObject({ lookedUpPages: 5, osdRequests: 1, dirtiedPages: 0 })
        expectNothingLeft(done)
      }
      const secure = await on(kernel, [cached('read', 5 * P)], { options: { ...BUFFERED, msgr: MSGR.secure } })
      expect(secure.report.counters.lookedUpPages).toBe(10)
      expectNothingLeft(secure)
    },
  )

  it('6.1: reads have an array of referenced pages', async () => {
    const done = await seen('6.1', [cached('read', 5 * P)], { options: BUFFERED })
    expect(done.open).toEqual([{ refs: 5, bytes: 5 * 8 }])
    expect(done.report.counters.lookedUpPages).toBe(0)
    expectNothingLeft(done)
  })

  it.each(ALL)(
    '%s: writeback has an array of pages, with the reference of the lookup and one of the socket',
    async (kernel) => {
      const done = await seen(kernel, [cached('write', 5 * P)], { options: BUFFERED })
      expect(done.open).toEqual([{ refs: 10, bytes: 5 * 8 }])
      expectNothingLeft(done)
    },
  )

  it.each(ALL)('%s: user memory does not arrive', async (kernel) => {
    const done = await on(kernel, [read(A, P), { op: 'read', iter: 'kvec', segs: '0x888000000000+4096' }], {
      options: BUFFERED,
    })
    expect(done.results).toEqual([EINVAL, EINVAL])
    expectNothingLeft(done)
  })
})

describe('hazards', () => {
  it('a page of the caller that is freed while it is sent keeps its reference', async () => {
    const done = await on('6.12', [
      { op: 'write', iter: 'bvec', segs: '4096:0+4096', offset: 0, ts: 0, end: 100 },
      { event: 'free', iter: 'bvec', segs: '4096:0+4096', ts: 10 },
    ])
    expect(done.report.violationsTotal).toBe(0)
  })

  it('writeback: a writer waits, until the pages are not under writeback any more', async () => {
    const write: TestRow = { op: 'write', iter: 'xarray', segs: 'f:0+8192', offset: 0, ts: 0, end: 100, file: 'f' }
    const dirty: TestRow = { event: 'dirty', file: 'f', offset: 0, len: 4096, ts: 20 }
    const waits = await on('6.12', [write, dirty], { options: BUFFERED })
    expect(waits.report.violationsTotal).toBe(0)
  })
})

// consumers.md section 16: `ceph DIO`, `ceph msgr ITER`.
describe('ownership', () => {
  const shapes = [{ row: { op: 'read' as const, offset: 0 }, bytes: 2 * P }]
  const cell = (kernel: KernelVersion, type: IterTypeName) => ownershipCell(ceph, kernel, type, shapes)

  it.each(ALL)('%s, ceph DIO', async (kernel) => {
    expect(await cell(kernel, 'ubuf')).toBe('ref')
    expect(await cell(kernel, 'iovec')).toBe('ref')
    expect(await cell(kernel, 'bvec')).toBe('ref')
    expect(await cell(kernel, 'kvec')).toBe('-EFAULT')
    expect(await cell(kernel, 'xarray')).toBe('ref')
    expect(await cell(kernel, 'folioq')).toBe(kernel === '6.1' ? 'n/a' : 'ref')
    expect(await cell(kernel, 'discard')).toBe('-EFAULT')
  })

  it.each(['6.12', '6.18', 'mainline'] as const)(
    '%s, ceph msgr ITER: a reference, and none after it',
    async (kernel) => {
      const buffered = [{ ...shapes[0]!, options: BUFFERED }]
      for (const type of ['bvec', 'xarray', 'folioq'] as const) {
        expect(await ownershipCell(ceph, kernel, type, buffered)).toBe('ref')
      }
      for (const type of ['ubuf', 'iovec', 'kvec'] as const) {
        expect(await ownershipCell(ceph, kernel, type, buffered)).toBe('-EINVAL')
      }
    },
  )
})

describe('failures', () => {
  const rows = [
    read(A + 0x200, 300000, { end: 50 }),
    iovec('write', [A, 3 * P], [B, P + 5]),
    write(A, 300000, { offset: 4 * MIB - P, end: 60 }),
    { op: 'write', iter: 'bvec', segs: '4096:0+8192', offset: 0, end: 70 } as TestRow,
    read(A, 9000, { ts: 100, end: 200 }),
  ]
  for (const kernel of ALL) {
    for (const [name, options] of [
      ['synchronous', {}],
      ['asynchronous', { aio: 1 }],
      ['encrypted', { msgr: MSGR.secure }],
      ['bounced', { rxbounce: 1, aio: 1 }],
    ] as const) {
      it(`${kernel}, ${name}: nothing is left after any of them`, async () => {
        const sweep = await sweepFaults(ceph, rows, { kernel, options })
        expect(sweep.steps.alloc).toBeGreaterThan(4)
        expect(sweep.steps.page).toBeGreaterThan(100)
        expect(sweep.unclean).toEqual([])
      })
    }
    it(`${kernel}, the page cache`, async () => {
      const cached = [
        { op: 'read', iter: 'xarray', segs: 'f:0+20000', offset: 0, end: 10 },
        { op: 'write', iter: 'xarray', segs: 'f:0+20000', offset: 0, end: 10 },
      ] as TestRow[]
      for (const msgr of [MSGR.v1, MSGR.secure]) {
        expect((await sweepFaults(ceph, cached, { kernel, options: { ...BUFFERED, msgr } })).unclean).toEqual([])
      }
    })
  }
})
