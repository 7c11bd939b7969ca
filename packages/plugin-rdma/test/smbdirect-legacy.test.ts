import {
  ECONNABORTED,
  KERNEL_VERSIONS,
  type KernelVersion,
  openTrace,
  type QuirkChange,
  Registry,
  replay,
} from '@pinscope/core'
import {
  type OwnershipShape,
  ownershipCell,
  type RowsOptions,
  replayRows,
  sweepFaults,
  type TestRow,
  traceText,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { smbdirectLegacy } from '../src/smbdirect-legacy/definition.ts'

// The chain of 6.1, by the sources of 6.1.176 (fs/smb/client), and the V61 columns of the cost table C1 to C6.

const P = 4096
const MIB = 2 ** 20
const A = '0x7f0000000000'
const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const
/** Unsigned: what reaches 4096 bytes is registered. No SMB header packets. */
const OFFLOAD = { 'rdma-offload': 1, 'smb-header': 0 }
const NO_HEADER = { 'smb-header': 0 }

const row = (op: 'read' | 'write', iter: string, segs: string, more: TestRow = {}): TestRow => ({
  op,
  iter,
  segs,
  ...more,
})

async function run(rows: TestRow | readonly TestRow[], options: RowsOptions = {}) {
  const { lane, report, results, lists, notes } = await replayRows(smbdirectLegacy, [rows].flat(), options)
  const { made, bytes, openBytes } = lane.io.allocations
  return {
    ...report,
    results,
    notes,
    rules: lane.ledger.violations.map(({ rule }) => rule),
    violations: lane.ledger.violations,
    lists: lists.map(({ list, entries }) => ({ list, lengths: entries.map(({ lengthBytes }) => lengthBytes) })),
    allocations: { made, bytes, openBytes },
    dma: lane.io.dma,
    result: results[0],
  }
}

describe('C1: 64 KiB of the page cache, 16 small folios, in packets', () => {
  const write = row('write', 'xarray', 'file:0+65536', { end: 9 })

  it.each(KERNEL_VERSIONS)(
    '%s: 16 pointers, 64 packets, 64 scatterlist entries, 128 ib_sge, one allocation',
    async (kernel) => {
      const { counters, entries, allocations, dma, refs, result } = await run(write, { kernel, options: NO_HEADER })
      expect(result).toBe(65536)
      expect(counters).toMatchObject({
        requests: 1,
        packets: 64,
        headerPackets: 0,
        pagePointers: 16,
        sgEntries: 64,
        sges: 128,
        bvecs: 0,
        mrs: 0,
        creditStalls: 0,
      })
      expect(entries).toMatchObject({ built: 16 + 64 + 128, bytes: 16 * 8 + 64 * 32 + 128 * 16 })
      expect(allocations).toEqual({ made: 1, bytes: 128, openBytes: 0 })
      expect(dma).toMatchObject({ maps: 128, mappedEntries: 128, unmappedEntries: 128, openEntries: 0 })
      // find_get_pages_range_tag: a reference a page, until the answer.
      expect(refs).toMatchObject({ acquired: 16, released: 16 })
    },
  )

  it.each(SINCE_6_12)('%s: the last packet of a page ends with it', async (kernel) => {
    const { lists, counters, rules } = await run(write, { kernel, options: NO_HEADER })
    expect(lists).toEqual([
      { list: 'ib_sge', lengths: Array.from({ length: 16 }, () => [1340, 1340, 1340, 76]).flat() },
    ])
    expect(counters).toMatchObject({ beyondPage: 0, emptyPackets: 0, wireBytes: 65536 + 64 * 24 })
    expect(rules).toEqual([])
  })

  it('6.1: as many packets, but 48 full ones, one of 1216 bytes, 15 empty ones; 12 reach beyond their page', async () => {
    const { lists, counters, violations } = await run(write, { kernel: '6.1', options: NO_HEADER })
    const full = Array.from({ length: 48 }, () => 1340)
    const empty = Array.from({ length: 15 }, () => 0)
    expect(lists[0]?.lengths).toEqual([...full, 1216, ...empty])
    // An empty packet's header has no padding.
    expect(counters).toMatchObject({ beyondPage: 12, emptyPackets: 15, wireBytes: 65536 + 49 * 24 + 15 * 20 })
    expect(violations).toHaveLength(1)
    expect(violations[0]).toMatchObject({ rule: 'beyond-page', pages: 12, row: 1 })
  })

  it('6.1 without the quirk: as it was meant', async () => {
    const quirks = [{ name: 'smbdirect-page-size', on: false }] as const
    const { counters, rules } = await run(write, { kernel: '6.1', options: NO_HEADER, quirks })
    expect(counters).toMatchObject({ packets: 64, beyondPage: 0, emptyPackets: 0 })
    expect(rules).toEqual([])
  })

  it('6.1: a page by itself ends where it should', async () => {
    const { lists, rules } = await run(row('write', 'xarray', 'file:0+4096'), { kernel: '6.1', options: NO_HEADER })
    expect(lists[0]?.lengths).toEqual([1340, 1340, 1340, 76])
    expect(rules).toEqual([])
  })
})

describe('C2: the same as one folio', () => {
  it.each([
    ['6.1', 'bvec', '16:0+65536'],
    ['6.12', 'bvec', '16:0+65536'],
    ['6.12', 'folioq', 'file:0+65536'],
    ['mainline', 'folioq', 'file:0+65536'],
  ] as const)('%s %s: as C1, page by page', async (kernel, iter, segs) => {
    const { counters, entries, allocations, refs } = await run(row('write', iter, segs), { kernel, options: NO_HEADER })
    expect(counters).toMatchObject({ requests: 1, packets: 64, pagePointers: 16, sgEntries: 64, sges: 128 })
    expect(entries).toMatchObject({ built: 208 })
    expect(allocations).toMatchObject({ made: 1, openBytes: 0 })
    expect(refs).toMatchObject({ acquired: 16, released: 16 })
  })
})

describe('C3: 1 MiB of direct I/O, registered', () => {
  it.each(KERNEL_VERSIONS)(
    '%s: 256 pointers and references, 256 scatterlist entries, 256 pages in the list',
    async (kernel) => {
      // Soft-RoCE: 8 bytes a page in the list. (mlx5 has an element of 16 for each entry.)
      const { counters, entries, allocations, refs, dma, data } = await run(
        row('write', 'ubuf', `${A}+${MIB}`, { end: 9 }),
        {
          kernel,
          options: { ...OFFLOAD, device: 1 },
        },
      )
      expect(counters).toMatchObject({
        requests: 1,
        pagePointers: 256,
        sgEntries: 256,
        mrs: 1,
        mrPages: 256,
        packets: 0,
        sges: 0,
      })
      expect(entries).toMatchObject({ built: 3 * 256, bytes: 256 * (8 + 32 + 8) })
      expect(allocations).toEqual({ made: 1, bytes: 2048, openBytes: 0 })
      expect(refs).toMatchObject({ acquired: 256, released: 256 })
      // One call maps the list.
      expect(dma).toMatchObject({ maps: 1, mappedEntries: 256, unmappedEntries: 256, openEntries: 0 })
      expect(data).toEqual({ zeroCopyBytes: MIB, copiedBytes: 0 })
    },
  )
})

describe('C4: 1 MiB of the page cache in 16 folios of 64 KiB, registered', () => {
  const folios = Array.from({ length: 16 }, (_, i) => `${32 * i}:0+65536`).join(';')

  it.each([
    ['6.1', 'bvec', folios],
    ['6.12', 'bvec', folios],
    ['6.12', 'folioq', `file:0+${MIB}`],
    ['mainline', 'folioq', `file:0+${MIB}`],
  ] as const)(
    '%s %s: 256 pointers, 256 scatterlist entries, 256 pages in the list, one allocation',
    async (kernel, iter, segs) => {
      const { counters, entries, allocations, dma } = await run(row('write', iter, segs), { kernel, options: OFFLOAD })
      expect(counters).toMatchObject({ requests: 1, pagePointers: 256, sgEntries: 256, mrs: 1, mrPages: 256 })
      expect(entries).toMatchObject({ built: 768 })
      expect(allocations).toEqual({ made: 1, bytes: 2048, openBytes: 0 })
      expect(dma).toMatchObject({ maps: 1, mappedEntries: 256, openEntries: 0 })
    },
  )
})

describe('C5: 1 MiB of direct I/O, encrypted', () => {
  const options = { encrypted: 1, ...OFFLOAD }
  const write = row('write', 'ubuf', `${A}+${MIB}`)

  it.each(KERNEL_VERSIONS)('%s: copied into 256 pages, and sent page by page', async (kernel) => {
    const { counters, allocations, refs, data, result } = await run(write, { kernel, options })
    expect(result).toBe(MIB)
    // Four packets a page, not the 783 that the bytes would fill; a cipher's list has two headers and a signature besides.
    expect(counters).toMatchObject({
      requests: 1,
      pagePointers: 512,
      cryptFolios: 256,
      packets: 1024,
      sgEntries: 256 + 3 + 1024,
      sges: 2048,
      mrs: 0,
    })
    // Both arrays, the pages, and the request of the cipher: an IV, struct aead_request, 259 entries.
    expect(allocations).toEqual({ made: 259, bytes: 2 * 2048 + MIB + 96 + 259 * 32, openBytes: 0 })
    expect(refs).toMatchObject({ acquired: 256, released: 256 })
    expect(data).toEqual({ zeroCopyBytes: 0, copiedBytes: MIB })
  })

  it('6.1: 783 of the packets have the data', async () => {
    const { counters } = await run(write, { kernel: '6.1', options })
    expect(counters).toMatchObject({ emptyPackets: 1024 - 783 })
  })

  it('with its headers the message is too long for the server: the connection is given up', async () => {
    const { result, counters, refs, allocations } = await run(write, {
      kernel: '6.1',
      options: { encrypted: 1, 'rdma-offload': 1 },
    })
    expect(result).toBe(ECONNABORTED)
    expect(counters).toMatchObject({ refused: 1, packets: 0, headerPackets: 0 })
    expect(refs).toMatchObject({ acquired: 256, released: 256 })
    expect(allocations.openBytes).toBe(0)
  })
})

describe('C6: 8 KiB of direct I/O that begin inside a page, registered', () => {
  it.each(KERNEL_VERSIONS)('%s: three of each', async (kernel) => {
    const { counters, refs, allocations } = await run(row('write', 'ubuf', `0x7f0000000200+8192`), {
      kernel,
      options: OFFLOAD,
    })
    expect(counters).toMatchObject({ pagePointers: 3, sgEntries: 3, mrPages: 3, mrs: 1 })
    expect(refs).toMatchObject({ acquired: 3, released: 3 })
    expect(allocations).toMatchObject({ made: 1, bytes: 24 })
  })
})

describe('MR4: a read of 1 MiB that begins 512 bytes into a page', () => {
  it('257 pages, the first entry of 3584 bytes and the last of 512, references until the answer', async () => {
    const open: number[] = []
    const { lists, refs, counters, result } = await run(
      [row('read', 'ubuf', `0x7f0000000200+${MIB}`, { end: 5 }), { ts: 7, ...row('read', 'ubuf', `${A}+4096`) }],
      {
        kernel: '6.1',
        options: OFFLOAD,
        afterRow: (lane) => open.push(lane.io.dma.openEntries),
      },
    )
    expect(result).toBe(MIB)
    expect(lists[0]).toEqual({ list: 'scatterlist', lengths: [3584, ...Array.from({ length: 255 }, () => P), 512] })
    expect(counters).toMatchObject({ mrs: 2, mrPages: 258, sgEntries: 258 })
    expect(open).toEqual([257, 0])
    expect(refs).toMatchObject({ acquired: 258, released: 258, peak: 257 })
  })
})

describe('requests', () => {
  it('direct I/O: one for each segment, with an array each', async () => {
    const segs = Array.from({ length: 8 }, (_, i) => `0x7f00000${i}0000+512`).join(';')
    const { counters, allocations, refs } = await run(row('write', 'iovec', segs), { kernel: '6.1' })
    // Each of them with its SMB header in a packet of its own.
    expect(counters).toMatchObject({
      requests: 8,
      packets: 8,
      headerPackets: 8,
      pagePointers: 8,
      sges: 32,
      sgEntries: 16,
    })
    expect(allocations).toMatchObject({ made: 8, bytes: 64 })
    expect(refs.acquired).toBe(8)
  })

  it('6.1: a signed write ends where the message is full, inside a page; 6.12 rounds to pages', async () => {
    const write = row('write', 'ubuf', `${A}+${MIB}`)
    const now = await run(write, { kernel: '6.1' })
    expect(now.counters).toMatchObject({ requests: 2, pagePointers: 256 + 1 })
    expect(now.refs.acquired).toBe(257)
    const later = await run(write, { kernel: '6.12' })
    expect(later.counters).toMatchObject({ requests: 2, pagePointers: 256 })
  })

  it('the page cache: whole pages only, 255 of them in a signed write', async () => {
    const { counters } = await run(row('write', 'xarray', `file:0+${MIB}`), { kernel: '6.1' })
    expect(counters).toMatchObject({ requests: 2, pagePointers: 256, headerPackets: 2 })
  })

  it('the page cache: pages that do not follow each other begin a new array', async () => {
    const { counters } = await run(row('write', 'bvec', '16:0+4096;99:0+100;50:200+300'), { kernel: '6.1' })
    expect(counters).toMatchObject({ requests: 2, pagePointers: 3 })
  })

  it('a bvec of direct I/O is a request, whatever comes behind it', async () => {
    const { counters, refs } = await run(row('write', 'bvec', '16:0+8192;99:0+4096', { flags: 'direct' }), {
      kernel: '6.1',
    })
    expect(counters).toMatchObject({ requests: 2, pagePointers: 3 })
    expect(refs.acquired).toBe(3)
  })

  it('more pages than a registration may have: tried again without end, here -EAGAIN', async () => {
    // siw: 256 pages, and so 1 MiB for a request.
    const { result, refs, counters, dma } = await run(row('write', 'ubuf', `0x7f0000000200+${MIB}`), {
      kernel: '6.1',
      options: { ...OFFLOAD, device: 2 },
    })
    expect(result).toBe(-11)
    expect(counters).toMatchObject({ requests: 1, mrs: 0 })
    expect(refs).toMatchObject({ acquired: 257, released: 257 })
    expect(dma.maps).toBe(0)
  })

  it('a device with too few entries: no connection', async () => {
    const { result } = await run(row('write', 'ubuf', `${A}+4096`), { options: { 'max-send-sge': 5 } })
    expect(result).toBe(-11)
  })

  it('packets wait for credits', async () => {
    const { counters, dma } = await run(row('write', 'xarray', 'file:0+65536'), {
      options: { ...NO_HEADER, credits: 10 },
    })
    expect(counters).toMatchObject({ packets: 64, creditStalls: 54 })
    expect(dma).toMatchObject({ peakEntries: 20, openEntries: 0 })
  })

  it('registrations in use at a time are 64: the next one waits', async () => {
    const rows = Array.from({ length: 65 }, (_, i) =>
      row('read', 'ubuf', `0x7f00${(16 + i).toString(16)}000000+4096`, { end: 1000 }),
    )
    const { counters } = await run(rows, { kernel: '6.1', options: OFFLOAD })
    expect(counters).toMatchObject({ mrs: 65, mrWaits: 1 })
  })
})

describe('reads', () => {
  it.each(KERNEL_VERSIONS)('%s: in packets, data is copied into the pages got', async (kernel) => {
    const { counters, data, refs } = await run(row('read', 'ubuf', `${A}+10000`), { kernel })
    // What is sent is the request.
    // 64 bytes of header and 49 of request.
    expect(counters).toMatchObject({ requests: 1, packets: 0, headerPackets: 1, sges: 2, wireBytes: 24 + 113 })
    expect(counters).toMatchObject({ pagePointers: 3 })
    expect(data).toEqual({ zeroCopyBytes: 0, copiedBytes: 10000 })
    expect(refs).toMatchObject({ acquired: 3, released: 3 })
  })

  it('a short answer is copied as far as it goes', async () => {
    const { data, result } = await run(row('read', 'ubuf', `${A}+10000`, { result: 5000 }))
    expect([result, data.copiedBytes]).toEqual([5000, 5000])
  })

  it('a failed one is not', async () => {
    const { data } = await run(row('read', 'ubuf', `${A}+10000`), { inject: { fault: 'complete', at: 1 } })
    expect(data.copiedBytes).toBe(0)
  })

  it('signed ones are cut by what is taken in packets: 173910 bytes, less the headers', async () => {
    const { counters } = await run(row('read', 'ubuf', `${A}+${173746 + 1}`), { kernel: '6.1' })
    expect(counters).toMatchObject({ requests: 2 })
  })

  it('encrypted: received into pages, decrypted there, and copied on through bvecs', async () => {
    const { counters, data, allocations } = await run(row('read', 'ubuf', `${A}+20000`), {
      kernel: '6.1',
      options: { encrypted: 1 },
    })
    expect(counters).toMatchObject({
      cryptFolios: 5,
      pagePointers: 5 + 5,
      headerPackets: 2,
      sgEntries: 2 + 3 + (5 + 3),
    })
    expect(data).toEqual({ zeroCopyBytes: 0, copiedBytes: 40000 })
    // The array; the cipher for the request; then an array, five pages, the cipher, and the bvecs.
    expect(allocations).toMatchObject({ made: 1 + 1 + 1 + 5 + 1 + 1, openBytes: 0 })
  })
})

describe('H12: KVEC', () => {
  const segs = '0x100000000000+10000'

  it.each(KERNEL_VERSIONS)('%s: is copied, without a reference', async (kernel) => {
    const { data, refs, pins, allocations, result } = await run(row('write', 'kvec', segs), { kernel })
    expect(result).toBe(10000)
    expect(data).toEqual({ zeroCopyBytes: 0, copiedBytes: 10000 })
    expect([refs.acquired, pins.acquired]).toEqual([0, 0])
    // The array and three pages.
    expect(allocations).toEqual({ made: 4, bytes: 24 + 3 * P, openBytes: 0 })
  })

  it('a read is copied out of packets, and out of pages', async () => {
    const { data } = await run(row('read', 'kvec', segs), { kernel: '6.1' })
    expect(data.copiedBytes).toBe(20000)
    const registered = await run(row('read', 'kvec', segs), { kernel: '6.1', options: OFFLOAD })
    expect(registered.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 10000 })
    expect(registered.counters).toMatchObject({ mrs: 1, mrPages: 3 })
  })
})

