import { describe, expect, it } from 'vitest'
import { h15 } from '../../src/lifetime/rules/h-15-kind-mismatch.ts'
import { h17 } from '../../src/lifetime/rules/h-17-release-count.ts'
import { auditText } from '../../src/testing/audit-text.ts'

const HEAD = '# pinscope-trace 1\nts,event,id,mm,op,segs,backing,flags\n'

async function found(rows: string) {
  return (await auditText(HEAD + rows, [h15, h17])).map(({ rule, row, detail }) => [rule, row, detail])
}

describe('H-15: the other kind', () => {
  it('a pin that is put leaves 1023 of 1024', async () => {
    const rows = '0,pin,a,1,read,0x10000+4096,,\n1,put,a,1,,,,\n'
    const detail = 'pinned, and put (put_page): a small folio keeps 1023, a large one its pincount'
    expect(await found(rows)).toEqual([['H-15', 2, detail]])
  })

  it('a reference that is unpinned takes 1024 for 1', async () => {
    const rows = '0,get,a,1,write,0x10000+4096,,\n1,unpin,a,1,,,,\n'
    const detail =
      'referenced (get_page), and unpinned: a small folio loses 1024 for 1, a large one gets a negative pincount'
    expect(await found(rows)).toEqual([['H-15', 2, detail]])
  })

  it('both on one page, each dropped as it was taken, are nothing', async () => {
    const rows = '0,pin,a,1,read,0x10000+4096,,\n1,get,b,1,write,0x10000+4096,,\n2,put,b,1,,,,\n3,unpin,a,1,,,,\n'
    expect(await found(rows)).toEqual([])
  })
})

// The second page of a 2 MiB folio: its own counter is not that of the folio.
describe('H-15: two counters', () => {
  const MAP = '0,map,,1,,0x200000+2097152,thp,\n'

  it('a tail page that is raised and never lowered: dropped from its folio', async () => {
    expect((await found(`${MAP}1,get,,1,write,0x201000+4096,,raw\n`)).map(([rule, row]) => [rule, row])).toEqual([
      ['H-15', 2],
    ])
  })

  it('raised and lowered on the same counter', async () => {
    expect(await found(`${MAP}1,get,,1,write,0x201000+4096,,raw\n2,put,,1,,0x201000+4096,,raw\n`)).toEqual([])
  })

  it('of a head page the counter is that of its folio', async () => {
    expect((await found(`${MAP}1,get,,1,write,0x200000+4096,,raw\n`)).map(([rule]) => rule)).toEqual([])
  })
})
