import { expect, it } from 'vitest'
import { h41 } from '../../src/lifetime/rules/h-41-pin-after-lease-drop.ts'
import { auditText } from '../../src/testing/audit-text.ts'

const HEAD = `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len
0,map,,1,,0x10000+16384,file,a,0,
0,map,,2,,0x10000+16384,file,a,0,
`
const rowsOf = async (rows: string) =>
  (await auditText(HEAD + rows, [h41])).map(({ row, takenRow, pages }) => [row, takenRow, pages])

const LEASE = '1,lease,,1,,,,a,,\n'
const PIN = '2,pin,p,1,read,0x11000+8192,,,,\n'
const UNPIN = '9,unpin,p,1,,,,,,\n'

it('tells a lease that was taken away when its time was over: the pins are still there', async () => {
  const rows = await rowsOf(`${LEASE}${PIN}3,lease_break,,3,,,,a,,\n4,truncate,,3,,,,a,8192,\n${UNPIN}`)
  // Of the two pages the truncate concerns the second one.
  expect(rows).toEqual([[6, 4, 1]])
})

it('is silent while the lease is held: that nobody asked for it is H-40', async () => {
  expect(await rowsOf(`${LEASE}${PIN}4,truncate,,3,,,,a,0,\n${UNPIN}`)).toEqual([])
})

it('is silent where the layout changes elsewhere in the file', async () => {
  expect(await rowsOf(`${LEASE}${PIN}3,unlease,,1,,,,a,,\n4,truncate,,3,,,,a,12288,\n${UNPIN}`)).toEqual([])
})

it('is silent for pins that had no lease: of another task, or taken later', async () => {
  const other = '2,pin,p,2,read,0x11000+8192,,,,\n'
  expect(await rowsOf(`${LEASE}${other}3,unlease,,1,,,,a,,\n4,truncate,,3,,,,a,0,\n${UNPIN}`)).toEqual([])
  const later = '4,pin,p,1,read,0x11000+8192,,,,\n5,truncate,,3,,,,a,0,\n'
  expect(await rowsOf(`${LEASE}3,unlease,,1,,,,a,,\n${later}${UNPIN}`)).toEqual([])
})

it('tells pins for reading, too: whose blocks a device loads from is no less settled by the lease', async () => {
  const reading = '2,pin,p,1,write,0x11000+4096,,,,\n'
  expect(await rowsOf(`${LEASE}${reading}3,unlease,,1,,,,a,,\n4,reflink,,3,,,,a,0,\n${UNPIN}`)).toEqual([[6, 4, 1]])
})

it('is silent for the pins of a task that changes the layout itself: it keeps its own lease', async () => {
  const rows = `${LEASE}1,lease,,2,,,,a,,\n${PIN}3,lease_break,,1,,,,a,,\n4,reflink,,1,,,,a,0,16384\n${UNPIN}`
  expect(await rowsOf(rows)).toEqual([])
})

it('is silent for a pin that was taken before its task was granted the lease', async () => {
  const before = `0,pin,p,1,read,0x11000+8192,,,,\n${LEASE}`
  expect(await rowsOf(`${before}3,unlease,,1,,,,a,,\n4,truncate,,3,,,,a,0,\n${UNPIN}`)).toEqual([])
  expect(await rowsOf(`${before}3,lease_break,,3,,,,a,,\n4,truncate,,3,,,,a,0,\n${UNPIN}`)).toEqual([])
})

it.each([
  ['a hole that is punched', '4,punch,,3,,,,a,4096,4096\n'],
  ['blocks that are replaced (reflink)', '4,reflink,,1,,0x11000+4096,,b,0,4096\n'],
])('tells %s', async (_, change) => {
  expect(await rowsOf(`${LEASE}${PIN}3,unlease,,1,,,,a,,\n${change}${UNPIN}`)).toEqual([[6, 4, 1]])
})
