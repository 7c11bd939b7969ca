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
  register,
  SINCE_6_12,
  SOCKET,
  segments,
  send,
  splice,
  unregister,
  watched,
  zcopy,
} from './support/skb-rows.ts'

// Notifications and what they cost, packets that come back, and the other protocols: UDP and vsock.

const [ENOMEM, ENOBUFS, EMSGSIZE, EOPNOTSUPP] = [-12, -105, -90, -95] as const

describe('notifications', () => {
  it.each(ALL)('%s: sends that follow each other in an unsent skb share one, 512 KiB at most', async (kernel) => {
    const rows = Array.from({ length: 9 }, () => zcopy(A, 16 * P, { end: LATER, flags: 'zerocopy more' }))
    const sent = await on(kernel, rows)
    // 8 of 64 KiB are 512 KiB; the ninth begins another one, in another skb.
    expect(sent.report.counters).toMatchObject({ ubufs: 2, ubufsJoined: 7, ubufMismatches: 1, notifications: 2 })
    // Numbers that follow each other are one message in the error queue.
    expect(sent.report.counters.notificationsJoined).toBe(1)
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: RLIMIT_MEMLOCK, (bytes >> 12) + 2 pages a send, until it is notified', async (kernel) => {
    // 5 pages each: the second is one too many for 8, the third comes when the first is over.
    const rows = [zcopy(A, 3 * P, { end: 5 }), zcopy(A, 3 * P), zcopy(A, 3 * P, { ts: 10 })]
    const sent = await on(kernel, rows, { options: { memlock: 8 * P } })
    expect(sent.results).toEqual([3 * P, ENOBUFS, 3 * P])
    expect(sent.report.counters).toMatchObject({ accountedPages: 10, accountedPagesPeak: 5, notifications: 2 })
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: a send of io_uring is charged too (-ENOMEM), but not for a registered buffer', async (kernel) => {
    const rows = [register(A, 8 * P), zcopy(B, 8 * P), fixed(A, 8 * P), unregister]
    const { results, report } = await on(kernel, rows, { options: { memlock: 9 * P, uring: 1 } })
    expect(results).toEqual([ENOMEM, 8 * P])
    expect(report.counters.accountedPages).toBe(0)
  })

  // 26 of 768 bytes, and room asked for 576 more: 6.1's notifications fill a socket's option memory soon.
  it('6.1: a socket has 20480 bytes for those that are not over; 6.12 131072', async () => {
    const rows = Array.from({ length: 30 }, () => zcopy(A, P, { end: LATER }))
    const small = await on('6.1', rows)
    expect(small.results.filter((result) => result === ENOBUFS)).toHaveLength(4)
    expectNothingLeft(small)
    const large = await on('6.12', rows)
    expect(large.results.filter((result) => result === ENOBUFS)).toHaveLength(0)
    expectNothingLeft(large)
  })

  it('waits in the error queue until it is read', async () => {
    const rows = [zcopy(A, P), zcopy(A, P), errorQueue(), errorQueue()]
    const sent = await watched('6.12', rows)
    const [one] = [EMPTY_SKB('6.12')]
    // Both are one message.
    expect(sent.seen.map(({ openBytes }) => openBytes)).toEqual([one, one, 0, 0])
    expect(sent.report.counters).toMatchObject({ notifications: 2, notificationsJoined: 1 })
  })

  it('another socket has numbers and a queue of its own', async () => {
    const rows = [zcopy(A, P, { file: 'one' }), zcopy(A, P, { file: 'two' })]
    expect((await on('6.12', rows)).report.counters.notificationsJoined).toBe(0)
  })
})

