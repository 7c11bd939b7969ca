import {
  CONSUMER_API_VERSION,
  type ConsumerDefinition,
  type KernelVersion,
  openTrace,
  Registry,
  replay,
} from '@pinscope/core'
import {
  type Lane,
  type OwnershipShape,
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
  traceText,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { REFS_OPEN } from '../../core/src/ledger/totals.ts'
import { sunrpc, sunrpcBvec, sunrpcKmap, sunrpcMixed, sunrpcSends } from '../src/sunrpc/definition.ts'

// net/sunrpc: the worked examples NF1 to NF4 of the reference, the ways of the mail side by side, kmalloc'ed heads, limits,
// what arrives, and how failures are undone. Figures are those of the sources of 6.1.176, 6.12.117 and 7.3.4.

const P = 4096
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const
/** Every way, the kernel's for a server first. */
const WAYS = [sunrpc, sunrpcBvec, sunrpcKmap, sunrpcSends, sunrpcMixed] as const
const CLIENT = { side: 1 }
/** Long after the last row. */
const LATER = 1e6
const [EAGAIN, ENOMEM, EFAULT, ESERVERFAULT] = [-11, -12, -14, -526] as const
/** Marker, and what NF1 has behind it. */
const MARKER = 4
const HEAD = 200
const DATA = 9000
const TAIL = 3
const ROW = HEAD + DATA + TAIL

// Kernel memory of nobody's declaration: pages of the server's. Head and tail lie in one.
const HEAD_AT = '0x888000000080'
const TAIL_AT = '0x888000000400'
/** NF1: head 200 bytes at 0x80, data 9000 bytes from 0x300 on in three pages, tail 3 bytes. */
const nf1 = (more: TestRow = {}): TestRow => ({
  op: 'write',
  iter: 'mixed',
  segs: `${HEAD_AT}+${HEAD};100:768+3328;200:0+4096;300:0+1576;${TAIL_AT}+${TAIL}`,
  file: 'socket',
  end: LATER,
  ...more,
})
/** Nine thousand bytes of pages alone: head and tail are the server's own. */
const data = (more: TestRow = {}): TestRow => ({
  op: 'write',
  iter: 'bvec',
  segs: '100:768+3328;200:0+4096;300:0+1576',
  file: 'socket',
  end: LATER,
  ...more,
})
const slab = (address: string, bytes: number): TestRow => ({
  event: 'map',
  mm: 1,
  segs: `${address}+${bytes}`,
  backing: 'slab',
})
const free = (address: string, bytes: number, more: TestRow = {}): TestRow => ({
  event: 'free',
  iter: 'kvec',
  segs: `${address}+${bytes}`,
  ...more,
})

const on = (way: ConsumerDefinition, kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(way, rows, { kernel, ...options })

/** References and bytes that a lane still has after each row. */
async function watched(
  way: ConsumerDefinition,
  kernel: KernelVersion,
  rows: readonly TestRow[],
  options: RowsOptions = {},
) {
  const open: number[] = []
  const done = await on(way, kernel, rows, {
    ...options,
    afterRow: (lane: Lane) => open.push(lane.io.allocations.openBytes),
  })
  return { ...done, open }
}

function expectNothingLeft({ report, lane }: RowsResult) {
  const { pins, refs, violationsTotal } = report
  expect([pins.open, refs.open, lane.io.allocations.openBytes, lane.io.borrows.open, violationsTotal]).toEqual([
    0, 0, 0, 0, 0,
  ])
}

const pieces = ({ lists }: RowsResult) =>
  lists.map(({ list, entries }) => [list, entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])])

