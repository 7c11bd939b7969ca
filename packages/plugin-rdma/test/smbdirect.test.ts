import {
  ECONNABORTED,
  errnoName,
  IovIter,
  ITER_BVEC,
  ITER_SOURCE,
  type KernelVersion,
  Ledger,
  limitIter,
  Memory,
  openTrace,
  Registry,
  replay,
  SegmentTable,
} from '@pinscope/core'
import {
  type IterTypeName,
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
  traceText,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { smbdirect } from '../src/smbdirect/definition.ts'

// cifs over RDMA with the iterator down to the transport: packets (SD1 to SD6), requests (NX1 to NX5), what it costs (C1,
// C2, C3, C5, C6), limits, and how packets that fail are undone.

const KERNELS = ['6.1', '6.12', '6.18', 'mainline'] as const
const P = 4096
const K = 1024
const M = K * K
const A = 0x7f0000000000

const EIO = -5
const EAGAIN = -11
const ENOMEM = -12
const EFAULT = -14
const EINVAL = -22
const EMSGSIZE = -90

/** The transport by itself; SMB headers left out; memory registration. */
const BARE = { 'transport-only': 1 }
const PLAIN = { 'smb-header': 0 }
const OFFLOAD = { 'smb-header': 0, 'rdma-offload': 1 }

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(smbdirect, rows, { kernel, ...options })

const write = (iter: IterTypeName, segs: string, more: TestRow = {}): TestRow => ({ op: 'write', iter, segs, ...more })
const read = (iter: IterTypeName, segs: string, more: TestRow = {}): TestRow => ({ op: 'read', iter, segs, ...more })
const at = (address: number, length: number) => `0x${address.toString(16)}+${length}`

/** Bvecs of those lengths: each begins a page of its own, whose frame does not follow the one before. */
const bvecs = (...lengths: readonly number[]) => lengths.map((length, i) => `${1000 + 2 * i}:0+${length}`).join(';')
const FILE_64K = bvecs(...Array.from({ length: 16 }, () => P))

/** A file whose pages are one folio of that order each. */
const inFolios =
  (order: number, bytes: number): NonNullable<RowsOptions['prepare']> =>
  ({ memory }) => {
    for (let file = 0; file < 4; file++) memory.cache.populate(file, Float64Array.of(0), 0, bytes, order)
  }

/** Lengths of the entries that were told, without those of headers. */
const told = ({ lists }: RowsResult) => lists.flatMap(({ entries }) => entries.map(({ lengthBytes }) => lengthBytes))

/** Nothing is held, allocated or mapped any more, and nothing went wrong. */
function expectClean({ report, lane }: RowsResult) {
  expect({
    held: report.pins.open + report.refs.open,
    bytes: lane.io.allocations.openBytes,
    mapped: lane.io.dma.openEntries,
    violations: report.violations.map(({ rule }) => rule),
  }).toEqual({ held: 0, bytes: 0, mapped: 0, violations: [] })
}

describe.each(KERNELS)('packets of an iterator, %s', (kernel) => {
  const bare = async (row: TestRow, more: RowsOptions = {}) => {
    const done = await on(kernel, [row], { options: BARE, ...more })
    expectClean(done)
    const { packets, sges } = done.report.counters
    return { done, packets, sges, maps: done.report.dma?.maps, lengths: told(done) }
  }

  it('SD1: a kvec is an entry a page', async () => {
    const { done, packets, maps, lengths } = await bare(write('kvec', '0x80000fc0+88;0x90000100+1000'))
    expect([packets, maps, lengths]).toEqual([1, 4, [64, 24, 1000]])
    expect(done.results).toEqual([1088])
    expect([done.report.pins.acquired, done.report.refs.acquired]).toEqual([0, 0])
  })

  it('SD2: five entries of data in a packet', async () => {
    const segs = Array.from({ length: 6 }, (_, i) => at(0x80000000 + i * P, 100)).join(';')
    const { packets, maps, lengths } = await bare(write('kvec', segs))
    expect([packets, maps, lengths]).toEqual([2, 8, [100, 100, 100, 100, 100, 100]])
  })

  it('SD3: 64 KiB in pages: chunk 4 straddles one', async () => {
    const { done, packets, maps, sges, lengths } = await bare(write('bvec', FILE_64K))
    expect([packets, maps, sges]).toEqual([49, 113, 113])
    expect(lengths.length).toBe(64)
    expect(lengths.slice(0, 5)).toEqual([1340, 1340, 1340, 76, 1264])
    expect(done.report.entries).toMatchObject({ built: 113, bytes: 113 * 16 })
    expect(done.report.bare.pages).toBe(16)
    expect(done.report.data).toEqual({ zeroCopyBytes: 64 * K, copiedBytes: 0 })
  })

  // 6.1 has no folio queues; SMB Direct would have sent a folio as the one bvec that it is there.
  const SD4 = kernel === '6.1' ? write('bvec', `1000:0+${64 * K}`) : write('folioq', `f:0+${64 * K}`)
  it(`SD4: 64 KiB in one folio (${SD4.iter})`, async () => {
    const { packets, maps, lengths } = await bare(SD4, { prepare: inFolios(4, 64 * K) })
    expect([packets, maps, lengths.length]).toEqual([49, 98, 49])
  })

  it('it is cifs that encrypts, not the transport', async () => {
    const { done, packets } = await bare(write('bvec', bvecs(P)), { options: { ...BARE, encrypted: 1 } })
    expect([packets, done.report.data]).toEqual([4, { zeroCopyBytes: P, copiedBytes: 0 }])
  })

  it('a bvec of several pages stays one entry', async () => {
    const { packets, maps, lengths } = await bare(write('bvec', `1000:0+${64 * K}`))
    expect([packets, maps, lengths.length]).toEqual([49, 98, 49])
  })

  it('SD5: bvecs of many lengths', async () => {
    const { packets, maps, lengths } = await bare(write('bvec', bvecs(512, P, P, P, 100)))
    expect([packets, maps, lengths.length]).toEqual([10, 24, 14])
    expect(lengths.slice(0, 2)).toEqual([512, 828])
  })

  it('empty segments make no entry', async () => {
    const { packets, lengths } = await bare(write('bvec', bvecs(0, 100, 0, 0, 50)))
    expect([packets, lengths]).toEqual([1, [100, 50]])
  })

  it.each([
    ['ubuf', at(A, P)],
    ['iovec', at(A, P)],
    ['xarray', `f:0+${P}`],
  ] as const)('%s is refused, and nothing stays mapped', async (iter, segs) => {
    const { done, packets, maps } = await bare(write(iter, segs))
    expect([done.results, packets]).toEqual([[EIO], 0])
    // Since 6.18 the header is mapped by then.
    expect(maps ?? 0).toBe(kernel === '6.18' || kernel === 'mainline' ? 1 : 0)
    expect([done.report.pins.acquired, done.report.refs.acquired]).toEqual([0, 0])
    expect(done.report.counters.refused).toBe(1)
  })
})

describe('SD6: the third entry of a packet cannot be mapped', () => {
  const row = write('bvec', bvecs(100, 100, 100))
  /** Has two entries of data, so that the packet's memory remembers three. */
  const before = write('bvec', bvecs(100, 100))
  const failing = (kernel: KernelVersion, step: number, rows = [row], quirks: RowsOptions['quirks'] = []) =>
    on(kernel, rows, { options: BARE, quirks, inject: { fault: 'map', at: step } })
  const wrong = ({ report, lane }: RowsResult) => [
    report.violations.map(({ rule }) => rule),
    lane.io.dma.openEntries,
    report.dma?.unmappedEntries,
  ]

  it('6.12: the first stays mapped when the memory of the packet is new', async () => {
    const done = await failing('6.12', 3)
    expect(done.results).toEqual([EIO])
    expect(wrong(done)).toEqual([['dma-unmap-unmapped', 'dma-map-leak'], 1, 1])
  })

  it('6.12: the cleanup finds it by what an earlier packet left there', async () => {
    const done = await failing('6.12', 6, [before, row])
    expect(done.results).toEqual([200, EIO])
    expect(wrong(done)).toEqual([['dma-unmap-unmapped'], 0, 5])
  })

  it('6.12: one entry mapped is enough', async () => {
    expect(wrong(await failing('6.12', 2))).toEqual([['dma-unmap-unmapped', 'dma-map-leak'], 1, 0])
    expectClean(await failing('6.12', 1))
  })

  it('6.18: it stays mapped whatever came before', async () => {
    expect(wrong(await failing('6.18', 4))).toEqual([['dma-unmap-unmapped', 'dma-map-leak'], 1, 2])
    expect(wrong(await failing('6.18', 7, [before, row]))).toEqual([['dma-unmap-unmapped', 'dma-map-leak'], 1, 5])
  })

  it.each(['6.12', '6.18'] as const)('%s without the quirk: all is undone', async (kernel) => {
    const off = [{ name: 'smbdirect-rollback', on: false }]
    expectClean(await failing(kernel, kernel === '6.12' ? 3 : 4, [row], off))
  })

  it('mainline: all is undone', async () => {
    const done = await failing('mainline', 4)
    expect(done.results).toEqual([EIO])
    expectClean(done)
    expect(done.report.counters.mapFailures).toBe(1)
  })

  it.each([
    ['6.12', 4, EIO],
    ['6.18', 1, EIO],
    ['mainline', 1, ENOMEM],
  ] as const)('%s: the header of the packet cannot be mapped', async (kernel, step, error) => {
    const done = await failing(kernel, step)
    expect(done.results).toEqual([error])
    expectClean(done)
  })

  it('packets before it are sent', async () => {
    const done = await failing('mainline', 6, [write('bvec', bvecs(1340, 1340, 1340))])
    expect([done.results, done.report.counters.packets]).toEqual([[EIO], 2])
    expectClean(done)
  })
})

describe.each(['6.12', '6.18', 'mainline'] as const)('user memory, %s', (kernel) => {
  const X = 0x10f00
  const Y = 0x20000
  const row = write('iovec', `${at(X, 0x300)};${at(Y, 0x2800)}`)

  it('NX1: a bvec a page, a pin each', async () => {
    const done = await on(kernel, [{ ...row, end: 'never' }], { options: PLAIN })
    expect(done.report.counters).toMatchObject({ bvecs: 5, requests: 1 })
    expect(done.report.pins).toMatchObject({ acquired: 5, open: 5 })
    expect(done.report.allocations).toMatchObject({ made: 1, bytes: 80 })
    expect(done.results).toEqual([0x300 + 0x2800])
    const [head = 0, next = 0] = told(done)
    expect([head, next]).toEqual([0x100, 0x200])
    expectClean(await on(kernel, [row], { options: PLAIN }))
  })

  it('NX2: it ends at a page that cannot be had', async () => {
    const done = await on(kernel, [{ event: 'unmap', segs: at(Y + P, P) }, row], { options: PLAIN })
    expect(done.results).toEqual([0x1300])
    expect([done.report.counters.bvecs, done.report.pins.acquired]).toEqual([3, 3])
    expectClean(done)
  })

  it('an error where that is the first', async () => {
    const done = await on(kernel, [{ event: 'unmap', segs: at(X, 0x100) }, row], { options: PLAIN })
    expect([done.results, done.report.pins.acquired]).toEqual([[EFAULT], 0])
    expectClean(done)
  })

  it('reads are copied out of the transport, and every page is dirtied', async () => {
    const done = await on(kernel, [read('ubuf', at(A + 100, 3 * P), { result: 5000 })])
    expect(done.results).toEqual([5000])
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 5000 })
    expect(done.report.pins).toMatchObject({ acquired: 4, open: 0 })
    expect(done.report.counters).toMatchObject({ headerPackets: 1, packets: 0, dirtiedPages: 4, wireBytes: 24 + 113 })
    expectClean(done)
  })
})

