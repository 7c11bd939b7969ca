import { describe, expect, it } from 'vitest'
import {
  A,
  ALL,
  B,
  EMPTY_SKB,
  errorQueue,
  expectNothingLeft,
  fixed,
  frags,
  HUGE,
  LATER,
  map,
  noAccess,
  on,
  P,
  receive,
  register,
  segments,
  send,
  splice,
  TCP_SKB,
  unregister,
  watched,
  zcopy,
} from './support/skb-rows.ts'

// A TCP socket: the worked examples SK1 to SK5, frags and the skbs that they are in, and the errors of a send.

const [EAGAIN, EFAULT, EPIPE, ENOBUFS] = [-11, -14, -32, -105] as const
/** An skb with room for more than 17 pages. @kernel include/linux/netdevice.h: GSO_MAX_SIZE (BIG TCP) */
const BIG = { 'size-goal': 32 * P }

describe('worked examples', () => {
  it.each(ALL)('%s, SK1: a frag and a reference for each page, (10000 >> 12) + 2 pages charged', async (kernel) => {
    const sent = await watched(kernel, [zcopy(A + 0x300, 10000, { end: 10 })], { options: { memlock: 16 * P } })
    expect(sent.results).toEqual([10000])
    expect(frags(sent)).toEqual([
      [
        [768, 3328],
        [0, 4096],
        [0, 2576],
      ],
    ])
    expect(sent.seen[0]).toMatchObject({ refs: 3, pins: 0, openBytes: TCP_SKB(kernel) + EMPTY_SKB(kernel) })
    expect(sent.report.refs).toMatchObject({ acquired: 3, released: 3, open: 0 })
    expect(sent.report.data).toEqual({ zeroCopyBytes: 10000, copiedBytes: 0 })
    expect(sent.report.avoided.copyBytes).toBe(10000)
    // Three page pointers on the way, and three frags.
    expect(sent.report.entries).toMatchObject({ built: 6, bytes: 3 * 8 + 3 * 16 })
    expect(sent.report.counters).toMatchObject({
      sends: 1,
      zeroCopySends: 1,
      skbs: 1,
      pureSkbs: 1,
      ubufs: 1,
      notifications: 1,
      notificationsCopied: 0,
      accountedPages: 4,
      accountedPagesPeak: 4,
    })
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s, SK2: in a huge page one frag, one reference left of three', async (kernel) => {
    const rows = [map(A, HUGE, 'thp'), zcopy(A + 0x300, 10000, { end: 10 })]
    const sent = await watched(kernel, rows)
    expect(frags(sent)).toEqual([[[0x300, 10000]]])
    expect(sent.seen[1]?.refs).toBe(1)
    expect(sent.report.refs).toMatchObject({ acquired: 3, released: 3 })
    expect(sent.report.counters).toMatchObject({ pagesJoined: 2, mergesRefused: 0 })
    expectNothingLeft(sent)
  })

  it.each(ALL)(
    '%s, SK3: 17 pages fill an skb, the 18th begins another one with the same notification',
    async (kernel) => {
      const seventeen = await on(kernel, [zcopy(A, 17 * P)], { options: BIG })
      expect(frags(seventeen).map((skb) => skb.length)).toEqual([17])
      expect(seventeen.report.counters).toMatchObject({ skbs: 1, notifications: 1 })
      const eighteen = await on(kernel, [zcopy(A, 18 * P)], { options: BIG })
      expect(eighteen.results).toEqual([18 * P])
      expect(frags(eighteen).map((skb) => skb.length)).toEqual([17, 1])
      expect(eighteen.report.counters).toMatchObject({ skbs: 2, ubufs: 1, notifications: 1 })
      // Once after the 17th page, once more before the skb is left.
      expect(eighteen.report.entries.limitHits).toBe(2)
      expectNothingLeft(eighteen)
    },
  )

  it('6.12, SK4: a registered buffer of 64 KiB in one folio is one frag, with no reference', async () => {
    const rows = [map(A, HUGE, 'thp'), register(A, 16 * P), fixed(A, 16 * P - 53, { end: 10 }), unregister]
    const sent = await watched('6.12', rows)
    expect(frags(sent)).toEqual([[[0, 16 * P - 53]]])
    expect(sent.seen[2]?.refs).toBe(0)
    expect(sent.report.refs.acquired).toBe(0)
    expect(sent.report.counters).toMatchObject({
      managedFrags: 1,
      downgrades: 0,
      notifications: 1,
      notificationsCopied: 0,
    })
    expectNothingLeft(sent)
  })

  // @kernel io_uring/rsrc.c: io_sqe_buffer_register (6.1: a bvec a page)
  it('6.1: of the same buffer it is a frag for each page', async () => {
    const rows = [map(A, HUGE, 'thp'), register(A, 16 * P), fixed(A, 15 * P, { end: 10 }), unregister]
    const sent = await on('6.1', rows)
    expect(frags(sent).map((skb) => skb.length)).toEqual([15])
    expect(sent.report.refs.acquired).toBe(0)
    expectNothingLeft(sent)
  })

  it.each(ALL)(
    '%s, SK5: five pages handed over one by one, a reference each, put by their owner meanwhile',
    async (kernel) => {
      const page = (i: number) => ({
        op: 'write' as const,
        iter: 'bvec',
        segs: `${4096 + 2 * i}:0+4096`,
        file: 'socket',
        flags: i < 4 ? 'splice more' : 'splice',
        end: LATER,
      })
      const sent = await watched(kernel, [0, 1, 2, 3, 4].map(page))
      expect(sent.results).toEqual([P, P, P, P, P])
      expect(sent.seen.map(({ refs }) => refs)).toEqual([1, 2, 3, 4, 5])
      // With more to come they are one skb.
      expect(sent.report.counters).toMatchObject({ skbs: 1, splicedPages: 5, notifications: 0 })
      expect(sent.report.data).toEqual({ zeroCopyBytes: 5 * P, copiedBytes: 0 })
      expectNothingLeft(sent)
    },
  )
})