describe('worked examples', () => {
  // @kernel net/sunrpc/svcsock.c: svc_tcp_sendmsg; net/core/skbuff.c: skb_append_pagefrags
  it.each(SINCE_6_12)('%s, NF1: one bvec iterator of six, and a reference for each fragment', async (kernel) => {
    const sent = await on(sunrpc, kernel, [nf1()])
    expect(sent.results).toEqual([ROW])
    expect(sent.report.counters).toMatchObject({
      messages: 1,
      calls: 1,
      iterators: 1,
      elements: 6,
      bytesCopied: MARKER,
      bytesReferenced: 9203,
      fragReferences: 6,
      skbFrags: 6,
      skbs: 1,
    })
    // The sixth is on the page fragment of the marker, which is none of the row's.
    expect(sent.report.refs).toMatchObject({ acquired: 5, released: 5, peak: 5 })
    expect(sent.report.pins.acquired).toBe(0)
    expect(sent.report.data).toEqual({ zeroCopyBytes: ROW, copiedBytes: 0 })
    expect(sent.report.avoided.copyBytes).toBe(ROW)
    expect(pieces(sent)).toEqual([
      [
        'skb fragments',
        [
          [0x80, 200],
          [0x300, 3328],
          [0, 4096],
          [0, 1576],
          [0x400, 3],
        ],
      ],
    ])
    expectNothingLeft(sent)
  })

  it.each(SINCE_6_12)("%s, NF1 with the server's own head and tail: the same message", async (kernel) => {
    const sent = await on(sunrpc, kernel, [data()], { options: { head: HEAD, tail: TAIL } })
    expect(sent.results).toEqual([DATA])
    expect(sent.report.counters).toMatchObject({ elements: 6, bytesReferenced: 9203, fragReferences: 6, skbFrags: 6 })
    // Head and tail are two references on one page of the server's own.
    expect(sent.report.refs).toMatchObject({ acquired: 3, released: 3 })
    expectNothingLeft(sent)
  })

  // @kernel net/sunrpc/socklib.c: xprt_sock_sendmsg
  it.each(ALL)('%s, NF2: the client sends three times, and all of it is copied', async (kernel) => {
    const sent = await on(sunrpc, kernel, [nf1()], { options: CLIENT })
    expect(sent.results).toEqual([ROW])
    expect(sent.report.counters).toMatchObject({
      calls: 3,
      iterators: 3,
      elements: 6,
      bytesCopied: 9207,
      bytesReferenced: 0,
      fragReferences: 0,
      skbFrags: 1,
    })
    expect(sent.report.refs.acquired).toBe(0)
    expect(sent.report.avoided.copyBytes).toBe(0)
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: ROW })
    expectNothingLeft(sent)
  })

  // @kernel net/sunrpc/svcsock.c: svc_tcp_sendmsg, svc_tcp_send_kvec (6.1)
  it('6.1, NF3: the marker is copied, then five calls of kernel_sendpage take five references', async () => {
    const sent = await on(sunrpc, '6.1', [nf1()])
    expect(sent.results).toEqual([ROW])
    expect(sent.report.counters).toMatchObject({
      calls: 6,
      iterators: 1,
      // Of the marker, and of the array of pages.
      elements: 4,
      bytesCopied: MARKER,
      bytesReferenced: 9203,
      fragReferences: 5,
      skbFrags: 6,
    })
    expect(sent.report.refs).toMatchObject({ acquired: 5, released: 5 })
    expectNothingLeft(sent)
  })

  // @kernel include/linux/skbuff.h: skb_can_coalesce
  it.each(SINCE_6_12)('%s, NF4: a tail that goes on where the data ends takes no reference', async (kernel) => {
    const segs = `${HEAD_AT}+${HEAD};100:768+3328;200:0+4096;300:0+1576;300:1576+${TAIL}`
    const sent = await on(sunrpc, kernel, [nf1({ segs })])
    expect(sent.results).toEqual([ROW])
    expect(sent.report.counters).toMatchObject({ elements: 6, fragReferences: 5, skbFrags: 5, bytesReferenced: 9203 })
    expect(sent.report.refs.acquired).toBe(4)
  })

  it('6.1, NF4: as many calls, one reference less', async () => {
    const segs = `${HEAD_AT}+${HEAD};100:768+3328;200:0+4096;300:0+1576;300:1576+${TAIL}`
    const { report } = await on(sunrpc, '6.1', [nf1({ segs })])
    expect(report.counters).toMatchObject({ calls: 6, fragReferences: 4 })
  })
})

describe('a head longer than a page', () => {
  const kvec = nf1({ iter: 'kvec', segs: `${HEAD_AT}+9000` })

  // @kernel net/ipv4/tcp.c: tcp_build_frag: a fragment is as long as the call's piece
  it('6.1: is one call, one fragment and one reference', async () => {
    const { report } = await on(sunrpc, '6.1', [kvec])
    expect(report.counters).toMatchObject({ calls: 2, fragReferences: 1, skbFrags: 2, bytesReferenced: 9000 })
    expect(report.refs.acquired).toBe(1)
  })

  it.each(SINCE_6_12)('%s: is one element, and a fragment for each of its pages', async (kernel) => {
    const { report } = await on(sunrpc, kernel, [kvec])
    expect(report.counters).toMatchObject({ calls: 1, elements: 2, fragReferences: 1 + 3, bytesReferenced: 9000 })
    expect(report.refs.acquired).toBe(3)
  })
})

