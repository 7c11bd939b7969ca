import { EFAULT, EINVAL, ENOMEM, type KernelVersion, PAGE_SIZE } from '@pinscope/core'
import { type RowsOptions, type RowsResult, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { ioUringFixed } from '../src/io-uring-fixed/definition.ts'

// io_uring/rsrc.c and io_uring/memmap.c: the worked examples IU1 to IU3, what is refused by which version, folios, memlock,
// the table of 6.1 that loses its pins (H3), requests over slices, and tables dropped while requests use them.

const P = PAGE_SIZE
const MIB = 2 ** 20
const GIB = 2 ** 30
const A = 0x7f0000000000
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const

type Segments = readonly (readonly [number, number])[]
const text = (segs: Segments) => segs.map(([address, bytes]) => `0x${address.toString(16)}+${bytes}`).join(';')
const map = (address: number, bytes: number, backing = 'anon', flags = ''): TestRow => ({
  event: 'map',
  segs: text([[address, bytes]]),
  backing,
  flags,
})
const register = (segs: Segments, more: TestRow = {}): TestRow => ({
  event: 'register',
  id: 'buf',
  iter: segs.length > 1 ? 'iovec' : 'ubuf',
  segs: text(segs),
  ...more,
})
const UNREGISTER: TestRow = { event: 'unregister', id: 'buf' }
const request = (op: 'read' | 'write', segs: Segments, more: TestRow = {}): TestRow => ({
  op,
  iter: segs.length > 1 ? 'iovec' : 'ubuf',
  segs: text(segs),
  ...more,
})
const fixed = (op: 'read' | 'write', segs: Segments, more: TestRow = {}): TestRow =>
  request(op, segs, { id: 'buf', flags: 'direct fixed', ...more })

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(ioUringFixed, rows, { kernel, ...options })

function expectNothingHeld({ report, lane }: RowsResult) {
  expect([report.pins.open, report.refs.open, lane.io.allocations.openBytes]).toEqual([0, 0, 0])
  expect(report.violations).toEqual([])
  expect(report.leaks).toEqual([])
}

describe('IU1 and IU2: 2 MiB from 0x1200 into the first of two huge pages', () => {
  const START = A + 0x1200
  const BYTES = 0x200000
  const HUGE = map(A, 4 * MIB, 'thp')
  const ROWS = [HUGE, register([[START, BYTES]])]

  it('IU2: 6.1 keeps a bvec and a pin for each of the 513 pages', async () => {
    const { report } = await on('6.1', ROWS)
    expect(report.pins).toMatchObject({ acquired: 513, released: 0, longTerm: 513 })
    expect(report.counters).toMatchObject({ bvecs: 513, coalescedBuffers: 0, memlockPagesPeak: 1024 })
  })

  it.each(SINCE_6_12)('IU1 on %s: two bvecs, 511 of 513 pins dropped', async (kernel) => {
    const { report } = await on(kernel, ROWS, { options: { memlock: GIB } })
    expect(report.pins).toMatchObject({ acquired: 513, released: 511, longTerm: 2 })
    expect(report.counters).toMatchObject({ bvecs: 2, coalescedBuffers: 1, pinsDropped: 511, memlockPagesPeak: 1024 })
    // Pointers to 513 pages, then to two heads, and two bvecs.
    expect(report.entries).toMatchObject({ built: 513 + 2 + 2, bytes: 8 * 515 + 16 * 2 })
  })

  it.each(SINCE_6_12)('IU1 on %s: the table is BV(THP0, 0x1200, 0x1fee00), BV(THP1, 0, 0x1200)', async (kernel) => {
    const { lists } = await on(kernel, [...ROWS, fixed('read', [[START, BYTES]])])
    const [table] = lists
    expect(table!.entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])).toEqual([
      [0x1200, 0x1fee00],
      [0, 0x1200],
    ])
    expect(table!.entries[1]!.page - table!.entries[0]!.page).toBe(512)
  })

  it('IU3: a request at +0x1ff000 skips the first bvec and begins 0x200 into the second', async () => {
    for (const kernel of SINCE_6_12) {
      const { lists, report } = await on(kernel, [...ROWS, fixed('write', [[START + 0x1ff000, 0x1000]])])
      expect(lists[0]!.entries).toMatchObject([{ offsetBytes: 0x200, lengthBytes: 0x1000 }])
      expect(report.counters).toMatchObject({ fixedRequests: 1, fixedBvecs: 1 })
      expect(report.pins.acquired, kernel).toBe(513)
    }
  })

  it('IU3 on 6.1: 0x1000 bytes from 0x200 into a page, two bvecs of a page each', async () => {
    const { lists } = await on('6.1', [...ROWS, fixed('write', [[START + 0x1ff000, 0x1000]])])
    expect(lists[0]!.entries).toMatchObject([
      { offsetBytes: 0x200, lengthBytes: 0xe00 },
      { offsetBytes: 0, lengthBytes: 0x200 },
    ])
  })

  it('the iterator has every bvec to the end of the table up to 6.12, then those of the slice', async () => {
    const segments = async (kernel: KernelVersion, offset: number) =>
      (await on(kernel, [...ROWS, fixed('write', [[START + offset, 0x1000]])])).report.counters.iterSegments
    expect([await segments('6.1', 0), await segments('6.1', 0x1ff000)]).toEqual([513, 2])
    expect([await segments('6.12', 0), await segments('6.12', 0x1ff000)]).toEqual([2, 1])
    for (const kernel of ['6.18', 'mainline'] as const) expect(await segments(kernel, 0)).toBe(1)
  })

  it('every slice reaches the bytes that its addresses name', async () => {
    const offsets = [0, 0x200, 0xe00, 0x1fee00 - 1, 0x1fee00, 0x1ff000, BYTES - 1]
    for (const kernel of ALL) {
      const requests = offsets.map((offset) => fixed('read', [[START + offset, Math.min(5000, BYTES - offset)]]))
      const { lists, lane } = await on(kernel, [...ROWS, ...requests])
      lists.forEach(({ entries }, i) => {
        const [first] = entries
        const place = first!.page - lane.pages.headOf(first!.page) + Math.floor(first!.offsetBytes / P)
        const inHuge = (0x1200 + offsets[i]!) % (2 * MIB)
        expect([kernel, i, place, first!.offsetBytes % P]).toEqual([kernel, i, Math.floor(inHuge / P), inHuge % P])
        expect(entries.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBe(Math.min(5000, BYTES - offsets[i]!))
      })
    }
  })
})

