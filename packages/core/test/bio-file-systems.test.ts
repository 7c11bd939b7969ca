import { describe, expect, it } from 'vitest'
import { bio } from '../src/consumer/bio/index.ts'
import { EAGAIN, EFAULT, EINVAL } from '../src/errno.ts'
import type { KernelVersion } from '../src/kernel/version.ts'
import { type RowsOptions, replayRows, sweepFaults, type TestRow } from '../src/testing/index.ts'
import { PAGE_SIZE } from '../src/units.ts'

// What a file system does with O_DIRECT before any bio is filled: fs/btrfs/{file,direct-io}.c, fs/iomap/direct-io.c,
// mm/shmem.c, fs/open.c. That btrfs counts as 6.18 does, class by class, is in ground-truth.test.ts.

const P = PAGE_SIZE
const MIB = 2 ** 20
const A = 0x7f0000000000
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const

const at = (address: number, bytes: number) => `0x${address.toString(16)}+${bytes}`
const map = (address: number, bytes: number, flags = '', backing = 'anon'): TestRow => ({
  event: 'map',
  segs: at(address, bytes),
  backing,
  flags,
})
const io = (op: 'read' | 'write', segs: string, more: TestRow = {}): TestRow => ({
  op,
  iter: segs.includes(';') ? 'iovec' : 'ubuf',
  segs,
  flags: 'direct',
  ...more,
})

/** Pins, or references on 6.1, that a lane took, and the rest of what matters. */
async function on(filesystem: string | null, kernel: KernelVersion, rows: readonly TestRow[], more: RowsOptions = {}) {
  const header = filesystem === null ? [] : [`filesystem ${filesystem}`]
  const { report, results } = await replayRows(bio, rows, { ...more, kernel, header })
  const { pins, refs, data, counters, entries, leaksTotal, violationsTotal } = report
  expect([pins.open, refs.open, leaksTotal, violationsTotal]).toEqual([0, 0, 0, 0])
  return { taken: pins.acquired + refs.acquired, results, copied: data.copiedBytes, counters, entries, report }
}

describe('btrfs: what goes through the page cache', () => {
  const cases: readonly (readonly [string, TestRow])[] = [
    ['an address', io('read', at(A + 512, 16 * P))],
    ['a length', io('read', at(A, 512))],
    ['a position', io('read', at(A, 16 * P), { offset: 512 })],
    ['the middle of the vectors', io('read', `${at(A, P + 512)};${at(A + 4 * P, P - 512)}`)],
  ]

  it.each(cases)('%s that is no multiple of a sector, on every version', async (_, row) => {
    for (const kernel of ALL) {
      const bytes = String(row.segs)
        .split(';')
        .reduce((sum, seg) => sum + Number(seg.split('+')[1]), 0)
      const got = await on('btrfs', kernel, [map(A, MIB), row])
      expect(got, kernel).toMatchObject({ taken: 0, results: [bytes], copied: bytes })
      expect(got.counters, kernel).toMatchObject({ bios: 0, buffered: 1, bufferedBytes: bytes })
    }
  })

  it('a read that names an address twice, be the second vector empty; a write may', async () => {
    const twice = [at(A, P), at(A + P, P), at(A, P)].join(';')
    const empty = [at(A, P), at(A + P, P), at(A, 0)].join(';')
    for (const kernel of ALL) {
      expect(await on('btrfs', kernel, [io('read', twice)]), kernel).toMatchObject({ taken: 0, copied: 3 * P })
      expect(await on('btrfs', kernel, [io('read', empty)]), kernel).toMatchObject({ taken: 0, copied: 2 * P })
      const written = await on('btrfs', kernel, [io('write', twice)], { options: { nodatasum: 1 } })
      expect(written, kernel).toMatchObject({ taken: 3, copied: 0 })
    }
  })

  it('pages of two segments that overlap are taken for each', async () => {
    const rows = [io('read', `${at(A, 2 * P)};${at(A + P, 2 * P)}`)]
    for (const kernel of ALL) expect(await on('btrfs', kernel, rows), kernel).toMatchObject({ taken: 4, copied: 0 })
  })

  it('a registered buffer that is aligned is adopted, else copied', async () => {
    const rows = (start: number): TestRow[] => [
      { event: 'register', id: 'buf', segs: at(A, MIB), iter: 'ubuf', flags: 'longterm' },
      io('read', at(start, 4 * P), { id: 'buf', flags: 'direct fixed' }),
      { event: 'unregister', id: 'buf' },
    ]
    expect((await on('btrfs', '6.18', rows(A))).counters).toMatchObject({ biosAdopted: 1, buffered: 0 })
    expect((await on('btrfs', '6.18', rows(A + 512))).counters).toMatchObject({ biosAdopted: 0, buffered: 1 })
  })

  it('a row without the flag `direct` is as on every file system', async () => {
    const got = await on('btrfs', '6.18', [io('read', at(A + 512, 16 * P), { flags: '' })])
    expect(got).toMatchObject({ taken: 17, copied: 0 })
  })
})

