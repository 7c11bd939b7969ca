import { expect, it } from 'vitest'
import { auditRows, blocks, found, type SpaceRow, size, writeEnd } from '../support/space-rows.ts'

/** The first blocks of the file are in the page cache. */
const CACHED: SpaceRow = { event: 'io', op: 'write', iter: 'xarray', segs: 'f:0+32768', consumer: 'buffered' }

it('H-35, H-36: a copy over a hole is told of, and that it stays without a block', async () => {
  const rows = [blocks('punch', 0, 4), blocks('copy_in', 0, 2), writeEnd(0, 2, 8192)]
  expect(found(await auditRows(rows))).toEqual([
    ['H-35', 2, 2],
    ['H-36', 3, 2],
  ])
})

it("H-36: space is punched under another's dirty page", async () => {
  const rows = [
    CACHED,
    blocks('reserve', 0, 4),
    blocks('copy_in', 0, 1),
    { ...blocks('dirty', 2), mm: 2 },
    blocks('punch', 1, 3),
    writeEnd(0, 4, 4096),
  ]
  expect(found(await auditRows(rows))).toEqual([['H-36', 6, 1]])
})

it("H-37: space that is kept under another's dirty page is no leak, the rest is", async () => {
  const rows = [
    CACHED,
    blocks('reserve', 0, 4),
    blocks('copy_in', 0, 1),
    { ...blocks('dirty', 2), mm: 2 },
    blocks('punch', 1),
    writeEnd(0, 4, 4096),
  ]
  expect(found(await auditRows(rows))).toEqual([['H-37', 6, 1]])
  expect(await auditRows([...rows.slice(0, 5), blocks('punch', 3), rows[5]])).toEqual([])
})

it('H-36: a punch that begins inside a written block leaves it (iomap_last_written_block)', async () => {
  const rows: readonly SpaceRow[] = [
    { event: 'reserve', file: 'f', offset: 0, len: 10_000 },
    { event: 'copy_in', file: 'f', offset: 0, len: 5000 },
    { event: 'punch', file: 'f', offset: 5000, len: 5000 },
    { event: 'write_end', file: 'f', offset: 0, len: 10_000, result: 5000 },
  ]
  expect(await auditRows(rows)).toEqual([])
})

it('a hole that is punched into a file after the write is none of these', async () => {
  const write = [blocks('reserve', 0, 4), blocks('copy_in', 0, 4), size(4), writeEnd(0, 4, 16_384)]
  expect(await auditRows([...write, blocks('punch', 0, 4), blocks('reserve', 0), blocks('copy_in', 0)])).toEqual([])
  expect(await auditRows([...write, blocks('punch', 0, 4), writeEnd(0, 4, -28)])).toEqual([])
})

it('H-36, H-37: a large folio that is dirty by the write says nothing of its blocks that were punched', async () => {
  const folio = { event: 'dirty', file: 'f', offset: 0, len: 16_384 }
  const written = [CACHED, blocks('reserve', 0, 4), blocks('copy_in', 0, 1), folio]
  expect(await auditRows([...written, blocks('punch', 1, 3), writeEnd(0, 4, 4096)], ['# folio-order 2'])).toEqual([])
  const kept = [...written, writeEnd(0, 4, 4096)]
  expect(found(await auditRows(kept, ['# folio-order 2']))).toEqual([['H-37', kept.length, 3]])
})

it('H-35: a truncation drops what was reserved: a copy behind the new end needs a reservation of its own', async () => {
  const cut = { event: 'truncate', file: 'f', offset: 4096 }
  const rows = [size(4), blocks('reserve', 0, 4), cut]
  expect(found(await auditRows([...rows, blocks('copy_in', 0, 3)]))).toEqual([['H-35', 4, 2]])
  const again = [blocks('reserve', 1, 3), blocks('copy_in', 0, 4), writeEnd(0, 4, 16_384)]
  expect(await auditRows([...rows, ...again])).toEqual([])
})

it('H-35: of a file of which a trace tells copies only, a truncation leaves no hole to know of', async () => {
  const cut = { event: 'truncate', file: 'f', offset: 0 }
  expect(await auditRows([blocks('copy_in', 0, 2), writeEnd(0, 2, 8192), cut, blocks('copy_in', 0, 2)])).toEqual([])
})
