import { EAGAIN, EBUSY, EFAULT, EINVAL, EIO, type KernelVersion } from '@pinscope/core'
import { type RowsOptions, type RowsResult, replayRows, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { CipherSocket } from '../src/af-alg/cipher-socket.ts'
import { afAlgAead, afAlgSkcipher } from '../src/af-alg/index.ts'

// The worked examples AT1 to AT4 and AR1 to AR3 of AF_ALG's transmit and receive lists (crypto/af_alg.c), and what
// crypto/algif_skcipher.c and crypto/algif_aead.c of 6.1.176, 6.12.117 and 7.3 make of them.

const A = '0x7f0000000000'
const P = 4096
const ALL: readonly KernelVersion[] = ['6.1', '6.12', '6.18', 'mainline']
const NEW: readonly KernelVersion[] = ['6.12', '6.18', 'mainline']

const send = (bytes: number, cells: TestRow = {}): TestRow => ({
  op: 'write',
  iter: 'ubuf',
  segs: `0x7e0000000000+${bytes}`,
  file: 'sk',
  ...cells,
})
const more = (bytes: number, cells: TestRow = {}): TestRow => send(bytes, { flags: 'more', ...cells })
const receive = (bytes: number, cells: TestRow = {}): TestRow => ({
  op: 'read',
  iter: 'ubuf',
  segs: `${A}+${bytes}`,
  file: 'sk',
  ...cells,
})

/** A row at that time which is no I/O: what is due before it completes. */
const at = (ts: number): TestRow => ({ ts, event: 'map', mm: 9, backing: 'anon', segs: '0x1000+4096' })
/** Memory; PROT_NONE where a page cannot be had. */
const map = (start: string, pages: number, flags = ''): TestRow => ({
  event: 'map',
  mm: 1,
  backing: 'anon',
  segs: `${start}+${pages * P}`,
  flags,
})

const skcipher = (rows: readonly TestRow[], options: RowsOptions = {}) => replayRows(afAlgSkcipher, rows, options)
const aead = (rows: readonly TestRow[], options: RowsOptions = {}) => replayRows(afAlgAead, rows, options)

function socketsOf({ lane }: { lane: RowsResult['lane'] }): CipherSocket {
  const { consumer } = lane
  if (!(consumer instanceof CipherSocket)) throw new Error('not a cipher socket')
  return consumer
}

/** Offset, length and references of each entry that is in the socket's transmit list after the last row. */
async function queuedAfter(rows: readonly TestRow[], options: RowsOptions = {}) {
  let queued: number[][] = []
  const result = await skcipher(rows, {
    ...options,
    afterRow: (lane) => {
      const { pages } = lane
      const { sockets, tx } = socketsOf({ lane })
      if (sockets.length === 0) return
      queued = tx
        .entriesOf(sockets.length - 1)
        .map(({ page, offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes, pages.refcountOf(page)])
    },
  })
  return { ...result, queued }
}

function bytesOf({ memory }: RowsResult['lane'], page: number, offset: number, length: number): Uint8Array {
  if (memory.bytes === null) throw new Error('pages have no bytes')
  return memory.bytes.bytesOf(page).subarray(offset, offset + length)
}

const shapes = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))

