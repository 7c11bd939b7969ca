import type { KernelVersion } from '@pinscope/core'
import type { RowsOptions, TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { watchedTls } from './support/watched-tls.ts'

// Receiving: TR1 and TR2, and when a record is opened in the memory of the reader.
// @kernel net/tls/tls_sw.c: tls_sw_recvmsg, tls_decrypt_sg, tls_setup_from_iter, process_rx_list

const KERNELS = ['6.1', '6.12', '6.18', 'mainline'] as const
const LATER = ['6.12', '6.18', 'mainline'] as const
const A = 0x7f0000000000

function read(segs: string, rest: TestRow = {}): TestRow {
  return { op: 'read', iter: 'iovec', segs, ...rest }
}

function ubuf(offset: number, bytes: number, rest: TestRow = {}): TestRow {
  return read(`0x${(A + offset).toString(16)}+${bytes}`, { iter: 'ubuf', ...rest })
}

/** {@link watchedTls}, with its calls as {maxpages, maxsize, bytes}. */
async function receive(rows: readonly TestRow[], options: RowsOptions = {}) {
  const { calls, elements, ...result } = await watchedTls(rows, options)
  return {
    ...result,
    calls: calls.map(({ pagesMax, bytesMax, bytes }) => [pagesMax, bytesMax, bytes]),
    entries: elements,
  }
}

const TR1 = [
  [2048, 2048],
  [0, 4096],
  [0, 4096],
  [0, 4096],
  [0, 2048],
]

describe.each(KERNELS)('worked examples, kernel %s', (kernel) => {
  it('TR1: 20000 bytes at 0x800, one record of 16384: five references, put when it is opened', async () => {
    const { report, results, entries, calls, puts, counters } = await receive(
      [ubuf(0x800, 20_000, { result: 16_384 })],
      {
        kernel,
      },
    )
    expect(results).toEqual([16_384])
    expect(entries).toEqual([TR1])
    expect(calls).toEqual([[5, 16_384, 16_384]])
    expect(puts).toEqual([5])
    expect(report.refs).toEqual({ acquired: 5, released: 5, open: 0, longTerm: 0, peak: 5 })
    expect(report.data).toEqual({ zeroCopyBytes: 16_384, copiedBytes: 0 })
    // The list has the AAD before them.
    expect(report.entries).toEqual({ built: 6, bytes: 6 * 32, perOperationMax: 6, limitHits: 0 })
    expect(counters).toMatchObject({ recordsReceived: 1, zeroCopyRecords: 1, copiedRecords: 0, decryptRetries: 0 })
  })

  it('TR1 in TLS 1.3: the tail byte is one entry more', async () => {
    const { report, entries } = await receive([ubuf(0x800, 20_000, { result: 16_384 })], {
      kernel,
      options: { version: 13 },
    })
    expect(entries).toEqual([TR1])
    expect(report.entries.built).toBe(7)
    expect(report.data).toEqual({ zeroCopyBytes: 16_384, copiedBytes: 0 })
  })

  it('a TLS 1.3 socket that did not ask for it (TLS_RX_EXPECT_NO_PAD) copies', async () => {
    const options = { version: 13, 'expect-no-pad': 0 }
    const { report, counters } = await receive([ubuf(0x800, 16_384)], { kernel, options })
    expect(report.refs).toMatchObject({ acquired: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 16_384 })
    expect(counters).toMatchObject({ copiedRecords: 1, decryptRetries: 0 })
  })
})

describe('TR2: a padded TLS 1.3 record is opened twice', () => {
  // 16384 bytes of payload, of which the last is padding.
  const rows = [ubuf(0x800, 20_000, { result: 16_383 })]
  const options = { version: 13, padded: 1 }

  it.each(LATER)('put, reverted, opened again and copied: %s', async (kernel) => {
    const { report, results, entries, puts, counters } = await receive(rows, { kernel, options })
    expect(results).toEqual([16_383])
    expect(entries).toEqual([TR1])
    expect(puts).toEqual([5])
    expect(report.refs).toMatchObject({ acquired: 5, released: 5, peak: 5 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 16_383 })
    // AAD, five pages and the tail; then AAD and the two frags of a buffer of five pages.
    expect(report.entries.built).toBe(7 + 3)
    expect(counters).toMatchObject({ recordsReceived: 1, copiedRecords: 1, decryptRetries: 1, noPadViolations: 1 })
  })

  it('6.1 does not revert: what is copied lands behind, as far as the memory goes', async () => {
    const { report, results, counters } = await receive(rows, { kernel: '6.1', options })
    expect(results).toEqual([16_383])
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 20_000 - 16_384 })
    expect(counters).toMatchObject({ decryptRetries: 1, noPadViolations: 1 })
  })

  it('6.1 without that defect (quirk tls-retry-no-revert) copies over it', async () => {
    const { report } = await receive(rows, {
      kernel: '6.1',
      options,
      prepare: ({ io }) => {
        const { kernel } = io.iter
        io.iter.kernel = { ...kernel, quirks: { ...kernel.quirks, ...{ 'tls-retry-no-revert': false } } }
      },
    })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 16_383 })
  })

  it('a record that the read does not take whole is not tried in place', async () => {
    const { report, counters } = await receive([ubuf(0, 16_383)], { kernel: 'mainline', options })
    expect(report.refs).toMatchObject({ acquired: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 16_383 })
    expect(counters).toMatchObject({ decryptRetries: 0 })
  })
})