describe('frags', () => {
  it('a piece that goes on in the page of the last frag is joined across segments and calls', async () => {
    const iovec = zcopy(0, 0, {
      iter: 'iovec',
      segs: segments([A, 100], [A + 100, 50], [A + 200, 50]),
      flags: 'zerocopy more',
    })
    const rows = [{ ...iovec, end: 50 }, zcopy(A + 250, 30, { end: 60 })]
    const sent = await watched('6.12', rows)
    expect(frags(sent)).toEqual([
      [
        [0, 150],
        [200, 50],
      ],
      // The second send added 30 bytes to the last frag.
      [[250, 30]],
    ])
    expect(sent.seen.map(({ refs }) => refs)).toEqual([2, 2])
    expect(sent.report.counters).toMatchObject({ pagesJoined: 2, skbs: 1, ubufsJoined: 1, notifications: 1 })
    expectNothingLeft(sent)
  })

  it('an skb is freed with the last operation that has data in it', async () => {
    const rows = [
      zcopy(A, 100, { flags: 'zerocopy more', end: 5 }),
      zcopy(A + 100, 100, { end: 20 }),
      send(B, 10, { ts: 10 }),
      send(B, 10, { ts: 30 }),
    ]
    const sent = await watched('6.12', rows)
    // The first is over at 5, but its page is the second's too.
    expect(sent.seen.map(({ refs }) => refs)).toEqual([1, 1, 1, 0])
    expectNothingLeft(sent)
  })

  it('two small pages that follow each other are two frags', async () => {
    expect(frags(await on('6.12', [zcopy(A, 2 * P)]))).toEqual([
      [
        [0, P],
        [0, P],
      ],
    ])
  })

  it.each(ALL)('%s: the size goal ends an skb inside a page, which then has two references', async (kernel) => {
    const sent = await watched(kernel, [zcopy(A, 16 * P, { end: 10 })])
    expect(frags(sent)).toEqual([[...Array.from({ length: 15 }, () => [0, P]), [0, P - 53]], [[P - 53, 53]]])
    expect(sent.seen[0]?.refs).toBe(17)
    expect(sent.report.counters).toMatchObject({ skbs: 2, ubufs: 1, notifications: 1 })
    expectNothingLeft(sent)
  })

  it('data that is copied lies in page frags of 32 KiB, one frag of the skb while they go on', async () => {
    const sent = await watched('6.12', [send(A, 60000, { end: 10 })])
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 60000 })
    expect(sent.report.entries).toMatchObject({ built: 2, bytes: 32 })
    expect(sent.seen[0]).toMatchObject({ refs: 0, ownPages: 16 })
    expectNothingLeft(sent)
  })

  it('copied data never joins what a notification keeps, and the skb is charged after all', async () => {
    const rows = [zcopy(A, P, { flags: 'zerocopy more', end: 9 }), send(B, P, { end: 9 })]
    const { report } = await on('6.12', rows)
    expect(report.counters).toMatchObject({ skbs: 1, pureSkbs: 1, pureDowngrades: 1 })
    expect(report.data).toEqual({ zeroCopyBytes: P, copiedBytes: P })
  })

  it.each([
    ['MSG_EOR ends an skb', 'zerocopy eor'],
    ['what is not waiting is sent', 'zerocopy'],
  ] as const)('%s: the next send begins another one', async (_name, flags) => {
    const rows = [zcopy(A, P, { flags, end: 9 }), zcopy(B, P, { end: 9 })]
    const { report } = await on('6.12', rows, { options: { corked: flags === 'zerocopy' ? 0 : 1 } })
    expect(report.counters.skbs).toBe(2)
  })

  it('a corked socket goes on with the last skb as with MSG_MORE', async () => {
    const rows = [zcopy(A, P, { end: 9 }), zcopy(B, P, { end: 9 })]
    const { report } = await on('6.12', rows, { options: { corked: 1 } })
    expect(report.counters).toMatchObject({ skbs: 1, ubufsJoined: 1 })
  })
})

