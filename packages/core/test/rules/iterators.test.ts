import { describe, expect, it } from 'vitest'
import { foundIn } from './found.ts'

const COLUMNS = 'event,id,mm,op,iter,segs,len,result,flags'
const found = (rows: string) => foundIn(COLUMNS, rows)

describe('H-24: a device works on what was extracted', () => {
  const call = (op: string, device: string) => `
    init,it,1,${op},ubuf,0x10000+4096,4096
    extract,it,1,,,,4096
    pin,p,1,${op},ubuf,0x10000+4096
    dma,,1,${device},ubuf,0x10000+4096
    unpin,p,1
    consume,it,1,,,,4096
    return,it,1,,,,,4096
  `

  it('against its direction', async () => {
    expect(await found(call('read', 'write'))).toEqual(['H-24@4'])
    expect(await found(call('write', 'read'))).toEqual(['H-24@4', 'H-29@4'])
  })

  it('the way it was made', async () => {
    expect(await found(call('read', 'read'))).toEqual([])
    expect(await found(call('write', 'write'))).toEqual([])
  })
})

describe('H-25', () => {
  const call = (used: number, result: number | '') => `
    init,it,1,write,kvec,0xf0000000000+8192,8192
    extract,it,1,,,,${used}
    consume,it,1,,,,${used}
    return,it,1,,,,,${result}
  `

  it('the call returns another number than was used', async () => {
    expect(await found(call(4096, 8192))).toEqual(['H-25@4'])
    expect(await found(call(8192, 4096))).toEqual(['H-25@4'])
    expect(await found(call(4096, 4096))).toEqual([])
    expect(await found(call(4096, ''))).toEqual([])
  })

  it('where nobody told what was used there is nothing to compare, and a header may be passed over', async () => {
    const init = 'init,it,1,write,ubuf,0x10000+8192,8192\n'
    expect(await found(`${init}advance,it,1,,,,8192\nreturn,it,1,,,,,8192\n`)).toEqual([])
    const rest = 'copy,it,1,write\nadvance,it,1,,,,8180\nconsume,it,1,,,,8180\nreturn,it,1,,,,,8192\n'
    expect(await found(`${init}advance,it,1,,,,12\n${rest}`)).toEqual([])
    expect(await found(`${init}advance,it,1,,,,12\n${rest.replace('8180', '8100')}`)).toEqual(['H-25@6'])
  })
})

describe('H-26', () => {
  const huge = (bytes: number) => `
    init,it,1,write,bvec,0x500:0+4294963200,4294963200
    advance,it,1,,,,${bytes}
    revert,it,1,,,,${bytes}
  `

  it('more than any call moves', async () => {
    expect(await found(huge(3_000_000_000))).toEqual(['H-26@3'])
    expect(await found(huge(2_000_000_000))).toEqual([])
  })

  it('an advance stops at the end', async () => {
    const rows = (back: number) =>
      `init,it,1,write,iovec,0x10000+8192,8192\nadvance,it,1,,,,12288\nrevert,it,1,,,,${back}\n`
    // That it moves on by more than it has is H-28's.
    expect(await found(rows(12288))).toEqual(['H-28@2', 'H-26@3'])
    expect(await found(rows(8192))).toEqual(['H-28@2'])
  })
})

describe('H-20', () => {
  const INIT = 'init,it,1,read,ubuf,0x10000+4096,4096\n'

  it('reverted after its call has returned', async () => {
    const rows = `${INIT}advance,it,1,,,,4096\nreturn,it,1,,,,,-11\nrevert,it,1,,,,4096\n`
    expect(await found(rows)).toEqual(['H-20@4'])
  })

  it('a worker that has the address space: kthread_use_mm', async () => {
    expect(await found(`${INIT}copy,it,1,read,,,,,worker\n`)).toEqual([])
    expect(await found(`${INIT}copy,it,0,read,,,,,worker\n`)).toEqual(['H-20@2'])
  })
})
