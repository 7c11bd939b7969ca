import { describe, expect, it } from 'vitest'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

const HEAD = '# pinscope-trace 1\nts,event,id,mm,op,iter,segs,backing,flags\n'

async function found(rows: string): Promise<string[]> {
  const findings = await auditText(HEAD + rows, HAZARD_RULES)
  return findings.map(({ rule, row }) => `${rule}@${row}`)
}

describe('H-29', () => {
  it('a device that decrypts in place what was sent by reference', async () => {
    const rows =
      '0,map,,1,,,0x10000+4096,file,\n1,get,frag,1,write,,0x10000+4096,,\n2,dma,,1,read,,0x10000+256,,\n3,put,frag,1,,,,,\n'
    expect(await found(rows)).toEqual(['H-29@3'])
  })

  it('memory of a program that is sent with MSG_ZEROCOPY must not be changed by the kernel either', async () => {
    const rows =
      '0,map,,1,,,0x10000+4096,anon,\n1,get,frag,1,write,,0x10000+4096,,\n2,store,,1,,,0x10000+16,,kernel\n3,put,frag,1,,,,,\n'
    expect(await found(rows)).toEqual(['H-29@3'])
  })

  it('what the program itself does to it is its own affair', async () => {
    const rows =
      '0,map,,1,,,0x10000+4096,anon,\n1,get,frag,1,write,,0x10000+4096,,\n2,store,,1,,,0x10000+16,,\n3,put,frag,1,,,,,\n'
    expect(await found(rows)).toEqual([])
  })

  it('in place because the caller asked for it: the same pages are source and destination', async () => {
    const rows =
      '0,map,,1,,,0x10000+4096,anon,\n1,pin,src,1,write,,0x10000+4096,,\n2,pin,dst,1,read,,0x10000+4096,,\n3,store,,1,,,0x10000+16,,kernel\n4,unpin,dst,1,,,,,dirty\n5,unpin,src,1,,,,,\n'
    expect(await found(rows)).toEqual([])
  })

  it('a page that nobody holds any more', async () => {
    const rows =
      '0,map,,1,,,0x10000+4096,file,\n1,get,frag,1,write,,0x10000+4096,,\n2,put,frag,1,,,,,\n3,store,,1,,,0x10000+16,,kernel\n'
    expect(await found(rows)).toEqual([])
  })
})

describe('H-49', () => {
  it('a slot whose flags were left, with a page of the ring (push_pipe): wrong all the same, and nobody harmed', async () => {
    const rows =
      '0,map,,,,kvec,0x30000+4096,vmalloc,\n1,slot,pipe,,,kvec,0x30000+4096,,\n2,append,pipe,,,kvec,0x30000+4096,,\n'
    expect(await found(rows)).toEqual(['H-49@3'])
  })

  it('a page that vmsplice put there belongs to another too', async () => {
    const rows =
      '0,map,,1,,,0x10000+4096,anon,\n1,get,gift,1,write,,0x10000+4096,,\n2,slot,pipe,1,,,0x10000+4096,,\n3,append,pipe,1,,,0x10000+4096,,\n4,put,gift,1,,,,,\n'
    expect(await found(rows)).toEqual(['H-49@4'])
  })
})
