import { describe, expect, it } from 'vitest'
import { h14 } from '../../src/lifetime/rules/h-14-double-release.ts'
import { h16 } from '../../src/lifetime/rules/h-16-release-of-borrow.ts'
import { h48 } from '../../src/lifetime/rules/h-48-private-state-duplicated.ts'
import { auditText } from '../../src/testing/audit-text.ts'

const RULES = [h14, h16, h48]

async function found(text: string) {
  const findings = await auditText(`# pinscope-trace 1\n${text}`, RULES)
  return findings.map(({ rule, row, takenRow, since }) => [rule, row, since ?? takenRow])
}

describe('H-14: what was dropped is dropped again', () => {
  it('in its completion, where a recorded event was first', async () => {
    const rows = `ts,end,event,id,mm,op,iter,segs,flags
0,100,io,write,1,write,ubuf,0x10000+8192,direct
10,,unpin,write,1,,,,
`
    expect(await found(rows)).toEqual([['H-14', 1, 1]])
  })

  it('an object that is freed twice, by one descriptor', async () => {
    const rows = `ts,event,id,mm,call
0,alloc,table,1,sg_table
1,free,table,1,
2,free,table,1,
`
    expect(await found(rows)).toEqual([['H-14', 3, { row: 1, what: 'allocated' }]])
  })

  it('a reference that is taken anew in between is not', async () => {
    const rows = `ts,event,id,mm,op,segs
0,get,pages,1,write,0x10000+4096
1,put,pages,1,,
2,get,pages,1,write,0x10000+4096
3,put,pages,1,,
`
    expect(await found(rows)).toEqual([])
  })
})
