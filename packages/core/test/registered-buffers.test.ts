import { describe, expect, it } from 'vitest'
import { KERNEL_VERSIONS } from '../src/kernel/version.ts'
import { laneOf } from './support/replay-rows.ts'
import type { RowSpec } from './support/rows.ts'

// io_uring/rsrc.c of 6.1.192 and io_uring/memmap.c of 6.12.117: io_pin_pages.

const A = 0x7f0000000000
const P = 4096

/** Pins taken, dropped and kept for long by registering the eight pages from A on. */
async function pinsOf(maps: readonly RowSpec[], kernel: string, segs = [[A, 8 * P]]) {
  const rows: RowSpec[] = [
    ...maps.map((row) => ({ event: 'map' as const, ...row })),
    { event: 'register', id: 'b', segs },
  ]
  const { pins } = await laneOf(rows, { kernel, consumers: ['null'] })
  return [pins.acquired, pins.released, pins.longTerm]
}

describe('registering a buffer of eight pages', () => {
  it.each([
    ['anonymous memory', { backing: 'anon' }, [8, 0, 8], [8, 0, 8]],
    ['shared memory', { backing: 'shmem' }, [8, 0, 8], [8, 0, 8]],
    [
      'a shared file: 6.1 pins it and then refuses, later get_user_pages does',
      { backing: 'file' },
      [8, 8, 0],
      [0, 0, 0],
    ],
    ['a private file: 6.1 refuses that too', { backing: 'file', flags: ['private'] }, [8, 8, 0], [8, 0, 8]],
    ['a file on a DAX device', { backing: 'fsdax' }, [0, 0, 0], [0, 0, 0]],
    ['memory that may not be written', { backing: 'anon', flags: ['prot_read'] }, [0, 0, 0], [0, 0, 0]],
    ['memfd_secret', { backing: 'secretmem' }, [0, 0, 0], [0, 0, 0]],
    ['peer-to-peer memory: 6.1 takes it for a file', { backing: 'p2pdma' }, [8, 8, 0], [0, 0, 0]],
  ] as const)('%s', async (_, row, old, later) => {
    for (const kernel of KERNEL_VERSIONS) {
      const map = { ...row, flags: 'flags' in row ? [...row.flags] : [], segs: [[A, 8 * P]] }
      expect([kernel, await pinsOf([map], kernel)]).toEqual([kernel, kernel === '6.1' ? old : later])
    }
  })

  it('whose last three cannot be had: the five before them are pinned, and let go', async () => {
    const maps: RowSpec[] = [
      { backing: 'anon', segs: [[A, 8 * P]] },
      { backing: 'anon', flags: ['prot_none'], segs: [[A + 5 * P, 3 * P]] },
    ]
    for (const kernel of KERNEL_VERSIONS) expect(await pinsOf(maps, kernel)).toEqual([5, 5, 0])
  })

  it('half of it with a file behind it: refused by 6.1 once it is pinned', async () => {
    const maps: RowSpec[] = [
      { backing: 'anon', segs: [[A, 4 * P]] },
      { backing: 'shmem', segs: [[A + 4 * P, 4 * P]] },
    ]
    expect(await pinsOf(maps, '6.1')).toEqual([8, 8, 0])
    expect(await pinsOf(maps, '6.12')).toEqual([8, 0, 8])
  })

  it('that reaches beyond what a process can map: nothing is pinned', async () => {
    const end = 0x7ffffffff000
    expect(await pinsOf([], '6.12', [[end - 4 * P, 8 * P]])).toEqual([0, 0, 0])
    expect(await pinsOf([], '6.12', [[end - 4 * P, 4 * P]])).toEqual([4, 0, 4])
    // More than one walk takes.
    expect(await pinsOf([], '6.12', [[end - 5000 * P, 5001 * P]])).toEqual([0, 0, 0])
    expect(await pinsOf([], '6.12', [[end - 5000 * P, 5000 * P]])).toEqual([5000, 0, 5000])
  })

  it('of two segments, the second of which cannot be had: the first is let go too', async () => {
    const maps: RowSpec[] = [{ backing: 'anon', segs: [[A, 8 * P]] }]
    const segs = [
      [A, 2 * P],
      [0x7ffffffff000, P],
    ]
    expect(await pinsOf(maps, '6.18', segs)).toEqual([2, 2, 0])
  })

  it('marks the address space: what is pinned is copied for a child', async () => {
    const rows: RowSpec[] = [
      { event: 'map', backing: 'anon', segs: [[A, 8 * P]] },
      { event: 'register', id: 'b', segs: [[A, 2 * P]] },
      { event: 'fork', mm: 0, result: 7 },
      { event: 'get', mm: 7, segs: [[A, P]] },
      // The child's page is another one than the parent's.
      { event: 'put', mm: 0, segs: [[A, P]] },
    ]
    const lane = await laneOf(rows, { consumers: ['null'] })
    expect(lane.violations).toMatchObject([{ rule: 'unknown-release' }])
    expect(lane.pins).toMatchObject({ open: 2, longTerm: 2 })
  })
})
