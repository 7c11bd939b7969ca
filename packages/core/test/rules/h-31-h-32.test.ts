import { describe, expect, it } from 'vitest'
import { auditRows, blocks, found, inMemory, type SpaceRow, size, writeEnd } from '../support/space-rows.ts'

const EIO = -5

it('counts what a failed write reserved, and what it allocated, as H-31', async () => {
  const rows = [size(0), blocks('reserve', 0, 6), blocks('allocate', 0, 2), writeEnd(0, 6, EIO)]
  expect(found(await auditRows(rows))).toEqual([['H-31', 4, 6]])
})

it('is told of a write once, and not of the next one in the same place', async () => {
  const rows = [size(0), blocks('allocate', 0, 2), writeEnd(0, 2, EIO), writeEnd(0, 2, EIO)]
  expect(found(await auditRows(rows))).toEqual([['H-31', 3, 2]])
})

it('leaves alone what an earlier write reserved ahead of itself (speculative preallocation)', async () => {
  const first = [blocks('reserve', 0, 16), blocks('copy_in', 0, 1), size(1), writeEnd(0, 1, 4096)]
  const second = [blocks('copy_in', 1, 2), size(3), writeEnd(1, 8, 8192)]
  expect(await auditRows([...first, ...second])).toEqual([])
})

it('leaves alone what a rejected copy zeroed, and what was cut off behind the end (ext4_truncate_failed_write)', async () => {
  const inside = [size(16), blocks('allocate', 0), blocks('zero', 0), writeEnd(0, 1, EIO)]
  expect(await auditRows(inside)).toEqual([])
  const behind = [size(0), blocks('allocate', 0), blocks('zero', 0), blocks('punch', 0), writeEnd(0, 1, EIO)]
  expect(await auditRows(behind)).toEqual([])
})

it('exposes nothing behind the end of the file, until the file grows over it', async () => {
  const rows = [size(1), blocks('allocate', 1, 2), writeEnd(1, 2, EIO), size(2), size(3), size(4)]
  expect(found(await auditRows(rows))).toEqual([
    ['H-31', 3, 2],
    ['H-32', 4, 1],
    ['H-32', 5, 1],
  ])
})

it('takes a write that failed as one inside the file where nobody told its size', async () => {
  const rows = [blocks('allocate', 0, 2), writeEnd(0, 2, EIO)]
  expect(found(await auditRows(rows))).toEqual([
    ['H-31', 2, 2],
    ['H-32', 2, 2],
  ])
})

it('forgets what a truncation cut off', async () => {
  const cut = { event: 'truncate', file: 'f', offset: 0 }
  const rows = [size(4), blocks('punch', 0, 4), blocks('allocate', 0, 2), cut, writeEnd(0, 4, EIO), size(4)]
  expect(await auditRows(rows)).toEqual([])
})

it('says nothing of a file of whose blocks no event told', async () => {
  expect(await auditRows([blocks('copy_in', 0, 4), size(4), writeEnd(0, 8, 16_384), writeEnd(4, 8, EIO)])).toEqual([])
})

it('counts what was allocated beyond the range of the write: a cluster, an extent', async () => {
  expect(found(await auditRows([size(0), blocks('allocate', 0, 16), writeEnd(5, 1, EIO)]))).toEqual([['H-31', 3, 16]])
  const inside = [size(16), blocks('allocate', 0, 16), writeEnd(5, 1, EIO)]
  expect(found(await auditRows(inside))).toEqual([
    ['H-31', 3, 16],
    ['H-32', 3, 16],
  ])
})

it('leaves alone a cluster that is in use, that was zeroed (unwritten), or given back as a whole', async () => {
  const cluster = [size(0), blocks('allocate', 0, 16)]
  expect(await auditRows([...cluster, blocks('copy_in', 5), writeEnd(5, 1, 4096)])).toEqual([])
  expect(await auditRows([...cluster, blocks('zero', 0, 16), writeEnd(5, 1, EIO)])).toEqual([])
  expect(await auditRows([...cluster, blocks('punch', 0, 16), writeEnd(5, 1, EIO)])).toEqual([])
})

it('exposes what lies before a longer end, where truncation makes the file longer', async () => {
  const rows = [size(0), blocks('allocate', 0, 2)]
  const longer = { event: 'truncate', file: 'f', offset: 8192 }
  expect(found(await auditRows([...rows, longer]))).toEqual([['H-32', 3, 2]])
  expect(await auditRows([...rows, blocks('zero', 0, 2), longer])).toEqual([])
  expect(await auditRows([...rows, { ...longer, offset: 0 }, size(2)])).toEqual([])
})

describe('H-32: a read of blocks that are allocated and not written', () => {
  const read = (first: number, count: number): SpaceRow => {
    return { ...blocks('io', first, count), op: 'read', segs: `0x900000+${count * 4096}`, mm: 2 }
  }
  const BUFFER = { event: 'map', segs: '0x900000+65536', backing: 'anon', mm: 2 }
  const scene = [BUFFER, size(4), blocks('allocate', 0, 2)]
  const rows = (...more: readonly SpaceRow[]) => auditRows([...scene, ...more])

  it('gets what the disk had: an operation, or a load', async () => {
    expect(found(await rows(read(0, 4)))).toEqual([['H-32', 4, 2]])
    expect(found(await rows(blocks('load', 1, 2)))).toEqual([['H-32', 4, 1]])
  })

  it('gets what was written or zeroed first, through the page cache or past it', async () => {
    expect(await rows(blocks('copy_in', 0, 2), read(0, 4))).toEqual([])
    expect(await rows(blocks('zero', 0, 2), read(0, 4))).toEqual([])
    const direct = { ...read(0, 2), op: 'write' }
    expect(await rows(direct, read(0, 4), size(4))).toEqual([])
  })

  it('ends where the file does, and finds a hole or a reservation zeroed', async () => {
    expect(await auditRows([BUFFER, size(0), blocks('allocate', 0, 2), read(0, 4)])).toEqual([])
    const taken = [blocks('punch', 0, 2), blocks('reserve', 2, 2), read(0, 4), blocks('unreserve', 2, 2)]
    expect(await auditRows([BUFFER, size(4), ...taken])).toEqual([])
  })

  it('waits for a folio that the write has locked, until it is copied', async () => {
    const write = [...inMemory(4), BUFFER, size(4), blocks('lock', 0), blocks('allocate', 0)]
    const rest = [blocks('copy_in', 0), blocks('unlock', 0), writeEnd(0, 1, 4096)]
    expect(await auditRows([...write, read(0, 4), ...rest])).toEqual([])
    expect(found(await auditRows([...write.slice(0, 4), write[5], read(0, 4), ...rest.slice(0, 1)]))).toEqual([
      ['H-32', 6, 1],
    ])
  })
})
