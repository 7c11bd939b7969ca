import { describe, expect, it } from 'vitest'
import { auditRows, blocks, found, inMemory, type SpaceRow, size, writeEnd } from '../support/space-rows.ts'

/** Four pages in memory over a hole. */
const HOLE = [...inMemory(4), blocks('punch', 0, 4)]
/** The flusher. */
const writeback = (first: number, count = 1): SpaceRow => ({ ...blocks('writeback', first, count), mm: 9 })
/** The same by the addresses at which the pages are mapped: msync. */
const sync = (event: string, first: number, count = 1): SpaceRow => {
  return { event, segs: `0x${(0x100000 + first * 4096).toString(16)}+${count * 4096}` }
}

describe('H-36, dirty data meets its writeback over a hole', () => {
  it('that nobody asked a block for: another made it dirty, and no write is under way', async () => {
    const rows = [...HOLE, { ...blocks('dirty', 1), mm: 2 }, writeback(0, 4)]
    expect(found(await auditRows(rows))).toEqual([['H-36', 5, 1]])
  })

  it('by address, page by page, and after a row that cleans it', async () => {
    const rows = [...HOLE, blocks('dirty', 1, 2), sync('writeback', 0, 4)]
    expect(found(await auditRows(rows))).toEqual([['H-36', 5, 2]])
    const apart = [...HOLE, blocks('dirty', 1, 2), sync('clean', 0, 4), sync('writeback', 1)]
    expect(found(await auditRows(apart))).toEqual([['H-36', 6, 1]])
  })

  it('by file, after a row that cleans it', async () => {
    const clean = { ...blocks('clean', 0, 4), mm: 9 }
    expect(found(await auditRows([...HOLE, blocks('dirty', 1, 2), clean, writeback(1)]))).toEqual([['H-36', 6, 1]])
  })

  it('not where a part of a large folio was punched that was dirty before: that part is zeroes', async () => {
    const map: SpaceRow = {
      event: 'map',
      segs: '0x100000+16384',
      backing: 'file',
      file: 'f',
      offset: 0,
      flags: 'order=2',
    }
    const rows = [map, sync('load', 0, 4), blocks('dirty', 0, 4), blocks('punch', 3), writeback(0, 4)]
    expect(found(await auditRows(rows))).toEqual([])
    expect(found(await auditRows([...rows.slice(0, 4), blocks('dirty', 3), writeback(0, 4)]))).toEqual([['H-36', 6, 1]])
  })

  it('of which no page is in memory as the trace tells of it', async () => {
    expect(found(await auditRows([blocks('punch', 0, 4), blocks('dirty', 1), writeback(0, 4)]))).toEqual([
      ['H-36', 3, 1],
    ])
  })

  it('that was punched under it when the write was over', async () => {
    const write = [blocks('reserve', 0, 4), blocks('copy_in', 0, 4), writeEnd(0, 4, 16_384)]
    const rows = [...inMemory(4), ...write, blocks('punch', 1), blocks('dirty', 1), writeback(0, 4)]
    expect(found(await auditRows(rows))).toEqual([['H-36', 8, 1]])
  })

  it('that was punched before a pin for writing faulted the page in: it has a block again', async () => {
    const write = [blocks('reserve', 0, 4), blocks('copy_in', 0, 4), blocks('allocate', 0, 4), writeEnd(0, 4, 16_384)]
    const saved = [writeback(0, 4), { ...blocks('writeback_end', 0, 4), mm: 9 }]
    const pin = (op: string): SpaceRow[] => {
      return [
        { ...sync('pin', 1), id: 'b', op },
        { event: 'unpin', id: 'b', flags: op === 'read' ? 'dirty' : '' },
      ]
    }
    const rows = (op: string): SpaceRow[] => [...inMemory(4), ...write, ...saved, blocks('punch', 1), ...pin(op)]
    expect(found(await auditRows([...rows('read'), writeback(0, 4)]))).toEqual([])
    expect(found(await auditRows([...rows('read'), sync('writeback', 0, 4)]))).toEqual([])
    // One that only reads asks for nothing, and who marks the page dirty then does not either.
    const dirtied = [...rows('write'), blocks('dirty', 1), writeback(0, 4)]
    expect(found(await auditRows(dirtied))).toEqual([['H-36', 13, 1]])
  })

  it('once: what was written back is clean until it is made dirty again', async () => {
    const end = { ...blocks('writeback_end', 0, 4), mm: 9 }
    const once = [...HOLE, blocks('dirty', 1), writeback(0, 4), end, writeback(0, 4), end, sync('writeback', 0, 4)]
    expect(found(await auditRows(once))).toEqual([['H-36', 5, 1]])
    expect(found(await auditRows([...once.slice(0, 6), blocks('dirty', 2), writeback(0, 4)]))).toEqual([
      ['H-36', 5, 1],
      ['H-36', 8, 1],
    ])
  })

  it('that a write left: at its end, and where the data is lost', async () => {
    const rows = [blocks('reserve', 0, 2), blocks('copy_in', 0, 2), blocks('punch', 1), writeEnd(0, 2, 8192)]
    expect(found(await auditRows([...rows, writeback(0, 2)]))).toEqual([
      ['H-36', 4, 1],
      ['H-36', 5, 1],
    ])
  })
})

describe('H-36 is silent at writeback', () => {
  it.each([
    ['of clean pages', []],
    ['of what has a reservation', [blocks('reserve', 1), blocks('dirty', 1)]],
    ['of what is allocated first', [blocks('dirty', 1), { ...blocks('allocate', 1), mm: 9 }]],
    ['of a page that was prepared (page_mkwrite) over the hole', [{ ...blocks('mkwrite', 1), mm: 2 }]],
    ['of a page that a CPU stored to: the file system was asked', [sync('store', 1)]],
    ['of what was truncated', [blocks('dirty', 1), { event: 'truncate', file: 'f', offset: 0 }]],
  ])('%s', async (_, rows) => {
    expect(await auditRows([...HOLE, ...rows, writeback(0, 4)])).toEqual([])
    expect(await auditRows([...HOLE, ...rows, sync('writeback', 0, 4)])).toEqual([])
  })

  it('but not where the hole came after the file system was asked', async () => {
    const rows = [...inMemory(4), blocks('reserve', 0, 4), blocks('mkwrite', 1), { ...blocks('punch', 0, 4), mm: 2 }]
    expect(found(await auditRows([...rows, writeback(0, 4)]))).toEqual([['H-36', 6, 1]])
    expect(found(await auditRows([...rows, sync('writeback', 1, 3)]))).toEqual([['H-36', 6, 1]])
  })

  it('of a file of whose space no event told', async () => {
    expect(await auditRows([...inMemory(4), size(4), blocks('dirty', 0, 4), writeback(0, 4)])).toEqual([])
  })
})
