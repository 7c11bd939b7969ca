import { describe, expect, it } from 'vitest'
import { foundIn } from './found.ts'

const COLUMNS = 'event,id,call,mm,op,iter,segs,backing,len,result,flags'

// lifetime.md 18, H-10 to H-13: which of the rules about leaks tells of one.
describe('a call that fails', () => {
  const call = (freed: string, unpinned: string) => `
    map,,,1,,,0x12000+4096,pfn
    init,call,,1,read,ubuf,0x10000+16384,,16384
    alloc,array,page_array,1,,,,,4
    pin,pages,,1,read,,0x10000+16384
    ${unpinned}
    ${freed}
    return,call,,1,,,,,,-14
  `

  it('frees its array of pages, and not the pins in it: those of a failed call', async () => {
    expect(await foundIn(COLUMNS, call('free,array,,1', ''))).toEqual(['H-12@4'])
    expect(await foundIn(COLUMNS, call('free,array,,1', 'unpin,pages,,1'))).toEqual([])
  })

  const remote = (flags: string, result: number) => `
    init,c,,1,read,ubuf,0x10000+8192,,8192
    pin,p,,2,read,,0x10000+8192,,,,${flags}
    return,c,,1,,,,,,${result}
  `

  it("took another's memory", async () => {
    expect(await foundIn(COLUMNS, remote('', -14))).toEqual(['H-12@2'])
    expect(await foundIn(COLUMNS, remote('', 8192))).toEqual(['H-10@2'])
  })

  it('while another pins for long, on purpose', async () => {
    expect(await foundIn(COLUMNS, remote('longterm', -14))).toEqual([])
  })
})

describe('an object lives and dies around a pin that was taken for something else', () => {
  it('the pin was lost by whoever took it', async () => {
    const bio =
      'attach,bio,,1,,,0x10000+4096\npin,lost,,1,read,,0x40000+4096\nsubmit,bio,,1,,,,,4096\ncomplete,bio,,1\n'
    const rows = `alloc,bio,bio,1\npin,a,,1,write,,0x10000+4096\n${bio}unpin,a,,1\nfree,bio,,1\n`
    expect(await foundIn(COLUMNS, rows)).toEqual(['H-10@4'])
    const skb =
      'alloc,skb,skb,1\npin,x,,1,write,,0x10000+4096\npin,lost,,1,read,,0x40000+4096\nunpin,x,,1\ndrop,skb,,1\n'
    expect(await foundIn(COLUMNS, skb)).toEqual(['H-10@3'])
  })

  it('but of the same call it is what the object did not take', async () => {
    const rows = (rest: string) => `
      init,call,,1,read,ubuf,0x10000+16384,,16384
      alloc,bio,bio,1,,,,,2
      pin,first,,1,read,,0x10000+8192
      pin,second,,1,read,,0x12000+8192
      attach,bio,,1,,,0x10000+8192
      ${rest}
      submit,bio,,1,,,,,8192
      return,call,,1,,,,,,8192
      complete,bio,,1
      unpin,first,,1,,,,,,,dirty
      free,bio,,1
    `
    expect(await foundIn(COLUMNS, rows(''))).toEqual(['H-13@4'])
    expect(await foundIn(COLUMNS, rows('unpin,second,,1'))).toEqual([])
  })
})

describe('a pin of four pages, of which two come into an object', () => {
  const rows = (puts: string) => `
    alloc,bio,bio,1,,,,,2
    pin,a,,1,write,,0x10000+16384
    attach,bio,,1,,,0x10000+8192
    submit,bio,,1,,,,,8192
    complete,bio,,1
    ${puts}
    free,bio,,1
  `

  it('it puts its two: the others are the residue', async () => {
    expect(await foundIn(COLUMNS, rows('unpin,a,,1,,,0x10000+8192'))).toEqual(['H-13@2'])
  })

  it('it puts one: a wrong count', async () => {
    expect(await foundIn(COLUMNS, rows('unpin,a,,1,,,0x10000+4096'))).toEqual(['H-17@6'])
  })

  it('both halves are put', async () => {
    const both = 'unpin,a,,1,,,0x10000+8192\nunpin,a,,1,,,0x12000+8192'
    expect(await foundIn(COLUMNS, rows(both))).toEqual([])
  })
})
