import type { KernelVersion } from '@pinscope/core'
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
import { rds } from '../src/rds/definition.ts'

// net/rds: the worked examples RD1 and RD2, references and what ends them, cookies, the shared page of the copying path,
// limits, and how failures are undone. 6.1.176, 6.12.117 and 7.3.4 are the same but for the size of a message and splice.

const A = 0x7f0000000000
const B = 0x7f1000000000
const P = 4096
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
/** sizeof(struct rds_message), sizeof(struct rds_msg_zcopy_info), sizeof(struct scatterlist). */
const MESSAGE = (kernel: KernelVersion) => (kernel === '6.1' ? 504 : 536)
const INFO = 56
const SG = 32
/** Long after the last row. */
const LATER = 1e6
const [EFAULT, EINVAL, ENOMEM, EAGAIN, EMSGSIZE, EOPNOTSUPP] = [-14, -22, -12, -11, -90, -95] as const
const TRANSPORT = { tcp: 0, ib: 1, loop: 2 }

const hex = (address: number) => `0x${address.toString(16)}`
const segments = (...segs: readonly (readonly [number, number])[]) =>
  segs.map(([address, length]) => `${hex(address)}+${length}`).join(';')
const send = (address: number, length: number, more: TestRow = {}): TestRow => ({
  op: 'write',
  iter: 'ubuf',
  segs: segments([address, length]),
  file: 'socket',
  ...more,
})
const zcopy = (address: number, length: number, more: TestRow = {}): TestRow =>
  send(address, length, { flags: 'zerocopy', ...more })
const receive = (address: number, length: number, more: TestRow = {}): TestRow => ({
  op: 'read',
  iter: 'ubuf',
  segs: segments([address, length]),
  file: 'socket',
  ...more,
})
const noAccess = (address: number): TestRow => ({
  event: 'map',
  segs: segments([address, P]),
  backing: 'anon',
  flags: 'prot_none',
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(rds, rows, { kernel, ...options })

/** What a lane holds just after the row with that number. */
async function after(kernel: KernelVersion, rows: readonly TestRow[], row: number, options: RowsOptions = {}) {
  const seen: { refs: number; pages: number; openBytes: number; mapped: number }[] = []
  const afterRow = (lane: Lane) => {
    seen.push({
      refs: lane.ledger.totals[REFS_OPEN]!,
      pages: Math.floor(lane.io.allocations.openBytes / P),
      openBytes: lane.io.allocations.openBytes,
      mapped: lane.io.dma.openEntries,
    })
  }
  const done = await on(kernel, rows, { ...options, afterRow })
  return { ...done, seen: seen[row]! }
}

function expectNothingLeft({ report, lane }: RowsResult) {
  const { pins, refs, violationsTotal } = report
  expect([pins.open, refs.open, lane.io.allocations.openBytes, lane.io.dma.openEntries, violationsTotal]).toEqual([
    0, 0, 0, 0, 0,
  ])
}

const pieces = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))