describe('recorded references', () => {
  it('one that the trace lets go before the send is over is released twice', async () => {
    const rows = [zcopy(A, 2 * P, { id: 'send', end: LATER }), { event: 'put', id: 'send', ts: 5 }]
    const { report } = await on('6.12', rows)
    expect(report.violations.map(({ rule }) => rule)).toEqual(['double-release'])
    expect(report.refs).toMatchObject({ acquired: 2, released: 2, open: 0 })
  })

  it('a send that is never acknowledged keeps its pages', async () => {
    const { report } = await on('6.12', [zcopy(A, 2 * P, { end: 'never' })])
    expect(report.refs).toMatchObject({ acquired: 2, open: 2 })
    expect(report.leaks[0]).toMatchObject({ row: 1, pages: 2 })
  })

  it('a send cut off with the trace is in flight', async () => {
    const { report } = await on('6.12', [zcopy(A, 2 * P, { end: 'never' })], { inFlight: true })
    expect([report.refs.open, report.leaks]).toEqual([2, []])
  })
})

describe('errors', () => {
  it.each(ALL)(
    '%s: kernel memory is refused by iov_iter_get_pages2 (-EFAULT), the notification taken back',
    async (kernel) => {
      const kvec = zcopy(0, 0, { iter: 'kvec', segs: '0x888000000000+4096' })
      const refused = await on(kernel, [kvec, zcopy(A, P)])
      expect(refused.results).toEqual([EFAULT, P])
      expect(refused.report.counters).toMatchObject({ ubufs: 2, ubufsAborted: 1, notifications: 1 })
      expectNothingLeft(refused)
    },
  )

  // skb_zerocopy_iter_stream reverts, the skb is trimmed: everything of the call goes.
  it.each(ALL)('%s: a page that cannot be had in the first skb: all that the call took is put', async (kernel) => {
    const iovec = zcopy(0, 0, { iter: 'iovec', segs: segments([A, 2 * P], [B, P]), end: LATER })
    const failed = await watched(kernel, [noAccess(B), iovec])
    expect(failed.results).toEqual([EFAULT])
    expect(failed.seen[1]).toEqual({ refs: 0, pins: 0, openBytes: 0, ownPages: 0 })
    expect(failed.report.refs).toMatchObject({ acquired: 2, released: 2 })
    expectNothingLeft(failed)
  })

  it('in a later skb: what is in those before is sent', async () => {
    const iovec = zcopy(0, 0, { iter: 'iovec', segs: segments([A, 16 * P], [B, P]), end: 10 })
    const { results, report } = await on('6.12', [noAccess(B), iovec])
    // 65483 bytes fill the first skb; of the second, 53 bytes and the page that is not there, nothing is left.
    expect(results).toEqual([65483])
    expect(report.refs).toMatchObject({ acquired: 17, released: 17 })
    expect(report.counters).toMatchObject({ notifications: 1, ubufsAborted: 0 })
  })

  it('copied memory that cannot be had: what was copied before is sent', async () => {
    const iovec = send(0, 0, { iter: 'iovec', segs: segments([A, 65483], [B, P]) })
    expect((await on('6.12', [noAccess(B), iovec])).results).toEqual([65483])
    expect((await on('6.12', [noAccess(B), send(B, P)])).results).toEqual([EFAULT])
  })

  it('a recorded error had taken nothing; a recorded part is all that is sent', async () => {
    const { results, report } = await on('6.12', [zcopy(A, P, { result: EPIPE }), zcopy(A, 4 * P, { result: 5000 })])
    expect(results).toEqual([EPIPE, 5000])
    expect(report.refs.acquired).toBe(2)
  })

  it('an empty send begins no notification', async () => {
    const { results, report } = await on('6.12', [zcopy(A, 0, { len: 0 })])
    expect(results).toEqual([0])
    expect(report.counters).toMatchObject({ ubufs: 0, skbs: 0, sends: 0 })
  })

  it('no memory: waits, or -EAGAIN where it may not', async () => {
    // The second allocation is the skb's: the notification comes first.
    const inject = { fault: 'alloc', at: 2 } as const
    const waited = await on('6.12', [zcopy(A, P)], { inject })
    expect([waited.results[0], waited.report.counters.memoryWaits]).toEqual([P, 1])
    const failed = await on('6.12', [zcopy(A, P, { flags: 'zerocopy nowait' })], { inject })
    expect([failed.results[0], failed.report.counters.memoryWaits]).toEqual([EAGAIN, 1])
    expectNothingLeft(failed)
    const first = await on('6.12', [zcopy(A, P)], { inject: { fault: 'alloc', at: 1 } })
    expect(first.results).toEqual([ENOBUFS])
    expectNothingLeft(first)
  })
})