describe('not direct', () => {
  const options = { 'non-direct': 1 }

  it('a write takes references, and copies all the same', async () => {
    const { data, refs, counters, allocations } = await run(row('write', 'ubuf', '0x7f0000000800+8192', { end: 9 }), {
      kernel: '6.1',
      options,
    })
    expect(data).toEqual({ zeroCopyBytes: 0, copiedBytes: 8192 })
    expect(refs).toMatchObject({ acquired: 3, released: 3 })
    // Two pages hold what lay in three.
    expect(counters).toMatchObject({ bvecs: 3, pagePointers: 3 + 2 })
    // bvecs, their page array, the page array of the request, two pages.
    expect(allocations).toEqual({ made: 5, bytes: 3 * 16 + 3 * 8 + 2 * 8 + 2 * P, openBytes: 0 })
  })

  it('a read copies into the bvecs, and makes their pages dirty', async () => {
    const { data, refs, counters } = await run(row('read', 'ubuf', '0x7f0000000800+8192', { end: 9 }), {
      kernel: '6.1',
      options,
    })
    expect(data).toEqual({ zeroCopyBytes: 0, copiedBytes: 16384 })
    expect(refs).toMatchObject({ acquired: 3, released: 3 })
    expect(counters).toMatchObject({ dirtiedPages: 3 })
  })

  it('all segments are in one request', async () => {
    const segs = `${A}+512;0x7f0000010000+512`
    const { counters } = await run(row('write', 'iovec', segs), { kernel: '6.1', options })
    expect(counters).toMatchObject({ requests: 1, bvecs: 2, pagePointers: 2 + 1 })
  })

  it('memory that cannot be had: a write is -EFAULT, a read asks for nothing', async () => {
    const faulty = { kernel: '6.1', options, inject: { fault: 'page', at: 1 } } as const
    const write = await run(row('write', 'ubuf', `${A}+4096`), faulty)
    expect([write.result, write.counters.requests, write.allocations.openBytes]).toEqual([-14, 0, 0])
    const read = await run(row('read', 'ubuf', `${A}+4096`), faulty)
    expect([read.result, read.counters.requests, read.allocations.openBytes]).toEqual([0, 1, 0])
  })

  it('a copy that ends early: the pages before it are sent', async () => {
    const { result, allocations, counters } = await run(row('write', 'ubuf', `${A}+12288`), {
      kernel: '6.1',
      options,
      inject: { fault: 'copy', at: 2 },
    })
    // The rest is a second request.
    expect([result, counters.requests, allocations.openBytes]).toEqual([12288, 2, 0])
  })
})

