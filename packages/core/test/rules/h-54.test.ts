import { expect, it } from 'vitest'
import { auditRows, blocks, found, size, writeEnd } from '../support/space-rows.ts'

const EAGAIN = -11

/** One block of three is committed behind the first 2 of the file. */
const COMMITTED = [size(2), blocks('reserve', 2, 3), blocks('copy_in', 2), size(3), blocks('punch', 3, 2)]

it('tells of an error, and of a count that is too small', async () => {
  expect(found(await auditRows([...COMMITTED, writeEnd(2, 3, EAGAIN)]))).toEqual([['H-54', 6, 0]])
  expect(found(await auditRows([...COMMITTED, writeEnd(2, 3, 4095)]))).toEqual([['H-54', 6, 0]])
  expect(await auditRows([...COMMITTED, writeEnd(2, 3, 4096)])).toEqual([])
})

it('lets a write inside the file fail after a part: the next attempt writes the same bytes in the same place', async () => {
  const rows = [size(16), blocks('copy_in', 2), writeEnd(2, 3, EAGAIN)]
  expect(await auditRows(rows)).toEqual([])
})

it('lets the size be taken back, be told apart from a write, or be moved by another', async () => {
  expect(await auditRows([...COMMITTED, size(2), writeEnd(2, 3, EAGAIN)])).toEqual([])
  expect(await auditRows([size(4), writeEnd(2, 3, EAGAIN)])).toEqual([])
  expect(await auditRows([size(2), blocks('copy_in', 1), size(5), writeEnd(1, 4, EAGAIN)])).toEqual([])
})

it('tells of nothing where a mapping of the write was over before, with what it committed', async () => {
  const rows = [
    ...COMMITTED,
    writeEnd(2, 3, 4096),
    blocks('reserve', 3, 2),
    blocks('punch', 3, 2),
    writeEnd(3, 2, EAGAIN),
  ]
  expect(await auditRows(rows)).toEqual([])
})
