import { type KernelVersion, openTrace, PAGE_SIZE, Registry, replay, SCATTERLIST_BYTES } from '@pinscope/core'
import {
  type Lane,
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
  traceText,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { DEVICE_NAMES } from '../src/device/device.ts'
import { ibUmem } from '../src/ib-umem/definition.ts'
import { ACCESS_WORDS } from '../src/ib-umem/ib-umem.ts'
import { type WatchedPins, watchPins } from './support/watched-pins.ts'

// drivers/infiniband/core/umem.c: the worked examples UM1 to UM3, what is asked of get_user_pages by each version, who is
// refused, how memory is accounted, how failures are undone, and what may go wrong with registrations.

const P = PAGE_SIZE
const A = 0x7f0000000000
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const
const access = (word: (typeof ACCESS_WORDS)[number]) => ({ access: ACCESS_WORDS.indexOf(word) })
const device = (word: (typeof DEVICE_NAMES)[number]) => ({ device: DEVICE_NAMES.indexOf(word) })

type Options = NonNullable<RowsOptions['options']>
type Segments = readonly (readonly [number, number])[]
const text = (segs: Segments) => segs.map(([address, bytes]) => `0x${address.toString(16)}+${bytes}`).join(';')
const map = (address: number, bytes: number, backing: string, flags = ''): TestRow => ({
  event: 'map',
  segs: text([[address, bytes]]),
  backing,
  flags,
})
const register = (segs: Segments, more: TestRow = {}): TestRow => ({
  event: 'register',
  id: 'mr',
  segs: text(segs),
  ...more,
})
const UNREGISTER: TestRow = { event: 'unregister', id: 'mr' }
const io = (op: 'read' | 'write', segs: Segments, more: TestRow = {}): TestRow => ({ op, segs: text(segs), ...more })
const fixed = (op: 'read' | 'write', segs: Segments, more: TestRow = {}): TestRow =>
  io(op, segs, { id: 'mr', flags: 'fixed', ...more })

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(ibUmem, rows, { kernel, ...options })

/** Everything let go: pins, allocations, mappings. */
function expectNothingHeld({ report, lane }: RowsResult) {
  expect([report.pins.open, report.refs.acquired, lane.io.allocations.openBytes, lane.io.dma.openEntries]).toEqual([
    0, 0, 0, 0,
  ])
  expect(report.violations).toEqual([])
}

/** Pages from `address` on are contiguous in physical memory, the first of them in frame `first`. */
const contiguous = (address: number, first: number) => (page: number) => first + page - Math.floor(address / P)

/** {@link on}, with every page pinned in a frame of its own choice, and what was pinned. */
async function watchedOn(
  kernel: KernelVersion,
  rows: readonly TestRow[],
  options: Options = {},
  frameOf?: (page: number) => number,
) {
  let watched: WatchedPins = { pins: [], releases: [] }
  const result = await on(kernel, rows, {
    options,
    prepare: (lane: Lane) => {
      watched = watchPins(lane, frameOf)
    },
  })
  return { ...result, ...watched, counters: result.report.counters }
}

describe('UM1 and UM2: 257 contiguous pages', () => {
  const START = 0x7f1234567800
  const MIB = 0x100000
  const ROWS = [register([[START, MIB]]), UNREGISTER]
  // In all 31 bits the frames are as the addresses.
  const frames = contiguous(START, Math.floor(START / P) & 0x7ffffff)

  it.each(ALL)('UM1 on %s: segments of 64 KiB make 16 entries and one of a page', async (kernel) => {
    const made = await watchedOn(kernel, ROWS, { 'max-segment': 65536 }, frames)
    expect(made.lists[0]!.entries.map(({ lengthBytes }) => lengthBytes)).toEqual([...Array(16).fill(65536), 4096])
    expect(made.pins).toEqual([{ address: 0x7f1234567000, pages: 257, write: true, ret: 257 }])
    expect(made.releases).toEqual([...Array(16).fill(16), 1])
    expect(made.counters).toMatchObject({ registrations: 1, batches: 1, sgEntries: 17, unpinCalls: 17, undone: 0 })
    expect(made.report.pins).toMatchObject({ acquired: 257, released: 257, open: 0, peak: 257 })
    expect(made.report.dma).toMatchObject({ maps: 1, mappedEntries: 17, unmappedEntries: 17, openEntries: 0 })
    expectNothingHeld(made)
  })

  it.each(ALL)('UM2 on %s: segments of 2 GiB make one entry of 1,052,672 bytes', async (kernel) => {
    const made = await watchedOn(kernel, ROWS, { 'max-segment': 2 ** 31 }, frames)
    expect(made.lists[0]!.entries).toMatchObject([{ offsetBytes: 0, lengthBytes: 1_052_672 }])
    expect([made.releases, made.counters.sgEntries]).toEqual([[257], 1])
  })

  it('a segment that is no multiple of a page is rounded down', async () => {
    const { lists } = await watchedOn('6.12', ROWS, { 'max-segment': 65536 + 4095 }, frames)
    expect(lists[0]!.entries).toHaveLength(17)
  })

  it('every list on the way counts: 257 page pointers, an entry, and what the device lists', async () => {
    // Covered by one page of 4 MiB, which mlx5 has, since address and frame agree.
    const { report } = await watchedOn('6.12', ROWS, { ...device('mlx5') }, frames)
    expect(report.counters.deviceEntries).toBe(1)
    expect(report.entries).toMatchObject({ built: 257 + 1 + 1, bytes: 257 * 8 + 32 + 8 })
    // struct ib_umem, the page that lists a batch, and a table of one entry.
    expect(report.allocations).toMatchObject({ made: 3, freed: 3, bytes: 80 + 4096 + SCATTERLIST_BYTES })
  })

  it.each([
    ['6.1', 112],
    ['6.18', 80],
    ['mainline', 88],
  ] as const)('a struct ib_umem of %s has %i bytes', async (kernel, bytes) => {
    const { report } = await watchedOn(kernel, ROWS, {}, frames)
    expect(report.allocations!.bytes).toBe(bytes + 4096 + SCATTERLIST_BYTES)
  })
})

describe('UM3: 600 pages, of which those from the 550th on are unmapped', () => {
  const HOLE = map(A + 550 * P, 50 * P, 'anon', 'prot_none')
  const RANGE: Segments = [[A, 600 * P]]

  it.each(ALL)(
    'on %s: 512 and 38 are pinned, the third call fails, and all is undone with nothing dirty',
    async (kernel) => {
      const made = await watchedOn(kernel, [HOLE, register(RANGE)])
      expect(made.pins).toEqual([
        { address: A, pages: 512, write: true, ret: 512 },
        { address: A + 512 * P, pages: 88, write: true, ret: 38 },
        { address: A + 550 * P, pages: 50, write: true, ret: -14 },
      ])
      expect(made.report.pins).toMatchObject({ acquired: 550, released: 550, open: 0 })
      expect(made.releases.reduce((sum, pages) => sum + pages, 0)).toBe(550)
      expect(made.counters).toMatchObject({
        registrations: 0,
        batches: 2,
        undone: 1,
        dirtiedFolios: 0,
        refusedPages: 1,
        memlockPagesPeak: 600,
      })
      // Never mapped, so nothing to unmap.
      expect(made.report.dma).toBeUndefined()
      expectNothingHeld(made)
    },
  )

  it('pinned_vm is what it was: the same memory fits again, as far as it is there', async () => {
    const rows = [HOLE, register(RANGE), register([[A, 512 * P]], { id: 'again' })]
    const { counters, report } = await watchedOn('6.12', rows, { memlock: 600 * P })
    expect([counters.registrations, counters.refusedMemlock, report.pins.longTerm]).toEqual([1, 0, 512])
  })

  it('as an operation of its own it is -EFAULT', async () => {
    const made = await on('6.12', [HOLE, io('read', RANGE)])
    expect(made.results).toEqual([-14])
    expectNothingHeld(made)
  })
})

describe('batches', () => {
  it('a run of contiguous pages goes on across them, and a segment that is full ends it', async () => {
    const rows = [register([[A, 1000 * P]]), UNREGISTER]
    const whole = await watchedOn('6.12', rows, {}, contiguous(A, 0x200000))
    expect(whole.pins.map(({ pages }) => pages)).toEqual([512, 488])
    expect([whole.releases, whole.counters.sgEntries]).toEqual([[1000], 1])
    const cut = await watchedOn('6.12', rows, { 'max-segment': 500 * P }, contiguous(A, 0x200000))
    expect(cut.releases).toEqual([500, 500])
  })

  it('a page list that is full before the range ends is a limit hit', async () => {
    const hits = async (pages: number) => (await on('6.12', [io('read', [[A, pages * P]])])).report.entries.limitHits
    expect([await hits(512), await hits(513)]).toEqual([0, 1])
  })

  it('of pages that are not contiguous each has an entry and a release, in chunks of 128 entries', async () => {
    const made = await watchedOn('6.12', [register([[A, 300 * P]]), UNREGISTER])
    expect(made.releases).toEqual(Array(300).fill(1))
    // 127 + 127 + 46: the last entry of a chunk is the link to the next one.
    expect(made.report.allocations!.bytes).toBe(80 + 4096 + (128 + 128 + 46) * SCATTERLIST_BYTES)
    expectNothingHeld(made)
  })

  it('a huge page is one entry; registered with a page before it, two', async () => {
    const HUGE = 2 ** 21
    const rows = [map(A + HUGE, HUGE, 'thp'), register([[A + HUGE - P, HUGE + P]]), UNREGISTER]
    const made = await watchedOn('6.12', rows)
    expect([made.releases, made.counters.dirtiedFolios]).toEqual([[1, 512], 2])
  })
})

describe('what the device lists', () => {
  const entries = async (rows: readonly TestRow[], options: Options, frameOf?: (page: number) => number) =>
    (await watchedOn('6.12', rows, options, frameOf)).counters.deviceEntries

  it('frames that agree with addresses in 64 KiB only: pages of 64 KiB', async () => {
    const rows = [register([[A + 0x7800, 0x100000]])]
    // The frame of A is 16 pages off.
    expect(await entries(rows, device('mlx5'), contiguous(A, 0x200010))).toBe(17)
    // 4 KiB, 2 MiB and 1 GiB are all that it has.
    expect(await entries(rows, device('irdma'), contiguous(A, 0x200010))).toBe(257)
    expect(await entries(rows, { ...device('irdma') }, contiguous(A, 0x200000))).toBe(1)
  })

  it('a place where physical memory does not continue must be the start of a page of that size', async () => {
    const broken = (page: number) => 0x200000 + (page % 0x1000) + (page % 0x1000 >= 8 ? 0x8000 : 0)
    expect(await entries([register([[A, 16 * P]])], device('mlx5'), broken)).toBe(2)
    const earlier = (page: number) => 0x200000 + (page % 0x1000) + (page % 0x1000 >= 4 ? 0x8000 : 0)
    expect(await entries([register([[A, 16 * P]])], device('mlx5'), earlier)).toBe(4)
  })

  it('of a huge page the alignment is known, of other pages it is not', async () => {
    const HUGE = 2 ** 21
    expect(await entries([map(A, HUGE, 'thp'), register([[A, HUGE]])], device('irdma'))).toBe(1)
    expect(await entries([register([[A, HUGE]])], device('irdma'))).toBe(512)
  })

  it('Soft-RoCE and Soft-iWARP list every page', async () => {
    const rows = [register([[A, 64 * P]])]
    for (const word of ['rxe', 'siw'] as const)
      expect(await entries(rows, device(word), contiguous(A, 0x200000))).toBe(64)
  })

  it('no page size fits: the driver lets go of it again, which is a regular release', async () => {
    const made = await watchedOn('6.12', [register([[A, 4 * P]])], { 'page-size-bitmap': 2 ** 21 })
    expect(made.counters).toMatchObject({ refusedPageSize: 1, deregistrations: 1, undone: 0, dirtiedFolios: 4 })
    expectNothingHeld(made)
  })
})

describe('what is asked of get_user_pages', () => {
  const writes = async (kernel: KernelVersion, word: (typeof ACCESS_WORDS)[number], row: TestRow) =>
    (await watchedOn(kernel, [row], access(word))).pins.map(({ write }) => write)
  const RANGE: Segments = [[A, 4 * P]]

  it.each(ALL)('%s: memory that may be written is asked for with FOLL_WRITE', async (kernel) => {
    expect(await writes(kernel, 'write', register(RANGE))).toEqual([true])
    expect(await writes(kernel, 'write', io('write', RANGE))).toEqual([true])
    expect(await writes(kernel, 'direction', register(RANGE))).toEqual([true])
    expect(await writes(kernel, 'direction', io('read', RANGE))).toEqual([true])
  })

  it.each(ALL)('%s: other memory too by 6.1, and not since 6.12', async (kernel) => {
    expect(await writes(kernel, 'read', register(RANGE))).toEqual([kernel === '6.1'])
    expect(await writes(kernel, 'direction', io('write', RANGE))).toEqual([kernel === '6.1'])
  })

  it.each(ALL)('%s: memory that nobody touched is pinned for reading too, and never the zero page', async (kernel) => {
    const { report } = await watchedOn(
      kernel,
      [map(A, 8 * P, 'anon', 'untouched'), register([[A, 8 * P]])],
      access('read'),
    )
    expect(report.pins).toMatchObject({ acquired: 8, longTerm: 8 })
  })

  it('whatever the policy is', async () => {
    for (const policy of ['get-pages', 'viro-2022', 'folio'] as const) {
      const { report } = await on('6.12', [io('write', [[A, 4 * P]])], { policy })
      expect([report.pins.acquired, report.refs.acquired]).toEqual([4, 0])
    }
  })

  it.each(ALL)('%s: a read into memory registered for reading only is a protection error', async (kernel) => {
    const made = await on(kernel, [register(RANGE), fixed('write', RANGE), fixed('read', RANGE), UNREGISTER], {
      options: access('read'),
    })
    expect(made.results).toEqual([4 * P, -14])
    expect(made.report.counters.protectionErrors).toBe(1)
    const transient = await on(kernel, [io('read', RANGE)], { options: access('read') })
    expect(transient.results).toEqual([-14])
    expect(transient.report.counters).toMatchObject({ registrations: 1, deregistrations: 1, dirtiedFolios: 0 })
    for (const one of [made, transient]) expectNothingHeld(one)
  })
})

describe('memory that is refused', () => {
  const RANGE: Segments = [[A, 8 * P]]
  const refused = async (kernel: KernelVersion, backing: string, flags = '', options = {}) => {
    const made = await on(kernel, [map(A, 8 * P, backing, flags), io('read', RANGE)], { options })
    expectNothingHeld(made)
    const { refusedFile, refusedDax, refusedPages } = made.report.counters
    return [made.results[0], refusedFile, refusedDax, refusedPages]
  }
  const TAKEN = [8 * P, 0, 0, 0]

  it.each(ALL)('%s: a shared file whose writes must be tracked, since 6.5', async (kernel) => {
    expect(await refused(kernel, 'file')).toEqual(kernel === '6.1' ? TAKEN : [-14, 1, 0, 0])
    expect(await refused(kernel, 'file', 'private')).toEqual(TAKEN)
    expect(await refused(kernel, 'shmem')).toEqual(TAKEN)
  })

  it.each(ALL)('%s: a file on a DAX device, in all versions', async (kernel) => {
    expect(await refused(kernel, 'fsdax')).toEqual([-95, 0, 1, 0])
  })

  it.each(ALL)('%s: memory that is not there or may not be written', async (kernel) => {
    expect(await refused(kernel, 'anon', 'prot_none')).toEqual([-14, 0, 0, 1])
    expect(await refused(kernel, 'anon', 'prot_read')).toEqual([-14, 0, 0, 1])
    expect(await refused(kernel, 'secretmem')).toEqual([-14, 0, 0, 1])
  })

  it.each(SINCE_6_12)('%s: a shared file can be registered for reading', async (kernel) => {
    const rows = [map(A, 8 * P, 'file'), register(RANGE), fixed('write', RANGE), UNREGISTER]
    const made = await on(kernel, rows, { options: access('read') })
    expect([made.results, made.report.counters.dirtiedFolios]).toEqual([[8 * P], 0])
    expectNothingHeld(made)
  })

  it.each(ALL)('%s: memory that may only be read can be registered for reading', async (kernel) => {
    const rows = (backing: string, flags: string) => [map(A, 8 * P, backing, flags), io('write', RANGE)]
    const taken = async (backing: string, flags: string) =>
      (await on(kernel, rows(backing, flags), { options: access('read') })).results[0]
    expect(await taken('anon', 'prot_read')).toBe(8 * P)
    expect(await taken('file', 'prot_read private')).toBe(8 * P)
    // 6.1 writes by force, which shared memory does not allow.
    expect(await taken('shmem', 'prot_read')).toBe(kernel === '6.1' ? -14 : 8 * P)
  })

  it('a file in the second half of the range: the first half was pinned', async () => {
    const made = await watchedOn('6.12', [map(A + 4 * P, 4 * P, 'file'), register(RANGE)])
    expect(made.pins.map(({ ret }) => ret)).toEqual([4, -14])
    expect(made.counters).toMatchObject({ refusedFile: 1, undone: 1 })
    expectNothingHeld(made)
  })

  it.each(ALL)('%s: addresses of the kernel, frames, and a range without bytes', async (kernel) => {
    const rows: TestRow[] = [
      { ...register([[0x888000000000, P]]), id: 'kvec', iter: 'kvec' },
      { ...register([]), id: 'bvec', iter: 'bvec', segs: '4096:0+4096' },
      register([[A, 0]], { id: 'empty' }),
      // ib_umem_num_pages of a range that begins inside a page is 1.
      register([[A + 100, 0]]),
    ]
    const made = await on(kernel, rows)
    expect(made.report.pins.acquired).toBe(1)
    expect(made.report.longTerm).toMatchObject([{ row: 4, pages: 1 }])
  })
})

describe('RLIMIT_MEMLOCK', () => {
  const limit = { memlock: 8 * P + 4095 }
  const other = (more: TestRow) => register([[A + 0x100000, P]], { id: 'other', ...more })

  it.each(ALL)('%s: pages of all registrations of an address space count', async (kernel) => {
    const rows = [
      register([[A, 8 * P]]),
      other({ mm: 0 }),
      other({ mm: 7, id: 'elsewhere' }),
      UNREGISTER,
      other({ mm: 0 }),
    ]
    const { counters, report } = await watchedOn(kernel, rows, limit)
    expect(counters).toMatchObject({ registrations: 3, refusedMemlock: 1, memlockPagesPeak: 8 })
    expect(report.pins.longTerm).toBe(2)
    expect(report.entries.limitHits).toBe(1)
  })

  it('a page that two registrations pin counts twice', async () => {
    const rows = [register([[A, 4 * P]]), register([[A, 4 * P]], { id: 'twice' }), register([[A, P]], { id: 'thrice' })]
    const { counters } = await watchedOn('6.12', rows, limit)
    expect(counters).toMatchObject({ registrations: 2, refusedMemlock: 1 })
  })

  it('an operation of its own is -ENOMEM', async () => {
    const made = await on('6.12', [io('write', [[A, 9 * P]])], { options: limit })
    expect(made.results).toEqual([-12])
    expectNothingHeld(made)
  })
})

describe('release', () => {
  it('makes each clean folio dirty where the memory was writable, whatever was done to it', async () => {
    const twice = [register([[A, 8 * P]]), UNREGISTER, register([[A, 8 * P]], { id: 'b' }), { ...UNREGISTER, id: 'b' }]
    const dirtied = async (options: Options) => (await on('6.12', twice, { options })).report.counters.dirtiedFolios
    expect([await dirtied({}), await dirtied(access('read'))]).toEqual([8, 0])
  })

  it('of several ranges: each is a registration, and the pages are those of its own', async () => {
    const rows = [
      register([
        [A + 100, 3 * P],
        [A + 0x100000, P],
        [A + 0x200000, 2 * P],
      ]),
      UNREGISTER,
    ]
    const made = await watchedOn('6.12', rows, {}, contiguous(A, 0x200000))
    expect(made.pins.map(({ address, pages }) => [address, pages])).toEqual([
      [A, 4],
      [A + 0x100000, 1],
      [A + 0x200000, 2],
    ])
    expect([made.releases, made.counters.registrations, made.counters.deregistrations]).toEqual([[4, 1, 2], 3, 3])
    expectNothingHeld(made)
  })

  it('of several ranges, the last of which cannot be had: those before it are let go as a program does', async () => {
    const rows = [
      map(A + 0x100000, P, 'anon', 'prot_none'),
      register([
        [A, 4 * P],
        [A + 0x100000, P],
      ]),
    ]
    const made = await on('6.12', rows)
    expect(made.report.counters).toMatchObject({ registrations: 1, deregistrations: 1, dirtiedFolios: 4, undone: 0 })
    expectNothingHeld(made)
  })
})

describe('operations', () => {
  const RANGE: Segments = [[A, 16 * P]]

  it.each(ALL)('%s: on registered memory nothing is taken', async (kernel) => {
    const rows = [
      register(RANGE),
      fixed('write', [[A + 100, 5000]], { end: 9 }),
      fixed('read', [
        [A, 512],
        [A + P, 512],
        [A + 8 * P, 512],
      ]),
      { ...UNREGISTER, ts: 20 },
    ]
    const made = await on(kernel, rows)
    expect(made.results).toEqual([5000, 1536])
    expect(made.report.pins).toMatchObject({ acquired: 16, released: 16, peak: 16 })
    expect(made.report.counters).toMatchObject({
      registrations: 1,
      transientRegistrations: 0,
      sges: 4,
      workRequests: 2,
    })
    expect(made.report.data).toEqual({ zeroCopyBytes: 6536, copiedBytes: 0 })
    expectNothingHeld(made)
  })

  it('outside of it: -EFAULT, and the consumer is not asked', async () => {
    const { results, report } = await on('6.12', [register(RANGE), fixed('write', [[A + 15 * P, 2 * P]]), UNREGISTER])
    expect([results, report.counters.workRequests]).toEqual([[-14], 0])
  })

  it.each(ALL)('%s: without registration they register their memory for themselves, until they end', async (kernel) => {
    const rows = [
      io(
        'read',
        [
          [A + 100, 2 * P],
          [A + 0x100000, P],
        ],
        { end: 5 },
      ),
      { ...io('write', [[A, P]]), ts: 9 },
    ]
    const made = await on(kernel, rows)
    expect(made.results).toEqual([3 * P, P])
    expect(made.report.pins).toMatchObject({ acquired: 3 + 1 + 1, released: 5, peak: 4 })
    expect(made.report.counters).toMatchObject({
      registrations: 3,
      transientRegistrations: 3,
      deregistrations: 3,
      sges: 3,
    })
    expectNothingHeld(made)
  })

  it('that never end keep it: a leak, not a registration', async () => {
    const { report } = await on('6.12', [io('read', RANGE, { end: 'never' })])
    expect(report.leaks).toMatchObject([{ retention: 'pin', pages: 16, consumer: 'ib-umem' }])
    expect(report.dma!.openEntries).toBe(16)
  })

  it('a work request has as many elements as the device takes: of a write, and of a read', async () => {
    const segs: Segments = Array.from({ length: 31 }, (_, i) => [A + i * P, 100] as const)
    const requests = async (op: 'read' | 'write', options: Options) => {
      const { report } = await on('6.12', [register([[A, 31 * P]]), fixed(op, segs), UNREGISTER], { options })
      expect(report.counters.sges).toBe(31)
      return report.counters.workRequests
    }
    expect(await requests('write', device('mlx5'))).toBe(2)
    expect(await requests('write', device('siw'))).toBe(6)
    expect(await requests('read', device('siw'))).toBe(31)
    expect(await requests('write', { ...device('mlx5'), 'max-send-sge': 4 })).toBe(8)
  })

  it('without bytes: nothing happens', async () => {
    const { results, report } = await on('6.12', [io('write', [[A, 0]])])
    expect([results, report.counters.registrations]).toEqual([[0], 0])
  })

  it('a recorded release of what an operation keeps: its completion releases nothing more', async () => {
    const rows = [io('read', RANGE, { id: 'r', end: 9 }), { event: 'unpin' as const, id: 'r' }]
    const made = await on('6.12', rows)
    expect(made.report.violations.map(({ rule }) => rule)).toEqual(['double-release'])
    expect([made.report.pins.open, made.lane.io.allocations.openBytes, made.lane.io.dma.openEntries]).toEqual([0, 0, 0])
  })
})

describe('ownership of what is not registered', () => {
  const shapes = (['read', 'write'] as const).map((op) => ({ row: { op }, bytes: 3 * P, offsetBytes: 100 }))

  it.each(ALL)('%s: user memory is pinned, nothing else has an address to register', async (kernel) => {
    const cell = (type: Parameters<typeof ownershipCell>[2]) => ownershipCell(ibUmem, kernel, type, shapes)
    expect([await cell('ubuf'), await cell('iovec')]).toEqual(['pin', 'pin'])
    expect(await cell('bvec')).toBe('-EINVAL')
    for (const type of ['kvec', 'xarray', 'folioq', 'discard', 'pipe'] as const) expect(await cell(type)).toBe('n/a')
  })

  it('of any other iterator the lane refuses it', async () => {
    const rows: TestRow[] = [
      { op: 'write', iter: 'kvec', segs: '0x888000000000+4096' },
      { op: 'read', iter: 'discard', len: 4096 },
      { op: 'read', iter: 'folioq', segs: 'file:0+4096' },
    ]
    const made = await on('6.12', rows)
    expect(made.results).toEqual([-22, -22, -22])
    expectNothingHeld(made)
  })
})

describe('every step that can fail is undone', () => {
  const OPERATIONS = [
    io(
      'read',
      [
        [A + 100, 600 * P],
        [A + 0x1000000, 2 * P],
        [A + 0x2000000, 200 * P],
      ],
      { end: 5 },
    ),
    { ...io('write', [[A, 4 * P]]), ts: 9 },
  ]

  it.each(ALL)('%s: operations', async (kernel) => {
    const { steps, unclean, faults } = await sweepFaults(ibUmem, OPERATIONS, { kernel })
    expect(unclean).toEqual([])
    // 3 ranges and 1: an ib_umem, the page of a batch and the chunks of entries of each; 601, 2, 200 and 4 pages.
    expect(steps).toMatchObject({ alloc: 4 * 2 + 5 + 1 + 2 + 1, page: 807, limit: 4, map: 4, complete: 2, copy: 0 })
    const firstResults = (kind: string) =>
      new Set(faults.filter(({ fault }) => fault === kind).map(({ results }) => results[0]))
    expect([...firstResults('alloc')].sort()).toEqual([-12, 802 * P])
    expect([...firstResults('page')].sort()).toEqual([-14, 802 * P])
    expect([...firstResults('map')].sort()).toEqual([-5, 802 * P])
    expect([...firstResults('limit')].sort()).toEqual([-12, 802 * P])
  })

  it.each(ALL)('%s: registrations', async (kernel) => {
    const rows = [
      register([
        [A, 600 * P],
        [A + 0x1000000, 2 * P],
      ]),
      fixed('write', [[A, P]], { end: 4 }),
      { ...UNREGISTER, ts: 9 },
    ]
    const { faults } = await sweepFaults(ibUmem, rows, { kernel })
    expect(faults.length).toBeGreaterThan(60)
    for (const { violations, ...held } of faults) {
      expect(held).toMatchObject({ pinsOpen: 0, refsOpen: 0, openBytes: 0, mappedEntries: 0 })
      // To drop what was refused is no error.
      expect(violations).toEqual([])
    }
  })
})

describe('hazards', () => {
  const RANGE: Segments = [[A, 4 * P]]
  const rulesOf = ({ report }: RowsResult) =>
    report.violations.map(({ rule, row, takenRow, pages }) => [rule, row, takenRow, pages])

  it.each(ALL)('%s: registered memory that is unmapped: the pins stay, and the unmap is told', async (kernel) => {
    const rows = [register(RANGE), { event: 'unmap' as const, segs: text([[A + P, P]]) }, { ...UNREGISTER }]
    const made = await on(kernel, rows)
    expect(rulesOf(made)).toEqual([['registration-outlives-owner', 2, 1, 4]])
    expect(made.report.pins).toMatchObject({ acquired: 4, released: 4, open: 0 })
    expect(made.lane.io.allocations.openBytes).toBe(0)
  })

  it('memory that was unregistered before may be unmapped', async () => {
    const made = await on('6.12', [register(RANGE), UNREGISTER, { event: 'unmap', segs: text(RANGE) }])
    expect(rulesOf(made)).toEqual([])
  })

  it.each(ALL)('%s: unregistered while a work request is in flight', async (kernel) => {
    const made = await on(kernel, [register(RANGE), fixed('read', RANGE, { end: 9 }), UNREGISTER])
    expect(rulesOf(made)).toEqual([['registration-in-use', 3, 1, 4]])
    expect([made.report.pins.open, made.lane.io.dma.openEntries]).toEqual([0, 0])
  })

  it.each(ALL)('%s: open at the end it is held for long, not leaked', async (kernel) => {
    const { report, lane } = await on(kernel, [register(RANGE, { ts: 3 }), fixed('read', RANGE, { ts: 10 })])
    expect([report.leaks, report.leaksTotal, report.violations]).toEqual([[], 0, []])
    expect(report.pins).toMatchObject({ open: 4, longTerm: 4 })
    expect(report.longTerm).toMatchObject([
      { row: 1, retention: 'pin', pages: 4, sinceNs: 3, ageNs: 7, consumer: 'ib-umem' },
    ])
    // Its entries are mapped and its memory is allocated for as long.
    expect([lane.io.dma.openEntries, lane.io.allocations.openBytes > 0]).toEqual([4, true])
  })

  it.each(ALL)('%s: unregistered twice, and never registered', async (kernel) => {
    const made = await on(kernel, [register(RANGE), UNREGISTER, UNREGISTER, { event: 'unregister', id: 'other' }])
    expect(rulesOf(made)).toEqual([
      ['double-release', 3, 1, 4],
      ['unknown-release', 4, 0, 0],
    ])
    expect(made.report.counters).toMatchObject({ registrations: 1, deregistrations: 1 })
    expect([made.report.pins.open, made.lane.io.allocations.openBytes]).toEqual([0, 0])
  })

  it('a request that goes on after fork reaches the pages of the parent: a pinned page is copied for the child', async () => {
    const rows: TestRow[] = [
      map(A, 4 * P, 'anon'),
      register(RANGE, { mm: 1 }),
      { event: 'fork', mm: 1, result: 2 },
      fixed('read', RANGE, { mm: 1 }),
    ].map((row) => ({ mm: 1, ...row }))
    const { verified, violations } = await dataOf(rows)
    expect([verified, violations]).toEqual([{ operations: 1, bytes: 4 * P }, []])
  })

  it('memory that was mapped anew under a registration is not what the device reaches', async () => {
    const rows = [map(A, 4 * P, 'anon'), register(RANGE), map(A, 4 * P, 'anon'), fixed('write', RANGE)]
    const { violations } = await dataOf(rows)
    expect(violations.map(({ rule }) => rule)).toContain('wrong-data')
  })
})

/** What `--verify-data` finds. */
async function dataOf(rows: readonly TestRow[]) {
  const bytes = new TextEncoder().encode(traceText(rows))
  const trace = await openTrace(
    (async function* () {
      yield bytes
    })(),
    'rows.csv',
  )
  const registry = new Registry()
  registry.register('@pinscope/plugin-rdma', { apiVersion: ibUmem.apiVersion, consumers: [ibUmem] })
  const options = { registry, policies: null, kernel: '6.12', consumerOptions: {}, inFlight: false, verifyData: true }
  const { lanes } = await replay(trace, { ...options, consumers: ['ib-umem'] })
  return lanes[0]!
}

describe('the data', () => {
  it('what work requests reach is what their segments name', async () => {
    const rows = [
      map(A, 2 ** 22, 'thp'),
      register([[A + 100, 600 * P]]),
      fixed('read', [
        [A + 5000, 70_000],
        [A + 100, 10],
      ]),
      fixed('write', [[A + 2 ** 21 - 50, 100]]),
      io('read', [
        [A + 777, 3 * P],
        [A + 0x1000000, 5000],
      ]),
      io('write', [[A + 0x2000000 + 5, 600 * P]]),
      UNREGISTER,
    ]
    const { verified, violations } = await dataOf(rows)
    expect(violations).toEqual([])
    expect(verified).toEqual({ operations: 4, bytes: 70_010 + 100 + 3 * P + 5000 + 600 * P })
  })
})
