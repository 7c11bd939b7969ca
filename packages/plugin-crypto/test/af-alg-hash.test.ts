import { EFAULT, type KernelVersion } from '@pinscope/core'
import { type RowsOptions, type RowsResult, replayRows, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { afAlgHash } from '../src/af-alg/index.ts'

// The worked examples AH1 and AH2 of hash_sendmsg, and what crypto/algif_hash.c of 6.1.176, 6.12.117 and 7.3 does.

const A = '0x7f0000000000'
const P = 4096
const NEW: readonly KernelVersion[] = ['6.12', '6.18', 'mainline']
const ALL: readonly KernelVersion[] = ['6.1', ...NEW]

const send = (bytes: number, cells: TestRow = {}): TestRow => ({
  op: 'write',
  iter: 'ubuf',
  segs: `${A}+${bytes}`,
  file: 'sk',
  ...cells,
})
const receive = (bytes: number): TestRow => ({ op: 'read', iter: 'ubuf', segs: `${A}+${bytes}`, file: 'sk' })
const hash = (rows: readonly TestRow[], options: RowsOptions = {}) => replayRows(afAlgHash, rows, options)

const shapes = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))

describe('hash_sendmsg', () => {
  const AH1 = send(0, { iter: 'iovec', segs: '0x7f0000000800+6000;0x7f1000000020+3000' })

  it('AH1 on 6.1: an update for each segment, put after it', async () => {
    const result = await hash([AH1], { kernel: '6.1' })
    expect(shapes(result)).toEqual([
      [
        [2048, 2048],
        [0, 3952],
      ],
      [[32, 3000]],
    ])
    // Never more than the pages of one segment are held.
    expect(result.report.refs).toEqual({ acquired: 3, released: 3, open: 0, longTerm: 0, peak: 2 })
    expect(result.report.counters).toEqual({ messages: 1, updates: 2, digests: 0, results: 1 })
    expect(result.results).toEqual([9000])
  })

  it.each(NEW)('AH1 on %s: one digest over both', async (kernel) => {
    const result = await hash([AH1], { kernel })
    expect(shapes(result)).toEqual([
      [
        [2048, 2048],
        [0, 3952],
        [32, 3000],
      ],
    ])
    expect(result.report.pins).toEqual({ acquired: 3, released: 3, open: 0, longTerm: 0, peak: 3 })
    expect(result.report.counters).toEqual({ messages: 1, updates: 0, digests: 1, results: 1 })
    expect(result.report.data).toEqual({ zeroCopyBytes: 9000, copiedBytes: 0 })
  })

  const AH2 = send(0, { iter: 'bvec', segs: '512:0+65536' })

  it('AH2: a folio is 16 entries and references on 6.1, one entry and none since', async () => {
    const old = await hash([AH2], { kernel: '6.1' })
    expect(shapes(old)).toEqual([Array.from({ length: 16 }, () => [0, 4096])])
    expect(old.report.refs).toMatchObject({ acquired: 16, released: 16 })
    for (const kernel of NEW) {
      const now = await hash([AH2], { kernel })
      expect(shapes(now)).toEqual([[[0, 65_536]]])
      expect(now.report).toMatchObject({ pins: { acquired: 0 }, refs: { acquired: 0 }, bare: { pages: 16 } })
      expect(now.report.counters).toMatchObject({ digests: 1, updates: 0 })
    }
  })

  // As a running 6.1.192 took it: 16 pages from 100 bytes into the first one, 16 more, and 100 bytes.
  it.each(ALL)('128 KiB from 100 bytes into a page, on %s: three chunks', async (kernel) => {
    const { report, lists } = await hash([send(131_072, { segs: '0x7f0000000064+131072' })], { kernel })
    const bytes = lists.map(({ entries }) => entries.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0))
    expect(bytes).toEqual([65_436, 65_536, 100])
    expect(lists.map(({ entries }) => entries.length)).toEqual([16, 16, 1])
    const taken = { acquired: 33, released: 33, open: 0, longTerm: 0, peak: 16 }
    expect(kernel === '6.1' ? report.refs : report.pins).toEqual(taken)
    expect(report.counters).toMatchObject({ updates: 3, digests: 0 })
    expect(report.entries).toMatchObject({ built: 33, limitHits: 2 })
  })

  it('the send buffer bounds a chunk: by bytes on 6.1, rounded up to pages since', async () => {
    const bytesOf = async (kernel: KernelVersion) => {
      const { lists } = await hash([send(20_000)], { kernel, options: { sndbuf: 10_000 } })
      return lists.map(({ entries }) => entries.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0))
    }
    expect(await bytesOf('6.1')).toEqual([10_000, 10_000])
    expect(await bytesOf('6.12')).toEqual([3 * P, 20_000 - 3 * P])
  })

  it('a message in two: what begins it has more to come, what ends it has not', async () => {
    for (const kernel of ALL) {
      const rows = [send(P, { flags: 'more' }), send(P), receive(32)]
      const { report, results } = await hash(rows, { kernel })
      expect(results).toEqual([P, P, 32])
      expect(report.counters).toMatchObject({ messages: 1, updates: 2, digests: 0 })
      expect(report.allocations).toMatchObject({ openBytes: 0 })
    }
  })

  it('no data: 6.1 hashes nothing and has a digest, since 6.5 nothing is begun', async () => {
    const rows = [send(0, { segs: '', len: 0 })]
    expect((await hash(rows, { kernel: '6.1' })).report.counters).toMatchObject({ messages: 1, results: 1 })
    expect((await hash(rows, { kernel: '6.12' })).report.counters).toMatchObject({ messages: 0, results: 0 })
  })

  const AHEAD: readonly TestRow[] = [
    { event: 'map', mm: 1, backing: 'anon', segs: `${A}+${17 * P}` },
    { event: 'map', mm: 1, backing: 'anon', segs: `0x7f0000011000+${P}`, flags: 'prot_none' },
  ]

  it.each(ALL)('a page that cannot be had, on %s: what was hashed before is the result', async (kernel) => {
    const { results, report } = await hash([...AHEAD, send(18 * P, { mm: 1 })], { kernel })
    // The first chunk. The second one finds one page, and then none: 6.1 hashes that page too.
    expect(results).toEqual([(kernel === '6.1' ? 17 : 16) * P])
    const counts = kernel === '6.1' ? report.refs : report.pins
    expect(counts).toMatchObject({ acquired: 17, released: 17, open: 0 })
    expect(report.allocations?.openBytes ?? 0).toBe(0)
    const none = await hash([...AHEAD, send(P, { mm: 1, segs: `0x7f0000011000+${P}` })], { kernel })
    expect(none.results).toEqual([EFAULT])
  })

  it.each([
    ['6.1', 'ubuf', 'ref'],
    ['6.1', 'iovec', 'ref'],
    ['6.1', 'bvec', 'ref'],
    ['6.1', 'kvec', EFAULT],
    ['6.1', 'xarray', 'ref'],
    ['6.12', 'ubuf', 'pin'],
    ['6.12', 'bvec', 'bare'],
    ['6.12', 'kvec', 'bare'],
    ['6.12', 'xarray', 'bare'],
    ['6.12', 'folioq', 'bare'],
    ['mainline', 'folioq', 'bare'],
  ] as const)('%s takes from a %s: %s', async (kernel, iter, taken) => {
    const segs = { bvec: '77:0+8192', kvec: '0x100000000000+8192', xarray: 'f:0+8192', folioq: 'f:0+8192' }
    const cells = iter in segs ? { segs: segs[iter as 'bvec'] } : {}
    const { results, report } = await hash([send(8192, { iter, ...cells })], { kernel })
    expect(results).toEqual([typeof taken === 'number' ? taken : 8192])
    const counts = [report.pins.acquired, report.refs.acquired, report.bare.pages]
    expect(counts).toEqual([taken === 'pin' ? 2 : 0, taken === 'ref' ? 2 : 0, taken === 'bare' ? 2 : 0])
    expect([report.pins.open, report.refs.open]).toEqual([0, 0])
  })

  it('spliced pages: 6.1 hashes each where it is, with nothing taken', async () => {
    const rows = [send(0, { iter: 'bvec', segs: '77:0+4096;91:512+1000', flags: 'splice' })]
    const old = await hash(rows, { kernel: '6.1' })
    expect(shapes(old)).toEqual([[[0, 4096]], [[512, 1000]]])
    expect(old.report).toMatchObject({ refs: { acquired: 0 }, pins: { acquired: 0 }, bare: { pages: 2 } })
    expect(old.report.counters).toEqual({ messages: 1, updates: 2, digests: 0, results: 1 })
    const now = await hash(rows, { kernel: '6.12' })
    expect(shapes(now)).toEqual([
      [
        [0, 4096],
        [512, 1000],
      ],
    ])
    expect(now.report.counters).toMatchObject({ updates: 0, digests: 1 })
  })
})

describe('hash_recvmsg', () => {
  it('copies the digest, and frees it', async () => {
    for (const kernel of ALL) {
      const { results, report } = await hash([send(P), receive(100), receive(10)], { kernel })
      // The second one is the hash of nothing.
      expect(results).toEqual([P, 32, 10])
      expect(report.data.copiedBytes).toBe(42)
      expect(report.allocations).toEqual({ made: 2, freed: 2, bytes: 64, openBytes: 0, peakBytes: 32 })
    }
  })

  it('a digest that nobody fetches is freed with the socket', async () => {
    const { report } = await hash([send(P)], { options: { 'digest-size': 64 } })
    expect(report.allocations).toEqual({ made: 1, freed: 1, bytes: 64, openBytes: 0, peakBytes: 64 })
  })
})
