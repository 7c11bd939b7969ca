import { describe, expect, it } from 'vitest'
import { auditRows, blocks, found, inMemory, type SpaceRow, size, writeEnd } from '../support/space-rows.ts'

// lifetime.md 19, scenario 11, and 15 and 16.1 for the other schemes: 32 pages into a hole of a file, space for 16 of them.

const PAGES = 32
const SPACE = 16
const ENOSPC = -28

/** A file of 1 MiB that is one hole. */
const SPARSE: readonly SpaceRow[] = [...inMemory(PAGES), size(256), blocks('punch', 0, 256)]

function each(count: number, rows: (block: number) => readonly SpaceRow[]): readonly SpaceRow[] {
  return Array.from({ length: count }, (_, block) => rows(block)).flat()
}

describe('recvfile: 32 pages prepared, ENOSPC at the 17th', () => {
  it('holds nested locks, leaves 16 blocks and exposes what they had (a page is locked, then its block allocated)', async () => {
    const rows = [
      ...SPARSE,
      ...each(SPACE, (block) => [blocks('lock', block), blocks('allocate', block)]),
      blocks('lock', SPACE),
      ...each(SPACE + 1, (block) => [blocks('unlock', block)]),
      writeEnd(0, PAGES, ENOSPC),
    ]
    expect(found(await auditRows(rows))).toEqual([
      ['H-30', SPARSE.length + 3, 1],
      ['H-31', rows.length, 16],
      ['H-32', rows.length, 16],
    ])
  })

  it('is found the same where all 32 locks come first', async () => {
    const rows = [
      ...SPARSE,
      ...each(PAGES, (block) => [blocks('lock', block)]),
      ...each(SPACE, (block) => [blocks('allocate', block)]),
      ...each(PAGES, (block) => [blocks('unlock', block)]),
      writeEnd(0, PAGES, ENOSPC),
    ]
    expect(found(await auditRows(rows))).toEqual([
      ['H-30', SPARSE.length + PAGES + 1, 1],
      ['H-31', rows.length, 16],
      ['H-32', rows.length, 16],
    ])
  })

  it('is a deadlock in waiting with space for all: it waits 8 s for the peer, which allocates, under 32 locks', async () => {
    const rows: readonly SpaceRow[] = [
      ...SPARSE,
      ...each(PAGES, (block) => [blocks('lock', block), blocks('allocate', block)]),
      { event: 'wait', call: 'network', len: 8_000_000_000 },
      { event: 'allocation', call: 'GFP_KERNEL' },
      ...each(PAGES, (block) => [blocks('copy_in', block), blocks('unlock', block)]),
      writeEnd(0, PAGES, PAGES * 4096),
    ]
    const wait = SPARSE.length + 2 * PAGES + 1
    expect(found(await auditRows(rows))).toEqual([
      ['H-30', SPARSE.length + 3, 1],
      ['H-33', wait, 32],
      ['H-34', wait + 1, 32],
    ])
  })
})

describe('the sound schemes, with the same space', () => {
  it('page by page: 16 written, a short write', async () => {
    const rows = [
      ...SPARSE,
      ...each(SPACE, (block) => [
        blocks('lock', block),
        blocks('allocate', block),
        blocks('copy_in', block),
        blocks('unlock', block),
      ]),
      writeEnd(0, PAGES, SPACE * 4096),
    ]
    expect(await auditRows(rows)).toEqual([])
  })

  it('2010: the reservation fails, nothing happened', async () => {
    expect(await auditRows([...SPARSE, writeEnd(0, PAGES, ENOSPC)])).toEqual([])
  })

  it('2010, with space: reserve, copy a page at a time, allocate what was copied, unreserve the rest', async () => {
    const rows = [
      ...SPARSE,
      blocks('reserve', 0, PAGES),
      ...each(9, (block) => [blocks('lock', block), blocks('copy_in', block), blocks('unlock', block)]),
      blocks('allocate', 0, 9),
      blocks('unreserve', 9, PAGES - 9),
      writeEnd(0, PAGES, 9 * 4096),
    ]
    expect(await auditRows(rows)).toEqual([])
  })

  it('iomap: the source ends at page 9 of 16, and the rest is punched (16.1)', async () => {
    const rows = [
      ...inMemory(16),
      blocks('reserve', 0, 16),
      blocks('lock', 0),
      blocks('copy_in', 0, 8),
      size(8),
      blocks('unlock', 0),
      blocks('lock', 8),
      blocks('copy_in', 8),
      size(9),
      blocks('unlock', 8),
      blocks('punch', 9, 7),
      writeEnd(0, 16, 36_864),
    ]
    expect(await auditRows(rows)).toEqual([])
  })
})