describe('btrfs: writes to files with checksums', () => {
  const WRITE = [map(A, MIB), io('write', at(A, 16 * P), { end: 1000 })]

  it('6.1 writes directly; 6.12.117 and 6.18 copy through the page cache', async () => {
    expect(await on('btrfs', '6.1', WRITE)).toMatchObject({ taken: 16, copied: 0 })
    for (const kernel of ['6.12', '6.18'] as const) {
      const got = await on('btrfs', kernel, WRITE)
      expect(got, kernel).toMatchObject({ taken: 0, copied: 16 * P, counters: { bios: 0, buffered: 1 } })
    }
  })

  it('mainline copies into folios of the bio, powers of two, freed when it completes', async () => {
    const bytes = 5 * MIB - 3 * P
    const { taken, copied, counters, entries, report } = await on('btrfs', 'mainline', [
      io('write', at(A, bytes), { end: 10 }),
    ])
    expect([taken, copied]).toEqual([0, bytes])
    // Four of 1 MiB, then what is left of the fifth, 253 pages: 128, 64, 32, 16, 8, 4, and 1 for the rest.
    expect(counters).toMatchObject({ bios: 1, bvecs: 4 + 7, bouncedBytes: bytes, buffered: 0 })
    expect(entries).toMatchObject({ built: 11, bytes: 11 * 16 })
    expect(report.allocations).toMatchObject({ made: 11, freed: 11, bytes, openBytes: 0, peakBytes: bytes })
  })

  it('a folio that cannot be had is asked for again, half as large', async () => {
    const got = await on('btrfs', 'mainline', WRITE, { inject: { fault: 'alloc', at: 1 } })
    expect(got).toMatchObject({ results: [16 * P], counters: { bios: 1, bvecs: 2 } })
    expect(got.report.allocations).toMatchObject({ made: 2, bytes: 16 * P })
  })

  it('of no checksums (nodatasum) every version writes directly', async () => {
    for (const kernel of ALL) {
      const got = await on('btrfs', kernel, WRITE, { options: { nodatasum: 1 } })
      expect(got, kernel).toMatchObject({ taken: 16, copied: 0 })
    }
  })

  it('what may not wait: -EAGAIN where the page cache or a bounce would serve it', async () => {
    const rows = (op: 'read' | 'write', bytes: number) => [io(op, at(A, bytes), { flags: 'direct nowait' })]
    for (const kernel of SINCE_6_12) expect((await on('btrfs', kernel, rows('write', P))).results).toEqual([EAGAIN])
    expect((await on('btrfs', '6.1', rows('write', P))).results).toEqual([P])
    for (const kernel of ALL) {
      expect((await on('btrfs', kernel, rows('write', 512))).results).toEqual([EAGAIN])
      expect((await on('btrfs', kernel, rows('read', 2 * P))).results).toEqual([EAGAIN])
      expect((await on('btrfs', kernel, rows('read', P))).results).toEqual([P])
    }
  })

  it('nor may it take several extents', async () => {
    const rows = (flags: string) => [io('write', at(A, 4 * P), { flags })]
    for (const kernel of ALL) {
      const options = { options: { nodatasum: 1, 'extent-bytes': 2 * P } }
      expect((await on('btrfs', kernel, rows('direct nowait'), options)).results).toEqual([EAGAIN])
      expect((await on('btrfs', kernel, rows('direct'), options)).results).toEqual([4 * P])
    }
  })
})