describe('folios', () => {
  it.each(SINCE_6_12)('on %s: of one size and whole, they are a bvec each', async (kernel) => {
    // Order 2: the buffer begins in the last page of the first folio.
    const { report } = await on(kernel, [{ ...map(A, 16 * P), flags: 'order=2' }, register([[A + 3 * P, 9 * P]])])
    expect(report.pins).toMatchObject({ acquired: 9, released: 6, longTerm: 3 })
    expect(report.counters).toMatchObject({ bvecs: 3, coalescedBuffers: 1 })
  })

  it.each(SINCE_6_12)('on %s: a small page among them, or another size, and each page is a bvec', async (kernel) => {
    const orders = (order: string) => [
      { ...map(A, 4 * P), flags: 'order=2' },
      { ...map(A + 4 * P, 4 * P), flags: order },
      register([[A, 8 * P]]),
    ]
    for (const order of ['', 'order=1']) {
      const { report } = await on(kernel, orders(order))
      expect(report.pins, order).toMatchObject({ acquired: 8, released: 0 })
      expect(report.counters, order).toMatchObject({ bvecs: 8, coalescedBuffers: 0 })
    }
  })

  it('a single page of a huge one is a bvec of a page', async () => {
    const { report } = await on('6.12', [map(A, 2 * MIB, 'thp'), register([[A + P, P]])])
    expect(report.counters).toMatchObject({ bvecs: 1, coalescedBuffers: 0, memlockPagesPeak: 512 })
  })

  it('where the array of heads cannot be had, every page stays a bvec', async () => {
    const rows = [map(A, 2 * MIB, 'thp'), register([[A, 2 * MIB]]), UNREGISTER]
    // The slots, the pages, the heads.
    const got = await on('6.12', rows, { inject: { fault: 'alloc', at: 3 } })
    expect(got.report.counters).toMatchObject({ bvecs: 512, coalescedBuffers: 0 })
    expectNothingHeld(got)
  })
})