describe('data that is copied after all', () => {
  it.each(ALL)('%s: a route that does not gather: copied at once, and notified so', async (kernel) => {
    const sent = await watched(kernel, [zcopy(A, 5 * P, { end: 10 })], { options: { 'sg-route': 0 } })
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 5 * P })
    expect(sent.report.refs.acquired).toBe(0)
    expect(sent.report.counters).toMatchObject({ notifications: 1, notificationsCopied: 1, zeroCopySends: 1 })
    expectNothingLeft(sent)
  })

  it.each(ALL)(
    '%s: over loopback the receiver gets a copy; the pages are held until the acknowledgement',
    async (kernel) => {
      const sent = await watched(kernel, [zcopy(A, 5 * P, { end: 10 })], { options: { loopback: 1 } })
      expect(sent.seen[0]).toMatchObject({ refs: 5, ownPages: 5 })
      expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 5 * P })
      expect(sent.report.avoided.copyBytes).toBe(0)
      expect(sent.report.counters).toMatchObject({ notifications: 1, notificationsCopied: 1 })
      expectNothingLeft(sent)
    },
  )

  // @kernel net/core/skbuff.c: skb_copy_ubufs (order)
  it('the copies are the smallest pages of which 17 are enough', async () => {
    const options = { loopback: 1, 'size-goal': 32 * P }
    const rows = [map(A, HUGE, 'thp'), zcopy(A, 19 * P, { end: 10 })]
    // 19 pages need order 1: 10 of 2 pages.
    expect((await watched('6.12', rows, { options })).seen[1]?.ownPages).toBe(20)
  })

  it.each(ALL)('%s: managed frags get a reference each before, since the packet is a clone (H13)', async (kernel) => {
    const rows = [register(A, 4 * P), fixed(A, 3 * P, { end: 10 }), unregister]
    const sent = await watched(kernel, rows, { options: { loopback: 1 } })
    expect(sent.seen[1]?.refs).toBe(3)
    expect(sent.report.counters).toMatchObject({ downgrades: 1, downgradeRefs: 3, notificationsCopied: 1 })
    expectNothingLeft(sent)
  })

  it('pages handed over are not copied there: nobody waits for them', async () => {
    const { report } = await on('6.12', [splice('file', 0, 4 * P)], { options: { loopback: 1 } })
    expect(report.data).toEqual({ zeroCopyBytes: 4 * P, copiedBytes: 0 })
  })

  it.each(ALL)('%s: without SO_ZEROCOPY the flag means nothing', async (kernel) => {
    const { report } = await on(kernel, [zcopy(A, P)], { options: { 'so-zerocopy': 0 } })
    expect(report.data.copiedBytes).toBe(P)
    expect(report.counters).toMatchObject({ ubufs: 0, notifications: 0 })
  })

  it('writing to the pages before the notification changes what is sent; over loopback it does not', async () => {
    const rows = [zcopy(A, P, { end: 10 }), { event: 'dirty', segs: segments([A, P]) }]
    const { report } = await on('6.12', rows)
    expect(report.violations.map(({ rule }) => rule)).toEqual(['modified-in-use'])
    expect((await on('6.12', rows, { options: { loopback: 1 } })).report.violations).toEqual([])
    expect((await on('6.12', [send(A, P, { end: 10 }), rows[1]!])).report.violations).toEqual([])
  })
})

describe('UDP', () => {
  const udp = (more: Readonly<Record<string, number>> = {}) => ({ options: { socket: SOCKET.udp, ...more } })

  it.each(ALL)('%s: a datagram that fits a packet is one skb of frags', async (kernel) => {
    const sent = await watched(kernel, [zcopy(A + 100, 8 * P, { end: 10 })], udp({ memlock: 64 * P }))
    expect(frags(sent)[0]).toHaveLength(9)
    expect(sent.seen[0]?.refs).toBe(9)
    // Eight bytes of header are charged with it: (32776 >> 12) + 2.
    expect(sent.report.counters).toMatchObject({ notifications: 1, notificationsCopied: 0, accountedPages: 10 })
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: more than a packet, or a part of one, is copied and notified so', async (kernel) => {
    for (const [row, options] of [
      [zcopy(A, 8 * P), udp({ mtu: 1500 })],
      [zcopy(A, 8 * P), udp({ 'sg-route': 0 })],
      [zcopy(A, 8 * P, { flags: 'zerocopy more' }), udp()],
    ] as const) {
      const sent = await on(kernel, [row], options)
      expect(sent.results).toEqual([8 * P])
      expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 8 * P })
      expect(sent.report.counters).toMatchObject({ notifications: 1, notificationsCopied: 1 })
      expectNothingLeft(sent)
    }
  })

  it.each(ALL)('%s: more than 17 frags are refused with -EMSGSIZE, everything put', async (kernel) => {
    const iovec = zcopy(0, 0, {
      iter: 'iovec',
      segs: segments(...Array.from({ length: 18 }, (_, i) => [A + 2 * i * P, 100] as const)),
    })
    const sent = await on(kernel, [iovec], udp())
    expect(sent.results).toEqual([EMSGSIZE])
    expect(sent.report.refs).toMatchObject({ acquired: 17, released: 17 })
    expect(sent.report.counters).toMatchObject({ ubufsAborted: 1, notifications: 0 })
    expectNothingLeft(sent)
  })

  it('a datagram is at most 65507 bytes', async () => {
    const { results } = await on('6.12', [send(A, 65508), send(A, 65507), zcopy(A, 65507)], udp())
    expect(results).toEqual([EMSGSIZE, 65507, 65507])
  })

  it('over loopback the datagram itself is received: its pages go at once', async () => {
    const sent = await watched('6.12', [zcopy(A, 8 * P, { end: 10 })], udp({ loopback: 1 }))
    expect(sent.seen[0]).toMatchObject({ refs: 0, ownPages: 8 })
    expect(sent.report.counters).toMatchObject({ notifications: 1, notificationsCopied: 1 })
    expectNothingLeft(sent)
  })

  it('parts of a datagram are one skb; one that fails drops those before it', async () => {
    const part = (address: number) => send(address, 20000, { flags: 'more', end: LATER })
    const sent = await on('6.12', [part(A), send(A, 100, { end: LATER })], udp())
    expect([sent.results, sent.report.counters.skbs]).toEqual([[20000, 100], 1])
    const failed = await watched('6.12', [noAccess(B), part(A), part(B), send(A, 10)], udp())
    expect(failed.results).toEqual([20000, -14, 10])
    expectNothingLeft(failed)
  })

  it.each(SINCE_6_12)('%s: pages handed over are attached', async (kernel) => {
    const sent = await watched(kernel, [splice('file', 0, 3 * P, { end: 10 })], udp())
    expect(sent.seen[0]?.refs).toBe(3)
    expect(sent.report.data).toEqual({ zeroCopyBytes: 3 * P, copiedBytes: 0 })
    expectNothingLeft(sent)
  })

  // @kernel net/ipv4/udp.c: udp_sendpage (6.1.176: MSG_SPLICE_PAGES, which __ip_append_data does not know)
  it('6.1: pages handed over are copied', async () => {
    const sent = await on('6.1', [splice('file', 0, 3 * P, { end: 10 })], udp())
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 3 * P })
    expect(sent.report.refs.acquired).toBe(0)
    expectNothingLeft(sent)
  })
})