describe('btrfs: memory that is not there while it is extracted', () => {
  const UNTOUCHED = [map(A, MIB, 'untouched'), io('read', at(A, 16 * P))]

  it('6.1, 6.12: faulted in after a first try, and taken then', async () => {
    for (const kernel of ['6.1', '6.12'] as const) {
      const got = await on('btrfs', kernel, UNTOUCHED)
      expect(got, kernel).toMatchObject({ taken: 16, copied: 0, counters: { faultRetries: 1, buffered: 0 } })
    }
  })

  it('6.18, mainline: all of it is copied (quirk iomap-end-hides-fault), as 6.18 counted', async () => {
    for (const kernel of ['6.18', 'mainline'] as const) {
      expect(await on('btrfs', kernel, UNTOUCHED), kernel).toMatchObject({ taken: 0, copied: 16 * P })
      const quirks = [{ name: 'iomap-end-hides-fault', on: false }]
      expect(await on('btrfs', kernel, UNTOUCHED, { quirks }), kernel).toMatchObject({ taken: 16, copied: 0 })
    }
  })

  it('a second read finds the pages that copying made', async () => {
    const rows = [map(A, MIB, 'private', 'file'), io('read', at(A, 16 * P)), io('read', at(A, 16 * P))]
    for (const kernel of ['6.18', 'mainline'] as const) {
      expect(await on('btrfs', kernel, rows), kernel).toMatchObject({ taken: 16, copied: 16 * P })
    }
  })

  it('what is there before a fault is transferred and waited for, the rest faulted in', async () => {
    const rows = [map(A, 8 * P), map(A + 8 * P, 8 * P, 'untouched'), io('read', at(A, 16 * P))]
    for (const kernel of ALL) {
      const { taken, copied, counters, report } = await on('btrfs', kernel, rows)
      expect([taken, copied], kernel).toEqual([16, 0])
      expect(counters, kernel).toMatchObject({ bios: 2, faultRetries: 1 })
      expect(Math.max(report.pins.peak, report.refs.peak), kernel).toBe(8)
    }
  })

  it('memory that cannot be faulted in: the prefix, short; none of it: -EFAULT', async () => {
    const refused = map(A + 2 * P, 2 * P, 'prot_none')
    for (const kernel of ALL) {
      const short = await on('btrfs', kernel, [map(A, 2 * P), refused, io('read', at(A, 4 * P))])
      expect(short, kernel).toMatchObject({ taken: 2, results: [2 * P], copied: 0 })
      const none = await on('btrfs', kernel, [refused, io('read', at(A + 2 * P, 2 * P))])
      expect(none, kernel).toMatchObject({ taken: 0, results: [EFAULT] })
    }
  })

  it('a write that fails in its second part is lost, a read is short', async () => {
    const rows = (op: 'read' | 'write') => [map(A, P), map(A + P, P, 'prot_none'), io(op, at(A, 2 * P))]
    for (const kernel of ALL) {
      const options = { options: { nodatasum: 1 } }
      expect((await on('btrfs', kernel, rows('read'), options)).results, kernel).toEqual([P])
      expect((await on('btrfs', kernel, rows('write'), options)).results, kernel).toEqual([EFAULT])
    }
  })

  it('a write of memory that is not there: mainline tries again, 6.18 copies', async () => {
    const rows = [map(A, 2 * P, 'untouched', 'file'), io('write', at(A, 2 * P))]
    const options = { options: { nodatasum: 1 } }
    expect(await on('btrfs', '6.18', rows, options)).toMatchObject({ taken: 0, copied: 2 * P })
    for (const kernel of ['6.1', '6.12', 'mainline'] as const) {
      expect(await on('btrfs', kernel, rows, options), kernel).toMatchObject({ taken: 2, copied: 0 })
    }
  })

  it('6.1 writes from the zero page: nothing was touched, and reading faults it in', async () => {
    const { report, results } = await on('btrfs', '6.1', [map(A, 2 * P, 'untouched'), io('write', at(A, 2 * P))])
    expect([results, report.refs.acquired, report.pins.acquired]).toEqual([[2 * P], 2, 0])
  })
})