describe('af_alg_sendmsg', () => {
  it.each(ALL)('AT1 on %s: whole pages, and the last one filled up first', async (kernel) => {
    const { queued, report, results } = await queuedAfter([more(10_000), send(5000)], { kernel })
    expect(results).toEqual([10_000, 5000])
    expect(queued).toEqual([
      [0, 4096, 1],
      [0, 4096, 1],
      [0, 4096, 1],
      [0, 2712, 1],
    ])
    expect(report.pins.acquired + report.refs.acquired + report.bare.pages).toBe(0)
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 15_000 })
    expect(report.counters).toMatchObject({ txPages: 4, txBlocks: 1, txMergedBytes: 2288, txSplicedBytes: 0 })
    expect(report.entries.built).toBe(4)
    // Four pages and a block of 24 + 127 x 32 bytes, all gone when the socket is closed.
    expect(report.allocations).toEqual({
      made: 5,
      freed: 5,
      bytes: 4 * P + 4088,
      openBytes: 0,
      peakBytes: 4 * P + 4088,
    })
  })

  it('AT2: a page that is taken in part has two owners', async () => {
    const during: number[][] = []
    // Asynchronous, so that the request can be looked at while it has its pages: 6.1 completes it later.
    const rows = [more(10_000), send(5000), receive(6000, { end: 500 }), at(600)]
    let queued: number[][] = []
    const { report, results } = await skcipher(rows, {
      kernel: '6.1',
      options: { 'chunk-size': 1 },
      afterRow: (lane, row) => {
        const { lists, requests, sockets, tx } = socketsOf({ lane })
        const socket = sockets.length - 1
        const rows = tx.entriesOf(socket).map((e) => [e.offsetBytes, e.lengthBytes, lane.pages.refcountOf(e.page)])
        if (row === 3) {
          for (let i = 0; i < requests.tsglEntries[1]; i++) {
            const sg = requests.tsgl[1] + i
            during.push([lists.offsetBytes[sg], lists.lengthBytes[sg], lane.pages.refcountOf(lists.page[sg])])
          }
        }
        queued = rows
      },
    })
    expect(results).toEqual([10_000, 5000, 6000])
    expect(during).toEqual([
      [0, 4096, 1],
      [0, 1904, 2],
    ])
    // The first page is freed with the request, the second one is the socket's alone again.
    expect(queued).toEqual([
      [1904, 2192, 1],
      [0, 4096, 1],
      [0, 2712, 1],
    ])
    expect(report.allocations?.openBytes).toBe(0)
  })

  it('AT3: a spliced bvec of two pages is one entry with one reference', async () => {
    const splice = send(0, { iter: 'bvec', segs: `77:512+8192`, flags: 'splice' })
    for (const name of ['alg-tx-splice', 'alg-tx-sendpage']) {
      const quirks = [{ name, on: true }]
      const { queued, report, lane } = await queuedAfter([splice], { kernel: '6.12', quirks })
      expect(queued).toEqual([[512, 8192, 2]])
      expect(report.refs).toEqual({ acquired: 1, released: 1, open: 0, longTerm: 0, peak: 1 })
      expect(report.data).toEqual({ zeroCopyBytes: 8192, copiedBytes: 0 })
      expect(report.counters).toMatchObject({ txPages: 0, txSplicedBytes: 8192 })
      // H8: the second page has nobody that holds it.
      const second = lane.pages.pageOfFrame(78)
      expect(lane.pages.refcountOf(second)).toBe(1)
    }
  })

  it('AT3: the reference is dropped when the request that took the entry completes', async () => {
    const splice = send(0, { iter: 'bvec', segs: `77:0+8192`, flags: 'splice' })
    const rows = [splice, receive(8192, { end: 500 }), at(400)]
    const open: number[] = []
    const { report } = await skcipher(rows, {
      kernel: '6.1',
      quirks: [{ name: 'alg-tx-sendpage', on: true }],
      afterRow: (lane) => open.push(lane.pages.refcountOf(lane.pages.pageOfFrame(77)) - 1),
    })
    // One for the list; one for the request, that of the list being dropped when it is empty; still so in flight.
    expect(open).toEqual([1, 1, 1])
    expect(report.refs).toMatchObject({ acquired: 2 + 2, released: 2 + 2, open: 0 })
  })

  it('AT4: MSG_SPLICE_PAGES refuses what is no bvec', async () => {
    const quirks = [{ name: 'alg-tx-splice', on: true }]
    const { results, report } = await skcipher([send(4096, { flags: 'splice' })], { kernel: '6.12', quirks })
    expect(results).toEqual([EINVAL])
    expect(report.allocations).toBeUndefined()
    // sendpage is called with pages of a pipe: other memory is copied.
    const old = await skcipher([send(4096, { flags: 'splice' })], {
      kernel: '6.1',
      quirks: [{ name: 'alg-tx-sendpage', on: true }],
    })
    expect(old.report.data.copiedBytes).toBe(4096)
  })

  it.each(ALL)('%s copies spliced pages as well', async (kernel) => {
    const splice = send(0, { iter: 'bvec', segs: `77:512+8192`, flags: 'splice' })
    const { queued, report } = await queuedAfter([splice], { kernel })
    expect(queued).toEqual([
      [0, 4096, 1],
      [0, 4096, 1],
    ])
    expect(report).toMatchObject({ refs: { acquired: 0 }, bare: { pages: 0 }, data: { copiedBytes: 8192 } })
  })

  it('a spliced entry is not merged into, and a copied page is not after one', async () => {
    const rows = [
      more(100),
      more(0, { iter: 'bvec', segs: '77:0+100', flags: 'more splice' }),
      more(100, { flags: 'more' }),
    ]
    const quirks = [{ name: 'alg-tx-splice', on: true }]
    const { queued } = await queuedAfter(rows, { kernel: '6.12', quirks })
    expect(queued).toEqual([
      [0, 100, 1],
      [0, 100, 2],
      [0, 100, 1],
    ])
  })

  it('126 entries are a block; a further page goes into one that is chained to it', async () => {
    const rows = [more(50 * P), more(50 * P), more(26 * P), more(P)]
    const options = { sndbuf: 1_048_576 }
    const { report, queued } = await queuedAfter(rows, { kernel: '6.12', options })
    expect(queued).toHaveLength(127)
    expect(report.counters).toMatchObject({ txPages: 127, txBlocks: 2 })
    const full = await queuedAfter(rows.slice(0, 3), { kernel: '6.12', options })
    expect(full.report.counters).toMatchObject({ txPages: 126, txBlocks: 1 })
    expect([full.report.entries.limitHits, report.entries.limitHits]).toEqual([0, 1])
  })

  it('a second message while one is pending is -EINVAL', async () => {
    const { queued, results } = await queuedAfter([send(4096), send(4096)])
    expect(results).toEqual([4096, EINVAL])
    expect(queued).toEqual([[0, 4096, 1]])
  })

  it('unless its result tells that it was taken: somebody has received the first one', async () => {
    const { queued, results, report } = await queuedAfter([send(4096), send(100, { result: 100 })])
    expect(results).toEqual([4096, 100])
    expect(queued).toEqual([[0, 100, 1]])
    expect(report.counters).toMatchObject({ unseenReceivedBytes: 4096 })
    expect(report.allocations?.openBytes).toBe(0)
  })

  it('a full send buffer: nowait gets what there is room for, then -EAGAIN', async () => {
    // 52 pages are 212,992 bytes, net.core.wmem_default.
    const nowait = (bytes: number) => more(bytes, { flags: 'more nowait' })
    const { results, report } = await skcipher([nowait(52 * P), nowait(P)])
    expect(results).toEqual([212_992, EAGAIN])
    expect(report.entries.limitHits).toBe(1)
    // A send that stops half way leaves `more` as it was: the message counts as complete.
    const half = await skcipher([nowait(60 * P), nowait(P)])
    expect(half.results).toEqual([212_992, EINVAL])
    expect(half.report.entries.limitHits).toBe(1)
    expect(report.counters).toMatchObject({ sendWaits: 0, txPages: 52 })
  })

  it('a full send buffer: a send waits, and goes on when the receive comes that the trace has later', async () => {
    const { results, report, queued } = await queuedAfter([more(60 * P), receive(60 * P, { segs: `${A}+${60 * P}` })])
    expect(results).toEqual([60 * P, 60 * P])
    expect(queued).toEqual([])
    expect(report.counters).toMatchObject({ sendWaits: 1, txPages: 60, unseenSentBytes: 0 })
  })

  it('less than a page of room is none', async () => {
    // 53 x 4096 - 1 bytes hold 52 whole pages.
    const options = { sndbuf: 53 * P - 1 }
    const { results } = await skcipher([more(52 * P - 1), more(P, { flags: 'more nowait' })], { options })
    // One byte goes into the last page; then there is no page of room.
    expect(results).toEqual([52 * P - 1, 1])
  })

  it('a page that cannot be read ends the send; what was queued stays', async () => {
    const memory = [map('0x7e0000000000', 2), map('0x7e0000002000', 1, 'prot_none')]
    const { results, queued, report } = await queuedAfter([...memory, send(3 * P, { mm: 1 })])
    expect(results).toEqual([2 * P])
    expect(queued).toHaveLength(2)
    expect(report.counters).toMatchObject({ txPages: 2 })
    const none = await skcipher([...memory, send(P, { mm: 1, segs: `0x7e0000002000+${P}` })])
    expect(none.results).toEqual([EFAULT])
    expect(none.report.allocations?.openBytes).toBe(0)
  })
})

