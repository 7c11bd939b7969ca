import { expect, it } from 'vitest'
import { h38 } from '../../src/lifetime/rules/h-38-reflink-with-live-write-pin.ts'
import { auditText } from '../../src/testing/audit-text.ts'

const HEAD = `# pinscope-trace 1
ts,end,event,id,mm,op,segs,backing,file,offset,len
0,,map,,1,,0x10000+16384,file,a,0,
`
const rowsOf = async (rows: string) => (await auditText(HEAD + rows, [h38])).map(({ row, pages }) => [row, pages])

it('is silent where only other pages of the file are pinned', async () => {
  const rows = await rowsOf('1,,pin,p,1,read,0x12000+8192,,,,\n2,,reflink,,2,,,,a,0,8192\n3,,unpin,p,1,,,,,,\n')
  expect(rows).toEqual([])
})

it('is silent for a pin that a device only reads through', async () => {
  const rows = await rowsOf('1,,pin,p,1,write,0x10000+8192,,,,\n2,,reflink,,2,,,,a,0,8192\n3,,unpin,p,1,,,,,,\n')
  expect(rows).toEqual([])
})

it('tells each page of a direct read that is on its way, whichever reference it has', async () => {
  // On 6.1 direct I/O takes references instead of pins: bio_iov_iter_get_pages.
  const io = '1,9,io,,1,read,0x10000+8192,,other,0,\n2,,reflink,,2,,,,a,0,16384\n'
  for (const kernel of ['6.1', '6.12'] as const) {
    const findings = await auditText(HEAD + io, [h38], { kernel })
    expect(findings.map(({ row, pages, takenRow }) => [row, pages, takenRow])).toEqual([[3, 2, 2]])
  }
})

it('is silent once that read is over', async () => {
  expect(await rowsOf('1,2,io,,1,read,0x10000+8192,,other,0,\n3,,reflink,,2,,,,a,0,16384\n')).toEqual([])
})

it('tells dedupe, which shares blocks as reflink does', async () => {
  const rows = await rowsOf(
    '1,,pin,p,1,read,0x10000+4096,,,,\n2,,compare,,2,,,,a,0,4096\n3,,dedupe,,2,,,,a,0,4096\n4,,unpin,p,1,,,,,,\n',
  )
  expect(rows).toEqual([[4, 1]])
})
