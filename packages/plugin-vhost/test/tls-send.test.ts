import type { KernelVersion } from '@pinscope/core'
import type { TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { watchedTls } from './support/watched-tls.ts'

// Sending: TL1 to TL3, and the order in which tls_sw_sendmsg decides between zero copy and copy.
// @kernel net/tls/tls_sw.c: tls_sw_sendmsg (6.1), tls_sw_sendmsg_locked; net/core/skmsg.c

const KERNELS = ['6.1', '6.12', '6.18', 'mainline'] as const
const VERSIONS = [12, 13] as const
const EACH = KERNELS.flatMap((kernel) => VERSIONS.map((version) => [kernel, version] as const))
const A = 0x7f0000000000

function hex(address: number): string {
  return `0x${address.toString(16)}`
}

function write(segs: string, rest: TestRow = {}): TestRow {
  return { op: 'write', iter: 'iovec', segs, ...rest }
}

function ubuf(offset: number, bytes: number, rest: TestRow = {}): TestRow {
  return write(`${hex(A + offset)}+${bytes}`, { iter: 'ubuf', ...rest })
}

/** One tiny segment in each of `count` pages. */
function tiny(count: number, bytes: number): string {
  return Array.from({ length: count }, (_, i) => `${hex(A + i * 8192)}+${bytes}`).join(';')
}

describe.each(EACH)('worked examples, kernel %s, version %i', (kernel, version) => {
  const options = { kernel, options: { version } }

  it('TL1: 20000 bytes at 0x200: two records, the page between them referenced twice', async () => {
    const { report, results, elements, puts, counters } = await watchedTls([ubuf(0x200, 20_000)], options)
    expect(results).toEqual([20_000])
    expect(elements).toEqual([
      [
        [512, 3584],
        [0, 4096],
        [0, 4096],
        [0, 4096],
        [0, 512],
      ],
      [
        [512, 3584],
        [0, 32],
      ],
    ])
    // The first record has left before the second takes its pages.
    expect(puts).toEqual([5, 2])
    expect(report.refs).toEqual({ acquired: 7, released: 7, open: 0, longTerm: 0, peak: 5 })
    expect(report.pins).toMatchObject({ acquired: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 20_000, copiedBytes: 0 })
    expect(report.entries).toEqual({ built: 7, bytes: 7 * 32, perOperationMax: 7, limitHits: 0 })
    expect(counters).toMatchObject({ recordsSent: 2, zeroCopyRecords: 2, copiedRecords: 0, elementsMax: 5 })
  })

  it('TL1 with an end: the last record waits in the socket for it', async () => {
    const { report, puts } = await watchedTls([ubuf(0x200, 20_000, { end: 5 }), ubuf(0x10000, 1, { ts: 6, end: 7 })], {
      ...options,
    })
    expect(report.refs).toMatchObject({ acquired: 8, released: 8, open: 0, peak: 5 })
    expect(puts).toEqual([5, 2, 1])
  })

  it('TL2: 1000 bytes of a KVEC with MSG_MORE: copied, nothing taken, the record stays open', async () => {
    const row = write('0x888000000000+1000', { iter: 'kvec', flags: 'more' })
    const { report, results, calls, counters } = await watchedTls([row], options)
    expect(results).toEqual([1000])
    expect(calls).toEqual([])
    expect(report.refs).toMatchObject({ acquired: 0 })
    expect(report.bare).toMatchObject({ pages: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 1000 })
    expect(counters).toMatchObject({ recordsSent: 0, copiedRecords: 1 })
  })

  it('TL3: 30 tiny segments: 17 references, all put, and everything is copied', async () => {
    const { report, results, calls, puts, counters } = await watchedTls([write(tiny(30, 10))], options)
    expect(results).toEqual([300])
    expect(calls.map(({ pagesMax }) => pagesMax)).toEqual([17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    expect(report.refs).toEqual({ acquired: 17, released: 17, open: 0, longTerm: 0, peak: 17 })
    expect(puts).toHaveLength(17)
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 300 })
    expect(report.entries.limitHits).toBe(1)
    expect(counters).toMatchObject({ recordsSent: 1, zeroCopyFallbacks: 1, copiedRecords: 1, zeroCopyRecords: 0 })
  })

  it('17 tiny segments are the most that one record takes', async () => {
    const { report, counters } = await watchedTls([write(tiny(17, 10))], options)
    expect(report.refs).toMatchObject({ acquired: 17, peak: 17 })
    expect(report.data).toEqual({ zeroCopyBytes: 170, copiedBytes: 0 })
    expect(counters).toMatchObject({ zeroCopyFallbacks: 0, elementsMax: 17 })
  })
})

describe('what a record takes, in the order of the decision', () => {
  // Recorded on 6.1.192: traces/ground-truth/calls/kernel-6.1/iter-calls.csv, group ktls.
  it.each(EACH)('the calls of the recording, kernel %s, TLS version %i', async (kernel, version) => {
    const D = 0x7f18b55e2000
    const at = (offset: number, bytes: number) => `${hex(D + offset)}+${bytes}`
    const file = 'sender'
    const rows = [
      write(at(0, 16_384), { file }),
      write(at(100, 16_384), { file }),
      write(at(0, 65_536), { file }),
      write(at(0, 1000), { file }),
      write(at(0, 16_384), { file, flags: 'more' }),
      write(at(0, 100), { file }),
      write([0, 0x2000, 0x4000, 0x6000].map((offset) => at(offset, 4096)).join(';'), { file }),
    ]
    const { calls, results } = await watchedTls(rows, { kernel, options: { version } })
    expect(results).toEqual([16_384, 16_384, 65_536, 1000, 16_384, 100, 16_384])
    expect(calls.map(({ pagesMax, bytesMax, bytes }) => [bytesMax, pagesMax, bytes])).toEqual([
      [16_384, 17, 16_384],
      [16_384, 17, 16_384],
      ...Array.from({ length: 4 }, () => [16_384, 17, 16_384]),
      [1000, 17, 1000],
      [16_384, 17, 16_384],
      [100, 17, 100],
      [16_384, 17, 4096],
      [12_288, 16, 4096],
      [8192, 15, 4096],
      [4096, 14, 4096],
    ])
  })

  it.each(KERNELS)('MSG_MORE that fills no record is copied, and the next call goes on with it: %s', async (kernel) => {
    const rows = [ubuf(0, 1000, { flags: 'more' }), ubuf(0x4000, 1000)]
    const { report, calls, counters, puts } = await watchedTls(rows, { kernel })
    // The open record has one element already: room for 16.
    expect(calls).toEqual([{ pagesMax: 16, bytesMax: 1000, bytes: 1000 }])
    expect(report.data).toEqual({ zeroCopyBytes: 1000, copiedBytes: 1000 })
    expect(counters).toMatchObject({ recordsSent: 1, zeroCopyRecords: 1, copiedRecords: 1, elementsMax: 2 })
    expect(puts).toEqual([1])
  })

  it('MSG_MORE: what fills the record goes in place, what is left over is copied', async () => {
    const { report, counters } = await watchedTls([ubuf(0, 20_000, { flags: 'more' })])
    expect(report.data).toEqual({ zeroCopyBytes: 16_384, copiedBytes: 3616 })
    expect(counters).toMatchObject({ recordsSent: 1, zeroCopyRecords: 1, copiedRecords: 1 })
  })

  it('the open records of two sockets are two', async () => {
    const more = { flags: 'more' }
    const rows = [
      ubuf(0, 1000, { file: 'a', ...more }),
      ubuf(0, 1000, { file: 'b', ...more }),
      ubuf(0, 15_384, { file: 'a' }),
    ]
    const { calls, counters } = await watchedTls(rows)
    expect(calls.map(({ pagesMax, bytesMax }) => [pagesMax, bytesMax])).toEqual([[16, 15_384]])
    expect(counters).toMatchObject({ recordsSent: 1 })
  })

  it.each(EACH)('a KVEC is always copied, record by record: %s, version %i', async (kernel, version) => {
    const row = write('0x888000000000+40000', { iter: 'kvec' })
    const { report, counters } = await watchedTls([row], { kernel, options: { version } })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 40_000 })
    expect(counters).toMatchObject({ recordsSent: 3, copiedRecords: 3, elementsMax: 1 })
  })

  it.each(EACH)('an asynchronous cipher: zero copy in its first call, never again: %s, %i', async (kernel, version) => {
    const rows = [ubuf(0, 40_000), ubuf(0, 40_000), ubuf(0, 100, { file: 'another' })]
    const { report, counters, puts } = await watchedTls(rows, { kernel, options: { version, async: 1 } })
    expect(report.data).toEqual({ zeroCopyBytes: 40_100, copiedBytes: 40_000 })
    // The pages of the first call are put when all its encryptions have been awaited.
    expect(puts).toEqual([4, 4, 2, 1])
    expect(report.refs.peak).toBe(10)
    expect(counters).toMatchObject({ recordsSent: 7, zeroCopyRecords: 4, copiedRecords: 3 })
  })

  it.each([
    ['bvec', '4096:0+16384'],
    ['xarray', 'file:0+16384'],
    ['folioq', 'file:0+16384'],
  ])('%s: in place, a reference on each page', async (iter, segs) => {
    const { report } = await watchedTls([write(segs, { iter })], { kernel: '6.12' })
    expect(report.refs).toMatchObject({ acquired: 4, released: 4 })
    expect(report.bare).toMatchObject({ pages: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 16_384, copiedBytes: 0 })
  })

  it('a bvec a call, as far as 17 elements go', async () => {
    const segs = Array.from({ length: 20 }, (_, i) => `${4096 + 2 * i}:0+512`).join(';')
    const { report, calls } = await watchedTls([write(segs, { iter: 'bvec' })], { kernel: '6.1' })
    expect(calls).toHaveLength(17)
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 20 * 512 })
  })

  it('under the policy extract the same calls pin user pages', async () => {
    const { report } = await watchedTls([ubuf(0x200, 20_000)], { policy: 'extract' })
    expect(report.pins).toMatchObject({ acquired: 7, released: 7, peak: 5 })
    expect(report.refs).toMatchObject({ acquired: 0 })
  })

  it('a whole folio is one element under the policy folio', async () => {
    const rows: TestRow[] = [
      { event: 'map', mm: 1, segs: '0x7f0000000000+2097152', backing: 'thp' },
      ubuf(0x1000, 16_384, { mm: 1 }),
    ]
    const { elements } = await watchedTls(rows, { policy: 'folio' })
    expect(elements).toEqual([[[0, 16_384]]])
  })
})