describe('af_alg_get_rsgl', () => {
  const AR1 = [send(70_000), receive(70_000, { segs: '0x7f0000000100+70000' })]

  it.each(ALL)('AR1 on %s: 16 entries and 2', async (kernel) => {
    const result = await skcipher(AR1, { kernel })
    const [entries] = shapes(result)
    expect(entries).toHaveLength(18)
    expect([entries[0], entries[1], entries[15], entries[16], entries[17]]).toEqual([
      [256, 3840],
      [0, 4096],
      [0, 4096],
      [0, 4096],
      [0, 624],
    ])
    const { report } = result
    expect(result.results).toEqual([70_000, 70_000])
    const taken = { acquired: 18, released: 18, open: 0, longTerm: 0, peak: 18 }
    expect(kernel === '6.1' ? report.refs : report.pins).toEqual(taken)
    expect(kernel === '6.1' ? report.pins.acquired : report.refs.acquired).toBe(0)
    expect(report.counters).toMatchObject({ requests: 1, receiveLists: 2, receiveListsAllocated: 1 })
    expect(report.data).toEqual({ zeroCopyBytes: 70_000, copiedBytes: 70_000 })
    // 18 pages in the transmit list, the receive lists' 18 entries, and the request's 18.
    expect(report.entries).toEqual({ built: 18 + 18 + 18, bytes: 54 * 32, perOperationMax: 36, limitHits: 1 })
  })

  const B = '0x7f1000000f80+256'
  const C = `0x7f2000000000+${20 * P}`
  const AR2 = [send(82_176), receive(0, { iter: 'iovec', segs: `${B};${C}` })]

  it('AR2 on 6.1: a list for each segment', async () => {
    const result = await skcipher(AR2, { kernel: '6.1' })
    const [entries] = shapes(result)
    expect(entries.slice(0, 3)).toEqual([
      [3968, 128],
      [0, 128],
      [0, 4096],
    ])
    expect(entries).toHaveLength(22)
    expect(result.report.refs).toMatchObject({ acquired: 22, released: 22, peak: 22 })
    expect(result.report.counters).toMatchObject({ receiveLists: 3, receiveListsAllocated: 2 })
  })

  it.each(NEW)('AR2 on %s: lists are full before there is a next one', async (kernel) => {
    let lists: number[][] = []
    const result = await skcipher([AR2[0], { ...AR2[1] }], {
      kernel,
      prepare: (lane) => {
        const { requests } = socketsOf({ lane })
        const freeResources = requests.freeResources.bind(requests)
        requests.freeResources = (io, request) => {
          lists = []
          for (let rsgl = requests.firstRsgl[request]; rsgl !== 0; rsgl = requests.nextRsgl[rsgl]) {
            let bytes = 0
            for (let i = 0; i < requests.nents[rsgl]; i++) bytes += requests.lists.lengthBytes[requests.sgl[rsgl] + i]
            lists.push([requests.nents[rsgl], bytes])
          }
          freeResources(io, request)
        }
      },
    })
    expect(lists).toEqual([
      [16, 57_600],
      [6, 24_576],
    ])
    expect(result.report.pins).toMatchObject({ acquired: 22, released: 22, peak: 22 })
    expect(result.report.counters).toMatchObject({ receiveLists: 2, receiveListsAllocated: 1 })
  })

  /** Five pages of C are there. */
  const AR3 = [
    map('0x7e0000000000', 21),
    map('0x7f1000000000', 2),
    map('0x7f2000000000', 5),
    map('0x7f2000005000', 15, 'prot_none'),
    ...AR2.map((row) => ({ ...row, mm: 1 })),
  ]

  it.each(ALL)('AR3 on %s: all that was taken is let go, and the data stays queued', async (kernel) => {
    const { results, report, queued } = await queuedAfter(AR3, { kernel })
    expect(results).toEqual([82_176, EFAULT])
    const taken = { acquired: 7, released: 7, open: 0, longTerm: 0, peak: 7 }
    expect(kernel === '6.1' ? report.refs : report.pins).toEqual(taken)
    // 6.1: the second list is short, the third one finds nothing. Since 6.12 the first one fails.
    expect(report.counters).toMatchObject({ receiveLists: kernel === '6.1' ? 3 : 1 })
    expect(queued).toHaveLength(21)
    expect(report.allocations?.openBytes).toBe(0)
  })

  it.each([
    ['6.1', 'ubuf', 'ref'],
    ['6.1', 'iovec', 'ref'],
    ['6.1', 'bvec', 'ref'],
    ['6.1', 'kvec', EFAULT],
    ['6.1', 'xarray', 'ref'],
    ['6.1', 'discard', EFAULT],
    ['6.12', 'ubuf', 'pin'],
    ['6.12', 'bvec', 'bare'],
    ['6.12', 'kvec', 'bare'],
    ['6.12', 'xarray', 'bare'],
    ['6.12', 'folioq', 'bare'],
    ['6.12', 'discard', EIO],
    ['mainline', 'folioq', 'bare'],
    ['mainline', 'discard', EIO],
  ] as const)('%s takes from a %s: %s', async (kernel, iter, taken) => {
    const segs = { bvec: '77:0+8192', kvec: '0x100000000000+8192', xarray: 'f:0+8192', folioq: 'f:0+8192' }
    const cells = iter === 'discard' ? { segs: '', len: 8192 } : iter in segs ? { segs: segs[iter as 'bvec'] } : {}
    const { results, report } = await skcipher([send(8192), receive(8192, { iter, ...cells })], { kernel })
    const counts = [report.pins.acquired, report.refs.acquired, report.bare.pages]
    if (typeof taken === 'number') expect(results[1]).toBe(taken)
    expect(counts).toEqual([taken === 'pin' ? 2 : 0, taken === 'ref' ? 2 : 0, taken === 'bare' ? 2 : 0])
    expect([report.pins.open, report.refs.open, report.allocations?.openBytes]).toEqual([0, 0, 0])
  })

  it('kernel memory: 6.12 lists a folio where 6.1 lists its pages', async () => {
    const rows = [send(65_536), receive(0, { iter: 'bvec', segs: '512:0+65536' })]
    const old = await skcipher(rows, { kernel: '6.1' })
    const now = await skcipher(rows, { kernel: '6.12' })
    expect([shapes(old)[0].length, shapes(now)[0].length]).toEqual([16, 1])
    expect(now.report.avoided).toMatchObject({ copyBytes: 65_536, entries: 16, allocations: 0 })
    expect(old.report.avoided).toMatchObject({ copyBytes: 65_536, entries: 0, allocations: 0 })
  })
})