describe('btrfs: holes, extents, the end of the file', () => {
  it('a hole is zeroed in place, with the data around it taken', async () => {
    for (const kernel of ALL) {
      const got = await on('btrfs', kernel, [io('read', at(A, 16 * P), { flags: `direct hole=${4 * P}+${8 * P}` })])
      expect(got, kernel).toMatchObject({ taken: 8, results: [16 * P], counters: { bios: 2, holeBytes: 8 * P } })
    }
  })

  it('a hole over memory that is not there is a fault that is seen', async () => {
    const rows = [map(A, 2 * P, 'untouched'), io('read', at(A, 2 * P), { flags: `direct hole=0+${P}` })]
    for (const kernel of ALL) {
      const got = await on('btrfs', kernel, rows)
      expect(got, kernel).toMatchObject({ taken: 1, copied: 0, counters: { holeBytes: P, faultRetries: 1 } })
    }
  })

  it('a mapping of a read covers 256 sectors: 4 MiB of huge pages are four bios', async () => {
    const rows = [map(A, 4 * MIB, '', 'thp'), io('read', at(A, 4 * MIB))]
    for (const kernel of ALL) {
      expect(await on('btrfs', kernel, rows), kernel).toMatchObject({ taken: 1024, counters: { bios: 4 } })
    }
  })

  it('nothing is taken behind the block with the end of the file', async () => {
    for (const kernel of ALL) {
      const got = await on('btrfs', kernel, [io('read', at(A, 16 * P), { result: 2 * P + 100 })])
      expect(got, kernel).toMatchObject({ taken: 3, results: [2 * P + 100], copied: 0 })
      expect(await on('btrfs', kernel, [io('read', at(A, 16 * P), { result: 0 })]), kernel).toMatchObject({ taken: 0 })
    }
  })
})

describe('extents (option extent-bytes)', () => {
  const extents = (bytes: number) => ({ options: { 'extent-bytes': bytes } })

  it('a bio ends with the extent, and a page on both sides is taken for each', async () => {
    // 64 KiB from 512 bytes into a page, the file from 0 on: each boundary lies 512 bytes into a page.
    const rows = [map(A, MIB), io('read', at(A + 512, 16 * P))]
    for (const filesystem of ['ext4', 'xfs']) {
      for (const kernel of ALL) {
        const whole = await on(filesystem, kernel, rows)
        expect(whole, kernel).toMatchObject({ taken: 17, counters: { bios: 1 } })
        const split = await on(filesystem, kernel, rows, extents(4 * P))
        expect(split, kernel).toMatchObject({ taken: 4 * 5, results: [16 * P], counters: { bios: 4 } })
      }
    }
  })

  it('boundaries count from the start of the file', async () => {
    const rows = [io('write', at(A, 4 * P), { offset: 3 * P })]
    expect((await on('ext4', '6.12', rows, extents(4 * P))).counters).toMatchObject({ bios: 2, bvecs: 4 })
  })

  it('the header line says it too, and a raw device has none', async () => {
    const header = (line: string) =>
      replayRows(bio, [io('read', at(A, 4 * P))], { header: [line, 'extent-bytes 4096'] })
    expect((await header('filesystem xfs')).report.counters.bios).toBe(4)
    expect((await header('recorder nobody')).report.counters.bios).toBe(1)
  })

  it('an error in a later extent fails all: no partial result on ext4, a prefix on btrfs', async () => {
    const rows = [map(A, 4 * P), map(A + 4 * P, 4 * P, 'prot_none'), io('read', at(A, 8 * P))]
    expect(await on('ext4', '6.18', rows, extents(2 * P))).toMatchObject({ taken: 4, results: [EFAULT] })
    expect(await on('btrfs', '6.18', rows, extents(2 * P))).toMatchObject({ taken: 4, results: [4 * P] })
  })
})

describe('file systems without direct I/O', () => {
  const READ = [io('read', at(A + 3, 1000), { offset: 5 })]

  it('tmpfs: refused by open(2) on 6.1, the page cache since 6.6, whatever the alignment', async () => {
    expect((await on('tmpfs', '6.1', READ)).results).toEqual([EINVAL])
    for (const kernel of SINCE_6_12) {
      expect(await on('tmpfs', kernel, READ), kernel).toMatchObject({ taken: 0, results: [1000], copied: 1000 })
    }
  })

  it('ramfs refuses everywhere', async () => {
    for (const kernel of ALL) expect((await on('ramfs', kernel, READ)).results, kernel).toEqual([EINVAL])
  })
})

describe('steps that fail', () => {
  const ROWS = [
    map(A, 8 * P),
    map(A + 8 * P, 8 * P, 'untouched'),
    io('read', at(A, 16 * P), { end: 10, flags: `direct hole=${2 * P}+${2 * P}` }),
    io('write', at(A, 16 * P), { end: 20 }),
    io('write', at(A + 512, 3 * P), { end: 30 }),
  ]

  it.each(ALL)('btrfs on %s: nothing is left behind, whichever step fails', async (kernel) => {
    for (const nodatasum of [0, 1]) {
      const sweep = await sweepFaults(bio, ROWS, { kernel, options: { nodatasum }, header: ['filesystem btrfs'] })
      expect(sweep.unclean).toEqual([])
      expect(sweep.faults.length).toBeGreaterThan(5)
    }
  })
})