describe('memory that cannot be had (H11)', () => {
  const rows = (bytes: number): TestRow[] => [
    { event: 'map', mm: 1, segs: `${hex(A)}+65536`, backing: 'anon' },
    { event: 'map', mm: 1, segs: `${hex(A + 0x5000)}+4096`, backing: 'anon', flags: 'prot_none' },
    ubuf(0, bytes, { mm: 1 }),
  ]

  it.each(KERNELS)(
    'in the second record: the first is sent, the rest put, tried again by copying, and lost: %s',
    async (kernel) => {
      const { results, report, counters, puts } = await watchedTls(rows(40_000), { kernel })
      expect(results).toEqual([16_384])
      expect(puts).toEqual([4, 1])
      expect(report.refs).toMatchObject({ acquired: 5, released: 5, open: 0 })
      // The byte counts: a record in place, and the page that could be read before the one that could not.
      expect(report.data).toEqual({ zeroCopyBytes: 16_384, copiedBytes: 4096 })
      expect(counters).toMatchObject({ zeroCopyFallbacks: 1, recordsSent: 1, copiedRecords: 0 })
    },
  )

  it('in the first record: -EFAULT, and the record stays open with nothing in it', async () => {
    const { results, report } = await watchedTls([...rows(0).slice(0, 2), ubuf(0x5000, 100, { mm: 1 })])
    expect(results).toEqual([-14])
    expect(report.refs).toMatchObject({ acquired: 0 })
  })
})

