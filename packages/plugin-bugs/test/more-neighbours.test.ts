import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { traceOf } from './trace-text.ts'

const COLUMNS = 'event,id,call,mm,op,iter,segs,backing,file,offset,len,result,flags'

/** Neighbours of bugs of the collection: the number, what is another in them, rows as in a diff, rule, row and pages. */
const PAIRS: readonly (readonly [number, string, string, readonly (readonly [string, number, number])[]])[] = [
  [
    1,
    'the second vector of two, by a copy',
    `
    - init,rd,,1,write,iovec,0x10000+4096;0x20000+4096,,,,8192
    + init,rd,,1,read,iovec,0x10000+4096;0x20000+4096,,,,8192
      copy,rd,,1,read
      return,rd,,1,,,,,,,,8192
    `,
    [['H-24', 2, 0]],
  ],
  [
    2,
    'behind bytes that were skipped',
    `
    - init,z,,1,write,xarray,a:8192+4096,,,,4096
    + init,z,,1,read,xarray,a:8192+4096,,,,4096
      advance,z,,1,,,,,,,1000
      copy,z,,1,read
      return,z,,1,,,,,,,,3096
    `,
    [['H-24', 3, 0]],
  ],
  [
    3,
    'the residue of a request, by references',
    `
      get,u,,1,read,,0x10000+65536
      alloc,rq,request,1,,,,,,,10
      attach,rq,,1,,,0x10000+40960
      submit,rq,,1,,,,,,,40960
      complete,rq,,1,,,,,,,,40960
      put,u,,1,,,0x10000+40960
    + put,u,,1,,,0x1a000+24576
      free,rq,,1
    `,
    [['H-13', 1, 6]],
  ],
  [
    5,
    'the third chunk of a region fails, and goes alone',
    `
      init,r,,1,read,ubuf,0x10000+24576,,,,24576
      pin,a,,1,read,,0x10000+8192,,,,,,longterm
      pin,b,,1,read,,0x12000+8192,,,,,,longterm
      pin,c,,1,read,,0x14000+8192,,,,,,longterm
      unpin,c,,1
    + unpin,b,,1
    + unpin,a,,1
      return,r,,1,,,,,,,,-12
    `,
    [
      ['H-12', 2, 2],
      ['H-12', 3, 2],
    ],
  ],
  [
    6,
    'the second page cannot be had, by references',
    `
      map,,,1,,,0x11000+4096,pfn
      init,r,,1,read,ubuf,0x10000+16384,,,,16384
      get,a,,1,read,,0x10000+16384
    + put,a,,1
      return,r,,1,,,,,,,,-14
    `,
    [['H-12', 3, 1]],
  ],
  [
    8,
    'the context goes, and the account with it',
    `
      account,,,1,,,,,,,8192
      pin,u,,1,read,,0x10000+8192,,,,,,longterm
      alloc,c,umem,1
      attach,c,,1,,,0x10000+8192
    + unpin,u,,1,,,,,,,,,dirty
      free,c,,1
      unaccount,,,1,,,,,,,8192
    `,
    [
      ['H-10', 2, 2],
      ['H-50', 6, 2],
    ],
  ],
  [
    10,
    'the end of the file, of which nothing is read',
    `
      init,r,,1,read,bvec,0x500:0+8192,,,,8192
      extract,r,,1,,,,,,,8192
    + revert,r,,1,,,,,,,8192
      return,r,,1,,,,,,,,0
    `,
    [['H-25', 3, 0]],
  ],
  [
    14,
    'the first two pages of four are put twice',
    `
      get,u,,1,write,,0x10000+16384
      put,u,,1,,,0x10000+8192
    - put,u,,1,,,0x10000+16384
    + put,u,,1,,,0x12000+8192
    `,
    [['H-14', 3, 2]],
  ],
  [
    20,
    'two copies, and a reference for one of them',
    `
      alloc,n,ubuf_info,1
      share,n,,1
      clone,n,,1
      clone,n,,1
    + share,n,,1
      drop,n,,1
      drop,n,,1
      drop,n,,1
    `,
    [['H-47', 6, 0]],
  ],
  [
    22,
    'a reference on the first page of three, and all are put',
    `
      get,f,,1,read,bvec,0x500:0+4096
    + get,g,,1,read,bvec,0x501:0+8192
    - put,f,,1,,bvec,0x500:0+12288
    + put,f,,1
    + put,g,,1
    `,
    [['H-17', 2, 2]],
  ],
  [
    26,
    'two requests have the page, and one is over',
    `
      alloc,rq,request,1
      alloc,rq2,request,1
      attach,rq,,1,,bvec,0x500:0+4096
      attach,rq2,,1,,bvec,0x500:0+4096
      submit,rq,,1,,,,,,,4096
      submit,rq2,,1,,,,,,,4096
      complete,rq,,1,,,,,,,,4096
    - free,,,1,,bvec,0x500:0+4096
      complete,rq2,,1,,,,,,,,4096
    + free,,,1,,bvec,0x500:0+4096
    `,
    [['H-44', 8, 1]],
  ],
  [
    29,
    'what a bio may list, and an skb may not',
    `
      map,,,1,,kvec,0xf0000000000+4096,slab
    - alloc,b,skb,1
    + alloc,b,bio,1
      attach,b,,1,,kvec,0xf0000000080+64
      submit,b,,1,,,,,,,64
      complete,b,,1,,,,,,,,64
      free,b,,1
    `,
    [['H-18', 3, 1]],
  ],
  [
    34,
    'a bio of two entries is filled anew, with three',
    `
      alloc,b,bio,1,,,,,,,2
      get,u,,1,write,,0x10000+16384
      attach,b,,1,,,0x10000+4096
      attach,b,,1,,,0x11000+4096
      submit,b,,1,,,,,,,8192
      complete,b,,1,,,,,,,,8192
      attach,b,,1,,,0x12000+4096
      attach,b,,1,,,0x13000+4096
    - attach,b,,1,,,0x10000+4096
      submit,b,,1,,,,,,,8192
      complete,b,,1,,,,,,,,8192
      put,u,,1
      free,b,,1
    `,
    [['H-27', 9, 1]],
  ],
  [
    34,
    'the walk begins behind a header, and ends behind the memory',
    `
      init,w,,1,write,bvec,0x500:0+8192,,,,8192
      advance,w,,1,,,,,,,512
    - extract,w,,1,,,,,,,8192
    - consume,w,,1,,,,,,,8192
    + extract,w,,1,,,,,,,7680
    + consume,w,,1,,,,,,,7680
    `,
    [['H-28', 3, 0]],
  ],
  [
    24,
    'pages are let go after they were listed, and before the list is sent',
    `
      pin,b,,1,read,,0x10000+8192
      alloc,t,bio,1
      attach,t,,1,,,0x10000+8192
    + pin,c,,1,read,,0x10000+8192
      unpin,b,,1
      submit,t,,1,,,,,,,8192
      complete,t,,1,,,,,,,,8192
    + unpin,c,,1,,,,,,,,,dirty
      free,t,,1
    `,
    [['H-43', 5, 2]],
  ],
  [
    37,
    'a part of the residue is reverted',
    `
      init,w,,1,write,ubuf,0x10000+16384,,,,16384
      extract,w,,1,,,,,,,16384
      consume,w,,1,,,,,,,8192
    - revert,w,,1,,,,,,,4096
    + revert,w,,1,,,,,,,8192
      extract,w,,1,,,,,,,4096
    `,
    [['H-25', 5, 0]],
  ],
  [
    39,
    'all is committed, and half of it told',
    `
      extend,,,1,,,,,f,4096
      reserve,,,1,,,,,f,4096,8192
      copy_in,,,1,,,,,f,4096,8192
      extend,,,1,,,,,f,12288
    - write_end,,,1,,,,,f,4096,8192,4096
    + write_end,,,1,,,,,f,4096,8192,8192
    `,
    [['H-54', 5, 0]],
  ],
  [
    40,
    'by references, over two pages',
    `
      map,,,1,,,0x10000+8192,shmem
      load,,,1,,,0x10000+8192
      get,b,,1,read,,0x10000+8192
      store,,,1,,,0x10400+5000,,,,,,kernel
    + dirty,,,1,,,0x10000+8192
      put,b,,1
      reclaim,,,1,,,0x10000+8192
    `,
    [['H-06', 5, 2]],
  ],
  [
    45,
    'a page of a private file, which is its own since it was written to',
    `
      map,,,1,,,0x10000+4096,file,f,0,,,private
      store,,,1,,,0x10000+64
    - get,b,,1,read,,0x10000+4096
    + pin,b,,1,read,,0x10000+4096
      dma,d,,1,read,,0x10000+4096
      fork,,,1,,,,,,,,2
      store,,,1,,,0x10000+64
      dma_end,d,,1
    - put,b,,1
    + unpin,b,,1,,,,,,,,,dirty
    `,
    [['H-21', 7, 1]],
  ],
]

describe.each(PAIRS)('bug %i: %s', (_number, _name, rows, expected) => {
  const found = async (isSound: boolean) => {
    const findings = await auditText(traceOf(COLUMNS, rows, isSound), HAZARD_RULES)
    return findings.map(({ rule, row, pages }) => [rule, row, pages])
  }

  it('is found', async () => expect(await found(false)).toEqual(expected))
  it('and its sound neighbour is not', async () => expect(await found(true)).toEqual([]))
})