describe('NX3 to NX5: how much of an iterator a request takes', () => {
  const memory = new Memory()
  const ledger = new Ledger(memory.pages)
  const iter = new IovIter()
  const table = new SegmentTable()
  for (const length of [0x100, 0x200, 0x1000, 0x1000, 0x800]) table.push(1, 0, length)
  iter.reset(ITER_BVEC, ITER_SOURCE, table, 0, 5, 0x2b00)

  it.each([
    [0, 0x1000, 9, 0x1000],
    [0, 64 * K, 2, 0x300],
    [0x80, 64 * K, 3, 0x1280],
    [0, 64 * K, 9, 0x2b00],
  ])('from %i, at most %i bytes and %i segments: %i', (start, size, segs, bytes) => {
    expect(limitIter(iter, memory, start, size, segs)).toBe(bytes)
    expect(ledger.violations).toEqual([])
  })
})

describe('what it costs', () => {
  it.each(['6.12', '6.18', 'mainline'] as const)('C1, %s: 64 KiB of page cache in 16 pages, signed', async (kernel) => {
    const done = await on(kernel, [write('folioq', `f:0+${64 * K}`)], { options: PLAIN })
    expect(done.report.counters).toMatchObject({ requests: 1, packets: 49, sges: 113, sgEntries: 0, pagePointers: 0 })
    expect(done.report.entries).toMatchObject({ built: 113, bytes: 1808 })
    expect(done.report.avoided).toEqual({ copyBytes: 64 * K, entries: 16 + 64, allocations: 1 })
    expect(done.report.allocations).toBeUndefined()
    expect(done.report.dma).toMatchObject({ maps: 113, openEntries: 0 })
    expectClean(done)
  })

  it.each(['6.12', '6.18', 'mainline'] as const)('C2, %s: the same in one folio', async (kernel) => {
    const options = { options: PLAIN, prepare: inFolios(4, 64 * K) }
    const done = await on(kernel, [write('folioq', `f:0+${64 * K}`)], options)
    expect(done.report.counters).toMatchObject({ packets: 49, sges: 98 })
    expect(done.report.avoided).toEqual({ copyBytes: 64 * K, entries: 16 + 64, allocations: 1 })
  })

  it.each(['6.12', 'mainline'] as const)('C3, %s: 1 MiB of user memory, registered', async (kernel) => {
    // Soft-RoCE: its page lists have 8 bytes a page. (A device that takes lists with gaps has 16.)
    const done = await on(kernel, [write('ubuf', at(A, M))], { options: { ...OFFLOAD, device: 1 } })
    expect(done.report.counters).toMatchObject({ bvecs: 256, sgEntries: 256, mrPages: 256, mrs: 1, packets: 0 })
    expect(done.report.pins).toMatchObject({ acquired: 256, open: 0 })
    expect(done.report.entries).toMatchObject({ built: 3 * 256, bytes: 256 * (16 + 32 + 8) })
  })

  it.each([
    ['6.12', 256, 9, 783 + 783 + 255],
    // Since 6.19 the folio is the largest that fits: one of order 8.
    ['mainline', 1, 1, 783 + 783],
  ] as const)('C5, %s: 1 MiB of user memory, encrypted', async (kernel, folios, queues, sges) => {
    const options = { 'smb-header': 0, encrypted: 1, 'max-fragmented-size': 2 * M }
    const done = await on(kernel, [write('ubuf', at(A, M))], { options })
    expect(done.results).toEqual([M])
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: M })
    expect(done.report.counters).toMatchObject({ bvecs: 256, cryptFolios: folios, packets: 783, sges })
    // An array of bvecs, the folios and their queue, the cipher's request.
    expect(done.report.allocations?.made).toBe(1 + folios + queues + 1)
    expect(done.report.pins.acquired).toBe(256)
    expectClean(done)
  })

  it.each(['6.12', 'mainline'] as const)('C6, %s: 8 KiB of user memory at 0x200, registered', async (kernel) => {
    const done = await on(kernel, [write('ubuf', at(A + 0x200, 2 * P))], { options: OFFLOAD })
    expect(done.report.counters).toMatchObject({ bvecs: 3, sgEntries: 3, mrPages: 3 })
    expect(done.report.pins.acquired).toBe(3)
  })

  it('headers go in packets of their own', async () => {
    const done = await on('6.12', [write('bvec', FILE_64K)])
    expect(done.report.counters).toMatchObject({ packets: 49, headerPackets: 1, sges: 113 + 2 })
    expect(done.report.counters.wireBytes).toBe(49 * 24 + 64 * K + 24 + 112)
    const encrypted = await on('6.12', [write('bvec', FILE_64K)], { options: { encrypted: 1 } })
    expect(encrypted.report.counters).toMatchObject({ packets: 49, headerPackets: 2 })
    const registered = await on('6.12', [write('bvec', FILE_64K)], { options: { 'rdma-offload': 1 } })
    expect(registered.report.counters).toMatchObject({ packets: 0, headerPackets: 1, wireBytes: 24 + 128 })
  })

  it('the header of a trace sets what its rows were meant for', async () => {
    const header = ['smb-header 0', 'encrypted 1', 'wsize 32768']
    const done = await on('6.12', [write('bvec', FILE_64K)], { header })
    expect(done.report.counters).toMatchObject({ headerPackets: 0, requests: 2, cryptFolios: 16 })
  })

  it('an encrypted read is copied twice', async () => {
    const done = await on('6.12', [read('ubuf', at(A, 64 * K))], { options: { encrypted: 1 } })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 2 * 64 * K })
    expect(done.report.counters).toMatchObject({ cryptFolios: 16, headerPackets: 2 })
    expectClean(done)
  })
})