describe('zero-copy', () => {
  it.each(ALL)(
    '%s, RD1: an entry and a reference for each page, a charge of (9000 >> 12) + 2 pages',
    async (kernel) => {
      const options = { memlock: 16 * P }
      const rows = [zcopy(A + 0x700, 9000, { end: 10 }), receive(B, P, { ts: 5 })]
      const sent = await after(kernel, rows, 0, { options })
      expect(pieces(sent)).toEqual([
        [
          [0x700, 2304],
          [0, 4096],
          [0, 2600],
        ],
      ])
      expect(sent.seen).toEqual({ refs: 3, pages: 0, openBytes: MESSAGE(kernel) + 3 * SG + INFO, mapped: 0 })
      expect(sent.results).toEqual([9000, P])
      expect(sent.report.refs).toMatchObject({ acquired: 3, released: 3, open: 0 })
      expect(sent.report.data).toEqual({ zeroCopyBytes: 9000, copiedBytes: P })
      expect(sent.report.avoided.copyBytes).toBe(9000)
      expect(sent.report.entries).toMatchObject({ built: 3, bytes: 3 * SG })
      expect(sent.report.counters).toMatchObject({
        messages: 1,
        zeroCopyMessages: 1,
        accountedPages: 4,
        accountedPagesPeak: 4,
        cookies: 1,
        cookieEntries: 1,
        // It came after the reader had been there.
        cookiesReaped: 0,
      })
      expectNothingLeft(sent)
    },
  )

  it.each(ALL)('%s, RD2: kernel memory is refused by iov_iter_get_pages2, with nothing left', async (kernel) => {
    const kvec: TestRow = {
      op: 'write',
      iter: 'kvec',
      segs: '0x888000000000+4096;0x888000010000+100',
      flags: 'zerocopy',
    }
    const refused = await on(kernel, [kvec], { options: { memlock: 16 * P } })
    expect(refused.results).toEqual([EFAULT])
    expect(refused.report.refs.acquired).toBe(0)
    expect(refused.report.counters).toMatchObject({ accountedPages: 3, cookies: 0 })
    expectNothingLeft(refused)
  })

  // What RD2 is about, with one iterator: the first segment is referenced, then the second cannot be had.
  it.each(ALL)('%s: everything before a page that cannot be had is put, and the charge taken back', async (kernel) => {
    const iovec = zcopy(0, 0, { iter: 'iovec', segs: segments([A, 2 * P], [B, P]), end: LATER })
    // Two messages of 5 pages are more than 8: the charge of the first is not there any more.
    const rows = [noAccess(B), iovec, zcopy(A, 3 * P, { end: LATER })]
    const failed = await on(kernel, rows, { options: { memlock: 8 * P } })
    expect(failed.results).toEqual([EFAULT, 3 * P])
    expect(failed.report.refs).toMatchObject({ acquired: 2 + 3, released: 2 + 3 })
    expect(failed.report.counters).toMatchObject({ messages: 1, accountedPages: 10, accountedPagesPeak: 5, cookies: 1 })
    expectNothingLeft(failed)
  })

  it('is one call for each page of each segment', async () => {
    // 100 bytes at the end of a page and 200 at its beginning are two entries, in two segments of one page each.
    const iovec = zcopy(0, 0, { iter: 'iovec', segs: segments([A + P - 100, 300], [B + 8, 50], [B + 8, 50]) })
    const { report, lists } = await on('6.12', [iovec])
    expect(lists[0]?.entries.map(({ lengthBytes }) => lengthBytes)).toEqual([100, 200, 50, 50])
    expect(report.refs.acquired).toBe(4)
  })

  it('references outlive the call, until the receiver has the message', async () => {
    const rows = [zcopy(A, 2 * P, { end: 10 }), receive(B, P, { ts: 5 }), receive(B, P, { ts: 20 })]
    expect((await after('6.12', rows, 1)).seen.refs).toBe(2)
    expect((await after('6.12', rows, 2)).seen.refs).toBe(0)
  })

  it('a message that is never acknowledged keeps its pages', async () => {
    const { report } = await on('6.12', [zcopy(A, 2 * P, { end: 'never' })])
    expect(report.refs).toMatchObject({ acquired: 2, open: 2 })
    expect(report.leaksTotal).toBe(1)
  })

  it('a completed message with the extract policy lets go of pins', async () => {
    const { report } = await on('6.12', [zcopy(A, 2 * P)], { policy: 'extract' })
    expect([report.pins.acquired, report.pins.released, report.refs.acquired]).toEqual([2, 2, 0])
  })
})