describe('H1: a read that cannot allocate its request', () => {
  const read = row('read', 'ubuf', `${A}+8192`)
  // The context, the page array, then the request.
  const inject = { fault: 'alloc', at: 3 } as const

  it('6.1: keeps references and array', async () => {
    const { result, leaks, refs, allocations, counters, rules } = await run(
      { ...read, end: 9 },
      { kernel: '6.1', inject },
    )
    expect(result).toBe(-12)
    expect(refs).toMatchObject({ acquired: 2, released: 0, open: 2 })
    expect(allocations).toEqual({ made: 1, bytes: 16, openBytes: 16 })
    expect(counters).toMatchObject({ lostRequests: 1, requests: 0 })
    expect(leaks).toHaveLength(1)
    expect(leaks[0]).toMatchObject({ row: 1, pages: 2 })
    expect(rules).toEqual([])
  })

  it.each(SINCE_6_12)('%s and 6.1 without the quirk: puts them', async (kernel) => {
    for (const options of [
      { kernel, inject },
      { kernel: '6.1', inject, quirks: [{ name: 'cifs-read-lost', on: false }] },
    ] as const) {
      const { result, refs, allocations } = await run(read, options)
      expect([result, refs.open, allocations.openBytes]).toEqual([-12, 0, 0])
    }
  })

  it('6.1: a write puts them', async () => {
    const { result, refs, allocations } = await run(row('write', 'ubuf', `${A}+8192`), { kernel: '6.1', inject })
    expect([result, refs.open, allocations.openBytes]).toEqual([-12, 0, 0])
  })

  it('6.1: under extract the pins stay', async () => {
    const { pins } = await run(read, { kernel: '6.1', policy: 'extract', inject })
    expect(pins).toMatchObject({ acquired: 2, open: 2 })
  })
})