describe('flags', () => {
  it.each<[KernelVersion, string, number]>([
    ['6.1', 'eor', -95],
    ['6.12', 'eor', 100],
    ['mainline', 'eor', 100],
    ['6.12', 'more eor', -22],
    ['mainline', 'more eor', -22],
    ['6.1', 'zerocopy', -95],
    ['mainline', 'zerocopy', -95],
  ])('%s: %s gives %i', async (kernel, flags, expected) => {
    expect((await watchedTls([ubuf(0, 100, { flags })], { kernel })).results).toEqual([expected])
  })

  it.each([
    [-11, -11],
    [0, 0],
  ])('a call that is recorded as %i took nothing', async (result, expected) => {
    const { results, report } = await watchedTls([ubuf(0, 100, { result })])
    expect(results).toEqual([expected])
    expect(report.refs).toMatchObject({ acquired: 0 })
  })

  it('a short result: the socket took that much', async () => {
    const { results, report } = await watchedTls([ubuf(0, 65_536, { result: 32_768 })])
    expect(results).toEqual([32_768])
    expect(report.refs).toMatchObject({ acquired: 8 })
  })
})

describe('17 elements of the encrypted form and of the plaintext', () => {
  // Two sockets of one task take turns: no allocation is adjacent to the socket's last, and each adds an element.
  const turns = (count: number): TestRow[] =>
    Array.from({ length: 2 * count }, (_, i) => ubuf(0, 100, { flags: 'more', file: i % 2 === 0 ? 'a' : 'b' }))

  it.each<[KernelVersion, number, number]>([
    // 6.1 finds out in the call after that nothing can be added (-ENOSPC), and closes the record then.
    ['6.1', 17, 0],
    ['6.1', 18, 2],
    ['6.12', 16, 0],
    ['6.12', 17, 2],
    ['mainline', 17, 2],
  ])('%s, %i calls for each socket: %i records', async (kernel, count, records) => {
    const { counters, report, results } = await watchedTls(turns(count), { kernel })
    expect(results.every((bytes) => bytes === 100)).toBe(true)
    expect(counters).toMatchObject({ recordsSent: records })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 200 * count })
    if (records > 0) expect(counters).toMatchObject({ elementsMax: 17, encryptedElementsMax: 17 })
  })
})