describe('what is refused', () => {
  const result = async (
    row: TestRow,
    options: Readonly<Record<string, number>> = {},
    kernel: KernelVersion = '6.12',
  ) => {
    const done = await on(kernel, [row], { options })
    expectNothingLeft(done)
    return [done.results[0], done.report.refs.acquired, done.report.data.copiedBytes]
  }

  it.each(ALL)('%s: zero-copy over anything but TCP', async (kernel) => {
    expect(await result(zcopy(A, P), { transport: TRANSPORT.tcp }, kernel)).toEqual([P, 1, 0])
    expect(await result(zcopy(A, P), { transport: TRANSPORT.ib }, kernel)).toEqual([EOPNOTSUPP, 0, 0])
    expect(await result(zcopy(A, P), { transport: TRANSPORT.loop }, kernel)).toEqual([EOPNOTSUPP, 0, 0])
    expect(await result(send(A, P), { transport: TRANSPORT.loop }, kernel)).toEqual([P, 0, P])
  })

  // @kernel net/rds/send.c: rds_rm_size
  it('zero-copy without a cookie, before anything is taken', async () => {
    expect(await result(zcopy(A, P), { cookie: 0 })).toEqual([EINVAL, 0, 0])
    expect(await result(send(A, P), { cookie: 0 })).toEqual([P, 0, P])
  })

  // @kernel net/rds/send.c: rds_cmsg_zcopy
  it('a cookie without a notifier to keep it: no SO_ZEROCOPY (after the copy), or no payload', async () => {
    expect(await result(zcopy(A, P), { 'so-zerocopy': 0 })).toEqual([EINVAL, 0, P])
    const zero: TestRow = { op: 'write', iter: 'ubuf', segs: segments([A, 0]), len: 0, flags: 'zerocopy' }
    expect(await result(zero)).toEqual([EINVAL, 0, 0])
    expect(await result({ ...zero, flags: '' })).toEqual([0, 0, 0])
  })

  it('a message of more than 1 MiB, or than half the send buffer', async () => {
    const MIB = 1 << 20
    const large = { sndbuf: 4 * MIB }
    for (const make of [send, zcopy]) {
      expect((await result(make(A, MIB), large))[0]).toBe(MIB)
      expect(await result(make(A, MIB + 1), large)).toEqual([EMSGSIZE, 0, 0])
      // net.core.wmem_default is 212992.
      expect((await result(make(A, 106496)))[0]).toBe(106496)
      expect(await result(make(A, 106497))).toEqual([EMSGSIZE, 0, 0])
    }
  })

  it('MSG_MORE and MSG_EOR', async () => {
    expect(await result(send(A, P, { flags: 'more' }))).toEqual([EOPNOTSUPP, 0, 0])
    expect(await result(send(A, P, { flags: 'eor' }))).toEqual([EOPNOTSUPP, 0, 0])
  })

  // 6.5 made MSG_SPLICE_PAGES of it, which rds_sendmsg does not know. 6.1 calls rds_sendmsg for each page, all but the
  // last with MSG_SENDPAGE_NOTLAST, which it does not know either.
  it('splice(2), but of a single page in 6.1', async () => {
    const spliced = (segs: string): TestRow => ({ op: 'write', iter: 'bvec', segs, flags: 'splice' })
    for (const kernel of ALL) {
      expect(await result(spliced('4096:0+4096;4097:0+100'), {}, kernel)).toEqual([EOPNOTSUPP, 0, 0])
      const one = kernel === '6.1' ? [100, 0, 100] : [EOPNOTSUPP, 0, 0]
      expect(await result(spliced('4096:8+100'), {}, kernel)).toEqual(one)
    }
  })

  it('more pages than RLIMIT_MEMLOCK, until a message is acknowledged', async () => {
    // 5 pages each; 9 can be charged.
    const rows = [
      zcopy(A, 3 * P, { ts: 0, end: 10 }),
      zcopy(B, 3 * P, { ts: 1, end: 10 }),
      zcopy(B, 3 * P, { ts: 20, end: 30 }),
    ]
    const done = await on('6.12', rows, { options: { memlock: 9 * P + 100 } })
    expect(done.results).toEqual([3 * P, ENOMEM, 3 * P])
    expect(done.report.entries.limitHits).toBe(1)
    expect(done.report.refs.acquired).toBe(6)
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: a full send buffer, without waiting, after the pages were referenced', async (kernel) => {
    const options = { sndbuf: 2 * 8 * P }
    const rows = [
      // The buffer is full when it was before: the last message may be more than its room.
      zcopy(A, 7 * P, { ts: 0, end: 10 }),
      zcopy(A, 7 * P, { ts: 1, end: 10 }),
      zcopy(B, 2 * P, { ts: 2, end: 10, flags: 'zerocopy nowait' }),
      send(B, 2 * P, { ts: 3, end: 10, flags: 'nowait' }),
      // This one waited, says the trace's clock.
      zcopy(B, 2 * P, { ts: 4, end: 10 }),
      zcopy(B, 2 * P, { ts: 20, end: 30, flags: 'zerocopy nowait' }),
    ]
    const done = await on(kernel, rows, { options })
    expect(done.results).toEqual([7 * P, 7 * P, EAGAIN, EAGAIN, 2 * P, 2 * P])
    expect(done.report.refs.acquired).toBe(14 + 2 + 2 + 2)
    expect(done.report.counters).toMatchObject({ queueFull: 3, dropped: 2, messages: 4, cookies: 4 })
    expectNothingLeft(done)
  })

  it('what the trace says failed, and where it failed', async () => {
    // -ENOTCONN comes first of all, -EAGAIN when the message has its data.
    expect(await result(zcopy(A, 2 * P, { result: -107 }))).toEqual([-107, 0, 0])
    expect(await result(zcopy(A, 2 * P, { result: EAGAIN }))).toEqual([EAGAIN, 2, 0])
    expect(await result(send(A, 2 * P, { result: EAGAIN }))).toEqual([EAGAIN, 0, 2 * P])
  })
})