describe('what is opened in place', () => {
  // Recorded on 6.1.192: traces/ground-truth/calls/kernel-6.1/iter-calls.csv, group ktls.
  it.each(KERNELS)('the calls of the recording, %s', async (kernel) => {
    const at = (address: number) => read(`0x${address.toString(16)}+16384`, { result: 16_384 })
    const { calls } = await receive([at(0x7f18b56e2000), at(0x7f18b56e2064)], { kernel })
    expect(calls).toEqual([
      [4, 16_384, 16_384],
      [5, 16_384, 16_384],
    ])
  })

  it.each(KERNELS)('a call a segment, with the pages left of those that the record spans: %s', async (kernel) => {
    const segs = [
      `0x${A.toString(16)}+100`,
      `0x${(A + 0x2f00).toString(16)}+1000`,
      `0x${(A + 0x8000).toString(16)}+20000`,
    ]
    const { calls, puts, entries } = await receive([read(segs.join(';'), { result: 16_384 })], { kernel })
    // 1 + 2 + 4 pages: 100 bytes, 1000 bytes across a page end, and 15284 from the start of a page.
    expect(calls).toEqual([
      [7, 16_384, 100],
      [6, 16_284, 1000],
      [4, 15_284, 15_284],
    ])
    expect(entries).toEqual([
      [
        [0, 100],
        [0xf00, 256],
        [0, 744],
        [0, 4096],
        [0, 4096],
        [0, 4096],
        [0, 2996],
      ],
    ])
    // The last first. @kernel exit_free_pages
    expect(puts).toEqual([4, 2, 1])
  })

  it.each(KERNELS)('a KVEC is copied to: %s', async (kernel) => {
    const { report } = await receive([read('0x888000000000+16384', { iter: 'kvec' })], { kernel })
    expect(report.refs).toMatchObject({ acquired: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 16_384 })
  })

  it.each([
    ['bvec', '4096:0+16384'],
    ['xarray', 'file:0+16384'],
    ['folioq', 'file:0+16384'],
  ])('%s: a reference on each page', async (iter, segs) => {
    const { report } = await receive([read(segs, { iter })], { kernel: '6.12' })
    expect(report.refs).toMatchObject({ acquired: 4, released: 4 })
    expect(report.data).toEqual({ zeroCopyBytes: 16_384, copiedBytes: 0 })
  })

  it.each(KERNELS)(
    'DISCARD has no pages: TLS 1.2 fails and aborts, TLS 1.3 by default drops the data: %s',
    async (kernel) => {
      const row: TestRow = { op: 'read', iter: 'discard', len: 16_384 }
      const tls12 = await receive([row], { kernel })
      expect(tls12.results).toEqual([-14])
      expect(tls12.counters).toMatchObject({ aborts: 1 })
      const tls13 = await receive([row], { kernel, options: { version: 13, 'expect-no-pad': 0 } })
      expect(tls13.results).toEqual([16_384])
    },
  )

  it('records of another size', async () => {
    const { calls, counters } = await receive([ubuf(0, 4000)], { options: { 'record-size': 1000 } })
    expect(calls.map(([, bytes]) => bytes)).toEqual([1000, 1000, 1000, 1000])
    expect(counters).toMatchObject({ recordsReceived: 4, zeroCopyRecords: 4 })
  })
})

