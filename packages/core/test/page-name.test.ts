import { describe, expect, it } from 'vitest'
import { HAZARD_RULES } from '../src/lifetime/rules.ts'
import { auditText } from '../src/testing/audit-text.ts'

const HEAD = '# pinscope-trace 1\n# kernel 6.12\nts,end,event,id,mm,op,iter,segs,backing,file,offset,len\n'

async function named(rows: string) {
  const findings = await auditText(HEAD + rows, HAZARD_RULES)
  return findings.map(({ rule, row, pageName, backing }) => [rule, row, pageName, backing])
}

describe('a page of a finding is named as the trace names it', () => {
  it('by address and address space', async () => {
    // The third page of what mm 7 maps.
    const rows = '0,,map,,7,,,0x40000+16384,anon,,,\n1,,pin,kept,7,read,,0x42000+4096,,,,\n'
    expect(await named(rows)).toEqual([['H-10', 2, 'page at 0x42000 of mm 7', 'anon']])
  })

  it('by address, in memory that fork has split, as of whoever has the page', async () => {
    const rows =
      '0,,map,,1,,,0x10000+8192,anon,,,\n1,,store,,1,,,0x10000+8192,,,,\n2,,pin,kept,1,read,,0x11000+4096,,,,\n'
    expect(await named(rows)).toEqual([['H-10', 3, 'page at 0x11000 of mm 1', 'anon']])
  })

  it('by file and index, where a mapping shows a file', async () => {
    // The mapping begins at byte 8192 of the file: its second page has index 3.
    const rows = '0,,map,,1,,,0x10000+16384,file,/data,8192,\n1,,pin,kept,1,read,,0x11000+4096,,,,\n'
    expect(await named(rows)).toEqual([['H-10', 2, 'page 3 of /data', 'file']])
  })

  it('by file and index, where it is in the page cache', async () => {
    const rows =
      '0,100,,,1,read,xarray,/log:20480+4096,,,,\n10,,lock,,1,,,,,/log,20480,4096\n20,,lock,,1,,,,,/log,20480,4096\n'
    expect(await named(rows)).toContainEqual(['H-30', 3, 'page 5 of /log', 'file'])
  })

  it('by file and index, also when it has left the file', async () => {
    const rows =
      '0,,map,,1,,,0x10000+8192,file,/data,0,\n1,,pin,kept,1,read,,0x11000+4096,,,,\n2,,truncate,,1,,,,,/data,0,\n'
    expect(await named(rows)).toEqual([['H-10', 2, 'page 1 of /data', 'file']])
  })

  it('by frame: such a page has a struct page', async () => {
    const rows =
      '0,,alloc,r,1,,,,,,,\n1,,attach,r,1,,bvec,0x500:0+8192,,,,\n2,,submit,r,1,,,,,,,8192\n3,,free,,1,,bvec,0x501:0+4096,,,,\n'
    expect(await named(rows)).toEqual([['H-44', 4, 'pfn 0x501', 'frame']])
  })

  it('as memory of the kernel', async () => {
    const rows =
      '0,,map,,1,,kvec,0xf0000000000+8192,slab,,,\n1,,get,data,1,write,kvec,0xf0000001080+96,,,,\n2,,put,data,1,,,,,,,\n'
    expect(await named(rows)).toEqual([['H-18', 2, 'page at 0xf0000001000 of the kernel', 'slab']])
  })
})