describe('cookies', () => {
  const messages = (count: number) =>
    Array.from({ length: count }, (_, i) => zcopy(A + i * P, P, { ts: i, end: 100 + i }))

  // rds_rm_zerocopy_callback asks the first element of the list for room, and appends when it has none.
  it.each(ALL)('%s: eight in the first element, and one in each after it', async (kernel) => {
    const rows = [...messages(10), receive(B, P, { ts: 200 }), receive(B, P, { ts: 201 }), receive(B, P, { ts: 202 })]
    const waiting = await after(kernel, [...rows, receive(B, P, { ts: 203 })], 10)
    expect(waiting.report.counters).toMatchObject({ cookies: 10, cookieEntries: 3, cookiesReaped: 10 })
    // Eight were read with the first: two elements are left.
    expect(waiting.seen.openBytes).toBe(2 * INFO)
    expectNothingLeft(waiting)
  })

  it('after the first element was read, the next one fills', async () => {
    const more = Array.from({ length: 7 }, (_, i) => zcopy(A, P, { ts: 300 + i, end: 400 + i }))
    const rows = [...messages(9), receive(B, P, { ts: 200 }), ...more, receive(B, P, { ts: 500 })]
    const { report } = await on('6.12', rows)
    // 8 and 1; then 7 more go to that 1.
    expect(report.counters).toMatchObject({ cookies: 16, cookieEntries: 2, cookiesReaped: 16 })
  })

  it('belong to the socket that sent, and are freed with it', async () => {
    const other = receive(B, P, { ts: 200, file: 'another' })
    const done = await after('6.12', [...messages(9), other], 9)
    expect(done.report.counters).toMatchObject({ cookieEntries: 2, cookiesReaped: 0 })
    expect(done.seen.openBytes).toBe(2 * INFO)
    expectNothingLeft(done)
  })

  it('come without a message to a reader that does not wait', async () => {
    const rows = [zcopy(A, P), receive(B, P, { ts: 5, result: 0, flags: 'nowait' })]
    const { results, report } = await on('6.12', rows)
    expect(results).toEqual([P, 0])
    expect(report.counters.cookiesReaped).toBe(1)
    expect(report.data.copiedBytes).toBe(0)
  })
})

