import { describe, expect, it } from 'vitest'
import { auditRows, blocks, found, inMemory, type SpaceRow, size, writeEnd } from '../support/space-rows.ts'
import { findingsIn } from './found.ts'

const EIO = -5
const EAGAIN = -11

/** Done by another task. */
const other = (...rows: readonly SpaceRow[]): SpaceRow[] => rows.map((row) => ({ ...row, mm: 2 }))

describe('two tasks write to one file at once', () => {
  const sound = other(blocks('allocate', 4, 2), blocks('copy_in', 4, 2), writeEnd(4, 2, 8192))

  it('H-31, H-32: blocks of the one that fails are told when it ends, whoever ended before', async () => {
    const rows = [size(8), blocks('allocate', 0, 2), ...sound, writeEnd(0, 2, EIO)]
    expect(found(await auditRows(rows))).toEqual([
      ['H-31', 6, 2],
      ['H-32', 6, 2],
    ])
    expect(await auditRows([size(8), blocks('allocate', 0, 2), ...sound, blocks('punch', 0, 2)])).toEqual([])
  })

  it('H-31: blocks of the other inside the range of the one that fails are not its', async () => {
    const inside = other(blocks('allocate', 1, 2), blocks('copy_in', 1, 2), writeEnd(1, 2, 8192))
    const [first, ...rest] = inside
    expect(await auditRows([size(0), first, writeEnd(0, 4, EIO), ...rest])).toEqual([])
    expect(found(await auditRows([size(0), first, writeEnd(0, 4, EIO), ...other(writeEnd(1, 2, EIO))]))).toEqual([
      ['H-31', 4, 2],
    ])
  })

  it('H-36: the data of a write is there still when another write has ended', async () => {
    const write = [blocks('reserve', 0, 2), blocks('copy_in', 0, 2)]
    const rows = [...write, ...sound, blocks('punch', 0, 2), writeEnd(0, 2, 8192)]
    expect(found(await auditRows(rows))).toEqual([['H-36', 7, 2]])
    expect(await auditRows([...write, ...sound, writeEnd(0, 2, 8192)])).toEqual([])
  })

  it('H-36: writeback comes too early for the one of two that has not allocated', async () => {
    const write = (task: (...rows: readonly SpaceRow[]) => SpaceRow[], first: number) =>
      task(blocks('reserve', first), blocks('copy_in', first), blocks('allocate', first))
    const both = [...write((...rows) => [...rows], 0), ...write(other, 1).slice(0, 2)]
    expect(found(await auditRows([...both, { ...blocks('writeback', 0, 2), mm: 3 }]))).toEqual([['H-36', 6, 1]])
  })

  it('H-37: a reservation that one of two leaves, and one that is outside of any write', async () => {
    const rows = [blocks('reserve', 0, 2), blocks('copy_in', 0), ...other(blocks('reserve', 4)), writeEnd(0, 2, 4096)]
    expect(found(await auditRows(rows))).toEqual([
      ['H-37', 3, 1],
      ['H-37', 4, 1],
    ])
    const settled = [...rows.slice(0, 3), blocks('unreserve', 1), writeEnd(0, 2, 4096)]
    expect(await auditRows([...settled, ...other(blocks('copy_in', 4), writeEnd(4, 1, 4096))])).toEqual([])
  })

  it('H-54: growth by one of two is not the progress of the other', async () => {
    const grow = [size(0), blocks('reserve', 0, 2), blocks('copy_in', 0), size(1), blocks('punch', 1)]
    expect(await auditRows([...grow, ...other(writeEnd(0, 4, EAGAIN)), writeEnd(0, 2, 4096)])).toEqual([])
    const rows = [...grow, ...other(writeEnd(0, 4, EAGAIN)), writeEnd(0, 2, EAGAIN)]
    expect(found(await auditRows(rows))).toEqual([['H-54', 7, 0]])
  })
})

describe('a fault for writing (page_mkwrite) inside the range of a write', () => {
  const fault = other(blocks('reserve', 2), blocks('mkwrite', 2))

  it.each([
    ['in memory', inMemory(4)],
    ['not in memory', []],
  ])('H-31, H-37: what it reserved is not that of the write, however that ends: %s', async (_, scene) => {
    const write = [...scene, blocks('reserve', 0, 2), ...fault, blocks('unreserve', 0, 2)]
    expect(await auditRows([...write, writeEnd(0, 4, EIO)])).toEqual([])
    expect(await auditRows([...write, writeEnd(0, 4, 0)])).toEqual([])
    const late = [...scene, ...fault, blocks('reserve', 0, 2), writeEnd(0, 4, EIO)]
    expect(found(await auditRows(late))).toEqual([['H-31', late.length, 2]])
  })

  it('H-37: what it reserved and did not make dirty is left', async () => {
    expect(found(await auditRows([...fault.slice(0, 1), writeEnd(0, 4, 0)]))).toEqual([['H-37', 1, 1]])
  })
})

describe('two writes of one task', () => {
  const COLUMNS = 'event,id,mm,file,offset,len,result'
  const each = async (a: string, b: string) =>
    (
      await findingsIn(
        COLUMNS,
        `extend,,1,f,0,,
        allocate,${a},1,f,0,8192,
        allocate,${b},1,f,16384,4096,
        copy_in,${b},1,f,16384,4096,
        write_end,${b},1,f,16384,4096,4096
        write_end,${a},1,f,0,8192,-5`,
      )
    ).map(({ rule, row, pages }) => [rule, row, pages])

  it('are told apart by the id that their rows have', async () => {
    expect(await each('a', 'b')).toEqual([['H-31', 6, 2]])
  })

  it('are one where no row tells them apart: it ends with the first of them', async () => {
    expect(await each('', '')).toEqual([])
  })
})

describe('two writes of one address space, told apart by the id of their rows', () => {
  const of = (id: string, row: SpaceRow): SpaceRow => ({ ...row, mm: 1, id })

  it('a copy is its own write', async () => {
    // a gives back what it has copied into: its own data is lost, and it says at its end that it wrote it.
    const rows = [
      of('a', blocks('reserve', 0, 2)),
      of('b', blocks('reserve', 2, 2)),
      of('b', blocks('copy_in', 2, 2)),
      of('a', blocks('copy_in', 0, 2)),
    ]
    const ended = [of('b', writeEnd(2, 2, 8192)), of('a', writeEnd(0, 2, 8192))]
    expect(found(await auditRows([...rows, ...ended]))).toEqual([])
    const punched = [of('a', blocks('punch', 1)), ...ended]
    expect(found(await auditRows([...rows, ...punched]))).toEqual([['H-36', 7, 1]])
  })
})