describe('limits', () => {
  it.each([
    ['6.1', 1048412],
    ['6.12', 1044480],
    ['6.18', 1044480],
    ['mainline', 1044480],
  ] as const)('%s: a signed write is at most %i bytes, so that its message fits', async (kernel, wsize) => {
    const requests = async (bytes: number) => {
      const done = await on(kernel, [write('bvec', `1000:0+${bytes}`)])
      expect(done.results).toEqual([bytes])
      return done.report.counters.requests
    }
    expect([await requests(wsize), await requests(wsize + 1), await requests(4 * M)]).toEqual([1, 2, 5])
  })

  it.each([
    ['6.1', 173746],
    ['6.12', 173746],
    ['6.18', 172032],
    ['mainline', 172032],
  ] as const)('%s: a signed read is at most %i bytes', async (kernel, rsize) => {
    const requests = async (bytes: number) =>
      (await on(kernel, [read('bvec', `1000:0+${bytes}`)])).report.counters.requests
    expect([await requests(rsize), await requests(rsize + 1)]).toEqual([1, 2])
  })

  it('unsigned: 4 MiB, or what the device registers at once', async () => {
    const requests = async (device: number) =>
      (await on('6.12', [write('bvec', `1000:0+${4 * M}`)], { options: { 'rdma-offload': 1, device } })).report.counters
        .requests
    // mlx5, rxe (512 pages), siw (256).
    expect([await requests(0), await requests(1), await requests(2)]).toEqual([1, 2, 4])
  })

  it('wsize', async () => {
    const done = await on('6.12', [write('ubuf', at(A, M))], { options: { wsize: 64 * K } })
    expect(done.report.counters).toMatchObject({ requests: 16, headerPackets: 16, bvecs: 256 })
    // Each request begins with a packet of its own.
    expect(done.report.counters.packets).toBe(16 * 49)
  })

  it.each([
    ['6.1', EINVAL],
    ['6.12', EINVAL],
    ['6.18', EINVAL],
    ['mainline', EMSGSIZE],
  ] as const)('%s: a message that the server would not take', async (kernel, error) => {
    const rows = [write('bvec', `1000:0+${M}`), write('bvec', `1000:0+${M + 1}`)]
    const done = await on(kernel, rows, { options: BARE })
    expect(done.results).toEqual([M, error])
    expect(done.report.counters).toMatchObject({ refused: 1, packets: 783 })
    expectClean(done)
  })

  it.each([
    ['6.1', ECONNABORTED],
    ['6.12', 0],
    ['6.18', ECONNABORTED],
    ['mainline', ECONNABORTED],
  ] as const)('%s: an encrypted one, where nothing is signed', async (kernel, result) => {
    const done = await on(kernel, [write('ubuf', at(A, 2 * M))], { options: { encrypted: 1, 'rdma-offload': 1 } })
    expect(done.results).toEqual([result])
    expect(done.report.counters.refused).toBe(1)
    expectClean(done)
  })

  it('credits: the packet waits for the first one', async () => {
    const done = await on('6.12', [write('bvec', FILE_64K)], { options: { ...BARE, credits: 4 } })
    expect(done.report.counters).toMatchObject({ packets: 49, creditStalls: 45 })
    expect(done.report.entries.limitHits).toBe(45)
    // Four packets at once, and at least one in four has three entries.
    expect(done.report.dma?.peakEntries).toBe(4 * 2 + 2)
    expectClean(done)
    const free = await on('6.12', [write('bvec', FILE_64K)], { options: BARE })
    expect([free.report.counters.creditStalls, free.report.dma?.peakEntries]).toEqual([0, 113])
  })

  it('a device without six entries has no connection', async () => {
    const done = await on('6.12', [write('bvec', FILE_64K)], { options: { 'max-send-sge': 5 } })
    expect(done.results).toEqual([EAGAIN])
    expectClean(done)
  })

  it.each([
    ['6.1', 'pipe'],
    ['6.1', 'discard'],
    ['mainline', 'discard'],
  ] as const)('%s: no request can be made of a %s, which the transport copies into', async (kernel, iter) => {
    const rows: TestRow[] = [{ op: 'read', iter, len: P }]
    const done = await on(kernel, rows)
    expect(done.results).toEqual([EIO])
    expectClean(done)
    const bare = await on(kernel, rows, { options: BARE })
    expect([bare.results, bare.report.data.copiedBytes]).toEqual([[P], P])
  })

  it('the bytes of a registered buffer are its pages, one by one', async () => {
    const rows: TestRow[] = [
      { event: 'register', id: 'buffer', segs: at(A, 16 * P) },
      write('ubuf', at(A, 16 * P), { flags: 'fixed', id: 'buffer' }),
      { event: 'unregister', id: 'buffer' },
    ]
    const done = await on('6.12', rows, { options: PLAIN })
    expect(done.results).toEqual([64 * K])
    expect(done.report.counters).toMatchObject({ packets: 49, sges: 113, bvecs: 0 })
    expectClean(done)
  })
})