describe('H2: more pages than the context has room for', () => {
  const write = row('write', 'iovec', `${A}+8192;0x7f0000010000+4096`)
  // Of the limits, the room for the first batch comes first.
  const faulty = { options: { 'non-direct': 1 }, inject: { fault: 'limit', at: 1 } } as const

  it('6.1: the batch keeps its references', async () => {
    const { refs, counters, leaks } = await run(write, { kernel: '6.1', ...faulty })
    expect(refs).toMatchObject({ acquired: 2, open: 2 })
    expect(counters).toMatchObject({ lostBatches: 1 })
    expect(leaks).toHaveLength(1)
  })

  it.each(SINCE_6_12)('%s: it puts them', async (kernel) => {
    const { refs } = await run(write, { kernel, ...faulty })
    expect(refs).toMatchObject({ acquired: 2, open: 0 })
  })

  it.each(['ubuf', 'bvec', 'xarray'])('no %s has more pages than iov_iter_npages() says', async (iter) => {
    const segs =
      { ubuf: '0x7f0000000800+20000', bvec: '16:4000+9000;50:100+300;60:0+1', xarray: 'file:4095+8194' }[iter] ?? ''
    const { counters, refs } = await run(row('read', iter, segs, { flags: 'direct' }), {
      kernel: '6.1',
      options: { 'non-direct': 1 },
    })
    expect(counters).toMatchObject({ lostBatches: 0 })
    expect(refs.open).toBe(0)
  })
})