describe('the ways of the mail', () => {
  const figures = async (way: ConsumerDefinition, kernel: KernelVersion, options: RowsOptions = {}) => {
    const { report } = await on(way, kernel, [nf1()], options)
    const { calls, elements, kmaps, bytesCopied, fragReferences } = report.counters
    return { calls, elements, kmaps, bytesCopied, fragReferences, refs: report.refs.acquired }
  }

  it.each(ALL)('%s: what each holds, copies and sends', async (kernel) => {
    expect(await figures(sunrpcBvec, kernel)).toEqual({
      calls: 1,
      elements: 6,
      kmaps: 0,
      bytesCopied: 4,
      fragReferences: 6,
      refs: 5,
    })
    expect(await figures(sunrpcKmap, kernel)).toEqual({
      calls: 1,
      elements: 6,
      kmaps: 3,
      bytesCopied: 9207,
      fragReferences: 0,
      refs: 0,
    })
    // Marker, head and tail.
    const small = 4 + 200 + 3
    expect(await figures(sunrpcSends, kernel)).toEqual({
      calls: 3,
      elements: 6,
      kmaps: 0,
      bytesCopied: small,
      fragReferences: 3,
      refs: 3,
    })
    expect(await figures(sunrpcMixed, kernel)).toEqual({
      calls: 1,
      elements: 6,
      kmaps: 0,
      bytesCopied: small,
      fragReferences: 3,
      refs: 3,
    })
  })

  it.each(ALL)('%s: the option and the definitions of one name are one', async (kernel) => {
    for (const [way, definition] of [sunrpcBvec, sunrpcKmap, sunrpcSends, sunrpcMixed].entries()) {
      expect(await figures(sunrpc, kernel, { options: { way: way + 1 } })).toEqual(await figures(definition, kernel))
    }
  })

  it.each(SINCE_6_12)('%s: the server goes the first way', async (kernel) => {
    expect(await figures(sunrpc, kernel)).toEqual(await figures(sunrpcBvec, kernel))
  })

  it('kmaps are of pages alone, all of a message at once', async () => {
    const { report } = await on(sunrpcKmap, '6.12', [data(), data({ segs: '500:0+40960' })])
    expect(report.counters).toMatchObject({ kmaps: 3 + 10, kmapsPeak: 10 })
  })

  // @kernel net/ipv4/tcp.c: tcp_sendmsg_locked, tcp_sendpage_locked (6.1); net/core/sock.c: sock_no_sendpage (6.1)
  it.each(ALL)('%s: over a device that cannot gather, TCP copies whatever it is handed', async (kernel) => {
    for (const way of WAYS) {
      const sent = await on(way, kernel, [nf1()], { options: { sg: 0 } })
      expect(sent.results).toEqual([ROW])
      expect(sent.report.counters).toMatchObject({
        bytesCopied: 9207,
        bytesReferenced: 0,
        fragReferences: 0,
        skbFrags: 1,
      })
      expect(sent.report.refs.acquired).toBe(0)
      expectNothingLeft(sent)
    }
    const { counters } = (await on(sunrpc, kernel, [nf1()], { options: { sg: 0 } })).report
    // sock_no_sendpage() maps each part for its copy.
    expect(counters).toMatchObject(kernel === '6.1' ? { kmaps: 5, kmapsPeak: 1 } : { kmaps: 0 })
  })

  it("the list of a whole message is the socket's; an array of pages is allocated for each", async () => {
    const rows = [nf1({ end: 1 }), nf1({ ts: 2, end: 3 }), nf1({ ts: 4, file: 'other', end: 5 })]
    const bytesOf = async (way: ConsumerDefinition, kernel: KernelVersion, options = {}) => {
      const { report } = await on(way, kernel, rows, { options })
      return [report.allocations?.made, report.allocations?.bytes]
    }
    const markers = 3 * MARKER
    // Two sockets, and three markers.
    expect(await bytesOf(sunrpc, '6.12')).toEqual([2 + 3, 2 * 260 * 16 + markers])
    expect(await bytesOf(sunrpc, 'mainline')).toEqual([2 + 3, 2 * 261 * 16 + markers])
    // Three arrays of three pages, and what TCP copies: the marker.
    expect(await bytesOf(sunrpc, '6.1')).toEqual([3 + 3, 3 * 3 * 16 + markers])
    expect(await bytesOf(sunrpc, '6.12', CLIENT)).toEqual([3 + 3, 3 * 3 * 16 + 3 * 9207])
  })

  it('references last until the other side has the data', async () => {
    const refs: number[] = []
    await on(sunrpc, '6.12', [nf1({ end: 10 }), free('0x889000000000', 8, { ts: 5 }), data({ ts: 20, end: 21 })], {
      afterRow: (lane) => refs.push(lane.ledger.totals[REFS_OPEN]!),
    })
    expect(refs).toEqual([5, 5, 3])
  })

  it('a message that is never acknowledged keeps its pages', async () => {
    const { report } = await on(sunrpc, '6.12', [nf1({ end: 'never' })])
    expect(report.refs.open).toBe(5)
    expect(report.leaksTotal).toBe(1)
  })
})

