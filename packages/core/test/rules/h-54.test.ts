import { describe, expect, it } from 'vitest'
import { auditRows, blocks, found, size, writeEnd } from '../support/space-rows.ts'
import { findingsIn } from './found.ts'

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

describe('a call that returns', () => {
  const COLUMNS = 'event,id,mm,op,iter,segs,file,offset,len,result'
  const append = (end: string, ...calls: readonly string[]) => `
    extend,,1,,,,f,4096,,
    init,call,1,write,ubuf,0x10000+8192,,,8192,
    reserve,,1,,,,f,4096,8192,
    copy_in,,1,,,,f,4096,4096,
    extend,,1,,,,f,8192,,
    punch,,1,,,,f,8192,4096,
    ${end}
    ${calls.join('\n')}`
  const END = 'write_end,,1,,,,f,4096,8192,4096'
  const ret = (result: number | '', id = 'call', mm = 1) => `return,${id},${mm},,,,,,,${result}`
  const rowsOf = async (text: string) =>
    (await findingsIn(COLUMNS, text)).filter(({ rule }) => rule === 'H-54').map(({ row }) => row)

  it('with an error, though a write of it has committed bytes behind the end of the file', async () => {
    expect(await rowsOf(append(END, ret(EAGAIN)))).toEqual([8])
    expect(await rowsOf(append(END, ret(4095)))).toEqual([8])
  })

  it('with what was committed, or with nobody telling what', async () => {
    expect(await rowsOf(append(END, ret(4096)))).toEqual([])
    expect(await rowsOf(append(END, ret('')))).toEqual([])
  })

  it('is told of once: in the write that says so itself', async () => {
    expect(await rowsOf(append('write_end,,1,,,,f,4096,8192,-11', ret(EAGAIN)))).toEqual([7])
  })

  it('takes the size back first, or is the call of another', async () => {
    expect(await rowsOf(append(END, 'extend,,1,,,,f,4096,,', ret(EAGAIN)))).toEqual([])
    const other = 'init,other,2,write,ubuf,0x10000+8192,,,8192,'
    expect(await rowsOf(append(`${other}\n${END}`, ret(EAGAIN, 'other', 2), ret(4096)))).toEqual([])
  })

  it('is one of two of its address space: nobody tells whose the rows are', async () => {
    const beside = append(END, ret(4096)).replace('init,', 'init,other,1,write,ubuf,0x10000+8192,,,8192,\ninit,')
    expect(await rowsOf(`${beside}\n${ret(EAGAIN, 'other')}`)).toEqual([])
    expect(await rowsOf(beside.replace('extend,,1', `${ret(EAGAIN, 'other')}\nextend,,1`))).toEqual([])
  })
})
