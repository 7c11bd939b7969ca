import { describe, expect, it } from 'vitest'
import {
  A,
  ALL,
  B,
  expectNothingLeft,
  fixed,
  LATER,
  noAccess,
  on,
  P,
  register,
  SINCE_6_12,
  SOCKET,
  segments,
  send,
  splice,
  zcopy,
} from './support/skb-rows.ts'

// What the slow twin (twin-sockets.test.ts) found; each with the place in the kernel that says who is right.

const [EINVAL, EFAULT, ENOMEM, EMSGSIZE, EOPNOTSUPP] = [-22, -14, -12, -90, -95] as const
const udp = (more: Readonly<Record<string, number>> = {}) => ({ options: { socket: SOCKET.udp, ...more } })
const uring = { options: { uring: 1 } }
const more = { flags: 'more', end: LATER }

describe('UDP: net/ipv4/ip_output.c: __ip_append_data; net/ipv4/udp.c: udp_sendmsg', () => {
  it.each(SINCE_6_12)('%s: pages are attached to a datagram that waits, too', async (kernel) => {
    const sent = await on(kernel, [send(A, 100, more), splice('file', 0, 2 * P, { end: 10 })], udp())
    expect(sent.report.data).toEqual({ zeroCopyBytes: 2 * P, copiedBytes: 100 })
    expect(sent.report.refs.acquired).toBe(2)
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: more than 65535 bytes are refused before what waits is looked at', async (kernel) => {
    const sent = await on(kernel, [send(A, 20000, more), send(B, 70000), send(A, 10)], udp())
    expect(sent.results).toEqual([20000, EMSGSIZE, 10])
    // The third goes on with the first.
    expect(sent.report.counters.skbs).toBe(1)
    const dropped = await on(kernel, [send(A, 20000, more), send(B, 60000), send(A, 10)], udp())
    expect([dropped.results[1], dropped.report.counters.skbs]).toEqual([EMSGSIZE, 2])
    expectNothingLeft(dropped)
  })

  it.each(ALL)('%s: a request of io_uring does not go on with what somebody else waits for', async (kernel) => {
    const rows = [register(A, P), zcopy(B, 100, { flags: 'zerocopy more', end: LATER }), fixed(A, 100)]
    const { results } = await on(kernel, rows, udp())
    expect(results).toEqual([100, EINVAL])
  })

  it.each(ALL)('%s: where the device does not gather, later parts are copied behind the first', async (kernel) => {
    const { report } = await on(kernel, [send(A, 100, more), send(B, 20000)], udp({ 'sg-route': 0 }))
    expect(report.entries.built).toBe(0)
  })

  it.each(ALL)('%s: packets of 1500 bytes are one piece of memory each, however long the datagram', async (kernel) => {
    const { report } = await on(kernel, [send(A, 30000)], udp({ mtu: 1500 }))
    expect([report.entries.built, report.data.copiedBytes]).toEqual([0, 30000])
  })

  // udp_sendpage: a call a page; the first makes the packet, the others find it.
  it('6.1: of pages handed over all but the first are copied into page frags', async () => {
    const { report } = await on('6.1', [splice('file', 0, 3 * P)], udp())
    expect([report.entries.built, report.data.copiedBytes]).toEqual([1, 3 * P])
    expect((await on('6.1', [splice('file', 0, P)], udp())).report.entries.built).toBe(0)
  })

  it.each(SINCE_6_12)('%s: of a datagram that is refused nothing is sent from where it lies', async (kernel) => {
    const pages = Array.from({ length: 18 }, (_, i) => `${4096 + 2 * i}:0+100`).join(';')
    const { results, report } = await on(kernel, [splice('', 0, 0, { iter: 'bvec', segs: pages })], udp())
    expect(results).toEqual([EMSGSIZE])
    expect(report.data.zeroCopyBytes).toBe(0)
  })
})

describe('a request of io_uring is notified, whatever becomes of it: io_uring/net.c: io_send_zc_cleanup', () => {
  it.each(ALL)('%s', async (kernel) => {
    const refused = await on(kernel, [noAccess(B), zcopy(B, P)], uring)
    expect(refused.results).toEqual([EFAULT])
    // Since 6.10 the empty skb had it already, and was freed well.
    const notificationsCopied = kernel === '6.1' ? 1 : 0
    expect(refused.report.counters).toMatchObject({ notifications: 1, notificationsCopied, ubufsAborted: 0 })
    const locked = await on(kernel, [zcopy(A, 8 * P)], { options: { uring: 1, memlock: 4 * P } })
    expect(locked.results).toEqual([ENOMEM])
    expect(locked.report.counters).toMatchObject({ notifications: 1, ubufs: 1, accountedPages: 0 })
    expectNothingLeft(locked)
  })

  it('6.1, vsock', async () => {
    const { results, report } = await on('6.1', [zcopy(A, P)], { options: { uring: 1, socket: SOCKET.vsock } })
    expect([results, report.counters.notifications]).toEqual([[EOPNOTSUPP], 1])
  })

  // io_link_skb comes before the data.
  it.each([
    ['6.1', 0],
    ['6.12', 1],
    ['mainline', 1],
  ] as const)(
    '%s: one whose data could not be had waits for the skb that it was to come into: %d',
    async (kernel, waits) => {
      const seen: number[] = []
      const rows = [noAccess(B), send(A, 100, { flags: 'more', end: 10 }), zcopy(B, P), send(A, 10, { ts: 20 })]
      const sent = await on(kernel, rows, {
        ...uring,
        afterRow: ({ io }) => seen.push(io.allocations.made - io.allocations.freed),
      })
      expect(sent.results).toEqual([100, EFAULT, 10])
      expect(seen[2]! - seen[1]!).toBe(waits)
      expectNothingLeft(sent)
    },
  )
})