describe("a kmalloc'ed head", () => {
  const head = slab('0x888000000000', P)
  const freed = free(HEAD_AT, HEAD, { ts: 5 })
  const rows = [head, nf1({ ts: 1, end: 10 }), freed]
  const rules = ({ lane }: RowsResult) => lane.ledger.violations.map(({ rule, pages }) => [rule, pages])

  it.each(ALL)('%s: the first way keeps the page, and not the object', async (kernel) => {
    const sent = await on(sunrpcBvec, kernel, rows)
    expect(sent.results).toEqual([ROW])
    expect(sent.report.refs).toMatchObject({ acquired: 5, released: 5 })
    // Head and tail lie in the slab.
    expect(sent.report.counters.improperPages).toBe(2)
    expect(rules(sent)).toEqual([['use-after-free', 1]])
  })

  it('6.1: kernel_sendpage warns, and goes on', async () => {
    const sent = await on(sunrpc, '6.1', rows)
    expect(sent.results).toEqual([ROW])
    expect(sent.report.counters).toMatchObject({ improperPages: 2, socketsClosed: 0, fragReferences: 5 })
    expect(rules(sent)).toEqual([['use-after-free', 1]])
  })

  // skb_splice_from_iter() gives -EIO, or what it had before; the marker comes before. It does not put the iterator back.
  it.each(SINCE_6_12)('%s: TCP leaves it out of the stream, and the server closes the connection', async (kernel) => {
    const sent = await on(sunrpc, kernel, rows)
    expect(sent.results).toEqual([DATA])
    expect(sent.report.counters).toMatchObject({
      improperPages: 2,
      bytesSkipped: HEAD + TAIL,
      bytesReferenced: DATA,
      fragReferences: 4,
      socketsClosed: 1,
    })
    expect(rules(sent)).toEqual([])
    expect(sent.report.refs).toMatchObject({ acquired: 3, open: 0 })
  })

  it.each(SINCE_6_12)('%s: where nothing else is in the message, nothing of it went', async (kernel) => {
    const kvec = nf1({ ts: 1, iter: 'kvec', segs: `${HEAD_AT}+${HEAD}` })
    const sent = await on(sunrpc, kernel, [head, kvec])
    expect(sent.results).toEqual([EAGAIN])
    expect(sent.report.counters).toMatchObject({ bytesSkipped: HEAD, socketsClosed: 1, fragReferences: 1 })
    expectNothingLeft(sent)
  })

  it.each(ALL)('%s: what was copied may be freed', async (kernel) => {
    for (const way of [sunrpcKmap, sunrpcSends, sunrpcMixed]) {
      const sent = await on(way, kernel, rows)
      expect(sent.results).toEqual([ROW])
      expect(sent.report.counters.improperPages).toBe(0)
      expectNothingLeft(sent)
    }
    expectNothingLeft(await on(sunrpc, kernel, rows, { options: CLIENT }))
  })

  it.each(ALL)('%s: once the other side has it, it may be freed', async (kernel) => {
    const late = [head, nf1({ ts: 1, end: 3 }), freed]
    for (const way of WAYS) expect(rules(await on(way, kernel, late))).toEqual([])
  })

  it.each(ALL)('%s: memory that no row maps is taken for pages; that it is freed tells otherwise', async (kernel) => {
    const sent = await on(sunrpc, kernel, [nf1({ ts: 1, end: 10 }), freed])
    expect(sent.results).toEqual([ROW])
    expect(sent.report.counters.improperPages).toBe(0)
    expect(rules(sent)).toEqual([['use-after-free', 1]])
  })

  it("a request of the client's has its head in slab memory, by its own allocation", async () => {
    const sent = await on(sunrpcBvec, '6.12', [data()], { options: CLIENT })
    // Head, and tail.
    expect(sent.report.counters).toMatchObject({ improperPages: 2, fragReferences: 6 })
    expectNothingLeft(sent)
  })

  // virt_to_page() is arithmetic on the linear map.
  it.each(ALL)('%s: vmalloc memory has no page for the first way', async (kernel) => {
    const vmalloc: TestRow = { event: 'map', mm: 1, segs: '0x888000000000+4096', backing: 'vmalloc' }
    for (const way of [sunrpc, sunrpcBvec]) {
      const sent = await on(way, kernel, [vmalloc, nf1({ ts: 1 })])
      expect(sent.results).toEqual([EFAULT])
      expect(sent.report.counters).toMatchObject({ notLinear: 1, socketsClosed: 1 })
      expectNothingLeft(sent)
    }
    for (const way of [sunrpcKmap, sunrpcSends, sunrpcMixed]) {
      expect((await on(way, kernel, [vmalloc, nf1({ ts: 1 })])).results).toEqual([ROW])
    }
  })
})

describe('pages that TCP keeps', () => {
  const rules = ({ lane }: RowsResult) => lane.ledger.violations.map(({ rule }) => rule)
  const file = data({ iter: 'xarray', segs: 'F:0+12288', ts: 1, end: 10 })

  it('are kept by their references where their owner lets go', async () => {
    const gone: TestRow = { event: 'free', iter: 'bvec', segs: '200:0+4096', ts: 5 }
    expect(rules(await on(sunrpc, '6.12', [data({ ts: 1, end: 10 }), gone]))).toEqual([])
  })

  // A READ reply sends the page cache itself. @kernel fs/nfsd/vfs.c: nfsd_splice_actor
  it.each(ALL)('%s: of a file, they may be truncated or written while the reply is on its way', async (kernel) => {
    const truncate: TestRow = { event: 'truncate', file: 'F', offset: 0, ts: 5 }
    const dirty: TestRow = { event: 'dirty', iter: 'xarray', segs: 'F:4096+100', ts: 6 }
    for (const way of [sunrpc, sunrpcBvec, sunrpcSends, sunrpcMixed]) {
      expect(rules(await on(way, kernel, [file, truncate]))).toEqual(['truncate-in-use'])
      expect(rules(await on(way, kernel, [file, dirty]))).toEqual(['modified-in-use'])
    }
    expect(rules(await on(sunrpcKmap, kernel, [file, truncate, dirty]))).toEqual([])
    expect(rules(await on(sunrpc, kernel, [file, truncate, dirty], { options: CLIENT }))).toEqual([])
  })
})