describe('what is refused', () => {
  const results = async (kernel: KernelVersion, maps: readonly TestRow[], segs: Segments) => {
    const got = await on(kernel, [...maps, register(segs)])
    return { ...got, error: got.lane.io.result }
  }

  it.each(ALL)(
    'on %s: a length without address, an address without length; neither is an empty slot',
    async (kernel) => {
      expect((await results(kernel, [], [[0, P]])).error).toBe(EFAULT)
      expect((await results(kernel, [], [[A, 0]])).error).toBe(EFAULT)
      const empty = await results(kernel, [], [[0, 0]])
      expect([empty.error, empty.report.counters.emptySlots]).toEqual([0, 1])
    },
  )

  it('more than 1 GiB, in mainline than 1 TiB; 1 GiB is not', async () => {
    for (const kernel of ['6.1', '6.12', '6.18'] as const) {
      expect((await results(kernel, [], [[A, GIB + 1]])).error, kernel).toBe(EFAULT)
    }
    expect((await results('mainline', [], [[A, 2 ** 40 + 1]])).error).toBe(EINVAL)
    const large = [map(A, 2 * GIB, 'hugetlb')]
    expect((await results('6.12', large, [[A, GIB]])).report.pins).toMatchObject({ acquired: 262_144, longTerm: 512 })
    expect((await results('mainline', large, [[A, 2 * GIB]])).report.pins).toMatchObject({ longTerm: 1024 })
  })

  it.each([
    ['a shared file', [map(A, 8 * P, 'file')], [-95, 8, 8], [EFAULT, 0, 0]],
    ['a private file', [map(A, 8 * P, 'file', 'private')], [-95, 8, 8], [0, 8, 0]],
    ['shared memory', [map(A, 8 * P, 'shmem')], [0, 8, 0], [0, 8, 0]],
    ['anonymous and shared memory', [map(A, 4 * P), map(A + 4 * P, 4 * P, 'shmem')], [EINVAL, 8, 8], [0, 8, 0]],
    [
      'shared memory and huge pages: two files',
      [map(A, 4 * P, 'shmem'), map(A + 4 * P, 4 * P, 'hugetlb')],
      [EINVAL, 8, 8],
      [0, 8, 0],
    ],
    [
      'shared memory and a file',
      [map(A, 4 * P, 'shmem'), map(A + 4 * P, 4 * P, 'file')],
      [EINVAL, 8, 8],
      [EFAULT, 4, 4],
    ],
    ['memory that ends', [map(A, 5 * P), map(A + 5 * P, 3 * P, 'anon', 'prot_none')], [EFAULT, 5, 5], [EFAULT, 5, 5]],
  ] as const)('%s', async (_, maps, old, later) => {
    for (const kernel of ALL) {
      const { error, report } = await results(kernel, maps, [[A, 8 * P]])
      const { acquired, released } = report.pins
      expect([kernel, error, acquired, released]).toEqual([kernel, ...(kernel === '6.1' ? old : later)])
    }
  })

  it.each(ALL)('on %s: one buffer of several, and those before it go too', async (kernel) => {
    const got = await on(kernel, [
      map(A, 4 * P),
      register([
        [A, 4 * P],
        [0, P],
      ]),
    ])
    expect(got.report.pins).toMatchObject({ acquired: 4, released: 4 })
    expect(got.lane.io.result).toBe(EFAULT)
    expectNothingHeld(got)
  })
})

describe('H3: the table of bvecs cannot be allocated', () => {
  const ROWS = [map(A, 8 * P), register([[A, 8 * P]])]

  it('6.1 frees the page array and forgets the pins (quirk uring-imu-leak)', async () => {
    // The slots, the pages, their mappings, the table.
    const inject = { fault: 'alloc', at: 4 } as const
    const leaked = await on('6.1', ROWS, { inject })
    expect(leaked.lane.io.result).toBe(ENOMEM)
    expect(leaked.report.pins).toMatchObject({ acquired: 8, released: 0, open: 8, longTerm: 0 })
    expect(leaked.report.counters.pinsLeaked).toBe(8)
    expect(leaked.report.leaks).toMatchObject([{ pages: 8, retention: 'pin' }])
    const mended = await on('6.1', ROWS, { inject, quirks: [{ name: 'uring-imu-leak', on: false }] })
    expect(mended.report.pins).toMatchObject({ acquired: 8, released: 8, open: 0 })
  })

  it.each(SINCE_6_12)('%s lets go', async (kernel) => {
    // The slots, from 6.18 on a node, the pages, the table.
    const got = await on(kernel, ROWS, { inject: { fault: 'alloc', at: kernel === '6.12' ? 3 : 4 } })
    expect(got.lane.io.result).toBe(ENOMEM)
    expect(got.report.pins).toMatchObject({ acquired: 8, released: 8 })
    expectNothingHeld(got)
  })
})