describe('vsock: net/vmw_vsock/virtio_transport_common.c: virtio_transport_send_pkt_info', () => {
  // Since 6.7 the call of which the packet was a part is tried again where it stopped; in 6.1 it was a call of its own.
  it.each([
    ['6.1', 2],
    ['6.12', 3],
    ['mainline', 3],
  ] as const)('%s: a later packet that cannot be copied is begun anew or not: %d skbs', async (kernel, skbs) => {
    const iovec = send(0, 0, { iter: 'iovec', segs: segments([A, 70000], [B, P]) })
    const { results, report } = await on(kernel, [noAccess(B), iovec], { options: { socket: SOCKET.vsock } })
    expect([results, report.counters.skbs]).toEqual([[65536], skbs])
  })
})

describe('what is counted', () => {
  it.each(ALL)('%s: a zero-copy send that sent nothing is none', async (kernel) => {
    for (const socket of [SOCKET.tcp, SOCKET.udp, SOCKET.vsock]) {
      const { report } = await on(kernel, [noAccess(B), zcopy(B, P)], { options: { socket } })
      expect(report.counters).toMatchObject({ sends: 0, zeroCopySends: 0 })
    }
  })

  // include/linux/skbuff.h: skb_orphan_frags_rx: the whole skb
  it.each(ALL)(
    '%s: over loopback pages handed over are copied where a notification waits for the skb',
    async (kernel) => {
      const rows = [splice('file', 0, P, { flags: 'splice more', end: LATER }), zcopy(A, P, { end: LATER })]
      const { report } = await on(kernel, rows, { options: { loopback: 1 } })
      expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 2 * P })
      expect(report.avoided.copyBytes).toBe(0)
    },
  )

  // __skb_pagelen: without what lies behind the headers
  it.each(ALL)('%s: over loopback only the frags of a datagram are copied', async (kernel) => {
    const rows = [zcopy(A, 100, { flags: 'zerocopy more', end: LATER }), send(B, 20000, { end: LATER })]
    const { report } = await on(kernel, rows, udp({ loopback: 1 }))
    expect(report.data.copiedBytes).toBe(100 + 20000 + 20000)
  })

  // Of one call, in the order in which the other side takes them.
  it('notifications of one send follow each other', async () => {
    const iovec = zcopy(0, 0, {
      iter: 'iovec',
      segs: segments([A, 70000], [A, 1], [A, 70000], [A, 1]),
    })
    const { results, report } = await on('mainline', [iovec], { options: { socket: SOCKET.vsock } })
    // The third packet needs 18 frags, and goes as a copy, with a notification of its own.
    expect(results).toEqual([140002])
    expect(report.counters).toMatchObject({ notifications: 2, notificationsJoined: 1, notificationsCopied: 1 })
  })

  it('memory of which nothing is taken may be freed while the send is on its way', async () => {
    const rows = [
      zcopy(0, 0, { iter: 'bvec', segs: '4096:0+4096', end: LATER }),
      { event: 'free', iter: 'bvec', segs: '4096:0+4096', ts: 5 },
    ]
    const rules = async (policy: 'extract' | 'get-pages') =>
      (await on('6.12', rows, { policy })).report.violations.map(({ rule }) => rule)
    expect(await rules('extract')).toEqual(['use-after-free'])
    expect(await rules('get-pages')).toEqual([])
  })

  // net/core/skbuff.c: __skb_zcopy_downgrade_managed: every frag, also the one that has a reference already
  it('6.1: a page handed over into a managed skb keeps a reference for good when that is downgraded', async () => {
    const rows = [
      register(A, P),
      fixed(A, P, { flags: 'zerocopy fixed more', end: 9 }),
      splice('file', 0, P, { flags: 'splice more', end: 9 }),
      send(B, 10, { end: 9 }),
    ]
    const { report } = await on('6.1', rows)
    expect(report.counters).toMatchObject({ downgrades: 1, downgradeRefs: 2 })
    expect(report.refs).toMatchObject({ acquired: 3, released: 2, open: 1 })
    const quirks = [{ name: 'tcp-sendpage-managed', on: false }]
    expect((await on('6.1', rows, { quirks })).report.refs).toMatchObject({ acquired: 2, released: 2, open: 0 })
  })
})