describe('the transport by itself', () => {
  const options = { 'transport-only': 1 }
  const kvecs = (...lengths: readonly number[]): TestRow =>
    row(
      'write',
      'kvec',
      lengths.map((length, i) => `0x${(0x100000000000 + 0x10000 * i).toString(16)}+${length}`).join(';'),
    )

  it('SD1: two kvecs are two entries', async () => {
    const { counters, dma, result } = await run(row('write', 'kvec', '0x100000000fc0+88;0x100000010100+1000'), {
      kernel: '6.1',
      options,
    })
    // An entry a kvec, also where it crosses a page: three with the header, where 6.12 has four.
    expect([result, counters.packets, counters.sges, dma.maps]).toEqual([1088, 1, 3, 3])
  })

  it('SD2: six kvecs are two packets', async () => {
    const { counters, dma } = await run(kvecs(100, 100, 100, 100, 100, 100), { kernel: '6.1', options })
    expect([counters.packets, counters.sges, dma.maps]).toEqual([2, 8, 8])
  })

  it.each(['6.1', 'mainline'] as const)(
    '%s: a kvec as long as what is sent already is cut where the packet ends',
    async (kernel) => {
      const { counters, result, rules } = await run(kvecs(1000, 1000), { kernel, options })
      expect([result, counters.packets, counters.sges]).toEqual([2000, 2, 5])
      expect(rules).toEqual([])
    },
  )

  it.each([[[500, 1000]], [[2000]], [[100, 4096]]] as const)('6.1: %j is cut elsewhere', async (lengths) => {
    const { result, rules, dma } = await run(kvecs(...lengths), { kernel: '6.1', options })
    expect(result).toBe(-5)
    expect(rules).toEqual(['wrong-data'])
    expect(dma.openEntries).toBe(0)
  })

  it('mainline: the packet is filled up', async () => {
    const { counters, result } = await run(kvecs(500, 1000), { options })
    expect([result, counters.packets, counters.sges]).toEqual([1500, 2, 5])
    expect(counters.wireBytes).toBe(1500 + 48)
  })

  it('pages are listed, and nothing is taken on them', async () => {
    const { counters, refs, bare } = await run(row('write', 'bvec', '16:0+65536'), { kernel: '6.1', options })
    expect(counters).toMatchObject({ packets: 64, sges: 128, headerPackets: 0, requests: 0, pagePointers: 0 })
    expect([refs.acquired, bare.pages]).toEqual([0, 16])
  })

  it('what is received fills the first bvec', async () => {
    const { result, data } = await run(row('read', 'bvec', '16:0+3000;20:0+1000'), { kernel: '6.1', options })
    expect([result, data.copiedBytes]).toEqual([3000, 3000])
  })

  it('pages are registered, and stay mapped until the answer', async () => {
    const { counters, refs, dma } = await run(row('read', 'bvec', '16:512+8192', { end: 9 }), {
      kernel: '6.1',
      options: { ...options, 'rdma-offload': 1 },
    })
    expect(counters).toMatchObject({ mrs: 1, mrPages: 3 })
    expect([refs.acquired, dma.mappedEntries, dma.openEntries]).toEqual([0, 3, 0])
  })
})