describe('ownership', () => {
  const shape = (op: 'read' | 'write', options: Readonly<Record<string, number>>) => [
    { row: { op }, bytes: 2 * P, offsetBytes: 0, options },
  ]
  const cells = async (kernel: KernelVersion, op: 'read' | 'write', options: Readonly<Record<string, number>>) => {
    const types = ['ubuf', 'bvec', 'kvec', 'xarray', 'folioq'] as const
    const found: string[] = []
    for (const type of types) found.push(await ownershipCell(smbdirect, kernel, type, shape(op, options)))
    return found
  }

  it.each(['6.12', '6.18', 'mainline'] as const)('%s', async (kernel) => {
    expect(await cells(kernel, 'write', BARE)).toEqual(['-EIO', 'bare', 'bare', '-EIO', 'bare'])
    // What cifs makes of the transport's -EIO; 6.12 loses it.
    const refused = kernel === '6.12' ? 'nothing' : errnoName(ECONNABORTED)
    expect(await cells(kernel, 'write', {})).toEqual(['pin', 'bare', 'bare', refused, 'bare'])
    expect(await cells(kernel, 'read', BARE)).toEqual(['copy', 'copy', 'copy', 'copy', 'copy'])
    expect(await cells(kernel, 'read', {})).toEqual(['pin + copy', 'copy', 'copy', 'copy', 'copy'])
  })
})