describe('the receive budget', () => {
  const BIG = 300_000
  const rows = [send(BIG), receive(BIG)]

  it('6.1 begins a further list while a page of budget is left, and fills it', async () => {
    // 3 lists of 65536 leave 16,384 of 212,992: the fourth takes 65536 all the same.
    const { results, report, lists } = await skcipher(rows, { kernel: '6.1', options: { sndbuf: 1_048_576 } })
    expect(results).toEqual([BIG, BIG])
    expect(lists.map(({ entries }) => entries.length)).toEqual([64, 10])
    expect(report.counters).toMatchObject({ requests: 2 })
  })

  it.each(NEW)('%s never lists more than the budget', async (kernel) => {
    const { results, report, lists } = await skcipher(rows, { kernel, options: { sndbuf: 1_048_576 } })
    expect(results).toEqual([BIG, BIG])
    expect(lists.map(({ entries }) => entries.length)).toEqual([52, 22])
    expect(report.entries.limitHits).toBeGreaterThanOrEqual(1)
  })
})

describe('optmem_max', () => {
  /** `count` segments of one byte, a page apart. */
  const segments = (count: number) =>
    Array.from({ length: count }, (_, i) => `0x${(0x7f0000000000 + i * 2 * P).toString(16)}+16`).join(';')

  it('6.1: a list for each segment, 20,480 bytes of memory for all: -ENOMEM', async () => {
    // 112 for the socket, 4088 for the block, 848 for the request, 704 for each list but the first, and 32 for the entry
    // of the request: 21 more lists are 19,832 bytes, with the entry 19,864; 22 would be 20,536.
    const fits = await skcipher([send(22 * 16), receive(0, { iter: 'iovec', segs: segments(22) })], { kernel: '6.1' })
    expect(fits.results).toEqual([352, 352])
    const over = await skcipher([send(23 * 16), receive(0, { iter: 'iovec', segs: segments(23) })], { kernel: '6.1' })
    expect(over.results).toEqual([368, -12])
    expect(over.report.refs).toMatchObject({ acquired: 22, released: 22, open: 0 })
    expect(over.report.entries.limitHits).toBe(1)
    expect(over.report.allocations?.openBytes).toBe(0)
    const now = await skcipher([send(23 * 16), receive(0, { iter: 'iovec', segs: segments(23) })], { kernel: '6.12' })
    expect(now.results).toEqual([368, 368])
  })
})