describe('the copying path', () => {
  const open = async (rows: readonly TestRow[], row: number) => (await after('6.12', rows, row)).seen.openBytes
  const message = (sgs: number) => MESSAGE('6.12') + sgs * SG

  it.each(ALL)('%s: a page for each page of payload, and nothing taken', async (kernel) => {
    const sent = await after(kernel, [send(A + 100, 32768, { end: LATER })], 0)
    expect(sent.seen).toMatchObject({ refs: 0, openBytes: MESSAGE(kernel) + 8 * SG + 8 * P })
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 32768 })
    expect(sent.report.entries).toMatchObject({ built: 8, bytes: 8 * SG })
    expect(sent.report.allocations).toMatchObject({ made: 9, freed: 9 })
    expectNothingLeft(sent)
  })

  it('ends of messages share a page, which lives as long as one of them, or has room', async () => {
    const rows = [
      send(A, 100, { ts: 0, end: 10 }),
      send(A, P + 100, { ts: 1, end: 20 }),
      receive(B, 1, { ts: 15 }),
      receive(B, 1, { ts: 25 }),
    ]
    expect(await open(rows, 0)).toBe(message(1) + P)
    expect(await open(rows, 1)).toBe(message(1) + P + message(2) + P)
    expect(await open(rows, 2)).toBe(message(2) + 2 * P)
    // Both messages are gone: the page waits for the next, until the module goes.
    expect(await open(rows, 3)).toBe(P)
    const done = await on('6.12', rows)
    expect(done.report.counters).toMatchObject({ remainderHits: 1, remainderMisses: 0 })
    expectNothingLeft(done)
  })

  it('parts begin at multiples of 8', async () => {
    // 1 + 511 x 8 bytes leave room for exactly 8.
    const parts = Array.from({ length: 512 }, (_, i) => send(A, 1, { ts: i, end: LATER }))
    const one = await on('6.12', parts)
    expect(one.report.allocations?.made).toBe(512 + 1)
    expect(one.report.counters).toMatchObject({ remainderHits: 511, remainderMisses: 0 })
    const two = await on('6.12', [...parts, send(A, 1, { ts: 600, end: LATER })])
    expect(two.report.allocations?.made).toBe(513 + 2)
    expectNothingLeft(two)
  })

  it('a page that is used up is given up at once', async () => {
    // 4089 are 4096 once aligned.
    const rows = [send(A, 4089, { ts: 0, end: 10 }), receive(B, 1, { ts: 20 })]
    expect(await open(rows, 1)).toBe(0)
  })

  it('a page with too little room is given up, and lives on in its messages', async () => {
    const rows = [send(A, 1000, { ts: 0, end: 10 }), send(A, 4000, { ts: 1, end: 20 }), receive(B, 1, { ts: 15 })]
    expect(await open(rows, 1)).toBe(2 * message(1) + 2 * P)
    // With the first message went its page.
    expect(await open(rows, 2)).toBe(message(1) + P)
    expect((await on('6.12', rows)).report.counters).toMatchObject({ remainderHits: 0, remainderMisses: 1 })
  })

  it('memory that cannot be read is -EFAULT, with everything freed but the shared page', async () => {
    const rows = [noAccess(A + 2 * P), send(A, 2 * P + 100, { end: LATER })]
    const done = await after('6.12', rows, 1)
    expect(done.results).toEqual([EFAULT])
    expect(done.seen.openBytes).toBe(P)
    expectNothingLeft(done)
  })
})

describe('receiving', () => {
  it.each(ALL)('%s: copies to any memory', async (kernel) => {
    const done = await on(kernel, [receive(B, 32768, { result: 20000 })])
    expect(done.results).toEqual([20000])
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 20000 })
    expect(done.report.refs.acquired).toBe(0)
  })

  it('is all or -EFAULT, and nothing where there was nothing', async () => {
    const rows = [noAccess(B + P), receive(B, 2 * P), receive(B, P, { result: EAGAIN })]
    const done = await on('6.12', rows)
    expect(done.results).toEqual([EFAULT, EAGAIN])
    expect(done.report.counters.received).toBe(0)
  })
})

describe('over InfiniBand', () => {
  const options = { transport: TRANSPORT.ib }

  it.each(ALL)('%s: an entry mapped for each page, and a work request with a header for each', async (kernel) => {
    const done = await after(kernel, [send(A, 2 * P + 100, { end: LATER }), send(B, 0, { len: 0 })], 0, { options })
    expect(done.seen.mapped).toBe(3)
    expect(done.report.dma).toMatchObject({ maps: 1, mappedEntries: 3, unmappedEntries: 3, openEntries: 0 })
    // A message without payload has a header all the same.
    expect(done.report.counters).toMatchObject({ messages: 2, workRequests: 4, mappingFailures: 0 })
    expect(done.report.entries.bytes).toBe(3 * SG + (4 + 3) * 16)
    expectNothingLeft(done)
  })

  it('a message that is not mapped is sent all the same, later', async () => {
    const inject = { fault: 'map', at: 1 } as const
    const done = await on('6.12', [send(A, 2 * P, { end: LATER })], { options, inject })
    expect(done.results).toEqual([2 * P])
    expect(done.report.counters).toMatchObject({ messages: 1, mappingFailures: 1 })
    expect(done.report.dma).toMatchObject({ maps: 1, mappedEntries: 2, unmappedEntries: 2 })
  })
})