describe('faults', () => {
  const rows = (kernel: KernelVersion): TestRow[] => [
    write('ubuf', at(A + 100, 5 * P), { end: 100 }),
    read('iovec', `${at(A + 0x100000, 3000)};${at(A + 0x200001, 9000)}`, { end: 90 }),
    write('kvec', '0x80000fc0+88;0x90000100+1000'),
    read('kvec', `0x80000fc0+${3 * P}`, { end: 100 }),
    write('bvec', bvecs(512, P, P, P, 100), { end: 80 }),
    read('bvec', bvecs(512, P, P), { end: 80 }),
    kernel === '6.1' ? write('bvec', bvecs(P, P)) : write('folioq', `f:100+${5 * P}`),
  ]
  const modes: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
    ['in packets', { wsize: 2 * P, rsize: 2 * P }],
    ['encrypted', { encrypted: 1, wsize: 2 * P, rsize: 2 * P }],
    ['the transport alone', BARE],
  ]
  const quirks = [{ name: 'smbdirect-rollback', on: false }]

  it.each(KERNELS.flatMap((kernel) => modes.map(([mode, options]) => [kernel, mode, options] as const)))(
    '%s, %s: every step, and nothing is left',
    async (kernel, _, options) => {
      const { steps, unclean } = await sweepFaults(smbdirect, rows(kernel), { kernel, options, quirks })
      expect(unclean).toEqual([])
      expect(steps.map).toBeGreaterThan(20)
      expect(steps.limit).toBeGreaterThan(10)
    },
  )

  it('with the quirk, 6.18: only mappings of data that follow others of the packet', async () => {
    const { unclean } = await sweepFaults(smbdirect, [write('bvec', bvecs(100, 100, 100))], {
      kernel: '6.18',
      options: BARE,
    })
    expect(unclean.map(({ fault, at: step, mappedEntries }) => [fault, step, mappedEntries])).toEqual([
      ['map', 3, 1],
      ['map', 4, 1],
    ])
  })

  it.each([
    ['6.12', 0],
    ['6.18', ENOMEM],
  ] as const)('%s: a request that fails ends the write with what came before it', async (kernel, nothing) => {
    // Allocations: the bvecs; of each request a queue, two folios, the cipher's request.
    const options = { encrypted: 1, wsize: 2 * P }
    const result = async (step: number) =>
      (await on(kernel, [write('ubuf', at(A, 6 * P))], { options, inject: { fault: 'alloc', at: step } })).results[0]
    expect([await result(1), await result(2), await result(6), await result(9)]).toEqual([
      ENOMEM,
      nothing,
      2 * P,
      2 * P,
    ])
  })

  it.each(KERNELS)('%s: a read with its error', async (kernel) => {
    const options = { rsize: 2 * P }
    const result = async (fault: 'copy' | 'map', step: number) =>
      (await on(kernel, [read('ubuf', at(A, 6 * P))], { options, inject: { fault, at: step } })).results[0]
    expect([await result('copy', 1), await result('copy', 3)]).toEqual([ECONNABORTED, ECONNABORTED])
    // Each request is a packet of two entries.
    expect([await result('map', 2), await result('map', 5), await result('map', 7)]).toEqual([
      ECONNABORTED,
      ECONNABORTED,
      6 * P,
    ])
  })
})