describe('the data', () => {
  // What the fragments reach is what the iterator names, byte for byte.
  it.each(ALL)('%s: goes from where it is', async (kernel) => {
    const text = traceText([
      data(),
      data({ segs: '1000:100+131072', ts: 1 }),
      data({ iter: 'xarray', segs: 'F:100+20000', ts: 2 }),
      data({ iter: 'kvec', segs: `${HEAD_AT}+9000;0x888000100fff+2`, ts: 3 }),
    ])
    const registry = new Registry()
    registry.register('the tested package', { apiVersion: CONSUMER_API_VERSION, consumers: [sunrpc] })
    const trace = await openTrace(
      (async function* () {
        yield new TextEncoder().encode(text)
      })(),
      'rows.csv',
    )
    const { lanes } = await replay(trace, {
      registry,
      policies: null,
      consumers: ['sunrpc'],
      consumerOptions: {},
      inFlight: false,
      kernel,
      verifyData: true,
    })
    expect(lanes[0]?.verified).toEqual({ operations: 4, bytes: DATA + 131072 + 20000 + 9002 })
    expect(lanes[0]?.violationsTotal).toBe(0)
  })
})

describe('skbs', () => {
  // A marker, a head, and pages: 15 pages fill the 17 fragments, with 61548 bytes. The next has 15 pages and 3720 bytes
  // (65160), the last the other 376 bytes and a page.
  it.each(SINCE_6_12)('%s: 128 KiB are in three, and one page is split', async (kernel) => {
    const sent = await on(sunrpc, kernel, [data({ segs: '1000:0+131072' })])
    expect(sent.report.counters).toMatchObject({ elements: 34, skbs: 3, skbFrags: 35, fragReferences: 35 })
    // 32 pages, one of them twice.
    expect(sent.report.refs).toMatchObject({ acquired: 33, released: 33 })
    expect(sent.report.entries).toMatchObject({ built: 34 + 35, bytes: (34 + 35) * 16 })
  })

  it('a goal of one page and a half splits every second page', async () => {
    const sent = await on(sunrpc, '6.12', [data({ segs: '1000:0+12288' })], {
      options: { 'size-goal': 6144, head: 2048 - MARKER },
    })
    // 2048 + 4096, then 4096 + 2048, then 2048.
    expect(sent.report.counters).toMatchObject({ skbs: 3, skbFrags: 2 + 1 + 2 + 1, fragReferences: 6 })
    expect(sent.report.refs.acquired).toBe(4)
  })

  // @kernel net/core/sock.c: skb_page_frag_refill
  it('what is copied fills pages of 32 KiB', async () => {
    const sent = await on(sunrpcKmap, '6.12', [data({ segs: '1000:0+65536' })])
    // 65536 + 108 bytes: 32768 + 32392 in the first skb, the last 484 in another: 376 to the page's end, then a new page.
    expect(sent.report.counters).toMatchObject({ skbs: 2, skbFrags: 2 + 2, fragReferences: 0 })
  })
})