describe('ownership', () => {
  const shape = (
    op: 'read' | 'write',
    options: Readonly<Record<string, number>> = {},
    flags = 'direct',
  ): OwnershipShape => ({
    row: { op, flags },
    bytes: 10000,
    options,
  })
  const cell = (kernel: KernelVersion, type: Parameters<typeof ownershipCell>[2], shapes: readonly OwnershipShape[]) =>
    ownershipCell(smbdirectLegacy, kernel, type, shapes)

  it('cifs DIO, 6.1: a reference, of a KVEC a copy', async () => {
    const write = [shape('write', OFFLOAD)]
    expect(await cell('6.1', 'ubuf', write)).toBe('ref')
    expect(await cell('6.1', 'iovec', write)).toBe('ref')
    expect(await cell('6.1', 'bvec', write)).toBe('ref')
    expect(await cell('6.1', 'xarray', write)).toBe('ref')
    expect(await cell('6.1', 'kvec', write)).toBe('copy')
    expect(await cell('6.1', 'discard', [shape('read', OFFLOAD)])).toBe('-EFAULT')
  })

  it('smbdirect send, 6.1: kvecs and page arrays bare', async () => {
    const write = [shape('write', { 'transport-only': 1 })] as const
    expect(await cell('6.1', 'bvec', write)).toBe('bare')
    expect(await cell('6.1', 'kvec', [{ ...write[0], bytes: 1000 }])).toBe('bare')
    expect(await cell('6.1', 'ubuf', write)).toBe('-EINVAL')
  })

  it('smbd_register_mr, 6.1: page arrays bare', async () => {
    expect(await cell('6.1', 'bvec', [shape('read', { 'transport-only': 1, 'rdma-offload': 1 })])).toBe('bare')
  })

  it('smbd_recv, 6.1: a copy into the first kvec or bvec, -EINVAL for others', async () => {
    const read = [shape('read', { 'transport-only': 1 })]
    expect(await cell('6.1', 'bvec', read)).toBe('copy')
    expect(await cell('6.1', 'kvec', read)).toBe('copy')
    expect(await cell('6.1', 'ubuf', read)).toBe('-EINVAL')
    expect(await cell('6.1', 'xarray', read)).toBe('-EINVAL')
  })

  it('under extract: pins, and nothing on pages of the page cache', async () => {
    const options = { policy: 'extract', options: OFFLOAD } as const
    const user = await run(row('write', 'ubuf', `${A}+8192`), options)
    expect([user.pins.acquired, user.pins.released, user.refs.acquired]).toEqual([2, 2, 0])
    const cache = await run(row('write', 'xarray', 'file:0+8192'), options)
    expect([cache.pins.acquired, cache.refs.acquired, cache.bare.pages]).toEqual([0, 0, 2])
    expect(cache.counters).toMatchObject({ pagePointers: 2, sgEntries: 2 })
  })
})

