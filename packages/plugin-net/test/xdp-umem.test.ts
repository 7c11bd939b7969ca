import type { KernelVersion } from '@pinscope/core'
import { ownershipCell, type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { xdpUmem } from '../src/xdp-umem/definition.ts'

// net/xdp/xdp_umem.c (6.1.176, 6.12.117, 7.3.4): what is registered, who is refused, how failures are undone, and the
// packets that lie in the area.

const P = 4096
const A = 0x7f0000000000
const ALL: readonly KernelVersion[] = ['6.1', '6.12', '6.18', 'mainline']
const LATER: readonly KernelVersion[] = ['6.12', '6.18', 'mainline']
const ENOMEM = -12
const EFAULT = -14
const EINVAL = -22
const ENOBUFS = -105

const COPY = { mode: 1 }
const segment = (offset: number, bytes: number) => `0x${(A + offset).toString(16)}+${bytes}`
const register = (offset: number, bytes: number, more: TestRow = {}): TestRow => ({
  ...{ event: 'register', id: 'umem', segs: segment(offset, bytes), mm: 1 },
  ...more,
})
const unregister: TestRow = { event: 'unregister', id: 'umem' }
const packet = (op: 'read' | 'write', offset: number, bytes: number, more: TestRow = {}): TestRow => ({
  ...{ op, iter: 'ubuf', segs: segment(offset, bytes), id: 'umem', flags: 'fixed', mm: 1 },
  ...more,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(xdpUmem, rows, { kernel, ...options })

/** What registering gives. */
async function answer(kernel: KernelVersion, row: TestRow, options: RowsOptions = {}, before: readonly TestRow[] = []) {
  const done = await on(kernel, [...before, row], options)
  return done.lane.io.result
}

function expectNothingHeld({ report, lane }: Awaited<ReturnType<typeof on>>) {
  const { allocations, dma, borrows } = lane.io
  expect([report.pins.open, report.refs.acquired, allocations.openBytes, dma.openEntries, borrows.open]).toEqual([
    0, 0, 0, 0, 0,
  ])
  expect([report.violations, report.leaks]).toEqual([[], []])
}

describe('64 pages', () => {
  it.each(ALL)('%s: a pin on each for as long as it is registered, and dirty folios when it is not', async (kernel) => {
    const rows = [register(0, 64 * P), unregister]
    const done = await on(kernel, rows)
    expect(done.report.pins).toMatchObject({ acquired: 64, released: 64, peak: 64 })
    expect(done.report.counters).toMatchObject({
      registrations: 1,
      releases: 1,
      umemPages: 64,
      dirtiedFolios: 64,
      lockedPagesPeak: 64,
    })
    // Pointers to 64 pages; each is mapped for the device.
    expect(done.report.entries).toMatchObject({ built: 64, bytes: 512 })
    expect(done.report.dma).toMatchObject({ maps: 64 })
    // The umem, its array, the area of vmap(), and 64 addresses for the device.
    expect(done.report.allocations).toMatchObject({ made: 4, bytes: 112 + 512 + 64 + 512 })
    expectNothingHeld(done)
    const open = await on(kernel, [rows[0]!])
    expect(open.report.pins).toMatchObject({ open: 64, longTerm: 64 })
    expect(open.report.leaks).toEqual([])
  })

  it('in copy mode no device sees them', async () => {
    const done = await on('6.12', [register(0, 64 * P), unregister], { options: COPY })
    expect([done.lane.io.dma.openEntries, done.report.dma, done.report.allocations!.made]).toEqual([0, undefined, 3])
  })

  it('a huge page counts as its pages', async () => {
    const map: TestRow = { event: 'map', segs: segment(0, 1 << 21), backing: 'thp', mm: 1 }
    const done = await on('6.12', [map, register(0, 1 << 21), unregister])
    expect(done.report.pins).toMatchObject({ acquired: 512, released: 512 })
    expect(done.report.counters).toMatchObject({ dirtiedFolios: 1 })
    expectNothingHeld(done)
  })

  it('more than one call of the model lists: still one of the kernel', async () => {
    const done = await on('6.1', [register(0, 5000 * P), unregister], { options: COPY })
    expect(done.report.pins).toMatchObject({ acquired: 5000, released: 5000 })
    expectNothingHeld(done)
  })

  it('memory that nobody touched gets pages: it is to be written', async () => {
    const map: TestRow = { event: 'map', segs: segment(0, 4 * P), backing: 'anon', flags: 'untouched', mm: 1 }
    expect((await on('6.12', [map, register(0, 4 * P), unregister])).report.pins.acquired).toBe(4)
  })
})

describe('what is refused with -EINVAL', () => {
  const refused = async (row: TestRow, options: Record<string, number> = {}, kernel: KernelVersion = '6.12') =>
    (await answer(kernel, row, { options })) === EINVAL

  it('an address inside a page', async () => {
    expect(await refused(register(512, 64 * P))).toBe(true)
  })

  it('chunks below 2048 bytes, above a page, or of another size than a power of two', async () => {
    expect(await refused(register(0, 64 * P), { 'chunk-size': 1024 })).toBe(true)
    expect(await refused(register(0, 64 * P), { 'chunk-size': 8192 })).toBe(true)
    expect(await refused(register(0, 3000 * 8), { 'chunk-size': 3000 })).toBe(true)
    expect(await refused(register(0, 64 * P), { 'chunk-size': 2048 })).toBe(false)
    // Unaligned they may be of any size, and there may be a rest.
    expect(await refused(register(0, 64 * P), { 'chunk-size': 3000, unaligned: 1 })).toBe(false)
  })

  it('a length that is not whole chunks, or less than one', async () => {
    expect(await refused(register(0, 64 * P + 2048), { 'chunk-size': 4096 })).toBe(true)
    expect(await refused(register(0, 64 * P + 2048), { 'chunk-size': 2048 })).toBe(false)
    expect(await refused(register(0, 2000), { unaligned: 1 })).toBe(true)
  })

  it('a headroom that leaves less than 128 bytes besides what an skb needs', async () => {
    // 2048 - XDP_PACKET_HEADROOM 256 - skb_shared_info 320 - 128
    expect(await refused(register(0, 64 * P), { 'chunk-size': 2048, headroom: 1344 })).toBe(false)
    expect(await refused(register(0, 64 * P), { 'chunk-size': 2048, headroom: 1345 })).toBe(true)
  })

  it('metadata of 16 to 248 bytes, in eights; none in 6.1', async () => {
    const metadata = (bytes: number, kernel: KernelVersion) =>
      refused(register(0, 64 * P), { 'tx-metadata': bytes }, kernel)
    for (const kernel of LATER) {
      expect([await metadata(16, kernel), await metadata(248, kernel)]).toEqual([false, false])
      expect([await metadata(8, kernel), await metadata(20, kernel), await metadata(256, kernel)]).toEqual([
        true,
        true,
        true,
      ])
    }
    expect(await metadata(16, '6.1')).toBe(true)
  })

  it('frames of the kernel, by number', async () => {
    expect(await answer('6.12', { event: 'register', id: 'umem', iter: 'bvec', segs: '100:0+4096' })).toBe(EINVAL)
  })

  it('before anything is pinned', async () => {
    const done = await on('6.12', [register(512, 64 * P), unregister])
    expect([done.report.pins.acquired, done.report.counters.refusedShape]).toEqual([0, 1])
    expectNothingHeld(done)
  })
})

describe('RLIMIT_MEMLOCK', () => {
  it('-ENOBUFS above it, of all areas of the user', async () => {
    const options = { memlock: 100 * P }
    const rows = [
      register(0, 64 * P),
      register(1 << 20, 64 * P, { id: 'second' }),
      unregister,
      register(1 << 20, 64 * P, { id: 'third' }),
    ]
    const answers: number[] = []
    const done = await on('6.12', rows, { options, afterRow: ({ io }) => answers.push(io.result) })
    expect([answers[0], answers[1], answers[3]]).toEqual([0, ENOBUFS, 0])
    expect(done.report.counters).toMatchObject({ registrations: 2, refusedMemlock: 1, lockedPagesPeak: 64 })
    expect(done.report.entries.limitHits).toBe(1)
  })
})

describe('pages that cannot be had', () => {
  const map: TestRow = { event: 'map', segs: segment(0, 4 * P), backing: 'anon', mm: 1 }
  const hole: TestRow = { event: 'map', segs: segment(4 * P, 4 * P), backing: 'anon', flags: 'prot_none', mm: 1 }

  it.each(ALL)('%s: -ENOMEM when some were pinned, which are let go and dirty', async (kernel) => {
    const done = await on(kernel, [map, hole, register(0, 8 * P)])
    expect(done.lane.io.result).toBe(ENOMEM)
    expect(done.report.pins).toMatchObject({ acquired: 4, released: 4 })
    expect(done.report.counters).toMatchObject({ refusedPages: 1, undone: 1, dirtiedFolios: 4, registrations: 0 })
    expectNothingHeld(done)
  })

  it('the errno of the first page', async () => {
    expect(await answer('6.12', register(4 * P, 4 * P), {}, [map, hole])).toBe(EFAULT)
  })
})

describe('what was accounted for an area of which only some pages could be pinned', () => {
  const map: TestRow = { event: 'map', segs: segment(0, 4 * P), backing: 'anon', mm: 1 }
  const hole: TestRow = { event: 'map', segs: segment(4 * P, 4 * P), backing: 'anon', flags: 'prot_none', mm: 1 }
  const rows = [map, hole, register(0, 8 * P), register(1 << 20, 8 * P, { id: 'second' })]
  const options = { memlock: 11 * P }

  it.each(ALL)('%s: 4 of 8 pages are given back, and 8 more are too many', async (kernel) => {
    const lost = await answer(kernel, rows[3]!, { options }, rows.slice(0, 3))
    expect(lost).toBe(ENOBUFS)
    const quirks = [{ name: 'xdp-umem-account-short', on: false }] as const
    expect(await answer(kernel, rows[3]!, { options, quirks }, rows.slice(0, 3))).toBe(0)
  })
})

describe('packets', () => {
  const rows = [
    register(0, 64 * P),
    packet('write', P, 1500, { end: 20 }),
    packet('read', 2 * P + 256, 3000, { end: 20 }),
  ]

  it.each(ALL)('%s: nothing is taken on the pages of their frames', async (kernel) => {
    const done = await on(kernel, [...rows, { ...unregister, ts: 30 }])
    expect(done.results).toEqual([1500, 3000])
    expect([done.report.pins.acquired, done.report.refs.acquired, done.report.bare.pages]).toEqual([64, 0, 2])
    expect(done.report.data).toEqual({ zeroCopyBytes: 4500, copiedBytes: 0 })
    expect(done.report.counters).toMatchObject({ frames: 2, copiedFrames: 0 })
    expectNothingHeld(done)
  })

  it('in copy mode the CPU copies them', async () => {
    const done = await on('6.12', [...rows, { ...unregister, ts: 30 }], { options: COPY })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 4500 })
    expect(done.report.counters).toMatchObject({ frames: 2, copiedFrames: 2 })
  })

  it('a frame that is received has less room than one that is sent', async () => {
    const more = [register(0, 64 * P), packet('write', 0, 2 * P), packet('read', 0, 2 * P)]
    const done = await on('6.12', [...more, unregister], { options: { headroom: 128 } })
    // 8192 in 2 frames of 4096 and in 3 of 4096 - 128 - 256.
    expect(done.report.counters).toMatchObject({ frames: 5 })
  })

  it('outside of the area: -EFAULT; of memory that is in none the program makes copies', async () => {
    expect((await on('6.12', [rows[0]!, packet('write', 63 * P, 2 * P)])).results).toEqual([EFAULT])
    const done = await on('6.12', [packet('write', 0, 9000, { id: '', flags: '' })])
    expect([done.results, done.report.data.copiedBytes, done.report.bare.pages]).toEqual([[9000], 9000, 0])
    expect(done.report.counters).toMatchObject({ frames: 3, copiedFrames: 3 })
  })

  it('the area goes after the last of them, when its socket is closed before', async () => {
    const open: number[] = []
    const later = packet('write', 0, 1, { ts: 30, id: '', flags: '' })
    const done = await on('6.12', [...rows, unregister, later], {
      afterRow: ({ ledger: { holds } }) =>
        open.push(holds.counted.reduce((sum, pages, slot) => sum + pages * holds.open[slot]!, 0)),
    })
    expect(open).toEqual([64, 64, 64, 64, 0])
    expectNothingHeld(done)
  })

  it('a frame that the program writes to before the device has sent it', async () => {
    const dirty: TestRow = { event: 'dirty', segs: segment(P, 100), mm: 1 }
    const done = await on('6.12', [...rows, dirty, { ...unregister, ts: 30 }])
    expect(done.report.violations).toMatchObject([{ rule: 'modified-in-use', row: 4, takenRow: 2 }])
  })

  it('lists what the device reaches', async () => {
    const done = await on('6.12', [register(0, 64 * P), packet('write', P + 4000, 1500), unregister])
    expect(
      done.lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])),
    ).toEqual([[[4000, 96]], [[0, 1404]]])
  })
})