describe('reads that end inside a record', () => {
  it.each(KERNELS)('the rest is kept by the socket, and copied later: %s', async (kernel) => {
    const rows = Array.from({ length: 4 }, (_, i) => ubuf(i * 0x2000, 4096, { file: 's' }))
    const { results, report, counters } = await receive([...rows, ubuf(0, 4096, { file: 'another' })], { kernel })
    expect(results).toEqual([4096, 4096, 4096, 4096, 4096])
    expect(report.refs).toMatchObject({ acquired: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 5 * 4096 })
    // One record for each socket; the other one's rest is freed when it is closed.
    expect(counters).toMatchObject({ recordsReceived: 2, copiedRecords: 2, rxListBytes: 2 * 12_288 })
  })

  it('what is kept comes first, and then a record in place', async () => {
    const { report, puts, results } = await receive([ubuf(0, 10_000), ubuf(0x4000, 6384 + 16_384)])
    expect(results).toEqual([10_000, 22_768])
    expect(report.data).toEqual({ zeroCopyBytes: 16_384, copiedBytes: 16_384 })
    expect(puts).toEqual([5])
  })

  it('a short read tells where the record ended: nothing is kept', async () => {
    const { calls, counters, results } = await receive([
      ubuf(0, 65_536, { result: 5000 }),
      ubuf(0, 4096, { result: 4096 }),
    ])
    expect(results).toEqual([5000, 4096])
    expect(calls).toEqual([[2, 5000, 5000]])
    expect(counters).toMatchObject({ recordsReceived: 2, zeroCopyRecords: 1, copiedRecords: 1, rxListBytes: 12_288 })
  })

  it.each([-11, 0])('a read that is recorded as %i opens nothing', async (result) => {
    const { results, counters } = await receive([ubuf(0, 4096, { result })])
    expect(results).toEqual([result])
    expect(counters).toMatchObject({ recordsReceived: 0 })
  })
})

describe('an asynchronous cipher', () => {
  it.each(KERNELS)('TLS 1.2: the pages of all records are put when they have been awaited: %s', async (kernel) => {
    const rows = [ubuf(0x800, 32_768)]
    const { report, puts } = await receive(rows, { kernel, options: { async: 1 } })
    expect(report.refs).toEqual({ acquired: 10, released: 10, open: 0, longTerm: 0, peak: 10 })
    expect(puts).toEqual([5, 5])
    const sync = await receive(rows, { kernel })
    expect(sync.report.refs).toMatchObject({ acquired: 10, peak: 5 })
  })

  it('what a read does not take whole is opened into a buffer, and copied at the end', async () => {
    const { results, report } = await receive([ubuf(0, 20_000), ubuf(0, 12_768)], { options: { async: 1 } })
    expect(results).toEqual([20_000, 12_768])
    expect(report.data).toEqual({ zeroCopyBytes: 16_384, copiedBytes: 16_384 })
  })

  it('TLS 1.3 has none', async () => {
    const { report } = await receive([ubuf(0x800, 32_768)], { options: { async: 1, version: 13 } })
    expect(report.refs).toMatchObject({ acquired: 10, peak: 5 })
  })
})

describe('errors', () => {
  const holes = (kernel: KernelVersion, options: RowsOptions['options'] = {}) =>
    receive(
      [
        { event: 'map', mm: 1, segs: `0x${A.toString(16)}+131072`, backing: 'anon' },
        { event: 'map', mm: 1, segs: `0x${(A + 0x6000).toString(16)}+4096`, backing: 'anon', flags: 'prot_read' },
        ubuf(0, 32_768, { mm: 1, file: 's' }),
        { op: 'write', iter: 'ubuf', segs: `0x${A.toString(16)}+100`, mm: 1, file: 's' },
        { op: 'write', iter: 'ubuf', segs: `0x${A.toString(16)}+100`, mm: 1, file: 's', result: 100 },
      ],
      { kernel, options },
    )

  it.each(KERNELS)(
    'a page that cannot be written: what was taken is put, and the connection is aborted: %s',
    async (kernel) => {
      const { results, puts, counters } = await holes(kernel)
      // The first record is delivered; the abort shows in the next send. Where the trace knows better it is a new connection.
      expect(results).toEqual([16_384, -74, 100])
      expect(puts).toEqual([4, 2, 1])
      expect(counters).toMatchObject({ aborts: 1, recordsReceived: 1 })
    },
  )

  it('with an asynchronous cipher too', async () => {
    const { results, report } = await holes('6.12', { async: 1 })
    expect(results).toEqual([16_384, -74, 100])
    expect(report.refs).toMatchObject({ acquired: 7, released: 7 })
  })

  it('copied: the record stays for the next read', async () => {
    const { results, counters } = await receive([
      { event: 'map', mm: 1, segs: `0x${A.toString(16)}+4096`, backing: 'anon', flags: 'prot_read' },
      ubuf(0, 1000, { mm: 1 }),
      ubuf(0x4000, 1000, { mm: 1 }),
    ])
    expect(results).toEqual([-14, 1000])
    expect(counters).toMatchObject({ recordsReceived: 1, aborts: 0 })
  })
})

describe('a device that opens the records', () => {
  it.each(KERNELS)('copies, whole records straight from where they were received: %s', async (kernel) => {
    const { report, counters } = await receive([ubuf(0, 20_000)], { kernel, options: { device: 1 } })
    expect(report.refs).toMatchObject({ acquired: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 20_000 })
    // Of the second, a buffer keeps the rest: an skb and its five pages.
    expect(report.allocations).toMatchObject({ made: 6 })
    expect(counters).toMatchObject({ recordsReceived: 2, copiedRecords: 2, rxListBytes: 12_768 })
  })
})