describe('the data', () => {
  it.each(KERNELS)('%s: what the entries reach is what the iterator names', async (kernel) => {
    const rows = [
      write('ubuf', at(A + 100, 70_000)),
      write('bvec', '1000:4000+9000;2000:10+5;3000:0+4096'),
      write('kvec', '0x80000fc0+88;0x90000100+1000'),
      ...(kernel === '6.1' ? [] : [write('folioq', `f:100+${40 * P}`)]),
    ]
    for (const options of [{}, BARE, { wsize: 3 * P }]) {
      const { verified, violations } = await verifiedLane(kernel, rows, options)
      expect(violations).toEqual([])
      expect(verified?.operations).toBe(rows.length - (options === BARE ? 1 : 0))
    }
  })
})

/** What `--verify-data` finds. */
async function verifiedLane(kernel: KernelVersion, rows: readonly TestRow[], own: Readonly<Record<string, number>>) {
  const bytes = new TextEncoder().encode(traceText(rows))
  const trace = await openTrace(
    (async function* () {
      yield bytes
    })(),
    'rows.csv',
  )
  const registry = new Registry()
  registry.register('@pinscope/plugin-rdma', { apiVersion: smbdirect.apiVersion, consumers: [smbdirect] })
  const { lanes } = await replay(trace, {
    registry,
    policies: null,
    kernel,
    consumers: ['smbdirect'],
    consumerOptions: { smbdirect: own },
    inFlight: false,
    verifyData: true,
  })
  return { verified: lanes[0]?.verified, violations: lanes[0]?.violations }
}