describe('several areas in one row', () => {
  it('are registered one by one, or none', async () => {
    const segs = `${segment(0, 4 * P)};${segment(1 << 20, 8 * P)}`
    const done = await on('6.12', [
      register(0, 0, { segs, iter: 'iovec' }),
      packet('write', (1 << 20) + P, 100),
      unregister,
    ])
    expect(done.report.pins).toMatchObject({ acquired: 12, released: 12 })
    expect(done.report.counters).toMatchObject({ registrations: 2, releases: 2, frames: 1 })
    expectNothingHeld(done)
    const bad = `${segment(0, 4 * P)};${segment((1 << 20) + 1, 8 * P)}`
    const none = await on('6.12', [register(0, 0, { segs: bad, iter: 'iovec' })])
    expect([none.lane.io.result, none.report.pins.released]).toEqual([EINVAL, 4])
    expectNothingHeld(none)
  })
})

describe('faults', () => {
  it.each(ALL)('%s: whatever fails, nothing is left', async (kernel) => {
    const rows = [
      register(0, 8 * P),
      packet('write', 0, 100, { end: 10 }),
      packet('read', 0, 100, { id: '', flags: '' }),
      { ...unregister, ts: 20 },
    ]
    const { unclean, steps } = await sweepFaults(xdpUmem, rows, { kernel })
    expect(unclean).toEqual([])
    expect(steps).toMatchObject({ alloc: 4, page: 8, map: 8, limit: 1, copy: 1 })
  })
})

describe('what it takes, by iterator type', () => {
  it('nothing on any memory that is not registered', async () => {
    for (const kernel of ALL) {
      const shapes = [{ row: { op: 'write' }, bytes: 2 * P }] as const
      expect(await ownershipCell(xdpUmem, kernel, 'ubuf', shapes)).toBe('copy')
      expect(await ownershipCell(xdpUmem, kernel, 'bvec', shapes)).toBe('-EINVAL')
      expect(await ownershipCell(xdpUmem, kernel, 'kvec', shapes)).toBe('n/a')
    }
  })
})
