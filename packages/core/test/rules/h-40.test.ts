import { describe, expect, it } from 'vitest'
import { h40 } from '../../src/lifetime/rules/h-40-lease-not-broken.ts'
import { auditText } from '../../src/testing/audit-text.ts'

const HEAD = `# pinscope-trace 1
ts,event,mm,segs,backing,file,offset,len
0,map,1,0x10000+16384,file,a,0,
1,lease,1,,,a,,
`
const rowsOf = async (rows: string) => (await auditText(HEAD + rows, [h40])).map(({ row, since }) => [row, since?.row])

it.each(['truncate', 'reflink', 'allocate', 'layout'])('tells %s under the lease of another task', async (event) => {
  expect(await rowsOf(`2,${event},2,,,a,0,${event === 'truncate' ? '' : 4096}\n`)).toEqual([[3, 2]])
})

it('is silent for the holder itself, for another file, and once the lease was given back', async () => {
  expect(await rowsOf('2,truncate,1,,,a,0,\n')).toEqual([])
  expect(await rowsOf('2,truncate,2,,,b,0,\n')).toEqual([])
  expect(await rowsOf('2,unlease,1,,,a,,\n3,truncate,2,,,a,0,\n')).toEqual([])
})

it('tells a second holder who was not asked: one lease given back ends no other', async () => {
  expect(await rowsOf('2,lease,3,,,a,,\n3,unlease,1,,,a,,\n4,truncate,2,,,a,0,\n')).toEqual([[5, 3]])
})

it('is silent where all were asked', async () => {
  expect(await rowsOf('2,lease,3,,,a,,\n3,lease_break,2,,,a,,\n4,truncate,2,,,a,0,\n')).toEqual([])
})

describe('other changes of the layout', () => {
  it('tells a hole that is punched, and space that is taken for a write', async () => {
    expect(await rowsOf('2,punch,2,,,a,0,4096\n')).toEqual([[3, 2]])
    expect(await rowsOf('2,reserve,2,,,a,0,4096\n3,copy_in,2,,,a,0,4096\n')).toEqual([[3, 2]])
    expect(await rowsOf('2,lease_break,2,,,a,,\n3,punch,2,,,a,0,4096\n4,reserve,2,,,a,0,4096\n')).toEqual([])
    expect(await rowsOf('2,punch,1,,,a,0,4096\n3,reserve,1,,,a,0,4096\n')).toEqual([])
  })

  it('is silent where a write gives back what it reserved: it has asked before it did', async () => {
    const asked = '2,lease_break,2,,,a,,\n3,reserve,2,,,a,0,8192\n4,lease,1,,,a,,\n'
    expect(await rowsOf(`${asked}5,punch,2,,,a,4096,4096\n6,reserve,2,,,a,0,4096\n`)).toEqual([])
    expect(await rowsOf(`${asked}5,punch,2,,,a,4096,8192\n`)).toEqual([[6, 5]])
  })

  it.each(['reflink', 'dedupe'])(
    'tells a file whose blocks are replaced by %s, named by file or by address',
    async (event) => {
      const bySegments = (segs: string, file: string, iter = '') => `2,${event},2,${segs},,${file},0,4096,${iter}\n`
      const head = HEAD.replace('offset,len', 'offset,len,iter').replaceAll(/^(\d.*)$/gm, '$1,')
      const found = async (rows: string) =>
        (await auditText(head + rows, [h40])).map(({ row, since }) => [row, since?.row])
      expect(await found(bySegments('a:0+4096', 'b', 'xarray'))).toEqual([[3, 2]])
      expect(
        await found(`1,load,1,0x10000+4096,,,,,\n${bySegments('0x10000+4096', 'b').replace(',2,0x', ',1,0x')}`),
      ).toEqual([])
      expect(
        await found(`1,map,2,0x20000+4096,file,a,0,,\n1,load,2,0x20000+4096,,,,,\n${bySegments('0x20000+4096', 'b')}`),
      ).toEqual([[5, 2]])
      expect(await found(bySegments('c:0+4096', 'b', 'xarray'))).toEqual([])
    },
  )

  it('tells dedupe of a file that only its segments name', async () => {
    const head = HEAD.replace('offset,len', 'offset,len,iter').replaceAll(/^(\d.*)$/gm, '$1,')
    const rows = await auditText(`${head}2,dedupe,2,a:0+4096,,,,,xarray\n`, [h40])
    expect(rows.map(({ row, since }) => [row, since?.row])).toEqual([[3, 2]])
  })
})
