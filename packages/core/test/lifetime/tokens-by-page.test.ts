import { expect, it } from 'vitest'
import { findingsIn } from '../rules/found.ts'

// Which tokens a page has is looked up by blocks of 256 pages: a token may have some of several, lose a part, and leave its
// place in the table to another one.

const COLUMNS = 'event,id,mm,op,segs,backing,file,offset,len,flags'
const MAP = 'map,,1,,0x100000+8388608,file,/a,0,,'

async function cleaned(rows: string): Promise<string[]> {
  const findings = await findingsIn(COLUMNS, rows)
  return findings.filter(({ rule }) => rule === 'H-03').map(({ row, pages }) => `${row}:${pages}`)
}

it('a token of 600 pages is found by each of them, and by none that was let go', async () => {
  const pin = 'pin,b,1,read,0x100000+2457600'
  const unpinFirst = 'unpin,b,1,,0x100000+1228800,,,,,dirty'
  expect(await cleaned(`${MAP}\n${pin}\nwriteback,,,,,,/a,2453504,4096,`)).toEqual(['3:1'])
  expect(await cleaned(`${MAP}\n${pin}\nwriteback,,,,,,/a,0,,`)).toEqual(['3:600'])
  expect(await cleaned(`${MAP}\n${pin}\n${unpinFirst}\nwriteback,,,,,,/a,0,,`)).toEqual(['4:300'])
  expect(await cleaned(`${MAP}\n${pin}\n${unpinFirst}\nwriteback,,,,,,/a,1224704,4096,`)).toEqual([])
})

it('one whose place another got is found where that one is', async () => {
  const pin = (page: number): string => `pin,b${page},1,read,0x${(0x100000 + page * 4096).toString(16)}+4096`
  const unpin = (page: number): string => `unpin,b${page},1,,,,,,,dirty`
  const writeback = (page: number): string => `writeback,,,,,,/a,${page * 4096},4096,`
  const end = 'writeback_end,,,,,,/a,0,,'
  const rows = [MAP, pin(0), unpin(0), pin(1000), writeback(0), writeback(1000), unpin(1000), end, pin(0), writeback(0)]
  // The second pin of page 0 faults it in for writing: it is dirty again.
  expect(await cleaned(rows.join('\n'))).toEqual(['6:1', '10:1'])
})
