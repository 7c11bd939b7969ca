import { expect, it } from 'vitest'
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