describe('reads', () => {
  it.each(ALL)('%s: what comes is copied to the reader, and references nothing', async (kernel) => {
    const { results, report } = await on(kernel, [receive(A, 8 * P, { result: 100 }), receive(A, 8 * P), errorQueue()])
    expect(results).toEqual([100, 8 * P, 0])
    expect(report.data.copiedBytes).toBe(100 + 8 * P)
    expect(report.counters.received).toBe(2)
    expect(report.refs.acquired).toBe(0)
  })
})

describe('pages handed over', () => {
  it.each(ALL)('%s: sendfile references the pages of the page cache, whatever the policy is', async (kernel) => {
    for (const policy of ['get-pages', 'extract'] as const) {
      const sent = await watched(kernel, [splice('file', 0x300, 10000, { end: 10 })], { policy })
      expect(frags(sent)).toEqual([
        [
          [768, 3328],
          [0, 4096],
          [0, 2576],
        ],
      ])
      expect(sent.seen[0]).toMatchObject({ refs: 3, pins: 0 })
      expect(sent.report.counters).toMatchObject({ splicedPages: 3, notifications: 0 })
      expectNothingLeft(sent)
    }
  })

  it('the same page is gone on with, its neighbour in a folio is another frag', async () => {
    const rows = [splice('file', 0, 100, { flags: 'splice more', end: 9 }), splice('file', 100, P, { end: 9 })]
    const sent = await watched('6.12', rows)
    expect(frags(sent)).toEqual([
      [[0, 100]],
      [
        [100, P - 100],
        [0, 100],
      ],
    ])
    expect(sent.seen[1]?.refs).toBe(2)
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: without a route that gathers they are copied', async (kernel) => {
    const { report } = await on(kernel, [splice('file', 0, 3 * P)], { options: { 'sg-route': 0 } })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 3 * P })
    expect(report.refs.acquired).toBe(0)
  })

  it.each(ALL)('%s: of user memory the flag is dropped, as sendmsg(2) drops it', async (kernel) => {
    const { report } = await on(kernel, [send(A, P, { flags: 'splice' })])
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: P })
    expect([report.refs.acquired, report.pins.acquired]).toEqual([0, 0])
  })

  describe('H14, memory that a reference does not keep', () => {
    const slab = [map(0x888000000000, 4 * P, 'slab'), map(0x888000100000, 4 * P, 'vmalloc')]
    const kvec = (...segs: readonly (readonly [number, number])[]) =>
      splice('', 0, 0, { iter: 'kvec', segs: segments(...segs) })

    it('since 6.5 it is refused with -EIO', async () => {
      const { results, report } = await on('6.12', [...slab, kvec([0x888000000000, 100])])
      expect(results).toEqual([-5])
      expect(report.counters).toMatchObject({ slabPages: 1, splicedPages: 0 })
      expect(report.refs.acquired).toBe(0)
    })

    it('behind other memory that is sent, it ends the call', async () => {
      const sent = await on('6.12', [...slab, kvec([0x888000100000, 2 * P], [0x888000000000, 100])])
      expect(sent.results).toEqual([2 * P])
      expect(sent.report.refs).toMatchObject({ acquired: 2, released: 2 })
    })

    it('6.1: its callers look first, and send it as data', async () => {
      const { results, report } = await on('6.1', [...slab, kvec([0x888000000000, 100])])
      expect(results).toEqual([100])
      expect(report.data.copiedBytes).toBe(100)
    })
  })
})
