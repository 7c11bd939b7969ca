import { describe, expect, it } from 'vitest'
import { foundIn } from './found.ts'

const COLUMNS = 'event,id,call,mm,op,iter,segs,backing,len,flags'

describe('H-27: entries of one attach row', () => {
  const list = (pages: number, capacity: number) => `
    alloc,sge,,1,,,,,${capacity}
    get,pages,,1,write,,0x10000+${pages * 4096}
    attach,sge,,1,,,0x10000+${pages * 4096}
    put,pages,,1
    free,sge,,1
  `

  it('one a page', async () => {
    expect(await foundIn(COLUMNS, list(3, 2))).toEqual(['H-27@3'])
    expect(await foundIn(COLUMNS, list(3, 3))).toEqual([])
  })

  it('one a folio', async () => {
    const huge = `map,,,1,,,0x200000+2097152,thp\n${list(16, 1).replaceAll('0x10000', '0x200000')}`
    expect(await foundIn(COLUMNS, huge)).toEqual([])
  })

  it('one for frames that are named in one piece', async () => {
    expect(await foundIn(COLUMNS, 'alloc,b,bio,1,,,,,1\nattach,b,,1,,bvec,0x500:0+8192\nfree,b,,1\n')).toEqual([])
  })

  it('a list that is filled anew when its I/O is over', async () => {
    const fill = 'attach,r,,1,,,0x10000+8192\nsubmit,r,,1,,,,,8192\n'
    const rows = (between: string) =>
      `alloc,r,,1,,,,,2\npin,p,,1,write,,0x10000+8192\n${fill}${between}${fill}complete,r,,1\nunpin,p,,1\nfree,r,,1\n`
    expect(await foundIn(COLUMNS, rows('complete,r,,1\n'))).toEqual([])
    expect(await foundIn(COLUMNS, rows(''))).toContain('H-27@5')
  })
})

describe('H-18', () => {
  const SLAB = 'map,,,1,,kvec,0xf0000000000+8192,slab\n'
  const into = (kind: string) => foundIn(COLUMNS, `${SLAB}alloc,o,${kind},1\nattach,o,,1,,kvec,0xf0000000080+96\n`)

  it.each(['skb', 'sk_buff', 'sk_msg', 'tls_rec', 'pipe_inode_info'])('%s puts each page', async (kind) => {
    expect(await into(kind)).toEqual(['H-18@3'])
  })

  it.each(['bio', 'scatterlist', 'request'])('%s puts none', async (kind) => {
    expect(await into(kind)).toEqual([])
  })

  it('a raw reference is one', async () => {
    const raw = (event: string) => `${event},,,1,write,kvec,0xf0000000080+96,,,raw\n`
    expect(await foundIn(COLUMNS, SLAB + raw('get') + raw('put'))).toEqual(['H-18@2'])
  })
})

describe('counters of pages themselves', () => {
  const raw = (...events: string[]) => `map,,,1,,,0x10000+4096,anon\nstore,,,1,,,0x10000+8\n${events.join('\n')}\n`
  const GET = 'get,,,1,write,,0x10000+4096,,,raw'
  const PUT = 'put,,,1,write,,0x10000+4096,,,raw'

  it('one put too many, or one that nobody took', async () => {
    expect(await foundIn(COLUMNS, raw(GET, PUT, PUT))).toEqual(['H-17@5'])
    expect(await foundIn(COLUMNS, raw(PUT))).toEqual(['H-17@3'])
    expect(await foundIn(COLUMNS, raw(GET, PUT))).toEqual([])
  })

  it('of a frame that only a list names', async () => {
    const named = 'alloc,r,request,1\nattach,r,,1,,bvec,0x500:0+4096\n'
    const put = 'put,,,1,write,bvec,0x500:0+4096,,,raw\n'
    expect(await foundIn(COLUMNS, `${named}${put}free,r,,1\n`)).toEqual(['H-16@3'])
    expect(await foundIn(COLUMNS, `${named}${put.replace('put', 'get')}${put}free,r,,1\n`)).toEqual([])
  })

  it('of a frame that nothing has listed', async () => {
    expect(await foundIn(COLUMNS, 'get,,,1,write,bvec,0x500:0+4096,,,raw\n')).toEqual(['H-11@1'])
  })
})