describe('the prototype of 2010 (lifetime.md 13.3, 13.4)', () => {
  const copied = (count: number) =>
    each(count, (block) => [blocks('lock', block), blocks('copy_in', block), blocks('unlock', block)])

  it('I1, I2: a copy over a hole comes after RESERVE, and within it', async () => {
    const rows = [...SPARSE, blocks('reserve', 0, 4), ...copied(5)]
    expect(found(await auditRows(rows))).toEqual([['H-35', SPARSE.length + 1 + 4 * 3 + 2, 1]])
  })

  it('I3: ALLOCATE of more than was copied leaves blocks with what the disk had', async () => {
    const rows = [...SPARSE, blocks('reserve', 0, 8), ...copied(3), blocks('allocate', 0, 8), writeEnd(0, 8, 3 * 4096)]
    expect(found(await auditRows(rows))).toEqual([
      ['H-31', rows.length, 5],
      ['H-32', rows.length, 5],
    ])
  })

  it('I4: a short copy leaves what was reserved: UNRESERVE is never called when something was copied', async () => {
    const rows = [...SPARSE, blocks('reserve', 0, 8), ...copied(3), blocks('allocate', 0, 3), writeEnd(0, 8, 3 * 4096)]
    expect(found(await auditRows(rows))).toEqual([['H-37', rows.length, 5]])
  })

  it('I6: a second page is locked in the copy loop', async () => {
    const rows = [...SPARSE, blocks('reserve', 0, 2), blocks('lock', 0), blocks('lock', 1), blocks('copy_in', 0)]
    expect(found(await auditRows(rows))).toEqual([['H-30', rows.length, 1]])
  })

  it('I7: writeback begins between the copy and ALLOCATE', async () => {
    const rows = [...SPARSE, blocks('reserve', 0, 2), ...copied(2), { ...blocks('writeback', 1), mm: 2 }]
    expect(found(await auditRows(rows))).toEqual([['H-36', rows.length, 1]])
  })

  it('writeback that allocates first is sound, during the write and after it', async () => {
    const during = [...SPARSE, blocks('reserve', 0, 2), ...copied(2), blocks('allocate', 1), blocks('writeback', 1)]
    expect(await auditRows(during)).toEqual([])
    const after = [...SPARSE, blocks('reserve', 0, 2), ...copied(2), writeEnd(0, 2, 8192), blocks('writeback', 1)]
    expect(await auditRows(after)).toEqual([])
  })
})

describe('the order of the prototype (lifetime.md 13.3), where no page of the file is in memory', () => {
  const sound = [
    { event: 'lock_file', file: 'f', offset: 0, len: 8192 },
    blocks('reserve', 0, 2),
    blocks('copy_in', 0, 2),
    blocks('allocate', 0, 2),
    { event: 'unlock_file', file: 'f' },
    writeEnd(0, 2, 8192),
  ]
  const without = (event: string) => sound.filter((row) => row.event !== event)

  it('is silent: READ, RESERVE, copy, ALLOCATE, then writeback', async () => {
    expect(await auditRows([...sound, { ...blocks('writeback', 0, 2), mm: 2 }])).toEqual([])
  })

  it('I3: ALLOCATE of one block where two were copied leaves one without a block', async () => {
    const rows = sound.map((row) => (row.event === 'allocate' ? blocks('allocate', 0, 1) : row))
    expect(found(await auditRows(rows))).toEqual([['H-36', 6, 1]])
  })

  it('I3: a file system that allocates in writeback allocates what it likes, later or in another task', async () => {
    expect(await auditRows(without('allocate'))).toEqual([])
    const later = [...without('allocate'), blocks('allocate', 0, 1)]
    expect(await auditRows(later)).toEqual([])
    const other = { ...blocks('allocate', 0, 1), mm: 2 }
    expect(await auditRows(sound.map((row) => (row.event === 'allocate' ? other : row)))).toEqual([])
    const writeback = [...sound.slice(0, 3), blocks('allocate', 0, 1), blocks('writeback', 0, 1), ...sound.slice(4)]
    expect(await auditRows(writeback)).toEqual([])
  })

  it('I5: space that is reserved behind the end, with no write of its own, is nobodys', async () => {
    expect(found(await auditRows([...sound.slice(1, 4), sound[5], blocks('reserve', 16, 2)]))).toEqual([['H-37', 5, 2]])
  })

  it('I5: RESERVE, ALLOCATE and UNRESERVE behind the unlock that ends the range of READ', async () => {
    const [lock, reserve, copy, allocate, unlock, end] = sound
    expect(found(await auditRows([lock, unlock, reserve, copy, allocate, end]))).toEqual([
      ['H-35', 3, 2],
      ['H-35', 5, 2],
    ])
    expect(found(await auditRows([lock, reserve, copy, unlock, allocate, end]))).toEqual([['H-35', 5, 2]])
    const unused = [lock, reserve, unlock, blocks('unreserve', 0, 2), writeEnd(0, 2, 0)]
    expect(found(await auditRows(unused))).toEqual([['H-35', 4, 2]])
  })

  it('I7: writeback begins between the copy and ALLOCATE', async () => {
    const [lock, reserve, copy, ...rest] = sound
    const early = { ...blocks('writeback', 0, 8), mm: 2 }
    expect(found(await auditRows([lock, reserve, copy, early, ...rest]))).toEqual([['H-36', 4, 2]])
  })

  it('of all of them one trace tells: a short ALLOCATE behind an early writeback, and a reservation of no write', async () => {
    const rows = [
      blocks('reserve', 0, 2),
      blocks('copy_in', 0, 2),
      { ...blocks('writeback', 0, 2), mm: 2 },
      { ...blocks('writeback_end', 0, 2), mm: 2 },
      blocks('allocate', 0),
      writeEnd(0, 2, 8192),
      blocks('reserve', 16, 2),
    ]
    expect(found(await auditRows(rows))).toEqual([
      ['H-36', 3, 2],
      ['H-36', 6, 1],
      ['H-37', 7, 2],
    ])
  })
})