describe('limits', () => {
  const pages = (count: number) => Array.from({ length: count }, (_, i) => `${1000 + i}:0+4096`).join(';')
  const message = (count: number) => nf1({ segs: `${HEAD_AT}+${HEAD};${pages(count)};${TAIL_AT}+${TAIL}` })

  // @kernel net/sunrpc/xdr.c: xdr_buf_to_bvec; RPCSVC_MAXPAGES 259, svc_serv_maxpages() 260 for 1 MiB and 1028 for 4 MiB
  it.each([
    ['6.12', 1, 259],
    ['6.12', 4, 259],
    ['6.18', 1, 260],
    ['6.18', 4, 1028],
    ['mainline', 1, 260],
    ['mainline', 4, 1028],
  ] as const)('%s with blocks of %i MiB: %i elements and the marker', async (kernel, mib, most) => {
    const options = { 'max-block': mib << 20 }
    for (const way of [sunrpc, sunrpcBvec, sunrpcKmap, sunrpcMixed]) {
      const fits = await on(way, kernel, [message(most - 2)], { options })
      expect(fits.results).toEqual([HEAD + TAIL + (most - 2) * P])
      const over = await on(way, kernel, [message(most - 1)], { options })
      expect(over.results).toEqual([ESERVERFAULT])
      expect(over.report.counters).toMatchObject({ messages: 0, socketsClosed: 1, fragReferences: 0 })
      expect(over.report.entries.limitHits).toBe(1)
      expectNothingLeft(over)
    }
  })

  it('an array of its own is as long as the message', async () => {
    expect((await on(sunrpc, '6.1', [message(300)])).results).toEqual([HEAD + TAIL + 300 * P])
    expect((await on(sunrpc, '6.12', [message(300)], { options: CLIENT })).results).toEqual([HEAD + TAIL + 300 * P])
    expect((await on(sunrpcSends, 'mainline', [message(300)])).results).toEqual([HEAD + TAIL + 300 * P])
  })

  it('1 MiB in 257 pages, with head and tail, just fits', async () => {
    const sent = await on(sunrpc, '6.12', [data({ segs: '1000:100+1048576' })], { options: { tail: 1 } })
    expect(sent.results).toEqual([1 << 20])
    expect(sent.report.counters).toMatchObject({ messages: 1, elements: 260 })
  })

  // @kernel include/linux/sunrpc/svc.h: RPCSVC_MAXPAYLOAD: 1 MiB up to 6.15, 4 MiB since
  it.each([
    ['6.1', 3],
    ['6.12', 3],
    ['6.18', 1],
    ['mainline', 1],
  ] as const)('%s: data of 2.5 MiB is %i messages, whatever block is asked for', async (kernel, messages) => {
    const bytes = 2.5 * (1 << 20)
    const sent = await on(sunrpc, kernel, [data({ segs: `1000:0+${bytes}` })], { options: { 'max-block': 4 << 20 } })
    expect(sent.results).toEqual([bytes])
    expect(sent.report.counters.messages).toBe(messages)
    expect(sent.report.entries.limitHits).toBe(messages > 1 ? 1 : 0)
    expectNothingLeft(sent)
  })

  it('each message has its own marker, head and padding', async () => {
    const sent = await on(sunrpc, '6.12', [data({ segs: '1000:0+10001' })], { options: { 'max-block': 4096 } })
    // 4096, 4096, 1809 and three bytes of padding, each with 104 of a READ reply.
    expect(sent.report.counters).toMatchObject({
      messages: 3,
      bytesCopied: 3 * MARKER,
      bytesReferenced: 10001 + 3 * 104 + 3,
    })
    const written = await on(sunrpc, '6.12', [data({ segs: '1000:0+10001' })], {
      options: { ...CLIENT, 'max-block': 4096 },
    })
    expect(written.report.counters.bytesCopied).toBe(10001 + 3 * (MARKER + 188 + 16) + 3)
  })
})

describe('data in user memory', () => {
  const ubuf = data({ iter: 'ubuf', segs: '0x7f0000000300+9000' })

  it.each(ALL)("%s: it was copied into pages of the server's, which TCP refers to", async (kernel) => {
    const sent = await watched(sunrpc, kernel, [ubuf])
    expect(sent.results).toEqual([DATA])
    const is61 = kernel === '6.1'
    // Three pages, head, and since 6.5 the marker.
    expect(sent.report.counters).toMatchObject({ fragReferences: is61 ? 4 : 5, bytesReferenced: 9104, bytesCopied: 4 })
    expect(sent.report.refs.acquired).toBe(0)
    expect(sent.report.pins.acquired).toBe(0)
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: DATA })
    // Three pages, the one of the head, and four bytes of the marker, with or without the socket's array.
    expect(sent.open[0]).toBe(4 * P + MARKER + (is61 ? 0 : kernel === '6.12' ? 260 * 16 : 261 * 16))
    expectNothingLeft(sent)
  })

  it('where TCP copies, it is copied twice', async () => {
    const sent = await watched(sunrpc, '6.12', [ubuf], { options: CLIENT })
    expect(sent.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 2 * DATA })
    // The client keeps pages, head and tail until its answer; TCP what it copied.
    expect(sent.open[0]).toBe(3 * P + 188 + 16 + (MARKER + 188 + DATA + 16))
    // A server lets go of pages that nobody refers to.
    const mapped = await watched(sunrpcKmap, '6.12', [ubuf])
    expect(mapped.open[0]).toBe(260 * 16 + MARKER + 104 + DATA)
  })

  it('what cannot be read is sent by nobody', async () => {
    const gone: TestRow = { event: 'map', segs: '0x7f0000000000+4096', mm: 0, backing: 'anon', flags: 'prot_none' }
    for (const way of WAYS) {
      const sent = await on(way, '6.12', [gone, ubuf])
      expect(sent.results).toEqual([EFAULT])
      expect(sent.report.counters).toMatchObject({ messages: 0, socketsClosed: 0 })
      expectNothingLeft(sent)
    }
  })
})

