import type { PolicyName } from '@pinscope/core'
import type { TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import {
  A,
  ALL,
  B,
  expectNothingLeft,
  fixed,
  frags,
  HUGE,
  LATER,
  map,
  on,
  P,
  register,
  SINCE_6_12,
  send,
  splice,
  unregister,
  watched,
  zcopy,
} from './support/skb-rows.ts'

// Frags that are held in different ways in one skb: managed frags of io_uring and their downgrade (H13), and two parts of
// one page that are held by different kinds of reference.

/** Pages that are mapped and registered. */
const BUFFER: readonly TestRow[] = [map(A, 4 * P, 'anon'), register(A, 4 * P)]
const URING = { uring: 1, corked: 1 }

/** Three ways to send `length` bytes of them: zero-copy by address, managed, and handed over as a bvec. */
const PARTS = {
  pin: (at: number, length: number) => zcopy(A + at, length, { end: LATER }),
  bare: (at: number, length: number) => fixed(A + at, length, { end: LATER }),
  ref: (at: number, length: number) => fixed(A + at, length, { flags: 'splice fixed', end: LATER }),
} as const
type Part = keyof typeof PARTS
const KINDS: readonly Part[] = ['pin', 'ref', 'bare']
const PAIRS = KINDS.flatMap((first) => KINDS.map((second) => [first, second] as const))

describe('managed frags of io_uring', () => {
  it.each(ALL)('%s: nothing is taken; the notification is told of when the skb is freed', async (kernel) => {
    const rows = [map(A, HUGE, 'thp'), register(A, 4 * P), fixed(A + 100, 3 * P, { end: 10 }), unregister]
    const sent = await watched(kernel, rows)
    expect(sent.results).toEqual([3 * P])
    expect(sent.report.refs.acquired).toBe(0)
    expect(sent.report.bare.pages).toBe(4)
    expect(sent.report.data.zeroCopyBytes).toBe(3 * P)
    expect(sent.report.counters).toMatchObject({ notifications: 1, notificationsCopied: 0 })
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: a full skb is left, the rest goes into the next one, all bare', async (kernel) => {
    const rows = [register(A, 20 * P), fixed(A, 20 * P, { end: 10 }), unregister]
    const sent = await on(kernel, rows, { options: { 'size-goal': 32 * P } })
    expect(frags(sent).map((skb) => skb.length)).toEqual([17, 3])
    expect(sent.report.refs.acquired).toBe(0)
    expect(sent.report.bare.pages).toBe(20)
    expectNothingLeft(sent)
  })

  // H13: "randomly grabbing a reference".
  it.each(ALL)(
    '%s, H13: data copied into such an skb gives a reference to each frag, which goes with the skb',
    async (kernel) => {
      const rows = [
        ...BUFFER,
        { ...fixed(A, 3 * P), end: 50 },
        { ...send(B, 100), end: 60 },
        send(B, 1, { ts: 70 }),
        unregister,
      ]
      const sent = await watched(kernel, rows, { options: { corked: 1 } })
      expect(sent.seen.slice(2, 5).map(({ refs }) => refs)).toEqual([0, 3, 0])
      expect(sent.report.refs).toMatchObject({ acquired: 3, released: 3 })
      expect(sent.report.counters).toMatchObject({ managedFrags: 3, downgrades: 1, downgradeRefs: 3 })
      expectNothingLeft(sent)
    },
  )

  it.each(SINCE_6_12)('%s, H13: pages of a file attached to such an skb do so', async (kernel) => {
    const rows = [...BUFFER, fixed(A, 2 * P, { end: 50 }), splice('file', 0, P, { end: 60 }), unregister]
    const sent = await watched(kernel, rows, { options: { corked: 1 } })
    expect(sent.seen[3]?.refs).toBe(2 + 1)
    expect(sent.report.counters).toMatchObject({ skbs: 1, downgrades: 1, downgradeRefs: 2 })
    expectNothingLeft(sent)
  })

  it.each(SINCE_6_12)('%s, H13: user memory of another request of the ring does so', async (kernel) => {
    const rows = [...BUFFER, fixed(A, 2 * P, { end: 50 }), zcopy(B, P, { end: 60 }), unregister]
    const sent = await watched(kernel, rows, { options: URING })
    expect(sent.seen[3]?.refs).toBe(2 + 1)
    expect(sent.report.counters).toMatchObject({ skbs: 1, downgrades: 1, downgradeRefs: 2, notifications: 2 })
    expectNothingLeft(sent)
  })

  // Before io_link_skb (6.10) an skb has one request's data.
  it('6.1: another request begins another skb instead', async () => {
    const rows = [...BUFFER, fixed(A, 2 * P, { end: 50 }), zcopy(B, P, { end: 60 }), unregister]
    const sent = await on('6.1', rows, { options: URING })
    expect(sent.report.counters).toMatchObject({ skbs: 2, ubufMismatches: 1, downgrades: 0, notifications: 2 })
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: MSG_ZEROCOPY has a notification of its own, and begins another skb', async (kernel) => {
    const rows = [
      ...BUFFER,
      fixed(A, 2 * P, { end: 50 }),
      zcopy(B, P, { end: 60 }),
      zcopy(B, P, { end: 60 }),
      unregister,
    ]
    const sent = await on(kernel, rows, { options: { corked: 1 } })
    // -ENOBUFS: msg_zerocopy_realloc gives none while the unsent skb has io_uring's.
    expect(sent.results).toEqual([2 * P, -105, -105])
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: a registered buffer that comes second is referenced as any bvec', async (kernel) => {
    const rows = [...BUFFER, splice('file', 0, P, { end: 50 }), fixed(A, 2 * P, { end: 50 }), unregister]
    const sent = await watched(kernel, rows, { options: { corked: 1 } })
    expect(sent.seen[3]?.refs).toBe(1 + 2)
    expect(sent.report.counters).toMatchObject({ skbs: 1, managedFrags: 0, downgrades: 0 })
    expectNothingLeft(sent)
  })

  it('two requests in one skb end together', async () => {
    const rows = [zcopy(A, P, { end: 50 }), zcopy(B, P, { end: 60 })]
    const sent = await on('6.12', rows, { options: URING })
    // The second was linked to the first: no skb tells it that it was used, and so it says copied.
    // @kernel io_uring/notif.c: io_notif_tw_complete (zc_used)
    expect(sent.report.counters).toMatchObject({ skbs: 1, notifications: 2, notificationsCopied: 1 })
    expectNothingLeft(sent)
  })

  describe('6.1: a page of a file in such an skb (quirk tcp-sendpage-managed)', () => {
    const rows = [...BUFFER, fixed(A, 2 * P, { end: 50 }), splice('file', 0, P, { end: 60 }), unregister]

    it('is referenced, and never put', async () => {
      const sent = await on('6.1', rows, { options: { corked: 1 } })
      expect(sent.report.refs).toMatchObject({ acquired: 1, released: 0, open: 1 })
      expect(sent.report.counters).toMatchObject({ skbs: 1, downgrades: 0 })
      expect(sent.report.leaksTotal).toBe(1)
    })

    it('switched off: the frags there get references, and all are put', async () => {
      const sent = await on('6.1', rows, {
        options: { corked: 1 },
        quirks: [{ name: 'tcp-sendpage-managed', on: false }],
      })
      expect(sent.report.refs).toMatchObject({ acquired: 3, released: 3, open: 0 })
      expectNothingLeft(sent)
    })
  })
})

describe('two parts of one page', () => {
  const pair = ([first, second]: readonly [Part, Part], policy: PolicyName) =>
    watched('6.12', [...BUFFER, PARTS[first](0, 1000), PARTS[second](1000, 500), unregister], {
      policy,
      options: URING,
    })

  it.each(PAIRS)('extract: %s, then %s: a frag grows only by what is held the same way', async (...kinds) => {
    const sent = await pair(kinds, 'extract')
    const [first, second] = kinds
    expect(sent.results).toEqual([1000, 500])
    expect(sent.report.counters.skbs).toBe(1)
    const isSame = first === second
    expect(sent.report.counters.mergesRefused).toBe(isSame ? 0 : 1)
    const held = { pin: 0, ref: 0, bare: 0 }
    held[first]++
    // Bytes that follow each other in a registered buffer are two requests' bvecs: never one frag.
    if (!isSame) held[second]++
    expect([sent.seen[3]?.pins, sent.seen[3]?.refs]).toEqual([held.pin + 4, held.ref])
    expect(sent.report.counters.downgrades).toBe(0)
    expectNothingLeft(sent)
  })

  it.each(PAIRS)('extract: %s, then %s, not adjacent: nothing is refused', async (first, second) => {
    const rows = [...BUFFER, PARTS[first](0, 1000), PARTS[second](1001, 500), unregister]
    const { report } = await on('6.12', rows, { policy: 'extract', options: URING })
    expect(report.counters.mergesRefused).toBe(0)
  })

  it('get-pages, as all kernels: both are references, and one is enough where the kernel joins them', async () => {
    // A page of a file handed over, and the same one sent zero-copy: skb_can_coalesce is not asked, adjacent is enough.
    const sent = await pair(['ref', 'pin'], 'get-pages')
    expect(sent.report.counters).toMatchObject({ mergesRefused: 0, pagesJoined: 1 })
    expect(sent.seen[3]?.refs).toBe(1)
    expectNothingLeft(sent)
  })

  it.each(['viro-2022', 'folio'] as const)('%s: as extract, kind by kind', async (policy) => {
    // Viro's references where data leaves: then it is the same as a spliced page's.
    const isRef = policy === 'viro-2022'
    const sent = await pair(['ref', 'pin'], policy)
    expect(sent.report.counters.mergesRefused).toBe(isRef ? 0 : 1)
    expectNothingLeft(sent)
    const bare = await pair(['bare', 'pin'], policy)
    expect(bare.report.counters.mergesRefused).toBe(1)
    expectNothingLeft(bare)
  })

  it('a huge page under folio is one frag with one pin', async () => {
    const rows = [map(A, HUGE, 'thp'), zcopy(A + 100, 10 * P, { end: 10 })]
    const sent = await watched('6.12', rows, { policy: 'folio' })
    expect(frags(sent)).toEqual([[[100, 10 * P]]])
    expect(sent.seen[1]?.pins).toBe(1)
    expectNothingLeft(sent)
  })
})
