import { expect, it } from 'vitest'
import { auditRows, blocks, found, inMemory, type SpaceRow } from '../support/space-rows.ts'

const MEMORY = inMemory(8)

it('tells of a folio that is locked twice by the task that has it', async () => {
  const rows = [...MEMORY, blocks('lock', 2), blocks('lock', 2)]
  expect(found(await auditRows(rows))).toEqual([['H-30', 4, 1]])
})

it('lets several locks be taken by index, in one row or in many: readahead, and writeback that allocates under them', async () => {
  const apart = [...MEMORY, blocks('lock', 0), blocks('lock', 1), blocks('lock', 2), blocks('unlock', 0, 3)]
  expect(await auditRows(apart)).toEqual([])
  const writeback = [...MEMORY, blocks('reserve', 0, 4), blocks('copy_in', 0, 4), blocks('lock', 0, 4)]
  expect(await auditRows([...writeback, blocks('allocate', 0, 4), blocks('unlock', 0, 4)])).toEqual([])
})

it('tells of a nest once, and of the next one again', async () => {
  const nest = [blocks('lock', 3), blocks('lock', 2), blocks('lock', 1), blocks('unlock', 1, 3)]
  expect(found(await auditRows([...MEMORY, ...nest, ...nest]))).toEqual([
    ['H-30', 4, 1],
    ['H-30', 8, 1],
  ])
})

it('minds only the locks of the task at work, and of the same file', async () => {
  const other: readonly SpaceRow[] = [
    { event: 'map', segs: '0x200000+8192', backing: 'file', file: 'g', offset: 0 },
    { event: 'load', segs: '0x200000+8192' },
  ]
  const tasks = [...MEMORY, blocks('lock', 3), { ...blocks('lock', 1), mm: 2 }]
  expect(await auditRows(tasks)).toEqual([])
  const files = [...MEMORY, ...other, blocks('lock', 1), { ...blocks('lock', 0), file: 'g' }]
  expect(await auditRows(files)).toEqual([])
})

it('takes a large folio as one lock, however many pages the row names', async () => {
  const cached: SpaceRow = { event: 'io', op: 'write', iter: 'xarray', segs: 'f:0+16384', consumer: 'buffered' }
  const rows = [cached, blocks('lock', 0, 4), blocks('reserve', 0, 4), blocks('copy_in', 0, 4), blocks('unlock', 0, 4)]
  expect(await auditRows(rows, ['# folio-order 2'])).toEqual([])
  expect(await auditRows([cached, blocks('lock', 0), blocks('lock', 3)], ['# folio-order 2'])).toMatchObject([
    { rule: 'H-30', row: 3 },
  ])
})