describe('what arrives', () => {
  const read = (more: TestRow = {}): TestRow => data({ op: 'read', ...more })

  // @kernel net/sunrpc/svcsock.c: svc_tcp_read_marker, svc_tcp_read_msg
  it.each(ALL)('%s, server: the marker, then a bvec iterator over the pages of the whole request', async (kernel) => {
    const got = await on(sunrpc, kernel, [read()])
    expect(got.results).toEqual([DATA])
    // 188 + 9000 + 16 bytes in three pages.
    expect(got.report.counters).toMatchObject({
      calls: 2,
      iterators: 2,
      elements: 1 + 3,
      bytesCopied: 4 + 188 + DATA + 16,
    })
    expect(got.report.refs.acquired).toBe(0)
    expect(got.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: DATA })
    expectNothingLeft(got)
  })

  // @kernel net/sunrpc/xprtsock.c: xs_read_stream, xs_read_xdr_buf
  it.each(ALL)('%s, client: header, head, pages, and a tail where there is one', async (kernel) => {
    const got = await on(sunrpc, kernel, [read()], { options: CLIENT })
    expect(got.report.counters).toMatchObject({
      calls: 3,
      iterators: 3,
      elements: 1 + 1 + 3,
      bytesCopied: 4 + 104 + DATA,
    })
    // The array of pages.
    expect(got.report.allocations).toMatchObject({ made: 1, bytes: 3 * 16, openBytes: 0 })
    const whole = await on(sunrpc, kernel, [nf1({ op: 'read' })], { options: CLIENT })
    expect(whole.results).toEqual([ROW])
    expect(whole.report.counters).toMatchObject({ calls: 4, elements: 1 + 1 + 3 + 1, bytesCopied: 9207 })
  })

  // @kernel net/sunrpc/xprtsock.c: xs_alloc_sparse_pages
  it('sparse pages are allocated as the reply arrives; without one it is short', async () => {
    const options = { ...CLIENT, sparse: 1 }
    const got = await watched(sunrpc, '6.12', [read()], { options })
    expect(got.results).toEqual([DATA])
    expect(got.report.counters.sparsePages).toBe(3)
    expect(got.open[0]).toBe(3 * P)
    expectNothingLeft(got)
    // The array, two pages, and the third cannot be had: 3328 + 4096 bytes.
    const short = await on(sunrpc, '6.12', [read()], { options, inject: { fault: 'alloc', at: 4 } })
    expect(short.results).toEqual([3328 + 4096])
    expectNothingLeft(short)
  })

  // @kernel net/sunrpc/svcsock.c: svc_tcp_read_marker (err_too_large)
  it('a request larger than the server takes closes the connection', async () => {
    const large = nf1({ op: 'read', segs: `${HEAD_AT}+${HEAD};1000:0+1056768` })
    const got = await on(sunrpc, '6.12', [large])
    expect(got.results).toEqual([EAGAIN])
    expect(got.report.counters).toMatchObject({ messages: 0, socketsClosed: 1 })
  })

  it('memory that cannot be written', async () => {
    const gone: TestRow = { event: 'map', segs: '0x7f0000000000+4096', mm: 0, backing: 'anon', flags: 'prot_none' }
    const got = await on(sunrpc, '6.12', [gone, read({ iter: 'ubuf', segs: '0x7f0000000000+8192' })])
    expect(got.results).toEqual([EFAULT])
    expectNothingLeft(got)
  })
})

// What the slow twin (twin-sunrpc.test.ts) found.
describe('parts side by side', () => {
  const pair = nf1({ segs: `${HEAD_AT}+${HEAD};${TAIL_AT}+${TAIL}` })

  // @kernel net/sunrpc/socklib.c: xprt_sock_sendmsg; net/sunrpc/xprtsock.c: xs_read_xdr_buf
  it.each(ALL)('%s: head and tail without pages are a call each', async (kernel) => {
    expect((await on(sunrpc, kernel, [pair], { options: CLIENT })).report.counters.calls).toBe(2)
    expect((await on(sunrpcSends, kernel, [pair])).report.counters.calls).toBe(2)
    // The header is one more.
    const got = await on(sunrpc, kernel, [{ ...pair, op: 'read' }], { options: CLIENT })
    expect(got.report.counters).toMatchObject({ calls: 3, elements: 3 })
  })

  it.each(ALL)('%s: a head of eight bytes has come with the marker', async (kernel) => {
    const whole = await on(sunrpc, kernel, [nf1({ op: 'read', segs: `${HEAD_AT}+8;100:0+4096` })], { options: CLIENT })
    expect(whole.report.counters).toMatchObject({ calls: 2, elements: 2 })
    const own = await on(sunrpc, kernel, [data({ op: 'read' })], { options: { ...CLIENT, head: 8 } })
    expect(own.report.counters).toMatchObject({ calls: 2, elements: 1 + 3 })
  })

  it.each(ALL)('%s: data that is discarded arrives by a call, too', async (kernel) => {
    const row: TestRow = { op: 'read', iter: 'discard', segs: '', len: 4096, file: 'socket' }
    const { report } = await on(sunrpc, kernel, [row], { options: CLIENT })
    expect(report.counters).toMatchObject({ calls: 3, elements: 2, bytesCopied: 4 + 104 + 4096 })
  })

  it('a client has no limit for what arrives as a whole', async () => {
    const large = nf1({ op: 'read', segs: `${HEAD_AT}+${HEAD};1000:0+1056768` })
    const { results, report } = await on(sunrpc, '6.12', [large], { options: CLIENT })
    expect([results, report.entries.limitHits]).toEqual([[HEAD + 1056768], 0])
  })
})