describe('RDS_GET_MR', () => {
  const row: TestRow = { event: 'register', id: 'mr', iter: 'ubuf', segs: segments([A + 100, 16 * P]) }
  const get = async (rows: readonly TestRow[], transport: number, kernel: KernelVersion = '6.12') => {
    const seen = { result: 0 }
    const afterRow = (lane: Lane) => {
      seen.result = lane.io.result
    }
    const done = await on(kernel, rows, { options: { transport }, afterRow })
    expectNothingLeft(done)
    return [seen.result, done.report.pins.acquired]
  }

  it.each(ALL)('%s: is not there over TCP and loopback; over IB it pins, and needs a connection', async (kernel) => {
    expect(await get([row], TRANSPORT.tcp, kernel)).toEqual([EOPNOTSUPP, 0])
    expect(await get([row], TRANSPORT.loop, kernel)).toEqual([EOPNOTSUPP, 0])
    expect(await get([row], TRANSPORT.ib, kernel)).toEqual([EOPNOTSUPP, 17])
  })

  it('over IB: all pages or none, of 1 MiB at most, which need not be aligned', async () => {
    expect(await get([noAccess(A + 4 * P), row], TRANSPORT.ib)).toEqual([EFAULT, 4])
    const mib: TestRow = { ...row, segs: segments([A + 100, 256 * P]) }
    expect(await get([mib], TRANSPORT.ib)).toEqual([EOPNOTSUPP, 257])
    expect(await get([{ ...row, segs: segments([A + 100, 257 * P]) }], TRANSPORT.ib)).toEqual([EMSGSIZE, 0])
  })
})

describe('RDS_CMSG_RDMA_MAP', () => {
  const options = { transport: TRANSPORT.ib, 'rdma-map': 1 }
  const row: TestRow = { event: 'register', id: 'mr', iter: 'ubuf', segs: segments([A + 100, 16 * P]), ts: 1 }
  const free: TestRow = { event: 'unregister', id: 'mr', ts: 2 }
  /** struct rds_mr, and an entry a page. */
  const BYTES = 64 + 17 * SG

  it.each(ALL)('%s: pins every page for long, lists it twice, and maps it', async (kernel) => {
    const { seen, report } = await after(kernel, [row, receive(B, P, { ts: 5 })], 0, { options })
    expect(seen).toMatchObject({ openBytes: BYTES, mapped: 17 })
    expect(report.pins).toMatchObject({ acquired: 17, open: 17 })
    expect([report.longTermTotal, report.leaksTotal, report.violationsTotal]).toEqual([1, 0, 0])
    // Pages, entries, and the list of the region.
    expect(report.entries).toMatchObject({ built: 3 * 17, bytes: 17 * (8 + SG + 8) })
    expect(report.counters).toMatchObject({ memoryRegions: 1, memoryRegionsRefused: 0 })
  })

  it.each(['6.12', '6.18', 'mainline'] as const)('%s: is unpinned when it is freed', async (kernel) => {
    const done = await on(kernel, [row, free], { options })
    expect(done.report.pins).toMatchObject({ acquired: 17, released: 17, open: 0 })
    expectNothingLeft(done)
  })

  // __rds_ib_teardown_mr of 6.1.176 puts what rds_pin_pages has pinned.
  it('6.1: is put, not unpinned: the wrong kind of release', async () => {
    const { report, lane } = await on('6.1', [row, free], { options })
    expect(report.pins).toMatchObject({ acquired: 17, open: 17 })
    expect(report.violations).toMatchObject([{ rule: 'wrong-kind-release', row: 2, takenRow: 1, pages: 17 }])
    expect([lane.io.allocations.openBytes, lane.io.dma.openEntries]).toEqual([0, 0])
  })

  it('the quirk rds-mr-put-page is that, in any version', async () => {
    const quirks = (on: boolean) => [{ name: 'rds-mr-put-page', on }]
    expectNothingLeft(await on('6.1', [row, free], { options, quirks: quirks(false) }))
    const { report } = await on('mainline', [row, free], { options, quirks: quirks(true) })
    expect([report.pins.open, report.violationsTotal]).toEqual([17, 1])
  })

  // The pages, the region, its list; the mapping; 17 pages; the limit of 1 MiB: each refuses the registration.
  it.each(ALL)('%s: each step made to fail leaves nothing', async (kernel) => {
    const { steps, faults, unclean } = await sweepFaults(rds, [row], { kernel, options })
    expect(steps).toMatchObject({ alloc: 3, map: 1, page: 17, limit: 1 })
    expect(faults).toHaveLength(3 + 1 + 17 + 1)
    expect(unclean).toEqual([])
  })
})