describe('vsock', () => {
  /** 18 segments, each in a page of its own. */
  const scattered = zcopy(0, 0, {
    iter: 'iovec',
    segs: segments(...Array.from({ length: 18 }, (_, i) => [A + 2 * i * P, 100] as const)),
  })
  const vsock = (more: Readonly<Record<string, number>> = {}) => ({ options: { socket: SOCKET.vsock, ...more } })

  it.each(SINCE_6_12)('%s: packets of 64 KiB, in the pages of the sender', async (kernel) => {
    const sent = await watched(kernel, [zcopy(A + 100, 40 * P, { end: 10 })], vsock({ loopback: 1 }))
    expect(sent.results).toEqual([40 * P])
    expect(frags(sent).map((skb) => skb.length)).toEqual([17, 17, 9])
    expect(sent.seen[0]?.refs).toBe(43)
    expect(sent.report.counters).toMatchObject({ skbs: 3, ubufs: 1, notifications: 1, notificationsCopied: 0 })
    expectNothingLeft(sent)
  })

  it('6.1 copies them, and tells nobody', async () => {
    const sent = await on('6.1', [zcopy(A, 40 * P, { end: 10 })], vsock())
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 40 * P })
    expect(sent.report.counters).toMatchObject({ skbs: 3, ubufs: 0, notifications: 0 })
    expectNothingLeft(sent)
  })

  it('6.1 knows no SEND_ZC there', async () => {
    const { results } = await on('6.1', [zcopy(A, P)], vsock({ uring: 1 }))
    expect(results).toEqual([EOPNOTSUPP])
  })

  it('more than the peer has room for is copied, and notified so', async () => {
    const sent = await on('6.12', [zcopy(A, 65 * P, { end: 10 })], vsock())
    // 256 KiB, and the page that is left, which does not begin where its segment does.
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 65 * P })
    expect(sent.report.counters).toMatchObject({ ubufs: 2, notifications: 2, notificationsCopied: 2 })
    expectNothingLeft(sent)
  })

  it.each(SINCE_6_12)('%s: a packet with more than 17 frags gives -ENOMEM', async (kernel) => {
    const sent = await on(kernel, [scattered], vsock())
    expect(sent.results).toEqual([ENOMEM])
    expect(sent.report.refs).toMatchObject({ acquired: 17, released: 17 })
    expect(sent.report.counters).toMatchObject({ ubufsAborted: 1, notifications: 0 })
    expectNothingLeft(sent)
  })

  it.each([
    // The iterator has lost the 17 segments that the second packet had taken: what is left is too short to go on with.
    ['6.12', 65536, 16 + 17],
    // It begins at the second packet again, inside no segment: zero-copy, and in vain.
    ['mainline', 65536, 16 + 17 + 17],
  ] as const)('%s: such a packet after another one: what came before is sent', async (kernel, bytes, refs) => {
    const iovec = zcopy(0, 0, { ...scattered, segs: `${segments([B, 65536])};${scattered.segs}` })
    const sent = await on(kernel, [iovec], vsock())
    expect(sent.results).toEqual([bytes])
    expect(sent.report.refs).toMatchObject({ acquired: refs, released: refs })
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: memory that cannot be had gives -ENOMEM too', async (kernel) => {
    const sent = await on(kernel, [noAccess(B), zcopy(B, P), send(B, P)], vsock())
    expect(sent.results).toEqual([ENOMEM, ENOMEM])
    expectNothingLeft(sent)
  })

  it.each([
    ['6.12', 1],
    ['mainline', 0],
  ] as const)('%s: SEND_ZC without SO_ZEROCOPY is copied in 6.12, not in 7.3', async (kernel, isCopied) => {
    const { report } = await on(kernel, [zcopy(A, P)], vsock({ uring: 1, 'so-zerocopy': 0 }))
    expect(report.data.copiedBytes).toBe(isCopied * P)
  })
})