describe('what the trace tells', () => {
  it('an error, and what went of it', async () => {
    const rows = [nf1({ result: -32 }), data({ result: 100 }), data({ result: 0 }), data({ op: 'read', result: -104 })]
    const { results, report } = await on(sunrpc, '6.12', rows)
    expect(results).toEqual([-32, 100, 0, -104])
    expect(report.counters).toMatchObject({ messages: 1, bytesReferenced: 104 + 100 })
  })
})

describe('ownership', () => {
  const TYPES = ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray', 'folioq', 'discard', 'pipe'] as const
  const cells = (way: ConsumerDefinition, kernel: KernelVersion, row: TestRow, options = {}) => {
    const shapes: OwnershipShape[] = [{ row, bytes: 3 * P, offsetBytes: 100, options }]
    return Promise.all(TYPES.map((type) => ownershipCell(way, kernel, type, shapes)))
  }

  it.each(ALL)('%s: the server refers, the client copies', async (kernel) => {
    const is61 = kernel === '6.1'
    const folioq = (cell: string) => (is61 ? 'n/a' : cell)
    expect(await cells(sunrpc, kernel, { op: 'write' })).toEqual([
      'copy',
      'copy',
      'ref',
      'ref',
      'ref',
      folioq('ref'),
      'n/a',
      'n/a',
    ])
    expect(await cells(sunrpc, kernel, { op: 'write' }, CLIENT)).toEqual([
      ...Array<string>(5).fill('copy'),
      folioq('copy'),
      'n/a',
      'n/a',
    ])
    expect(await cells(sunrpcMixed, kernel, { op: 'write' })).toEqual([
      'copy',
      'copy',
      'ref',
      'copy',
      'ref',
      folioq('ref'),
      'n/a',
      'n/a',
    ])
    expect(await cells(sunrpc, kernel, { op: 'read' })).toEqual([
      ...Array<string>(5).fill('copy'),
      folioq('copy'),
      'copy',
      is61 ? 'copy' : 'n/a',
    ])
  })
})

describe('each step made to fail', () => {
  const rows: readonly TestRow[] = [
    nf1({ ts: 0, end: 50 }),
    data({ ts: 1, end: 60, segs: '1000:100+131072' }),
    data({ ts: 2, end: 55, iter: 'iovec', segs: '0x7f0000000300+9000;0x7f0000010000+50' }),
    data({ ts: 3, end: 70, iter: 'xarray', segs: 'F:100+20000' }),
    data({ ts: 4, end: 56, iter: 'kvec', segs: `${HEAD_AT}+5000`, file: 'other' }),
    data({ ts: 5, op: 'read', iter: 'ubuf', segs: '0x7f0000020000+9000' }),
    nf1({ ts: 6, op: 'read' }),
  ]

  for (const way of WAYS) {
    for (const side of [0, 1]) {
      it.each(ALL)(`${way.name}, ${side === 0 ? 'server' : 'client'}: %s`, async (kernel) => {
        const options = { side, sparse: 1, 'max-block': 65536 }
        const { steps, unclean } = await sweepFaults(way, rows, { kernel, options })
        expect(steps.alloc).toBeGreaterThan(0)
        expect(unclean).toEqual([])
      })
    }
  }

  it.each(SINCE_6_12)(
    "%s: what fails before a byte goes is the server's error, and the end of the connection",
    async (kernel) => {
      const failed = (fault: 'alloc' | 'limit' | 'page', at: number) =>
        on(sunrpc, kernel, [nf1()], { inject: { fault, at } })
      // The socket's array: there is no connection yet. Then the marker's memory.
      expect((await failed('alloc', 1)).results).toEqual([ENOMEM])
      expect((await failed('alloc', 1)).report.counters.socketsClosed).toBe(0)
      expect((await failed('alloc', 2)).results).toEqual([ENOMEM])
      expect((await failed('alloc', 2)).report.counters.socketsClosed).toBe(1)
      expect((await failed('limit', 1)).results).toEqual([ESERVERFAULT])
      // Of the row nothing: the head's page is the first. Then the head alone.
      expect((await failed('page', 1)).results).toEqual([EFAULT])
      expect((await failed('page', 2)).results).toEqual([HEAD])
    },
  )

  it('TCP waits for memory to copy into', async () => {
    const sent = await on(sunrpc, '6.12', [nf1()], { options: CLIENT, inject: { fault: 'alloc', at: 2 } })
    expect(sent.results).toEqual([ROW])
    expect(sent.report.counters.memoryWaits).toBe(1)
    const none = await on(sunrpc, '6.12', [nf1()], { options: CLIENT, inject: { fault: 'alloc', at: 1 } })
    expect(none.results).toEqual([ENOMEM])
  })

  it('a copy that fails ends the message there', async () => {
    const sent = await on(sunrpcMixed, '6.12', [nf1()], { inject: { fault: 'copy', at: 2 } })
    // The tail is the second.
    expect(sent.results).toEqual([HEAD + DATA])
    expect(sent.report.counters.socketsClosed).toBe(1)
    expectNothingLeft(sent)
  })
})