describe('ownership', () => {
  const TYPES: readonly IterTypeName[] = ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray', 'folioq']
  const cells = (kernel: KernelVersion, row: TestRow) =>
    Promise.all(TYPES.map((type) => ownershipCell(rds, kernel, type, [{ row, bytes: 3 * P, offsetBytes: 100 }])))

  it.each(ALL)('%s: as the table has it', async (kernel) => {
    const is61 = kernel === '6.1'
    expect(await cells(kernel, { op: 'write', flags: 'zerocopy' })).toEqual([
      'ref',
      'ref',
      'ref',
      '-EFAULT',
      'ref',
      is61 ? 'n/a' : 'ref',
    ])
    for (const op of ['write', 'read'] as const) {
      expect(await cells(kernel, { op })).toEqual([...Array<string>(5).fill('copy'), is61 ? 'n/a' : 'copy'])
    }
  })
})

describe('each step made to fail', () => {
  const rows = [
    zcopy(A + 0x700, 9000, { ts: 0, end: 50 }),
    zcopy(0, 0, { ts: 1, end: 60, iter: 'iovec', segs: segments([A, 2 * P], [B + 8, 50]) }),
    send(A, 2 * P + 100, { ts: 2, end: 30 }),
    send(B, 4000, { ts: 3, end: 70, flags: 'nowait' }),
    receive(B, 2 * P, { ts: 55 }),
    zcopy(A, P, { ts: 56, end: 80, flags: 'zerocopy nowait' }),
    receive(B, 2 * P, { ts: 90 }),
  ]

  it.each(ALL)('%s: leaves nothing held', async (kernel) => {
    for (const policy of ['get-pages', 'extract', 'folio'] as const) {
      const { steps, unclean } = await sweepFaults(rds, rows, { kernel, policy, options: { memlock: 64 * P } })
      expect(unclean).toEqual([])
      const { map, ...others } = steps
      expect(map).toBe(0)
      expect(Object.values(others).every((count) => count > 0)).toBe(true)
    }
  })

  it.each(ALL)('%s: over IB too, with a registration', async (kernel) => {
    const register: TestRow = { event: 'register', id: 'mr', iter: 'ubuf', segs: segments([A, 4 * P]), ts: 0 }
    const copied = rows.filter(({ flags }) => !String(flags ?? '').includes('zerocopy'))
    const { steps, unclean } = await sweepFaults(rds, [register, ...copied], {
      kernel,
      options: { transport: TRANSPORT.ib },
    })
    expect(unclean).toEqual([])
    // A copied message each: rows 3 and 4.
    expect(steps.map).toBe(2)
  })

  it('6.12: what each costs', async () => {
    const failing = async (fault: 'alloc' | 'page' | 'copy', at: number) =>
      (await on('6.12', rows, { inject: { fault, at } })).results
    const all = (await on('6.12', rows)).results
    const but = (row: number, result: number) => all.map((one, i) => (i === row ? result : one))
    // The message, then its notifier.
    expect(await failing('alloc', 1)).toEqual(but(0, ENOMEM))
    expect(await failing('alloc', 2)).toEqual(but(0, ENOMEM))
    // Message, two pages, the shared page of the third row.
    for (const at of [5, 6, 7, 8]) expect(await failing('alloc', at)).toEqual(but(2, ENOMEM))
    for (const at of [1, 2, 3]) expect(await failing('page', at)).toEqual(but(0, EFAULT))
    expect(await failing('page', 6)).toEqual(but(1, EFAULT))
    expect(await failing('copy', 3)).toEqual(but(2, EFAULT))
  })
})