describe('faults at every step', () => {
  const REGISTERED = { 'rdma-offload': 1 }
  const segs = {
    ubuf: `0x7f0000000200+8192`,
    iovec: `${A}+4096;0x7f0000010000+4096`,
    kvec: '0x100000000000+8192',
    xarray: 'file:0+8192',
    bvec: '16:0+8192',
  }
  const shapes = [
    ['direct write in packets', row('write', 'ubuf', segs.ubuf), {}],
    ['direct write of two segments', row('write', 'iovec', segs.iovec), {}],
    ['direct read in packets', row('read', 'iovec', segs.iovec), {}],
    ['direct write, registered', row('write', 'iovec', segs.iovec), REGISTERED],
    ['direct read, registered', row('read', 'iovec', segs.iovec), REGISTERED],
    ['encrypted write', row('write', 'ubuf', segs.ubuf), { encrypted: 1 }],
    ['encrypted read', row('read', 'ubuf', segs.ubuf), { encrypted: 1 }],
    ['writeback', row('write', 'xarray', segs.xarray), {}],
    ['readahead, registered', row('read', 'bvec', segs.bvec), REGISTERED],
    ['kvec write', row('write', 'kvec', segs.kvec), {}],
    ['kvec read, registered', row('read', 'kvec', segs.kvec), REGISTERED],
    ['copied write', row('write', 'iovec', segs.iovec), { 'non-direct': 1 }],
    ['copied read', row('read', 'iovec', segs.iovec), { ...REGISTERED, 'non-direct': 1 }],
    ['pages without cifs', row('write', 'bvec', segs.bvec), { 'transport-only': 1 }],
    ['registration without cifs', row('read', 'bvec', segs.bvec), { ...REGISTERED, 'transport-only': 1 }],
  ] as const

  const LANES = [
    ['6.12', 'get-pages'],
    ['6.18', 'get-pages'],
    ['mainline', 'get-pages'],
    ['mainline', 'extract'],
  ] as const
  describe.each(LANES)('%s, %s', (kernel, policy) => {
    it.each(shapes)('%s', async (_, cells, options) => {
      const rows = [{ ...cells, end: 100 }]
      const { unclean, faults } = await sweepFaults(smbdirectLegacy, rows, { kernel, policy, options })
      expect(unclean).toEqual([])
      expect(faults.length).toBeGreaterThan(3)
    })
  })

  it.each(shapes)('6.1: %s', async (_, cells, options) => {
    const { unclean } = await sweepFaults(smbdirectLegacy, [{ ...cells, end: 100 }], { kernel: '6.1', options })
    const isRead = cells.op === 'read'
    const isDirect = (cells.iter === 'ubuf' || cells.iter === 'iovec') && !('non-direct' in options)
    for (const { fault, violations, refsOpen, openBytes, mappedEntries, results } of unclean) {
      expect(mappedEntries).toBe(0)
      if (refsOpen > 0 && isRead && isDirect) {
        // cifs-read-lost: the pages of one request, and their array.
        const pages = cells.iter === 'ubuf' ? 3 : 1
        expect([fault, refsOpen, openBytes, violations]).toEqual(['alloc', pages, 8 * pages, []])
        expect(results[0]).toBeLessThan(8192)
      } else if (refsOpen > 0) {
        // cifs-aio-overrun: one batch.
        expect([fault, refsOpen, openBytes, 'non-direct' in options]).toEqual(['limit', 1, 0, true])
      } else {
        // smbdirect-page-size: two pages in one message.
        expect([openBytes, violations, isRead]).toEqual([0, ['beyond-page'], false])
      }
    }
    const lost = unclean.filter(({ refsOpen }) => refsOpen > 0).length
    const isIovec = cells.iter === 'iovec'
    const batches = 'non-direct' in options ? 2 : 0
    expect(lost).toBe(isDirect && isRead ? (isIovec ? 2 : 1) : batches)
  })
})