describe('memlock', () => {
  const HUGE = map(A, 2 * MIB, 'thp')
  const pages = (count: number) => ({ options: { memlock: count * P } })
  const peak = async (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
    (await on(kernel, [HUGE, map(A + 4 * MIB, MIB), ...rows], options)).report.counters.memlockPagesPeak

  it.each(ALL)('on %s: small pages one each, a huge page whole and once', async (kernel) => {
    const rows = [
      register([[A, P]]),
      register([[A + P, 8 * P]], { id: 'b' }),
      register([[A + 4 * MIB, 3 * P]], { id: 'c' }),
    ]
    expect(await peak(kernel, rows, pages(10_000))).toBe(512 + 3)
  })

  it('without a limit, mainline accounts nothing', async () => {
    const rows = [register([[A + 4 * MIB, 3 * P]])]
    expect(await peak('6.12', rows)).toBe(3)
    expect(await peak('mainline', rows)).toBe(0)
  })

  it.each(ALL)('on %s: what does not fit is refused with -ENOMEM, and let go', async (kernel) => {
    const got = await on(kernel, [map(A, 8 * P), register([[A, 8 * P]])], pages(7))
    expect(got.lane.io.result).toBe(ENOMEM)
    expect(got.report.counters.refusedMemlock).toBe(1)
    expectNothingHeld(got)
    expect((await on(kernel, [map(A, 8 * P), register([[A, 8 * P]])], pages(8))).lane.io.result).toBe(0)
    // Less than a page is no page.
    const less = await on(kernel, [map(A, 8 * P), register([[A, P]])], { options: { memlock: P - 1 } })
    expect(less.lane.io.result).toBe(ENOMEM)
  })

  it('a huge page that two buffers have goes with the first one it was accounted to; in mainline with the last', async () => {
    const rows = [
      register([[A, P]], { id: 'first' }),
      register([[A + P, P]], { id: 'second' }),
      { event: 'unregister', id: 'first' },
      register([[A + 4 * MIB, 10 * P]], { id: 'third' }),
    ]
    // 6.1 to 6.18: 512, then none, then 10. Mainline: 512, 512, 522.
    for (const kernel of ['6.1', '6.12', '6.18'] as const) expect(await peak(kernel, rows, pages(10_000))).toBe(512)
    expect(await peak('mainline', rows, pages(10_000))).toBe(522)
  })
})

describe('requests', () => {
  const BUFFER = [map(A, MIB), register([[A, MIB]])]

  it.each(ALL)('on %s: over registered memory nothing is taken, and the pages are bare', async (kernel) => {
    const got = await on(kernel, [
      ...BUFFER,
      fixed('read', [[A + 100, 10_000]], { end: 10 }),
      { ...UNREGISTER, ts: 20 },
    ])
    expect(got.results).toEqual([10_000])
    expect(got.report.pins).toMatchObject({ acquired: 256, released: 256 })
    expect(got.report.bare.pages).toBe(3)
    expect(got.report.avoided).toMatchObject({ copyBytes: 10_000, entries: 3, allocations: 0 })
    expectNothingHeld(got)
  })

  it('over memory of the process: the pages are taken as direct I/O takes them', async () => {
    for (const kernel of ALL) {
      const got = await on(kernel, [map(A, MIB), request('read', [[A + 100, 10_000]], { end: 10 })])
      const taken = kernel === '6.1' ? got.report.refs : got.report.pins
      expect(taken, kernel).toMatchObject({ acquired: 3, released: 3 })
      expect(got.report.counters.plainRequests).toBe(1)
      expectNothingHeld(got)
    }
  })

  it('several ranges in one request: since 6.15, with a list of its own', async () => {
    const two = fixed(
      'write',
      [
        [A, 5000],
        [A + 20 * P, P],
      ],
      { end: 10 },
    )
    for (const kernel of ['6.1', '6.12'] as const)
      expect((await on(kernel, [...BUFFER, two])).results).toEqual([EINVAL])
    for (const kernel of ['6.18', 'mainline'] as const) {
      const { results, report, lists } = await on(kernel, [...BUFFER, two])
      expect(results).toEqual([5000 + P])
      expect(lists[0]!.entries.map(({ lengthBytes }) => lengthBytes)).toEqual([P, 5000 - P, P])
      // 256 page pointers, 256 bvecs of the buffer, three of the request.
      expect(report.entries.built).toBe(256 + 256 + 3)
    }
  })

  it.each(ALL)('on %s: outside every buffer -EFAULT, of frames -EINVAL', async (kernel) => {
    const { results } = await on(kernel, [
      ...BUFFER,
      fixed('read', [[A + MIB - P, 2 * P]]),
      fixed('read', [[A, P]], { id: 'other' }),
      { op: 'read', iter: 'bvec', segs: '500:0+4096' },
    ])
    expect(results).toEqual([EFAULT, EFAULT, EINVAL])
  })

  it('the buffer of a table that has the address is found', async () => {
    const rows = [
      map(A, MIB),
      register([
        [A, P],
        [0, 0],
        [A + 8 * P, 2 * P],
      ]),
      fixed('read', [[A + 9 * P, P]]),
    ]
    for (const kernel of ALL) expect((await on(kernel, rows)).results, kernel).toEqual([P])
  })
})

describe('a table dropped while a request uses it', () => {
  const ROWS = [
    map(A, MIB),
    register([[A, 4 * P]], { ts: 1 }),
    fixed('read', [[A, P]], { ts: 2, end: 100 }),
    fixed('read', [[A, P]], { ts: 3, end: 50 }),
    { ...UNREGISTER, ts: 4 },
  ]

  it.each(ALL)('on %s: its pins go with the last of them', async (kernel) => {
    const open: [number, number][] = []
    const got = await on(kernel, [...ROWS, { ...map(A + 8 * MIB, P), ts: 60 }, { ...map(A + 9 * MIB, P), ts: 150 }], {
      afterRow: (lane, row) => open.push([row, lane.ledger.totals[1]!]),
    })
    expect(open.map(([, released]) => released)).toEqual([0, 0, 0, 0, 0, 0, 4])
    expect(got.report.counters).toMatchObject({ registrations: 1, unregistrations: 1, deferredUnregisters: 1 })
    expectNothingHeld(got)
  })

  it('and registered anew under its name meanwhile: each goes by itself', async () => {
    const again = register([[A + 8 * P, 2 * P]], { ts: 5 })
    const got = await on('6.12', [...ROWS, again, fixed('read', [[A + 8 * P, P]], { ts: 6 }), { ...UNREGISTER, ts: 7 }])
    expect(got.report.pins).toMatchObject({ acquired: 6, released: 6 })
    expect(got.report.counters).toMatchObject({ registrations: 2, unregistrations: 2, deferredUnregisters: 1 })
    expectNothingHeld(got)
  })

  it('dropped when none uses it, it goes at once', async () => {
    const { report } = await on('6.12', [map(A, MIB), register([[A, P]]), UNREGISTER])
    expect(report.counters).toMatchObject({ unregistrations: 1, deferredUnregisters: 0 })
  })
})

describe('steps that fail', () => {
  const ROWS = [
    map(A, 2 * MIB, 'thp'),
    map(A + 4 * MIB, MIB),
    register(
      [
        [A, 2 * MIB],
        [A + 4 * MIB, 5 * P],
      ],
      { ts: 1 },
    ),
    fixed(
      'read',
      [
        [A + P, P],
        [A + 7 * P, 3 * P],
      ],
      { ts: 2, end: 30 },
    ),
    fixed('write', [[A + 4 * MIB, P]], { ts: 3, end: 20 }),
    request('write', [[A, 3 * P]], { ts: 4, end: 25 }),
    { ...UNREGISTER, ts: 5 },
  ]

  it.each(SINCE_6_12)('on %s nothing is left behind, whichever it is', async (kernel) => {
    const { unclean, faults } = await sweepFaults(ioUringFixed, ROWS, { kernel, options: { memlock: GIB } })
    expect(unclean).toEqual([])
    expect(faults.length).toBeGreaterThan(10)
  })

  it('on 6.1 the pins of a buffer whose table cannot be allocated, 512 or 5, and nothing else', async () => {
    const { unclean } = await sweepFaults(ioUringFixed, ROWS, { kernel: '6.1' })
    expect(unclean.map(({ fault, pinsOpen, refsOpen, openBytes }) => [fault, pinsOpen, refsOpen, openBytes])).toEqual([
      ['alloc', 512, 0, 0],
      ['alloc', 5, 0, 0],
    ])
    const quirks = [{ name: 'uring-imu-leak', on: false }]
    expect((await sweepFaults(ioUringFixed, ROWS, { kernel: '6.1', quirks })).unclean).toEqual([])
  })
})