describe('skcipher_recvmsg', () => {
  it('a buffer that ends inside a chunk: 6.1 passes over the rest, 6.12 goes back', async () => {
    const rows = [send(4096), receive(100), receive(4000)]
    const old = await skcipher(rows, { kernel: '6.1' })
    expect(old.results).toEqual([4096, 96, 4000])
    const now = await skcipher(rows, { kernel: '6.12' })
    // What is left of the buffer has no whole chunk: the call ends with what it has.
    expect(now.results).toEqual([4096, 96, 4000])
    expect([old.report.counters.cutBytes, now.report.counters.cutBytes]).toEqual([4, 8])
    expect([old.report.counters.requests, now.report.counters.requests]).toEqual([2, 3])
  })

  it('6.1 leaves a gap where a request ended inside a chunk (alg-excess-skipped)', async () => {
    // A budget of one page ends the first request with the first segment, of which 96 bytes are whole chunks.
    const segs = { iter: 'iovec', segs: `${A}+100;0x7f1000000000+3900` }
    const rows = [send(4096), receive(0, segs)]
    const result = await skcipher(rows, { kernel: '6.1', options: { rcvbuf: P } })
    // The 3900 bytes of the other segment are no whole chunks either.
    expect(result.results).toEqual([4096, 96 + 3888])
    expect(shapes(result)).toEqual([[[0, 96]], [[0, 3888]]])
    expect(result.report.counters).toMatchObject({ cutBytes: 4 + 12 })
    expect(result.report.refs).toMatchObject({ acquired: 2, released: 2 })
    // 6.12 takes both segments at once.
    expect((await skcipher(rows, { kernel: '6.12', options: { rcvbuf: P } })).results).toEqual([4096, 4000])
  })

  it('a buffer shorter than a chunk: 0 bytes on 6.1, -EINVAL since 6.12', async () => {
    const rows = [send(4096), receive(8)]
    expect((await skcipher(rows, { kernel: '6.1' })).results).toEqual([4096, 0])
    for (const kernel of NEW) {
      const { results, report } = await skcipher(rows, { kernel })
      expect(results).toEqual([4096, EINVAL])
      expect(report.pins).toMatchObject({ acquired: 1, released: 1 })
    }
  })

  it('asynchronous: 6.1 holds its pages until it completes, and refuses another request', async () => {
    const rows = [more(8192), receive(4096, { end: 500 }), receive(4096, { ts: 100 }), receive(4096, { ts: 600 })]
    const { results, report } = await skcipher(rows, { kernel: '6.1' })
    expect(results).toEqual([8192, 4096, EBUSY, 4096])
    expect(report.counters).toMatchObject({ busy: 1, requests: 2 })
    expect(report.refs).toMatchObject({ acquired: 2, released: 2, peak: 1 })
    const open = await skcipher([send(8192), receive(4096, { end: 'never' })], { kernel: '6.1' })
    expect(open.report.leaks).toMatchObject([{ retention: 'ref', pages: 1 }])
  })

  it.each(NEW)('asynchronous: %s waits all the same', async (kernel) => {
    const rows = [more(8192), receive(4096, { end: 500 }), receive(4096, { ts: 100 })]
    const { results, report } = await skcipher(rows, { kernel })
    expect(results).toEqual([8192, 4096, 4096])
    expect(report.pins).toMatchObject({ acquired: 2, released: 2, peak: 1 })
    expect((await skcipher([send(8192), receive(4096, { end: 'never' })], { kernel })).report.leaks).toEqual([])
  })

  it('nothing queued: what is asked for was sent by somebody', async () => {
    const { results, report } = await skcipher([receive(70_000)], { kernel: '6.12' })
    expect(results).toEqual([70_000])
    expect(report.data).toEqual({ zeroCopyBytes: 70_000, copiedBytes: 0 })
    expect(report.counters).toMatchObject({ unseenSentBytes: 70_000, txPages: 18 })
    expect(report.pins).toMatchObject({ acquired: 18, released: 18 })
  })

  it('the result tells how a wait ended', async () => {
    const result = async (row: TestRow) => (await skcipher([row], { kernel: '6.12' })).results[0]
    expect(await result(receive(8192, { result: 4096 }))).toBe(4096)
    expect(await result(receive(8192, { result: 0 }))).toBe(0)
    expect(await result(receive(8192, { result: -4 }))).toBe(-4)
    expect(await result(receive(8192, { flags: 'nowait' }))).toBe(-11)
    expect(await result(receive(8192, { flags: 'nowait', result: 8192 }))).toBe(8192)
  })

  it('a longer buffer than there is data: the call ends with what there was, or goes on as its result tells', async () => {
    const short = await skcipher([send(4096), receive(8192)])
    expect(short.results).toEqual([4096, 4096])
    const long = await skcipher([send(4096), receive(8192, { result: 8192 })])
    expect(long.results).toEqual([4096, 8192])
    expect(long.report.counters).toMatchObject({ requests: 2, unseenSentBytes: 4096 })
  })

  it('what was sent arrives, byte for byte, through both lists', async () => {
    for (const kernel of ALL) {
      const rows = [
        more(10_000),
        send(5000),
        receive(15_000, { iter: 'iovec', segs: '0x7f0000000f01+5000;0x7f0000010003+10000' }),
      ]
      let sent: number[] = []
      const { lane, lists } = await skcipher(rows, {
        kernel,
        fill: (page, bytes) => bytes.set(bytes.map((_, i) => (page * 31 + i * 7) & 0xff)),
        afterRow: (lane, row) => {
          if (row !== 2) return
          const pages = new Int32Array(3)
          expect(lane.spaces.walkPages(lane.io.iter.mm, 0x7e0000000, 3, 0, pages)).toBe(3)
          const memory = [...pages].flatMap((page) => [...bytesOf(lane, page, 0, P)])
          sent = [...memory.slice(0, 10_000), ...memory.slice(0, 5000)]
        },
      })
      const received = lists[0].entries.flatMap(({ page, offsetBytes, lengthBytes }) => [
        ...bytesOf(lane, page, offsetBytes, lengthBytes),
      ])
      expect(received).toEqual(sent)
    }
  })
})