/** What `--verify-data` finds in what the lists reach. */
async function verified(
  kernel: KernelVersion,
  options: Readonly<Record<string, number>>,
  quirks: readonly QuirkChange[],
) {
  const rows = [
    row('write', 'ubuf', '0x7f0000000123+70000'),
    row('write', 'iovec', `${A}+100;0x7f0000600fff+5000`),
    row('write', 'bvec', '16:100+20000;77:0+4096;900:4000+90'),
    row('write', 'xarray', 'f:1000+100000'),
    row('read', 'ubuf', '0x7f0000800123+70000'),
    row('read', 'bvec', '16:100+20000', { flags: 'direct' }),
  ]
  const inOnePiece = (async function* () {
    yield new TextEncoder().encode(traceText(rows))
  })()
  const registry = new Registry()
  registry.register('@pinscope/plugin-rdma', { apiVersion: smbdirectLegacy.apiVersion, consumers: [smbdirectLegacy] })
  const { lanes } = await replay(await openTrace(inOnePiece, 'rows.csv'), {
    registry,
    policies: null,
    kernel,
    quirks,
    consumers: [smbdirectLegacy.name],
    consumerOptions: { [smbdirectLegacy.name]: options },
    inFlight: false,
    verifyData: true,
  })
  return { judged: lanes[0]?.verified?.operations, rules: lanes[0]?.violations.map(({ rule }) => rule) }
}

describe('the data', () => {
  const asMeant = [{ name: 'smbdirect-page-size', on: false }] as const

  it.each(KERNEL_VERSIONS)('%s: what the lists reach is what the iterator names', async (kernel) => {
    // Reads in packets are copied out of them: no list reaches what they bring.
    expect(await verified(kernel, {}, asMeant)).toEqual({ judged: 4, rules: [] })
    expect(await verified(kernel, OFFLOAD, asMeant)).toEqual({ judged: 6, rules: [] })
  })

  it('6.1: behind the first page of a message, packets send what they should not', async () => {
    const { judged, rules } = await verified('6.1', {}, [])
    expect([judged, new Set(rules)]).toEqual([4, new Set(['beyond-page', 'wrong-data'])])
  })
})

describe('any program', () => {
  it.each(['6.1', 'mainline'] as const)('%s: everything that was taken is let go', async (kernel) => {
    const rows = [
      row('read', 'ubuf', `0x7f0000000123+${3 * MIB + 17}`),
      row('read', 'iovec', `${A}+100;0x7f0000500000+0;0x7f0000600fff+5000`),
      row('read', 'bvec', '16:100+20000;77:0+0;900:4000+200'),
      row('read', 'xarray', 'f:1000+100000'),
    ]
    for (const options of [{}, OFFLOAD, { encrypted: 1 }, { 'non-direct': 1 }]) {
      const { results, allocations, refs, dma } = await run(rows, { kernel, options })
      expect(results.slice(0, 2)).toEqual([3 * MIB + 17, 5100])
      expect(results[3]).toBe(100000)
      expect([allocations.openBytes, refs.open, dma.openEntries]).toEqual([0, 0, 0])
    }
  })
})
