import { expect, it } from 'vitest'
import { auditRows, blocks, found, size, writeEnd } from '../support/space-rows.ts'

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