describe('aead_recvmsg', () => {
  const options = { assoclen: 20, authsize: 16 }

  it.each(ALL)('encrypts on %s: a tag more than was sent, the associated data copied', async (kernel) => {
    const { results, report, lists } = await aead([send(10_000), receive(20_000)], { kernel, options })
    expect(results).toEqual([10_000, 10_016])
    expect(lists[0].entries.map(({ lengthBytes }) => lengthBytes)).toEqual([4096, 4096, 1824])
    expect(report.data).toEqual({ zeroCopyBytes: 10_016 - 20, copiedBytes: 10_000 + 20 })
  })

  it.each(ALL)('decrypts on %s: a tag less', async (kernel) => {
    const { results, report } = await aead([send(10_000), receive(20_000)], {
      kernel,
      options: { ...options, decrypt: 1 },
    })
    expect(results).toEqual([10_000, 9984])
    expect(report.data).toEqual({ zeroCopyBytes: 9984 - 20, copiedBytes: 10_000 + 20 })
  })

  it('a shorter buffer takes a shorter part of the text', async () => {
    const { results } = await aead([send(10_000), receive(5000)], { options })
    expect(results).toEqual([10_000, 5000])
    // The rest is received with the associated data in front again: 5016 bytes are left, and a tag comes to them.
    const both = await aead([send(10_000), receive(5000), receive(5032)], { options })
    expect(both.results).toEqual([10_000, 5000, 5032])
  })

  it('no room for the associated data and a tag is -EINVAL; 35 bytes here', async () => {
    const run = async (bytes: number, decrypt: number) =>
      (await aead([send(10_000), receive(bytes)], { options: { ...options, decrypt } })).results[1]
    expect([await run(35, 0), await run(36, 0)]).toEqual([EINVAL, 36])
    // To decrypt: the associated data.
    expect([await run(19, 1), await run(20, 1)]).toEqual([EINVAL, 20])
  })

  it('less than the associated data, and to decrypt a tag, is -EINVAL before anything is allocated', async () => {
    const run = async (bytes: number, decrypt: number) =>
      (await aead([send(bytes), receive(100)], { options: { ...options, decrypt } })).results[1]
    expect([await run(19, 0), await run(20, 0)]).toEqual([EINVAL, 36])
    expect([await run(35, 1), await run(36, 1)]).toEqual([EINVAL, 20])
    const refused = await aead([send(19), receive(100)], { options })
    expect(refused.report.counters).toMatchObject({ requests: 0 })
  })

  it('waits for the end of the message', async () => {
    const rows = [more(4096), receive(4112, { flags: 'nowait' }), send(0, { segs: '', len: 0 }), receive(4112)]
    expect((await aead(rows)).results).toEqual([4096, -11, 0, 4112])
  })

  it('asynchronous: up to 6.18 the request is in flight, mainline waits', async () => {
    const rows = [send(8192), receive(8208, { end: 500 }), receive(16, { ts: 100 })]
    for (const kernel of ALL) {
      const { results } = await aead(rows, { kernel })
      expect(results[2]).toBe(kernel === 'mainline' ? 16 : EBUSY)
    }
  })

  it('nothing queued: the buffer is filled to its end, be it too short for a tag', async () => {
    for (const bytes of [8192, 10]) {
      const { results, report } = await aead([receive(bytes)], { kernel: '6.12' })
      expect(results).toEqual([bytes])
      expect(report.counters.unseenSentBytes).toBe(bytes === 10 ? 26 : 8176)
    }
  })
})
