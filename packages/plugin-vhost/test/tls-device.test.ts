import type { RowsOptions, TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { watchedTls } from './support/watched-tls.ts'

// A device that seals. @kernel net/tls/tls_device.c: tls_push_data, tls_append_frag

const KERNELS = ['6.1', '6.12', '6.18', 'mainline'] as const
const A = 0x7f0000000000
const COPY = { device: 1 }
const ZERO_COPY = { device: 1, 'zerocopy-sendfile': 1 }

function ubuf(bytes: number, rest: TestRow = {}): TestRow {
  return { op: 'write', iter: 'ubuf', segs: `0x${A.toString(16)}+${bytes}`, ...rest }
}

function splice(segs: string, flags = 'splice'): TestRow {
  return { op: 'write', iter: 'bvec', segs, flags }
}

/** Pieces of `bytes` bytes at the start of pages that are not adjacent. */
function pieces(count: number, bytes: number): string {
  return Array.from({ length: count }, (_, i) => `${4096 + 2 * i}:0+${bytes}`).join(';')
}

async function send(rows: readonly TestRow[], options: RowsOptions) {
  const result = await watchedTls(rows, options)
  expect(result.report.allocations).toBeDefined()
  return result
}

describe('copied', () => {
  it.each(KERNELS)('into one frag of the socket, header and tag with it: %s', async (kernel) => {
    const { results, report, counters } = await send([ubuf(20_000)], { kernel, options: COPY })
    expect(results).toEqual([20_000])
    expect(report.refs).toMatchObject({ acquired: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 20_000 })
    expect(counters).toMatchObject({ recordsSent: 2, deviceRecords: 2, copiedRecords: 2, elementsMax: 1 })
  })

  it('a record that reaches the end of the frag goes on in the next', async () => {
    // Two records are 2 * (13 + 16384 + 16) = 32826 bytes. While they wait, the first frag of 32768 is not used again.
    const rows = [ubuf(16_384, { end: 9 }), ubuf(16_384, { end: 9 })]
    const { counters } = await send(rows, { options: COPY })
    expect(counters).toMatchObject({ recordsSent: 2, elementsMax: 2 })
  })

  it.each(KERNELS)('without zerocopy-sendfile spliced pages are copied too: %s', async (kernel) => {
    const { report } = await send([splice('4096:0+16384')], { kernel, options: COPY })
    expect(report.refs).toMatchObject({ acquired: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 16_384 })
  })

  it.each(KERNELS)('MSG_MORE keeps the record open: %s', async (kernel) => {
    const rows = [ubuf(1000, { flags: 'more' }), ubuf(1000)]
    const { counters } = await send(rows, { kernel, options: COPY })
    expect(counters).toMatchObject({ recordsSent: 1, copiedRecords: 2, elementsMax: 1 })
  })
})

describe('spliced pages attached', () => {
  it.each(KERNELS)('a reference on each frag, and one more while TCP is handed the record: %s', async (kernel) => {
    const { results, report, counters, lists } = await send([splice('4096:512+20000')], {
      kernel,
      options: ZERO_COPY,
    })
    expect(results).toEqual([20_000])
    expect(report.refs).toEqual({ acquired: 14, released: 14, open: 0, longTerm: 0, peak: 10 })
    expect(report.pins).toMatchObject({ acquired: 0 })
    expect(report.bare).toMatchObject({ pages: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 20_000, copiedBytes: 0 })
    expect(lists.flatMap(({ entries }) => entries.map((entry) => [entry.offsetBytes, entry.lengthBytes]))).toEqual([
      [512, 3584],
      [0, 4096],
      [0, 4096],
      [0, 4096],
      [0, 512],
      [512, 3584],
      [0, 32],
    ])
    // Header, five pages, tag.
    expect(counters).toMatchObject({ recordsSent: 2, elementsMax: 7, splicedPages: 7 })
  })

  it.each(KERNELS)('what goes on where the last frag ends is no new one, and no new reference: %s', async (kernel) => {
    const { report, counters } = await send([splice('4096:0+1000;4096:1000+2000')], {
      kernel,
      options: ZERO_COPY,
    })
    expect(report.refs).toMatchObject({ acquired: 2, released: 2, peak: 2 })
    expect(counters).toMatchObject({ recordsSent: 1, elementsMax: 3, splicedPages: 2 })
  })

  it.each(KERNELS)('16 frags close a record, the header being one: %s', async (kernel) => {
    const { report, counters } = await send([splice(pieces(20, 100))], { kernel, options: ZERO_COPY })
    // 15 pages, the tag, and 5 in the next.
    expect(counters).toMatchObject({ recordsSent: 2, elementsMax: 17 })
    expect(report.refs).toMatchObject({ acquired: 40, released: 40, peak: 30 })
  })

  it.each(KERNELS)('with MSG_MORE a full list of frags is closed, one that is not stays: %s', async (kernel) => {
    const full = await send([splice(pieces(15, 100), 'splice more')], { kernel, options: ZERO_COPY })
    expect(full.counters).toMatchObject({ recordsSent: 1, elementsMax: 17 })
    const open = await send([splice(pieces(14, 100), 'splice more')], { kernel, options: ZERO_COPY })
    expect(open.counters).toMatchObject({ recordsSent: 0 })
    expect(open.report.refs).toMatchObject({ acquired: 14, released: 14 })
  })

  it('TLS 1.3 is not offloaded: software seals', async () => {
    const { counters } = await send([splice('4096:0+4096')], { options: { ...ZERO_COPY, version: 13 } })
    expect(counters).toMatchObject({ recordsSent: 1, deviceRecords: 0, elementsMax: 1 })
  })
})