describe('pages attached as they are: splice(2), sendfile(2)', () => {
  const pages = (count: number, bytes: number) =>
    Array.from({ length: count }, (_, i) => `${4096 + 2 * i}:0+${bytes}`).join(';')
  const splice = (segs: string, rest: TestRow = {}): TestRow => write(segs, { iter: 'bvec', flags: 'splice', ...rest })

  it.each(KERNELS)('a reference on each page, twice on one that two records share: %s', async (kernel) => {
    const { report, results, calls, elements, puts } = await watchedTls([splice('4096:512+20000')], { kernel })
    expect(results).toEqual([20_000])
    expect(calls).toEqual([])
    const [first, second] = [
      [512, 3584],
      [512, 3584],
    ]
    const expected = [
      [first, [0, 4096], [0, 4096], [0, 4096], [0, 512]],
      [second, [0, 32]],
    ]
    expect(kernel === '6.1' ? elements.flat() : elements).toEqual(kernel === '6.1' ? expected.flat() : expected)
    expect(report.refs).toEqual({ acquired: 7, released: 7, open: 0, longTerm: 0, peak: 5 })
    expect(report.bare).toMatchObject({ pages: 0 })
    expect(puts).toEqual([1, 1, 1, 1, 1, 1, 1])
    expect(report.data).toEqual({ zeroCopyBytes: 20_000, copiedBytes: 0 })
  })

  it.each(KERNELS)('20 pieces: the record is closed with 17: %s', async (kernel) => {
    const { report, results, counters } = await watchedTls([splice(pages(20, 512))], { kernel })
    expect(results).toEqual([20 * 512])
    expect(report.refs).toMatchObject({ acquired: 20, released: 20, peak: 17 })
    expect(counters).toMatchObject({ recordsSent: 2, elementsMax: 17, splicedPages: 20, copiedRecords: 0 })
    if (kernel !== '6.1') expect(report.entries.limitHits).toBe(1)
  })

  it.each(['6.12', 'mainline'] as const)(
    'MSG_MORE: the page is referenced until the record is closed: %s',
    async (kernel) => {
      const rows = [splice('4096:0+4096', { flags: 'splice more' }), ubuf(0, 10)]
      const { counters, report, puts } = await watchedTls(rows, { kernel })
      expect(report.refs).toMatchObject({ acquired: 2, released: 2, peak: 2 })
      expect(puts).toEqual([1, 1])
      expect(counters).toMatchObject({ recordsSent: 1, elementsMax: 2 })
    },
  )

  it('6.1 asks only whether the pipe has more: MSG_MORE closes the record all the same', async () => {
    const { counters, report } = await watchedTls([splice('4096:0+4096', { flags: 'splice more' })], { kernel: '6.1' })
    expect(counters).toMatchObject({ recordsSent: 1 })
    expect(report.refs).toMatchObject({ acquired: 1, released: 1 })
  })

  const kvec = (bytes: number) => write(`0x888000000000+${bytes}`, { iter: 'kvec', flags: 'splice' })
  const vmalloc: TestRow = { event: 'map', mm: 1, segs: '0x888000000000+8192', backing: 'vmalloc' }
  const slab: TestRow = { event: 'map', mm: 1, segs: '0x888000001000+4096', backing: 'slab' }

  it.each(['6.12', '6.18', 'mainline'] as const)(
    'KVEC: bare pages with a reference, but slab pages: %s',
    async (kernel) => {
      const whole = await watchedTls([vmalloc, kvec(8192)], { kernel })
      expect(whole.results).toEqual([8192])
      expect(whole.report.refs).toMatchObject({ acquired: 2, released: 2 })
      // The page before it is in the record, which stays open (H14: the call tells of it).
      const half = await watchedTls([vmalloc, slab, kvec(8192)], { kernel })
      expect(half.results).toEqual([4096])
      expect(half.counters).toMatchObject({ recordsSent: 0, splicedPages: 1 })
      const none = await watchedTls([slab, write('0x888000001000+100', { iter: 'kvec', flags: 'splice' })], { kernel })
      expect(none.results).toEqual([-5])
      expect(none.report.refs).toMatchObject({ acquired: 0 })
    },
  )

  it('KVEC on 6.1: there is no such call, it is sent as any other', async () => {
    const { report } = await watchedTls([kvec(8192)], { kernel: '6.1' })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 8192 })
  })

  it('a user-backed iterator: sendmsg(2) drops the flag', async () => {
    const { report, calls } = await watchedTls([ubuf(0, 4096, { flags: 'splice' })])
    expect(calls).toHaveLength(1)
    expect(report.refs).toMatchObject({ acquired: 1, released: 1 })
  })

  it('a user-backed iterator with the flag, which no caller sends: the pins are lost (H19)', async () => {
    for (const options of [{}, { device: 1, 'zerocopy-sendfile': 1 }]) {
      const { report, results } = await watchedTls([ubuf(0, 8192, { flags: 'splice' })], {
        kernel: '6.12',
        options,
        prepare: ({ io }) => {
          const { kernel } = io.iter
          io.iter.kernel = { ...kernel, quirks: { ...kernel.quirks, ...{ 'tls-splice-user': true } } }
        },
      })
      expect(results).toEqual([8192])
      expect(report.pins).toMatchObject({ acquired: 2, released: 0, open: 2 })
      expect(report.refs).toMatchObject({ open: 0 })
    }
  })
})
