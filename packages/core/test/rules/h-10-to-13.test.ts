import { describe, expect, it } from 'vitest'
import { h10 } from '../../src/lifetime/rules/h-10-pin-leak.ts'
import { h11 } from '../../src/lifetime/rules/h-11-get-leak.ts'
import { h12 } from '../../src/lifetime/rules/h-12-failed-call-keeps-pages.ts'
import { h13 } from '../../src/lifetime/rules/h-13-residue.ts'
import { h17 } from '../../src/lifetime/rules/h-17-release-count.ts'
import { auditText } from '../../src/testing/audit-text.ts'

// lifetime.md 18, H-10 to H-13: one leak is told by one of them.

const LEAKS = [h10, h11, h12, h13, h17]

async function leaks(text: string) {
  const findings = await auditText(text, LEAKS)
  return findings.map(({ rule, row, pages }) => [rule, row, pages])
}

describe('a leak is told once', () => {
  it.each(LEAKS.map((rule) => [rule.id, rule] as const))('%s tells its example alone', async (id, rule) => {
    const rules = (await leaks(rule.example.broken)).map(([rule]) => rule)
    expect(rules).toEqual([id])
  })

  it('of an owner that was freed it says so', async () => {
    const [finding] = await auditText(h11.example.broken, LEAKS)
    expect(finding.detail).toContain('the skb that they belonged to was freed in row 4')
  })

  it('of a long-term pin, which is kept on purpose only while its call and its owner are', async () => {
    const columns = '# pinscope-trace 1\nts,event,id,call,mm,op,iter,segs,len,result,flags\n'
    const call = '0,init,call,,1,read,ubuf,0x10000+8192,8192,,\n1,pin,pages,,1,read,,0x10000+8192,,,longterm\n'
    expect(await leaks(`${columns}${call}2,return,call,,1,,,,,0,\n`)).toEqual([])
    expect(await leaks(`${columns}${call}2,return,call,,1,,,,,-12,\n`)).toEqual([['H-12', 2, 2]])
    const owner = '2,alloc,umem,umem,1,,,,,,\n3,attach,umem,,1,,,0x10000+8192,,,\n4,free,umem,,1,,,,,,\n'
    expect(await leaks(`${columns}${call}${owner}`)).toEqual([['H-10', 2, 2]])
  })

  it('of a call that failed around one that succeeded: what that keeps is its own', async () => {
    const rows = `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,len,result,flags
0,init,read,1,read,ubuf,0x10000+4096,4096,,
1,init,register,1,read,ubuf,0x20000+8192,8192,,
2,pin,region,1,read,,0x20000+8192,,,longterm
3,return,register,1,,,,,0,
4,return,read,1,,,,,-5,
`
    expect(await leaks(rows)).toEqual([])
  })

  it('of a pin that an object has, though its call failed', async () => {
    const rows = `# pinscope-trace 1
ts,event,id,call,mm,op,iter,segs,len,result
0,init,call,,1,read,ubuf,0x10000+8192,8192,
1,pin,pages,,1,read,,0x10000+8192,,
2,alloc,umem,umem,1,,,,,
3,attach,umem,,1,,,0x10000+8192,,
4,free,umem,,1,,,,,
5,return,call,,1,,,,,-12
`
    expect(await leaks(rows)).toEqual([['H-10', 2, 2]])
  })

  it('not of another task whose call failed', async () => {
    const rows = `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,len,result
0,pin,mine,2,read,,0x10000+4096,,
1,init,call,1,read,ubuf,0x10000+4096,4096,
2,return,call,1,,,,,-14
`
    expect(await leaks(rows)).toEqual([['H-10', 1, 1]])
  })

  it('not of what was taken before the call began', async () => {
    const rows = `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,len,result
0,pin,before,1,read,,0x10000+4096,,
1,init,call,1,read,ubuf,0x20000+4096,4096,
2,pin,in,1,read,,0x20000+4096,,
3,return,call,1,,,,,-14
`
    expect(await leaks(rows)).toEqual([
      ['H-10', 1, 1],
      ['H-12', 3, 1],
    ])
  })

  it('by a call that succeeds it is the pin that leaks', async () => {
    const rows = `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,len,result
0,init,call,1,read,ubuf,0x20000+4096,4096,
1,pin,in,1,read,,0x20000+4096,,
2,return,call,1,,,,,4096
`
    expect(await leaks(rows)).toEqual([['H-10', 2, 1]])
  })

  it('of pages that another object was built from while they were held it is no residue of that one', async () => {
    const rows = `# pinscope-trace 1
ts,event,id,call,mm,op,segs
0,pin,ring,,1,read,0x10000+4096
1,alloc,bio,bio,1,,
2,pin,data,,1,write,0x20000+4096
3,attach,bio,,1,,0x20000+4096
4,unpin,data,,1,,
5,free,bio,,1,,
`
    expect(await leaks(rows)).toEqual([['H-10', 1, 1]])
  })

  it('a pin for long that is still there at the end is none', async () => {
    const rows = `# pinscope-trace 1
ts,event,id,mm,op,segs,flags
0,pin,ring,1,read,0x10000+4096,longterm
`
    expect(await leaks(rows)).toEqual([])
  })
})
