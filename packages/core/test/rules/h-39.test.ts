import { expect, it } from 'vitest'
import { h39 } from '../../src/lifetime/rules/h-39-dedupe-compare-race.ts'
import { auditText } from '../../src/testing/audit-text.ts'

const HEAD = `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len
0,map,,1,,0x10000+16384,file,a,0,
1,pin,p,1,read,0x10000+16384,,,,
`
const rowsOf = async (rows: string) =>
  (await auditText(`${HEAD}${rows}90,unpin,p,1,,,,,,\n`, [h39])).map(({ row, pages }) => [row, pages])

const COMPARE = ',compare,,2,,,,a,0,8192\n'
const DEDUPE = ',dedupe,,2,,,,a,0,8192\n'

it('tells a store that began before the comparison and has not arrived when the blocks are shared', async () => {
  const rows = await rowsOf(`2,dma,d,1,read,0x10000+512,,,,\n3${COMPARE}4${DEDUPE}5,dma_end,d,1,,,,,,\n`)
  expect(rows).toEqual([[5, 1]])
})

it('tells one that arrives in between', async () => {
  const rows = await rowsOf(`2,dma,d,1,read,0x10e00+1024,,,,\n3${COMPARE}4,dma_end,d,1,,,,,,\n5${DEDUPE}`)
  expect(rows).toEqual([[6, 2]])
})

it('is silent where the page was compared again', async () => {
  expect(await rowsOf(`2${COMPARE}3,dma,,1,read,0x10000+512,,,,\n4${COMPARE}5${DEDUPE}`)).toEqual([])
})

it('is silent for a device that only loads, and for stores to other pages', async () => {
  const rows = `2,dma,d,1,write,0x10000+512,,,,\n3${COMPARE}4,dma,,1,read,0x12000+512,,,,\n5${DEDUPE}6,dma_end,d,1,,,,,,\n`
  expect(await rowsOf(rows)).toEqual([])
})

it('tells a store once: what is stored after the remap is no race with the comparison', async () => {
  expect(await rowsOf(`2${COMPARE}3${DEDUPE}4,dma,,1,read,0x10000+512,,,,\n`)).toEqual([])
})
